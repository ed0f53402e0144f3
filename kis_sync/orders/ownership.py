"""Which process sends an order, and whether it still lives: a locked file for each, beside the journal.

A lock that can be taken, or a file that is gone, means that the owner is gone (see ``file_lock``).
This room changes when the sign of life of a process does.
"""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from pathlib import Path
from weakref import WeakSet

from kis_sync.file_lock import try_lock


class Ownership:
    """The owner id of this process in one journal, and the look at others. ``None``: there are no others.

    Not for several threads at once: the journal asks within its transactions.
    """

    def __init__(self, folder: Path | None, stem: str) -> None:
        self._folder = folder
        self._stem = stem
        self._owner: str | None = None
        self._handle: int | None = None
        _all.add(self)

    def mine(self) -> str:
        """This process's owner id; its file is made and locked at the first question."""
        while self._owner is None:
            owner = uuid.uuid4().hex
            if self._folder is None or self._has_locked(owner):
                self._owner = owner
        return self._owner

    def is_alive(self, owner: str) -> bool:
        """Whether the process with that owner id still lives; the file of one that is gone is removed."""
        if owner == self._owner:
            return True
        if self._folder is None:
            return False
        path = self._path(owner)
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's process, or Windows is just removing it: the next look tells
            return True
        if not _has_lock(handle):
            os.close(handle)
            return True
        _remove(path, handle)
        return False

    def sweep(self) -> None:
        """Remove the files of all processes that are gone."""
        if self._folder is not None:
            for path in self._folder.glob(f"{self._stem}-*.owner"):
                self.is_alive(path.stem.rpartition("-")[2])

    def release(self) -> None:
        """Be gone for the others; the next question makes a new owner."""
        owner, handle, self._owner, self._handle = self._owner, self._handle, None, None
        if owner is not None and handle is not None:
            _remove(self._path(owner), handle)

    def start_anew(self) -> None:
        """In a forked child: it is not its parent, and must not keep the parent's lock alive."""
        handle, self._owner, self._handle = self._handle, None, None
        if handle is not None:
            os.close(handle)  # unlocking would unlock for the parent; closing leaves its lock alone

    def _has_locked(self, owner: str) -> bool:
        path = self._path(owner)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if _has_lock(handle) and os.fstat(handle).st_nlink:
            self._handle = handle
            return True
        os.close(handle)  # somebody swept between making and locking, and took it for a dead one's
        return False

    def _path(self, owner: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._stem}-{owner}.owner"


def _has_lock(handle: int) -> bool:
    """Take the lock without waiting; whether it could be taken. A handle that cannot be locked is closed."""
    try:
        return try_lock(handle)
    except OSError:  # a file system without locks
        os.close(handle)
        raise


def _remove(path: Path, handle: int) -> None:
    """Remove a file whose lock we hold: under the lock, or on Windows right after, as no open file goes."""
    if sys.platform == "win32":
        os.close(handle)
        with contextlib.suppress(PermissionError):  # somebody else looks at it and will remove it
            path.unlink(missing_ok=True)
    else:
        try:
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)


_all: WeakSet[Ownership] = WeakSet()


def _start_anew_in_child() -> None:
    for each in list(_all):
        each.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
