"""What may come out of the client, whatever went in: our errors, telling no secret, or a sound value.

Each check gives the findings as text, none when all is well. This room changes when more, or less, is
promised to users.
"""

from __future__ import annotations

import enum
import math
import pickle
import traceback
import types
import typing
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

from kis_sync import KISError
from kis_sync.catalog.codes import Meaning, meaning
from kis_sync.errors import (
    BrokerClosedError,
    ConfigurationError,
    InvalidRequestError,
    JournalError,
    OrderUncertainError,
    Reach,
)
from tests.fuzz import telltale

_LONGEST = 3000  # characters of an error's text
_NOT_NEGATIVE = frozenset(
    {"quantity", "size", "volume", "sellable", "ask_total", "bid_total", "shares", "filled", "held"}
)
_CERTAIN = (
    Meaning.OVER_THE_LIMIT,
    Meaning.OVER_THE_LEDGER_LIMIT,
    Meaning.BAD_ACCESS_TOKEN,
    Meaning.BAD_KEYS,
    Meaning.REFUSED,
)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and every cause and context of it, suppressed or not."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            pending += [each.__cause__, each.__context__]


def texts_of(error: BaseException) -> Iterator[str]:
    """All that an error and its chain tell without a debugger; a traceback adds but lines of source."""
    for each in chain(error):
        yield str(each)
        yield repr(each)
        yield repr(each.args)
        yield repr(vars(each))
        yield "".join(traceback.format_exception_only(each))
    yield pickle.dumps(error).decode("latin-1")


def leaks(where: str, text: str, unknown: str = "") -> Iterator[str]:
    """The secrets that a text tells; ``unknown`` as in ``telltale.told``."""
    for name in telltale.told(text, unknown):
        yield f"the {name} is told by {where}: {text[:300]!r}"


def error_findings(error: BaseException, unknown: str = "") -> Iterator[str]:
    """What is wrong with an error, whatever it was raised for."""
    if not isinstance(error, KISError):
        yield f"a foreign error came out: {type(error).__name__}: {str(error)[:200]!r}"
        return
    if isinstance(error, (ConfigurationError, BrokerClosedError, JournalError)):
        yield f"an answer cannot mean {type(error).__name__}: {error}"
    yield from leaks(type(error).__name__, "\n".join(texts_of(error)), unknown)
    if len(str(error)) > _LONGEST or "\n" in str(error):
        yield f"the error's text is too long, or not on one line: {len(str(error))} characters"
    facts = (error.code, error.http_status, error.reach, error.can_retry)
    if not all(map(_fits, facts, (str | None, int | None, Reach, bool))):
        yield f"the error's facts are of wrong types: {vars(error)!r}"
    if str(pickle.loads(pickle.dumps(error))) != str(error):
        yield "the error does not survive pickling"


def refused_by_us(error: BaseException) -> Iterator[str]:
    """An answer alone is no fault of the question."""
    if isinstance(error, InvalidRequestError):
        yield f"an answer cannot make the question wrong: {error}"


def order_findings(error: BaseException, times_sent: int, answer: bytes) -> Iterator[str]:
    """What is wrong with how an order ended, whose answer was mutated."""
    if isinstance(error, KISError):
        yield from order_error_findings(error, answer)
        yield from sent_findings(times_sent, answer)


def order_error_findings(error: KISError, answer: bytes) -> Iterator[str]:
    """What is wrong with what an error says of an order, whose answer was mutated."""
    if not isinstance(error, OrderUncertainError):
        if error.reach is Reach.MAYBE_EXECUTED:
            yield f"an order that may have run raised {type(error).__name__}"
        elif meaning(error.code) not in _CERTAIN and not (error.code is None and _says(answer, b"EGW0012")):
            # After a dead access token, asking for another may fail; the order was sent and turned away.
            yield f"an order counts as not executed for no reason: {type(error).__name__} {error.code!r}"
    elif error.reach is not Reach.MAYBE_EXECUTED:
        yield "an uncertain order says that it is certain"


def sent_findings(times_sent: int, answer: bytes) -> Iterator[str]:
    """An order is sent again only when the answer says by its code that it did not run."""
    if times_sent != 1 and not may_repeat(answer):
        yield f"the order was sent {times_sent} times"


def may_repeat(answer: bytes) -> bool:
    """Whether an answer says by its code that the order did not run, so that it may be sent again."""
    return any(_says(answer, code) for code in (b"EGW00201", b"EGW0012"))


def _says(answer: bytes, code: bytes) -> bool:
    """Whether a code stands in a body, which may be packed, and packed again, and be UTF-16 or UTF-32."""
    for _ in range(3):
        if code in answer.replace(b"\0", b""):
            return True
        try:
            answer = zlib.decompressobj(47).decompress(answer, 1 << 20)
        except zlib.error:
            return False
    return False


def value_findings(value: object) -> Iterator[str]:
    """What is wrong with a value that came out as a success."""
    yield from _unsound(value, None, type(value).__name__)
    told = repr(value)
    if telltale.told(told):
        plain = map(repr, _plain_values(value))  # what the server put into a field is what was asked for
        for each in sorted(plain, key=len, reverse=True):  # a short one may stand within a longer one
            told = told.replace(each, "''")
        yield from leaks(f"the repr of {type(value).__name__}", told)


def _plain_values(value: object) -> Iterator[object]:
    """The texts and numbers of a model, not those of its raw answer."""
    if isinstance(value, (str, int, float, Decimal)) and not isinstance(value, enum.Enum):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _plain_values(each)
    elif is_dataclass(value):
        for each in fields(value):
            if each.name != "raw":
                yield from _plain_values(getattr(value, each.name))


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _unsound(value: object, hint: Any, where: str) -> Iterator[str]:
    if hint is not None and not _fits(value, hint):
        yield f"{where} is {type(value).__name__} ({str(value)[:60]!r}), not {hint}"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        yield f"{where} is {value}"
    elif isinstance(value, datetime) and value.tzinfo is None:
        yield f"{where} has no zone"
    elif isinstance(value, tuple) and not hasattr(value, "_fields"):
        for each in value:
            yield from _unsound(each, None, where)
    elif (is_dataclass(value) and not isinstance(value, type)) or hasattr(value, "_fields"):
        yield from _unsound_fields(value, where)


def _unsound_fields(value: object, where: str) -> Iterator[str]:
    kind: Any = type(value)
    for name, hint in _hints(kind).items():
        if name == "raw" or name.startswith("_"):
            continue
        each = getattr(value, name)
        yield from _unsound(each, hint, f"{where}.{name}")
        if name in _NOT_NEGATIVE and isinstance(each, (int, Decimal)) and each < 0:
            yield f"{where}.{name} is negative: {each}"
        if name == "price" and isinstance(each, (int, Decimal)) and each <= 0:
            yield f"{where}.{name} is no price: {each}"


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of the annotated type; a bool is no number, an int no float."""
    origin = typing.get_origin(hint)
    if hint is Any or hint is object:
        return True
    if hint is None or hint is type(None):
        return value is None
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in typing.get_args(hint))
    if origin is tuple:
        kinds = typing.get_args(hint)
        if len(kinds) == 2 and kinds[1] is ...:
            return isinstance(value, tuple) and all(_fits(each, kinds[0]) for each in value)
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if origin is not None:
        return isinstance(value, origin) if isinstance(origin, type) else True
    if hint in (int, float, bool, str, Decimal, date, time, datetime):
        return type(value) is hint
    return isinstance(value, hint) if isinstance(hint, type) else True


def raw_findings(value: object) -> Iterator[str]:
    """A model's raw answer is the object as it came."""
    raw = getattr(value, "raw", None)
    if raw is not None and not isinstance(raw, Mapping):
        yield f"raw is {type(raw).__name__}"
