"""Who has a file's lock, and how it comes free. This room changes when files are locked in another way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_sync import file_lock
from kis_sync.file_lock import try_lock, unlock
from tests.platforms import module_on


@pytest.fixture
def handles(tmp_path: Path) -> Iterator[list[int]]:
    """Three handles of one file."""
    opened = [os.open(tmp_path / "locked", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    yield opened
    for handle in opened:
        os.close(handle)


def test_two_handles_of_a_process_exclude_each_other_until_unlocked(handles: list[int]) -> None:
    first, second, third = handles
    assert try_lock(first)
    assert not try_lock(second)
    unlock(third)  # which has no lock, and frees nobody's
    assert not try_lock(second)
    unlock(first)
    assert try_lock(second)
    assert not try_lock(first)


def test_closing_a_handle_frees_its_lock_and_no_other(handles: list[int], tmp_path: Path) -> None:
    another = os.open(tmp_path / "locked", os.O_RDWR)
    assert try_lock(another)
    os.close(os.open(tmp_path / "locked", os.O_RDWR))
    assert not try_lock(handles[0])
    os.close(another)
    assert try_lock(handles[0])


def test_what_is_no_file_raises() -> None:
    gone = os.open(os.devnull, os.O_RDWR)
    os.close(gone)
    with pytest.raises(OSError, match="descriptor"):
        try_lock(gone)


HOLDER = """
import os, sys
from kis_sync.file_lock import try_lock
print(try_lock(os.open(sys.argv[1], os.O_RDWR)), flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_leaves_no_lock(handles: list[int], tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "locked")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not try_lock(handles[0])
        holder.kill()
        holder.wait(30)
    assert try_lock(handles[0])


class Windows:
    """As much of msvcrt as is used: a lock is one byte from the handle's place, and not had twice."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.locked: dict[int, int] = {}
        self.asked: list[tuple[int, int]] = []

    def locking(self, handle: int, mode: int, count: int) -> None:
        place = os.lseek(handle, 0, os.SEEK_CUR)
        self.asked.append((place, count))
        if mode == self.LK_NBLCK and place not in self.locked:
            self.locked[place] = handle
        elif mode == self.LK_UNLCK and self.locked.get(place) == handle:
            del self.locked[place]
        else:
            raise PermissionError(13, "Permission denied")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    faked = Windows()
    monkeypatch.setitem(sys.modules, "msvcrt", faked)
    as_on_windows = module_on("win32", file_lock)
    monkeypatch.setattr(sys.modules[__name__], "try_lock", as_on_windows.try_lock)
    monkeypatch.setattr(sys.modules[__name__], "unlock", as_on_windows.unlock)
    return faked


def test_on_windows_one_byte_behind_every_content_is_locked(windows: Windows, handles: list[int]) -> None:
    first, second, _ = handles
    os.write(first, b"content")
    assert try_lock(first)
    assert windows.locked == {1 << 30: first}
    assert not try_lock(second)
    unlock(first)
    assert try_lock(second)
    unlock(second)
    assert windows.locked == {}
    assert set(windows.asked) == {(1 << 30, 1)}


def test_on_windows_unlocking_what_is_not_locked_is_no_fault(windows: Windows, handles: list[int]) -> None:
    assert try_lock(handles[0])
    unlock(handles[1])
    assert windows.locked == {1 << 30: handles[0]}


@pytest.mark.skipif(sys.platform == "win32", reason="there it says that another has it")
def test_a_lock_that_is_not_permitted_is_no_lock_of_another(
    handles: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_lock, "flock", forbid)
    with pytest.raises(PermissionError):
        try_lock(handles[0])
