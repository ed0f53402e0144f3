"""What went over the wire of one sender: how many calls, how many refused, how close together.

This room changes when there is something new to count.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from weakref import WeakSet


class Traffic:
    """Counts of one sender, by its own clock: the server, which sees calls later, may count otherwise.

    ``calls`` were sent, ``over_the_limit`` of them were refused by the server's limit, at most
    ``most_in_any_second`` were sent within one second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_second: deque[float] = deque()
        self.calls = 0
        self.over_the_limit = 0
        self.most_in_any_second = 0
        _all.add(self)

    def start_anew(self) -> None:
        """A lock of its own for a forked child: the parent's may be held by a thread that is not here."""
        self._lock = threading.Lock()

    def sent(self, at: float) -> None:
        """Count a call that leaves at ``at`` (monotonic seconds)."""
        with self._lock:
            self.calls += 1
            recent = self._last_second
            recent.append(at)
            while recent[0] <= at - 1:
                recent.popleft()
            self.most_in_any_second = max(self.most_in_any_second, len(recent))

    def refused(self) -> None:
        """Count a call that the server refused because of its limit."""
        with self._lock:
            self.over_the_limit += 1


_all: WeakSet[Traffic] = WeakSet()


def _start_anew_in_child() -> None:
    for each in list(_all):
        each.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
