"""The catalogue, read from the package's data on first use and kept.

``data/endpoints.json`` and ``data/fields.json`` say what the documents say; ``data/extras.json``
corrects them, each correction with its evidence. This room changes when the form of that data changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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


class _Endpoints(Mapping[str, Endpoint]):
    """The records by name; an ``Endpoint`` is made when it is looked up, and kept."""

    def __init__(self, records: Mapping[str, dict[str, Any]]) -> None:
        self._records = records
        self._made: dict[str, Endpoint] = {}

    def __getitem__(self, name: str) -> Endpoint:
        made = self._made.get(name)
        # Two threads may both make it; setdefault lets one of the two be kept.
        return self._made.setdefault(name, _endpoint(name, self._records[name])) if made is None else made

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


@cache
def _records() -> dict[str, dict[str, Any]]:
    return _data("endpoints.json")


@cache
def endpoints() -> Mapping[str, Endpoint]:
    """Every endpoint by its full name, each made when it is looked up."""
    return _Endpoints(_records())


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
        cursor=tuple(record.get("cursor", ())),
        effect=Effect(record.get("effect", "read")),
        ledger=record.get("ledger", False),
        slow=correction.get("slow", False),
        apart=correction.get("apart", False),
        continues=record.get("continues", False),
        free_body=record.get("free_body", False),
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
    raise InvalidRequestError(f"no API is named {name!r}{_nearest(name, known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only for a name that is wrong

    meant: dict[str, list[str]] = {full: [full] for full in known}
    for full in known:
        meant.setdefault(full.rpartition(".")[2], []).append(full)
    near = {full: None for found in get_close_matches(name, meant, n=3) for full in meant[found]}
    return f"; did you mean {' or '.join(near)}?" if near else ""


@cache
def _by_path() -> Mapping[str, str]:
    return {record["path"]: name for name, record in _records().items()}


def find(path: str) -> Endpoint | None:
    """The endpoint at that path, if the catalogue has one."""
    name = _by_path().get(path)
    return None if name is None else endpoints()[name]


@cache
def _fields() -> dict[str, dict[str, list[str]]]:
    fields: dict[str, dict[str, list[str]]] = _data("fields.json")
    for name, correction in _extras().items():
        fields[name] = fields.get(name, {}) | correction.get("fields", {})
    return fields


def response_fields(name: str) -> Mapping[str, list[str]]:
    """The documented field names of each output of an endpoint, in order (``""``: the top level)."""
    return _fields().get(endpoint(name).name, {})
