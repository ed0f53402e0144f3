"""Tick sizes of the Korea Exchange, in force since 2023-01-25 (ETF and ETN below 2,000 won: 2023-12).

This room changes when KRX changes its tick table.
"""

from __future__ import annotations

import enum

_STOCK_TICKS = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500))
_STOCK_TOP_TICK = 1_000
_FUND_TICKS = ((2_000, 1),)
_FUND_TOP_TICK = 5


class Listing(str, enum.Enum):
    """What kind of paper a code names, as far as ticks, limits and taxes differ."""

    STOCK = "stock"
    FUND = "fund"  # ETF and ETN
    ELW = "elw"


def tick_size(price: int, listing: Listing = Listing.STOCK) -> int:
    """The tick in won that holds at ``price`` won.

    >>> tick_size(70_000), tick_size(1_999), tick_size(2_000), tick_size(36_000, Listing.FUND)
    (100, 1, 5, 5)
    """
    if price <= 0:
        raise ValueError(f"a price must be above 0 won, not {price}")
    if listing is Listing.ELW:
        return _FUND_TOP_TICK
    bands, top = (_FUND_TICKS, _FUND_TOP_TICK) if listing is Listing.FUND else (_STOCK_TICKS, _STOCK_TOP_TICK)
    return next((tick for below, tick in bands if price < below), top)


def is_on_tick(price: int, listing: Listing = Listing.STOCK) -> bool:
    """Whether ``price`` won is a price that can be quoted."""
    return price % tick_size(price, listing) == 0


def floor_to_tick(price: int, listing: Listing = Listing.STOCK) -> int:
    """The highest valid price at or below ``price`` won.

    >>> floor_to_tick(70_050), floor_to_tick(2_003)
    (70000, 2000)
    """
    return price - price % tick_size(price, listing)


def ceil_to_tick(price: int, listing: Listing = Listing.STOCK) -> int:
    """The lowest valid price at or above ``price`` won.

    >>> ceil_to_tick(70_050), ceil_to_tick(1_999)
    (70100, 1999)
    """
    return -(-price // tick_size(price, listing)) * tick_size(price, listing)


def next_tick(price: int, steps: int = 1, listing: Listing = Listing.STOCK) -> int:
    """The valid price ``steps`` ticks above (below, when negative) the valid price ``price``.

    >>> next_tick(1_999), next_tick(2_000, -1), next_tick(50_000, -2)
    (2000, 1999, 49900)
    """
    for _ in range(abs(steps)):
        price = price + tick_size(price, listing) if steps > 0 else floor_to_tick(price - 1, listing)
    return price
