"""A clock for tests of what waits by sleeping."""

from __future__ import annotations

from kis_sync.clock import ManualClock


class SleepingClock(ManualClock):
    """Stands still until somebody sleeps: the time then has passed, and how long is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
