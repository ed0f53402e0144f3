"""Buckets on one file for the tests. This room changes when a test needs another kind of machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kis_sync.file_lock import try_lock
from kis_sync.ratelimit import TokenBucket
from tests.ratelimit.clocks import JumpClock, end_all, take_all

WINDOW = 1.01  # seconds after which a slot is free, and who was due but did not come passed over
GAP = 1.26  # seconds after which calls that may be missing in what is known hold nobody back

notes_ends = pytest.mark.skipif(sys.platform == "win32", reason="ends are written with the lock on Windows")


class Machine:
    """Makes buckets on one file and one clock; each is as good as a process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.clock = JumpClock()

    def bucket(self, rate: float = 2, burst: int | None = 18) -> TokenBucket:
        return TokenBucket(rate, burst=burst, clock=self.clock, file=self.file)

    def used(self, rate: float = 2, burst: int | None = 18) -> TokenBucket:
        """One that has the file open, and nothing in flight."""
        bucket = self.bucket(rate, burst)
        end_all(take_all(bucket))
        self.clock.advance(WINDOW * max(1.0, 1 / rate))
        return bucket


def count(bucket: TokenBucket) -> int:
    """How many calls could leave at once; they end at once."""
    taken = take_all(bucket)
    end_all(taken)
    return len(taken)


class Holder:
    """Keeps a file locked, as another process would."""

    def __init__(self, file: Path) -> None:
        self._handle: int | None = os.open(file, os.O_RDWR)
        assert try_lock(self._handle)

    def let_go(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
