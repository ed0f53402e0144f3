"""When Korean stocks trade: holidays and the sessions of KRX and NXT by date, all in KST.

Of 2026 every closure that KRX announced is known. Assumed of every other year, earlier ones too: closed on
New Year's day, 1 March, 1 and 5 May, 6 June, 15 August, 3 and 9 October, Christmas and the last weekday of
December, and open on every other weekday, so that the holidays by the moon (new year, harvest, Buddha's
birthday), substitute holidays, elections and whatever a year has besides are missing there. Assumed of every
year: its first trading day opens at 10:00. The days of the university entrance exam are known from 2024 to
2026. This room changes when an exchange announces a calendar or other hours.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange


class Session(NamedTuple):
    """A trading session: its first moment and its close, aware datetimes in KST."""

    open: datetime
    close: datetime

    @property
    def seconds(self) -> float:
        """How long the session lasts, in seconds."""
        return (self.close - self.open).total_seconds()


class SessionName(str, enum.Enum):
    """What is traded how in a part of the day; two may run at once."""

    BEFORE_OPEN = "before open"  # at the previous close
    OPENING_AUCTION = "opening auction"
    REGULAR = "regular"
    CLOSING_AUCTION = "closing auction"
    AFTER_CLOSE = "after close"  # at the day's close
    SINGLE_PRICE = "single price"  # an auction every ten minutes
    AFTER_MARKET = "after market"
    NXT_PRE = "NXT pre-market"
    NXT_MAIN = "NXT main"
    NXT_AFTER = "NXT after market"


class TradingSession(NamedTuple):
    """A session of a day: its first moment and the first one after it, aware datetimes in KST."""

    name: SessionName
    open: datetime
    close: datetime


_ANNOUNCED = {
    2026: (
        "01-01 02-16 02-17 02-18 03-02 05-01 05-05 05-25 06-03 "
        "07-17 08-17 09-24 09-25 10-05 10-09 12-25 12-31"
    ),
}
_EVERY_YEAR = "01-01 03-01 05-01 05-05 06-06 08-15 10-03 10-09 12-25"
_EXAM_DAYS = frozenset({date(2024, 11, 14), date(2025, 11, 13), date(2026, 11, 19)})
"""University entrance exam: the whole day an hour later."""

_NXT_SINCE = date(2025, 3, 4)
_AFTER_MARKET_SINCE = date(2026, 9, 14)  # of KRX, in place of the evening's single prices
_NOON, _EVENING, _LATE = time(12, 0), time(18, 0), timedelta(hours=1)
_USUAL = {
    SessionName.BEFORE_OPEN: (time(8, 30), time(8, 40)),
    SessionName.OPENING_AUCTION: (time(8, 30), time(9, 0)),
    SessionName.REGULAR: (time(9, 0), time(15, 20)),
    SessionName.CLOSING_AUCTION: (time(15, 20), time(15, 30)),
    SessionName.AFTER_CLOSE: (time(15, 40), time(16, 0)),
    SessionName.SINGLE_PRICE: (time(16, 0), time(18, 0)),
    SessionName.AFTER_MARKET: (time(16, 0), time(20, 0)),
    SessionName.NXT_PRE: (time(8, 0), time(8, 50)),
    SessionName.NXT_MAIN: (time(9, 0), time(15, 20)),
    SessionName.NXT_AFTER: (time(15, 30), time(20, 0)),
}
_OF_NXT = frozenset({SessionName.NXT_PRE, SessionName.NXT_MAIN, SessionName.NXT_AFTER})


def is_trading_day(day: date) -> bool:
    """Whether KRX trades on ``day``: a weekday that is no closure, as far as those are known. NXT follows it.

    >>> [is_trading_day(date(2027, 12, day)) for day in (29, 30, 31)]
    [True, True, False]
    """
    return day.weekday() < 5 and day not in _closures(day.year)


def last_weekday(year: int) -> date:
    """The last weekday of a year, on which the exchanges are closed and the banks are not."""
    day = date(year, 12, 31)
    return day - timedelta(days=max(0, day.weekday() - 4))


def previous_trading_day(day: date) -> date:
    """The last trading day before ``day``."""
    day -= timedelta(days=1)
    while not is_trading_day(day):
        day -= timedelta(days=1)
    return day


def regular_session(day: date) -> Session:
    """The regular session of KRX on ``day``, by its clock times (whether or not KRX trades that day).

    >>> regular_session(date(2026, 11, 24)).close.isoformat()
    '2026-11-24T15:30:00+09:00'
    """
    opens, closes = _USUAL[SessionName.REGULAR][0], _USUAL[SessionName.CLOSING_AUCTION][1]
    return Session(_moved(opens, day), _moved(closes, day))


def nxt_close(day: date) -> datetime:
    """When the after market of NXT ends on ``day``."""
    return datetime.combine(day, _USUAL[SessionName.NXT_AFTER][1], KST)


def sessions(exchange: Exchange, day: date) -> tuple[TradingSession, ...]:
    """The sessions of ``day`` by their opening, none on a day without trading; SOR has those of both.

    On the day of the university entrance exam everything opens an hour later, there is no NXT pre-market,
    and the evening ends at the usual time; on the year's first trading day what comes before the open and
    the open itself are an hour later, again without NXT pre-market, and the rest is as usual (by the news
    of 2025-11-13 and 2025-12-31). Assumed: KRX's after market ends at 20:00 on an exam day too.

    >>> [each.name.value for each in sessions(Exchange.NXT, date(2026, 11, 24))]
    ['NXT pre-market', 'NXT main', 'NXT after market']
    """
    if not is_trading_day(day):
        return ()
    found = [
        TradingSession(name, _moved(opens, day), _moved(closes, day))
        for name, (opens, closes) in _USUAL.items()
        if _is_held(name, day) and _is_on(name, exchange)
    ]
    return tuple(sorted(found, key=lambda each: each.open))


def sessions_at(exchange: Exchange, at: datetime) -> tuple[TradingSession, ...]:
    """The sessions that run at a moment (an aware datetime): open <= at < close."""
    return tuple(
        each for each in sessions(exchange, at.astimezone(KST).date()) if each.open <= at < each.close
    )


def sessions_after(exchange: Exchange, at: datetime, days: int) -> Iterator[TradingSession]:
    """The sessions that open after a moment, by their opening, until ``days`` days later."""
    first = at.astimezone(KST).date()
    for later in range(days + 1):
        for each in sessions(exchange, first + timedelta(days=later)):
            if each.open > at:
                yield each


@functools.cache
def _closures(year: int) -> frozenset[date]:
    found = {date.fromisoformat(f"{year:04}-{day}") for day in _ANNOUNCED.get(year, _EVERY_YEAR).split()}
    return frozenset(found if year in _ANNOUNCED else {*found, last_weekday(year)})


@functools.cache
def _first_trading_day(year: int) -> date:
    """The year's first session, which opens an hour late."""
    day = date(year, 1, 1)
    while not is_trading_day(day):
        day += timedelta(days=1)
    return day


def _is_on(name: SessionName, exchange: Exchange) -> bool:
    return exchange is Exchange.SOR or (name in _OF_NXT) is (exchange is Exchange.NXT)


def _is_held(name: SessionName, day: date) -> bool:
    if name in _OF_NXT and day < _NXT_SINCE:
        return False
    if name is SessionName.NXT_PRE:
        return day not in _EXAM_DAYS and day != _first_trading_day(day.year)
    if name in (SessionName.SINGLE_PRICE, SessionName.AFTER_MARKET):
        return (name is SessionName.AFTER_MARKET) is (day >= _AFTER_MARKET_SINCE)
    return True


def _moved(clock: time, day: date) -> datetime:
    """A session's opening or close as a moment of ``day``: an hour late where the day demands it."""
    usual = datetime.combine(day, clock, KST)
    until = _EVENING if day in _EXAM_DAYS else _NOON
    is_late = clock < until and (day in _EXAM_DAYS or day == _first_trading_day(day.year))
    return usual + _LATE if is_late else usual
