"""A server that refuses within the limit. This room changes when the answer to refusals changes."""

from __future__ import annotations

import logging

import pytest

from kis_sync.clock import ManualClock
from kis_sync.ratelimit import TokenBucket
from kis_sync.ratelimit.lowering import Lowering
from tests.ratelimit.clocks import JumpClock, end_all, take_all


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def refuse(bucket: TokenBucket, clock: ManualClock, times: int, every: float = 2.0) -> None:
    for _ in range(times):
        clock.advance(every)
        bucket.refused()


def test_one_refusal_pauses_for_a_window_and_takes_no_slot_away(clock: ManualClock) -> None:
    bucket = TokenBucket(18, burst=18, clock=clock)
    bucket.refused()
    clock.advance(0.999)
    assert take_all(bucket) == []
    clock.advance(0.0011)
    assert len(take_all(bucket)) == 18


def test_each_further_refusal_within_a_minute_halves_the_slots_down_to_one(clock: ManualClock) -> None:
    bucket = TokenBucket(18, clock=clock)
    usable = []
    for _ in range(7):
        refuse(bucket, clock, 1)
        usable.append(bucket.stats.usable)
    assert usable == [18, 9, 4, 2, 1, 1, 1]


def test_refusals_of_calls_already_on_their_way_are_one_refusal(clock: ManualClock) -> None:
    bucket = TokenBucket(18, burst=18, clock=clock)
    refuse(bucket, clock, 15, every=0.01)
    assert bucket.stats.usable == 18
    clock.advance(0.999)
    assert take_all(bucket) == []
    clock.advance(0.0011)
    assert len(take_all(bucket)) == 18


def test_refusals_more_than_a_minute_apart_lower_nothing(clock: ManualClock) -> None:
    bucket = TokenBucket(18, clock=clock)
    refuse(bucket, clock, 5, every=60.1)
    assert bucket.stats.usable == 18


def test_a_refusal_after_clean_minutes_takes_back_nothing_that_they_gave(clock: ManualClock) -> None:
    bucket = TokenBucket(18, clock=clock)
    refuse(bucket, clock, 3)
    assert bucket.stats.usable == 4
    clock.advance(181)  # unseen by anybody
    bucket.refused()
    assert bucket.stats.usable == 7


def test_the_lowered_slots_hold_and_the_window_stays(clock: ManualClock) -> None:
    bucket = TokenBucket(8, burst=8, clock=clock)
    refuse(bucket, clock, 2)
    clock.advance(1.01)
    taken = take_all(bucket)
    end_all(taken)
    assert len(taken) == 4
    clock.advance(1.001)
    assert take_all(bucket) == []
    clock.advance(0.0011)
    assert len(take_all(bucket)) == 4


def test_lowering_waits_for_more_slots_than_one_to_come_back() -> None:
    clock = JumpClock()
    bucket = TokenBucket(8, burst=8, clock=clock)
    taken = take_all(bucket)
    for slot in taken:
        clock.advance(0.01)
        slot.__exit__(None, None, None)
    refuse(bucket, clock, 2, every=0.0)
    clock.advance(1.1)
    bucket.refused()
    fresh = take_all(bucket)
    assert fresh == []
    with bucket.slot():
        assert bucket.stats.in_flight + bucket.stats.cooling <= bucket.stats.usable == 4


def test_spacing_follows_the_lowered_slots(clock: ManualClock) -> None:
    bucket = TokenBucket(18, clock=clock)
    refuse(bucket, clock, 3)
    assert bucket.stats.usable == 4
    clock.advance(1.01)
    assert len(take_all(bucket)) == 1
    clock.advance(0.22)
    assert take_all(bucket) == []
    clock.advance(0.006)
    assert len(take_all(bucket)) == 1


def test_each_clean_minute_gives_one_slot_back(clock: ManualClock) -> None:
    bucket = TokenBucket(4, burst=4, clock=clock)
    refuse(bucket, clock, 3)
    assert bucket.stats.usable == 1
    usable = []
    clock.advance(0.1)
    for _ in range(5):
        clock.advance(59.8)
        before = bucket.stats.usable
        clock.advance(0.2)
        usable.append((before, bucket.stats.usable))
    assert usable == [(1, 2), (2, 3), (3, 4), (4, 4), (4, 4)]


def test_minutes_that_passed_unseen_are_given_back_together(clock: ManualClock) -> None:
    bucket = TokenBucket(8, burst=8, clock=clock)
    refuse(bucket, clock, 4)
    clock.advance(60 * 3 + 1)
    assert len(take_all(bucket)) == 4


def test_a_refusal_starts_the_clean_minute_again(clock: ManualClock) -> None:
    bucket = TokenBucket(8, burst=8, clock=clock)
    refuse(bucket, clock, 2)
    clock.advance(59)
    bucket.refused()
    clock.advance(59)
    assert len(take_all(bucket)) == 2


def test_a_clock_that_is_a_little_behind_takes_no_slot_away() -> None:
    lowering = Lowering(8)
    lowering.refuse(100.0, 101.0)
    lowering.refuse(102.0, 103.0)
    lowering.restore(101.5)
    assert lowering.usable == 4
    lowering.restore(162.0)
    assert lowering.usable == 5


def test_a_lower_rate_that_passes_by_gives_no_slot_back() -> None:
    lowering = Lowering(18)
    for refused_at in (0.0, 2.0, 4.0):
        lowering.refuse(refused_at, refused_at + 1)
    lowering.resize(1)
    assert lowering.usable == 1
    lowering.restore(64.0)
    lowering.resize(18)
    assert lowering.usable == 5


def test_one_warning_each_time_lowering_begins(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    bucket = TokenBucket(18, burst=18, clock=clock)
    with caplog.at_level(logging.WARNING, logger="kis_sync"):
        refuse(bucket, clock, 5)
        assert len(caplog.records) == 1
        clock.advance(60 * 18)
        end_all(take_all(bucket))
        refuse(bucket, clock, 3)
    assert len(caplog.records) == 2
    assert caplog.records[0].name == "kis_sync"
    assert "9 of 18 slots" in caplog.records[0].getMessage()


def test_a_bucket_of_one_slot_has_none_to_take_away(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = TokenBucket(1, clock=clock)
    refuse(bucket, clock, 5)
    assert bucket.stats.usable == 1
    assert caplog.records == []
