"""The trading floor: sets aside what accepted orders need and lets them fill.

Nothing runs in the background: what happened since the last look is worked out from the market's past
when somebody looks, so the same orders at the same times always end the same way. This room changes when
orders are carried out in another way.
"""

from __future__ import annotations

from datetime import datetime

from kis_sync.market.hours import regular_session
from kis_sync.market.ticks import Listing
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.ledger import Account, Fees, Fill, Side
from kis_sync.sim.trading.matching import Taken, auction_trade, first_filling_trade, reaches, walk
from kis_sync.sim.trading.resting import (
    ALL_OR_NOTHING_KINDS,
    AT_ONCE_KINDS,
    BEST_KINDS,
    MARKET_KINDS,
    PRICED_KINDS,
    RestingOrder,
    Ticket,
)
from kis_sync.sim.trading.rules import in_auction


class Floor:
    """All open orders; not locked: the brokerage calls it one at a time."""

    def __init__(self, market: Market, fees: Fees, assumptions: Assumptions) -> None:
        self._market = market
        self._fees = fees
        self._rests_are_cancelled = assumptions.cancel_market_rest
        self._open: dict[int, RestingOrder] = {}
        self._taken = Taken()
        self._unbooked: list[tuple[Account, Fill]] = []

    def enter(self, order: RestingOrder) -> None:
        """Take in a new order, and fill at once what the book can."""
        self._open[order.number] = order
        self._set_aside(order)
        if not in_auction(order.placed_at):
            self._take(order, order.placed_at)
        self._book()

    def advance(self, now: datetime) -> None:
        """Let happen to all open orders what the market did until now."""
        for order in list(self._open.values()):
            self._advance(order, now)
        self._book()

    def withdraw(self, order: RestingOrder, quantity: int) -> None:
        """Take open shares of an order back."""
        order.withdrawn += quantity
        self._set_aside(order)

    def limit_of(self, ticket: Ticket, now: datetime) -> int | None:
        """The price at which an order fills or better, ``None`` for one at market."""
        if ticket.kind in MARKET_KINDS:
            return None
        if ticket.kind in PRICED_KINDS:
            return ticket.price
        book = self._market.book(ticket.code, now)
        takes_asks = (ticket.side is Side.BUY) == (ticket.kind in BEST_KINDS)
        own = book.bids if takes_asks else book.asks
        levels = (book.asks if takes_asks else book.bids) or own
        return levels[0].price if levels else self._market.quote(ticket.code, now).price

    def aside(self, order: RestingOrder, quantity: int) -> int:
        """The cash held for so many open shares in won: at the upper limit for a buy without a price."""
        ticket = order.ticket
        if ticket.side is Side.SELL or not quantity:
            return 0
        price = ticket.price if ticket.kind in PRICED_KINDS else None
        return self._fees.purchase(quantity, order.upper if price is None else price)

    def _take(self, order: RestingOrder, at: datetime) -> None:
        """Fill from the shown book, and decide about the rest of an order that may not rest."""
        ticket = order.ticket
        book = self._market.book(ticket.code, at)
        levels = self._taken.left(ticket.code, ticket.side, book)
        matches = list(walk(levels, ticket.side, order.limit, order.remaining))
        enough = sum(match.quantity for match in matches) == order.remaining
        if ticket.kind in ALL_OR_NOTHING_KINDS and not enough:
            matches = []
        for match in matches:
            self._taken.take(ticket.code, ticket.side, book, match)
            self._fill(order, match.price, match.quantity, at)
        if not order.remaining:
            return
        ends_at_once = ticket.kind in AT_ONCE_KINDS | ALL_OR_NOTHING_KINDS
        if ends_at_once or (order.limit is None and self._rests_are_cancelled):
            order.cancelled += order.remaining
            self.withdraw(order, order.remaining)
        elif order.limit is None:
            order.limit = matches[-1].price if matches else self._market.quote(ticket.code, at).price
            self._set_aside(order)

    def _advance(self, order: RestingOrder, now: datetime) -> None:
        code, side = order.ticket.code, order.ticket.side
        session = regular_session(order.day)
        if order.waits_for_open and now >= session.open:
            order.waits_for_open = False
            order.checked = session.open
            opening = auction_trade(self._market, code, session.open)
            if opening is not None and reaches(side, order.limit, opening.price):
                self._fill(order, opening.price, order.remaining, session.open)
            else:
                self._take(order, session.open)
        until = min(now, session.close)
        if order.remaining and not order.waits_for_open and order.checked < until:
            filling = first_filling_trade(self._market, code, side, order.limit, order.checked, until)
            order.checked = until
            if filling is not None:
                self._fill(order, filling.price, order.remaining, filling.at)
        if order.remaining and now >= session.close:
            order.lapsed += order.remaining
            self._set_aside(order)

    def _fill(self, order: RestingOrder, price: int, quantity: int, at: datetime) -> None:
        ticket, value = order.ticket, price * quantity
        tax = 0
        if ticket.side is Side.SELL:
            listing = self._market.listing(ticket.code)
            tax = self._fees.tax(value, listing.kind if listing else Listing.STOCK, at.date())
        fee = self._fees.commission(value)
        fill = Fill(at, order.number, ticket.side, ticket.code, quantity, price, fee, tax)
        order.filled += quantity
        order.filled_value += value
        self._set_aside(order)
        self._unbooked.append((ticket.account, fill))

    def _book(self) -> None:
        """Book what was filled in the order of time: the cost of what is sold depends on it."""
        self._unbooked.sort(key=lambda each: (each[1].at, each[1].order_number))
        for account, fill in self._unbooked:
            account.book(fill)
        self._unbooked.clear()

    def _set_aside(self, order: RestingOrder) -> None:
        """Reserve what the open shares of an order hold."""
        account = order.ticket.account
        if not order.remaining:
            account.release(order.number)
            self._open.pop(order.number, None)
        elif order.ticket.side is Side.BUY:
            account.reserve_cash(order.number, self.aside(order, order.remaining))
        else:
            account.lock_shares(order.number, order.ticket.code, order.remaining)
