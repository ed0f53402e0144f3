"""The broker between customers and market: accepts, changes and cancels orders, and lets them fill.

Nothing runs in the background: what happened since the last look is worked out from the market's past
when somebody looks, so the same orders at the same times always end the same way. This room changes when
orders are accepted or carried out in another way.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from kis_sync.catalog import Mode
from kis_sync.clock import Clock
from kis_sync.market.hours import regular_session
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.ledger import Account, Fees, Fill, Side
from kis_sync.sim.listings import ListingInfo
from kis_sync.sim.market import Market
from kis_sync.sim.matching import Taken, auction_trade, first_filling_trade, reaches, walk
from kis_sync.sim.question import input_refused
from kis_sync.sim.resting import (
    ALL_OR_NOTHING_KINDS,
    AT_ONCE_KINDS,
    BEST_KINDS,
    MARKET_KINDS,
    PRICED_KINDS,
    RestingOrder,
    Ticket,
)
from kis_sync.sim.rules import Reason, Rules, in_auction

_FIRST_NUMBER = {Mode.LIVE: 1_569_001, Mode.PAPER: 38_601}
BRANCH = {Mode.LIVE: "06010", Mode.PAPER: "00950"}
"""The branch that KIS's answers name for an order."""


class Brokerage:
    """All accounts and orders of one simulator; public methods are safe to use from many threads."""

    def __init__(
        self,
        market: Market,
        clock: Clock,
        mode: Mode,
        assumptions: Assumptions,
        *,
        cash: int,
        account_nos: Mapping[str, str] | None = None,
    ) -> None:
        self.fees = Fees(assumptions.commission_percent, assumptions.sales_tax_percent)
        self.rules = Rules(mode, assumptions)
        self._market = market
        self._clock = clock
        self._mode = mode
        self._assumptions = assumptions
        self._cash = cash
        self._account_nos = account_nos
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every account and order."""
        with self._lock:
            self._accounts: dict[tuple[str, str], Account] = {}
            self._owners: dict[tuple[str, str], str] = {}
            self._orders: dict[int, RestingOrder] = {}
            self._open: dict[int, RestingOrder] = {}
            self._numbers = itertools.count(_FIRST_NUMBER[self._mode])
            self._taken = Taken()

    @contextmanager
    def present(self) -> Iterator[datetime]:
        """Hold the books still at the present, with everything filled that the market filled until now."""
        with self._lock:
            now = self._clock.now()
            for order in list(self._open.values()):
                self._advance(order, now)
            yield now

    def account(self, app_key: str, cano: str, product: str) -> Account:
        """The account of an app key, opened at first use; raises OPSQ2000 when it is another's."""
        key = (cano, product)
        known = self._account_nos
        fits = len(cano) == 8 and len(product) == 2 and (cano + product).isdecimal() and cano.isascii()
        with self._lock:
            if known is not None:
                fits = fits and known.get(app_key, "").replace("-", "") == cano + product
            if not fits or self._owners.setdefault(key, app_key) != app_key:
                raise input_refused("OPSQ2000", "ERROR : INPUT INVALID_CHECK_ACNO")
            if key not in self._accounts:
                self._accounts[key] = Account(cano, product, self._cash)
            return self._accounts[key]

    def orders_of(self, account: Account) -> list[RestingOrder]:
        """Every order of an account, cancellations too, in the order they were given."""
        with self._lock:
            return [order for order in self._orders.values() if order.ticket.account is account]

    # -- taking orders -----------------------------------------------------------------------------

    def place(self, ticket: Ticket) -> RestingOrder:
        """Accept an order, and fill at once what the book can; raises the refusal otherwise."""
        with self.present() as now:
            self._check(ticket, now)
            self._check_means(ticket, ticket.account.orderable, ticket.account.sellable(ticket.code))
            return self._accept(ticket, now)

    def change(
        self, account: Account, number: int, kind: str, quantity: int | None, price: int | None, exchange: str
    ) -> RestingOrder:
        """Move ``quantity`` open shares (``None``: all) of an order to a new order; raises the refusal."""
        with self.present() as now:
            self.rules.check_hours(now)
            original = self._changeable(account, number, quantity, exchange)
            moved = original.remaining if quantity is None else quantity
            ticket = replace(original.ticket, kind=kind, quantity=moved, price=price)
            self._check(ticket, now)
            freed = self._aside(original, original.remaining) - self._aside(
                original, original.remaining - moved
            )
            self._check_means(ticket, account.orderable + freed, account.sellable(ticket.code) + moved)
            self._withdraw(original, moved)
            return self._accept(ticket, now, original=number)

    def cancel(self, account: Account, number: int, quantity: int | None, exchange: str) -> RestingOrder:
        """Cancel ``quantity`` open shares (``None``: all) of an order; the record of the cancellation."""
        with self.present() as now:
            self.rules.check_hours(now)
            original = self._changeable(account, number, quantity, exchange)
            gone = original.remaining if quantity is None else quantity
            self._withdraw(original, gone)
            original.cancelled += gone
            record = RestingOrder(
                next(self._numbers),
                replace(original.ticket, quantity=gone),
                now,
                original.limit,
                now,
                upper=original.upper,
                original=number,
                is_cancellation=True,
                cancelled=gone,
            )
            self._orders[record.number] = record
            return record

    def reserve_price(self, code: str, kind: str, price: int | None, now: datetime) -> int:
        """At what price a buy is reserved: its own, or the upper limit when it has none."""
        if kind in PRICED_KINDS and price is not None:
            return price
        return self._market.quote(code, now).upper

    def tradable(self, code: str) -> ListingInfo:
        """The listing of a code that orders may name; raises the refusal of an unknown one."""
        listing = self._market.listing(code)
        if listing is None:
            raise self.rules.refusal(Reason.NO_SUCH_CODE)
        return listing

    # -- checks ------------------------------------------------------------------------------------

    def _check(self, ticket: Ticket, now: datetime) -> None:
        listing = self.tradable(ticket.code)
        self.rules.check_kind(ticket.kind, ticket.exchange)
        self.rules.check_hours(now)
        if listing.halted:
            raise self.rules.refusal(Reason.HALTED)
        if ticket.kind in PRICED_KINDS:
            self.rules.check_price(ticket.price or 0, self._market.quote(ticket.code, now), listing)

    def _check_means(self, ticket: Ticket, cash: int, shares: int) -> None:
        if ticket.side is Side.SELL:
            if ticket.quantity > shares:
                raise self.rules.refusal(Reason.SHARES)
            return
        price = self.reserve_price(ticket.code, ticket.kind, ticket.price, self._clock.now())
        if self.fees.purchase(ticket.quantity, price) > cash:
            raise self.rules.refusal(Reason.CASH)

    def _changeable(self, account: Account, number: int, quantity: int | None, exchange: str) -> RestingOrder:
        order = self._orders.get(number)
        if order is None or order.ticket.account is not account or order.ticket.exchange != exchange:
            raise self.rules.refusal(Reason.NO_SUCH_ORDER)
        if not order.remaining or (quantity or 0) > order.remaining:
            raise self.rules.refusal(Reason.NOTHING_LEFT)
        if quantity == 0:
            raise self.rules.refusal(Reason.NOTHING_LEFT)
        return order

    # -- carrying out ------------------------------------------------------------------------------

    def _accept(self, ticket: Ticket, now: datetime, original: int = 0) -> RestingOrder:
        quote = self._market.quote(ticket.code, now)
        order = RestingOrder(
            number=next(self._numbers),
            ticket=ticket,
            placed_at=now,
            limit=self._limit(ticket, now),
            checked=now,
            upper=quote.upper,
            original=original,
            waits_for_open=now < regular_session(now.date()).open,
        )
        self._orders[order.number] = self._open[order.number] = order
        self._set_aside(order)
        if not in_auction(now):
            self._take(order, now)
        return order

    def _limit(self, ticket: Ticket, now: datetime) -> int | None:
        if ticket.kind in MARKET_KINDS:
            return None
        if ticket.kind in PRICED_KINDS:
            return ticket.price
        book = self._market.book(ticket.code, now)
        takes_asks = (ticket.side is Side.BUY) == (ticket.kind in BEST_KINDS)
        own = book.bids if takes_asks else book.asks
        levels = (book.asks if takes_asks else book.bids) or own
        return levels[0].price if levels else self._market.quote(ticket.code, now).price

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
        if ends_at_once or (order.limit is None and self._assumptions.cancel_market_rest):
            order.cancelled += order.remaining
            self._withdraw(order, order.remaining)
        elif order.limit is None:
            order.limit = matches[-1].price if matches else self._market.quote(ticket.code, at).price
            self._set_aside(order)

    def _advance(self, order: RestingOrder, now: datetime) -> None:
        """Let happen to a resting order what the market did until now."""
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
            tax = self.fees.tax(value, self.tradable(ticket.code).kind, at.date())
        fee = self.fees.commission(value)
        fill = Fill(at, order.number, ticket.side, ticket.code, quantity, price, fee, tax)
        order.filled += quantity
        order.filled_value += value
        self._set_aside(order)
        ticket.account.book(fill)

    def _withdraw(self, order: RestingOrder, quantity: int) -> None:
        order.withdrawn += quantity
        self._set_aside(order)

    def _set_aside(self, order: RestingOrder) -> None:
        """Reserve exactly what the open shares of an order can still need."""
        account = order.ticket.account
        if not order.remaining:
            account.release(order.number)
            self._open.pop(order.number, None)
        elif order.ticket.side is Side.BUY:
            account.reserve_cash(order.number, self._aside(order, order.remaining))
        else:
            account.lock_shares(order.number, order.ticket.code, order.remaining)

    def _aside(self, order: RestingOrder, quantity: int) -> int:
        if order.ticket.side is Side.SELL or not quantity:
            return 0
        return self.fees.purchase(quantity, order.upper if order.limit is None else order.limit)
