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

_LOCKED_BYTE = 1 << 30  # Windows locks bytes, and lets nobody read them: one behind every content


def try_lock(handle: int) -> bool:
    """Take the lock without waiting; whether it could be taken. ``OSError`` where there are no locks.

    Two handles of one process exclude each other as those of two processes do.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock(handle: int) -> None:
    """Let others have the lock; closing the handle does so too."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        with contextlib.suppress(PermissionError):  # it was not locked: as on POSIX, no fault
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)
