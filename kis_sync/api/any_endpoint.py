"""Any API that KIS documents, by its name: the question as data, the answer as KIS's own fields.

For APIs without a typed call, and for fields that a typed answer leaves out. This room changes when the
way of asking by name changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from kis_sync.api.asker import Asker
from kis_sync.catalog import Call, Effect, Endpoint, endpoint, response_fields
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError

_ACCOUNT_NUMBER, _ACCOUNT_PRODUCT = FILLED_IN = ("CANO", "ACNT_PRDT_CD")
"""The fields that come from the settings when a call does not give them."""
_OWN_KEYS = frozenset({"KEYB", "CTS", "INDEX_KEY", "NEXT", "FID_INPUT_SRNO"})
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
        self._body = _joined(endpoint, [page.body for page in pages])

    def __getitem__(self, name: str) -> object:
        if name in self._body:
            return self._body[name]
        for known, value in self._body.items():
            if known.lower() == str(name).lower():
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
        names = self._told(found or self._body)
        said = f"say which: {names}" if found else f"there are only {names}"
        raise InvalidRequestError(
            f"the answer has {len(found)} outputs with rows; {said}", endpoint=self.endpoint
        )

    def _shape(self, name: str) -> str | None:
        return self._documented.get(name) or self._documented.get(name.lower())

    def _rows(self, name: str) -> list[Mapping[str, object]]:
        if name not in self:
            known = self._told(self._body)
            raise InvalidRequestError(f"the answer has no {name}; it has {known}", endpoint=self.endpoint)
        return _rows_of(self[name], name, self.endpoint)

    def __repr__(self) -> str:
        """Without values: an answer may hold an account number or an access token."""
        outputs = [name for name, value in self._body.items() if isinstance(value, (list, dict))]
        more = ", more pages follow" if self.has_more else ""
        return f"<Answer {self.endpoint} {self._told(outputs or self._body, with_rows=True)}{more}>"

    def _told(self, names: Iterable[str], *, with_rows: bool = False) -> str:
        """The documented ones of these names, and how many others there are: a server can make those up."""
        known = {*self._documented, *response_fields(self.endpoint).get("", ()), *_ENVELOPE}
        told, others = [], 0
        for name in names:
            value = self._body[name]
            if name not in known and name.lower() not in known:
                others += 1
            else:
                told.append(f"{name}: {len(value)} rows" if with_rows and isinstance(value, list) else name)
        return ", ".join([*told, f"{others} undocumented"] if others else told)


def _rows_of(value: object, name: str, endpoint: str) -> list[Mapping[str, object]]:
    """The rows of an output: a list of them, one without its brackets, or nothing."""
    several = value if isinstance(value, list) else [] if value in (None, "") else [value]
    rows = [row for row in several if isinstance(row, Mapping)]
    if len(rows) < len(several):
        raise ServerError(f"the answer's {name} holds no rows", endpoint=endpoint)
    return rows


def _joined(endpoint: Endpoint, bodies: list[Mapping[str, object]]) -> dict[str, object]:
    """The fields of all pages: of a list the rows of every page, of anything else what the last page says."""
    if len(bodies) == 1:
        return dict(bodies[0])
    documented = {name.lower(): shape for name, shape in endpoint.outputs.items()}
    spelled: dict[str, str] = {}
    joined: dict[str, object] = {}
    for name, value in (pair for body in bodies for pair in body.items()):
        key = name.lower()
        known = spelled.setdefault(key, name)
        before = joined.get(known, [])
        is_list = documented.get(key) == "list" or isinstance(value, list)
        if key in endpoint.totals or not (is_list or (known in joined and isinstance(before, list))):
            joined[known] = value
        else:
            joined[known] = [each for part in (before, value) for each in _rows_of(part, name, endpoint.name)]
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

    The name is the area and the last parts of the path; the last part alone works where it is unique, and
    so does the path. KIS's fields are given by name, in either case, or as a mapping; their values are text,
    whole numbers or decimals. What KIS takes blank may be left out, the account is filled in from the
    settings. ``variant`` chooses where one API does several things (``"buy"``, ``"sell"``). ``pages`` is how
    many pages to read, ``None`` for all of them; a call with the keys of a page reads on from there.

    Every fault is told at once (``InvalidRequestError``), and nothing is sent then: an unknown field with
    the nearest right one, a missing one with its values. A value that KIS does not list is a warning, with
    ``strict`` a fault. ``NotOnPaperError`` for an API that only live trading has. A call that places or
    changes an order needs the opt-in of every live order. It is sent once, and again only when it provably
    did not run (the call limit, a dead access token); ``OrderUncertainError`` when nobody can know.

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     quote = broker.call("domestic_stock.inquire_price",
    ...                         FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930")
    ...     days = broker.call("domestic_stock.inquire_daily_price", FID_COND_MRKT_DIV_CODE="J",
    ...                        FID_INPUT_ISCD="005930", FID_PERIOD_DIV_CODE="D", FID_ORG_ADJ_PRC="1")
    >>> quote["output"]["stck_shrn_iscd"], len(list(days.rows()))
    ('005930', 30)
    """
    question = ask_for(caller, name, params, variant=variant, **more)
    _check_pages(question.endpoint, pages)
    if pages == 1:
        return _read(question.endpoint, [caller.ask(question, strict=strict)])
    return _read(question.endpoint, caller.ask_pages(question, most=pages, strict=strict))


def ask_for(
    caller: Asker, name: str, params: Mapping[str, object] | None = None, /, *, variant: str, **more: object
) -> Call:
    """The call that stands for these words, with the account filled in; not yet checked, not sent."""
    if not isinstance(params, Mapping | None):
        raise InvalidRequestError(f"the fields must be a mapping, not {type(params).__name__}")
    asked = endpoint(name)
    given = {**(params or {}), **more}
    fields = _with_account(caller, asked, given)
    return Call(asked, fields, _variant(asked, variant), "N" if _goes_on(asked, given) else "")


def _goes_on(asked: Endpoint, given: Mapping[str, object]) -> bool:
    """Whether the keys of a page are among the fields; on a last page the last of the keys is blank."""
    last = asked.cursor[-1] if asked.cursor else None
    return any(name.upper() == last and str(value).strip() for name, value in given.items())


def _check_pages(asked: Endpoint, pages: int | None) -> None:
    """Refuse to read pages of an order, and of what goes on by a key of its own and would end too soon."""
    if pages is not None and (isinstance(pages, bool) or not isinstance(pages, int) or pages < 1):
        raise InvalidRequestError("pages must be a number of at least 1, or None for all of them")
    if pages == 1 or asked.has_pages:
        return
    own = [each.name for each in asked.params if each.name.upper() in _OWN_KEYS]
    if own or asked.effect is Effect.ORDER:
        why = f"it goes on by its field {own[0]}" if own else "it is an order"
        raise InvalidRequestError(f"this API does not answer in pages: {why}", endpoint=asked.name)


def _variant(asked: Endpoint, variant: str) -> str:
    """The variant as the catalogue spells it; the only one when there is but one."""
    if not variant and len(asked.tr_ids) == 1:
        return next(iter(asked.tr_ids))
    return str(variant).lower()


def _with_account(caller: Asker, asked: Endpoint, params: Mapping[str, object]) -> dict[str, object]:
    given = {str(name).upper() for name in params}
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
