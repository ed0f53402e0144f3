"""Changing and cancelling orders: which order is meant now, what may be changed of it, and what came of it.

This room changes when the way of a change from wish to outcome changes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from kis_sync.api.domestic_stock.cash_order import Receipt
from kis_sync.api.domestic_stock.change_order import cancel_call, change_call
from kis_sync.api.domestic_stock.order_type import OrderType
from kis_sync.catalog import Call, Mode
from kis_sync.errors import InvalidRequestError, KISError
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.entry import State, Wish
from kis_sync.orders.journal import Journal
from kis_sync.orders.judge import Judge
from kis_sync.orders.once import Once
from kis_sync.orders.order import Order
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.sending import OrderAsker, Sender, fields_of

_log = logging.getLogger("kis_sync")


class Changes:
    """Changes and cancels the orders of one account."""

    def __init__(
        self, caller: OrderAsker, journal: Journal, blotter: Blotter, sender: Sender, once: Once, judge: Judge
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._blotter = blotter
        self._sender = sender
        self._once = once
        self._judge = judge

    def change(
        self, order: Order, kind: OrderType, quantity: int | None, client_order_id: str | None = None
    ) -> Order:
        """Change ``quantity`` open shares (``None``: all) of an order to ``kind``; the new order."""
        order = self._living(order, client_order_id)
        call = change_call(self._caller.account, order.number, order.branch, _exchange(order), kind, quantity)
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), order.code, order.side)
        return self._once.order(
            client_order_id,
            wish,
            lambda: self._send_change(order, kind, quantity, call, wish, client_order_id),
            self._day_of(order),
        )

    def cancel(
        self,
        order: Order,
        quantity: int | None = None,
        client_order_id: str | None = None,
        *,
        is_listed: bool = False,
    ) -> Order:
        """Cancel ``quantity`` open shares (``None``: all) of an order; the order that this was about.

        One that ``is_listed`` as open just now is meant itself, whatever the journal knows of its changes.
        """
        order = order if is_listed else self._living(order, client_order_id)
        kind_code = order.kind.code if order.kind else str(order.raw.get("ord_dvsn_cd") or "00")
        call = cancel_call(
            self._caller.account, order.number, order.branch, _exchange(order), kind_code, quantity
        )
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), order.code, order.side)
        self._once.order(
            client_order_id, wish, lambda: self._send(call, wish, client_order_id), self._day_of(order)
        )
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
        known = self._weighed(order)
        shares = quantity or known.remaining or known.quantity
        if known.side is None or not known.code or shares is None:
            raise InvalidRequestError(
                f"the change was not sent: what order {order.number} is about is not known, so that it "
                "cannot be judged; cancel it, and send another"
            )
        request = OrderRequest(known.code, known.side, shares, kind, _exchange(order))
        more = self._judge.change(request, (known.price or 0) * shares).check()
        return self._send(call, replace(wish, amount=more), client_order_id)

    def _weighed(self, order: Order) -> Order:
        """The order with its stock, side and shares, from KIS's list where the journal does not know them."""
        if order.side is not None and order.code and (order.remaining or order.quantity):
            return order
        rows = self._blotter.executions(self._day_of(order), self._day_of(order), code=order.code)
        row = next((row for row in rows if row.number == int(order.number)), None)
        return order if row is None else Order.listed(row)

    def _living(self, order: Order, client_order_id: str | None) -> Order:
        """The order that stands for this one now, after the changes that the journal knows.

        When the id names a change of it already, the order that this was about: so that a repeat is one.
        KIS's list decides where an exchange may not have taken a change that KIS passed on.
        """
        if not order.number:
            raise InvalidRequestError(
                f"this order has no number yet ({order.state.value}); recover() may find it"
            )
        self._caller.know_the_time()
        day, today = self._day_of(order), self._caller.now().date()
        if day != today:
            raise InvalidRequestError(f"order {order.number} is of {day}: an order lives for its day only")
        entry = self._journal.by_number(int(order.number), day)
        if entry is None:
            return order
        known = None if client_order_id is None else self._journal.find(client_order_id)
        until = None if known is None or known.state.frees_its_id else known.wish.original
        living = self._blotter.living(entry, day, until)
        if living is entry:
            return order
        if until is None:
            for each in self._blotter.pending(order.code):
                if int(each.number) == int(order.number):
                    return each
        return self._blotter.order_of(living)

    def look_after_cancelling(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """The orders as they stand once KIS took the cancellations of all that was left of them.

        On live that means only that these were passed on: one reading of the list tells whether they came in
        time. Paper says that it is done, and its list is not to be relied on.
        """
        try:
            if self._caller.mode is Mode.PAPER:
                return tuple(self._cancelled(order) for order in orders)
            days = {self._day_of(order) for order in orders}
            codes = {order.code for order in orders}
            code = codes.pop() if len(codes) == 1 else ""
            rows = [row for day in sorted(days) for row in self._blotter.executions(day, day, code=code)]
            return tuple(self._blotter.seen(order, rows) for order in orders)
        except KISError as error:  # what was asked for is done all the same
            _log.warning("what became of the cancelled orders cannot be told: %s", error)
            return tuple(orders)

    def _cancelled(self, order: Order) -> Order:
        entry = self._journal.by_number(int(order.number), self._day_of(order))
        if entry is None:
            return replace(order, state=State.CANCELLED, remaining=0)
        if not entry.state.is_final:
            entry = self._journal.note(entry, self._caller.now(), state=State.CANCELLED, remaining=0)
        return self._blotter.order_of(entry)

    def _send(self, call: Call, wish: Wish, client_order_id: str | None) -> Order | None:
        sent = self._sender.send(call, wish, client_order_id, Receipt.read)
        return None if sent is None else self._blotter.order_of(sent.entry, raw=sent.envelope.body)

    def _day_of(self, order: Order) -> date:
        return (order.ordered_at or self._caller.now()).date()


def _exchange(order: Order) -> Exchange:
    """The exchange that a change must name; KIS takes a blank, which some lists show, for KRX."""
    try:
        return Exchange(order.exchange or Exchange.KRX)
    except ValueError:
        raise InvalidRequestError(
            f"order {order.number} is on {order.exchange!r}, which no change can name"
        ) from None
