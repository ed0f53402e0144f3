"""What a whole ``get_price`` costs beside a bare ``session.get(...).json()``: processor time, calls, memory.

    python -m tests.benchmarks.client_cost            # some three minutes
    python -m tests.benchmarks.client_cost --short    # some 25 seconds
    python -m tests.benchmarks.client_cost --json     # for programs

Both send the same GET with the same headers to a server in another process that answers with the documented
82 fields, and both are as users get them: ours with the access token's check, its slot, the default settings
(only the rate is lifted, so that nobody waits) and a quote at the end; bare with one ``requests.Session``.
They run in turn, block by block, and each figure is the median of the blocks' ratios, so that other programs
on the machine do not count. A figure that misses its bar is marked; the exit code is 1 when memory grows with
the number of calls. This room changes when another cost of a call is measured.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from kis_sync import KISBroker, Settings
from tests.benchmarks.recorded_server import ASKED, PATH, TR_ID, RecordedServer
from tests.benchmarks.report import Figure, options, report

CPU, THREADS = "processor time of a call", "calls a second of 8 threads"
BARS = {CPU: 0.70, THREADS: 1.4}
MEMORY_BAR = 64.0  # KiB: what 9,900 calls may leave behind, so 7 bytes each
_CALLS = 200  # of a block
_THREADS = 8
_LIFTED = 1e6  # calls a second

Calls = Callable[[int], None]


def main() -> int:
    """Measure, print, and say by the exit code whether memory stayed as it was."""
    asked = options(__doc__)
    pairs = 30 if asked.short else 200
    with clients() as (ours, bare):
        ratio = median_ratio(pairs, ours, bare, processor_seconds)
        threads = 1 / median_ratio(max(5, pairs // 5), in_threads(ours), in_threads(bare), wall_seconds)
        most = 2_000 if asked.short else 10_000
        grown = grown_kibibytes(ours, most)
    memory = Figure(f"memory after {most:,} calls over after 100", grown, MEMORY_BAR, "KiB")
    figures = [
        Figure(CPU, ratio, BARS[CPU], "x"),
        Figure(THREADS, threads, BARS[THREADS], "x", at_least=True),
        memory,
    ]
    report("medians of ratios to the same done with bare requests, block by block", figures, asked.json)
    return int(not memory.met)


@contextmanager
def clients() -> Iterator[tuple[Calls, Calls]]:
    """Ours and bare, on one server; each makes so many calls."""
    with RecordedServer() as server, tempfile.TemporaryDirectory() as folder, requests.Session() as session:
        settings = Settings(
            server.app_key,
            server.app_secret,
            base_url=server.url,
            rate_limit_rps=_LIFTED,
            cache_dir=Path(folder) / "cache",
            data_dir=Path(folder) / "data",
        )
        with KISBroker(settings) as broker:
            headers = headers_as_ours(server.url, server.app_key, server.app_secret)

            def ours(count: int) -> None:
                for _ in range(count):
                    broker.get_price("005930")

            def bare(count: int) -> None:
                for _ in range(count):
                    session.get(server.url + PATH, params=ASKED, headers=headers).json()

            ours(_CALLS)
            bare(_CALLS)
            yield ours, bare


def headers_as_ours(url: str, app_key: str, app_secret: str) -> dict[str, str]:
    """The headers that ours sends, with an access token."""
    keys = {"appkey": app_key, "appsecret": app_secret}
    body = {"grant_type": "client_credentials", **keys}
    issued = requests.post(f"{url}/oauth2/tokenP", json=body, timeout=10).json()
    return {
        "content-type": "application/json; charset=utf-8",
        **keys,
        "authorization": f"Bearer {issued['access_token']}",
        "tr_id": TR_ID,
        "tr_cont": "",
        "custtype": "P",
    }


def median_ratio(pairs: int, ours: Calls, bare: Calls, seconds: Callable[[Calls], float]) -> float:
    """The median of what blocks of ours take over what the blocks of bare beside them take."""
    ratios = []
    for number in range(pairs):
        if number % 2:  # neither always goes first
            theirs, mine = seconds(bare), seconds(ours)
        else:
            mine, theirs = seconds(ours), seconds(bare)
        ratios.append(mine / theirs)
    return statistics.median(ratios)


def processor_seconds(calls: Calls) -> float:
    """The processor time of a block, in all threads of this process."""
    began = time.process_time()
    calls(_CALLS)
    return time.process_time() - began


def wall_seconds(calls: Calls) -> float:
    """The time that a block takes."""
    began = time.perf_counter()
    calls(_CALLS)
    return time.perf_counter() - began


def in_threads(calls: Calls) -> Calls:
    """So many calls in each of 8 threads that share one client."""

    def all_of_them(count: int) -> None:
        threads = [threading.Thread(target=calls, args=(count,), daemon=True) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return all_of_them


def grown_kibibytes(calls: Calls, most: int) -> float:
    """What Python's memory holds after so many calls more than after 100."""
    tracemalloc.start()
    try:
        calls(100)
        before = _held_bytes(calls)
        calls(most - 100)
        return (_held_bytes(calls) - before) / 1024
    finally:
        tracemalloc.stop()


def _held_bytes(calls: Calls) -> int:
    """What is held once the limiter has let go of the calls of the last second."""
    time.sleep(1.1)
    calls(1)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    sys.exit(main())
