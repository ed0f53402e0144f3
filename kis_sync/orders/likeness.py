"""Whether a listed order could be the one that a journal entry asked for: to the letter, or in part.

Pure functions; an order that ran is listed as it was sent, and what nobody documents of KIS's lists is left
open here. This room changes when KIS lists orders in another way.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side, order_type
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.entry import Action, Entry, State, Wish
from kis_sync.orders.progress import number_value

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
    return is_of_stock(row, entry.wish) and _is_late_enough(row, entry)


def agrees(row: ListedOrder, entry: Entry) -> bool:
    """Whether a row of the entry's order number can be the entry's order at all.

    Numbers alone do not say so: KIS numbers orders by branch, and a server can begin its numbers anew. Only
    another stock, side or action contradicts; a branch does not, since nobody documents that the office of
    an order's receipt is the one that lists give.
    """
    wish = entry.wish
    if not is_of_stock(row, wish):
        return False
    if wish.action is Action.OTHER:
        return True
    is_of_action = wish.action is Action.CANCEL or not row.is_cancellation
    return is_of_action and row.original in (None, wish.original)


def could_own(row: ListedOrder, owner: Entry) -> bool:
    """Whether the row, of an order number that the entry owns, was ordered while that was sent, too."""
    if not agrees(row, owner) or came_before(row, owner):
        return False
    ended_at = None if owner.state is State.SENT else owner.ended_at
    return row.ordered_at is None or ended_at is None or row.ordered_at <= ended_at + SKEW


def misfit(row: ListedOrder, owner: Entry) -> tuple[bool, bool, bool, timedelta]:
    """How little of the rows with an owner's number this one looks like his order: the least is his."""
    is_elsewhere = bool(owner.branch and row.branch) and row.branch != owner.branch
    far = distance(row, owner.sent_at or owner.intended_at)
    return not could_own(row, owner), not fits(row, owner), is_elsewhere, far


def row_of(entry: Entry, rows: Iterable[ListedOrder]) -> ListedOrder | None:
    """What rows, of several orders that may have the same number, say of the entry's order."""
    number = number_value(entry.number)
    own = [row for row in newest(row for row in rows if row.number == number) if agrees(row, entry)]
    return min(own, key=lambda row: misfit(row, entry), default=None)


def came_before(row: ListedOrder, entry: Entry) -> bool:
    """Whether the row was ordered before the entry was sent, by whatever clock."""
    return row.ordered_at is not None and row.ordered_at < (entry.sent_at or entry.intended_at) - SKEW


def came_after(row: ListedOrder, entry: Entry) -> bool:
    """Whether the row was ordered after the entry was sent, so that nobody can have known it before."""
    return row.ordered_at is not None and row.ordered_at > (entry.sent_at or entry.intended_at) + SKEW


def distance(row: ListedOrder, moment: datetime) -> timedelta:
    """How far in time; what tells none is the farthest."""
    return timedelta.max if row.ordered_at is None else abs(row.ordered_at - moment)


def same_stock(code: str, other: str) -> bool:
    """Whether two codes are of one stock, with an ETN's Q or without."""
    return code[-_CODE_LENGTH:] == other[-_CODE_LENGTH:]


def stock_of(row: ListedOrder) -> tuple[str, str]:
    """Stock and side of a listed order, as two lists of it have them in common."""
    return row.code[-_CODE_LENGTH:], row.side.value


def is_about_the_same(row: ListedOrder, wish: Wish) -> bool:
    """Whether both are the same action (on the same order, if on one), and of the same stock and side."""
    if wish.action is Action.NEW:
        return row.original is None and not row.is_cancellation and is_of_stock(row, wish)
    if wish.action is Action.OTHER or wish.original is None or row.original != wish.original:
        return False
    return row.is_cancellation == (wish.action is Action.CANCEL) and is_of_stock(row, wish)


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


def newest(rows: Iterable[ListedOrder]) -> list[ListedOrder]:
    """One row an order: that which tells of most done, with what only others of it tell; by number.

    An order may be listed twice, by two lists, or by two pages while it was filled. Neither the order of
    rows nor how often one comes matters. Rows of one number are of one order if stock, side and branch are
    the same (what tells no branch goes with any), and the times not further apart than ``SKEW``.
    """
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.number, stock_of(row)].append(row)
    return [
        _merged(same)
        for _, alike in sorted(grouped.items())
        for of_branch in _by_branch(alike)
        for same in _by_time(of_branch)
    ]


def _by_branch(rows: list[ListedOrder]) -> Iterator[list[ListedOrder]]:
    branches: dict[str, list[ListedOrder]] = {branch: [] for branch in sorted({row.branch for row in rows})}
    blank = branches.pop("", [])
    for row in rows:
        branches.get(row.branch, blank).append(row)
    told = {branch: list(of_branch) for branch, of_branch in branches.items()}
    for row in blank if told else ():
        branches[min(told, key=lambda branch: _nearest(row, told[branch]))].append(row)
    yield from branches.values() if told else (rows,)


def _nearest(row: ListedOrder, rows: Iterable[ListedOrder]) -> timedelta:
    return timedelta() if row.ordered_at is None else min(distance(each, row.ordered_at) for each in rows)


def _by_time(rows: list[ListedOrder]) -> Iterator[list[ListedOrder]]:
    """Apart where the numbers must have begun anew in between; what tells no time goes with the last."""
    told = sorted((row for row in rows if row.ordered_at), key=_moment)
    same: list[ListedOrder] = []
    for row in told:
        if same and _moment(row) - _moment(same[-1]) > SKEW:
            yield same
            same = []
        same.append(row)
    yield same + [row for row in rows if row.ordered_at is None]


def _moment(row: ListedOrder) -> datetime:
    assert row.ordered_at is not None
    return row.ordered_at


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


def is_of_stock(row: ListedOrder, wish: Wish) -> bool:
    """Whether the row is of the wish's stock and side, as far as the wish names them."""
    return (not wish.code or same_stock(row.code, wish.code)) and side_of(wish) in (None, row.side)


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
