"""Figures of the bucket alone, without a server: cost, order and idle load.

This room changes when another figure of the bucket is worth knowing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

from kis_sync.clock import SystemClock
from kis_sync.ratelimit import TokenBucket

THREADS = 32
_BATCH = 1000


def slot_microseconds(batches: int = 200) -> float:
    """Microseconds to enter and leave a free slot: the median of many batches.

    The rate is so high that nothing ever waits; the processor's time is read, so that other programs on
    the machine do not count.
    """
    own = _Slots(TokenBucket(1e7))
    for _ in range(batches):
        own.batch()
    return own.median()


def shared_and_own_slot_microseconds(file: Path, batches: int = 200) -> tuple[float, float]:
    """The same of a slot that processes share, at 18 calls a second, and of one of this process alone.

    They are measured in turn, so that what slows the machine down slows both. The clock of the shared one
    goes on by a slot's time between two calls, so that nothing ever waits, and as many slots cool, and are
    written down, as in use.
    """
    clock = _Steps()
    shared = _Slots(TokenBucket(18, clock=clock, file=file), clock.step)
    own = _Slots(TokenBucket(1e7))
    for _ in range(batches):
        shared.batch()
        own.batch()
    return shared.median(), own.median()


class _Steps(SystemClock):
    """A clock that stands still between steps of a slot's time at 18 a second."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def monotonic(self) -> float:
        return self._at

    def step(self) -> None:
        self._at += 1.01 / 18


class _Slots:
    """Slots of one bucket, entered and left a thousand in a batch."""

    def __init__(self, bucket: TokenBucket, between: Callable[[], None] = lambda: None) -> None:
        self._bucket = bucket
        self._between = between
        self._took: list[float] = []

    def batch(self) -> None:
        began = time.thread_time()
        for _ in range(_BATCH):
            with self._bucket.slot():
                pass
            self._between()
        self._took.append((time.thread_time() - began) / _BATCH)

    def median(self) -> float:
        if self._bucket.stats.granted != len(self._took) * _BATCH:
            raise RuntimeError("a slot was granted twice or not at all")
        return median(self._took) * 1e6


def inversions(calls: int = 400) -> int:
    """How many calls were granted before one that had come earlier, with 32 threads in the queue.

    Threads come one at a time: the next is let go when the bucket has counted the one before as waiting or
    granted. So the order of coming is certain, and the grants carry numbers.
    """
    bucket = TokenBucket(200)
    numbers = [0] * calls
    places = iter(range(calls))
    doors = threading.Semaphore(0)

    def caller() -> None:
        while True:
            doors.acquire()
            place = next(places, None)
            if place is None:
                return
            with bucket.slot() as slot:
                numbers[place] = slot.number

    threads = [threading.Thread(target=caller, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for come in range(1, calls + 1):
        doors.release()
        while (stats := bucket.stats).waiting + stats.granted < come:
            time.sleep(0.0001)
    doors.release(THREADS)
    for thread in threads:
        thread.join()
    return sum(later < earlier for earlier, later in pairwise(numbers))


def waiting_milliseconds(burst: int | None, seconds: float = 4.0) -> float:
    """Milliseconds of processor time a second with 32 threads waiting for 18 slots, once under way."""
    bucket = TokenBucket(18, burst=burst)
    stop = threading.Event()

    def caller() -> None:
        while not stop.is_set():
            with bucket.slot():
                pass

    threads = [threading.Thread(target=caller, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    began = time.process_time()
    time.sleep(seconds)
    used = time.process_time() - began
    stop.set()
    for thread in threads:
        thread.join()
    return used / seconds * 1e3
