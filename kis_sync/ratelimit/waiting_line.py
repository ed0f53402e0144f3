"""Who waits for a slot in which process: the longest waiting is served first, as long as it comes for it.

Nobody can wake another process. So the first of each process's queue says since when it has waited and when
it will look next; one that is due but does not come is waited for a moment, and then passed over. This room
changes when processes are to take turns in another way.
"""

from __future__ import annotations

import random
from typing import NamedTuple

MOST_PLACES = 32
LATENESS = 0.005  # seconds; how late a thread may wake that is due
_ID = 62  # bits


class Place(NamedTuple):
    """A place in line: since when it was waited, and when its holder looks next."""

    since: float
    looks_at: float


class WaitingLine:
    """The line as one process sees it; ``places`` are those of all."""

    def __init__(self) -> None:
        self.places: dict[int, Place] = {}
        self._me = random.SystemRandom().getrandbits(_ID)  # not the shared generator's, which may be seeded

    @property
    def is_in_it(self) -> bool:
        """Whether this process has a place, as far as is known."""
        return self._me in self.places

    def leave(self) -> None:
        """Give this process's place up, so that nobody waits for it."""
        self.places = {who: place for who, place in self.places.items() if who != self._me}

    def turn(self, now: float, since: float, ready_at: float, spacing: float) -> float:
        """From when this process is to look again; not after ``now``: it is its turn, and it leaves the line.

        ``ready_at`` is when there is a slot for the first, the next ones follow at ``spacing``.
        """
        if not self.places and ready_at <= now:
            return ready_at
        self.places = places = {
            who: place
            for who, place in self.places.items()
            if who != self._me and place.looks_at + LATENESS > now
        }
        earlier = [place for place in places.values() if place.since < since]
        if ready_at <= now:
            due = [place.looks_at for place in earlier if place.looks_at <= now]
            if not due:
                return ready_at
            looks_at = min(due) + LATENESS
        else:
            # Not once for each that is earlier: some of them may never come, and nobody says so.
            looks_at = ready_at + (spacing if earlier else 0.0)
        if len(places) < MOST_PLACES:
            places[self._me] = Place(since, looks_at)
        return looks_at
