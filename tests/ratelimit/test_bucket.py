"""One thread and one bucket: what is granted when. This room changes when the rule for granting changes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kis_sync.clock import ManualClock
from kis_sync.errors import BrokerClosedError, ConfigurationError, RateLimitError
from kis_sync.ratelimit import TokenBucket
from tests.ratelimit.clocks import JumpClock, end_all, take_all


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_full_bucket_grants_as_many_slots_as_its_rate_and_no_more(clock: ManualClock) -> None:
    bucket = TokenBucket(18, burst=18, clock=clock)
    assert len(take_all(bucket)) == 18


def test_a_slot_is_taken_while_its_call_is_in_flight(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    with bucket.slot():
        clock.advance(30)
        with pytest.raises(RateLimitError), bucket.slot(timeout=0):
            pass


def test_a_slot_is_taken_for_a_window_and_two_milliseconds_after_its_call_ended(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    with bucket.slot():
        clock.advance(0.5)
    clock.advance(1.001)
    assert not bucket.acquire(timeout=0)
    clock.advance(0.00101)
    assert bucket.acquire(timeout=0)


def test_a_slot_is_taken_as_long_when_its_block_raised(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    with pytest.raises(ZeroDivisionError), bucket.slot():
        raise ZeroDivisionError
    clock.advance(1.001)
    assert not bucket.acquire(timeout=0)
    clock.advance(0.002)
    assert bucket.acquire(timeout=0)


def test_a_bare_permission_is_taken_for_a_window_and_55_milliseconds(clock: ManualClock) -> None:
    bucket = TokenBucket(2, burst=2, clock=clock)
    assert bucket.acquire(timeout=0)
    assert bucket.acquire(timeout=0)
    clock.advance(1.054)
    assert not bucket.acquire(timeout=0)
    clock.advance(0.00101)
    assert bucket.acquire(timeout=0)


@pytest.mark.parametrize(
    ("rate", "slots", "window"), [(0.5, 1, 2.0), (1 / 2.1, 1, 2.1), (1, 1, 1), (2.5, 2, 0.8), (18, 18, 1)]
)
def test_a_rate_becomes_whole_slots_and_the_window_they_take(
    clock: ManualClock, rate: float, slots: int, window: float
) -> None:
    bucket = TokenBucket(rate, burst=slots, clock=clock)
    taken = take_all(bucket)
    end_all(taken)
    assert len(taken) == slots
    clock.advance(window + 0.0019)
    assert take_all(bucket) == []
    clock.advance(0.0002)
    assert len(take_all(bucket)) == slots


def test_grants_are_spaced_at_nine_tenths_of_the_even_interval(clock: ManualClock) -> None:
    bucket = TokenBucket(18, clock=clock)
    for _ in range(18):
        assert len(take_all(bucket)) == 1
        clock.advance(0.0499)
        assert take_all(bucket) == []
        clock.advance(0.0002)
    assert take_all(bucket) == []


@pytest.mark.parametrize("burst", [1, 2, 5, 17])
def test_burst_calls_may_leave_at_once_and_the_rest_are_spaced(clock: ManualClock, burst: int) -> None:
    bucket = TokenBucket(18, burst=burst, clock=clock)
    assert len(take_all(bucket)) == burst
    clock.advance(0.0501)
    assert len(take_all(bucket)) == 1
    clock.advance(0.0501 * 3)
    assert len(take_all(bucket)) == min(3, burst, 18 - burst - 1)


def test_idling_saves_up_no_more_than_the_burst(clock: ManualClock) -> None:
    bucket = TokenBucket(18, burst=3, clock=clock)
    end_all(take_all(bucket))
    clock.advance(3600)
    assert len(take_all(bucket)) == 3


def test_a_burst_beyond_the_slots_is_all_slots(clock: ManualClock) -> None:
    assert len(take_all(TokenBucket(4, burst=100, clock=clock))) == 4


def test_a_pause_is_extended_and_never_shortened(clock: ManualClock) -> None:
    bucket = TokenBucket(5, burst=5, clock=clock)
    bucket.pause(3)
    bucket.pause(1)
    clock.advance(2.9)
    assert take_all(bucket) == []
    bucket.pause(1)
    clock.advance(0.5)
    assert take_all(bucket) == []
    clock.advance(0.6)
    assert len(take_all(bucket)) == 5


def test_a_pause_adds_to_no_slot(clock: ManualClock) -> None:
    bucket = TokenBucket(5, burst=5, clock=clock)
    end_all(take_all(bucket))
    bucket.pause(0.5)
    clock.advance(0.6)
    assert take_all(bucket) == []
    clock.advance(0.5)
    assert len(take_all(bucket)) == 5


def test_a_held_slot_is_taken_for_so_much_longer(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    with bucket.slot() as slot:
        slot.hold(11)
        slot.hold(3)
    clock.advance(12)
    assert not bucket.acquire(timeout=0)
    clock.advance(0.00201)
    assert bucket.acquire(timeout=0)


def test_a_hold_does_not_outlive_its_call(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    slot = bucket.slot()
    with slot:
        slot.hold(11)
    clock.advance(13)
    with slot:
        pass
    clock.advance(1.01)
    assert bucket.acquire(timeout=0)


def test_only_a_taken_slot_can_be_held(clock: ManualClock) -> None:
    slot = TokenBucket(1, clock=clock).slot()
    with pytest.raises(RuntimeError, match="taken"):
        slot.hold(1)


def test_a_slot_cannot_be_taken_twice_at_once(clock: ManualClock) -> None:
    bucket = TokenBucket(5, burst=5, clock=clock)
    with bucket.slot() as slot:
        with pytest.raises(RuntimeError, match="taken already"), slot:
            pass
        assert bucket.stats.in_flight == 1


def test_a_slot_that_is_never_left_is_taken_back_after_its_lease(clock: ManualClock) -> None:
    bucket = TokenBucket(2, burst=2, clock=clock)
    bucket.slot(lease=10).__enter__()
    bucket.slot(lease=20).__enter__()
    clock.advance(9.9)
    assert take_all(bucket) == []
    clock.advance(0.2)
    assert len(take_all(bucket)) == 1
    clock.advance(10)
    assert len(take_all(bucket)) == 1


def test_the_lease_is_a_minute_unless_told_otherwise(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    bucket.slot().__enter__()
    clock.advance(59.9)
    assert take_all(bucket) == []
    clock.advance(0.2)
    assert len(take_all(bucket)) == 1


def test_a_waiter_does_not_wait_past_the_end_of_a_lease() -> None:
    bucket = TokenBucket(1, clock=JumpClock())
    bucket.slot(lease=10).__enter__()
    with bucket.slot(timeout=11):
        pass


def test_a_lease_that_ends_before_anything_cools_is_waited_for() -> None:
    clock = JumpClock()
    bucket = TokenBucket(2, burst=2, clock=clock)
    bucket.slot(lease=0.5).__enter__()
    bucket.acquire()
    with bucket.slot():
        assert clock.monotonic() == 0.5


def test_the_end_of_a_lease_ends_no_pause(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    bucket.slot(lease=10).__enter__()
    bucket.pause(20)
    clock.advance(15)
    assert not bucket.acquire(timeout=0)
    clock.advance(5)
    assert bucket.acquire(timeout=0)


def test_a_slot_left_after_its_lease_counts_once_more(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    late = bucket.slot(lease=10)
    late.__enter__()
    clock.advance(10.1)
    late.__exit__(None, None, None)
    assert not bucket.acquire(timeout=0)
    clock.advance(1.01)
    assert bucket.acquire(timeout=0)


def test_no_slot_in_time_says_how_long_at_what_rate_and_beside_how_many() -> None:
    clock = JumpClock()
    bucket = TokenBucket(0.1, clock=clock)
    with bucket.slot():
        pass
    with pytest.raises(RateLimitError) as caught, bucket.slot(timeout=4.5):
        pass
    assert "4.5 s" in str(caught.value)
    assert "0.1 calls a second" in str(caught.value)
    assert "waiting: 0" in str(caught.value)
    assert clock.monotonic() == 4.5
    assert bucket.stats.waiting == 0


def test_a_bare_permission_that_is_not_had_in_time_is_false() -> None:
    clock = JumpClock()
    bucket = TokenBucket(1, clock=clock)
    assert bucket.acquire()
    assert not bucket.acquire(timeout=1)
    assert bucket.acquire(timeout=1)
    assert clock.monotonic() == pytest.approx(1.055)


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_of_nothing_takes_what_is_there_and_waits_for_nothing(
    clock: ManualClock, timeout: float
) -> None:
    bucket = TokenBucket(1, clock=clock)
    assert bucket.acquire(timeout=timeout)
    assert not bucket.acquire(timeout=timeout)


def test_a_closed_owner_gets_no_slot_even_when_one_is_free(clock: ManualClock) -> None:
    bucket = TokenBucket(1, clock=clock)
    owner = threading.Event()
    bucket.cancel(owner)
    with pytest.raises(BrokerClosedError), bucket.slot(owner=owner):
        pass
    assert bucket.acquire(timeout=0)


def test_two_buckets_nest(clock: ManualClock) -> None:
    ledger, main = TokenBucket(1, clock=clock), TokenBucket(18, burst=18, clock=clock)
    with ledger.slot(), main.slot():
        clock.advance(0.2)
    assert (ledger.stats.cooling, main.stats.cooling) == (1, 1)


def test_the_outer_bucket_gets_its_slot_back_when_the_inner_has_none(clock: ManualClock) -> None:
    ledger, main = TokenBucket(1, clock=clock), TokenBucket(1, clock=clock)
    main.acquire()
    with pytest.raises(RateLimitError), ledger.slot(), main.slot(timeout=0):
        pass
    clock.advance(1.1)
    assert ledger.acquire(timeout=0)
    assert main.acquire(timeout=0)


def test_slots_are_numbered_in_the_order_of_granting(clock: ManualClock) -> None:
    bucket = TokenBucket(3, burst=3, clock=clock)
    assert bucket.slot().number == 0
    assert [slot.number for slot in take_all(bucket)] == [1, 2, 3]


def test_stats_and_repr_tell_the_state(clock: ManualClock) -> None:
    bucket = TokenBucket(3, burst=3, clock=clock)
    end_all(take_all(bucket)[:1])
    stats = bucket.stats
    assert (stats.rate, stats.slots, stats.usable) == (3, 3, 3)
    assert (stats.in_flight, stats.cooling, stats.waiting, stats.granted) == (2, 1, 0, 3)
    assert (
        repr(bucket) == "<TokenBucket 3 a second: 3 of 3 slots usable, 2 in flight, 1 cooling, "
        "0 waiting, 3 granted>"
    )


def test_a_lowered_rate_keeps_what_cools_for_the_longer_window(clock: ManualClock) -> None:
    bucket = TokenBucket(4, burst=4, clock=clock)
    end_all(take_all(bucket))
    bucket.lower(0.5)
    bucket.lower(10)
    assert bucket.rate == 0.5
    clock.advance(1.9)
    assert take_all(bucket) == []
    clock.advance(0.2)
    assert len(take_all(bucket)) == 1


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_cannot_work_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="calls a second"):
        TokenBucket(rate)


def test_a_burst_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="burst"):
        TokenBucket(5, burst=0)


def test_a_slot_under_which_nothing_was_sent_is_free_at_once() -> None:
    clock = ManualClock()
    bucket = TokenBucket(1, clock=clock)
    with bucket.slot() as slot:
        slot.unused()
        assert bucket.stats.in_flight == 0
    assert bucket.stats.cooling == 0
    clock.advance(0.9)  # the spacing only, not the window
    with bucket.slot(timeout=0) as slot:
        pass
    slot.unused()  # too late: its call has ended
    assert bucket.stats.cooling == 1


@pytest.mark.parametrize("rate", ["3", None, float("nan")])
def test_a_rate_that_is_no_number_is_told(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match="a rate is a positive number"):
        TokenBucket(rate)


@pytest.mark.parametrize("burst", [1.5, "2", 0])
def test_a_burst_that_is_no_count_is_told(burst: Any) -> None:
    with pytest.raises(ConfigurationError, match="burst is the number of calls"):
        TokenBucket(3, burst=burst)


def test_a_call_that_had_to_wait_to_be_ended_cools_from_its_end(clock: ManualClock) -> None:
    class Late:
        def __enter__(self) -> None:
            clock.advance(0.5)

        def __exit__(self, *_: object) -> None:
            pass

    bucket: Any = TokenBucket(1, clock=clock)
    slot = bucket.slot(timeout=0)
    slot.__enter__()
    real, bucket._lock = bucket._lock, Late()
    slot.__exit__(None, None, None)
    bucket._lock = real
    clock.advance(0.501)
    assert not bucket.acquire(timeout=0)
    clock.advance(0.002)
    assert bucket.acquire(timeout=0)
