"""The catalogue, read from the package's data on first use and kept.

``data/endpoints.json`` and ``data/fields.json`` say what the documents say; ``data/extras.json``
corrects them, each correction with its evidence. This room changes when the form of that data changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from kis_sync.catalog.endpoint import Effect, Endpoint, Parameter
from kis_sync.errors import InvalidRequestError


def _data(name: str) -> dict[str, Any]:
    text = resources.files("kis_sync.catalog").joinpath("data", name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _extras() -> dict[str, Any]:
    return _data("extras.json")


@cache
def endpoints() -> Mapping[str, Endpoint]:
    """Every endpoint by its full name."""
    return {name: _endpoint(name, record) for name, record in _data("endpoints.json").items()}


def _endpoint(name: str, record: dict[str, Any]) -> Endpoint:
    correction = _extras().get(name, {})
    lengths = correction.get("lengths", {})
    return Endpoint(
        name=name,
        path=record["path"],
        method=record["method"],
        tr_ids={variant: tuple(ids) for variant, ids in record.get("tr", {}).items()},
        old_tr_ids={variant: tuple(ids) for variant, ids in record.get("old_tr", {}).items()},
        params=tuple(
            Parameter(field, lengths.get(field, length), flag == "blank", tuple(values[0]) if values else ())
            for field, length, flag, *values in record.get("params", ())
        ),
        outputs=record.get("outputs", {}) | correction.get("outputs", {}),
        cursor=record.get("cursor"),
        effect=Effect(record.get("effect", "read")),
        ledger=record.get("ledger", False),
        slow=correction.get("slow", False),
        apart=correction.get("apart", False),
    )


def endpoint(name: str) -> Endpoint:
    """The endpoint of that full name, or of that bare last segment where it is unique.

    Raises ``InvalidRequestError`` with the candidates when the name is unknown or ambiguous.
    """
    known = endpoints()
    if name in known:
        return known[name]
    candidates = [full for full in known if full.rpartition(".")[2] == name]
    if len(candidates) == 1:
        return known[candidates[0]]
    if candidates:
        raise InvalidRequestError(f"{name!r} is ambiguous: say {' or '.join(candidates)}")
    from difflib import get_close_matches  # only for a name that is wrong

    bare = {full.rpartition(".")[2]: full for full in known}
    near = get_close_matches(name, [*known, *bare], n=3)
    hint = f"; did you mean {' or '.join(bare.get(each, each) for each in near)}?" if near else ""
    raise InvalidRequestError(f"no API is named {name!r}{hint}")


@cache
def _by_path() -> Mapping[str, Endpoint]:
    return {each.path: each for each in endpoints().values()}


def find(path: str) -> Endpoint | None:
    """The endpoint at that path, if the catalogue has one."""
    return _by_path().get(path)


@cache
def _fields() -> dict[str, dict[str, list[str]]]:
    fields: dict[str, dict[str, list[str]]] = _data("fields.json")
    for name, correction in _extras().items():
        fields[name] = fields.get(name, {}) | correction.get("fields", {})
    return fields


def response_fields(name: str) -> Mapping[str, list[str]]:
    """The documented field names of each output of an endpoint, in order (``""``: the top level)."""
    return _fields().get(endpoint(name).name, {})
