from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import KST
from kis_sync.market.hours import regular_session
from kis_sync.sim.prices.book import Level
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading import matching
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.matching import Match, Taken, auction_trade, first_filling_trade, walk

MARKET = Market(1)
OPEN = datetime(2026, 11, 24, 9, 0, tzinfo=KST)
CODES = ["005930", "069500", MARKET.codes()[-1]]
CLOSE = regular_session(OPEN.date()).close

levels = st.lists(
    st.tuples(st.integers(1, 50), st.integers(1, 100)), max_size=6, unique_by=lambda pair: pair[0]
)


@settings(deadline=None)
@given(
    code=st.sampled_from(CODES),
    side=st.sampled_from(Side),
    offset=st.one_of(st.none(), st.integers(-8, 8)),
    since=st.floats(0, 24_000),
    length=st.floats(0, 24_000),
)
def test_the_first_filling_trade_is_the_one_that_a_full_look_finds(
    code: str, side: Side, offset: int | None, since: float, length: float
) -> None:
    start = OPEN + timedelta(seconds=since)
    until = min(start + timedelta(seconds=length), CLOSE)
    quote = MARKET.quote(code, start)
    limit = None if offset is None else quote.price + offset * quote.tick
    found = first_filling_trade(MARKET, code, side, limit, start, until)
    expected: tuple[datetime, int] | None = None
    for trade in reversed(MARKET.trades(code, until, 10**6)):
        if trade.at <= start or expected:
            continue
        better = 0 if limit is None else (limit - trade.price) * (1 if side is Side.BUY else -1)
        if trade.at == CLOSE and better >= 0:
            expected = (trade.at, trade.price)
        elif trade.at < CLOSE and limit is not None and better > 0:
            expected = (trade.at, limit)
    assert found == expected


@given(levels, st.sampled_from(Side), st.one_of(st.none(), st.integers(1, 50)), st.integers(1, 300))
def test_walking_takes_the_best_levels_within_the_limit(
    pairs: list[tuple[int, int]], side: Side, limit: int | None, quantity: int
) -> None:
    book = [Level(*pair) for pair in sorted(pairs, reverse=side is Side.SELL)]
    matches = list(walk(book, side, limit, quantity))
    within = [
        level
        for level in book
        if limit is None or (level.price <= limit if side is Side.BUY else level.price >= limit)
    ]
    assert sum(match.quantity for match in matches) == min(quantity, sum(level.size for level in within))
    assert [match.price for match in matches] == [level.price for level in within[: len(matches)]]
    for match, level in zip(matches[:-1], within, strict=False):
        assert match.quantity == level.size


def test_what_was_taken_comes_back_with_the_next_book() -> None:
    code, taken = CODES[0], Taken()
    first, second = (MARKET.book(code, OPEN + timedelta(seconds=each)) for each in (3600, 3700))
    best = first.asks[0]
    taken.take(code, Side.BUY, first, Match(best.price, best.size))
    taken.take(code, Side.BUY, first, Match(first.asks[1].price, 1))
    left = taken.left(code, Side.BUY, first)
    assert [left[0].size, left[1].size] == [0, first.asks[1].size - 1]
    assert tuple(taken.left(code, Side.SELL, first)) == first.bids
    assert tuple(taken.left(code, Side.BUY, second)) == second.asks
    taken.take(code, Side.BUY, second, Match(second.asks[0].price, 1))
    sizes = [level.size for level in taken.left(code, Side.BUY, second)]
    assert sizes == [second.asks[0].size - 1, *(level.size for level in second.asks[1:])]


def test_a_busy_minute_is_looked_through_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    start, until = OPEN + timedelta(minutes=30), OPEN + timedelta(minutes=90)
    price = MARKET.quote(CODES[0], start).price
    whole = first_filling_trade(MARKET, CODES[0], Side.BUY, price, start, until)
    monkeypatch.setattr(matching, "_CHUNK", 1)
    assert whole is not None
    assert first_filling_trade(MARKET, CODES[0], Side.BUY, price, start, until) == whole


def test_an_auction_s_trade_is_at_its_very_instant() -> None:
    opening = auction_trade(MARKET, CODES[0], OPEN)
    assert opening is not None
    assert opening.price == MARKET.quote(CODES[0], OPEN).open
    assert auction_trade(MARKET, CODES[0], OPEN + timedelta(microseconds=1)) is None
    assert auction_trade(MARKET, CODES[0], OPEN - timedelta(minutes=1)) is None
