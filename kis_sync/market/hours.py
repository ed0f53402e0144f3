"""When the Korea Exchange trades: holidays and the regular session by date, all in KST.

The closures of a year are known only when KRX announces them; a year that is not in the table
counts weekends only. This room changes when KRX announces a calendar.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from kis_sync.clock import KST


class Session(NamedTuple):
    """A trading session: its first moment and its close, aware datetimes in KST."""

    open: datetime
    close: datetime

    @property
    def seconds(self) -> float:
        """How long the session lasts, in seconds."""
        return (self.close - self.open).total_seconds()


_CLOSURES = {
    2026: (
        "01-01 02-16 02-17 02-18 03-02 05-01 05-05 05-25 06-03 "
        "07-17 08-17 09-24 09-25 10-05 10-09 12-25 12-31"
    ),
}
_CLOSED_DATES = frozenset(
    date.fromisoformat(f"{year}-{day}") for year, days in _CLOSURES.items() for day in days.split()
)
_FIRST_TRADING_DAYS = frozenset({date(2026, 1, 2)})  # the year's first session opens an hour late
_EXAM_DAYS = frozenset({date(2026, 11, 19)})  # university entrance exam: the whole day an hour later


def is_trading_day(day: date) -> bool:
    """Whether KRX trades on ``day``: a weekday that is not a known closure."""
    return day.weekday() < 5 and day not in _CLOSED_DATES


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
    opens, closes = time(9, 0), time(15, 30)
    if day in _EXAM_DAYS:
        opens, closes = time(10, 0), time(16, 30)
    elif day in _FIRST_TRADING_DAYS:
        opens = time(10, 0)
    return Session(datetime.combine(day, opens, KST), datetime.combine(day, closes, KST))


def nxt_close(day: date) -> datetime:
    """When the after market of NXT ends on ``day``."""
    return datetime.combine(day, time(20, 0), KST)
