"""The pit of one listing on one exchange on one day: our orders there, and the market that moves past them.

The model. An order that comes in takes the shown levels and the orders of ours that rest on the other side,
the best price first; orders of ours that rest on its own side and are ahead of it take shown levels first.
What rests stands behind the shares shown at its price then. A trade of the market at that price uses those up
and fills ours with what is left of its volume; a trade strictly beyond it fills ours, each at its own price,
as far as its volume goes. The market's auctions fill at their price orders that accept it, on each side as
many shares as the market's auction traded and what buys and sells of ours beyond that can give each other: at
market first, then the better price, then who came first. What is left rests on; an auction that finds no
price there fills nothing. What our orders do moves no price and shows in no book, except that shown shares
are taken once only.

Outside KRX's regular hours the market has no trades: orders meet the last book that was shown, and each
other, and rest. In the sessions at a closing price the market has as many shares as its best level shows.

Nothing runs in the background: ``advance`` works out what happened since the last look, trade by trade, so
the same orders at the same times always end the same way. This room changes when orders are carried out in
another way.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Protocol

from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName
from kis_sync.sim.prices.book import Level
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.admission import CALL
from kis_sync.sim.trading.crossing import Crossing, Match, Standing, call_price, deal, reaches
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.matching import Display, Shown, opposite, walk
from kis_sync.sim.trading.resting import (
    ALL_OR_NOTHING_KINDS,
    AT_ONCE_KINDS,
    CONDITIONAL_KIND,
    STOP_KIND,
    RestingOrder,
)

_INSTANT = timedelta(milliseconds=1)
_NEVER = datetime.max.replace(tzinfo=KST)
_ANY = {Side.BUY: sys.maxsize, Side.SELL: 0}
"""The limit of an order that takes any price, won."""


class Clearing(Protocol):
    """Who books what happens in a pit."""

    def fill(self, order: RestingOrder, price: int, quantity: int, at: datetime) -> None:
        """Shares changed hands."""

    def give_up(self, order: RestingOrder, *, is_cancelled: bool) -> None:
        """What was open of an order is given up: cancelled, or at the end of its time."""


class Pit:
    """One pit; not locked. ``next_at`` is when something can happen next."""

    def __init__(
        self, market: Market, code: str, venue: Exchange, day: date, clearing: Clearing, *, cancel_rests: bool
    ) -> None:
        self.day = day
        self.display = Display(market, code, day)
        self._is_krx = venue is Exchange.KRX
        self._clearing = clearing
        self._cancel_rests = cancel_rests
        self._tape = market.tape(code, day)
        self._followed = 0  # trades of the tape
        self._crossing = Crossing()
        self._orders: dict[int, RestingOrder] = {}
        self._asleep: dict[int, RestingOrder] = {}
        self._joining: dict[int, RestingOrder] = {}
        self._moments: list[datetime] = []
        self.next_at = _NEVER

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open."""
        return not self._orders

    def enter(self, order: RestingOrder) -> None:
        """Take in a new order, and fill at once what can be."""
        at = order.placed_at
        if self.is_empty:
            self._followed = self._tape.count(at)
        self._orders[order.number] = order
        self._expect(order.lapses_at)
        if order.ticket.kind == STOP_KIND:
            order.is_asleep = True
            self._asleep[order.number] = order
        elif order.joins_at is not None:
            self._join_later(order, order.joins_at)
        else:
            self._meet(order, at)
        self._look_ahead()

    def withdraw(self, order: RestingOrder, quantity: int) -> None:
        """Open shares of an order were taken back; the rest keeps its place."""
        if order.number in self._crossing:
            self._crossing.reduce(order.number, quantity)
        self._forget_if_done(order)

    def advance(self, now: datetime) -> None:
        """Let happen what the market did until now."""
        while self._moments and self._moments[0] <= now:
            moment = heapq.heappop(self._moments)
            self._replay(moment - _INSTANT)
            self._strike(moment)
        self._replay(now)
        self._look_ahead()

    # -- what the market does --------------------------------------------------------------------------

    def _expect(self, moment: datetime) -> None:
        if moment not in self._moments:
            heapq.heappush(self._moments, moment)

    def _look_ahead(self) -> None:
        """Note when something can happen next: a moment, or the next trade."""
        self.next_at = self._moments[0] if self._moments else _NEVER
        if self._orders and self._followed < len(self._tape.times):
            self.next_at = min(self.next_at, self._tape.time(self._followed))

    def _replay(self, until: datetime) -> None:
        """The trades up to a moment, one by one."""
        tape, end = self._tape, self._tape.count(until)
        while self._followed < end:
            n = self._followed
            self._followed += 1
            price = tape.prices[n]
            if not (self._asleep or self._crossing.is_touched(price)):
                continue
            if self._is_krx or not tape.is_of_auction(n):
                self._settle(self._crossing.trade(price, tape.sizes[n]), tape.time(n))
                self._wake(price, tape.time(n))

    def _strike(self, moment: datetime) -> None:
        """What a clock time brings: an auction, a call, a session's begin or end."""
        joining = [order for order in self._joining.values() if order.joins_at == moment]
        for order in joining:
            del self._joining[order.number]
        auction = self._auction_of(moment)
        if auction is not None:
            self._auction(auction, moment)
        if joining and joining[0].session is SessionName.SINGLE_PRICE:
            self._call(joining, moment)
        for order in joining:
            if order.remaining and order.joins_at == moment < order.lapses_at:
                self._meet(order, moment)
        for order in [order for order in self._orders.values() if order.lapses_at <= moment]:
            self._give_up(order, is_cancelled=False)
        if auction is not None:
            self._wake(auction.price, moment)

    def _auction_of(self, moment: datetime) -> Level | None:
        """Price and volume of the market's auction of that moment, if there is one and it was settled."""
        tape, n = self._tape, self._followed
        if not self._is_krx or n >= len(tape.times) or not tape.is_of_auction(n) or tape.time(n) != moment:
            return None
        self._followed += 1
        return Level(tape.prices[n], tape.sizes[n])

    def _auction(self, auction: Level, at: datetime) -> None:
        """Deal out the market's auction, and what ours can give each other beyond it."""
        price, volume = auction
        standing = {side: self._at_auction(side, price, at) for side in Side}
        over = min(max(0, sum(each.quantity for each in ours) - volume) for ours in standing.values())
        for side, ours in standing.items():
            for match in deal(side, ours, price, volume + over):
                if match.number in self._crossing:
                    self._crossing.reduce(match.number, match.quantity)
                self._settle([match], at)

    def _at_auction(self, side: Side, price: int, at: datetime) -> list[Standing]:
        """Our orders that accept the price, in the order they came; a conditional limit any at the close."""
        is_close = at == self._tape.session.close
        found = []
        for order in self._orders.values():
            waits = order.is_asleep or (order.joins_at is not None and order.joins_at > at)
            limit = order.limit
            if limit is None or (is_close and order.ticket.kind == CONDITIONAL_KIND):
                limit = _ANY[side]
            if order.ticket.side is side and not waits and reaches(side, limit, price):
                found.append(Standing(order.number, limit, order.remaining))
        return found

    def _wake(self, price: int, at: datetime) -> None:
        """Let the stop orders in whose trigger a trade has reached."""
        for order in list(self._asleep.values()):
            trigger = order.ticket.trigger or 0
            if price >= trigger if order.ticket.side is Side.BUY else price <= trigger:
                del self._asleep[order.number]
                self._orders[order.number] = self._orders.pop(order.number)  # it comes in now
                order.is_asleep = False
                self._meet(order, at)

    # -- how orders meet -------------------------------------------------------------------------------

    def _meet(self, order: RestingOrder, at: datetime) -> None:
        """Fill what can be, and decide about the rest."""
        kind, side = order.ticket.kind, order.ticket.side
        book = self.display.book(order.session, at)
        shown = self.display.meets(order, book)
        self._serve_elders(side, order.limit, shown, at)
        matches = self._matches(order, shown)
        for match in matches:
            if match.number:
                self._settle([match], at)
            else:
                self.display.taken.take(shown, match)
            self._fill(order, match.price, match.quantity, at)
        if not order.remaining:
            return
        ends_at_once = kind in AT_ONCE_KINDS | ALL_OR_NOTHING_KINDS
        if ends_at_once or (order.limit is None and self._cancel_rests):
            self._give_up(order, is_cancelled=True)
            return
        if order.limit is None:
            order.limit = matches[-1].price if matches else self.display.price(at)
        waiting = self.display.waiting_at(order, order.limit, book)
        self._crossing.rest(side, order.number, order.limit, order.remaining, waiting)

    def _matches(self, order: RestingOrder, shown: Shown) -> list[Match]:
        """What an order takes; nothing when it wants all and there is less."""
        side, limit, quantity = order.ticket.side, order.limit, order.remaining
        levels = self.display.taken.left(shown)
        wants_all = order.ticket.kind in ALL_OR_NOTHING_KINDS
        if wants_all and self._crossing.available(side, limit, levels) < quantity:
            return []
        return self._crossing.meet(side, limit, quantity, levels)

    def _serve_elders(self, side: Side, limit: int | None, shown: Shown, at: datetime) -> None:
        """Orders that are ahead of a new one take what they accept of the shown levels before it."""
        taken = self.display.taken
        for elder in self._crossing.elders(side, limit):
            matches = list(walk(taken.left(shown), side, elder.price, elder.quantity))
            if not matches:
                return
            for match in matches:
                taken.take(shown, match)
                self._crossing.reduce(elder.number, match.quantity)
                self._fill(self._orders[elder.number], match.price, match.quantity, at)

    def _call(self, joining: list[RestingOrder], at: datetime) -> None:
        """One single price of the evening, for our orders and the book that the day ended with."""
        book, taken = self.display.book(SessionName.SINGLE_PRICE, at), self.display.taken
        others = {side: opposite(side, book) for side in Side}
        both = {side: _shown(taken.left(others[side])) + _ours(joining, side) for side in Side}
        price, volume = call_price(both[Side.BUY], both[Side.SELL], self.display.price(at))
        for side, standing in both.items():
            for match in deal(side, standing, price, volume):
                if match.number:
                    self._settle([match], at)
                else:
                    taken.take(others[side], match)
        for order in joining:
            if order.remaining and at + CALL <= order.lapses_at:
                self._join_later(order, at + CALL)

    def _join_later(self, order: RestingOrder, moment: datetime) -> None:
        order.joins_at = moment
        self._joining[order.number] = order
        self._expect(moment)

    # -- what comes of it ------------------------------------------------------------------------------

    def _settle(self, matches: Iterable[Match], at: datetime) -> None:
        """Fill the orders of ours that were matched."""
        for match in matches:
            self._fill(self._orders[match.number], match.price, match.quantity, at)

    def _fill(self, order: RestingOrder, price: int, quantity: int, at: datetime) -> None:
        self._clearing.fill(order, price, quantity, at)
        self._forget_if_done(order)

    def _give_up(self, order: RestingOrder, *, is_cancelled: bool) -> None:
        if order.number in self._crossing:
            self._crossing.reduce(order.number, order.remaining)
        self._clearing.give_up(order, is_cancelled=is_cancelled)
        self._forget_if_done(order)

    def _forget_if_done(self, order: RestingOrder) -> None:
        if not order.remaining:
            for kept in (self._orders, self._asleep, self._joining):
                kept.pop(order.number, None)


def _shown(levels: Iterable[Level]) -> list[Standing]:
    return [Standing(0, level.price, level.size) for level in levels if level.size]


def _ours(orders: Iterable[RestingOrder], side: Side) -> list[Standing]:
    return [
        Standing(order.number, order.limit or 0, order.remaining)
        for order in orders
        if order.ticket.side is side
    ]
