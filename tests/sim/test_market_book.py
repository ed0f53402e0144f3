"""The simulated order book: on the tick, within the limits, around the last price."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import KST
from kis_sync.market.price_limits import PriceLimits, price_limits
from kis_sync.market.ticks import floor_to_tick, is_on_tick, next_tick
from kis_sync.sim.prices.book import LEVELS, Centre, draw_sides
from kis_sync.sim.prices.market import Market, Phase

from .test_market import CODES, HALTED, MARKET, at, codes, few, instants

SAMSUNG = next(info for code in CODES if (info := MARKET.listing(code)))


@few
@given(codes, instants)
def test_book_stands_around_the_last_price(code: str, when: datetime) -> None:
    book, quote, info = MARKET.book(code, when), MARKET.quote(code, when), MARKET.listing(code)
    assert info is not None
    asks, bids = [level.price for level in book.asks], [level.price for level in book.bids]
    assert len(asks) <= LEVELS
    assert len(bids) <= LEVELS
    assert asks == sorted(set(asks))
    assert bids == sorted(set(bids), reverse=True)
    assert all(quote.lower <= price <= quote.upper and is_on_tick(price, info.kind) for price in asks + bids)
    assert all(level.size > 0 for level in book.asks + book.bids)
    assert book.total_ask == sum(level.size for level in book.asks)
    assert book.total_bid == sum(level.size for level in book.bids)
    if asks:
        assert quote.price <= asks[0] <= next_tick(quote.price, 1, info.kind)
    if bids:
        assert next_tick(quote.price, -1, info.kind) <= bids[0] <= quote.price
    if asks and bids:
        assert bids[0] < asks[0]


@settings(deadline=None)
@given(
    st.integers(100, 3_000_000).map(floor_to_tick),
    st.floats(0, 1),
    st.booleans(),
    st.integers(0, 10**12),
)
def test_levels_end_at_the_limits(base: int, share: float, bought: bool, period: int) -> None:
    limits = price_limits(base)
    price = max(limits.lower, floor_to_tick(int(limits.lower + share * (limits.upper - limits.lower))))
    asks, bids = draw_sides(SAMSUNG, Centre(price, bought, limits), 12345, period)
    assert len(asks) == min(LEVELS, _steps(asks[0].price, limits, 1)) if asks else price == limits.upper
    assert len(bids) == min(LEVELS, _steps(bids[0].price, limits, -1)) if bids else price == limits.lower
    if price == limits.upper:
        assert (asks, bids[0].price) == ((), price)
    if price == limits.lower:
        assert (bids, asks[0].price) == ((), price)


def _steps(price: int, limits: PriceLimits, step: int) -> int:
    count = 0
    while limits.lower <= price <= limits.upper and count < LEVELS:
        price, count = next_tick(price, step), count + 1
    return count


@few
@given(codes, st.times(time(8, 30), time(15, 29)), st.integers(0, 60_000))
def test_book_is_constant_between_its_changes(code: str, clock: time, later: int) -> None:
    when = datetime.combine(date(2026, 11, 24), clock, KST)
    book, then = MARKET.book(code, when), MARKET.book(code, when + timedelta(milliseconds=later))
    assert book.changed_at <= when
    if then.changed_at == book.changed_at:
        assert (then.asks, then.bids) == (book.asks, book.bids)
    else:
        assert then.changed_at > when


def test_book_moves_all_the_time() -> None:
    seen = {MARKET.book("005930", at("10:00:00") + timedelta(seconds=n)).asks for n in range(20)}
    assert len(seen) > 15


def test_a_trade_changes_the_book() -> None:
    for code in CODES[:100:9]:
        traded = MARKET.trades(code, at("10:30:00"), 1)[0].at
        assert MARKET.book(code, traded).changed_at == traded


def test_levels_of_a_thin_book_stay_where_they_are_for_a_while() -> None:
    thin = replace(SAMSUNG, average_volume=100)
    centre = Centre(100_000, True, price_limits(100_000))
    ladders = {tuple(level.price for level in draw_sides(thin, centre, 5, period)[0]) for period in range(90)}
    assert 2 <= len(ladders) <= 4


def test_no_book_before_the_opening_auction_nor_for_a_halted_listing() -> None:
    for book in (MARKET.book("005930", at("08:29:59")), MARKET.book(HALTED, at("11:00:00"))):
        assert (book.asks, book.bids, book.total_ask, book.expected_volume) == ((), (), 0, 0)
    assert len(MARKET.book("005930", at("08:30:00")).bids) == LEVELS


def test_auctions_expect_what_they_then_trade() -> None:
    for code in CODES[:10]:
        opened, closed = MARKET.trades(code, at("09:00:00")), MARKET.trades(code, at("15:30:00"))
        before_open, before_close = (
            MARKET.book(code, at("08:59:59.990")),
            MARKET.book(code, at("15:29:59.990")),
        )
        quote = MARKET.quote(code, at("15:29:59.990"))
        assert abs(before_open.expected_price - opened[0].price) <= 2 * quote.tick
        assert abs(before_close.expected_price - closed[0].price) <= 2 * quote.tick
        assert 0 < before_open.expected_volume <= opened[0].volume
        assert 0 < before_close.expected_volume <= closed[0].volume


@few
@given(codes, instants)
def test_expectations_are_for_auctions_only(code: str, when: datetime) -> None:
    book, quote, info = MARKET.book(code, when), MARKET.quote(code, when), MARKET.listing(code)
    assert info is not None
    if quote.phase in (Phase.OPEN, Phase.CLOSED):
        assert (book.expected_price, book.expected_volume) == (0, 0)
    if book.expected_price:
        assert quote.lower <= book.expected_price <= quote.upper
        assert is_on_tick(book.expected_price, info.kind)


def test_seeds_differ() -> None:
    assert Market(2).book("005930", at("10:00:00")).asks != MARKET.book("005930", at("10:00:00")).asks
