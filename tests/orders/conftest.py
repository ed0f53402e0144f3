"""Fixtures of the tests that send many orders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_sync.orders.journal_file import JournalFile
from tests.orders.desk_parts import World, world


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals of this process do not wait for the disk: what a power failure leaves is another test's."""
    prepared = JournalFile._prepared

    def hasty(self: JournalFile, place: Path | str) -> sqlite3.Connection:
        connection = prepared(self, place)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(JournalFile, "_prepared", hasty)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "paper") as made:
        yield made


@pytest.fixture(params=["live", "paper"])
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made
