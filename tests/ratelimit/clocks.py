"""Clocks for the tests of the limiter. This room changes when a test needs another way of passing time."""

from __future__ import annotations

import threading

from kis_sync.clock import ManualClock
from kis_sync.errors import RateLimitError
from kis_sync.ratelimit import Slot, TokenBucket


class JumpClock(ManualClock):
    """Waiting with a time-out takes no time: the clock jumps. Waiting without one waits for the notice."""

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        if timeout is None:
            super().wait(condition)
        else:
            self.advance(timeout)


class DriftingClock(ManualClock):
    """Time can also pass without anybody waking."""

    def drift(self, seconds: float) -> None:
        self._elapsed += seconds


class CountingClock(ManualClock):
    """Notes which waiting thread woke, each time that one does."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes: list[threading.Thread] = []

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        super().wait(condition, timeout)
        self.wakes.append(threading.current_thread())


def take_all(bucket: TokenBucket) -> list[Slot]:
    """Every slot that can be had without waiting, entered."""
    taken: list[Slot] = []
    while True:
        slot = bucket.slot(timeout=0)
        try:
            slot.__enter__()
        except RateLimitError:
            return taken
        taken.append(slot)


def end_all(slots: list[Slot]) -> None:
    for slot in slots:
        slot.__exit__(None, None, None)
