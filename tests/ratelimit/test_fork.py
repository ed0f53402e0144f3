"""A forked child has fresh locks and remembers what its parent sent.

This room changes when what a child takes over from its parent changes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kis_sync.clock import ManualClock
from kis_sync.ratelimit import TokenBucket
from tests.ratelimit.clocks import take_all

FORK = """
import os, sys, threading, time
from kis_sync.ratelimit import TokenBucket, registry, shared_bucket

bucket = shared_bucket("key", "https://server", 0.01)    # one slot of 100 s
fast = TokenBucket(100, burst=100)
bucket.acquire()
waiter = threading.Thread(target=bucket.acquire, daemon=True)
waiter.start()
while not bucket.stats.waiting:
    time.sleep(0.001)
in_flight = fast.slot()
in_flight.__enter__()

def keep_locked():
    with bucket._lock, registry._lock:
        locked.set()
        time.sleep(60)

locked = threading.Event()
threading.Thread(target=keep_locked, daemon=True).start()
locked.wait()

child = os.fork()
if child == 0:
    same = shared_bucket("key", "https://server", 0.01) is bucket
    stats = bucket.stats
    flying = fast.stats
    served = fast.acquire(timeout=5)
    print(same, stats.waiting, stats.cooling, bucket.acquire(timeout=0), served, flush=True)
    print(flying.in_flight, flying.cooling, flush=True)
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_waits_for_no_lock_of_its_parent_and_counts_its_grants() -> None:
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, timeout=60
    )
    assert told.stdout == "True 0 1 False True\n0 1\nchild 0\n", told.stderr


def test_calls_in_flight_at_a_fork_cool_in_the_child() -> None:
    clock = ManualClock()
    bucket = TokenBucket(2, burst=2, clock=clock)
    slots = take_all(bucket)
    bucket._begin_in_child()
    assert len(slots) == 2
    clock.advance(1.05)
    assert take_all(bucket) == []
    clock.advance(0.006)
    assert len(take_all(bucket)) == 2
