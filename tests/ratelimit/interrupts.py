"""What strikes out of nowhere. This room changes when tests need to be struck in another way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from kis_sync.ratelimit import machine_budget


class Interrupted(BaseException):
    """Raised out of nowhere, as Ctrl-C would be."""


@contextlib.contextmanager
def interrupted_before_it_is_written() -> Iterator[None]:
    """The next who is about to write the file is interrupted."""
    with pytest.MonkeyPatch.context() as patch:

        def strike(*_: object) -> bytes:
            patch.undo()
            raise Interrupted

        patch.setattr(machine_budget, "packed", strike)
        yield
