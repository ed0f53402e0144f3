"""The daily price limits of the Korea Exchange: 30 % of the base price, 15 % on KONEX.

This room changes when KRX changes its limits.
"""

from __future__ import annotations

from typing import NamedTuple

from kis_sync.market.ticks import Listing, ceil_to_tick, floor_to_tick, tick_size

RATE_PERCENT = 30
KONEX_RATE_PERCENT = 15


class PriceLimits(NamedTuple):
    """The day's lowest and highest valid price in won."""

    lower: int
    upper: int


def limit_width(base: int, listing: Listing = Listing.STOCK, rate_percent: int = RATE_PERCENT) -> int:
    """How far in won a price may move from ``base``: the rate, cut down to the base price's tick.

    >>> limit_width(128_500)
    38500
    """
    width = base * rate_percent // 100
    return width - width % tick_size(base, listing)


def price_limits(
    base: int, listing: Listing = Listing.STOCK, rate_percent: int = RATE_PERCENT
) -> PriceLimits:
    """The limits around ``base`` won, moved inward to valid ticks where the band changes.

    >>> price_limits(128_500)
    PriceLimits(lower=90000, upper=167000)
    """
    width = limit_width(base, listing, rate_percent)
    lower = max(1, base - width)
    return PriceLimits(ceil_to_tick(lower, listing), floor_to_tick(base + width, listing))
