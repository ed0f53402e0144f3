"""When reserved orders are taken and sent, by day.

This room changes when KIS changes those hours.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from kis_sync.market.hours import is_trading_day, regular_session
from kis_sync.sim.trading.ledger import next_trading_day

_UNTIL = timedelta(minutes=90)  # before the open
_FROM = timedelta(minutes=10)  # after the close
_SENT = timedelta(minutes=40)  # before the open; a real one was sent at 08:21
_INITIALISING = (time(23, 40), time(0, 10))
_LONGEST = timedelta(days=29)  # after the first day: thirty days with it


class Hours(NamedTuple):
    """Between which times of day reserved orders are taken."""

    begin: time
    end: time


def hours_of(day: date) -> Hours:
    """From which time of ``day`` reserved orders are taken, and until which time of a trading day."""
    session = regular_session(day)
    return Hours((session.close + _FROM).time(), (session.open - _UNTIL).time())


def is_initialising(now: datetime) -> bool:
    """Whether the server prepares itself for the next day and takes nothing."""
    return now.time() >= _INITIALISING[0] or now.time() < _INITIALISING[1]


def takes_reservations(now: datetime) -> bool:
    """Whether a reserved order can be given: from after the close until before the next opening."""
    if is_initialising(now):
        return False
    hours = hours_of(now.date())
    return not is_trading_day(now.date()) or now.time() < hours.end or now.time() >= hours.begin


def first_day(received_at: datetime) -> date:
    """Before which day's opening a reserved order is sent first."""
    day = received_at.date()
    if is_trading_day(day) and received_at.time() < hours_of(day).end:
        return day
    return next_trading_day(day)


def sending_time(day: date) -> datetime:
    """When the reserved orders for a day are sent."""
    return regular_session(day).open - _SENT


def is_possible_end(end: date, now: datetime) -> bool:
    """Whether a period order given now can last until ``end``: up to the thirtieth day."""
    first = first_day(now)
    return first <= end <= first + _LONGEST
