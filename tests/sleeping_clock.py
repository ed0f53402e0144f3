"""A clock for tests of what waits by sleeping."""

from __future__ import annotations

import threading

from kis_sync.clock import ManualClock


class SleepingClock(ManualClock):
    """Stands still until somebody sleeps: the time then has passed, and how long is kept.

    A timed wait on a condition passes too, so that a call in one thread gets its slots; it is not kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        if timeout is None:
            super().wait(condition)
        else:
            self.advance(timeout)
