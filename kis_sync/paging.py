"""Reading an answer that comes in pages: to the end, or an error; never half a list in silence.

This room changes when KIS changes its way of paging.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from kis_sync.catalog import Call
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError, StaleCursorError

_RESTARTS = 2  # an account that changes under the reading settles; KIS has also refused a page for ever
_MOST_PAGES = 1_000

Cursor = tuple[str, ...]


def read_pages(ask: Callable[[Call], Envelope], call: Call, most: int | None = None) -> list[Envelope]:
    """Every page in order; with ``most`` so many at most.

    When the server has lost the page (its rows changed meanwhile), reading starts again, a few times.
    ``StaleCursorError`` if that goes on, ``ServerError`` when the pages lead nowhere.
    """
    for _ in range(_RESTARTS):
        try:
            return _read_once(ask, call, most)
        except StaleCursorError:
            continue
    return _read_once(ask, call, most)


def _read_once(ask: Callable[[Call], Envelope], call: Call, most: int | None) -> list[Envelope]:
    pages: list[Envelope] = []
    seen: set[Cursor] = set()
    asked = call
    while True:
        envelope = _next(ask, asked) if pages else ask(asked)
        is_repeated = bool(pages) and envelope.body == pages[-1].body
        pages.append(envelope)
        if not envelope.has_more or len(pages) == most:
            return pages
        cursor = _cursor(envelope, call)
        leads_on = _leads_on(cursor, seen) if call.endpoint.cursor else call.endpoint.continues
        if not leads_on or is_repeated or len(pages) >= _MOST_PAGES:
            raise ServerError(
                f"the server says that more pages follow, but page {len(pages)} does not lead to them",
                endpoint=call.endpoint.name,
            )
        seen.add(cursor)
        asked = Call(call.endpoint, _continued(call, cursor), call.variant, "N")


def _next(ask: Callable[[Call], Envelope], call: Call) -> Envelope:
    """The page that the server's own keys lead to; when they cannot be sent, the caller is not to blame."""
    with contextlib.suppress(InvalidRequestError):
        return ask(call)
    raise ServerError("the answer's paging keys cannot be sent back", endpoint=call.endpoint.name)


def _leads_on(cursor: Cursor, seen: set[Cursor]) -> bool:
    """Whether the keys name a page that was not read yet; the last of them is the one that moves."""
    return bool(cursor[-1].strip()) and cursor not in seen


def _cursor(envelope: Envelope, call: Call) -> Cursor:
    """The keys of the next page, exactly as they came, padding included."""
    values = [envelope.body.get(name.lower(), envelope.body.get(name, "")) for name in call.endpoint.cursor]
    if not all(isinstance(value, str) for value in values):
        raise ServerError("the answer's paging keys are not text", endpoint=call.endpoint.name)
    return tuple(map(str, values))


def _continued(call: Call, cursor: Cursor) -> dict[str, object]:
    keys = dict(zip(call.endpoint.cursor, cursor, strict=True))
    return {name: value for name, value in call.params.items() if name.upper() not in keys} | keys
