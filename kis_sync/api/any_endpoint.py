"""Any API that KIS documents, by its name: the question as data, the answer as KIS's own fields.

For APIs without a typed call, and for fields that a typed answer leaves out. This room changes when the
way of asking by name changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from kis_sync.api.asker import Asker
from kis_sync.catalog import Call, Endpoint, endpoint, response_fields
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError

_ACCOUNT_NUMBER, _ACCOUNT_PRODUCT = FILLED_IN = ("CANO", "ACNT_PRDT_CD")
"""The fields that come from the settings when a call does not give them."""
_ENVELOPE = ("rt_cd", "msg_cd", "msg1", "output", "output1", "output2", "output3")


class Answer(Mapping[str, object]):
    """KIS's answer to a call by name: its fields as they came, outputs by their name in either case.

    With several pages the lists hold the rows of all of them, every other field is the last page's.
    Values are KIS's text; what a field means and counts in is what ``kis-sync apis NAME`` tells.
    ``has_more`` says that pages beyond these follow.
    """

    def __init__(self, endpoint: Endpoint, pages: list[Envelope]) -> None:
        self.endpoint = endpoint.name
        self.pages = len(pages)
        self.has_more = pages[-1].has_more
        self.answered_at: datetime | None = pages[-1].answered_at
        self._documented = endpoint.outputs
        self._body = _joined([page.body for page in pages])

    def __getitem__(self, name: str) -> object:
        if name in self._body:
            return self._body[name]
        for known, value in self._body.items():
            if known.lower() == name.lower():
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)

    def rows(self, output: str | None = None) -> Iterator[Mapping[str, object]]:
        """The rows of an output, one after the other; an output that is one object is one row.

        Without ``output`` the answer's only list is meant, or its only output. ``InvalidRequestError``
        when there are several, with their names; ``ServerError`` when the output holds no rows.
        """
        name = self._only_output() if output is None else output
        return iter(self._rows(name))

    def _only_output(self) -> str:
        outputs = [name for name in self._body if "output" in name.lower()]
        lists = [name for name in outputs if isinstance(self._body[name], list)]
        # A documented list may hold one object only, and then come without its brackets.
        lists += [name for name in outputs if self._shape(name) == "list" and name not in lists]
        found = lists or outputs
        if len(found) == 1:
            return found[0]
        names = self._told({name: name for name in found or self._body})
        said = f"say which: {names}" if found else f"there are only {names}"
        raise InvalidRequestError(
            f"the answer has {len(found)} outputs with rows; {said}", endpoint=self.endpoint
        )

    def _shape(self, name: str) -> str | None:
        return self._documented.get(name) or self._documented.get(name.lower())

    def _rows(self, name: str) -> list[Mapping[str, object]]:
        if name not in self:
            known = self._told({name: name for name in self._body})
            raise InvalidRequestError(f"the answer has no {name}; it has {known}", endpoint=self.endpoint)
        value = self[name]
        several = value if isinstance(value, list) else [] if value in (None, "") else [value]
        rows = [row for row in several if isinstance(row, Mapping)]
        if len(rows) < len(several):
            raise ServerError(f"the answer's {name} holds no rows", endpoint=self.endpoint)
        return rows

    def __repr__(self) -> str:
        """Without values: an answer may hold an account number or an access token."""
        shapes = {
            name: f"{name}: {len(value)} rows" if isinstance(value, list) else name
            for name, value in self._body.items()
            if isinstance(value, (list, dict))
        }
        more = ", more pages follow" if self.has_more else ""
        return f"<Answer {self.endpoint} {self._told(shapes or {name: name for name in self._body})}{more}>"

    def _told(self, shown: Mapping[str, str]) -> str:
        """What is shown of documented names, and how many others there are: a server can make those up."""
        known = {*self._documented, *response_fields(self.endpoint).get("", ()), *_ENVELOPE}
        told = [text for name, text in shown.items() if name in known or name.lower() in known]
        others = len(shown) - len(told)
        return ", ".join([*told, f"{others} undocumented"] if others else told)


def _joined(bodies: list[Mapping[str, object]]) -> dict[str, object]:
    """The fields of the last page, its lists grown to the rows of all pages.

    KIS repeats an account's totals on each page as a list of one; where another list holds the rows, the
    last totals stand for all.
    """
    joined = dict(bodies[-1])
    if len(bodies) == 1:
        return joined
    lists: dict[str, list[list[object]]] = {}
    for name in joined:
        parts = [part for body in bodies if isinstance(part := body.get(name), list)]
        if len(parts) == len(bodies):
            lists[name] = parts
    totals = {name for name, parts in lists.items() if all(len(part) == 1 for part in parts)}
    for name in lists if len(totals) == len(lists) else lists.keys() - totals:
        joined[name] = [row for part in lists[name] for row in part]
    return joined


def call(
    caller: Asker,
    name: str,
    params: Mapping[str, object] | None = None,
    /,
    *,
    variant: str = "",
    pages: int | None = 1,
    strict: bool = False,
    **more: object,
) -> Answer:
    """Call any API that KIS documents by its name, such as ``"domestic_stock.inquire_price"``.

    The name is the area and the last parts of the path; the last part alone works where it is unique.
    KIS's fields are given by name, in either case, or as a mapping; their values are text or whole numbers.
    What KIS takes blank may be left out, the account is filled in from the settings. ``variant`` chooses
    where one API does several things (``"buy"``, ``"sell"``). ``pages`` is how many pages to read, ``None``
    for all of them.

    Every fault is told at once (``InvalidRequestError``), and nothing is sent then: an unknown field with
    the nearest right one, a missing one with its values. A value that KIS does not list is a warning, with
    ``strict`` a fault. ``NotOnPaperError`` for an API that only live trading has. A call that places or
    changes an order needs the opt-in of every live order, is sent once, and raises ``OrderUncertainError``
    when nobody can know whether it ran.

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     quote = broker.call("domestic_stock.inquire_price",
    ...                         FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930")
    ...     days = broker.call("domestic_stock.inquire_daily_price", FID_COND_MRKT_DIV_CODE="J",
    ...                        FID_INPUT_ISCD="005930", FID_PERIOD_DIV_CODE="D", FID_ORG_ADJ_PRC="1")
    >>> quote["output"]["stck_shrn_iscd"], len(list(days.rows()))
    ('005930', 30)
    """
    if pages is not None and (isinstance(pages, bool) or not isinstance(pages, int) or pages < 1):
        raise InvalidRequestError("pages must be a number of at least 1, or None for all of them")
    asked = endpoint(name)
    fields = _with_account(caller, asked, {**(params or {}), **more})
    question = Call(asked, fields, _variant(asked, variant))
    if pages == 1:
        return _read(asked, [caller.ask(question, strict=strict)])
    return _read(asked, caller.ask_pages(question, most=pages, strict=strict))


def _variant(asked: Endpoint, variant: str) -> str:
    """The variant as the catalogue spells it; the only one when there is but one."""
    if not variant and len(asked.tr_ids) == 1:
        return next(iter(asked.tr_ids))
    return variant.lower()


def _with_account(caller: Asker, asked: Endpoint, params: Mapping[str, object]) -> dict[str, object]:
    given = {name.upper() for name in params}
    needed = {each.name.upper() for each in asked.params} & set(FILLED_IN) - given
    if not needed:
        return dict(params)
    account = caller.account
    own = {_ACCOUNT_NUMBER: account.number, _ACCOUNT_PRODUCT: account.product}
    return {name: value for name, value in own.items() if name in needed} | dict(params)


def _read(asked: Endpoint, pages: list[Envelope]) -> Answer:
    """The answer; an answer in which nothing stands is none, and an error is never an empty result."""
    answer = Answer(asked, pages)
    if "rt_cd" not in answer and asked.tr_ids and not any(name in answer for name in asked.outputs):
        raise ServerError("the answer holds nothing that this API is documented to give", endpoint=asked.name)
    return answer
