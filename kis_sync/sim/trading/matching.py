"""What the market shows to an order, at what price an order meets it, and what our orders took of it already.

This room changes when an order meets the market's shown shares in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from kis_sync.market.hours import SessionName, previous_trading_day, regular_session
from kis_sync.sim.prices.book import Book, Level
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.crossing import Match, reaches
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.resting import (
    AFTER_CLOSE_KIND,
    BEFORE_OPEN_KIND,
    BEST_KINDS,
    MARKET_KINDS,
    MIDPOINT_KINDS,
    PRICED_KINDS,
    RestingOrder,
    Ticket,
)

_SHOWS_YESTERDAY = (SessionName.BEFORE_OPEN, SessionName.NXT_PRE)
_AT_A_CLOSE = (BEFORE_OPEN_KIND, AFTER_CLOSE_KIND)


class Shown(NamedTuple):
    """The levels that orders of ``side`` meet, best first, and since when they are so."""

    side: Side
    levels: Sequence[Level]
    changed_at: datetime


def walk(levels: Iterable[Level], side: Side, limit: int | None, quantity: int) -> Iterator[Match]:
    """What an order takes of the other side's levels, best first."""
    for level in levels:
        if quantity <= 0 or not reaches(side, limit, level.price):
            return
        taken = min(quantity, level.size)
        if taken:
            quantity -= taken
            yield Match(level.price, taken)


class Taken:
    """What our own orders took of one listing's book, so that the same shares are not sold twice."""

    def __init__(self) -> None:
        self._taken: dict[Side, tuple[datetime, dict[int, int]]] = {}

    def left(self, shown: Shown) -> Sequence[Level]:
        """The levels without what was taken since they changed."""
        changed_at, gone = self._taken.get(shown.side, (shown.changed_at, {}))
        if changed_at != shown.changed_at or not gone:
            return shown.levels
        return [Level(price, max(0, size - gone.get(price, 0))) for price, size in shown.levels]

    def take(self, shown: Shown, match: Match) -> None:
        """Note that shares of a level are gone."""
        changed_at, gone = self._taken.get(shown.side, (shown.changed_at, {}))
        if changed_at != shown.changed_at:
            gone = {}
        gone[match.price] = gone.get(match.price, 0) + match.quantity
        self._taken[shown.side] = (shown.changed_at, gone)


class Display:
    """One listing's book on one day as orders meet it, in whichever session."""

    def __init__(self, market: Market, code: str, day: date) -> None:
        self._market = market
        self._code = code
        self._day = day
        self.taken = Taken()

    def price(self, at: datetime) -> int:
        """The last price, won."""
        return self._market.quote(self._code, at).price

    def book(self, session: SessionName, at: datetime) -> Book:
        """The book that is shown in a session: before the open the one that yesterday ended with."""
        if session in _SHOWS_YESTERDAY:
            at = regular_session(previous_trading_day(self._day)).close
        return self._market.book(self._code, at)

    def limit_of(self, ticket: Ticket, session: SessionName, at: datetime) -> int | None:
        """The price at which an order fills or better, ``None`` for one at market."""
        if ticket.kind in MARKET_KINDS:
            return None
        if ticket.kind in PRICED_KINDS:
            return ticket.price
        if ticket.kind == AFTER_CLOSE_KIND:
            return self.price(at)
        book = self.book(session, at)
        if ticket.kind in MIDPOINT_KINDS:
            return _middle(book, ticket.side) or self.price(at)
        takes_asks = (ticket.side is Side.BUY) == (ticket.kind in BEST_KINDS)
        own = book.bids if takes_asks else book.asks
        levels = (book.asks if takes_asks else book.bids) or own
        return levels[0].price if levels else self.price(at)

    def meets(self, order: RestingOrder, book: Book) -> Shown:
        """What others have for an order: the levels, or something at the one price that its kind allows."""
        side, kind = order.ticket.side, order.ticket.kind
        levels = book.asks if side is Side.BUY else book.bids
        if order.limit is not None and kind in _AT_A_CLOSE:
            levels = tuple(Level(order.limit, level.size) for level in levels[:1])
        elif order.limit is not None and kind in MIDPOINT_KINDS:
            size = min(levels[0].size for levels in (book.asks, book.bids)) if book.asks and book.bids else 0
            levels = (Level(order.limit, size),)
        return Shown(side, levels, book.changed_at)

    def waiting_at(self, order: RestingOrder, price: int, book: Book) -> int:
        """How many shares of others are shown at the price where an order comes to rest."""
        if order.ticket.kind in _AT_A_CLOSE:
            return 0
        others = opposite(order.ticket.side, book)
        return sum(level.size for level in self.taken.left(others) if level.price == price)


def opposite(side: Side, book: Book) -> Shown:
    """What the orders on the other side of ``side`` meet: the levels of its own side."""
    if side is Side.BUY:
        return Shown(Side.SELL, book.bids, book.changed_at)
    return Shown(Side.BUY, book.asks, book.changed_at)


def _middle(book: Book, side: Side) -> int | None:
    """The middle of the best prices in whole won, half a won to the order's favour."""
    if not (book.asks and book.bids):
        return None
    both = book.asks[0].price + book.bids[0].price
    return both // 2 if side is Side.BUY else -(-both // 2)
