"""The matching core: one listing's resting orders, which it knows by price, side, number and quantity only.

The rules, whatever the order of calls:

- The better price comes first; at one price whoever rested first. A smaller quantity keeps its place.
- Who comes later pays or gets the price of the one who rests; never beyond a limit.
- *Others*, the market's own shares at a price, stand in the same queues: an order that rests is behind those
  shown there at that moment, and never in front of an earlier one of ours. What is traded at its price uses
  them up first. Others who are no longer shown have left.
- Nothing here knows money, time or whose order it is; the same calls have the same matches.

This room changes when orders match by another rule.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kis_sync.sim.prices.book import Level
from kis_sync.sim.trading.ledger import Side


class Match(NamedTuple):
    """So many shares at a price in won, with the resting order of that number; 0 stands for others."""

    price: int
    quantity: int
    number: int = 0


class Standing(NamedTuple):
    """A resting order: its number, its price in won and its open shares."""

    number: int
    price: int
    quantity: int


@dataclass(slots=True)
class _Waiting:
    number: int
    quantity: int
    others: int
    """Shares of others between this order and the one of ours before it."""


def reaches(side: Side, limit: int | None, price: int) -> bool:
    """Whether an order with that limit (``None``: at market) accepts a price."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


class _Half:
    """One side: a queue a price."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._sign = 1 if side is Side.BUY else -1
        self._keys: list[int] = []  # the prices, the best last: those of sells negative
        self.queues: dict[int, deque[_Waiting]] = {}

    @property
    def best(self) -> int | None:
        return self._sign * self._keys[-1] if self._keys else None

    def accepts(self, price: int) -> bool:
        """Whether the best order here accepts a price."""
        return bool(self._keys) and self._sign * price <= self._keys[-1]

    def join(self, price: int, waiting: _Waiting, shown: int) -> None:
        if price not in self.queues:
            insort(self._keys, self._sign * price)
            self.queues[price] = deque()
        queue = self.queues[price]
        waiting.others = max(0, shown - sum(each.others for each in queue))
        queue.append(waiting)

    def clear_up(self, price: int) -> None:
        """Forget a price that nobody waits at any more."""
        if not self.queues[price]:
            del self.queues[price]
            del self._keys[bisect_left(self._keys, self._sign * price)]

    def standing(self, limit: int | None = None) -> Iterator[Standing]:
        """The orders that are first, down to a price, in their order."""
        for key in reversed(self._keys):
            price = self._sign * key
            if limit is not None and not reaches(self._side, price, limit):
                return
            for each in self.queues[price]:
                yield Standing(each.number, price, each.quantity)


class Crossing:
    """The resting orders of one listing; a number must not be used twice."""

    def __init__(self) -> None:
        self._halves = {side: _Half(side) for side in Side}
        self._places: dict[int, tuple[_Half, int]] = {}

    def rest(self, side: Side, number: int, price: int, quantity: int, shown: int = 0) -> None:
        """Let an order rest at the end of its queue, behind ``shown`` shares of others there at least."""
        half = self._halves[side]
        half.join(price, _Waiting(number, quantity, 0), shown)
        self._places[number] = half, price

    def reduce(self, number: int, quantity: int) -> None:
        """Take open shares of a resting order back: the rest keeps its place. ``KeyError`` without it."""
        half, price = self._places[number]
        queue = half.queues[price]
        at = next(n for n, each in enumerate(queue) if each.number == number)
        queue[at].quantity -= quantity
        if queue[at].quantity > 0:
            return
        if at + 1 < len(queue):
            queue[at + 1].others += queue[at].others
        del queue[at]
        del self._places[number]
        half.clear_up(price)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def standing(self, side: Side) -> list[Standing]:
        """The resting orders of a side, first come first served."""
        return list(self._halves[side].standing())

    def elders(self, side: Side, limit: int | None) -> list[Standing]:
        """Those that come before a new order with that limit: none before one at market."""
        return [] if limit is None else list(self._halves[side].standing(limit))

    def is_touched(self, price: int) -> bool:
        """Whether a trade at that price is of any matter to an order here."""
        return any(half.accepts(price) for half in self._halves.values())

    def available(self, side: Side, limit: int | None, levels: Iterable[Level]) -> int:
        """How many shares a new order would find: resting ones, and of others those on ``levels``."""
        ours = sum(
            each.quantity
            for each in self._halves[_other(side)].standing()
            if reaches(side, limit, each.price)
        )
        return ours + sum(level.size for level in levels if reaches(side, limit, level.price))

    def meet(self, side: Side, limit: int | None, quantity: int, levels: Sequence[Level]) -> list[Match]:
        """What a new order takes, best price first: of resting orders and of others on ``levels``."""
        half, matches, at = self._halves[_other(side)], list[Match](), 0
        while quantity:
            theirs = levels[at] if at < len(levels) else None
            prices = [price for price in (half.best, theirs and theirs.price) if price is not None]
            price = min(prices, default=None) if side is Side.BUY else max(prices, default=None)
            if price is None or not reaches(side, limit, price):
                break
            is_theirs = theirs is not None and theirs.price == price
            size = theirs.size if theirs is not None and is_theirs else 0
            for match in self._take(half, price, quantity, size):
                matches.append(match)
                quantity -= match.quantity
            at += is_theirs
        return matches

    def _take(self, half: _Half, price: int, quantity: int, size: int) -> Iterator[Match]:
        """Shares at one price, in the order of the queue; ``size`` is what others show there."""
        queue = half.queues.get(price)
        while queue and quantity:
            first = queue[0]
            passed = min(first.others, size, quantity)
            first.others -= passed
            size -= passed
            quantity -= passed
            if passed:
                yield Match(price, passed)
            if quantity:
                first.others = 0
                yield (match := self._fill_first(half, price, quantity))
                quantity -= match.quantity
                queue = half.queues.get(price)
        if quantity and size:
            yield Match(price, min(quantity, size))

    def trade(self, price: int, volume: int) -> list[Match]:
        """What resting orders get of a trade between others: their own price, as far as its volume goes.

        A trade beyond the price of an order says that nobody stands in front of it any more.
        """
        matches = []
        for half in self._halves.values():
            left = volume
            while left and half.accepts(price) and (best := half.best) is not None:
                first = half.queues[best][0]
                passed = min(first.others, left) if best == price else 0
                first.others = first.others - passed if best == price else 0
                left -= passed
                if left:
                    matches.append(match := self._fill_first(half, best, left))
                    left -= match.quantity
        return matches

    def _fill_first(self, half: _Half, price: int, quantity: int) -> Match:
        """Shares of the first order at a price, which is gone when it has no more."""
        queue = half.queues[price]
        first = queue[0]
        filled = min(first.quantity, quantity)
        first.quantity -= filled
        if not first.quantity:
            queue.popleft()
            del self._places[first.number]
            half.clear_up(price)
        return Match(price, filled, first.number)


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


# -- one price for all ---------------------------------------------------------------------------------


class Call(NamedTuple):
    """What a call auction is settled at: price in won, and volume."""

    price: int
    volume: int


def call_price(buys: Sequence[Standing], sells: Sequence[Standing], reference: int) -> Call:
    """The price at which most is traded; no volume at ``reference`` when nothing is.

    Of several the one that leaves least over, then the nearest to ``reference``, then the lowest.
    """

    def rank(price: int) -> tuple[int, int, int, int]:
        demand = sum(each.quantity for each in buys if each.price >= price)
        supply = sum(each.quantity for each in sells if each.price <= price)
        return -min(demand, supply), abs(demand - supply), abs(price - reference), price

    volume, _, _, price = min((rank(each.price) for each in (*buys, *sells)), default=(0, 0, 0, reference))
    return Call(price, -volume) if volume else Call(reference, 0)


def deal(side: Side, orders: Sequence[Standing], price: int, volume: int) -> Iterator[Match]:
    """Who gets the volume of a call auction: the better price first, then as they stand in ``orders``."""
    sign = -1 if side is Side.BUY else 1
    for each in sorted(orders, key=lambda order: sign * order.price):
        dealt = min(each.quantity, volume) if reaches(side, each.price, price) else 0
        if dealt:
            volume -= dealt
            yield Match(price, dealt, each.number)
