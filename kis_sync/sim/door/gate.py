"""The call limit of the server: so many calls a second per app key, and what it saw arrive.

This room changes when KIS's way of counting calls becomes better known.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from kis_sync.clock import Clock, SystemClock

Window = Literal["sliding", "fixed"]
_SECOND = 1.0


class Gate:
    """Admits at most ``limit`` calls a second for each key; safe to use from many threads.

    With ``window="sliding"`` no second that ends at a call holds more than ``limit`` admitted calls;
    with ``"fixed"`` each whole second of the clock's time of day starts from nothing. Refused calls
    take no room unless ``refused_calls_count``. A fraction of a call counts as a whole one.

    >>> gate = Gate(2)
    >>> [gate.admit("key") for _ in range(3)]
    [True, True, False]
    """

    def __init__(
        self,
        limit: float,
        window: Window = "sliding",
        clock: Clock | None = None,
        *,
        refused_calls_count: bool = False,
    ) -> None:
        if not 0 < limit < inf:
            raise ValueError(f"limit must be above 0 calls a second, not {limit}")
        if window not in ("sliding", "fixed"):
            raise ValueError(f"window must be 'sliding' or 'fixed', not {window!r}")
        self.limit = limit
        self.window = window
        self.refused_calls_count = refused_calls_count
        self._clock = clock if clock is not None else SystemClock()
        self._lock = threading.Lock()
        self._keys: dict[str, _Key] = {}

    def admit(self, key: str) -> bool:
        """Stamp the arrival of one call of ``key`` and say whether it may pass."""
        with self._lock:
            now = self._clock.monotonic()
            seen = self._keys.setdefault(key, _Key())
            seen.arrive(now)
            taken = seen.sliding(now) if self.window == "sliding" else seen.fixed(self._second())
            admitted = taken < self.limit
            if admitted or self.refused_calls_count:
                seen.count(now)
            return admitted

    def _second(self) -> int:
        return int(self._clock.now().timestamp())

    @property
    def most_calls_in_any_second(self) -> int:
        """The most arrivals of one key, admitted or refused, in any sliding second so far."""
        with self._lock:
            return max((seen.most_arrivals for seen in self._keys.values()), default=0)

    @property
    def most_admitted_in_any_second(self) -> int:
        """The most admitted calls of one key in any sliding second so far."""
        with self._lock:
            return max((seen.most_counted for seen in self._keys.values()), default=0)

    def reset(self) -> None:
        """Forget every call."""
        with self._lock:
            self._keys.clear()


@dataclass(slots=True)
class _Key:
    """The calls of one key during the last second, and the most there ever were."""

    arrivals: deque[float] = field(default_factory=deque)
    counted: deque[float] = field(default_factory=deque)
    second: int = 0
    counted_in_second: int = 0
    most_arrivals: int = 0
    most_counted: int = 0

    def arrive(self, now: float) -> None:
        """Note an arrival."""
        _drop_old(self.arrivals, now)
        self.arrivals.append(now)
        self.most_arrivals = max(self.most_arrivals, len(self.arrivals))

    def sliding(self, now: float) -> int:
        """How many counted calls lie in the second that ends now."""
        _drop_old(self.counted, now)
        return len(self.counted)

    def fixed(self, second: int) -> int:
        """How many counted calls lie in this second of the clock."""
        if second != self.second:
            self.second, self.counted_in_second = second, 0
        return self.counted_in_second

    def count(self, now: float) -> None:
        """Let a call take room."""
        _drop_old(self.counted, now)
        self.counted.append(now)
        self.counted_in_second += 1
        self.most_counted = max(self.most_counted, len(self.counted))


def _drop_old(stamps: deque[float], now: float) -> None:
    while stamps and now - stamps[0] >= _SECOND:
        stamps.popleft()
