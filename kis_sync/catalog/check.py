"""Checking the fields of a call against what is documented: all faults at once, before anything is sent.

This room changes when the rules of naming and filling request fields change.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from kis_sync.catalog.endpoint import Endpoint, Parameter
from kis_sync.errors import InvalidRequestError


class UndocumentedValueWarning(UserWarning):
    """A value that KIS's documents do not list; it is sent all the same."""


def checked(endpoint: Endpoint, params: Mapping[str, object], *, strict: bool = False) -> dict[str, str]:
    """The complete request fields in documented order and spelling, blanks filled in.

    Raises ``InvalidRequestError`` naming every fault. A value that the documents do not list is a
    warning, with ``strict`` an error.
    """
    if endpoint.free_body:
        return _free(endpoint, params)
    faults: list[str] = []
    given = _given(endpoint, params, faults)
    unlisted = []
    for parameter in endpoint.params:
        value = given.get(parameter.name, "")
        if not value and not parameter.blank:
            faults.append(f"{parameter.name} is missing{_listed(parameter.values)}")
        elif value and parameter.values and value not in parameter.values:
            unlisted.append(f"{parameter.name}={value!r} is not documented{_listed(parameter.values)}")
    if strict:
        faults.extend(unlisted)
    if faults:
        raise InvalidRequestError("; ".join(faults), endpoint=endpoint.name)
    for text in unlisted:
        warnings.warn(f"{endpoint.name}: {text}", UndocumentedValueWarning, stacklevel=3)
    complete = {parameter.name: given.get(parameter.name, "") for parameter in endpoint.params}
    return complete | {each.name: given[each.name] for each in endpoint.also if each.name in given}


def _given(endpoint: Endpoint, params: Mapping[str, object], faults: list[str]) -> dict[str, str]:
    """The fields that were given, in the documented spelling; what is wrong with them goes to ``faults``."""
    documented = {parameter.name.upper(): parameter for parameter in (*endpoint.params, *endpoint.also)}
    given: dict[str, str] = {}
    for name, value in params.items():
        parameter = documented.get(name.upper())
        if parameter is None:
            faults.append(f"unknown field {name}{_nearest(name, documented)}")
        elif parameter.name in given:
            faults.append(f"{parameter.name} is given twice")
        else:
            given[parameter.name] = _as_text(name, value, faults)
    return given


def _free(endpoint: Endpoint, params: Mapping[str, object]) -> dict[str, str]:
    """Any fields, as text: nobody documents which."""
    faults: list[str] = []
    fields = {name: _as_text(name, value, faults) for name, value in params.items()}
    if faults:
        raise InvalidRequestError("; ".join(faults), endpoint=endpoint.name)
    return fields


def _nearest(name: str, documented: Mapping[str, Parameter]) -> str:
    from difflib import get_close_matches  # only for a name that is wrong

    near = get_close_matches(name.upper(), documented, n=1)
    return f" (did you mean {documented[near[0]].name}?)" if near else ""


def _listed(values: tuple[str, ...]) -> str:
    return f" (one of {', '.join(repr(value) for value in values)})" if values else ""


def _as_text(name: str, value: object, faults: list[str]) -> str:
    if isinstance(value, str):
        if not _is_sendable(value):
            faults.append(f"{name} holds a letter that cannot be sent")
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    faults.append(f"{name} must be text or a whole number, not {type(value).__name__}")
    return ""


def _is_sendable(text: str) -> bool:
    """Whether the text can be written as UTF-8: half of a surrogate pair cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
