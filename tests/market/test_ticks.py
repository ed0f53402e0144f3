from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.market.ticks import Listing, ceil_to_tick, floor_to_tick, is_on_tick, next_tick, tick_size

prices = st.integers(1, 3_000_000)
listings = st.sampled_from(list(Listing))


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        (1, 1), (1_999, 1), (2_000, 5), (4_995, 5), (5_000, 10), (19_990, 10), (20_000, 50), (49_950, 50),
        (50_000, 100), (199_900, 100), (200_000, 500), (499_500, 500), (500_000, 1_000), (2_000_000, 1_000),
    ],
)  # fmt: skip
def test_the_table(price: int, tick: int) -> None:
    assert tick_size(price) == tick


@pytest.mark.parametrize(("price", "tick"), [(1_999, 1), (2_000, 5), (300_000, 5)])
def test_funds(price: int, tick: int) -> None:
    assert tick_size(price, Listing.FUND) == tick


@given(prices, listings)
def test_rounding_lands_on_the_nearest_valid_prices(price: int, listing: Listing) -> None:
    below, above = floor_to_tick(price, listing), ceil_to_tick(price, listing)
    assert below <= price <= above
    assert above - below in (0, tick_size(price, listing))
    assert is_on_tick(above, listing)
    if below:
        assert is_on_tick(below, listing)
    assert (below == above) == is_on_tick(price, listing)


@given(st.integers(5, 3_000_000), listings, st.integers(1, 30))
def test_steps_up_and_down_come_back(price: int, listing: Listing, steps: int) -> None:
    start = ceil_to_tick(price, listing)
    end = next_tick(start, steps, listing)
    assert end > start
    assert is_on_tick(end, listing)
    assert next_tick(end, -steps, listing) == start


@pytest.mark.parametrize("price", [0, -1])
def test_no_tick_without_a_price(price: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        tick_size(price)
