"""A page of bytes that processes share, one at a time: a small file, locked while it is read and written.

All its bytes are written when it is made, so that a disk that fills up later does no harm where bytes are
written in place. It is not mapped into memory: that would save a microsecond, and where a file is cut, or
a disk that copies on each write is full, it would end the process. Bytes that nobody else writes can be
written beside the lock, by any thread, even while another leaves the file: its handle is closed when nobody
uses it any more, so that one which the system has given to another file is never written to.

This room changes when processes are to share bytes in another way.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from kis_sync.file_lock import try_lock, unlock

SIZE = 8192
_WAITS = (0.0001,) * 20 + (0.001,) * 50
"""Seconds between two tries for the lock: it is held for some 20 microseconds, and much longer only by a
process that was stopped, or had to leave the processor to others, in the midst of them."""
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

_CLOSED = -1


class PageBusyError(Exception):
    """Another process has locked the page and does not let go of it."""


class _OpenFile:
    """An open file, closed when the last who uses it has let go of it."""

    handle = _CLOSED
    _close = staticmethod(os.close)  # when the interpreter ends, ``os`` may be gone before a file is

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, _OPEN, 0o600)
        found = os.fstat(self.handle)
        self.identity = (found.st_dev, found.st_ino)

    def __del__(self) -> None:
        if self.handle != _CLOSED:
            self._close(self.handle)


class SharedPage:
    """The page in the file ``path``; made, readable by its owner only, when it is first locked."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)
        self._file: _OpenFile | None = None
        self._is_known = False  # what is open was written by us
        self.has_lock = False

    @property
    def is_open(self) -> bool:
        """Whether this process uses the file."""
        return self._file is not None

    def lock(self, *, by_name: bool) -> bool:
        """Have the page for oneself until ``unlock``; whether it is the one that was written last.

        That it was moved away or removed is seen only when it is looked for ``by_name``, which costs.

        ``PageBusyError`` after some 50 ms; ``OSError`` for a file that cannot be used: give it up.
        """
        if self.has_lock:
            self.unlock()  # somebody below us in this thread has it: Windows would not lock it once more
        is_same = self._file is not None and self._is_known
        while True:
            file = self._file or self._opened()
            self.has_lock = True  # noted before, for whoever is interrupted after
            if not try_lock(file.handle):
                self._wait_for_lock(file.handle)
            if is_same and not by_name:
                return True
            size = self._size_by_name(file)
            if size is not None:
                break
            is_same = False  # it was moved away, and those who come now make another: go where they are
            self.give_up()
        if size < SIZE:
            is_same = False
            self._fill(file.handle, size)
        return is_same

    def unlock(self) -> None:
        """Let others have the page; without the lock, nothing. Where it cannot be unlocked, it is left."""
        if self.has_lock:
            try:
                if self._file is not None:
                    unlock(self._file.handle)
            except OSError:
                self._leave()
            self.has_lock = False

    def begins_with(self, content: bytes) -> bool:
        """Whether the locked page begins with that."""
        return _read_at(self._locked(), len(content), 0) == content

    def read(self, size: int = SIZE, place: int = 0) -> bytes:
        """So much of the locked page; what was cut off is zeros."""
        handle = self._locked()
        content = _read_at(handle, size, place)
        if len(content) < size:
            self._fill(handle, place + len(content))
        return content.ljust(size, b"\0")

    def write(self, content: bytes) -> None:
        """Let the locked page begin with that; ``OSError`` when it could not be written whole."""
        if _write_at(self._locked(), content, 0) != len(content):
            raise OSError("the disk is full")
        self._is_known = True

    def write_aside(self, content: bytes, place: int) -> bool:
        """Write bytes that nobody else writes, without the lock; whether that was possible.

        It is not while the file is not in use, nor where the system cannot write at a place in one step.
        """
        file = self._file  # held until it is done, so that it is not closed meanwhile
        if file is None or not _WRITES_ASIDE:
            return False
        try:
            return _write_at(file.handle, content, place) == len(content)
        except OSError:
            return False  # who now writes it with the lock is told the same, and tells it

    def give_up(self) -> None:
        """Unlock and leave the file; unlocked also when interrupted, though its handle may be held on to."""
        try:
            self.unlock()
        finally:
            self.unlock()
            self._leave()

    def close_in_child(self) -> None:
        """Leave the parent's file in a forked child, so that its lock is the parent's alone.

        The parent's other threads do not exist here, and will not let go of what they were using.
        """
        file = self._file
        self._leave()
        if file is not None:
            handle, file.handle = file.handle, _CLOSED
            os.close(handle)

    def _leave(self) -> None:
        self._file = None
        self.has_lock = False

    def _locked(self) -> int:
        if self._file is None:
            raise OSError("it was given up while it was in use")  # by a signal handler or a finaliser
        return self._file.handle

    def _size_by_name(self, file: _OpenFile) -> int | None:
        """The size of the open file; ``None`` when it is no more the one of its name."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  half the cost of a Path's
        except FileNotFoundError:
            return None
        return found.st_size if (found.st_dev, found.st_ino) == file.identity else None

    def _opened(self) -> _OpenFile:
        self._is_known = False
        try:
            self._file = file = _OpenFile(self._path)
        except FileNotFoundError:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = file = _OpenFile(self._path)
        return file

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
    _WRITES_ASIDE = False  # threads share the place that is sought

    def _read_at(handle: int, size: int, place: int) -> bytes:
        os.lseek(handle, place, os.SEEK_SET)
        return os.read(handle, size)

    def _write_at(handle: int, content: bytes, place: int) -> int:
        os.lseek(handle, place, os.SEEK_SET)
        return os.write(handle, content)

else:
    _WRITES_ASIDE = True
    _read_at, _write_at = os.pread, os.pwrite
