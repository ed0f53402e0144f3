"""A span of days that something is asked for.

This room changes when calls take their days in another way.
"""

from __future__ import annotations

from datetime import date, datetime

from kis_sync.api.asker import Asker
from kis_sync.errors import InvalidRequestError


def checked_span(caller: Asker, start: date | None, end: date | None) -> tuple[date, date]:
    """The first and the last day, both included; ``end`` is today when not given, ``start`` the end.

    Raises ``InvalidRequestError`` for what is no date, and for a start after the end.
    """
    last = caller.now().date() if end is None else _checked_day(end, "end")
    first = last if start is None else _checked_day(start, "start")
    if first > last:
        raise InvalidRequestError(f"start {first} lies after end {last}")
    return first, last


def _checked_day(value: date, name: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise InvalidRequestError(f"{name} must be a date, not {value!r}")
    return value
