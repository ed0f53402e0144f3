"""The journal held against what the exchange has: whose each order is, and whether its state is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kis_sync.orders.entry import Action, Entry, State
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.resting import RestingOrder

OPEN_ENDED = (State.SENT, State.UNCERTAIN)
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}


def could_be(order: RestingOrder, entry: Entry) -> bool:
    """Whether an order of the exchange is what an entry asked for, to the letter."""
    wish, ticket = entry.wish, order.ticket
    if wish.quantity not in (None, ticket.quantity) or order.original != (wish.original or 0):
        return False
    if (ticket.code, SIDES[ticket.side]) != (wish.code, wish.side):
        return False
    if wish.action is Action.CANCEL:
        return order.is_cancellation
    return not order.is_cancellation and (ticket.kind, ticket.price) == (wish.kind_code, wish.price)


def check_ownership(entries: Sequence[Entry], orders: Sequence[RestingOrder]) -> list[RestingOrder]:
    """No order has two owners, no wish two orders, and every order an owner or one who may still find it.

    The orders without an owner come back.
    """
    at_exchange = {order.number: order for order in orders}
    owners: dict[int, Entry] = {}
    living: dict[str, Entry] = {}
    for entry in entries:
        if entry.state.frees_its_id:
            assert not entry.number, f"{entry} left no trace, and yet has a number"
            continue
        assert entry.client_order_id not in living, f"{entry.client_order_id} lives twice"
        living[entry.client_order_id] = entry
        if not entry.number:
            assert entry.state in (*OPEN_ENDED, State.INTENDED), f"{entry} has no number"
            continue
        number = int(entry.number)
        assert number not in owners, f"{number} is owned by {owners[number]} and {entry}"
        assert number in at_exchange, f"{entry} owns what the exchange has not"
        assert could_be(at_exchange[number], entry), f"{at_exchange[number]} is not what {entry} asked for"
        owners[number] = entry
    ownerless = [order for order in orders if order.number not in owners]
    waiting = [entry for entry in entries if entry.state in OPEN_ENDED and not entry.number]
    unclaimed = _unclaimed(ownerless, waiting)
    assert unclaimed is None, f"{unclaimed} is nobody's: it was sent twice, or believed not to have run"
    return ownerless


def _unclaimed(orders: Sequence[RestingOrder], entries: Sequence[Entry]) -> RestingOrder | None:
    """An order that is left when each gets an entry of its own; ``None`` when there is one for each."""
    held: dict[int, RestingOrder] = {}

    def found(order: RestingOrder, seen: set[int]) -> bool:
        for entry in entries:
            if entry.id in seen or not could_be(order, entry):
                continue
            seen.add(entry.id)
            if entry.id not in held or found(held[entry.id], seen):
                held[entry.id] = order
                return True
        return False

    return next((order for order in orders if not found(order, set())), None)


def check_progress(entries: Sequence[Entry], orders: Mapping[int, RestingOrder]) -> None:
    """What the journal says of an order has happened, though more may have happened since."""
    for entry in _followed(entries):
        order = orders[int(entry.number)]
        assert entry.filled <= order.filled, f"{entry} has filled more than {order}"
        if entry.state is State.FILLED:
            assert order.filled == order.ticket.quantity, f"{entry} is not filled: {order}"
        if entry.state is State.CANCELLED:
            assert order.remaining == 0, f"{entry} is not cancelled: {order}"


def check_agreement(entries: Sequence[Entry], orders: Mapping[int, RestingOrder]) -> None:
    """After a reading, what the journal says of the orders that were listed is how they stand."""
    for entry in _followed(entries):
        order = orders.get(int(entry.number))
        if order is not None:
            stands = (entry.state, entry.filled, entry.remaining)
            assert stands == (state_at(order), order.filled, order.remaining), f"{entry} is not {order}"


def state_at(order: RestingOrder) -> State:
    """Where an order stands at the exchange."""
    if order.filled == order.ticket.quantity:
        return State.FILLED
    if not order.remaining:
        return State.CANCELLED
    return State.PARTLY_FILLED if order.filled else State.ACCEPTED


def _followed(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that the lists tell of: orders, not the records of cancellations."""
    return [entry for entry in entries if entry.number and entry.wish.action in (Action.NEW, Action.CHANGE)]
