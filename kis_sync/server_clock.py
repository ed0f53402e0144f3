"""What time it is at the server, by the ``Date`` headers of its answers.

A header has whole seconds and its answer was on the way for a while, so one of them tells the time to within
a second or more; together they narrow it down. This room changes when the server tells its time otherwise.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from kis_sync.clock import Clock
from kis_sync.envelope import server_time

_SECOND = timedelta(seconds=1)


class ServerClock:
    """The server's time against this machine's steady clock; safe to use from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._zero: tuple[datetime, datetime] | None = None  # server time at 0 of our clock: from, below

    def hear(self, date: str | None, asked: float, answered: float) -> None:
        """Take note of a ``Date`` header; the call was sent at ``asked`` and answered at ``answered``.

        What contradicts all before it (a clock was set) begins anew.
        """
        at = server_time(date)
        if at is None:
            return
        earliest, latest = at - timedelta(seconds=answered), at + _SECOND - timedelta(seconds=asked)
        with self._lock:
            if self._zero is not None:
                begin, end = max(self._zero[0], earliest), min(self._zero[1], latest)
                if begin <= end:
                    self._zero = begin, end
                    return
            self._zero = earliest, latest

    def offset(self) -> timedelta | None:
        """How far the server's clock is ahead of ours; ``None`` before it has told its time.

        Never more than it can be: what is said to have happened at the server may have been a moment later.
        """
        zero = self._zero
        if zero is None:
            return None
        return zero[0] + timedelta(seconds=self._clock.monotonic()) - self._clock.now()
