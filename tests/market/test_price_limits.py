from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.market.price_limits import KONEX_RATE_PERCENT, limit_width, price_limits
from kis_sync.market.ticks import Listing, floor_to_tick, is_on_tick


@pytest.mark.parametrize(
    ("base", "listing", "lower", "upper"),
    [(128_500, Listing.STOCK, 90_000, 167_000), (35_980, Listing.FUND, 25_190, 46_770)],
)
def test_documented_examples(base: int, listing: Listing, lower: int, upper: int) -> None:
    assert price_limits(base, listing) == (lower, upper)


def test_the_documented_width() -> None:
    assert limit_width(128_500) == 38_500


@given(st.integers(10, 2_000_000), st.sampled_from([Listing.STOCK, Listing.FUND]))
def test_limits_are_valid_prices_within_the_rate(price: int, listing: Listing) -> None:
    base = floor_to_tick(price, listing)
    lower, upper = price_limits(base, listing)
    assert 0 < lower <= base <= upper
    assert is_on_tick(lower, listing)
    assert is_on_tick(upper, listing)
    assert (upper - base) * 100 <= base * 30
    assert (base - lower) * 100 <= base * 30


def test_konex_moves_half_as_far() -> None:
    assert price_limits(10_000, rate_percent=KONEX_RATE_PERCENT) == (8_500, 11_500)
