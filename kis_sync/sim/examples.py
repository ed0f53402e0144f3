"""Answers to the APIs that are not simulated: the documented example, else an answer of the documented shape.

Nothing in them is true of the market or of an account, and they never change, but for the numbers of orders.
This room changes when an example is documented, or is to be told from a simulated answer in another way.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

from kis_sync import catalog
from kis_sync.catalog import Effect, Endpoint
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.paging import changed_meanwhile
from kis_sync.sim.question import Question
from kis_sync.sim.shapes import row_of

MARK = "Kis-Sync-Answer"
"""The response header of every such answer; a program can tell by it. It has capitals, because the
official sample turns each name in lower case into an attribute name."""

EXAMPLE = "documented example"
SHAPE = "documented shape"

_FIRST_NUMBER = 9_000_001  # far from those of simulated orders
_NUMBERS = frozenset({"ODNO", "OVRS_RSVN_ODNO"})  # what names the order in the answer to it
_NO_ORDER = "(not simulated: nothing was ordered) "
_READ = ("MCA00000", "정상처리 되었습니다.")
_ACCOUNT_READ = ("KIOK0510", "조회가 완료되었습니다")
_ORDERED = ("APBK0013", "주문 전송 완료 되었습니다.")
_NUMBER = re.compile(r"[0-9]{2,8}")
_CODE = re.compile(r"[0-9A-Z]{6,12}|[A-Z]{1,12}")  # of one listing: 0000 and the like stand for many
_ACCOUNT = {"cano": ("CANO",), "acnt_prdt_cd": ("ACNT_PRDT_CD",), "acno10": ("CANO", "ACNT_PRDT_CD")}
_CODES = {
    "pdno": ("PDNO",),
    "shtn_pdno": ("PDNO",),
    "stck_shrn_iscd": ("FID_INPUT_ISCD",),
    "symb": ("SYMB",),
}

Content = dict[str, Any]


@cache
def _examples() -> Mapping[str, Content]:
    """The documented answers by path: their outputs, and under ``msg`` their code and text."""
    text = resources.files("kis_sync.sim").joinpath("data", "examples.json").read_text(encoding="utf-8")
    loaded: dict[str, Content] = json.loads(text)
    return loaded


def kind_of(endpoint: Endpoint) -> str:
    """``EXAMPLE`` or ``SHAPE``: what an API that is not simulated would be answered with."""
    return EXAMPLE if endpoint.path in _examples() else SHAPE


class Examples:
    """Answers any question that passed the front checks.

    ``check_account``, asked with app key, account and product, raises the refusal of one that is another's.
    """

    def __init__(self, assumptions: Assumptions, check_account: Callable[[str, str, str], object]) -> None:
        self._assumptions = assumptions
        self._check_account = check_account
        self.reset()

    def reset(self) -> None:
        """Number orders from the beginning again."""
        self._numbers = itertools.count(_FIRST_NUMBER)

    def answer(self, question: Question) -> Response:
        """The documented answer, with the account asked for, and the code where one was asked for.

        No two orders get the same number.
        """
        endpoint = question.endpoint
        if {"CANO", "ACNT_PRDT_CD"} <= {parameter.name.upper() for parameter in endpoint.params}:
            self._check_account(question.app_key, question.field("CANO"), question.field("ACNT_PRDT_CD"))
        if endpoint.cursor and question.tr_cont == "N":
            raise changed_meanwhile()  # there is one page only
        code, text = _message(endpoint)
        content = {name: _put_in(output, question) for name, output in _content(endpoint).items()}
        if endpoint.effect is Effect.ORDER:
            content = _numbered(content, next(self._numbers))
        response = success(
            content,
            code,
            _NO_ORDER + text if endpoint.effect is Effect.ORDER else text,
            tr_cont=self._assumptions.last_page if _ends(endpoint) else "",
            padded=endpoint.ledger,
        )
        return replace(response, headers=((MARK, kind_of(endpoint)),))


def _ends(endpoint: Endpoint) -> bool:
    """Whether the answer says that it is the last page: account reads do even without paging keys."""
    is_account_read = endpoint.ledger and endpoint.effect is Effect.READ
    return bool(endpoint.cursor) or endpoint.continues or is_account_read


def _message(endpoint: Endpoint) -> tuple[str, str]:
    documented = _examples().get(endpoint.path, {}).get("msg")
    if documented:
        return documented[0], documented[1]
    if endpoint.effect is Effect.ORDER:
        return _ORDERED
    return _ACCOUNT_READ if endpoint.ledger else _READ


def _content(endpoint: Endpoint) -> Content:
    """Every documented output and field: as in the example where it has them, else by name."""
    example = {name: value for name, value in _examples().get(endpoint.path, {}).items() if name != "msg"}
    spelled = {name.lower(): name for name in example}
    content = example | {name.lower(): _blank(name) for name in endpoint.cursor}
    for output, fields in catalog.response_fields(endpoint.name).items():
        if not output:
            content |= row_of(field for field in fields if field.lower() not in content)
            continue
        known = spelled.get(output.lower(), output)
        if known not in content:
            content[known] = _shaped(fields, endpoint.outputs[output])
        else:
            content[known] = _filled(content[known], fields)
    return content


def _blank(cursor: str) -> str:
    """A blank paging key, as wide as its name says."""
    width = re.sub(r"\D", "", cursor)
    return "".ljust(int(width or "0"))


def _shaped(fields: list[str], shape: str) -> Any:
    return [row_of(fields)] if shape == "list" else row_of(fields)


def _filled(output: Any, fields: list[str]) -> Any:
    """An output of an example with the documented fields that it lacks, whatever the case of their names."""
    if isinstance(output, list):
        return [_filled(row, fields) for row in output] or [row_of(fields)]
    present = {name.lower() for name in output}
    return output | row_of(field for field in fields if field.lower() not in present)


def _put_in(output: Any, question: Question, *, is_one: bool = True) -> Any:
    """An output with the account asked for in every row, and the code asked for if it has one row."""
    if isinstance(output, list):
        return [_put_in(row, question, is_one=len(output) == 1) for row in output]
    if not isinstance(output, dict):
        return output
    asked = _asked(question, _ACCOUNT, _NUMBER) | (_asked(question, _CODES, _CODE) if is_one else {})
    return {name: asked.get(name.lower(), value) for name, value in output.items()}


def _numbered(content: Content, number: int) -> Content:
    """The answer to an order with a number of its own, as wide as the documented one."""
    return {
        output: {
            name: str(number).zfill(len(value)) if name in _NUMBERS else value
            for name, value in fields.items()
        }
        for output, fields in content.items()
    }


def _asked(
    question: Question, told_by: Mapping[str, tuple[str, ...]], form: re.Pattern[str]
) -> dict[str, str]:
    """The values of answer fields that a question tells, where they have the right form."""
    told = {name: [question.field(field) for field in fields] for name, fields in told_by.items()}
    return {name: "".join(parts) for name, parts in told.items() if all(map(form.fullmatch, parts))}
