from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.cash_order import Side
from kis_sync.api.domestic_stock.price import Quote
from kis_sync.market.price_limits import price_limits
from kis_sync.market.ticks import Listing, is_on_tick, next_tick
from kis_sync.orders.guards import PriceFacts, refusals
from kis_sync.orders.request import OrderRequest


def quote(price: int, tick: int | None, lower: int | None = None, upper: int | None = None) -> Quote:
    known: dict[str, Any] = dict.fromkeys(Quote.__slots__)
    known |= {"code": "005930", "price": price, "tick": tick, "lower_limit": lower, "upper_limit": upper}
    return Quote(**known)


def limit(price: int | None) -> OrderRequest:
    return OrderRequest("005930", Side.BUY, 1, price)


@pytest.mark.parametrize(
    ("price", "tick", "listings"),
    [
        (70_000, 100, (Listing.STOCK,)),
        (35_980, 5, (Listing.FUND,)),
        (3_000, 5, (Listing.STOCK, Listing.FUND)),  # both have a tick of 5 there
        (70_000, None, (Listing.STOCK, Listing.FUND)),
        (70_000, 77, (Listing.STOCK, Listing.FUND)),
    ],
)
def test_the_tick_tells_the_kind(price: int, tick: int | None, listings: tuple[Listing, ...]) -> None:
    assert PriceFacts.of(quote(price, tick)).listings == listings


def test_off_the_tick_names_the_valid_prices() -> None:
    assert refusals(limit(70_050), PriceFacts.of(quote(70_000, 100))) == [
        "70,050 won is not on the tick of 100 won: the valid prices next to it are 70,000 and 70,100 won"
    ]


def test_beyond_the_limits_names_them() -> None:
    facts = PriceFacts.of(quote(70_000, 100, 49_000, 91_000))
    assert refusals(limit(91_100), facts) == ["91,100 won is above the day's upper limit of 91,000 won"]
    assert refusals(limit(48_950), facts) == ["48,950 won is below the day's lower limit of 49,000 won"]


def test_all_reasons_at_once() -> None:
    facts = PriceFacts.of(quote(70_000, 100, 49_000, 91_000))
    assert len(refusals(limit(91_151), facts)) == 2


def test_at_market_there_is_nothing_to_refuse() -> None:
    assert refusals(limit(None), PriceFacts.of(quote(70_000, 100, 1, 2))) == []


def test_kind_unknown_takes_the_finest_tick() -> None:
    facts = PriceFacts.of(quote(3_000, 5))
    assert refusals(limit(30_005), facts) == []  # valid for a fund
    assert refusals(limit(30_001), facts) != []


@given(st.integers(100, 1_000_000), st.integers(-40, 40), st.booleans())
def test_a_valid_price_within_the_limits_always_passes(base: int, steps: int, fund: bool) -> None:
    listing = Listing.FUND if fund else Listing.STOCK
    base = next_tick(base - base % 1000 or 1000, 1, listing)
    lower, upper = price_limits(base, listing)
    price = min(max(next_tick(base, steps, listing), lower), upper)
    assert is_on_tick(price, listing)
    facts = PriceFacts(lower, upper, (listing,))
    assert refusals(limit(price), facts) == []
