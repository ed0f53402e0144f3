"""Days, weeks, months and years of the simulated market, and that they fit to its minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.market.hours import is_trading_day, previous_trading_day
from kis_sync.market.price_limits import price_limits
from kis_sync.market.ticks import is_on_tick
from kis_sync.sim.prices.history import DailyBar, History, aggregate
from kis_sync.sim.prices.listings import ListingInfo, load_listings
from kis_sync.sim.prices.market import Market

from .test_market import CODES, HALTED, MARKET, TUESDAY, at, codes, days, few, instants

NEW = next(code for code in CODES if (info := MARKET.listing(code)) and info.newly_listed)
EVENING = at("20:00:00")


@few
@given(st.sampled_from(load_listings()), st.integers(1, 5), st.integers(2005, 2035), st.integers(1, 11))
def test_days_follow_each_other_within_their_limits(
    info: ListingInfo, seed: int, year: int, month: int
) -> None:
    history = History(seed)
    bars = history.month(info, year, month) + history.month(info, year, month + 1)
    for before, bar in pairwise(bars):
        assert bar.base == before.close
        assert previous_trading_day(bar.day) == before.day
    for bar in bars:
        limits = price_limits(bar.base, info.kind)
        assert limits.lower <= bar.low <= min(bar.open, bar.close)
        assert max(bar.open, bar.close) <= bar.high <= limits.upper
        assert all(is_on_tick(price, info.kind) for price in bar[1:5])
        assert bar.low * bar.volume <= bar.value <= bar.high * bar.volume
    assert bars[-1].close == history.month_end(info, year, month + 1)
    assert info.price / 8 < bars[-1].close < info.price * 8


def test_months_join_even_when_days_run_to_their_limits() -> None:
    for info in load_listings()[66:86]:
        wild, history, limit_days = replace(info, volatility=5.9), History(1), 0
        bars = [bar for month in range(48) for bar in history.month(wild, 2023 + month // 12, month % 12 + 1)]
        for before, bar in pairwise(bars):
            limits = price_limits(bar.base)
            assert bar.base == before.close
            assert limits.lower <= bar.low <= bar.high <= limits.upper
            limit_days += bar.close in limits
        assert limit_days > 5


@few
@given(codes, days)
def test_a_past_day_is_the_sum_of_its_minutes(code: str, day: date) -> None:
    when = datetime.combine(day + timedelta(days=10), EVENING.time(), EVENING.tzinfo)
    bars, minutes = MARKET.daily_bars_between(code, day, day, when), MARKET.past_minute_bars(code, day, when)
    assert len(bars) == (is_trading_day(day) and day >= MARKET.listed_on(code, when))
    assert bool(minutes) == bool(bars and bars[0].volume)
    if not minutes:
        return
    (bar,) = bars
    assert (minutes[0].open, minutes[-1].close) == (bar.open, bar.close)
    assert (max(m.high for m in minutes), min(m.low for m in minutes)) == (bar.high, bar.low)
    assert sum(m.volume for m in minutes) == bar.volume
    assert sum(m.value for m in minutes) == pytest.approx(
        bar.value, rel=(bar.high - bar.low) / bar.low + 1e-9
    )


@few
@given(codes, instants)
def test_the_running_bar_is_the_quote(code: str, when: datetime) -> None:
    quote = MARKET.quote(code, when)
    bars = MARKET.daily_bars(code, when.date(), 5, when)
    if quote.day < MARKET.listed_on(code, when):
        assert bars == []
    elif bars and bars[-1].day == quote.day:
        bar = bars[-1]
        assert (bar.close, bar.volume, bar.value, bar.base) == (
            quote.price, quote.volume, quote.value, quote.base,
        )  # fmt: skip
        assert bar[1:4] == ((quote.open, quote.high, quote.low) if quote.volume else (quote.price,) * 3)
        assert quote.previous == (bars[-2] if len(bars) > 1 else None)
    else:
        assert quote.phase == "pre-open"
        assert quote.previous == (bars[-1] if bars else None)


@few
@given(codes, days, st.integers(0, 150))
def test_the_last_bars_are_the_end_of_a_range(code: str, end: date, count: int) -> None:
    when = at("13:00:00", date(2027, 3, 3))
    bars = MARKET.daily_bars(code, end, count, when)
    ranged = MARKET.daily_bars_between(code, min(end, when.date()) - timedelta(days=300), end, when)
    assert bars == (ranged[-count:] if count else [])
    assert all(bar.day <= min(end, when.date()) for bar in bars)


def test_a_year_of_days_has_each_trading_day_once() -> None:
    bars = MARKET.daily_bars_between("005930", date(2026, 1, 1), date(2026, 10, 31), EVENING)
    days_of_year = (date(2026, 1, 1) + timedelta(days=n) for n in range(304))
    assert [bar.day for bar in bars] == [day for day in days_of_year if is_trading_day(day)]


def test_the_future_is_not_told() -> None:
    morning = at("09:30:00")
    assert MARKET.daily_bars("005930", TUESDAY + timedelta(days=30), 1, morning)[-1].day == TUESDAY
    assert MARKET.past_minute_bars("005930", TUESDAY + timedelta(days=1), morning) == []
    assert MARKET.past_minute_bars("005930", TUESDAY, morning) == MARKET.minute_bars("005930", morning)
    assert MARKET.daily_bars("005930", TUESDAY, 1, at("08:30:00"))[-1].day < TUESDAY


def test_a_day_already_told_does_not_change_but_for_turnover() -> None:
    told = MARKET.daily_bars("005930", TUESDAY, 1, EVENING)[0]
    later = MARKET.daily_bars("005930", TUESDAY, 1, EVENING + timedelta(days=5))[0]
    assert told._replace(value=0) == later._replace(value=0)
    assert told.value == pytest.approx(later.value, rel=0.05)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)))
@settings(deadline=None)
def test_a_newly_listed_one_never_has_fifteen_bars(when: datetime) -> None:
    when = when.replace(tzinfo=EVENING.tzinfo)
    bars = MARKET.daily_bars(NEW, when.date(), 100, when)
    assert len(bars) < 15
    assert all(bar.day >= MARKET.listed_on(NEW, when) for bar in bars)
    assert CODES.index(NEW) >= 100


def test_no_bars_before_the_listing() -> None:
    recent = next(code for code in CODES if not code.isdigit())
    listed = MARKET.listed_on(recent, EVENING)
    assert MARKET.daily_bars(recent, TUESDAY, 3_000, EVENING)[0].day == listed
    assert MARKET.past_minute_bars(recent, listed - timedelta(days=3), EVENING) == []


def test_a_halted_listing_has_flat_days() -> None:
    bars = MARKET.daily_bars(HALTED, TUESDAY, 20, EVENING)
    assert {bar[1:] for bar in bars} == {(*[bars[0].base] * 4, 0, 0, bars[0].base)}
    assert len(bars) == 20


def test_limits_are_reached_now_and_then_and_never_passed() -> None:
    market, reached = Market(3), {"up": 0, "down": 0}
    for code in CODES[66:100]:
        for bar in market.daily_bars(code, TUESDAY, 250, EVENING):
            limits = price_limits(bar.base)
            reached["up"] += bar.close == limits.upper
            reached["down"] += bar.close == limits.lower
    assert reached["up"] > 5
    assert reached["down"] > 0
    assert sum(reached.values()) < 34 * 250 / 50


def _bar(day: str, open_: int, high: int, low: int, close: int, volume: int) -> DailyBar:
    return DailyBar(date.fromisoformat(day), open_, high, low, close, volume, volume * close, 100)


def test_aggregate_joins_the_days_of_a_period() -> None:
    bars = [
        _bar("2026-11-26", 100, 120, 90, 110, 5),
        _bar("2026-11-27", 111, 115, 105, 106, 7),
        _bar("2026-11-30", 107, 130, 107, 125, 2),
        _bar("2026-12-01", 125, 126, 80, 81, 1),
    ]
    assert aggregate(bars, "D") == bars
    assert [(b.day.isoformat(), *b[1:6]) for b in aggregate(bars, "W")] == [
        ("2026-11-27", 100, 120, 90, 106, 12),
        ("2026-12-01", 107, 130, 80, 81, 3),
    ]
    assert [(b.day.isoformat(), *b[1:6]) for b in aggregate(bars, "M")] == [
        ("2026-11-30", 100, 130, 90, 125, 14),
        ("2026-12-01", 125, 126, 80, 81, 1),
    ]
    assert [(b.value, b.base) for b in aggregate(bars, "Y")] == [(550 + 742 + 250 + 81, 100)]
    with pytest.raises(KeyError):
        aggregate(bars, "Q")


def test_a_day_without_trades_does_not_count_for_a_longer_bar() -> None:
    halted = DailyBar(date(2026, 11, 23), 50, 50, 50, 50, 0, 0, 50)
    joined = aggregate([halted, _bar("2026-11-24", 100, 120, 90, 110, 5)], "W")
    assert [bar[1:5] for bar in joined] == [(100, 120, 90, 110)]
