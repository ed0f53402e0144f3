"""Checking the fields of a call against what is documented: all faults at once, before anything is sent.

This room changes when the rules of naming and filling request fields change.
"""

from __future__ import annotations

import enum
import operator
import sys
import warnings
from collections.abc import Mapping
from decimal import Decimal

from kis_sync.catalog.endpoint import Endpoint, Parameter
from kis_sync.errors import InvalidRequestError

_LONG = 8  # letters


class UndocumentedValueWarning(UserWarning):
    """A value that KIS's documents do not list; it is sent all the same."""


def checked(
    endpoint: Endpoint, params: Mapping[str, object], *, variant: str = "", strict: bool = False
) -> dict[str, str]:
    """The complete request fields in documented order and spelling, blanks filled in.

    Raises ``InvalidRequestError`` naming every fault, a wrong variant too. A value that the documents do not
    list is a warning, with ``strict`` an error.
    """
    if endpoint.free_body:
        return _free(endpoint, params)
    fault = endpoint.variant_fault(variant)
    faults = [fault] if fault else []
    given, refused = _given(endpoint, params, faults)
    needed = endpoint.needed.get(variant, ())
    unlisted = []
    for parameter in endpoint.params:
        value = given.get(parameter.name, "")
        may_be_blank = parameter.blank and parameter.name not in needed
        if not value and not may_be_blank and parameter.name not in refused:
            faults.append(f"{parameter.name} is missing{_listed(parameter.values)}")
        elif value and parameter.values and value not in parameter.values:
            unlisted.append(f"{parameter.name}={_shown(value)} is not documented{_listed(parameter.values)}")
    if strict:
        faults.extend(unlisted)
    if faults:
        raise InvalidRequestError("; ".join(faults), endpoint=endpoint.name)
    for text in unlisted:
        warnings.warn(f"{endpoint.name}: {text}", UndocumentedValueWarning, stacklevel=_callers_level())
    complete = {parameter.name: given.get(parameter.name, "") for parameter in endpoint.params}
    return complete | {each.name: given[each.name] for each in endpoint.also if each.name in given}


def _given(
    endpoint: Endpoint, params: Mapping[str, object], faults: list[str]
) -> tuple[dict[str, str], set[str]]:
    """The fields that were given, in the documented spelling, and the names of those that cannot be sent."""
    documented = {parameter.name.upper(): parameter for parameter in (*endpoint.params, *endpoint.also)}
    given: dict[str, str] = {}
    refused = set()
    for name, value in params.items():
        parameter = documented.get(str(name).upper())
        text, fault = _as_text(value)
        if parameter is None:
            faults.append(f"unknown field {name}{_nearest(str(name), documented)}")
        elif parameter.name in given or parameter.name in refused:
            faults.append(f"{parameter.name} is given twice")
        elif fault:
            refused.add(parameter.name)
            faults.append(f"{name} {fault}")
        else:
            given[parameter.name] = text
    return given, refused


def _free(endpoint: Endpoint, params: Mapping[str, object]) -> dict[str, str]:
    """Any fields, as text: nobody documents which."""
    read = {str(name): _as_text(value) for name, value in params.items()}
    faults = [f"{name} {fault}" for name, (_, fault) in read.items() if fault]
    if faults:
        raise InvalidRequestError("; ".join(faults), endpoint=endpoint.name)
    return {name: text for name, (text, _) in read.items()}


def _nearest(name: str, documented: Mapping[str, Parameter]) -> str:
    from difflib import get_close_matches  # only for a name that is wrong

    near = get_close_matches(name.upper(), documented, n=1)
    return f" (did you mean {documented[near[0]].name}?)" if near else ""


def _listed(values: tuple[str, ...]) -> str:
    return f" (one of {', '.join(repr(value) for value in values)})" if values else ""


def _shown(value: str) -> str:
    """A value for people; not one that is long enough to be an account number in the wrong field."""
    return repr(value) if len(value) < _LONG else f"a value of {len(value)} characters"


def _as_text(value: object) -> tuple[str, str | None]:
    """The value as it is sent, and what is wrong with it."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return str(value), None if _is_sendable(value) else "holds a letter that cannot be sent"
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f"), None
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        return str(operator.index(value)), None
    return "", f"must be text or a whole number, not {type(value).__name__}"


def _is_sendable(text: str) -> bool:
    """Whether the text can be written as UTF-8: half of a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _callers_level() -> int:
    """How far up the first frame outside this package is: there somebody wrote the value."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: str) -> bool:
    return module == "kis_sync" or module.startswith("kis_sync.")
