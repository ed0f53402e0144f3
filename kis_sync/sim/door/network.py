"""The way to the server and back: how long each leg of a call takes.

This room changes when delays follow another law.
"""

from __future__ import annotations

import random
from math import inf

from kis_sync.clock import Clock


class Network:
    """Legs of ``latency + U(0, jitter)`` seconds; ``tail=(share, mean)`` makes that share of the legs
    longer by an exponential time of ``mean`` seconds. The same seed draws the same times.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        tail: tuple[float, float] | None = None,
        seed: int = 1,
    ) -> None:
        share, mean = tail or (0.0, 0.0)
        if not all(0 <= seconds < inf for seconds in (latency, jitter, mean)) or not 0 <= share <= 1:
            raise ValueError("latency, jitter and tail must be times of 0 seconds or more, a share 0 to 1")
        self.latency = latency
        self.jitter = jitter
        self.tail = tail
        self._clock = clock
        self._random = random.Random(seed)

    def cross(self) -> None:
        """Spend the time of one leg."""
        seconds = self._leg()
        if seconds > 0:
            self._clock.sleep(seconds)

    def _leg(self) -> float:
        seconds = self.latency
        if self.jitter:
            seconds += self._random.uniform(0, self.jitter)
        if self.tail and self._random.random() < self.tail[0]:
            seconds += self._random.expovariate(1 / self.tail[1]) if self.tail[1] else 0.0
        return seconds
