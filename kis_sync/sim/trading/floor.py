"""The trading floor: all pits, and for each order what is set aside, what it costs, and when it is done.

This room changes when what an order holds or costs changes.
"""

from __future__ import annotations

from datetime import datetime

from kis_sync.market.exchanges import Exchange
from kis_sync.market.ticks import Listing
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.admission import Admission
from kis_sync.sim.trading.ledger import Account, Fees, Fill, Side
from kis_sync.sim.trading.pit import Pit
from kis_sync.sim.trading.resting import PAID_AT_PRICE_KINDS, RestingOrder, Ticket


class Floor:
    """All open orders; not locked: the brokerage calls it one at a time."""

    def __init__(self, market: Market, fees: Fees, assumptions: Assumptions) -> None:
        self._market = market
        self._fees = fees
        self._cancel_rests = assumptions.cancel_market_rest
        self._pits: dict[tuple[str, Exchange], Pit] = {}
        self._busy: dict[tuple[str, Exchange], Pit] = {}
        self._unbooked: list[tuple[Account, Fill]] = []

    def enter(self, order: RestingOrder) -> None:
        """Take in a new order, and fill at once what can be."""
        key = order.ticket.code, order.venue
        pit = self._pit(*key, order.placed_at)
        self._set_aside(order)
        pit.enter(order)
        if not pit.is_empty:
            self._busy[key] = pit
        self._book()

    def advance(self, now: datetime) -> None:
        """Let happen to all open orders what the market did until now."""
        for key, pit in list(self._busy.items()):
            if pit.next_at <= now:
                pit.advance(now)
                if pit.is_empty:
                    del self._busy[key]
        self._book()

    def withdraw(self, order: RestingOrder, quantity: int) -> None:
        """Take open shares of an order back."""
        order.withdrawn += quantity
        self._set_aside(order)
        self._busy[order.ticket.code, order.venue].withdraw(order, quantity)

    def limit_of(self, ticket: Ticket, admission: Admission, now: datetime) -> int | None:
        """The price at which an order fills or better, ``None`` for one at market."""
        return self._pit(ticket.code, admission.venue, now).display.limit_of(ticket, admission.session, now)

    def aside(self, order: RestingOrder, quantity: int) -> int:
        """The cash held for so many open shares in won: at the upper limit for a buy that may cost that."""
        ticket = order.ticket
        if ticket.side is Side.SELL or not quantity:
            return 0
        price = ticket.price if ticket.kind in PAID_AT_PRICE_KINDS else None
        return self._fees.purchase(quantity, order.upper if price is None else price)

    # -- what the pits tell ----------------------------------------------------------------------------

    def fill(self, order: RestingOrder, price: int, quantity: int, at: datetime) -> None:
        """Shares changed hands: they are booked as soon as all pits have come so far."""
        ticket, value = order.ticket, price * quantity
        tax = 0
        if ticket.side is Side.SELL:
            listing = self._market.listing(ticket.code)
            tax = self._fees.tax(value, listing.kind if listing else Listing.STOCK, at.date())
        fee = self._fees.commission(value)
        fill = Fill(at, order.number, ticket.side, ticket.code, quantity, price, fee, tax)
        order.filled += quantity
        order.filled_value += value
        order.costs += fee + tax
        self._set_aside(order)
        self._unbooked.append((ticket.account, fill))

    def give_up(self, order: RestingOrder, *, is_cancelled: bool) -> None:
        """What was open of an order is given up: cancelled, or at the end of its time."""
        if is_cancelled:
            order.cancelled += order.remaining
            order.withdrawn += order.remaining
        else:
            order.lapsed += order.remaining
        self._set_aside(order)

    # -- books -----------------------------------------------------------------------------------------

    def _pit(self, code: str, venue: Exchange, now: datetime) -> Pit:
        """Today's pit; nothing is left open in one of an earlier day."""
        pit = self._pits.get((code, venue))
        if pit is None or pit.day != now.date():
            pit = Pit(self._market, code, venue, now.date(), self, cancel_rests=self._cancel_rests)
            self._pits[code, venue] = pit
        return pit

    def _book(self) -> None:
        """Book what was filled in the order of time: the cost of what is sold depends on it."""
        if not self._unbooked:
            return
        self._unbooked.sort(key=lambda each: (each[1].at, each[1].order_number))
        for account, fill in self._unbooked:
            account.book(fill)
        self._unbooked.clear()

    def _set_aside(self, order: RestingOrder) -> None:
        """Reserve what the open shares of an order hold."""
        account = order.ticket.account
        if not order.remaining:
            account.release(order.number)
        elif order.ticket.side is Side.BUY:
            account.reserve_cash(order.number, self.aside(order, order.remaining))
        else:
            account.lock_shares(order.number, order.ticket.code, order.remaining)
