"""Buckets on one file, as processes of one machine have them. This room changes when sharing changes."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import ManualClock
from kis_sync.errors import BrokerClosedError, ConfigurationError
from kis_sync.ratelimit import Slot, TokenBucket
from kis_sync.ratelimit.budget_record import unpacked
from kis_sync.ratelimit.slots import SlotTable
from tests.ratelimit.clocks import end_all, take_all
from tests.ratelimit.machines import WINDOW, Machine, count
from tests.ratelimit.test_properties import RATES, Play


class MachinePlay(Play):
    """Play on three buckets of one file; the calls are counted together."""

    def __init__(self, rate: float, burst: int | None, file: Path) -> None:
        super().__init__(rate, burst)
        self.rate, self.burst, self.file = rate, burst, file
        self.buckets = [self.new() for _ in range(3)]

    def new(self) -> TokenBucket:
        return TokenBucket(self.rate, burst=self.burst, clock=self.clock, file=self.file)

    def step_of(self, place: int, kind: str, seconds: float) -> None:
        if kind == "new":  # another process comes; what this one has in flight stays so
            self.buckets[place] = self.new()
        elif kind == "fork":
            if all(slot._bucket is not self.buckets[place] for slot, _, _ in self.open):
                self.buckets[place]._begin_in_child()  # else its calls would be a parent's, who is not here
        else:
            self.bucket = self.buckets[place]
            self.step(kind, seconds)


SECONDS = st.sampled_from([0.0, 0.01, 0.3, 1.0, 1.002, 1.055, 2.5, 61.0])
STEP = st.one_of(
    st.tuples(st.sampled_from(["enter", "enter", "acquire", "refused"]), st.just(0.0)),
    st.tuples(st.sampled_from(["exit", "pause", "advance", "hold"]), SECONDS),
)
PROCESS = st.tuples(st.sampled_from(["new", "fork"]), st.just(0.0))


@given(
    RATES,
    st.sampled_from([None, 1, 2, 18]),
    st.lists(st.tuples(st.integers(0, 2), st.one_of(STEP, STEP, STEP, PROCESS)), max_size=80),
)
@settings(max_examples=100, deadline=None)
def test_no_window_holds_more_calls_than_slots_whichever_process_they_come_from(
    rate: float, burst: int | None, steps: list[tuple[int, tuple[str, float]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play = MachinePlay(rate, burst, Path(folder) / "limit")
        for place, (kind, seconds) in steps:
            play.step_of(place, kind, seconds)
        assert play.most_in_a_window() <= play.slots
        seen = {bucket.stats._replace(waiting=0) for bucket in play.buckets if take_none(bucket)}
        assert len(seen) == 1
        assert seen.pop().in_flight == len(play.open)
        for slot, _, _ in play.open:
            slot.__exit__(None, None, None)
        play.clock.advance(3600)  # all minutes are clean, every pause and place in line is over
        assert count_spaced(play) == max(1, floor(rate))


def take_none(bucket: TokenBucket) -> bool:
    """Let the bucket have the file open without taking anything."""
    bucket._budget.run(lambda table: None)
    return True


def count_spaced(play: MachinePlay) -> int:
    taken: list[Slot] = []
    for turn in range(3 * play.slots):
        taken += take_all(play.buckets[turn % 3])
        play.clock.advance(play.window / play.slots)
    return len(taken)


@given(RATES, st.lists(st.tuples(st.integers(0, 2), STEP), max_size=80))
@settings(max_examples=60, deadline=None)
def test_processes_that_never_wait_have_exactly_what_one_would_have(
    rate: float, steps: list[tuple[int, tuple[str, float]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shared, own = MachinePlay(rate, 18, Path(folder) / "limit"), Play(rate, 18)
        for place, (kind, seconds) in steps:
            if kind in ("enter", "acquire") and own.bucket._budget.look(is_full_at(own.clock)):
                continue  # a vain try takes a place in line
            own.step(kind, seconds)
            shared.step_of(place, kind, seconds)
            assert len(own.sent) == len(shared.sent), kind
            assert take_none(shared.buckets[place])
            assert shared.buckets[place].stats == own.bucket.stats


def is_full_at(clock: ManualClock) -> Callable[[SlotTable], bool]:
    return lambda table: table.ready_at(clock.monotonic()) > clock.monotonic()


class TestSharing:
    def test_the_slots_of_one_are_those_of_the_other(self, machine: Machine) -> None:
        first, second = machine.bucket(5), machine.bucket(5)
        slots = [first.slot(timeout=0) for _ in range(3)]
        for slot in slots:
            slot.__enter__()
        assert len(take_all(second)) == 2
        assert first.stats == second.stats
        assert first.stats[3:] == (5, 0, 0, 5)
        end_all(slots)
        assert second.stats[3:] == (2, 3, 0, 5)
        machine.clock.advance(WINDOW)
        assert len(take_all(second)) == 3

    def test_grants_are_spaced_together(self, machine: Machine) -> None:
        first, second = machine.bucket(5, None), machine.bucket(5, None)
        assert first.acquire(timeout=0)
        machine.clock.advance(0.17)
        assert not second.acquire(timeout=0)
        machine.clock.advance(0.02)
        assert first.acquire(timeout=0) or second.acquire(timeout=0)
        assert not first.acquire(timeout=0)
        assert not second.acquire(timeout=0)

    def test_a_pause_and_a_refusal_are_for_all(self, machine: Machine) -> None:
        first, second = machine.bucket(4), machine.bucket(4)
        first.pause(3)
        assert count(second) == 0
        machine.clock.advance(3)
        first.refused()
        machine.clock.advance(0.99)
        assert count(second) == 0
        machine.clock.advance(1)
        second.refused()  # the second within a minute, whoever met the first
        assert (first.stats.usable, second.stats.usable) == (2, 2)
        machine.clock.advance(1.01)
        assert count(first) == 2
        machine.clock.advance(120)
        assert second.stats.usable == 4

    def test_the_lower_rate_of_another_holds_until_a_minute_after_its_last_call(
        self, machine: Machine, warnings: Callable[[], list[str]]
    ) -> None:
        fast, slow = machine.bucket(18), machine.bucket(3)
        assert fast.acquire(timeout=0)
        assert slow.acquire(timeout=0)
        assert fast.acquire(timeout=0)
        assert (fast.stats.rate, fast.stats.slots, fast.rate) == (3, 3, 18)
        machine.clock.advance(58)
        assert count(fast) == 3
        machine.clock.advance(2.1)
        assert count(fast) == 18
        assert fast.stats.rate == 18
        machine.clock.advance(5)
        assert slow.acquire(timeout=0)
        assert slow.stats.rate == fast.stats.rate == 3
        fast.acquire(timeout=0)
        assert [told[:51] for told in warnings()] == [
            "another process asked for at most 3 calls a second "
        ] * 2

    def test_a_rate_lowered_here_holds_there(self, machine: Machine) -> None:
        first, second = machine.used(18), machine.used(18)
        first.lower(2)
        assert first.acquire(timeout=0)
        assert second.stats.slots == 2
        assert (first.rate, second.rate) == (2, 18)

    def test_many_rates_share_the_lowest(self, machine: Machine) -> None:
        buckets = [machine.bucket(rate) for rate in range(1, 20)]
        for bucket in reversed(buckets):
            bucket.acquire(timeout=0)
        assert {bucket.stats.rate for bucket in buckets} == {1}
        assert len(unpacked(machine.file.read_bytes()).rates) == 8

    def test_a_rate_of_hundreds_has_64_slots_and_no_burst(self, machine: Machine) -> None:
        bucket = machine.bucket(500, None)
        taken = []
        for _ in range(100):
            taken += take_all(bucket)
            machine.clock.advance(0.002)
        assert len(taken) == bucket.stats.slots == 64
        assert count(machine.bucket(500, None)) == 0
        with pytest.raises(ConfigurationError, match="leave out the burst"):
            machine.bucket(500, 500)
        machine.bucket(64, 64)

    def test_a_lowering_outlives_a_process_of_a_lower_rate(self, machine: Machine) -> None:
        bucket = machine.used(18)
        for _ in range(3):
            bucket.refused()
            machine.clock.advance(1.01)
        assert bucket.stats.usable == 4
        assert machine.bucket(1).acquire(timeout=0)
        assert bucket.stats.usable == 1
        machine.clock.advance(61.1)
        bucket.acquire(timeout=0)
        assert (bucket.stats.rate, bucket.stats.slots, bucket.stats.usable) == (18, 18, 5)

    def test_looking_binds_nobody_to_ones_rate(self, machine: Machine) -> None:
        fast, slow = machine.bucket(18), machine.bucket(3)
        assert slow.acquire(timeout=0)
        for _ in range(61):
            machine.clock.advance(1)
            assert slow.stats.rate == 3
            assert "3 a second" in repr(slow)
        assert fast.acquire(timeout=0)
        assert fast.stats.rate == 18

    @pytest.mark.parametrize("how", ["time-out", "closed", "interrupted"])
    def test_nobody_waits_for_one_that_gave_up(
        self, machine: Machine, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = machine.bucket(1, 1), machine.bucket(1, 1)
        first.acquire()
        owner = threading.Event()
        machine.clock.advance(0.5)
        with monkeypatch.context() as patch:
            if how != "time-out":

                def wait(*_: object) -> None:
                    if how == "interrupted":
                        raise KeyboardInterrupt
                    owner.set()

                patch.setattr(machine.clock, "wait", wait)
            with contextlib.suppress(BrokerClosedError, KeyboardInterrupt):
                assert not first.acquire(timeout=0.1, owner=owner)
        came = machine.clock.monotonic()
        assert second.acquire()
        assert machine.clock.monotonic() == pytest.approx(1.055)
        assert came < 0.7

    def test_the_places_of_others_in_ones_own_queue_stay(self, file: Path) -> None:
        clock = ManualClock()
        first, second = (TokenBucket(1, clock=clock, file=file) for _ in range(2))
        first.acquire()
        stays = threading.Thread(target=first.acquire, daemon=True)
        stays.start()
        clock.await_waiters(1)
        assert not first.acquire(timeout=0)
        assert unpacked(file.read_bytes()).places
        assert not second.acquire(timeout=0)
        assert len(unpacked(file.read_bytes()).places) == 1
        for _ in range(20):
            clock.advance(0.1)
        stays.join(10)
        assert not stays.is_alive()

    def test_a_waiter_gets_the_slot_of_a_call_that_ends_in_another(self, file: Path) -> None:
        clock = ManualClock()
        first, second = (TokenBucket(1, clock=clock, file=file) for _ in range(2))
        slot = first.slot(timeout=0)
        slot.__enter__()
        served: list[bool] = []
        waiter = threading.Thread(target=lambda: served.append(second.acquire(timeout=30)), daemon=True)
        waiter.start()
        clock.await_waiters(1)
        slot.__exit__(None, None, None)  # nobody can wake the waiter: it looks again by itself
        for _ in range(40):
            clock.advance(0.1)
            if not waiter.is_alive():
                break
            waiter.join(0.05)
        waiter.join(10)
        assert served == [True]
        assert clock.monotonic() < 3

    def test_a_call_that_never_ends_frees_its_slot_with_its_lease(self, machine: Machine) -> None:
        first, second = machine.bucket(1), machine.bucket(1)
        first.slot(timeout=0, lease=7).__enter__()
        del first
        machine.clock.advance(6.9)
        assert not second.acquire(timeout=0)
        machine.clock.advance(0.2)
        assert second.acquire(timeout=0)

    def test_a_call_that_ends_after_its_lease_counts_once_more(self, machine: Machine) -> None:
        first, second = machine.bucket(1), machine.bucket(1)
        late = first.slot(timeout=0, lease=7)
        late.__enter__()
        machine.clock.advance(8)
        late.__exit__(None, None, None)
        assert not second.acquire(timeout=0)
        machine.clock.advance(WINDOW)
        assert second.acquire(timeout=0)

    def test_an_unused_slot_is_there_for_others_at_once(self, machine: Machine) -> None:
        first, second = machine.bucket(1, 1), machine.bucket(1, 1)
        slot = first.slot(timeout=0)
        slot.__enter__()
        slot.unused()
        machine.clock.advance(0.91)  # the spacing stays
        assert second.acquire(timeout=0)

    def test_stats_of_one_that_never_called_touch_no_file(self, machine: Machine) -> None:
        machine.used(2)
        bucket = machine.bucket(2)
        before = machine.file.read_bytes()
        assert bucket.stats[3:] == (0, 0, 0, 0)
        assert repr(bucket).startswith("<TokenBucket 2 a second: 2 of 2")
        assert machine.file.read_bytes() == before

    def test_a_rate_that_cannot_work_is_refused(self, machine: Machine) -> None:
        bucket = machine.bucket(2)
        for rate in (0, -1):
            with pytest.raises(ConfigurationError):
                bucket.lower(rate)
        assert count(bucket) == 2
