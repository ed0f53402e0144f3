"""A market in memory that answers the scanner's calls with KIS's raw answers, read by the real models.

This room changes when the scanner asks for something else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from email.utils import format_datetime

from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
from kis_sync.api.domestic_stock.minute_chart import MinuteChart, get_minute_chart
from kis_sync.catalog import Call, Mode, endpoint
from kis_sync.clock import KST
from kis_sync.envelope import Envelope
from kis_sync.errors import RequestRefusedError
from kis_sync.market.hours import previous_trading_day
from kis_sync.settings import Account

DAY = date(2026, 11, 24)  # a Tuesday with the usual hours


def at(text: str, day: date = DAY) -> datetime:
    """The moment of a day written HH:MM or HH:MM:SS."""
    return datetime.combine(day, time.fromisoformat(text), KST)


@dataclass(frozen=True)
class Minute:
    """A row of the minute chart; without ``open`` it opened where it closed."""

    label: str
    close: int
    open: int | None = None
    volume: int = 10
    day: date = DAY


@dataclass(frozen=True)
class Day:
    """A row of the daily chart."""

    high: int
    low: int
    close: int
    volume: int
    day: date | None = None  # filled in by `dated`


def dated(days: Sequence[Day], before: date = DAY) -> list[Day]:
    """The days on the trading days before a date, the last on the nearest."""
    found = []
    for each in reversed(days):
        before = previous_trading_day(before)
        found.append(replace(each, day=before))
    return found[::-1]


@dataclass(frozen=True)
class Stock:
    """What the market knows of one stock."""

    price: int
    volume: int | str
    minutes: Sequence[Minute] = ()
    days: Sequence[Day] = ()
    halted: bool = False
    name: str = ""
    refuse: frozenset[str] = frozenset()  # "minute", "daily", "status"


@dataclass(frozen=True)
class Status:
    """The part of a quote that the scanner looks at."""

    halted: bool


@dataclass
class StubMarket:
    """A broker over stocks in memory, at one instant, which notes every call.

    ``fills`` adds KIS's rows for an hour to come; ``dummies`` a row for each minute without trades since the
    open; ``sends_date`` the Date header. ``cuts_hour`` keeps the real call's own idea of the latest hour,
    ``minds_hour`` leaves out rows after the hour. ``before`` runs before each answer and may block or raise.
    """

    stocks: dict[str, Stock]
    server_time: datetime
    local_time: datetime | None = None
    sends_date: bool = True
    fills: bool = False
    dummies: bool = False
    cuts_hour: bool = True
    minds_hour: bool = True
    before: Callable[[str, str], None] | None = None
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    divisions: set[str] = field(default_factory=set)
    mode: Mode = Mode.LIVE
    _lock: threading.Lock = field(default_factory=threading.Lock)

    get_daily_chart = get_daily_chart

    def get_minute_chart(
        self, code: str, until: time | datetime | None = None, *, market: str = "J"
    ) -> MinuteChart:
        if self.cuts_hour:
            return get_minute_chart(self, code, until, market=market)
        assert until is not None
        params = {
            "FID_COND_MRKT_DIV_CODE": market,
            "FID_INPUT_ISCD": code,
            "FID_INPUT_HOUR_1": until.strftime("%H%M%S"),
            "FID_PW_DATA_INCU_YN": "N",
        }
        call = Call(endpoint("domestic_stock.inquire_time_itemchartprice"), params)
        return MinuteChart.read(code, self.ask(call))

    @property
    def account(self) -> Account:
        raise AssertionError("a scan needs no account")

    def check_orders_allowed(self) -> None:
        """Nobody orders here."""

    def now(self) -> datetime:
        return self.local_time or self.server_time

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        raise AssertionError("a scan reads no pages")

    def get_price(self, code: str) -> Status:
        stock = self._asked("status", code, "")
        return Status(stock.halted)

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        asked = {name: str(value) for name, value in call.params.items()}
        code = asked["FID_INPUT_ISCD"]
        self.divisions.add(asked["FID_COND_MRKT_DIV_CODE"])
        if call.endpoint.name.endswith("inquire_time_itemchartprice"):
            hour = asked["FID_INPUT_HOUR_1"]
            assert asked["FID_PW_DATA_INCU_YN"] == "N"
            return self._envelope(call, self._minute_body(self._asked("minute", code, hour), hour))
        start, end = asked["FID_INPUT_DATE_1"], asked["FID_INPUT_DATE_2"]
        assert asked["FID_ORG_ADJ_PRC"] == "0"
        assert asked["FID_PERIOD_DIV_CODE"] == "D"
        return self._envelope(call, _daily_body(self._asked("daily", code, f"{start}-{end}"), start, end))

    def count(self, kind: str) -> int:
        return sum(each[0] == kind for each in self.calls)

    def _asked(self, kind: str, code: str, detail: str) -> Stock:
        with self._lock:
            self.calls.append((kind, code, detail))
        if self.before is not None:
            self.before(kind, code)
        stock = self.stocks[code]
        if kind in stock.refuse:
            raise RequestRefusedError(f"no {kind} for {code}", code="OPSQ2002")
        return stock

    def _envelope(self, call: Call, body: dict[str, object]) -> Envelope:
        header = (
            format_datetime(self.server_time.astimezone(timezone.utc), usegmt=True)
            if self.sends_date
            else None
        )
        return Envelope(call.endpoint.name, body, date=header)

    def _minute_body(self, stock: Stock, hour: str) -> dict[str, object]:
        minutes = list(stock.minutes)
        if self.dummies:
            minutes = _with_dummies(minutes, self.server_time, stock.price)
        if self.fills:
            minutes += _filled(self.server_time, hour, stock.price)
        rows = [_minute_row(each) for each in minutes]
        seen = [row for row in rows if row["stck_cntg_hour"] <= hour or not self.minds_hour]
        return {"rt_cd": "0", "output1": _quote(stock), "output2": seen[-30:][::-1]}


def _quote(stock: Stock) -> dict[str, str]:
    return {"stck_prpr": str(stock.price), "acml_vol": str(stock.volume), "hts_kor_isnm": stock.name}


def _minute_row(minute: Minute) -> dict[str, str]:
    opened = minute.close if minute.open is None else minute.open
    return {
        "stck_bsop_date": f"{minute.day:%Y%m%d}",
        "stck_cntg_hour": minute.label.replace(":", "") + "00",
        "stck_oprc": str(opened),
        "stck_hgpr": str(max(opened, minute.close)),
        "stck_lwpr": str(min(opened, minute.close)),
        "stck_prpr": str(minute.close),
        "cntg_vol": str(minute.volume),
    }


def _with_dummies(minutes: Iterable[Minute], now: datetime, price: int) -> list[Minute]:
    """A row for every minute since the open; before the first trade it shows some other price."""
    traded = {each.label: each for each in minutes}
    rows, shown = [], price
    minute = at("09:00")
    while minute <= now:
        label = f"{minute:%H:%M}"
        shown = traded[label].close if label in traded else shown
        rows.append(traded.get(label, Minute(label, shown, volume=0)))
        minute += timedelta(minutes=1)
    return rows


def _filled(now: datetime, hour: str, price: int) -> list[Minute]:
    last = datetime.combine(now.date(), time(int(hour[:2]), int(hour[2:4])), KST)
    ahead = int((last - now.replace(second=0)).total_seconds()) // 60
    return [Minute(f"{now + timedelta(minutes=step):%H:%M}", price, volume=0) for step in range(1, ahead + 1)]


def _daily_body(stock: Stock, start: str, end: str) -> dict[str, object]:
    rows = [
        {
            "stck_bsop_date": f"{each.day:%Y%m%d}",
            "stck_oprc": str(each.close),
            "stck_hgpr": str(each.high),
            "stck_lwpr": str(each.low),
            "stck_clpr": str(each.close),
            "acml_vol": str(each.volume),
        }
        for each in (stock.days if all(day.day for day in stock.days) else dated(stock.days))
    ]
    seen = [row for row in rows if start <= row["stck_bsop_date"] <= end]
    return {"rt_cd": "0", "output1": _quote(stock), "output2": seen[::-1]}
