"""The broker between customers and market: accepts, reserves, changes and cancels orders.

What the market does to them happens on the ``floor``. This room changes when orders are accepted in another
way.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from kis_sync.catalog import Mode
from kis_sync.clock import Clock
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market
from kis_sync.sim.question import input_refused
from kis_sync.sim.trading.admission import Admission
from kis_sync.sim.trading.floor import Floor
from kis_sync.sim.trading.ledger import Account, Fees, Side
from kis_sync.sim.trading.reasons import Reason
from kis_sync.sim.trading.reservation import Reservation, Reservations, Sending
from kis_sync.sim.trading.resting import BEFORE_OPEN_KIND, PAID_AT_PRICE_KINDS, RestingOrder, Ticket
from kis_sync.sim.trading.rules import Rules

_FIRST_NUMBER = {Mode.LIVE: 1_569_001, Mode.PAPER: 38_601}
BRANCH = {Mode.LIVE: "06010", Mode.PAPER: "00950"}
"""The branch that KIS's answers name for an order."""


class _Checked(NamedTuple):
    """What the checks of an order found out: where it is admitted, and the day's upper limit in won."""

    admission: Admission
    upper: int


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
            self._orders_of: dict[tuple[str, str], list[RestingOrder]] = {}
            self._numbers = itertools.count(_FIRST_NUMBER[self._mode])
            self._reservations = Reservations(self.rules)
            self._floor = Floor(self._market, self.fees, self._assumptions)

    @contextmanager
    def present(self) -> Iterator[datetime]:
        """Hold the books still at the present, with everything done that happened until now."""
        with self._lock:
            now = self._clock.now()
            while (due := self._reservations.next_sending(now)) is not None:
                self._floor.advance(due)
                self._send_reserved(due)
            self._floor.advance(now)
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
            return list(self._orders_of.get((account.cano, account.product), ()))

    def open_orders_of(self, account: Account) -> list[RestingOrder]:
        """The orders of an account that have open shares, in the order they were given."""
        with self._lock:
            return [self._orders[number] for number in sorted(account.holding_for)]

    def reservations_of(self, account: Account) -> list[Reservation]:
        """Every reserved order of an account, cancelled ones too, in the order they were given."""
        with self._lock:
            return self._reservations.of(account)

    # -- taking orders -----------------------------------------------------------------------------

    def place(self, ticket: Ticket) -> RestingOrder:
        """Accept an order, and fill at once what the book can; raises the refusal otherwise."""
        with self.present() as now:
            self.rules.check_product(ticket.account.product)
            checked = self._check(ticket, now)
            self._check_means(ticket, checked, ticket.account.orderable, ticket.account.sellable(ticket.code))
            return self._accept(ticket, checked, now)

    def change(
        self,
        account: Account,
        number: int,
        kind: str,
        quantity: int | None,
        price: int | None,
        exchange: str,
        trigger: int | None = None,
    ) -> RestingOrder:
        """Move ``quantity`` open shares (``None``: all) of an order to a new order; raises the refusal."""
        with self.present() as now:
            self.rules.check_open(exchange, now)
            original = self._changeable(account, number, quantity, exchange)
            moved = original.remaining if quantity is None else quantity
            ticket = replace(original.ticket, kind=kind, quantity=moved, price=price, trigger=trigger)
            checked = self._check(ticket, now)
            floor, left = self._floor, original.remaining
            freed = floor.aside(original, left) - floor.aside(original, left - moved)
            self._check_means(
                ticket, checked, account.orderable + freed, account.sellable(ticket.code) + moved
            )
            floor.withdraw(original, moved)
            return self._accept(ticket, checked, now, original=number)

    def cancel(self, account: Account, number: int, quantity: int | None, exchange: str) -> RestingOrder:
        """Cancel ``quantity`` open shares (``None``: all) of an order; the record of the cancellation."""
        with self.present() as now:
            self.rules.check_open(exchange, now)
            original = self._changeable(account, number, quantity, exchange)
            gone = original.remaining if quantity is None else quantity
            self._floor.withdraw(original, gone)
            original.cancelled += gone
            record = RestingOrder(
                next(self._numbers),
                replace(original.ticket, quantity=gone),
                now,
                original.limit,
                original.upper,
                lapses_at=now,
                venue=original.venue,
                original=number,
                is_cancellation=True,
                cancelled=gone,
            )
            self._keep(record)
            return record

    def reserve_price(self, code: str, kind: str, price: int | None, now: datetime) -> int:
        """At what price a buy is reserved: its own, or the upper limit when it may cost that."""
        if kind in PAID_AT_PRICE_KINDS and price is not None:
            return price
        return self._market.quote(code, now).upper

    def tradable(self, code: str) -> ListingInfo:
        """The listing of a code that orders may name; raises the refusal of an unknown one."""
        listing = self._market.listing(code)
        if listing is None:
            raise self.rules.refusal(Reason.NO_SUCH_CODE)
        return listing

    # -- reserved orders ---------------------------------------------------------------------------

    def reserve(self, ticket: Ticket, end: date | None) -> Reservation:
        """Keep an order for the next opening, until ``end`` for each one; raises the refusal.

        Price, cash and shares are looked at when it is sent, not now.
        """
        with self.present() as now:
            self.tradable(ticket.code)
            return self._reservations.add(ticket, end, now)

    def amend_reservation(self, seq: int, ticket: Ticket, end: date | None, given_on: date | None) -> None:
        """Replace what a reservation that was not sent yet asks for; raises the refusal."""
        with self.present() as now:
            self.tradable(ticket.code)
            self._reservations.amend(seq, ticket, end, given_on, now)

    def cancel_reservation(self, account: Account, seq: int, given_on: date | None) -> None:
        """Send a reservation no more; what was sent already stays an order. Raises the refusal."""
        with self.present() as now:
            self._reservations.cancel(account, seq, given_on, now)

    def _send_reserved(self, due: datetime) -> None:
        for reservation in list(self._reservations.due(due.date())):
            ticket = self._as_sent(reservation, due)
            try:
                checked = self._check(ticket, due, is_sent=True)
                account = ticket.account
                self._check_means(ticket, checked, account.orderable, account.sellable(ticket.code))
                sending = Sending(self._accept(ticket, checked, due, reserved_until=reservation.end))
            except RefusalError as refusal:
                rejected = self._note_rejected(ticket, due, reservation.end)
                sending = Sending(rejected, refusal.msg1.strip())
            reservation.sendings.append(sending)

    def _as_sent(self, reservation: Reservation, at: datetime) -> Ticket:
        """What a reservation asks of the market; 05 without a price is sent at the previous close."""
        ticket = replace(reservation.ticket, quantity=reservation.remaining)
        if ticket.kind == BEFORE_OPEN_KIND and not ticket.price:
            ticket.price = self._market.quote(ticket.code, at).base
        return ticket

    def _note_rejected(self, ticket: Ticket, at: datetime, end: date | None) -> RestingOrder:
        """Keep the record of an order that the market did not take."""
        order = RestingOrder(
            next(self._numbers),
            ticket,
            at,
            ticket.price,
            upper=0,
            lapses_at=at,
            rejected=ticket.quantity,
            reserved_until=end,
        )
        self._keep(order)
        return order

    # -- checks ------------------------------------------------------------------------------------

    def _check(self, ticket: Ticket, now: datetime, *, is_sent: bool = False) -> _Checked:
        listing = self.tradable(ticket.code)
        admission = self.rules.admit(ticket, listing, now, is_sent=is_sent)
        if listing.halted:
            raise self.rules.refusal(Reason.HALTED)
        quote = self._market.quote(ticket.code, now)
        self.rules.check_prices(ticket, quote, listing)
        return _Checked(admission, quote.upper)

    def _check_means(self, ticket: Ticket, checked: _Checked, cash: int, shares: int) -> None:
        if ticket.side is Side.SELL:
            if ticket.quantity > shares:
                raise self.rules.refusal(Reason.SHARES)
            return
        own = ticket.price if ticket.kind in PAID_AT_PRICE_KINDS else None
        if self.fees.purchase(ticket.quantity, checked.upper if own is None else own) > cash:
            raise self.rules.refusal(Reason.CASH)

    def _changeable(self, account: Account, number: int, quantity: int | None, exchange: str) -> RestingOrder:
        order = self._orders.get(number)
        if order is None or order.ticket.account is not account or order.ticket.exchange != exchange:
            raise self.rules.refusal(Reason.NO_SUCH_ORDER)
        if not order.remaining or quantity == 0 or (quantity or 0) > order.remaining:
            raise self.rules.refusal(Reason.NOTHING_LEFT)
        return order

    def _accept(
        self,
        ticket: Ticket,
        checked: _Checked,
        now: datetime,
        original: int = 0,
        reserved_until: date | None = None,
    ) -> RestingOrder:
        admission = checked.admission
        order = RestingOrder(
            number=next(self._numbers),
            ticket=ticket,
            placed_at=now,
            limit=self._floor.limit_of(ticket, admission, now),
            upper=checked.upper,
            lapses_at=admission.lapses_at,
            venue=admission.venue,
            session=admission.session,
            joins_at=admission.joins_at,
            original=original,
            reserved_until=reserved_until,
        )
        self._keep(order)
        self._floor.enter(order)
        return order

    def _keep(self, order: RestingOrder) -> None:
        account = order.ticket.account
        self._orders[order.number] = order
        self._orders_of.setdefault((account.cano, account.product), []).append(order)
