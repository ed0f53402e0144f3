"""A lock on an open file that no two processes have at once; the operating system drops it with its owner.

However a process ends, its lock is free, and no process number is trusted. Not filelock: it opens the file
for each lock, ten times the cost of locking one that is open, and in a forked child its older versions
unlock for the parent too, where closing our own handle does not. This room changes when an operating system
locks files in another way.
"""

from __future__ import annotations

import contextlib
import os
import sys

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # what is locked cannot be read by others: one byte behind every content

    def try_lock(handle: int) -> bool:
        """Take the lock without waiting; whether it could be taken. ``OSError`` where there are no locks.

        Two handles of one process exclude each other as those of two processes do.
        """
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def unlock(handle: int) -> None:
        """Let others have the lock; closing the handle does so too."""
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        with contextlib.suppress(PermissionError):  # it was not locked: as on POSIX, no fault
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock

    def try_lock(handle: int) -> bool:
        """Take the lock without waiting; whether it could be taken. ``OSError`` where there are no locks.

        Two handles of one process exclude each other as those of two processes do.
        """
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(handle: int) -> None:
        """Let others have the lock; closing the handle does so too."""
        flock(handle, LOCK_UN)
