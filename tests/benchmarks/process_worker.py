"""One of several processes that share a limit: a few threads that call as fast as they are let.

    python -m tests.benchmarks.process_worker '{"does": "call", ...}'

It says when it is ready, begins and ends at the moments that it is told then, and tells of its calls; or it
begins at once, and ends when it is killed.
This room changes when such a process is to do something else.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, NamedTuple

from kis_sync import KISBroker, Settings
from kis_sync.ratelimit import TokenBucket
from tests.benchmarks.cell import Caller


@dataclass(frozen=True)
class Task:
    """What a process is to do; times in seconds."""

    does: str
    url: str
    app_key: str
    app_secret: str
    folder: str
    limit: float
    threads: int
    asks_when: bool = True
    lease: float = 60.0


class Span(NamedTuple):
    """From when until when to call, by the machine's monotonic clock."""

    begins_at: float
    ends_at: float

    def wait(self) -> None:
        """Wait until it begins."""
        time.sleep(max(0.0, self.begins_at - time.monotonic()))


def span_of(task: Task) -> Span:
    """The span that the one who started this process tells it."""
    if not task.asks_when:
        return Span(0.0, inf)
    print("ready", flush=True)
    return Span(*json.loads(sys.stdin.readline()))


def call(task: Task) -> dict[str, Any]:
    """Send hash key calls through a bucket that is shared by a file; how many, and for how long each."""
    bucket = TokenBucket(task.limit, file=f"{task.folder}/limit")
    caller = Caller(task.url, task.app_key, task.app_secret)
    trips: list[float] = []
    span = span_of(task)

    def work(_: int) -> None:
        caller.connect()
        span.wait()
        while True:
            with bucket.slot(lease=task.lease) as slot:
                began = time.monotonic()
                if began >= span.ends_at:
                    slot.unused()
                    return
                caller.send()
                trips.append(time.monotonic() - began)

    with ThreadPoolExecutor(task.threads) as pool:
        list(pool.map(work, range(task.threads)))
    return {"calls": len(trips), "seconds": sum(trips)}


def start_cold(task: Task) -> dict[str, Any]:
    """Make a broker, ask for a price in every thread at once; how many got theirs."""
    settings = Settings(
        app_key=task.app_key,
        app_secret=task.app_secret,
        mode="live",
        base_url=task.url,
        rate_limit_rps=task.limit,
        cache_dir=task.folder,
        proxies={},
    )
    gate = threading.Barrier(task.threads)
    with KISBroker(settings) as broker, ThreadPoolExecutor(task.threads) as pool:

        def ask(_: int) -> int:
            gate.wait()
            return broker.get_price("005930").price

        span_of(task).wait()
        prices = list(pool.map(ask, range(task.threads)))
    return {"calls": len(prices), "seconds": 0.0}


DOES = {each.__name__: each for each in (call, start_cold)}


def argument(task: Task) -> str:
    """The task as the process's one argument."""
    return json.dumps(asdict(task))


if __name__ == "__main__":
    given = Task(**json.loads(sys.argv[1]))
    print(json.dumps(DOES[given.does](given)), flush=True)
