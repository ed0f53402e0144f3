"""What the server saw: every request, and the sums that tests and benchmarks ask for.

This room changes when something else about the traffic must be known.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from kis_sync.sim.door.gate import Gate
from kis_sync.sim.faults import Fault

_KEPT = 200_000


class Entry(NamedTuple):
    """One request and how it was answered; ``counted`` tells whether it took room at the gate.

    ``faults`` are those on demand that struck it. ``status`` and ``msg_cd`` say what came of the request
    itself: with a fault that struck after the work the caller did not get to know it.
    """

    time: datetime
    arrival: float
    method: str
    path: str
    tr_id: str
    app_key: str
    status: int
    msg_cd: str
    counted: bool
    faults: tuple[Fault, ...] = ()


def masked(app_key: str) -> str:
    """An app key of which only the ends can be read."""
    return f"{app_key[:4]}***{app_key[-4:]}" if len(app_key) > 12 else "***" if app_key else ""


class Log:
    """The latest requests, oldest first, and sums over all of them."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._lock = threading.Lock()
        self._paths: Counter[str] = Counter()
        self._rejections: Counter[str] = Counter()

    def add(self, entry: Entry, rejected: bool) -> None:
        """Note one request; ``rejected`` tells that its answer was a refusal."""
        with self._lock:
            self._entries.append(entry)
            self._paths[entry.path] += 1
            if rejected:
                self._rejections[entry.msg_cd] += 1

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._paths.clear()
            self._rejections.clear()

    def entries(self) -> list[Entry]:
        """A copy of the latest requests, oldest first."""
        with self._lock:
            return list(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    def sums(self) -> tuple[Counter[str], Counter[str]]:
        """How many requests came to each path, and how many refusals each code stands for."""
        with self._lock:
            return self._paths.copy(), self._rejections.copy()


class Stats:
    """Sums over the traffic since the start or the last reset, read at the moment of asking."""

    def __init__(self, log: Log, gate: Gate) -> None:
        self._log = log
        self._gate = gate

    @property
    def calls(self) -> int:
        """All requests that came in."""
        return self._log.sums()[0].total()

    @property
    def calls_by_path(self) -> Counter[str]:
        """Requests by path."""
        return self._log.sums()[0]

    @property
    def rejections(self) -> Counter[str]:
        """Refusals by ``msg_cd`` (or ``error_code``)."""
        return self._log.sums()[1]

    @property
    def egw00201(self) -> int:
        """Calls refused because the limit of calls a second was passed."""
        return self.rejections["EGW00201"]

    @property
    def most_calls_in_any_second(self) -> int:
        """The most calls of one app key that reached the gate in any sliding second, refused ones too."""
        return self._gate.most_calls_in_any_second

    @property
    def most_admitted_in_any_second(self) -> int:
        """The most calls of one app key that the gate let pass in any sliding second."""
        return self._gate.most_admitted_in_any_second
