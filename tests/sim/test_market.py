"""The market at an instant: quote, trades and minute bars tell one story, and the same one to everybody."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kis_sync
from kis_sync.clock import KST
from kis_sync.market.hours import is_trading_day
from kis_sync.market.price_limits import price_limits
from kis_sync.market.ticks import is_on_tick, tick_size
from kis_sync.sim.prices.market import Market, Phase
from tests.thoroughness import examples

MARKET = Market()
CODES = MARKET.codes()
HALTED = next(code for code in CODES if (info := MARKET.listing(code)) and info.halted)
TUESDAY = date(2026, 11, 24)

codes = st.sampled_from(CODES)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
day_times = st.one_of(
    st.times(), st.times(time(8, 50), time(9, 10)), st.times(time(9), time(15, 35)), st.just(time(15, 30))
)
instants = st.builds(lambda day, clock: datetime.combine(day, clock, KST), days, day_times)
few = settings(deadline=None, max_examples=examples(25))


def at(clock: str, day: date = TUESDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), KST)


@few
@given(codes, instants)
def test_quote_is_in_its_day(code: str, when: datetime) -> None:
    quote, info = MARKET.quote(code, when), MARKET.listing(code)
    assert info is not None
    limits = price_limits(quote.base, info.kind)
    assert (quote.lower, quote.upper) == limits
    assert is_trading_day(quote.day)
    assert quote.day <= when.date()
    assert limits.lower <= quote.price <= limits.upper
    assert is_on_tick(quote.price, info.kind)
    assert quote.tick == tick_size(quote.price, info.kind)
    if quote.volume:
        assert limits.lower <= quote.low <= min(quote.open, quote.price)
        assert max(quote.open, quote.price) <= quote.high <= limits.upper
        assert quote.low * quote.volume <= quote.value <= quote.high * quote.volume
        assert all(is_on_tick(price, info.kind) for price in (quote.open, quote.high, quote.low))
    else:
        assert (quote.price, quote.open, quote.high, quote.low, quote.value) == (quote.base, 0, 0, 0, 0)


@few
@given(codes, instants)
def test_minute_bars_add_up_to_the_quote(code: str, when: datetime) -> None:
    quote, bars = MARKET.quote(code, when), MARKET.minute_bars(code, when)
    assert sum(bar.volume for bar in bars) == quote.volume
    assert sum(bar.value for bar in bars) == quote.value
    if not bars:
        return
    assert bars[0].open == quote.open
    assert bars[-1].close == quote.price
    assert max(bar.high for bar in bars) == quote.high
    assert min(bar.low for bar in bars) == quote.low
    assert (bars[-1].total_volume, bars[-1].total_value) == (quote.volume, quote.value)
    assert all(here.start < then.start for here, then in pairwise(bars))
    assert all(bar.volume > 0 and bar.low <= min(bar.open, bar.close) for bar in bars)
    assert all(bar.high >= max(bar.open, bar.close) for bar in bars)
    assert all(bar.start.second == 0 and bar.start.date() == quote.day for bar in bars)
    assert bars[-1].start <= when


@few
@given(codes, instants)
def test_trades_make_the_minute_bars(code: str, when: datetime) -> None:
    quote, bars = MARKET.quote(code, when), MARKET.minute_bars(code, when)
    trades = MARKET.trades(code, when, 10_000)
    assert sum(trade.volume for trade in trades) == quote.volume
    assert all(newer.at >= older.at for newer, older in pairwise(trades))
    assert quote.last_trade_at == (trades[0].at if trades else None)
    assert MARKET.trades(code, when, 3) == trades[:3]
    for bar in bars[-2:]:
        within = [t for t in trades if bar.start <= t.at < bar.start + timedelta(minutes=1)]
        assert (within[-1].price, within[0].price) == (bar.open, bar.close)
        assert (max(t.price for t in within), min(t.price for t in within)) == (bar.high, bar.low)
        assert sum(t.volume for t in within) == bar.volume
        assert sum(t.volume * t.price for t in within) == bar.value
        assert within[0].total_volume == bar.total_volume


@few
@given(codes, instants, st.timedeltas(timedelta(0), timedelta(hours=2)))
def test_a_day_only_grows(code: str, when: datetime, later: timedelta) -> None:
    before, after = MARKET.quote(code, when), MARKET.quote(code, when + later)
    if before.day != after.day:
        return
    assert before.volume <= after.volume
    assert before.value <= after.value
    assert before.high <= after.high
    assert before.base == after.base
    old, new = MARKET.minute_bars(code, when), MARKET.minute_bars(code, when + later)
    assert old[:-1] == new[: max(0, len(old) - 1)]  # finished minutes never change


@few
@given(codes, instants)
def test_a_second_market_says_the_same(code: str, when: datetime) -> None:
    assert _everything(Market(), code, when) == _everything(MARKET, code, when)


def test_another_seed_is_another_market() -> None:
    assert Market(2).quote("005930", at("11:00:00")) != MARKET.quote("005930", at("11:00:00"))


def test_another_process_says_the_same() -> None:
    script = (
        "import datetime; from kis_sync.clock import KST; from kis_sync.sim.prices.market import Market\n"
        "m, at = Market(), datetime.datetime(2026, 11, 24, 11, 0, 7, tzinfo=KST)\n"
        "for code in m.codes()[::40]: print(ascii((m.quote(code, at), m.book(code, at), m.trades(code, at))))"
    )
    when = at("11:00:07")
    here = [
        ascii((MARKET.quote(code, when), MARKET.book(code, when), MARKET.trades(code, when)))
        for code in CODES[::40]
    ]
    root = Path(kis_sync.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == here


def test_many_threads_hear_the_same() -> None:
    market, when = Market(7), at("10:00:00")
    said: list[object] = []
    threads = [
        threading.Thread(target=lambda: said.append([_everything(market, code, when) for code in CODES[:8]]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 6
    assert all(one == said[0] for one in said)


def test_time_zone_of_the_question_does_not_matter() -> None:
    when = at("10:00:00")
    assert MARKET.quote("005930", when.astimezone()) == MARKET.quote("005930", when)
    with pytest.raises(ValueError, match="aware"):
        MARKET.quote("005930", when.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("when", "day", "phase"),
    [
        (at("07:59:59"), date(2026, 11, 23), Phase.CLOSED),
        (at("08:00:00"), TUESDAY, Phase.PRE_OPEN),
        (at("08:59:59"), TUESDAY, Phase.PRE_OPEN),
        (at("09:00:00"), TUESDAY, Phase.OPEN),
        (at("15:19:59"), TUESDAY, Phase.OPEN),
        (at("15:20:00"), TUESDAY, Phase.CLOSING_AUCTION),
        (at("15:30:00"), TUESDAY, Phase.CLOSED),
        (at("23:59:59"), TUESDAY, Phase.CLOSED),
        (at("11:00:00", date(2026, 11, 22)), date(2026, 11, 20), Phase.CLOSED),
        (at("11:00:00", date(2026, 9, 25)), date(2026, 9, 23), Phase.CLOSED),
        (at("09:30:00", date(2026, 11, 19)), date(2026, 11, 19), Phase.PRE_OPEN),
    ],
)
def test_which_session_a_question_is_about(when: datetime, day: date, phase: Phase) -> None:
    quote = MARKET.quote("005930", when)
    assert (MARKET.session_day(when), MARKET.phase(when)) == (quote.day, quote.phase) == (day, phase)
    assert (quote.volume == 0) == (phase is Phase.PRE_OPEN)


def test_the_market_stands_still_from_the_close_to_the_next_morning() -> None:
    friday, monday = at("15:30:00", date(2026, 11, 20)), at("07:59:00", date(2026, 11, 23))
    for code in CODES[::25]:
        evening, morning = MARKET.quote(code, friday), MARKET.quote(code, monday)
        assert {**vars(evening), "at": None} == {**vars(morning), "at": None}
        assert MARKET.minute_bars(code, friday) == MARKET.minute_bars(code, monday)
        assert MARKET.book(code, friday) == MARKET.book(code, monday)


def test_nothing_trades_in_the_closing_auction_until_it_settles() -> None:
    for code in CODES[:20]:
        before, during = MARKET.quote(code, at("15:19:59.999")), MARKET.quote(code, at("15:29:59.999"))
        assert (before.price, before.volume) == (during.price, during.volume)
        auction = MARKET.minute_bars(code, at("15:30:00"))[-1]
        assert auction.start == at("15:30:00")
        assert auction.open == auction.close == MARKET.quote(code, at("16:00:00")).price
        assert auction.volume > 0


def test_exam_day_is_an_hour_late() -> None:
    bars = MARKET.minute_bars("005930", at("18:00:00", date(2026, 11, 19)))
    assert (bars[0].start.time(), bars[-1].start.time()) == (time(10, 0), time(16, 30))


def test_prices_move_within_a_minute() -> None:
    minute = at("10:30:00")
    moved = 0
    for code in CODES[:60]:
        seen = {MARKET.quote(code, minute + timedelta(seconds=s)).volume for s in range(0, 60, 2)}
        moved += len(seen) > 2
    assert moved > 45


def test_volume_is_heaviest_at_both_ends_of_the_day() -> None:
    halves = [0.0] * 14  # half hours, auctions apart
    for code in CODES[:80]:
        whole = MARKET.quote(code, at("16:00:00")).volume
        for bar in MARKET.minute_bars(code, at("15:19:59"))[1:]:
            halves[(bar.start - at("09:00:00")) // timedelta(minutes=30)] += bar.volume / whole
    midday = sum(halves[4:8]) / 4
    assert halves[0] > 1.8 * midday
    assert halves[12] * 30 / 20 > 1.3 * midday  # 15:00 to 15:20


def test_some_break_out_and_some_fall() -> None:
    when = at("10:30:00")
    for minutes, wide in ((1, 0.3), (5, 0.6), (15, 1.0)):
        then = when - timedelta(minutes=minutes)
        changes = sorted(_percent(code, then, when) for code in CODES[:100])
        assert changes[3] < -wide / 2
        assert changes[-4] > wide / 2
        assert max(-changes[0], changes[-1]) > wide
        assert abs(changes[50]) < 0.3


def test_hardly_traded_listings_have_minutes_without_bars() -> None:
    rare = min(CODES, key=_average_volume)
    rare = rare if rare != HALTED else "002600"
    bars = MARKET.minute_bars(rare, at("16:00:00"))
    assert 0 < len(bars) < 30
    assert len(MARKET.minute_bars("005930", at("16:00:00"))) > 370


def test_a_halted_listing_stands_still() -> None:
    quote = MARKET.quote(HALTED, at("11:00:00"))
    assert (quote.halted, quote.volume, quote.open) == (True, 0, 0)
    assert quote.price == quote.base == MARKET.quote(HALTED, at("11:00:00", date(2026, 3, 10))).price
    assert MARKET.minute_bars(HALTED, at("16:00:00")) == []
    assert MARKET.trades(HALTED, at("16:00:00")) == []
    assert CODES.index(HALTED) >= 100


@pytest.mark.parametrize("ask", [MARKET.quote, MARKET.book, MARKET.trades, MARKET.minute_bars])
def test_an_unknown_code_is_an_error(ask: Callable[[str, datetime], object]) -> None:
    assert MARKET.listing("999999") is None
    with pytest.raises(KeyError):
        ask("999999", at("11:00:00"))


def _everything(market: Market, code: str, when: datetime) -> tuple[object, ...]:
    return (
        market.quote(code, when),
        market.book(code, when),
        market.trades(code, when),
        market.minute_bars(code, when),
        market.daily_bars(code, when.date(), 30, when),
    )


def _percent(code: str, then: datetime, now: datetime) -> float:
    return (MARKET.quote(code, now).price / MARKET.quote(code, then).price - 1) * 100


def _average_volume(code: str) -> int:
    info = MARKET.listing(code)
    assert info is not None
    return info.average_volume
