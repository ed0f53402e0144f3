"""The catalogue, read from the package's data on first use and kept.

``data/endpoints.json`` and ``data/fields.json`` say what the documents say; ``data/extras.json``
corrects them, each correction with its evidence. This room changes when the form of that data changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from kis_sync.catalog.endpoint import Effect, Endpoint, Parameter
from kis_sync.catalog.files import records
from kis_sync.errors import InvalidRequestError

_REALTIME = "realtime."
_SERVER = re.compile(r"^https?://[^/]*", re.IGNORECASE)


class _Endpoints(Mapping[str, Endpoint]):
    """The records by name; an ``Endpoint`` is made when it is looked up, and kept."""

    def __init__(self, known: Mapping[str, dict[str, Any]]) -> None:
        self._known = known
        self._made: dict[str, Endpoint] = {}

    def __getitem__(self, name: str) -> Endpoint:
        made = self._made.get(name)
        # Two threads may both make it; setdefault lets one of the two be kept.
        return self._made.setdefault(name, _endpoint(name, self._known[name])) if made is None else made

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@cache
def endpoints() -> Mapping[str, Endpoint]:
    """Every endpoint by its full name, each made when it is looked up."""
    return _Endpoints(records("endpoints"))


def _endpoint(name: str, record: dict[str, Any]) -> Endpoint:
    correction = records("extras").get(name, {})
    return Endpoint(
        name=name,
        path=record["path"],
        method=record["method"],
        tr_ids={variant: tuple(ids) for variant, ids in record.get("tr", {}).items()},
        old_tr_ids={
            variant: tuple(ids)
            for variant, ids in (record.get("old_tr", {}) | correction.get("old_tr", {})).items()
        },
        params=_parameters(record, correction),
        outputs=_renamed(record.get("outputs", {}), correction) | correction.get("outputs", {}),
        cursor=tuple(record.get("cursor", ())),
        effect=Effect(record.get("effect", "read")),
        ledger=correction.get("ledger", record.get("ledger", False)),
        slow=correction.get("slow", False),
        apart=correction.get("apart", False),
        continues=record.get("continues", False),
        free_body=record.get("free_body", False),
        needed={variant: tuple(names) for variant, names in correction.get("needed", {}).items()},
        totals=tuple(correction.get("totals", ())),
        also=tuple(Parameter(field, length, True) for field, length in correction.get("also", {}).items()),
    )


def _parameters(record: dict[str, Any], correction: dict[str, Any]) -> tuple[Parameter, ...]:
    lengths = correction.get("lengths", {})
    blank = correction.get("blank", ())
    return tuple(
        Parameter(
            field,
            lengths.get(field, length),
            flag == "blank" or field in blank,
            tuple(values[0]) if values else (),
        )
        for field, length, flag, *values in record.get("params", ())
    )


def _renamed(by_output: dict[str, Any], correction: dict[str, Any]) -> dict[str, Any]:
    """The same by the names that the answer really gives its outputs."""
    names = correction.get("renamed", {})
    return {names.get(output, output): value for output, value in by_output.items()}


def endpoint(name: str) -> Endpoint:
    """The endpoint of that full name, of that path, or of those last parts of a name where they are unique.

    Capitals do not matter, and dashes are taken for underscores. Raises ``InvalidRequestError`` with the
    candidates when the name is unknown or ambiguous, and for the name of a websocket subscription, which
    cannot be called.
    """
    known = endpoints()
    if name in known:
        return known[name]
    if not isinstance(name, str):
        raise InvalidRequestError(f"an API is named by text, not by {type(name).__name__}")
    address = _SERVER.sub("", name.strip()).partition("?")[0]
    at_path = find("/" + "/".join(filter(None, address.split("/"))))
    if at_path is not None:
        return at_path
    wanted = name.strip().lower().replace("-", "_")
    candidates = [full for full in known if f".{full.lower()}".endswith(f".{wanted}")]
    if len(candidates) == 1:
        return known[candidates[0]]
    if candidates:
        raise InvalidRequestError(f"{name!r} is ambiguous: say {' or '.join(candidates)}")
    raise InvalidRequestError(_unknown(name.strip(), wanted, known))


def _unknown(name: str, wanted: str, known: Iterable[str]) -> str:
    """What to say of a name that is none."""
    streams = records("streams")
    if any(each.lower() in (wanted, _REALTIME + wanted) for each in streams):
        return f"{name!r} is a websocket subscription; this client has no websocket yet"
    by_tr_id = [full for full, each in endpoints().items() if name.upper() in _tr_ids(each)]
    if by_tr_id:
        return f"{name!r} is a TR id of {' and of '.join(by_tr_id)}: call it by that name"
    return (
        f"no API is named {name!r}{_nearest(wanted, known)}; `kis-sync apis WORD` finds by Korean names too"
    )


def _tr_ids(each: Endpoint) -> set[str | None]:
    return {tr_id for pair in (*each.tr_ids.values(), *each.old_tr_ids.values()) for tr_id in pair}


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only for a name that is wrong

    meant: dict[str, list[str]] = {full: [full] for full in known}
    for full in known:
        meant.setdefault(full.rpartition(".")[2], []).append(full)
    near = {full: None for found in get_close_matches(name, meant, n=3) for full in meant[found]}
    return f"; did you mean {' or '.join(near)}?" if near else ""


@cache
def _by_path() -> Mapping[str, str]:
    return {record["path"]: name for name, record in records("endpoints").items()}


def find(path: str) -> Endpoint | None:
    """The endpoint at that path, if the catalogue has one."""
    name = _by_path().get(path)
    return None if name is None else endpoints()[name]


@cache
def _fields(name: str) -> Mapping[str, list[str]]:
    correction = records("extras").get(name, {})
    fields: dict[str, list[str]] = _renamed(records("fields").get(name, {}), correction)
    corrected: dict[str, list[str]] = correction.get("fields", {})
    return fields | corrected


def response_fields(name: str) -> Mapping[str, list[str]]:
    """The documented field names of each output of an endpoint, in order (``""``: the top level)."""
    return _fields(endpoint(name).name)
