"""A forked child has fresh locks and remembers what its parent sent.

This room changes when what a child takes over from its parent changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kis_sync.clock import ManualClock
from kis_sync.ratelimit import TokenBucket
from kis_sync.ratelimit.machine_budget import MachineBudget
from kis_sync.ratelimit.slots import SlotTable
from tests.ratelimit.clocks import take_all
from tests.ratelimit.machines import Machine

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


def test_a_child_does_not_end_a_call_of_its_parent(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "limit")
    parent, child = machine.used(1), machine.bucket(1)
    with child.slot() as slot:  # taken before the fork that made the child
        child._begin_in_child()
        slot.__exit__(None, None, None)
        machine.clock.advance(10)
        assert parent.stats.in_flight == 1
        assert not parent.acquire(timeout=0)


def test_nor_does_it_give_one_back(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "limit")
    parent, child = machine.used(1), machine.bucket(1)
    with child.slot() as slot:
        child._begin_in_child()
        slot.unused()
        assert parent.stats.in_flight == 1


def test_what_other_threads_of_its_parent_were_using_is_closed(machine: Machine) -> None:
    budget = machine.used(2)._budget
    assert isinstance(budget, MachineBudget)
    in_use = budget._page._file  # by a thread that the child has not
    assert in_use is not None
    handle = in_use.handle
    budget.begin_in_child(0.0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
    other = os.open(os.devnull, os.O_RDONLY)
    os.dup2(other, handle)
    del in_use
    os.fstat(handle)  # another file's by now, and not closed with it
    os.close(handle)
    if other != handle:
        os.close(other)


def test_it_calls_its_calls_otherwise_than_its_parent(machine: Machine) -> None:
    bucket = machine.used(18)
    (before,) = bucket._budget.run(lambda table: {bucket._budget.new_call(table)})
    bucket._begin_in_child()
    (after,) = bucket._budget.run(lambda table: {bucket._budget.new_call(table)})
    assert abs(after - before) > 1000


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


FORK_WITH_A_FILE = """
import os, sys, threading
from kis_sync.ratelimit import TokenBucket

bucket = TokenBucket(0.05, burst=1, file=sys.argv[1])    # one slot of 20 s
wide = TokenBucket(4, burst=4, file=sys.argv[2])
in_flight = wide.slot(timeout=0)
in_flight.__enter__()
locked, let_go = threading.Event(), threading.Event()

def stay(table):
    locked.set()
    let_go.wait(60)

keeper = threading.Thread(target=bucket._budget.run, args=(stay,), daemon=True)
keeper.start()
locked.wait()                   # another thread of the parent has the file's lock
told, tell = os.pipe()
is_locked, locks = os.pipe()
child = os.fork()
if child == 0:
    os.read(told, 1)            # the parent has let go
    got = [wide.acquire(timeout=0) for _ in range(4)]
    print("child", got, wide.stats[3:5], bucket.acquire(timeout=0), flush=True)
    wide._budget.run(lambda table: (os.write(locks, b"x"), os.read(told, 1)))
    os._exit(0)
handle = os.open(sys.argv[1], os.O_RDWR)
from kis_sync.file_lock import try_lock
print("parent's lock is held", not try_lock(handle), flush=True)
let_go.set()
keeper.join()
print("and let go", try_lock(handle), flush=True)   # though the child lives
os.close(handle)
os.write(tell, b"x")
os.read(is_locked, 1)
print("shut out by the child", not try_lock(wide._budget._page._file.handle), flush=True)
os.write(tell, b"x")
print("status", os.waitpid(child, 0)[1], flush=True)
print("parent", wide.acquire(timeout=0), wide.stats[3:5], bucket.acquire(timeout=0), flush=True)
in_flight.__exit__(None, None, None)
print("ended", wide.stats[3:5], flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_shares_the_file_but_not_the_lock_of_its_parent(tmp_path: Path) -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            FORK_WITH_A_FILE,
            str(tmp_path / "one"),
            str(tmp_path / "four"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout.splitlines() == [
        "parent's lock is held True",
        "and let go True",
        "child [True, True, True, False] (1, 3) True",
        "shut out by the child True",
        "status 0",
        "parent False (1, 3) False",
        "ended (0, 4)",
    ], told.stderr


def test_a_child_of_one_that_counts_for_itself_takes_its_calls_to_end_about_now(tmp_path: Path) -> None:
    clock = ManualClock()
    bucket = TokenBucket(2, burst=2, clock=clock, file=tmp_path)  # which is no file
    assert len(take_all(bucket)) == 2
    bucket._begin_in_child()
    clock.advance(1.05)
    assert take_all(bucket) == []
    clock.advance(0.006)
    assert len(take_all(bucket)) == 2


def test_a_fork_costs_no_pause_and_takes_nothing_over(tmp_path: Path) -> None:
    clock = ManualClock()
    parent, child = (TokenBucket(3, burst=3, clock=clock, file=tmp_path / "limit") for _ in range(2))
    slot = parent.slot(timeout=0)
    slot.__enter__()
    assert child.acquire(timeout=0)
    child._begin_in_child()
    assert child.acquire(timeout=0)
    assert child.stats == parent.stats
    assert child.stats[3:] == (1, 2, 0, 3)
    clock.advance(2)
    assert child.stats[3:5] == (1, 0)


def test_a_fork_while_another_thread_looks_does_not_make_the_child_ask_for_nothing(machine: Machine) -> None:
    fast, slow = machine.used(18), machine.used(3)
    machine.clock.advance(61)  # its rate counts no more
    looks, let_go = threading.Event(), threading.Event()

    def stay(_: SlotTable) -> None:
        looks.set()
        let_go.wait(10)

    parent = threading.Thread(target=slow._budget.look, args=(stay,))
    parent.start()
    assert looks.wait(10)
    slow._begin_in_child()
    assert slow.acquire(timeout=0)
    assert fast.acquire(timeout=0)
    rate = fast.stats.rate
    let_go.set()
    parent.join(10)
    assert rate == 3
