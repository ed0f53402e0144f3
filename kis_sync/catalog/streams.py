"""KIS's websocket subscriptions as values: what a frame of each holds. They cannot be called.

This room changes when a record of a subscription needs to say something new.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from kis_sync.catalog.files import records
from kis_sync.errors import InvalidRequestError


class Stream(NamedTuple):
    """One documented websocket subscription.

    ``tr_ids`` are the live and the paper TR id to register, ``None`` where that world has none. ``fields``
    are the values of one record of a frame, in order. ``by_hts_id`` says that the key to register is the
    customer's HTS ID (a notice about his own orders, sent encrypted), not an instrument's code.
    """

    name: str
    path: str
    tr_ids: tuple[str | None, str | None]
    fields: tuple[str, ...]
    by_hts_id: bool = False


@cache
def streams() -> Mapping[str, Stream]:
    """Every subscription by its full name (``realtime.`` and the last segment of its path)."""
    return {name: _stream(name, record) for name, record in records("streams").items()}


def _stream(name: str, record: dict[str, Any]) -> Stream:
    correct = record | records("extras").get(name, {})
    live, paper = correct["tr"]
    return Stream(
        name, record["path"], (live, paper), tuple(correct["fields"]), correct.get("by_hts_id", False)
    )


def stream(name: str) -> Stream:
    """The subscription of that name, with or without ``realtime.``; ``InvalidRequestError`` for none.

    >>> stream("H0STCNT0").fields[:3]
    ('MKSC_SHRN_ISCD', 'STCK_CNTG_HOUR', 'STCK_PRPR')
    """
    known = streams()
    found = known.get(name) or known.get(f"realtime.{name}")
    if found is None:
        raise InvalidRequestError(f"no websocket subscription is named {name!r}")
    return found
