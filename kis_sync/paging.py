"""Reading an answer that comes in pages: to the end, or an error; never half a list in silence.

This room changes when KIS changes its way of paging.
"""

from __future__ import annotations

from collections.abc import Callable

from kis_sync.catalog import Call
from kis_sync.envelope import Envelope
from kis_sync.errors import ServerError, StaleCursorError

_RESTARTS = 2  # an account that changes under the reading settles; KIS has also refused a page for ever
_MOST_PAGES = 1_000

Cursor = tuple[str, str]


def read_pages(ask: Callable[[Call], Envelope], call: Call) -> list[Envelope]:
    """Every page in order.

    When the server has lost the page (its rows changed meanwhile), reading starts again, a few times.
    ``StaleCursorError`` if that goes on, ``ServerError`` when the pages lead nowhere.
    """
    for _ in range(_RESTARTS):
        try:
            return _read_once(ask, call)
        except StaleCursorError:
            continue
    return _read_once(ask, call)


def _read_once(ask: Callable[[Call], Envelope], call: Call) -> list[Envelope]:
    pages: list[Envelope] = []
    seen: set[Cursor] = set()
    asked = call
    while True:
        envelope = ask(asked)
        pages.append(envelope)
        if not envelope.has_more:
            return pages
        cursor = _cursor(envelope, call)
        if not cursor[1].strip() or cursor in seen or len(pages) >= _MOST_PAGES:
            raise ServerError(
                f"the server says that more pages follow, but page {len(pages)} does not lead to them",
                endpoint=call.endpoint.name,
            )
        seen.add(cursor)
        asked = Call(call.endpoint, _continued(call, cursor), call.variant, "N")


def _names(call: Call) -> tuple[str, str]:
    length = call.endpoint.cursor or ""
    return f"CTX_AREA_FK{length}", f"CTX_AREA_NK{length}"


def _cursor(envelope: Envelope, call: Call) -> Cursor:
    """The keys of the next page, exactly as they came, padding included."""
    values = [envelope.body.get(name.lower(), envelope.body.get(name, "")) for name in _names(call)]
    if not all(isinstance(value, str) for value in values):
        raise ServerError("the answer's paging keys are not text", endpoint=call.endpoint.name)
    return str(values[0]), str(values[1])


def _continued(call: Call, cursor: Cursor) -> dict[str, str]:
    return {**call.params, **dict(zip(_names(call), cursor, strict=True))}
