"""The fields that KIS's lists of orders share, read one by one; what cannot be read is an error, never a gap.

This room changes when KIS writes one of these fields in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.errors import ServerError
from kis_sync.values import Row

SIDE_CODES = {Side.SELL: "01", Side.BUY: "02"}
_SIDES = {code: side for side, code in SIDE_CODES.items()}
_LONGEST_CODE = 7  # an ETN: Q and six
_SHORT_CODE = 6
_CANCELLED = ("취소", "CANCEL")


def read_number(row: Row, name: str) -> int:
    """An order number as an integer; ``ServerError`` where there is none."""
    number = read_number_if_any(row, name)
    if number is None:
        raise ServerError(f"the answer's field {name} is no order number", endpoint=row.endpoint)
    return number


def read_number_if_any(row: Row, name: str) -> int | None:
    """An order number as an integer; ``None`` for a blank or for zeros, with which KIS says "none"."""
    text = row.text(name)
    if not text.strip("0"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ServerError(f"the answer's field {name} is no order number", endpoint=row.endpoint)
    return int(text)


def read_side(row: Row) -> Side:
    """Buy or sell; ``ServerError`` for a code that is neither."""
    side = _SIDES.get(row.text("sll_buy_dvsn_cd"))
    if side is None:
        raise ServerError("the answer's field sll_buy_dvsn_cd is neither 01 nor 02", endpoint=row.endpoint)
    return side


def read_code(row: Row) -> str:
    """The stock's code; of a longer number, KIS says, only the last six letters count."""
    text = row.text("pdno")
    if not text:
        raise ServerError("the answer's field pdno is blank", endpoint=row.endpoint)
    return text if len(text) <= _LONGEST_CODE else text[-_SHORT_CODE:]


def tells_of_cancelling(name: str, original: int | None, filled: int) -> bool:
    """Whether a row, by KIS's name for what it is, records a cancellation and is no order of its own.

    What has shares filled is never one, whatever its name: an execution must not be hidden.
    """
    return original is not None and not filled and any(word in name.upper() for word in _CANCELLED)


def listed_once(
    pages: Iterable[list[Row]], read: Callable[[Row], ListedOrder], day: Callable[[Row], Hashable]
) -> Iterator[ListedOrder]:
    """The orders of all pages; one that comes again on a later page counts as it is told there.

    It comes again when a new order pushes the rows on while pages are read. KIS numbers orders by ``day`` and
    branch. The rows of one page are all kept, whatever they have in common.
    """
    listed: dict[Hashable, list[ListedOrder]] = {}
    for page in pages:
        here: dict[Hashable, list[ListedOrder]] = {}
        for row in page:
            order = read(row)
            here.setdefault((day(row), order.branch, order.number, order.exchange), []).append(order)
        listed.update(here)
    return (order for orders in listed.values() for order in orders)
