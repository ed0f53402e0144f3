"""The sessions of the exchanges by date."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import (
    SessionName,
    is_trading_day,
    nxt_close,
    regular_session,
    sessions,
    sessions_after,
    sessions_at,
)

USUAL, EXAM, FIRST = date(2026, 11, 24), date(2026, 11, 19), date(2026, 1, 2)
exchanges = st.sampled_from(list(Exchange))
days = st.dates(date(2024, 12, 1), date(2027, 12, 31))


def table(exchange: Exchange, day: date) -> str:
    return " ".join(
        f"{each.name.name} {each.open:%H:%M}-{each.close:%H:%M}" for each in sessions(exchange, day)
    )


@pytest.mark.parametrize(
    ("exchange", "day", "expected"),
    [
        (
            Exchange.KRX,
            USUAL,
            "BEFORE_OPEN 08:30-08:40 OPENING_AUCTION 08:30-09:00 REGULAR 09:00-15:20 "
            "CLOSING_AUCTION 15:20-15:30 AFTER_CLOSE 15:40-16:00 AFTER_MARKET 16:00-20:00",
        ),
        (Exchange.NXT, USUAL, "NXT_PRE 08:00-08:50 NXT_MAIN 09:00-15:20 NXT_AFTER 15:30-20:00"),
        (
            Exchange.KRX,
            EXAM,
            "BEFORE_OPEN 09:30-09:40 OPENING_AUCTION 09:30-10:00 REGULAR 10:00-16:20 "
            "CLOSING_AUCTION 16:20-16:30 AFTER_CLOSE 16:40-17:00 AFTER_MARKET 17:00-20:00",
        ),
        (Exchange.NXT, EXAM, "NXT_MAIN 10:00-16:20 NXT_AFTER 16:30-20:00"),
        (
            Exchange.KRX,
            FIRST,
            "BEFORE_OPEN 09:30-09:40 OPENING_AUCTION 09:30-10:00 REGULAR 10:00-15:20 "
            "CLOSING_AUCTION 15:20-15:30 AFTER_CLOSE 15:40-16:00 SINGLE_PRICE 16:00-18:00",
        ),
        (Exchange.NXT, FIRST, "NXT_MAIN 10:00-15:20 NXT_AFTER 15:30-20:00"),
        (Exchange.NXT, date(2025, 3, 3), ""),  # before NXT opened
        (Exchange.KRX, date(2026, 11, 22), ""),
        (Exchange.NXT, date(2026, 9, 24), ""),
        (Exchange.SOR, date(2026, 12, 25), ""),
    ],
)
def test_the_table(exchange: Exchange, day: date, expected: str) -> None:
    assert table(exchange, day) == expected


def test_the_evening_of_krx_changed_in_september() -> None:
    assert table(Exchange.KRX, date(2026, 9, 11)).endswith("SINGLE_PRICE 16:00-18:00")
    assert table(Exchange.KRX, date(2026, 9, 14)).endswith("AFTER_MARKET 16:00-20:00")


@given(exchanges, days)
def test_they_are_in_order_and_of_their_day(exchange: Exchange, day: date) -> None:
    found = sessions(exchange, day)
    assert [each.open for each in found] == sorted(each.open for each in found)
    assert all(each.open < each.close for each in found)
    assert {each.open.date() for each in found} | {each.close.date() for each in found} <= {day}
    assert {each.open.utcoffset() for each in found} <= {timedelta(hours=9)}
    if not is_trading_day(day):
        assert found == ()


@given(days)
def test_sor_has_those_of_both(day: date) -> None:
    both = [*sessions(Exchange.KRX, day), *sessions(Exchange.NXT, day)]
    assert sorted(sessions(Exchange.SOR, day)) == sorted(both)


@given(days.filter(is_trading_day))
def test_they_agree_with_the_regular_session_and_the_close_of_nxt(day: date) -> None:
    krx = {each.name: each for each in sessions(Exchange.KRX, day)}
    regular = regular_session(day)
    assert krx[SessionName.OPENING_AUCTION].close == krx[SessionName.REGULAR].open == regular.open
    assert krx[SessionName.REGULAR].close == krx[SessionName.CLOSING_AUCTION].open
    assert krx[SessionName.CLOSING_AUCTION].close == regular.close
    for each in sessions(Exchange.NXT, day)[-1:]:
        assert (each.name, each.close) == (SessionName.NXT_AFTER, nxt_close(day))


@pytest.mark.parametrize(
    ("exchange", "clock", "names"),
    [
        (Exchange.KRX, "08:29:59", []),
        (Exchange.KRX, "08:30:00", ["BEFORE_OPEN", "OPENING_AUCTION"]),
        (Exchange.KRX, "08:40:00", ["OPENING_AUCTION"]),
        (Exchange.KRX, "09:00:00", ["REGULAR"]),
        (Exchange.KRX, "15:19:59", ["REGULAR"]),
        (Exchange.KRX, "15:20:00", ["CLOSING_AUCTION"]),
        (Exchange.KRX, "15:30:00", []),
        (Exchange.KRX, "20:00:00", []),
        (Exchange.NXT, "08:55:00", []),
        (Exchange.NXT, "15:25:00", []),
        (Exchange.NXT, "19:59:59", ["NXT_AFTER"]),
        (Exchange.SOR, "15:25:00", ["CLOSING_AUCTION"]),
        (Exchange.SOR, "12:00:00", ["REGULAR", "NXT_MAIN"]),
    ],
)
def test_at_a_moment(exchange: Exchange, clock: str, names: list[str]) -> None:
    at = datetime.combine(USUAL, time.fromisoformat(clock), KST)
    assert [each.name.name for each in sessions_at(exchange, at)] == names
    assert sessions_at(exchange, at.astimezone(timezone.utc)) == sessions_at(exchange, at)


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(TypeError):
        sessions_at(Exchange.KRX, datetime(2026, 11, 24, 10))


@given(exchanges, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20)), st.integers(0, 9))
def test_what_opens_after_a_moment(exchange: Exchange, clock: datetime, later: int) -> None:
    at = clock.replace(tzinfo=KST)
    found = list(sessions_after(exchange, at, later))
    assert all(each.open > at for each in found)
    assert [each.open for each in found] == sorted(each.open for each in found)
    last = at.date() + timedelta(days=later)
    expected = {
        each
        for days_later in range(later + 1)
        for each in sessions(exchange, at.date() + timedelta(days=days_later))
        if each.open > at
    }
    assert set(found) == expected
    assert all(each.open.date() <= last for each in found)


def test_what_opens_at_the_moment_itself_does_not_open_after_it() -> None:
    opened = regular_session(USUAL).open
    assert next(sessions_after(Exchange.KRX, opened, 0)).name is SessionName.CLOSING_AUCTION
    before = opened - timedelta(microseconds=1)
    assert next(sessions_after(Exchange.KRX, before, 0)).name is SessionName.REGULAR
