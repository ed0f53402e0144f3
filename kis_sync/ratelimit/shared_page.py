"""A page of bytes that processes share, one at a time: a small file, locked, mapped into memory.

All bytes are written when the file is made, so that a disk that fills up later does no harm; the size is
looked at before each use, since what is mapped and no longer there would kill the process. This room changes
when processes are to share bytes in another way.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

from kis_sync.file_lock import try_lock, unlock
from kis_sync.ratelimit.budget import BudgetBusyError

SIZE = 4096
_TRIES = (0.0001,) * 20 + (0.001,) * 2000
"""Seconds between two tries for the lock: it is held for some 10 microseconds, and more than two seconds
only by a process that was stopped in the midst of them."""
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class SharedPage:
    """The page in the file ``path``; made, readable by its owner only, when it is first locked."""

    _close_handle = staticmethod(os.close)  # when the interpreter ends, ``os`` may be gone before a page is

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._bytes: mmap.mmap | None = None
        self._has_lock = False

    @property
    def is_open(self) -> bool:
        """Whether this process uses the file."""
        return self._handle is not None

    def lock(self, *, by_name: bool) -> bool:
        """Have the page for oneself until ``unlock``; whether it is the one that was locked last.

        That the file was removed is always seen; that another has its name, only ``by_name``, which costs.

        ``BudgetBusyError`` after two seconds, ``OSError`` for a file that cannot be used; then it is closed.
        """
        self.unlock()  # what somebody below us in this thread has: Windows would not lock it once more
        try:
            is_same = self._handle is not None
            while True:
                handle = self._opened() if self._handle is None else self._handle
                self._wait_for_lock(handle)
                found = os.fstat(handle)
                if found.st_nlink and (not by_name or self._has_the_name(found)):
                    break
                is_same = False  # it was moved away, and those who come now make another: go where they are
                self.close()
            if found.st_size < SIZE:
                is_same = False
                self._fill(handle)
            if self._bytes is None:
                self._bytes = _mapped(handle)
            return is_same
        except OSError:
            try:
                self.unlock()  # first: an interrupt in the midst of closing must not leave it locked
            finally:
                self.close()
            raise

    def unlock(self) -> None:
        """Let others have the page; without the lock, nothing."""
        if self._has_lock:
            if self._handle is not None:
                unlock(self._handle)
            self._has_lock = False

    def begins_with(self, content: bytes) -> bool:
        """Whether the locked page begins with that."""
        assert self._bytes is not None
        return self._bytes[: len(content)] == content

    def read(self) -> bytes:
        """The locked page."""
        assert self._bytes is not None
        return self._bytes[:]

    def write(self, content: bytes) -> None:
        """Let the locked page begin with that."""
        assert self._bytes is not None
        self._bytes[: len(content)] = content

    def close(self) -> None:
        """Leave the file, which also unlocks it; in a forked child the parent's lock stays."""
        page, self._bytes = self._bytes, None
        handle, self._handle = self._handle, None
        self._has_lock = False
        if page is not None:
            page.close()
        if handle is not None:
            self._close_handle(handle)

    def __del__(self) -> None:
        self.close()

    def _has_the_name(self, found: os.stat_result) -> bool:
        """Whether the file that was found open is still the one of that name."""
        try:
            return os.path.samestat(found, self._path.stat())
        except FileNotFoundError:
            return False

    def _opened(self) -> int:
        try:
            self._handle = os.open(self._path, _OPEN, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(self._path, _OPEN, 0o600)
        return self._handle

    def _wait_for_lock(self, handle: int) -> None:
        for seconds in _TRIES:
            self._has_lock = True  # noted before, for whoever is interrupted after
            if try_lock(handle):
                return
            self._has_lock = False
            time.sleep(seconds)  # by the machine's clock, whatever ours says: so do the others run
        raise BudgetBusyError

    def _fill(self, handle: int) -> None:
        """Give the file its size, keeping what it has."""
        self._bytes = None  # what is mapped is shorter
        size = os.lseek(handle, 0, os.SEEK_END)
        if os.write(handle, bytes(SIZE - size)) != SIZE - size:
            raise OSError("the disk is full")


def _mapped(handle: int) -> mmap.mmap:
    try:
        return mmap.mmap(handle, SIZE)
    except ValueError as error:  # it was cut since its size was looked at
        raise OSError(str(error)) from None
