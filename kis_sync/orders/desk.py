"""The desk: takes a wish, hears the guards, writes it into the journal, sends it once, and notes the outcome.

Every call of effect order of a broker passes here. This room changes when the way of an order from wish to
outcome changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from kis_sync.api.domestic_stock.cash_order import Receipt, cash_order_call
from kis_sync.api.domestic_stock.change_order import cancel_call, change_call
from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.catalog import Call, Mode
from kis_sync.envelope import Envelope
from kis_sync.errors import ConfigurationError, InvalidRequestError, KISError, OrderUncertainError
from kis_sync.market.exchanges import Exchange
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.entry import Action, Entry, State, Wish
from kis_sync.orders.facts import FactsDesk
from kis_sync.orders.guards import Facts, refusals, worth
from kis_sync.orders.halt import HaltSwitch
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.sending import OrderAsker, Sender, Sent, fields_of, receipt_if_any, told
from kis_sync.settings import Account

_log = logging.getLogger("kis_sync")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What would be sent, and why it would not: nothing was.

    ``fields`` are KIS's own, without the account; ``won`` is what the order is worth at most (``None``
    where the price is not known), ``refusals`` every reason that would keep it back.
    """

    request: OrderRequest
    endpoint: str
    tr_id: str
    fields: Mapping[str, str]
    won: int | None
    refusals: tuple[str, ...]


class OrderDesk:
    """Sends the orders of one account on one server."""

    def __init__(
        self,
        caller: OrderAsker,
        journal: Journal,
        blotter: Blotter,
        halt: HaltSwitch,
        facts: FactsDesk,
        limits: OrderLimits,
        in_flight_seconds: float,
    ) -> None:
        self._caller = caller
        self.blotter = blotter
        self.halt_switch = halt
        self._sender = Sender(caller, journal, halt, limits.most_won_a_day)
        self._journal = journal
        self._facts = facts
        self._limits = limits
        self._in_flight_seconds = in_flight_seconds

    @property
    def account(self) -> Account:
        """The account; ``ConfigurationError`` when the settings have none."""
        return self._caller.account

    def by_id(self, client_order_id: str) -> Order | None:
        """The order that an id names, as the journal has it."""
        entry = self._journal.find(client_order_id)
        return None if entry is None else self.blotter.order_of(entry)

    def by_number(self, number: int) -> Order | None:
        """Today's order of a number, as the journal or else KIS's list has it."""
        today = self._caller.now().date()
        entry = self._journal.by_number(number, today)
        return self.blotter.order(number, today) if entry is None else self.blotter.order_of(entry)

    # -- new orders --------------------------------------------------------------------------------

    def place(self, request: OrderRequest, client_order_id: str | None = None) -> Order:
        """Send an order, once, or give the one that this id already named.

        ``InvalidRequestError`` with every reason not to send it; ``OrderUncertainError`` when nobody can say.
        """
        call = self._call(request)
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), request.code, request.side)
        return self._once(client_order_id, wish, lambda: self._send_new(request, call, wish, client_order_id))

    def preview(self, request: OrderRequest) -> OrderPreview:
        """What would be sent, with every reason that would keep it back; nothing is."""
        call = self._call(request)
        facts = self._facts.about(request, is_quote_needed=True)
        return OrderPreview(
            request=request,
            endpoint=call.endpoint.name,
            tr_id=call.endpoint.tr_id(self._caller.mode, call.variant),
            fields=fields_of(call),
            won=worth(request, facts),
            refusals=tuple(refusals(request, facts, self._limits)),
        )

    def _send_new(
        self, request: OrderRequest, call: Call, wish: Wish, client_order_id: str | None
    ) -> Order | None:
        facts = self._facts.about(request)
        _raise_for(refusals(request, facts, self._limits), facts)
        wish = replace(wish, amount=worth(request, facts) or 0)
        return self._send(call, wish, client_order_id)

    def _call(self, request: OrderRequest) -> Call:
        return cash_order_call(
            self._caller.account,
            request.code,
            request.side,
            request.quantity,
            request.kind,
            request.exchange,
        )

    # -- changes and cancellations -----------------------------------------------------------------

    def change(
        self, order: Order, kind: OrderType, quantity: int | None, client_order_id: str | None = None
    ) -> Order:
        """Change ``quantity`` open shares (``None``: all) of an order to ``kind``; the new order."""
        order = self._living(order, client_order_id)
        call = change_call(self._caller.account, order.number, order.branch, _exchange(order), kind, quantity)
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), order.code, order.side)
        return self._once(
            client_order_id,
            wish,
            lambda: self._send_change(order, kind, quantity, call, wish, client_order_id),
        )

    def cancel(
        self,
        order: Order,
        quantity: int | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        """Cancel ``quantity`` open shares (``None``: all) of an order; the order that this was about."""
        order = self._living(order, client_order_id)
        kind_code = order.kind.code if order.kind else str(order.raw.get("ord_dvsn_cd") or "00")
        call = cancel_call(
            self._caller.account, order.number, order.branch, _exchange(order), kind_code, quantity
        )
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), order.code, order.side)
        self._once(client_order_id, wish, lambda: self._send(call, wish, client_order_id))
        return order

    def _send_change(
        self,
        order: Order,
        kind: OrderType,
        quantity: int | None,
        call: Call,
        wish: Wish,
        client_order_id: str | None,
    ) -> Order | None:
        shares = quantity or order.remaining or order.quantity
        if order.side is not None and shares is not None:
            request = OrderRequest(order.code, order.side, shares, kind, _exchange(order))
            facts = self._facts.about(request, is_change=True)
            _raise_for(refusals(request, facts, self._limits), facts)
            before = (order.price or 0) * shares
            wish = replace(wish, amount=max(0, (worth(request, facts) or 0) - before))
        return self._send(call, wish, client_order_id)

    def _living(self, order: Order, client_order_id: str | None) -> Order:
        """The order that stands for this one now, after the changes that the journal knows.

        When the id names a change of it already, the order that this was about: so that a repeat is one.
        """
        if not order.number:
            raise InvalidRequestError(
                f"this order has no number yet ({order.state.value}); recover() may find it"
            )
        day = self.day_of(order)
        entry = self._journal.by_number(int(order.number), day)
        if entry is None:
            return order
        known = None if client_order_id is None else self._journal.find(client_order_id)
        living = self.blotter.living(entry, day, None if known is None else known.wish.original)
        return order if living is entry else self.blotter.order_of(living)

    def look_after_cancelling(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """The orders as they stand once KIS took the cancellations of all that was left of them.

        On live that means only that these were passed on: one reading of the list tells whether they came in
        time. Paper says that it is done, and its list is not to be relied on.
        """
        try:
            if self._caller.mode is Mode.PAPER:
                return tuple(self._cancelled(order) for order in orders)
            days = {self.day_of(order) for order in orders}
            codes = {order.code for order in orders}
            code = codes.pop() if len(codes) == 1 else ""
            rows = [row for day in sorted(days) for row in self.blotter.executions(day, day, code=code)]
            return tuple(self.blotter.seen(order, rows) for order in orders)
        except KISError as error:  # what was asked for is done all the same
            _log.warning("what became of the cancelled orders cannot be told: %s", error)
            return tuple(orders)

    def _cancelled(self, order: Order) -> Order:
        entry = self._journal.by_number(int(order.number), self.day_of(order))
        if entry is None:
            return replace(order, state=State.CANCELLED, remaining=0)
        if not entry.state.is_final:
            entry = self._journal.note(entry, self._caller.now(), state=State.CANCELLED, remaining=0)
        return self.blotter.order_of(entry)

    def day_of(self, order: Order) -> date:
        """The day that the order's number belongs to."""
        return (order.ordered_at or self._caller.now()).date()

    # -- any other call of effect order ------------------------------------------------------------

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        """Send any call of effect order as somebody spelled it, journalled; the guards are not heard."""
        is_of_stocks = Wish(call.endpoint.name, call.variant, {}).action is not Action.OTHER
        read: Callable[[Envelope], Receipt | None] = Receipt.read if is_of_stocks else receipt_if_any
        return self._send_other(call, read, strict).envelope

    def send(self, call: Call, read: Callable[[Envelope], Read]) -> Read:
        """The same; what ``read`` finds in the answer. One that it cannot read leaves the order uncertain."""
        return self._send_other(call, read).receipt

    def _send_other(self, call: Call, read: Callable[[Envelope], Read], strict: bool = False) -> Sent[Read]:
        wish = Wish(call.endpoint.name, call.variant, fields_of(call))
        if wish.action is Action.NEW:
            side = {"buy": Side.BUY, "sell": Side.SELL}.get(call.variant)
            wish = replace(wish, code=wish.fields.get("PDNO", ""), side=side)
        sent = self._sender.send(call, wish, None, read, strict=strict)
        assert sent is not None  # without an id of its own an order is always new
        return sent

    # -- once --------------------------------------------------------------------------------------

    def _once(self, client_order_id: str | None, wish: Wish, send: Callable[[], Order | None]) -> Order:
        """The order that an id already names, or what ``send`` makes of it.

        ``send`` gives ``None`` when another thread or process took the id in the same moment.
        """
        while True:
            known = None if client_order_id is None else self._journal.find(client_order_id)
            if known is not None and not known.state.frees_its_id:
                if not known.wish.is_same(wish):
                    raise InvalidRequestError(
                        f"{client_order_id!r} already names another order ({told(known.wish)}, "
                        f"{known.state.value}); this one asks for {told(wish)}. Nothing was sent"
                    )
                settled = self._settled(known)
                if not settled.state.frees_its_id:
                    return self.blotter.order_of(settled)
            order = send()
            if order is not None:
                return order

    def _settled(self, entry: Entry) -> Entry:
        """An entry sent before, once it is known what became of it; ``OrderUncertainError`` if not."""
        self._journal.adopt(self._caller.now())
        entry = self._journal.wait_for(entry, self._in_flight_seconds, self._caller.now)
        if entry.state is State.UNCERTAIN:
            self.blotter.recover(only=entry.client_order_id)
            entry = self._journal.find(entry.client_order_id) or entry
        if entry.state in (State.UNCERTAIN, State.SENT, State.INTENDED):
            raise OrderUncertainError(
                "an order of this id was sent before, and it is not known yet whether it ran: "
                f"{entry.reason or entry.state.value}",
                order_request=told(entry.wish),
                order=self.blotter.order_of(entry),
                endpoint=entry.wish.endpoint,
            )
        return entry

    def _send(self, call: Call, wish: Wish, client_order_id: str | None) -> Order | None:
        sent = self._sender.send(call, wish, client_order_id, Receipt.read)
        if sent is None:
            return None
        return replace(self.blotter.order_of(sent.entry), raw=sent.envelope.body)


def _raise_for(reasons: list[str], facts: Facts) -> None:
    if reasons:
        kind = InvalidRequestError if facts.orders_allowed else ConfigurationError
        raise kind("the order was not sent: " + "; ".join(reasons))


def _exchange(order: Order) -> Exchange:
    """The exchange that a change must name; KIS takes a blank, which some lists show, for KRX."""
    return Exchange(order.exchange or Exchange.KRX)
