"""Orders in words and in tables, as the commands about orders show them.

This room changes when an order is to be shown in another way.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from decimal import Decimal

from kis_sync.api.domestic_stock.order_type import OrderType
from kis_sync.cli.options import number
from kis_sync.display.table import columns, table
from kis_sync.orders.entry import Action, State
from kis_sync.orders.order import Order

TITLES = ("number", "code", "side", "shares", "type", "state", "filled", "average")
ALIGNS = "<<<><<>>"
UNSETTLED = (State.UNCERTAIN, State.SENT, State.INTENDED)
_INDENT = " " * 4


def told_number(order: Order) -> str:
    """The order number as people compare it, without the zeros in front; ``-`` while there is none."""
    return str(int(order.number)) if order.number else "-"


def words(order: Order) -> str:
    """What was asked: ``BUY 10 shares of 005930, limit 70,000 won, on KRX``."""
    side = order.side.value if order.side else "order"
    quantity = order.quantity
    if quantity is None and order.remaining:
        quantity = order.filled + order.remaining
    shares = "what is left" if quantity is None else counted(quantity, "share")
    parts = [f"{side} {shares} of {order.code}" if order.code else side]
    if order.kind is not None:
        parts.append(str(order.kind))
    told = ", ".join([*parts, f"on {order.exchange}"])
    if order.action is Action.CANCEL:
        return f"cancel order {order.original}, {told}"
    return f"{told} (was {order.original})" if order.action is Action.CHANGE else told


def fate(order: Order) -> str:
    """Where an order stands: ``order 1569157 filled at 232,000 won each: BUY 10 shares of 005930, ...``."""
    told = f"order {told_number(order)} " if order.number else ""
    told += order.state.value
    if order.filled and order.state is not State.FILLED:
        told += f", {counted(order.filled, 'share')} filled"
    if order.filled and order.average_price is not None:
        told += f" at {average(order.average_price)} won each"
    return f"{told}: {words(order)}"


def average(won: Decimal | None) -> str:
    """What a share cost on average in won; without a fraction where there is none."""
    is_whole = won is not None and won == won.to_integral_value()
    return number(won, ",.0f" if is_whole else ",.2f")


def counted(count: int, what: str) -> str:
    """``1 share``, ``2 shares``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def orders_table(orders: Sequence[Order]) -> str:
    """The orders under their titles; each with its id, if need be on a line below, and why it stands so."""
    lines = table(TITLES, map(_row, orders), ALIGNS).splitlines()
    width = shutil.get_terminal_size().columns
    shown = lines[:2]
    for line, order in zip(lines[2:], orders, strict=True):
        names = _names(order)
        if columns(line) + 2 + columns(names) <= width:
            shown.append(f"{line}  {names}".rstrip())
        else:
            shown += [line, _INDENT + names]
        shown += [_INDENT + each for each in wrapped(order.reason, width - len(_INDENT))]
    return "\n".join(shown)


def hint(orders: Iterable[Order]) -> str:
    """What to do about orders without a known outcome; blank when there is none."""
    count = sum(order.state in UNSETTLED for order in orders)
    if not count:
        return ""
    verb = "has no known outcome and" if count == 1 else "have no known outcome and"
    return f"{counted(count, 'order')} {verb} may have run: kis-sync recover"


def kind_words(kind: OrderType | None) -> str:
    """An order type in a table: ``limit 70,000``."""
    return "-" if kind is None else str(kind).replace(" won", "")


def _row(order: Order) -> tuple[str, ...]:
    is_loud = order.state is State.UNCERTAIN
    return (
        told_number(order),
        order.code or "-",
        order.side.value if order.side else "-",
        "all" if order.quantity is None else number(order.quantity),
        "cancellation" if order.action is Action.CANCEL else kind_words(order.kind),
        order.state.value.upper() if is_loud else order.state.value,
        number(order.filled),
        average(order.average_price),
    )


def _names(order: Order) -> str:
    names = [] if order.client_order_id is None else [f"id {order.client_order_id}"]
    return ", ".join([*names, f"of order {order.original}"] if order.original else names)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, longer only for a word that is.

    >>> wrapped("KIS said no", 8)
    ['KIS said', 'no']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
