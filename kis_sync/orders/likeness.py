"""Whether a listed order could be the one that a journal entry asked for: to the letter, or in part.

Pure functions; an order that ran is listed as it was sent, and what nobody documents of KIS's lists is left
open here. This room changes when KIS lists orders in another way.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side, order_type
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.entry import Action, Entry, State, Wish

SKEW = timedelta(seconds=3)
"""How much earlier than its sending an order may be listed: the client follows the server's clock to within
some 2 seconds (its Date header has whole ones), and the list cuts off parts of a second."""

SLACK = timedelta(seconds=60)
"""How much later than we stopped waiting an order may still have been carried out. Nobody documents it; a
minute is three times the longest wait for an answer. An order listed later still is not taken for ours, but
keeps us from concluding that ours did not run."""

_DOUBT_SKEW = timedelta(minutes=10)  # a machine's clock that nobody sets is off by minutes, not by hours
_CODE_LENGTH = 6  # a list of orders may leave out the Q of an ETN


def fits(row: ListedOrder, entry: Entry) -> bool:
    """Whether the row could be the entry's order, by everything that KIS lists of an order.

    Action (a change and a cancellation name the same original), code and side, quantity (any for "all that
    is left"), order type, trigger, and the price of a type that names one: other types take theirs from the
    book, and what is listed as theirs says nothing. An order sent to SOR may be listed under the exchange
    that took it. The time lies from ``SKEW`` before the sending to ``SLACK`` after we stopped waiting, with
    no end while it is being sent. What a list leaves blank contradicts nothing.
    """
    wish = entry.wish
    return (
        is_about_the_same(row, wish)
        and wish.quantity in (None, row.quantity)
        and (wish.action is Action.CANCEL or _is_of_kind(row, wish))
        and _is_on_exchange(row, wish)
        and _is_in_time(row, entry)
    )


def resembles(row: ListedOrder, entry: Entry) -> bool:
    """Whether the row, whatever else it says, is too near to a new order to say that this did not run.

    The same stock and side is enough, since order type, quantity and price may be listed otherwise than
    they were sent; the time only counts if it is minutes before the sending.
    """
    return _is_of_stock(row, entry.wish) and _is_late_enough(row, entry)


def is_about_the_same(row: ListedOrder, wish: Wish) -> bool:
    """Whether both are the same action (on the same order, if on one), and of the same stock and side."""
    if wish.action is Action.NEW:
        return row.original is None and not row.is_cancellation and _is_of_stock(row, wish)
    if wish.action is Action.OTHER or wish.original is None or row.original != wish.original:
        return False
    return row.is_cancellation == (wish.action is Action.CANCEL) and _is_of_stock(row, wish)


def intent(wish: Wish) -> tuple[object, ...]:
    """What an order asks for as far as lists tell: orders of equal intent are interchangeable."""
    kind = (wish.kind_code, _named_price(wish), wish.trigger) if wish.action is not Action.CANCEL else ()
    stock = (wish.code[-_CODE_LENGTH:], side_of(wish))
    return (wish.action, *stock, wish.quantity, *kind, wish.exchange, wish.original)


def side_of(wish: Wish) -> Side | None:
    """Buy or sell, ``None`` where the wish does not say; a new order's call says it by its variant."""
    if wish.side is None and wish.action is Action.NEW:
        return next((side for side in Side if side.value.lower() == wish.variant.lower()), None)
    return wish.side


def is_rejected(row: ListedOrder) -> bool:
    """Whether the exchange took nothing of the order."""
    return row.filled == 0 and row.rejected > 0 and row.rejected >= row.quantity


def newest(rows: Iterable[ListedOrder]) -> dict[int, ListedOrder]:
    """One row an order number: that which tells of most done, with what only others of it tell.

    An order may be listed twice, by two lists, or by two pages while it was filled. Neither the order of
    rows nor how often one comes matters.
    """
    grouped: dict[int, list[ListedOrder]] = {}
    for row in rows:
        grouped.setdefault(row.number, []).append(row)
    return {number: _merged(same) for number, same in grouped.items()}


def _merged(rows: list[ListedOrder]) -> ListedOrder:
    if len(rows) == 1:
        return rows[0]
    best, *others = sorted(
        rows, key=lambda row: (_done(row), row.cancelled is not None, repr(row)), reverse=True
    )
    for other in others:
        best = replace(
            best,
            original=other.original if best.original is None else best.original,
            ordered_at=best.ordered_at or other.ordered_at,
            kind_code=best.kind_code or other.kind_code,
            price=other.price if best.price is None else best.price,
            trigger=other.trigger if best.trigger is None else best.trigger,
            exchange=best.exchange or other.exchange,
            is_cancellation=best.is_cancellation or other.is_cancellation,
        )
    return best


def _done(row: ListedOrder) -> tuple[int, int]:
    """How far an order had come: shares that are no longer open, and those filled."""
    left = row.remaining
    gone = row.filled + (row.cancelled or 0) + row.rejected if left is None else row.quantity - left
    return gone, row.filled


def _is_of_stock(row: ListedOrder, wish: Wish) -> bool:
    same_code = not wish.code or row.code[-_CODE_LENGTH:] == wish.code[-_CODE_LENGTH:]
    return same_code and side_of(wish) in (None, row.side)


def _is_of_kind(row: ListedOrder, wish: Wish) -> bool:
    price = _named_price(wish)
    return (
        row.kind_code in ("", wish.kind_code)
        and (price is None or row.price == price)
        and (wish.trigger is None or row.trigger in (None, wish.trigger))
    )


def _named_price(wish: Wish) -> int | None:
    """The price that a listed order must have, too."""
    return wish.price if _names_a_price(wish.kind_code) else None


@functools.cache
def _names_a_price(kind_code: str) -> bool:
    kind = order_type(kind_code, 1, 1)  # of any price: only the kind of type matters
    return kind is None or kind.won is not None


def _is_on_exchange(row: ListedOrder, wish: Wish) -> bool:
    return wish.exchange == Exchange.SOR.value or row.exchange in ("", wish.exchange)


def _is_in_time(row: ListedOrder, entry: Entry) -> bool:
    if row.ordered_at is None:
        return True
    if row.ordered_at < (entry.sent_at or entry.intended_at) - SKEW:
        return False
    if entry.ended_at is None or entry.state is State.SENT:
        return True
    return row.ordered_at <= entry.ended_at + SLACK


def _is_late_enough(row: ListedOrder, entry: Entry) -> bool:
    return row.ordered_at is None or row.ordered_at >= (entry.sent_at or entry.intended_at) - _DOUBT_SKEW
