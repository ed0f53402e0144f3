"""Lists in pages: so many rows, the context keys for the next call, and what ``tr_cont`` says.

A cursor is good only while the list is as it was; else SYDB0050. This room changes when KIS changes how
it continues a list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.question import Question

Row = dict[str, str]


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
    keys = question.endpoint.cursor
    width = int(keys[-1].removeprefix("CTX_AREA_NK")) if keys else 100
    state = _state(identities)
    start = 0
    if question.tr_cont == "N":
        start = _start(question, search, state, width)
        if start >= len(rows):
            raise changed_meanwhile()
    end = start + size
    more = end < len(rows) or (end == len(rows) and assumptions.full_page_says_more)
    cursor = f"{end}^{state}" if more else ""
    context = {
        f"ctx_area_fk{width}": search.ljust(width),
        f"ctx_area_nk{width}": cursor.ljust(width),
    }
    return Page(list(rows[start:end]), context, _tr_cont(more, start == 0, assumptions))


def _start(question: Question, search: str, state: str, width: int) -> int:
    sent_search = question.field(f"CTX_AREA_FK{width}")
    position, _, sent_state = question.field(f"CTX_AREA_NK{width}").partition("^")
    if sent_search != search.strip() or sent_state != state or not position.isdecimal():
        raise changed_meanwhile()
    return int(position)


def _state(identities: Sequence[str]) -> str:
    """A short mark of which rows there are, whatever their values."""
    return hashlib.sha256("^".join(identities).encode()).hexdigest()[:16]


def _tr_cont(more: bool, is_first: bool, assumptions: Assumptions) -> str:
    if not more:
        return assumptions.last_page
    return assumptions.first_page_more if is_first else "M"
