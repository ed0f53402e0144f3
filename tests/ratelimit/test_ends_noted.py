"""Calls that end while another thread uses the file. This room changes when they are noted otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kis_sync.clock import ManualClock
from kis_sync.errors import RateLimitError
from kis_sync.ratelimit import Slot, TokenBucket, machine_budget, shared_page
from kis_sync.ratelimit.machine_budget import MachineBudget
from tests.ratelimit.clocks import JumpClock, take_all
from tests.ratelimit.machines import Machine


def entered(bucket: TokenBucket) -> Slot:
    slot = bucket.slot(timeout=0)
    slot.__enter__()
    return slot


def in_another_thread(do: Callable[[], object], patience: float) -> threading.Thread:
    """Do it, and wait until it is done, or so many seconds."""
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(patience)
    return thread


class During:
    """Does something once, in another thread, before the next call of a function of the owner."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        owner: Any,
        name: str,
        do: Callable[[], object],
        patience: float = 10,
    ) -> None:
        real = getattr(owner, name)
        self.was_done = False

        def with_it(*args: Any, **named: Any) -> Any:
            if not self.was_done:
                self.was_done = True
                self.thread = in_another_thread(do, patience)
                self.waited = self.thread.is_alive()
            return real(*args, **named)

        monkeypatch.setattr(owner, name, with_it)


POINTS = [
    (shared_page, "try_lock"),
    (MachineBudget, "_begin"),
    (machine_budget, "packed"),
    (shared_page, "_write_at"),
    (shared_page, "unlock"),
]


@pytest.mark.parametrize(("owner", "name"), POINTS)
@pytest.mark.parametrize("what", ["slot", "acquire", "end"])
def test_a_call_that_ends_meanwhile_waits_for_nobody_and_is_written_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, what: str
) -> None:
    bucket, other = machine.used(6), machine.used(6)
    ending, slot = entered(bucket), entered(bucket)
    with monkeypatch.context() as patch:
        during = During(patch, owner, name, lambda: ending.__exit__(None, None, None))
        if what == "end":
            slot.__exit__(None, None, None)
        elif what == "slot":
            entered(bucket)
        else:
            assert bucket.acquire(timeout=0)
    assert during.was_done
    assert not during.waited
    assert other.stats[3:5] == ((0, 2) if what == "end" else (2, 1) if what == "slot" else (1, 2))


def test_one_that_ends_while_a_time_out_is_told_is_written_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, other = machine.used(1), machine.used(1)
    ending = entered(bucket)
    with monkeypatch.context() as patch:
        during = During(patch, TokenBucket, "_told_too_late", lambda: ending.__exit__(None, None, None), 0.1)
        with pytest.raises(RateLimitError):
            entered(bucket)
    during.thread.join(10)  # somebody waited, so that it was not left to others
    assert other.stats[3:5] == (0, 1)


def test_one_that_ends_while_others_wait_is_left_to_nobody(file: Path) -> None:
    clock = ManualClock()
    bucket, other = (TokenBucket(1, clock=clock, file=file) for _ in range(2))
    slot = entered(bucket)
    waits = threading.Thread(target=lambda: bucket.acquire(timeout=30), daemon=True)
    waits.start()
    clock.await_waiters(1)
    slot.__exit__(None, None, None)
    assert not other.acquire(timeout=0)  # so that it looks at the file
    assert other.stats[3:5] == (0, 1)
    clock.advance(1.01)  # nobody need tell it
    waits.join(10)
    assert not waits.is_alive()


def test_what_is_noted_counts_from_when_the_call_ended(machine: Machine) -> None:
    bucket, other = machine.used(1), machine.used(1)
    slot = entered(bucket)
    bucket._coming.add(12345)  # a thread that is about to use the file
    slot.__exit__(None, None, None)
    assert other.stats[3:5] == (1, 0)
    machine.clock.advance(0.5)
    bucket._coming.clear()
    assert not bucket.acquire(timeout=0)
    assert other.stats[3:5] == (0, 1)
    machine.clock.advance(0.503)
    assert other.acquire(timeout=0)


def test_after_any_crowd_nothing_is_in_flight(file: Path) -> None:
    bucket, other = (TokenBucket(1e6, file=file) for _ in range(2))
    threads, calls = 8, 150

    def call() -> None:
        for _ in range(calls):
            with bucket.slot(timeout=60):
                pass

    crowd = [threading.Thread(target=call, daemon=True) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert other.acquire(timeout=60)
    assert (other.stats.in_flight, other.stats.granted) == (0, threads * calls + 1)
    assert bucket.stats.granted == other.stats.granted


def test_a_forked_child_leaves_nothing_to_its_parents_threads(machine: Machine) -> None:
    bucket, other = machine.used(2), machine.used(2)
    bucket._coming.add(12345)  # a thread that exists in the parent only
    bucket._begin_in_child()
    with bucket.slot(timeout=0):
        pass
    assert other.stats[3:5] == (0, 1)


def test_an_unshared_bucket_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = TokenBucket(3, burst=3, clock=JumpClock())
    monkeypatch.setattr(bucket._budget, "owe", None)
    for slot in take_all(bucket):
        slot.__exit__(None, None, None)
    assert bucket.stats[3:5] == (0, 3)
