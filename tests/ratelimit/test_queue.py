"""Many threads and one bucket. This room changes when the way of queueing changes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import ManualClock
from kis_sync.errors import BrokerClosedError, RateLimitError
from kis_sync.ratelimit import TokenBucket
from tests.ratelimit.clocks import CountingClock, DriftingClock, take_all
from tests.thoroughness import examples


def start(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def queue_up(
    bucket: TokenBucket, clock: ManualClock, targets: list[Callable[[], None]]
) -> list[threading.Thread]:
    """Start threads that come to wait one after the other, in this order."""
    threads = []
    for target in targets:
        waiting = bucket.stats.waiting
        threads.append(start(target))
        while bucket.stats.waiting == waiting:
            time.sleep(0.0005)
    clock.await_waiters(len(threads))
    return threads


def ignore(_: bool) -> None:
    """Make a target of a function that returns something."""


def finish(threads: list[threading.Thread], clock: ManualClock, step: float = 0.5) -> None:
    """Move the clock until every thread has ended."""
    give_up_at = time.monotonic() + 20
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < give_up_at, "threads are stuck"
        clock.advance(step)
        time.sleep(0.0005)


def test_slots_are_granted_in_the_order_of_coming() -> None:
    clock = ManualClock()
    bucket = TokenBucket(2, burst=2, clock=clock)
    bucket.acquire()
    bucket.acquire()
    numbers: list[int] = [0] * 20

    def call(place: int) -> Callable[[], None]:
        def target() -> None:
            with bucket.slot() as slot:
                numbers[place] = slot.number

        return target

    finish(queue_up(bucket, clock, [call(place) for place in range(20)]), clock)
    assert numbers == list(range(3, 23))


def test_one_who_comes_while_others_wait_does_not_overtake_them() -> None:
    clock = DriftingClock()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire())])
    clock.drift(100)
    assert not bucket.acquire(timeout=0)
    finish(threads, clock)
    assert bucket.stats.granted == 2


def test_waking_is_one_thread_at_a_time() -> None:
    clock = CountingClock()
    bucket = TokenBucket(4, clock=clock)
    take_all(bucket)
    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire()) for _ in range(24)])
    clock.wakes.clear()
    finish(threads, clock, step=0.05)
    # Each is woken when it becomes first and again when its slot is free, the first only for the latter.
    assert len(clock.wakes) <= 2 * 24


def test_a_call_that_ends_wakes_the_first_who_waited_for_its_lease() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    slot = bucket.slot(lease=1000)
    slot.__enter__()
    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire())])
    slot.__exit__(None, None, None)
    clock.await_waiters(1)
    clock.advance(1.1)
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_a_slot_given_back_at_once_wakes_the_first() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    slot = bucket.slot(lease=1000)
    slot.__enter__()
    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire())])
    bucket._give_back(slot)  # what an interrupt on the way out of entering does
    finish(threads, clock, step=0.01)
    assert clock.monotonic() < 1000


def test_a_time_out_in_the_midst_of_the_queue_disturbs_nobody() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    ended: list[str] = []

    def patient(name: str) -> Callable[[], None]:
        return lambda: ended.append(f"{name} {bucket.acquire()}")

    def hasty(name: str) -> Callable[[], None]:
        return lambda: ended.append(f"{name} {bucket.acquire(timeout=0.25)}")

    threads = queue_up(bucket, clock, [patient("a"), hasty("b"), patient("c"), hasty("d")])
    clock.advance(0.3)
    threads[1].join(10)
    threads[3].join(10)
    assert sorted(ended) == ["b False", "d False"]
    finish(threads, clock)
    assert ended[2:] == ["a True", "c True"]


def test_the_first_who_times_out_hands_the_turn_on() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    ended: list[bool] = []
    threads = queue_up(
        bucket,
        clock,
        [lambda: ended.append(bucket.acquire(timeout=0.5)), lambda: ended.append(bucket.acquire())],
    )
    clock.advance(0.6)
    threads[0].join(10)
    clock.await_waiters(1)
    clock.advance(0.6)
    threads[1].join(10)
    assert ended == [False, True]


def test_a_late_error_says_how_many_others_wait() -> None:
    clock = ManualClock()
    bucket = TokenBucket(0.01, clock=clock)
    bucket.acquire()
    said: list[str] = []

    def hasty() -> None:
        try:
            with bucket.slot(timeout=1):
                pass
        except RateLimitError as error:
            said.append(str(error))

    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire()) for _ in range(3)] + [hasty])
    clock.advance(1)
    threads[3].join(10)
    assert "waiting: 3" in said[0]
    finish(threads, clock, step=101)


def test_cancelling_wakes_the_owners_waiters_and_nobody_else() -> None:
    clock = CountingClock()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    closing, staying = threading.Event(), threading.Event()
    ended: list[str] = []

    def call(name: str, owner: threading.Event | None) -> Callable[[], None]:
        def target() -> None:
            try:
                with bucket.slot(owner=owner):
                    ended.append(f"{name} served")
            except BrokerClosedError:
                ended.append(f"{name} closed")

        return target

    threads = queue_up(
        bucket, clock, [call("a", closing), call("b", staying), call("c", closing), call("d", None)]
    )
    bucket.cancel(closing)
    threads[0].join(10)
    threads[2].join(10)
    assert sorted(ended) == ["a closed", "c closed"]
    assert bucket.stats.waiting == 2
    clock.await_waiters(2)
    finish(threads, clock)
    assert ended[2:] == ["b served", "d served"]
    assert clock.wakes.count(threads[3]) <= 2  # as it became first, and for its slot, or at once for both
    assert bucket.acquire(timeout=0) is False


def test_a_pause_holds_back_those_who_wait_already() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    threads = queue_up(bucket, clock, [lambda: ignore(bucket.acquire())])
    bucket.pause(5)
    clock.advance(2)
    clock.await_waiters(1)
    assert bucket.stats.granted == 1
    clock.advance(3.1)
    threads[0].join(10)
    assert bucket.stats.granted == 2


@given(st.lists(st.sampled_from([None, 0.3, 1.0, 2.5, 4.0]), min_size=2, max_size=8), st.integers(1, 3))
@settings(max_examples=examples(15), deadline=None)
def test_whoever_gives_up_the_others_keep_their_order(timeouts: list[float | None], slots: int) -> None:
    clock = ManualClock()
    bucket = TokenBucket(slots, clock=clock)
    bucket.acquire()
    numbers: list[int] = [0] * len(timeouts)

    def call(place: int) -> Callable[[], None]:
        def target() -> None:
            with contextlib.suppress(RateLimitError), bucket.slot(timeout=timeouts[place]) as slot:
                numbers[place] = slot.number

        return target

    finish(queue_up(bucket, clock, [call(place) for place in range(len(timeouts))]), clock)
    served = [number for number in numbers if number]
    assert served == list(range(2, 2 + len(served)))
    assert all(number for number, timeout in zip(numbers, timeouts, strict=True) if timeout is None)


@pytest.mark.parametrize("burst", [None, 40])
def test_32_threads_on_the_real_clock_stay_within_the_limit(burst: int | None) -> None:
    bucket = TokenBucket(40, burst=burst)
    calls: list[tuple[float, float]] = []
    left = threading.Semaphore(90)

    def caller() -> None:
        while left.acquire(blocking=False):
            with bucket.slot():
                began = time.monotonic()
                time.sleep(0.003)
                calls.append((began, time.monotonic()))

    threads = [start(caller) for _ in range(32)]
    for thread in threads:
        thread.join(30)
    assert len(calls) == 90
    # Wherever between sending and answer the server counts: no second may touch more than 40 calls.
    for _, ended in calls:
        assert sum(began < ended + 1 and end >= ended for began, end in calls) <= 40
    stats = bucket.stats
    assert (stats.in_flight, stats.waiting, stats.granted) == (0, 0, 90)
