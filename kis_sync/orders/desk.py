"""The desk: takes a wish, hears the guards, writes it into the journal, sends it once, and notes the outcome.

Every call of effect order of a broker passes here. This room changes when the way of an order from wish to
outcome changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from kis_sync.api.domestic_stock.cash_order import Receipt, cash_order_call
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.catalog import Call
from kis_sync.envelope import Envelope
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.changing import Changes
from kis_sync.orders.entry import Action, Wish
from kis_sync.orders.halt import HaltSwitch
from kis_sync.orders.journal import Journal
from kis_sync.orders.judge import Judge
from kis_sync.orders.once import Once
from kis_sync.orders.order import Order
from kis_sync.orders.recovering import Recoverer
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.sending import OrderAsker, Sender, Sent, fields_of, receipt_if_any
from kis_sync.settings import Account

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
    """Sends the orders of one account on one server.

    ``changes`` changes and cancels them, ``blotter`` follows them, ``recoverer`` settles those that nobody
    could tell about, ``halt_switch`` stops them all.
    """

    def __init__(
        self,
        caller: OrderAsker,
        journal: Journal,
        blotter: Blotter,
        recoverer: Recoverer,
        halt: HaltSwitch,
        sender: Sender,
        once: Once,
        judge: Judge,
    ) -> None:
        self.blotter = blotter
        self.recoverer = recoverer
        self.halt_switch = halt
        self.changes = Changes(caller, journal, blotter, sender, once, judge)
        self._caller = caller
        self._journal = journal
        self._sender = sender
        self._once = once
        self._judge = judge

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

        def send() -> Order | None:
            won = self._judge.new(request).check()
            return self._send(call, replace(wish, amount=won), client_order_id, Receipt.read)

        return self._once.order(client_order_id, wish, send)

    def preview(self, request: OrderRequest) -> OrderPreview:
        """What would be sent, with every reason that would keep it back; nothing is."""
        call = self._call(request)
        judgement = self._judge.new(request, is_quote_needed=True)
        return OrderPreview(
            request=request,
            endpoint=call.endpoint.name,
            tr_id=call.endpoint.tr_id(self._caller.mode, call.variant),
            fields=fields_of(call),
            won=judgement.won,
            refusals=judgement.reasons,
        )

    def reserve(
        self,
        request: OrderRequest,
        call: Call,
        read: Callable[[Envelope], object],
        client_order_id: str | None,
    ) -> Order:
        """Send a reserved order, once; the guards are heard that can judge the day it is for."""
        self._caller.check(call)  # paper has none, which is told before anything is asked
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), request.code, request.side)

        def send() -> Order | None:
            won = self._judge.reserved(request).check()
            return self._send(call, replace(wish, amount=won), client_order_id, read)

        return self._once.order(client_order_id, wish, send)

    def _send(
        self, call: Call, wish: Wish, client_order_id: str | None, read: Callable[[Envelope], object]
    ) -> Order | None:
        sent = self._sender.send(call, wish, client_order_id, read)
        return None if sent is None else self.blotter.order_of(sent.entry, raw=sent.envelope.body)

    def _call(self, request: OrderRequest) -> Call:
        return cash_order_call(
            self._caller.account,
            request.code,
            request.side,
            request.quantity,
            request.kind,
            request.exchange,
        )

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
