"""Bars of shares abroad: dailyprice and inquire-time-itemchartprice.

An unknown symbol gets a blank head and no rows. This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from kis_sync.clock import KST, Clock
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import clock_time, day, documented
from kis_sync.sim.prices.overseas import MinuteBar, OverseasBar, OverseasMarket
from kis_sync.sim.prices.overseas_listings import Exchange, OverseasListing
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.charts import parse_day
from kis_sync.sim.routes.overseas_listing import realtime_symbol, wanted
from kis_sync.sim.routes.overseas_quotes import change_fields
from kis_sync.sim.routes.quotations import quoted

DAILY_ROWS = 100
MINUTE_ROWS = 120
_SPANS: Mapping[str, Callable[[date], object]] = {
    "0": lambda on: on,
    "1": lambda on: on.isocalendar()[:2],
    "2": lambda on: (on.year, on.month),
}
_DAYS_IN = {"0": 1, "1": 5, "2": 23}


class OverseasCharts:
    """Answers about the past of markets abroad, as known at the clock's present."""

    def __init__(self, market: OverseasMarket, clock: Clock) -> None:
        self._market = market
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "overseas_price.dailyprice": self.days,
            "overseas_price.inquire_time_itemchartprice": self.minutes,
        }

    def days(self, question: Question) -> Response:
        """dailyprice (HHDFS76240000): 100 bars of days, weeks or months, newest first."""
        name, found, now = question.endpoint.name, wanted(question), self._clock.now()
        span = question.field("GUBN")
        if span not in _SPANS or question.field("MODP") not in ("0", "1"):
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_GUBN")
        end = parse_day(question.field("BYMD"), "BYMD") if question.field("BYMD") else now.date()
        if found is None:
            return quoted({"output1": documented(name, "output1", {}), "output2": []})
        daily = self._market.daily_bars(found, end, (DAILY_ROWS + 1) * _DAYS_IN[span], now)
        bars = _joined(daily, _SPANS[span])[:DAILY_ROWS]
        head = {
            "rsym": realtime_symbol(question, found),
            "zdiv": str(found.exchange.decimals),
            "nrec": str(len(bars)),
        }
        rows = [documented(name, "output2", _bar_row(found, bar)) for bar in bars]
        return quoted({"output1": documented(name, "output1", head), "output2": rows})

    def minutes(self, question: Question) -> Response:
        """overseas inquire-time-itemchartprice (HHDFS76950200): up to 120 bars of so many minutes."""
        name, found, now = question.endpoint.name, wanted(question), self._clock.now()
        length, count = (_whole(question, field) for field in ("NMIN", "NREC"))
        if found is None:
            return quoted({"output1": documented(name, "output1", {}), "output2": []})
        exchange = found.exchange
        quote = self._market.quote(found, now)
        until = _local_time(question.field("KEYB"), exchange)
        bars = self._market.minute_bars(found, now, length, until=until, count=min(count, MINUTE_ROWS))
        if question.field("PINC") == "0":
            bars = [bar for bar in bars if bar.start.date() == quote.bar.day]
        opens, closes = exchange.sessions(quote.bar.day)[0][0], exchange.sessions(quote.bar.day)[-1][1]
        head = {
            "rsym": realtime_symbol(question, found),
            "zdiv": str(exchange.decimals),
            "stim": clock_time(opens),
            "etim": clock_time(closes),
            "sktm": clock_time(opens.astimezone(KST)),
            "ektm": clock_time(closes.astimezone(KST)),
            "next": "1" if len(bars) == MINUTE_ROWS else "0",
            "more": "0",
            "nrec": str(len(bars)),
        }
        rows = [_minute_row(found, bar) for bar in bars]
        return quoted(
            {
                "output1": documented(name, "output1", head),
                "output2": [documented(name, "output2", row) for row in rows],
            }
        )


def _whole(question: Question, name: str) -> int:
    text = question.field(name)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1000):
        raise input_refused("OPSQ2001", f"ERROR : INPUT INVALID_CHECK_{name}")
    return int(text)


def _local_time(text: str, exchange: Exchange) -> datetime | None:
    """YYYYMMDDHHMMSS of an exchange's own time, None when blank; raises OPSQ2001 otherwise."""
    if not text:
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_KEYB") from None
    return moment.replace(tzinfo=exchange.zone(moment.date()))


def _joined(daily: list[OverseasBar], span: Callable[[date], object]) -> list[OverseasBar]:
    """Daily bars, newest first, as longer ones; the oldest may lack its beginning."""
    joined: list[OverseasBar] = []
    for bar in daily:
        if joined and span(joined[-1].day) == span(bar.day):
            later = joined[-1]
            joined[-1] = later._replace(
                open=bar.open,
                high=max(later.high, bar.high),
                low=min(later.low, bar.low),
                volume=later.volume + bar.volume,
                value=later.value + bar.value,
                base=bar.base,
            )
        else:
            joined.append(bar)
    return joined


def _bar_row(found: OverseasListing, bar: OverseasBar) -> dict[str, str]:
    tick = found.exchange.tick
    return {
        "xymd": day(bar.day),
        "clos": found.written(bar.close),
        **change_fields(found, bar),
        "open": found.written(bar.open),
        "high": found.written(bar.high),
        "low": found.written(bar.low),
        "tvol": str(bar.volume),
        "tamt": str(bar.value),
        "pbid": found.written(bar.close - tick if bar.close > tick else bar.close),
        "vbid": "100",
        "pask": found.written(bar.close + tick),
        "vask": "100",
    }


def _minute_row(found: OverseasListing, bar: MinuteBar) -> dict[str, str]:
    return {
        "tymd": day(bar.start),
        "xymd": day(bar.start),
        "xhms": clock_time(bar.start),
        "kymd": day(bar.start.astimezone(KST)),
        "khms": clock_time(bar.start.astimezone(KST)),
        "open": found.written(bar.open),
        "high": found.written(bar.high),
        "low": found.written(bar.low),
        "last": found.written(bar.close),
        "evol": str(bar.volume),
        "eamt": str(bar.value),
    }
