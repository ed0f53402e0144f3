"""One cell of the limiter's benchmark: 32 threads, one limiter, one server over real sockets.

    python -m tests.benchmarks.cell '{"limiter": "spaced", "limit": 18, "calls": 200}'

This room changes when a cell is measured in another way.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any
from urllib.parse import urlsplit

from kis_sync.ratelimit.slots import GUARD
from tests.benchmarks.rivals import OURS, TURNS, Turn
from tests.benchmarks.server import ServerProcess

THREADS = 32
TAIL = (0.01, 0.1)  # 1 % of the legs take an exponential time of 100 ms more


@dataclass(frozen=True)
class Cell:
    """What is measured: a limiter against a server, under a pattern of calls."""

    limiter: str
    limit: int
    window: str = "sliding"
    jitter: float = 0.02
    tail: bool = False
    calls: int = 600
    pattern: str = "steady"
    latency: float = 0.01


@dataclass(frozen=True)
class Result:
    """What came out; the times and shares are ``None`` where too few calls were made to tell.

    ``utilisation`` is the rate of counted arrivals at the server as a share of the limit, over whole turns
    of ``limit`` calls after the first turn. ``bound`` is 1 / (1 + round trip + guard) with the mean time, in
    seconds, for which a slot was in use.
    """

    calls: int
    rejections: int
    most: int
    round_trip: float | None = None
    utilisation: float | None = None
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """Utilisation as a share of what a limiter anchored at completion can reach."""
        return self.utilisation / self.bound if self.utilisation and self.bound else None


class Caller:
    """Sends hash key calls, the lightest that the limit counts, each thread over a connection of its own."""

    def __init__(self, url: str, app_key: str, app_secret: str) -> None:
        self._host = urlsplit(url).netloc
        self._local = threading.local()
        self._headers = {
            "appkey": app_key,
            "appsecret": app_secret,
            "content-type": "application/json",
        }

    def connect(self) -> None:
        """Open this thread's connection."""
        self._local.connection = http.client.HTTPConnection(self._host, timeout=60)
        self._local.connection.connect()

    def send(self) -> None:
        """One round trip; a refusal is the server's to count."""
        connection: http.client.HTTPConnection = self._local.connection
        connection.request("POST", "/uapi/hashkey", "{}", self._headers)
        connection.getresponse().read()


def phases(cell: Cell) -> list[tuple[float, int]]:
    """The pattern as pauses in seconds, each followed by so many calls, as fast as the limiter lets them."""
    limit = cell.limit
    if cell.pattern == "cold":
        return [(0.0, 3 * limit)]
    if cell.pattern == "idle":
        return [(0.0, 2 * limit), (3.0, 3 * limit)]
    if cell.pattern == "lone":
        chance = random.Random(7)
        lone = [[(1.2, 1), (chance.uniform(0.3, 0.97), 2 * limit)] for _ in range(4)]
        return [phase for pair in lone for phase in pair]
    return [(0.0, cell.calls)]


def measure(cell: Cell) -> Result:
    """Run one cell against a server of its own."""
    options: dict[str, Any] = {"tail": TAIL} if cell.tail else {}
    with ServerProcess(
        limit=cell.limit, window=cell.window, latency=cell.latency, jitter=cell.jitter, seed=11, **options
    ) as server:
        caller = Caller(server.url, server.app_key, server.app_secret)
        trips = load(caller, TURNS[cell.limiter](cell.limit), phases(cell))
        seen = server.seen()
    if seen["others"] or seen["errors"]:
        raise RuntimeError(f"the server did not answer as it should: {seen['others']} {seen['errors']}")
    result = Result(len(trips), seen["rejections"], seen["most"])
    if cell.pattern != "steady" or len(seen["arrivals"]) <= 2 * cell.limit:
        return result
    round_trip = mean(ended - began for began, ended in trips[cell.limit :])
    return Result(
        *(result.calls, result.rejections, result.most, round_trip),
        utilisation(seen["arrivals"], cell.limit),
        1 / (1 + round_trip + (GUARD if cell.limiter in OURS else 0)),
    )


def load(caller: Caller, turn: Turn, pattern: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Send the calls of each phase from 32 threads; when each had its permission and ended, by permission."""
    trips: list[tuple[float, float]] = []

    def call(_: int) -> None:
        with turn():
            began = time.monotonic()
            caller.send()
            trips.append((began, time.monotonic()))

    with ThreadPoolExecutor(THREADS, initializer=caller.connect) as pool:
        for pause, calls in pattern:
            time.sleep(pause)
            list(pool.map(call, range(calls)))
    return sorted(trips)


def utilisation(arrivals: list[float], limit: int) -> float:
    """Arrivals a second as a share of the limit, over whole turns of ``limit`` calls after the first.

    Each arrival of the second turn is compared with the one in the same place of the last whole turn, so
    that neither the jitter of one call nor a turn's inner spacing counts.
    """
    steady = arrivals[limit:]
    turns = len(steady) // limit - 1
    last = steady[turns * limit :]
    return turns / mean(late - early for early, late in zip(steady[:limit], last, strict=False))


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Cell(**json.loads(sys.argv[1]))))))
