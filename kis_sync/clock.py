"""Time as a part that is passed in: what time it is, and how to wait.

A clock owns waiting (``wait`` on a condition), so that a test can drive blocked threads by moving a
``ManualClock``. This room changes when the way of telling time or of waiting changes.
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

KST = timezone(timedelta(hours=9), "KST")
"""Korea's time: a fixed offset, since Korea has no summer time."""

_WINDOWS_SLICE = 0.1  # on Windows a blocked wait does not see Ctrl-C until it returns


class Clock(Protocol):
    """What the limiter, the access token and the scanner need of time."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def now(self) -> datetime:
        """The present as an aware datetime in KST."""
        ...

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        """Wait on a held condition until it is notified or ``timeout`` seconds pass."""
        ...

    def sleep(self, seconds: float) -> None:
        """Do nothing for ``seconds``."""
        ...


class SystemClock:
    """The machine's own clock."""

    # On Windows time.monotonic() moves in steps of 16 ms before Python 3.13: too coarse to space calls by.
    monotonic = staticmethod(time.perf_counter if sys.platform == "win32" else time.monotonic)

    def now(self) -> datetime:
        """The present in KST."""
        return datetime.now(KST)

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        """Wait on the condition, on Windows in slices so that Ctrl-C works (the main thread gets it)."""
        if sys.platform == "win32" and threading.current_thread() is threading.main_thread():
            timeout = _WINDOWS_SLICE if timeout is None else min(timeout, _WINDOWS_SLICE)
        condition.wait(timeout)

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        if seconds > 0:
            time.sleep(seconds)


class ManualClock:
    """A clock that stands still until ``advance`` is called; threads that wait on it wake in time.

    >>> clock = ManualClock()
    >>> clock.advance(2.5)
    >>> clock.monotonic()
    2.5
    """

    def __init__(self, now: datetime | None = None) -> None:
        self._lock = threading.Condition()
        self._elapsed = 0.0
        self._start = now if now is not None else datetime(2026, 11, 24, 10, 30, tzinfo=KST)
        self._waiting: dict[int, tuple[float | None, threading.Condition]] = {}
        self._next_id = 0
        self._read = threading.local()

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        elapsed = self._elapsed
        self._read.elapsed = elapsed
        return elapsed

    def now(self) -> datetime:
        """The start given to the constructor plus what was advanced."""
        return self._start + timedelta(seconds=self.monotonic())

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        """Wait until notified or until ``advance`` has passed the time-out.

        A time-out counts from when this thread last read the clock: a thread that reads, works out how
        long to wait and then waits misses no ``advance`` in between.
        """
        with self._lock:
            deadline = None if timeout is None else getattr(self._read, "elapsed", self._elapsed) + timeout
            if deadline is not None and deadline <= self._elapsed:
                self._read.elapsed = self._elapsed
                return
            key = self._next_id
            self._next_id += 1
            self._waiting[key] = (deadline, condition)
            self._lock.notify_all()
        try:
            # The caller holds the condition's lock, so advance() cannot notify before wait() has begun.
            condition.wait()
        finally:
            with self._lock:
                del self._waiting[key]
                self._read.elapsed = self._elapsed
                self._lock.notify_all()

    def sleep(self, seconds: float) -> None:
        """Block until the clock has been advanced by ``seconds``."""
        condition = threading.Condition()
        deadline = self.monotonic() + seconds
        with condition:
            while (elapsed := self.monotonic()) < deadline:
                self.wait(condition, deadline - elapsed)

    def advance(self, seconds: float) -> None:
        """Move time on and wake every wait whose time-out has passed."""
        with self._lock:
            self._elapsed += seconds
            due = {c for d, c in self._waiting.values() if d is not None and d <= self._elapsed}
        for condition in due:
            with condition:
                condition.notify_all()

    def await_waiters(self, count: int, timeout: float = 10.0) -> None:
        """Block (in real time) until at least ``count`` threads wait on this clock."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._waiting) >= count, timeout):
                raise TimeoutError(f"{len(self._waiting)} of {count} threads wait on the clock")


class SkippingClock:
    """A clock that does not wait: a timed wait ends at once, and time has moved on by as much.

    A wait without a time-out still waits, since only another thread can end it.
    """

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._skipped = 0.0

    def monotonic(self) -> float:
        """Seconds that passed, and those that were skipped."""
        return self._clock.monotonic() + self._skipped

    def now(self) -> datetime:
        """The present, as much later as was skipped."""
        return self._clock.now() + timedelta(seconds=self._skipped)

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        """Skip a timed wait, keep one without a time-out."""
        if timeout is None:
            self._clock.wait(condition)
        else:
            self.sleep(timeout)

    def sleep(self, seconds: float) -> None:
        """Skip it."""
        with self._lock:
            self._skipped += max(0.0, seconds)


class ShiftedClock:
    """Another clock whose ``now()`` is ``offset`` ahead; seconds pass and waits end as on ``base``."""

    def __init__(self, base: Clock, offset: timedelta) -> None:
        self.base = base
        self.offset = offset

    def monotonic(self) -> float:
        """The seconds of the other clock."""
        return self.base.monotonic()

    def now(self) -> datetime:
        """The present of the other clock, shifted."""
        return self.base.now() + self.offset

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        """Wait as the other clock does."""
        self.base.wait(condition, timeout)

    def sleep(self, seconds: float) -> None:
        """Sleep as the other clock does."""
        self.base.sleep(seconds)


_default: Clock = SystemClock()


def default_clock() -> Clock:
    """The clock of everything that is not given one."""
    return _default


def set_default_clock(clock: Clock) -> Clock:
    """Give everything made from now on another clock; the one before it comes back, to be put back."""
    global _default
    before, _default = _default, clock
    return before
