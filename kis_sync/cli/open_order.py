"""The open order that a command means by a number or an id.

This room changes when orders are named in another way on the command line.
"""

from __future__ import annotations

from kis_sync.broker import KISBroker
from kis_sync.cli.order_words import told_number
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.order import Order


def open_order(broker: KISBroker, name: str) -> Order:
    """The order as it stands now: of one that was changed, the one that its number leads to.

    ``InvalidRequestError`` when nobody knows it, or nothing is left of it.
    """
    known = broker.order_desk().by_id(name)
    number = known.number if known is not None else name.strip()
    if known is not None and not number:
        raise InvalidRequestError(
            f"order {name} has no number ({known.state.value}): kis-sync recover may find it"
        )
    if number.isascii() and number.isdigit():
        found = [order for order in broker.get_pending_orders() if int(number) in order.chain]
        found = [order for order in found if int(order.number) == int(number)] or found
        if len(found) > 1:
            numbers = ", ".join(map(told_number, found))
            raise InvalidRequestError(f"order {int(number)} was changed into several, {numbers}: say which")
        if found:
            return found[0]
    order = broker.get_order(name)
    if order.is_done:
        raise InvalidRequestError(f"nothing is left of order {told_number(order)}: it is {order.state.value}")
    return order


def left(order: Order) -> int | None:
    """How many shares can still fill."""
    return order.quantity if order.remaining is None else order.remaining
