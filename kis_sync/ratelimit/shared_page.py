"""A page of bytes that processes share, one at a time: a small file, locked while it is read and written.

All its bytes are written when it is made, so that a disk that fills up later does no harm where bytes are
written in place. It is not mapped into memory: that would save a microsecond, and where a file is cut, or
a disk that copies on each write is full, it would end the process. This room changes when processes are to
share bytes in another way.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from kis_sync.file_lock import try_lock, unlock

SIZE = 4096
_WAITS = (0.0001,) * 20 + (0.001,) * 50
"""Seconds between two tries for the lock: it is held for some 20 microseconds, and much longer only by a
process that was stopped, or had to leave the processor to others, in the midst of them."""
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class PageBusyError(Exception):
    """Another process has locked the page and does not let go of it."""


class SharedPage:
    """The page in the file ``path``; made, readable by its owner only, when it is first locked."""

    _close_handle = staticmethod(os.close)  # when the interpreter ends, ``os`` may be gone before a page is

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._is_known = False  # what is open was written by us
        self.has_lock = False

    @property
    def is_open(self) -> bool:
        """Whether this process uses the file."""
        return self._handle is not None

    def lock(self, *, by_name: bool) -> bool:
        """Have the page for oneself until ``unlock``; whether it is the one that was written last.

        That it was moved away or removed is seen only when it is looked for ``by_name``, which costs.

        ``PageBusyError`` after some 50 ms; ``OSError`` for a file that cannot be used: give it up.
        """
        if self.has_lock:
            self.unlock()  # somebody below us in this thread has it: Windows would not lock it once more
        is_same = self._handle is not None and self._is_known
        while True:
            handle = self._opened() if self._handle is None else self._handle
            self.has_lock = True  # noted before, for whoever is interrupted after
            if not try_lock(handle):
                self._wait_for_lock(handle)
            if is_same and not by_name:
                return True
            found = os.fstat(handle)
            if self._has_the_name(found):
                break
            is_same = False  # it was moved away, and those who come now make another: go where they are
            self.close()
        if found.st_size < SIZE:
            is_same = False
            self._fill(handle, found.st_size)
        return is_same

    def unlock(self) -> None:
        """Let others have the page; without the lock, nothing. Where it cannot be unlocked, it is left."""
        if self.has_lock:
            try:
                if self._handle is not None:
                    unlock(self._handle)
            except OSError:
                self.close()
            self.has_lock = False

    def begins_with(self, content: bytes) -> bool:
        """Whether the locked page begins with that."""
        return _read_at(self._locked(), len(content), 0) == content

    def read(self) -> bytes:
        """The locked page; what was cut off is zeros."""
        handle = self._locked()
        content = _read_at(handle, SIZE, 0)
        if len(content) < SIZE:
            self._fill(handle, len(content))
        return content.ljust(SIZE, b"\0")

    def write(self, content: bytes) -> None:
        """Let the locked page begin with that; ``OSError`` when it could not be written whole."""
        if _write_at(self._locked(), content, 0) != len(content):
            raise OSError("the disk is full")
        self._is_known = True

    def give_up(self) -> None:
        """Unlock and leave the file; first unlocked, so that an interrupt between leaves it so."""
        try:
            self.unlock()
        finally:
            self.close()

    def close(self) -> None:
        """Leave the file, which also unlocks it; in a forked child the parent's lock stays."""
        handle, self._handle = self._handle, None
        self.has_lock = False
        if handle is not None:
            self._close_handle(handle)

    def __del__(self) -> None:
        self.close()

    def _locked(self) -> int:
        if self._handle is None:
            raise OSError("it was given up while it was in use")  # by a signal handler or a finaliser
        return self._handle

    def _has_the_name(self, found: os.stat_result) -> bool:
        """Whether the file that was found open is still the one of that name."""
        try:
            return os.path.samestat(found, self._path.stat())
        except FileNotFoundError:
            return False

    def _opened(self) -> int:
        self._is_known = False
        try:
            self._handle = os.open(self._path, _OPEN, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(self._path, _OPEN, 0o600)
        return self._handle

    def _wait_for_lock(self, handle: int) -> None:
        for seconds in _WAITS:
            self.has_lock = False
            time.sleep(seconds)  # by the machine's clock, whatever ours says: so do the others run
            self.has_lock = True
            if try_lock(handle):
                return
        self.has_lock = False
        raise PageBusyError

    def _fill(self, handle: int, size: int) -> None:
        """Give the file its size, keeping what it has."""
        if _write_at(handle, bytes(SIZE - size), size) != SIZE - size:
            raise OSError("the disk is full")


if sys.platform == "win32":

    def _read_at(handle: int, size: int, place: int) -> bytes:
        os.lseek(handle, place, os.SEEK_SET)
        return os.read(handle, size)

    def _write_at(handle: int, content: bytes, place: int) -> int:
        os.lseek(handle, place, os.SEEK_SET)
        return os.write(handle, content)

else:
    _read_at, _write_at = os.pread, os.pwrite
