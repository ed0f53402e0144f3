"""What holds for every test: nobody's folders are touched, and no journal waits for the disk.

This room changes when more is to hold for all.
"""

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
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache folder, for us and the processes that tests start, is a temporary one."""
    folder = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        patch.setenv("LOCALAPPDATA", folder)
        yield


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
