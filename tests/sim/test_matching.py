from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kis_sync.clock import KST
from kis_sync.market.hours import regular_session
from kis_sync.sim.prices.book import Level
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.crossing import Match
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.matching import Shown, Taken, walk

MARKET = Market(1)
OPEN = datetime(2026, 11, 24, 9, 0, tzinfo=KST)
CODES = ["005930"]
CLOSE = regular_session(OPEN.date()).close

levels = st.lists(
    st.tuples(st.integers(1, 50), st.integers(1, 100)), max_size=6, unique_by=lambda pair: pair[0]
)


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

    def shown(side: Side, seconds: int) -> Shown:
        book = MARKET.book(code, OPEN + timedelta(seconds=seconds))
        return Shown(side, book.asks if side is Side.BUY else book.bids, book.changed_at)

    first, second = shown(Side.BUY, 3600), shown(Side.BUY, 3700)
    best = first.levels[0]
    taken.take(first, Match(best.price, best.size))
    taken.take(first, Match(first.levels[1].price, 1))
    left = taken.left(first)
    assert [left[0].size, left[1].size] == [0, first.levels[1].size - 1]
    sells = shown(Side.SELL, 3600)
    assert taken.left(sells) == sells.levels
    assert taken.left(second) == second.levels
    taken.take(second, Match(second.levels[0].price, 1))
    sizes = [level.size for level in taken.left(second)]
    assert sizes == [second.levels[0].size - 1, *(level.size for level in second.levels[1:])]


def test_an_auction_s_trades_are_the_tape_s_first_and_last() -> None:
    tape = MARKET.tape(CODES[0], OPEN.date())
    of_auction = [n for n in range(len(tape.times)) if tape.is_of_auction(n)]
    assert of_auction == [0, len(tape.times) - 1]
    assert [tape.time(n) for n in of_auction] == [OPEN, CLOSE]
    assert tape.prices[0] == MARKET.quote(CODES[0], OPEN).open
