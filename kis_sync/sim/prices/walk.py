"""The walk of one day: how its trades are drawn so that together they are exactly the given daily bar.

First, highest, lowest and last price and the volume are the bar's; in between prices wander from tick to
tick, most at the open, towards the close and in bursts. This room changes when a day is drawn in another way.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from kis_sync.market.hours import Session
from kis_sync.market.ticks import next_tick, tick_size
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.tape import Tape

CLOSING_AUCTION = timedelta(minutes=10)
"""How long before the close continuous trading ends."""

_MINUTE = 60_000  # milliseconds
_MOST_TRADES = 1_900
_TRADES_PER_ROOT = 3  # trades a day: three times the root of the volume, so 300 for 10,000 shares
_LIQUID = 300  # from so many trades on both auctions always find a price
_OPENING_SHARE, _CLOSING_SHARE = 0.02, 0.04  # of the day's volume
_BREAKOUTS = 0.35  # share of days on which one extreme follows the other within minutes
_BOUNCE = 0.4  # ticks that buyers pay more and sellers get less; below half a tick, so anchors hold exactly


class _Pace(NamedTuple):
    """Minute by minute: how many trades, and how far they move (1 is ordinary)."""

    activity: list[float]
    roughness: list[float]


def draw_tape(info: ListingInfo, bar: DailyBar, session: Session, rng: random.Random) -> Tape:
    """All trades of a day. They add up to its bar exactly, turnover apart; a day without volume has none."""
    if not bar.volume:
        return Tape(session, array("q"), array("q"), array("q"), bytearray())
    wanted = max(4, int(_TRADES_PER_ROOT * math.sqrt(bar.volume)))
    count = min(bar.volume, wanted, _MOST_TRADES)
    pace = _draw_pace(int((session.seconds - CLOSING_AUCTION.total_seconds()) // 60), rng)
    opens = count >= _LIQUID or rng.random() < 0.5
    closes = count >= _LIQUID or rng.random() < 0.5
    between = _draw_times(count - opens - closes, pace.activity, rng)
    times = array("q", [*[0] * opens, *between, *[int(session.seconds * 1000)] * closes])
    bought = bytearray(rng.choices((0, 1), k=count))
    prices = _draw_prices(bar, info, _roughness_at(times, pace), bought, rng)
    return Tape(session, times, prices, _draw_sizes(bar.volume, count, opens, closes, rng), bought)


def _draw_pace(minutes: int, rng: random.Random) -> _Pace:
    activity = [
        (0.6 + 1.8 * math.exp(-n / 18) + 1.1 * math.exp((n - minutes + 1) / 15)) * rng.uniform(0.6, 1.4)
        for n in range(minutes)
    ]
    roughness = [1 + math.exp(-n / 20) for n in range(minutes)]
    for _ in range(rng.randint(3, 6)):
        start, strength = rng.randrange(minutes), rng.uniform(1.5, 5)
        for n in range(start, min(minutes, start + rng.randint(2, 12))):
            activity[n] *= math.sqrt(strength)
            roughness[n] *= strength
    return _Pace(activity, roughness)


def _draw_times(count: int, activity: Sequence[float], rng: random.Random) -> list[int]:
    """Increasing times (milliseconds) in continuous trading, dense where there is activity."""
    ends = list(accumulate(activity))
    stride = ends[-1] / max(1, count)
    draw, times, minute = rng.random, [], 0
    for n in range(count):
        place = (n + draw()) * stride
        while minute < len(ends) - 1 and ends[minute] <= place:
            minute += 1
        beyond = 1 - (ends[minute] - place) / activity[minute]
        times.append(minute * _MINUTE + min(_MINUTE - 1, max(0, int(beyond * _MINUTE))))
    return times


def _roughness_at(times: Sequence[int], pace: _Pace) -> list[float]:
    last = len(pace.roughness) - 1
    return [pace.roughness[min(last, time // _MINUTE)] for time in times]


def _draw_prices(
    bar: DailyBar, info: ListingInfo, roughness: Sequence[float], bought: bytearray, rng: random.Random
) -> array[int]:
    """The walk itself, on the ladder of valid prices between the day's lowest and highest."""
    ladder = _ladder(bar, info)
    top, count = len(ladder) - 1, len(bought)
    anchors = _draw_anchors(bar, ladder, count, rng)
    step = math.sqrt(12) * top / (2.0 * math.sqrt(count))
    draw = rng.random
    wander = list(accumulate((draw() - 0.5) * step * rough for rough in roughness))
    prices = array("q", bytes(8 * count))
    for (begin, start), (end, goal) in pairwise(sorted(anchors.items())):
        slope = (goal - start - wander[end] + wander[begin]) / (end - begin)
        shift = start - wander[begin] - slope * begin
        for n in range(begin, end + 1):
            height = abs(shift + slope * n + wander[n] + (_BOUNCE if bought[n] else -_BOUNCE))
            if height > top:
                height = max(0.0, 2 * top - height)
            prices[n] = ladder[int(height + 0.5)]
    return prices


def _ladder(bar: DailyBar, info: ListingInfo) -> Sequence[int]:
    """All valid prices from the day's lowest to its highest."""
    tick = tick_size(bar.low, info.kind)
    if tick_size(bar.high, info.kind) == tick:
        return range(bar.low, bar.high + 1, tick)
    prices = [bar.low]
    while prices[-1] < bar.high:
        prices.append(next_tick(prices[-1], 1, info.kind))
    return prices


def _draw_anchors(bar: DailyBar, ladder: Sequence[int], count: int, rng: random.Random) -> dict[int, int]:
    """Trades whose price is given, as positions on the ladder: first, last, highest, lowest."""
    anchors = {0: ladder.index(bar.open), count - 1: ladder.index(bar.close)}
    first, second = rng.sample(range(1, count - 1), 2)
    if rng.random() < _BREAKOUTS:
        second = first + max(1, int(count * rng.uniform(0.005, 0.05)))
        second = second if second < count - 1 else first - 1 or first + 1
    for place, level in zip((first, second), rng.sample((0, len(ladder) - 1), 2), strict=True):
        if level not in anchors.values():
            anchors[place] = level
    return anchors


def _draw_sizes(volume: int, count: int, opens: bool, closes: bool, rng: random.Random) -> array[int]:
    """At least one share a trade, together the day's volume; most trades small, the auctions large."""
    draw = rng.random
    weights = [0.2 + 4 * draw() ** 3 for _ in range(count)]
    total = sum(weights)
    if opens:
        weights[0] = total * _OPENING_SHARE
    if closes:
        weights[-1] = total * _CLOSING_SHARE
    sums = list(accumulate(weights))
    spare, total = volume - count, sums[-1]
    ends = [int(spare * (part / total)) for part in sums]
    return array("q", [1 + end - before for before, end in pairwise([0, *ends])])
