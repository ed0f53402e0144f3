"""Lists in pages: so many rows, the context keys for the next call, and what ``tr_cont`` says.

A cursor that counts rows is good only while the list is as it was; else SYDB0050. One that names the last
row shown is good while others come and go: no row is lost and none comes twice. This room changes when KIS
changes how it continues a list.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.question import Question

Row = dict[str, str]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, the context keys padded to their width, and the response's ``tr_cont``."""

    rows: list[Row]
    context: dict[str, str]
    tr_cont: str


def changed_meanwhile() -> RefusalError:
    """SYDB0050: the cursor is missing, unknown or of a list that has changed."""
    text = "조회이후에 자료가 변경되었습니다.(다시 조회하세요)"
    return RefusalError("SYDB0050", text, rt_cd="7", status=200, padded=True)


def cut_page(
    question: Question,
    rows: Sequence[Row],
    identities: Sequence[str],
    size: int,
    search: str,
    assumptions: Assumptions,
) -> Page:
    """The page that a question asks for.

    ``search`` is the key of the query (it becomes ``ctx_area_fk100``), ``identities`` tells the rows apart.
    Raises SYDB0050 for a continuation that does not fit.
    """
    width = _width(question)
    state = _state(identities)
    start = 0
    if question.tr_cont == "N":
        position, _, sent_state = _sent(question, search, width).partition("^")
        if sent_state != state or not position.isdecimal():
            raise changed_meanwhile()
        start = int(position)
    _refuse_beyond(question, start, len(rows))
    end = start + size
    more = _goes_on(end, len(rows), assumptions)
    context = _context(width, search, f"{end}^{state}" if more else "")
    return Page(list(rows[start:end]), context, _tr_cont(more, question, assumptions))


def cut_behind(
    question: Question,
    items: Sequence[_Item],
    place: Callable[[_Item], str],
    row: Callable[[_Item], Row],
    size: int,
    search: str,
    assumptions: Assumptions,
) -> Page:
    """The page that a question asks for, of a list that may change between its pages.

    ``place`` is where an item stands in such lists for ever: ``items`` ascend by it. ``row`` is asked for the
    items of the page only. Raises SYDB0050 for a continuation that does not fit, or behind which nothing
    is left.
    """
    width = _width(question)
    start = 0
    if question.tr_cont == "N":
        last, _, mark = _sent(question, search, width).rpartition("^")
        if mark != _mark(question, last):
            raise changed_meanwhile()
        start = bisect_right(items, last, key=place)
    _refuse_beyond(question, start, len(items))
    shown = items[start : start + size]
    more = _goes_on(start + size, len(items), assumptions)
    last = place(shown[-1]) if more else ""
    context = _context(width, search, f"{last}^{_mark(question, last)}" if more else "")
    return Page([row(item) for item in shown], context, _tr_cont(more, question, assumptions))


def _width(question: Question) -> int:
    keys = question.endpoint.cursor
    return int(keys[-1].removeprefix("CTX_AREA_NK")) if keys else 100


def _sent(question: Question, search: str, width: int) -> str:
    """The cursor that came back; raises SYDB0050 when it belongs to another query."""
    if question.field(f"CTX_AREA_FK{width}") != search.strip():
        raise changed_meanwhile()
    return question.field(f"CTX_AREA_NK{width}")


def _refuse_beyond(question: Question, start: int, count: int) -> None:
    if question.tr_cont == "N" and start >= count:
        raise changed_meanwhile()


def _goes_on(end: int, count: int, assumptions: Assumptions) -> bool:
    return end < count or (end == count and assumptions.full_page_says_more)


def _context(width: int, search: str, cursor: str) -> dict[str, str]:
    return {f"ctx_area_fk{width}": search.ljust(width), f"ctx_area_nk{width}": cursor.ljust(width)}


def _state(identities: Sequence[str]) -> str:
    """A short mark of which rows there are, whatever their values."""
    return _short_hash("^".join(identities))


def _mark(question: Question, last: str) -> str:
    """A short mark of a query and the last row shown of it: a cursor fits no other query."""
    asked = [f"{name}={question.field(name)}" for name in sorted(question.fields) if "CTX_AREA" not in name]
    return _short_hash("^".join((question.variant, last, *asked)))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tr_cont(more: bool, question: Question, assumptions: Assumptions) -> str:
    if not more:
        return assumptions.last_page
    return "M" if question.tr_cont == "N" else assumptions.first_page_more
