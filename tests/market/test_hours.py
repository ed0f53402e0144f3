from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.market.hours import is_trading_day, last_weekday, previous_trading_day, regular_session
from kis_sync.market.rates import CallLimits, call_limits


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 9, 24), date(2026, 12, 31), date(2026, 11, 21)])
def test_closed(day: date) -> None:
    assert not is_trading_day(day)


@pytest.mark.parametrize("day", [date(2026, 1, 2), date(2026, 11, 24), date(2026, 12, 30)])
def test_open(day: date) -> None:
    assert is_trading_day(day)


def closed_weekdays(year: int) -> str:
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    return " ".join(
        f"{day:%m-%d}" for day in days if day.year == year and day.weekday() < 5 and not is_trading_day(day)
    )


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2022, "03-01 05-05 06-06 08-15 10-03 12-30"),  # 12-31 was a Saturday
        (2025, "01-01 05-01 05-05 06-06 08-15 10-03 10-09 12-25 12-31"),
        (
            2026,  # as announced, and nothing else
            "01-01 02-16 02-17 02-18 03-02 05-01 05-05 05-25 06-03 "
            "07-17 08-17 09-24 09-25 10-05 10-09 12-25 12-31",
        ),
        (2027, "01-01 03-01 05-05 12-31"),
        (2028, "03-01 05-01 05-05 06-06 08-15 10-03 10-09 12-25 12-29"),
    ],
)
def test_the_closures_of_a_year(year: int, expected: str) -> None:
    assert closed_weekdays(year) == expected


@given(st.integers(1990, 2100))
def test_the_last_weekday_of_a_year_is_closed_and_the_one_before_it_is_not(year: int) -> None:
    last = last_weekday(year)
    assert (last.year, last.weekday() < 5) == (year, True)
    assert (last + timedelta(days=3 if last.weekday() == 4 else 1)).year == year + 1
    assert not is_trading_day(last)
    assert date(year, 12, 26) <= previous_trading_day(last) < last


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
    assert regular_session(date(2026, 1, 5)).open.time() == time(9)
    assert regular_session(date(2026, 1, 2)).close.time() == time(15, 30)


@pytest.mark.parametrize("day", [date(2024, 1, 2), date(2025, 1, 2), date(2027, 1, 4), date(2028, 1, 3)])
def test_every_year_begins_late(day: date) -> None:
    assert not is_trading_day(day - timedelta(days=1))
    assert regular_session(day).open.time() == time(10)
    assert regular_session(day).close.time() == time(15, 30)
    assert regular_session(day + timedelta(days=1)).open.time() == time(9)


@pytest.mark.parametrize("day", [date(2024, 11, 14), date(2025, 11, 13), date(2026, 11, 19)])
def test_days_of_the_entrance_exam(day: date) -> None:
    assert [moment.time() for moment in regular_session(day)] == [time(10), time(16, 30)]
    assert regular_session(day + timedelta(days=7)).open.time() == time(9)


def test_limits_by_date() -> None:
    assert call_limits() == CallLimits(18, 1)
    assert call_limits(date(2026, 4, 19)) == CallLimits(20, 2)
    assert call_limits(date(2026, 4, 20)) == CallLimits(18, 1)
