from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.market.hours import is_trading_day, previous_trading_day, regular_session
from kis_sync.market.rates import CallLimits, call_limits


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 9, 24), date(2026, 12, 31), date(2026, 11, 21)])
def test_closed(day: date) -> None:
    assert not is_trading_day(day)


@pytest.mark.parametrize("day", [date(2026, 1, 2), date(2026, 11, 24), date(2026, 12, 30)])
def test_open(day: date) -> None:
    assert is_trading_day(day)


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_the_previous_trading_day_is_the_nearest(day: date) -> None:
    before = previous_trading_day(day)
    assert before < day
    assert is_trading_day(before)
    assert (day - before).days <= 12


def test_the_regular_session() -> None:
    session = regular_session(date(2026, 11, 24))
    assert (session.open.time(), session.close.time()) == (time(9), time(15, 30))
    assert session.seconds == 6.5 * 3600


def test_late_days() -> None:
    assert regular_session(date(2026, 11, 19)).open.time() == time(10)
    assert regular_session(date(2026, 11, 19)).close.time() == time(16, 30)
    assert regular_session(date(2026, 1, 2)).open.time() == time(10)


def test_limits_by_date() -> None:
    assert call_limits() == CallLimits(18, 1)
    assert call_limits(date(2026, 4, 19)) == CallLimits(20, 2)
    assert call_limits(date(2026, 4, 20)) == CallLimits(18, 1)
