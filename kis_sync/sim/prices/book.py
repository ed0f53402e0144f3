"""The order book of one listing at one instant, made around its last price.

This room changes when the simulated book gets another shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kis_sync.market.price_limits import PriceLimits
from kis_sync.market.ticks import next_tick, tick_size
from kis_sync.sim.prices.listings import ListingInfo

LEVELS = 10
_DAY_IN_LEVELS = 300  # a level holds about this part of an ordinary day's volume
_FEWEST = 20  # or this many shares, of a listing that is hardly traded
_THIN = 20_000  # shares a day; below it levels lie apart
_RENEWAL = 40  # changes after which a level is drawn anew
_MASK = (1 << 64) - 1


class Level(NamedTuple):
    """One price of the book and the shares that wait there."""

    price: int
    size: int


@dataclass(frozen=True)
class Book:
    """Ten levels a side, best first; fewer at the day's limits, none while no orders are taken."""

    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    total_ask: int
    """Shares on the levels of the side."""
    total_bid: int
    expected_price: int
    """Price at which the running auction would settle; 0 outside auctions."""
    expected_volume: int
    """Shares that it would trade."""
    changed_at: datetime
    """When the book last changed, KST."""


class Centre(NamedTuple):
    """What a book is made around: the last price, and who came to whom in the last trade."""

    price: int
    bought: bool
    limits: PriceLimits


def draw_sides(
    info: ListingInfo, centre: Centre, key: int, period: int
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Asks and bids, best first. A buyer's trade leaves the last price as best ask, a seller's as best bid.

    ``key`` is the listing's own number, ``period`` counts the times the book has changed.
    """
    price, (lower, upper) = centre.price, centre.limits
    size = _sizes(info, key, period)
    gaps = 2.5 if info.average_volume < _THIN else 0.0

    def side(start: int, step: int) -> tuple[Level, ...]:
        levels: list[Level] = []
        here = start
        while len(levels) < LEVELS and lower <= here <= upper:
            levels.append(Level(here, size(len(levels), here)))
            here = next_tick(here, step * (1 + int(gaps * _noise(key, here, period // _RENEWAL))), info.kind)
        return tuple(levels)

    ask_at_last = price == lower or (centre.bought and price != upper)
    if ask_at_last:
        return side(price, 1), side(next_tick(price, -1, info.kind), -1) if price > lower else ()
    return side(next_tick(price, 1, info.kind), 1), side(price, -1)


def _sizes(info: ListingInfo, key: int, period: int) -> Callable[[int, int], int]:
    """What waits at a distance (in levels) and price: renewed now and then, trembling all the time."""
    usual, slow = max(_FEWEST, info.average_volume / _DAY_IN_LEVELS), period // _RENEWAL

    def size(distance: int, price: int) -> int:
        drawn = _noise(key, price, slow) * _noise(key, price, slow + 1_000_003)
        growth = min(1.0, 0.4 + 0.2 * distance)  # the front is eaten first
        round_price = 1.8 if price % (10 * tick_size(price, info.kind)) == 0 else 1.0
        tremble = 0.9 + 0.2 * _noise(key, price, period + 7_000_001)
        return max(1, int(usual * (0.25 + 3 * drawn) * growth * round_price * tremble))

    return size


def _noise(key: int, price: int, period: int) -> float:
    """A number in [0, 1) that is the same in every process (splitmix64 over the three)."""
    x = (key + price * 0x9E3779B97F4A7C15 + period * 0xD1B54A32D192ED03) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) / 2**64
