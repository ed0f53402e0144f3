"""The data seam of the scanner: what a stock's numbers are made from, fetched and aligned in time.

Two calls a stock on the day's first scan (minutes, days), then one. This room changes when the scanner
takes its data from other calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import Any, Protocol

from kis_sync.api.domestic_stock.bar import Bar
from kis_sync.api.domestic_stock.daily_chart import DailyChart
from kis_sync.api.domestic_stock.minute_chart import MinuteChart
from kis_sync.clock import KST, Clock
from kis_sync.market.hours import is_trading_day, regular_session
from kis_sync.scanner import alignment
from kis_sync.scanner.alignment import Moment, Phase, SessionOf, VolumeAdjust
from kis_sync.scanner.volatility import ATR_PERIOD, LEAST_DAYS_OF_VOLUME, quote_payload
from kis_sync.scanner.workers import check_not_stopped

_DAYS_ASKED = timedelta(days=60)
_DAYS_OF_VOLUME = 20
_TOO_FAR = timedelta(minutes=1)  # to this distance every bar that counts is among the rows


class Tradable(Protocol):
    """Whether a stock may be traded at all."""

    @property
    def halted(self) -> bool:
        """Whether trading is halted."""
        ...


class ChartSource(Protocol):
    """What the scanner asks of the broker: charts, a status, and the time at the server."""

    def now(self) -> datetime:
        """The present at the server, aware, in KST."""
        ...

    def get_minute_chart(
        self, code: str, until: time | datetime | None = None, *, market: str = "J"
    ) -> MinuteChart:
        """Today's last minutes at and before ``until``."""
        ...

    def get_daily_chart(
        self, code: str, start: date | None = None, end: date | None = None, *, market: str = "J"
    ) -> DailyChart:
        """The days from ``start`` to ``end``, adjusted to splits."""
        ...

    def get_price(self, code: str) -> Tradable:
        """The quote with the stock's status."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """One stock at one instant, in the form that ``VolatilityAnalyzer.analyze`` takes.

    ``quote`` holds price and day volume, ``price_history`` the lists, ``as_of`` the instant (KST), ``flags``
    what is special about the data.
    """

    quote: Mapping[str, Any]
    price_history: Mapping[str, Any]
    as_of: datetime | None = None
    flags: tuple[str, ...] = ()
    name: str | None = None


class SnapshotSource(Protocol):
    """Where the scanner gets a stock's data: ``History``, or a stand-in in a test."""

    def snapshot(self, stock_code: str) -> Snapshot:
        """The stock at this instant, or an exception."""
        ...


class History:
    """Snapshots from a broker's charts; the days before today are fetched once a stock and session.

    ``division`` is the market division that is asked (J: KRX; NX and UN need ``session``, since their hours
    are not KRX's). ``session`` gives the session of a date, ``volume_adjust`` the exponent of the elapsed
    share of the session (1.0: linear; about 0.7 allows for a busy first hour; ``None``: compare with whole
    days; or a callable that gives the usual share by an instant). ``check_status`` spends one more call a
    stock to see whether it is halted. ``clock`` replaces the broker's time where the server sends none.

    May be shared between threads and scanners. ``ValueError`` for settings that cannot work.
    """

    def __init__(
        self,
        broker: ChartSource,
        *,
        volume_adjust: VolumeAdjust = 1.0,
        check_status: bool = False,
        clock: Clock | None = None,
        session: SessionOf | None = None,
        division: str = "J",
    ) -> None:
        if isinstance(volume_adjust, (int, float)) and not (isfinite(volume_adjust) and volume_adjust >= 0):
            raise ValueError(f"volume_adjust must be at least 0, not {volume_adjust}")
        if division != "J" and session is None:
            raise ValueError(f"division {division!r} needs session=: its hours are not those of KRX")
        self._broker = broker
        self._volume_adjust = volume_adjust
        self._check_status = check_status
        self._now: Callable[[], datetime] = broker.now if clock is None else clock.now
        self._session_of = session or regular_session
        self._division = division
        self._lock = threading.Lock()
        self._days: dict[str, dict[date, tuple[Bar, ...]]] = {}
        self._fetching: dict[str, threading.Lock] = {}

    def snapshot(self, stock_code: str) -> Snapshot:
        """The stock now; whatever call fails, its error is raised.

        A missing number is ``None`` in ``price_history`` (or its list is short), never 0.

        Source: FHKST03010200 (minutes), FHKST03010100 (days), FHKST01010100 (status, if asked for).
        """
        chart, at = self._minutes(stock_code)
        days = self._clean_days(stock_code, at.day)
        halted = self._check_status and self._is_halted(stock_code)
        return aligned(chart, at, days, halted=halted, volume_adjust=self._volume_adjust)

    def _minutes(self, code: str) -> tuple[MinuteChart, Moment]:
        """The minute chart and its moment; asked once more if the answer shows that the hour was wrong."""
        asked = self._hour(self._local())
        chart, at = self._ask_minutes(code, asked)
        better = self._better_hour(asked, chart, at)
        if better is not None:
            chart, at = self._ask_minutes(code, better)
        return chart, alignment.moment(chart.bars, at, self._session_of)

    def _ask_minutes(self, code: str, until: datetime) -> tuple[MinuteChart, datetime]:
        check_not_stopped()
        chart = self._broker.get_minute_chart(code, until, market=self._division)
        return chart, alignment.instant(chart.bars, chart.answered_at, self._local())

    def _hour(self, now: datetime) -> datetime:
        """The hour to ask for: the earlier of now and the close, the close on a day without trading.

        A later one than now would make KIS fill the minutes to come with the present price.
        """
        close = self._session_of(now.date()).close
        return min(now, close) if is_trading_day(now.date()) else close

    def _better_hour(self, asked: datetime, chart: MinuteChart, at: datetime) -> datetime | None:
        """The hour that should have been asked for, if the answer shows another; else ``None``.

        A clock ahead of the server's has the minutes to come filled in; one behind it, or a long wait
        between question and answer, leaves the newest minutes out; and on a holiday that we did not know
        the rows of the last session end at the asked hour instead of its close.
        """
        moment = alignment.moment(chart.bars, at, self._session_of)
        if moment.phase is Phase.CLOSED:
            close = datetime.combine(asked.date(), moment.session.close.time(), KST)
            return close if asked < close else None
        if moment.phase is Phase.OPEN and chart.bars and abs(asked - at) > _TOO_FAR:
            return at
        return None

    def _clean_days(self, code: str, day: date) -> tuple[Bar, ...]:
        """The completed days before ``day``: one fetch for all threads; a failed one is not kept."""
        with self._lock:
            fetching = self._fetching.setdefault(code, threading.Lock())
        with fetching:
            known = self._days.setdefault(code, {})
            if day not in known:
                fetched = self._fetch_days(code, day)
                self._days[code] = {each: bars for each, bars in known.items() if each > day} | {day: fetched}
            return self._days[code][day]

    def _fetch_days(self, code: str, day: date) -> tuple[Bar, ...]:
        check_not_stopped()
        chart = self._broker.get_daily_chart(code, day - _DAYS_ASKED, day, market=self._division)
        return alignment.clean_days(chart.bars, day)

    def _is_halted(self, code: str) -> bool:
        check_not_stopped()
        return self._broker.get_price(code).halted

    def _local(self) -> datetime:
        return self._now().astimezone(KST)


def aligned(
    chart: MinuteChart, at: Moment, days: Sequence[Bar], *, halted: bool, volume_adjust: VolumeAdjust
) -> Snapshot:
    """A snapshot from a minute chart, its moment and the completed days before: no call, no clock."""
    rows = alignment.session_rows(chart.bars, at)
    bars = [] if halted else alignment.minute_bars(rows, at, chart.volume)
    past = alignment.past_closes(bars, at.at)
    comparable = at.phase is not Phase.PRE_OPEN and not halted and (bool(rows) or chart.volume == 0)
    volume = chart.volume if comparable else None
    volumes = [bar.volume for bar in days[-_DAYS_OF_VOLUME:] if bar.volume is not None]
    history = {
        "high": [bar.high for bar in days],
        "low": [bar.low for bar in days],
        "close": [bar.close for bar in days],
        "volume": volumes,
        "minute_close": past,
        "volume_fraction": None if volume is None else _fraction(at, volume_adjust),
    }
    told = {
        "halted": halted,
        "since_open": past[0] is not None and alignment.reaches_open(bars, at.at),
        "no_atr": len(days) < ATR_PERIOD + 1,
        "no_volume": len(volumes) < LEAST_DAYS_OF_VOLUME,
    }
    price = alignment.closing_price(rows, at) or chart.price
    return Snapshot(
        quote=quote_payload(price, volume),
        price_history=history,
        as_of=at.at,
        flags=tuple(flag for flag, holds in told.items() if holds),
        name=chart.name or None,
    )


def _fraction(at: Moment, volume_adjust: VolumeAdjust) -> float:
    closed = at.phase is Phase.CLOSED
    return 1.0 if closed else alignment.volume_fraction(at.at, at.session, volume_adjust)
