"""What holds for every test: journals of this process do not wait for the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_sync.orders.journal_file import JournalFile

_as_ever = JournalFile._prepared


def _hasty(self: JournalFile, place: Path | str) -> sqlite3.Connection:
    connection = _as_ever(self, place)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """What a power failure leaves is another test's; so is what other processes do, which wait as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalFile, "_prepared", _hasty)
        yield


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals wait for the disk after all, as they do in the field."""
    monkeypatch.setattr(JournalFile, "_prepared", _as_ever)
