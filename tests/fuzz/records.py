"""The orders that a journal knows before a case, and what it must say of all orders after it.

This room changes when the journal is to keep another promise.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from kis_sync import KISError
from kis_sync.api.domestic_stock.cash_order import cash_order_call
from kis_sync.api.domestic_stock.order_type import Limit, Side
from kis_sync.errors import OrderUncertainError, Reach
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.order import Order
from kis_sync.orders.sending import fields_of
from kis_sync.orders.trading import Cancellations
from tests.fuzz import judging
from tests.fuzz.client import Client
from tests.fuzz.operations import ARGUMENTS, LOST, OURS

_ORDER_NUMBERS = re.compile(r"\borders? [0-9]+(, [0-9]+)*")
_SENDING = (State.INTENDED, State.SENT)


def put_on_record(client: Client) -> None:
    """Write down two orders that rest: ours, and one of ours of which nobody knows whether it ran."""
    journal, price = client.journal, ARGUMENTS["resting_price"]
    for name, quantity in ((OURS, ARGUMENTS["our_quantity"]), (LOST, ARGUMENTS["lost_quantity"])):
        call = cash_order_call(
            client.account, ARGUMENTS["code"], Side.BUY, quantity, Limit(price), Exchange.KRX
        )
        wish = Wish(call.endpoint.name, call.variant, fields_of(call), ARGUMENTS["code"], Side.BUY)
        entry, _ = journal.open(name, wish, client.now())
        journal.leaving(entry, client.now())
        if name == OURS:
            number, branch = ARGUMENTS["our_number"], ARGUMENTS["branch"]
            journal.close(entry, State.ACCEPTED, client.now(), number=number, branch=branch)
        else:
            journal.close(entry, State.UNCERTAIN, client.now(), reason="the connection broke")


class Books:
    """The journal of a client, looked at before a case and after it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._before = {each.id: each for each in client.journal.entries()}

    def findings(
        self, outcome: object, times_sent: int, *, may_repeat: bool, by_hand: bool, unknown: str
    ) -> Iterator[str]:
        """What the journal says that does not go with what came out: an error, or a value.

        ``times_sent`` counts the requests that are orders; ``may_repeat`` when the server said that one did
        not run; ``by_hand`` when a user has settled what nobody knew; ``unknown`` as in ``telltale.told``.
        """
        entries = self._client.journal.entries()
        new = [each for each in entries if each.id not in self._before]
        left = [each for each in new if each.sent_at is not None]
        if times_sent < len(left) or (times_sent > len(left) and not may_repeat):
            yield f"{times_sent} orders left, but {len(left)} are on record as sent"
        yield from _unended(new)
        yield from _of_errors(new, outcome)
        if not isinstance(outcome, BaseException):
            yield from self._of_orders(outcome)
        yield from self._of_old(entries, by_hand=by_hand)
        for each in entries:
            for reason in {each.reason, *(event.reason for event in self._client.journal.history(each))}:
                told = _ORDER_NUMBERS.sub("", reason)  # the server may call an order as it likes
                yield from judging.leaks("the journal", told, unknown)

    def _of_old(self, entries: Sequence[Entry], *, by_hand: bool) -> Iterator[str]:
        """Both orders rest, and two lists say so, of which no more than one was bent."""
        for entry in entries:
            before = self._before.get(entry.id)
            if before is None or entry.state is before.state:
                continue
            if entry.state in (*_SENDING, State.NOT_EXECUTED, State.UNCERTAIN) and not by_hand:
                yield f"an order that rests became {entry.state.value!r}: {entry.reason}"

    def _of_orders(self, value: object) -> Iterator[str]:
        for order in _orders(value):
            if order.client_order_id is None:
                continue
            entry = self._client.journal.find(order.client_order_id)
            if entry is None:
                yield f"an order came out that is not on record: {order}"
            elif (entry.state, entry.number) != (order.state, order.number):
                yield (
                    f"an order came out as {order.state.value} with number {order.number!r}, "
                    f"on record it is {entry.state.value} with number {entry.number!r}"
                )


def _unended(new: Sequence[Entry]) -> Iterator[str]:
    yield from (
        f"an order was left on record as {each.state.value}" for each in new if each.state in _SENDING
    )
    yield from (
        f"an order that was accepted has no number on record: {each.wish.endpoint}"
        for each in new
        if each.wish.endpoint == "domestic_stock.order_cash" and each.state is State.ACCEPTED
        if not each.number and each.wish.amount  # those by name may keep an answer without one
    )


def _of_errors(new: Sequence[Entry], outcome: object) -> Iterator[str]:
    """Whether the new entries say what was raised: each order that failed ended as its error says."""
    errors = _errors(outcome)
    uncertain = [each for each in new if each.state is State.UNCERTAIN]
    raised = [each for each in errors if isinstance(each, OrderUncertainError)]
    if len(uncertain) != len(raised):
        yield f"{len(raised)} orders were told to be uncertain, {len(uncertain)} are on record as such"
    names = {each.client_order_id for each in uncertain}
    for error in raised:
        if not isinstance(error.order, Order) or error.order.client_order_id not in names:
            yield f"an uncertain order does not tell its client_order_id: {error.order!r}"
    if len(new) == 1 and len(errors) == 1 and new[0].state is not _state_after(errors[0]):
        yield (
            f"{type(errors[0]).__name__} ({errors[0].reach.value}) was raised, but the order is on record as "
            f"{new[0].state.value}"
        )
    if not errors:
        yield from (
            f"an order is on record as {each.state.value}, but nothing was raised"
            for each in new
            if each.state in (State.REFUSED, State.NOT_EXECUTED)
        )


def _state_after(error: KISError) -> State | None:
    """What an order's entry must say after an error; ``None`` for one that says nothing of orders."""
    if isinstance(error, OrderUncertainError):
        return State.UNCERTAIN
    return {Reach.REFUSED: State.REFUSED, Reach.NOT_EXECUTED: State.NOT_EXECUTED}.get(error.reach)


def _errors(outcome: object) -> list[KISError]:
    if isinstance(outcome, KISError):
        return [outcome]
    return [error for _, error in outcome.failed] if isinstance(outcome, Cancellations) else []


def _orders(value: object) -> Iterator[Order]:
    """The orders in a value that came out."""
    if isinstance(value, Order):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _orders(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if not (isinstance(value, Cancellations) and field.name == "failed"):  # as it was before
                yield from _orders(getattr(value, field.name))
