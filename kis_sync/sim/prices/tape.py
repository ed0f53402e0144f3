"""The tape: all trades of one listing on one day, from which quotes and minute bars are read.

This room changes when something else is read from a day's trades.
"""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from kis_sync.market.hours import Session

_MINUTE = 60_000  # a session's times are counted in milliseconds since its open


class Trade(NamedTuple):
    """One trade; the totals include it. Won and shares."""

    at: datetime
    price: int
    volume: int
    total_volume: int
    total_value: int
    bought: bool
    """Whether the buyer came to the seller's price (매수 체결)."""
    strength: float
    """Shares so bought since the open, in percent of those so sold (체결강도); 0 while none was sold."""


class MinuteBar(NamedTuple):
    """The trades of one minute, labelled by its start; won and shares. A minute without trades has no bar."""

    start: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    """Turnover of this minute."""
    total_volume: int
    """Shares since the open, this minute included."""
    total_value: int
    """Turnover since the open, this minute included."""


class Tape:
    """The trades of a day, in columns; all counts are of trades since the open.

    The first ``count(at)`` trades have happened at ``at``; ``highs`` and ``lows`` are running extremes.
    """

    def __init__(
        self, session: Session, times: array[int], prices: array[int], sizes: array[int], bought: bytearray
    ) -> None:
        self.session = session
        self.times = times
        self.prices = prices
        self.sizes = sizes
        self.bought = bought
        self.volumes = array("q", accumulate(sizes))
        self.values = array("q", accumulate(p * s for p, s in zip(prices, sizes, strict=True)))
        self.highs = array("q", accumulate(prices, max))
        self.lows = array("q", accumulate(prices, min))

    def count(self, at: datetime) -> int:
        """How many trades have happened at an instant."""
        return bisect_right(self.times, (at - self.session.open) // timedelta(milliseconds=1))

    def time(self, n: int) -> datetime:
        """When trade ``n`` happened."""
        return self.session.open + timedelta(milliseconds=self.times[n])

    def is_of_auction(self, n: int) -> bool:
        """Whether trade ``n`` is the opening auction's or the closing auction's."""
        return (n == 0 and self.times[n] == 0) or self.times[n] == int(self.session.seconds * 1000)

    def trade(self, n: int) -> Trade:
        """Trade ``n``, counted from 0."""
        total, bought = self.volumes[n], self._bought_volumes[n]
        strength = bought * 100 / (total - bought) if total > bought else 0.0
        return Trade(
            self.time(n), self.prices[n], self.sizes[n], total, self.values[n], bool(self.bought[n]), strength
        )

    def high_at(self, count: int) -> datetime:
        """When the highest of the first ``count`` trades (at least one) first happened."""
        return self.time(bisect_left(self.highs, self.highs[count - 1]))

    def low_at(self, count: int) -> datetime:
        """When the lowest of the first ``count`` trades (at least one) first happened."""
        return self.time(bisect_left(self.lows, -self.lows[count - 1], key=lambda price: -price))

    def minute_bars(self, count: int) -> list[MinuteBar]:
        """The bars of the first ``count`` trades, oldest first."""
        whole = bisect_right(self._minute_ends, count)
        bars = self._whole_bars[:whole]
        begin = self._minute_ends[whole - 1] if whole else 0
        if begin < count:
            bars.append(self._bar(begin, count))
        return bars

    @functools.cached_property
    def _bought_volumes(self) -> array[int]:
        pairs = zip(self.sizes, self.bought, strict=True)
        return array("q", accumulate(size if bought else 0 for size, bought in pairs))

    @functools.cached_property
    def _minute_ends(self) -> list[int]:
        """For each minute with trades, how many trades there are up to its end."""
        minutes = [time // _MINUTE for time in self.times]
        ends = [n for n, (here, then) in enumerate(pairwise(minutes), 1) if here != then]
        return [*ends, len(minutes)] if minutes else []

    @functools.cached_property
    def _whole_bars(self) -> list[MinuteBar]:
        return [self._bar(begin, end) for begin, end in pairwise([0, *self._minute_ends])]

    def _bar(self, begin: int, end: int) -> MinuteBar:
        prices = self.prices[begin:end]
        before = (self.volumes[begin - 1], self.values[begin - 1]) if begin else (0, 0)
        total_volume, total_value = self.volumes[end - 1], self.values[end - 1]
        return MinuteBar(
            self.session.open + timedelta(minutes=self.times[begin] // _MINUTE),
            prices[0], max(prices), min(prices), prices[-1],
            total_volume - before[0], total_value - before[1], total_volume, total_value,
        )  # fmt: skip
