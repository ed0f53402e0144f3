"""Figures of the bucket alone, without a server: cost, order and idle load.

This room changes when another figure of the bucket is worth knowing.
"""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from kis_sync.ratelimit import TokenBucket

THREADS = 32


def slot_microseconds(batches: int = 200, calls: int = 1000, file: Path | None = None) -> float:
    """Microseconds to enter and leave a free slot: the median of many batches; with ``file`` a shared one.

    The rate is so high that nothing ever waits; the processor's time is read, so that other programs on
    the machine do not count.
    """
    bucket = TokenBucket(1e7, file=file)
    took = []
    for _ in range(batches):
        began = time.thread_time()
        for _ in range(calls):
            with bucket.slot():
                pass
        took.append((time.thread_time() - began) / calls)
    return median(took) * 1e6


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
