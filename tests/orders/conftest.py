"""Fixtures of the tests that send many orders."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kis_sync.orders.journal_file import JournalFile


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals of this process do not wait for the disk: what a power failure leaves is another test's."""
    prepared = JournalFile._prepared

    def hasty(self: JournalFile, place: Path | str) -> sqlite3.Connection:
        connection = prepared(self, place)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(JournalFile, "_prepared", hasty)
