from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.clock import KST, ManualClock
from kis_sync.sim.door.gate import Gate

TICKS = 64  # binary fractions of a second, so that sums of steps are exact
steps = st.lists(st.integers(0, TICKS), min_size=1, max_size=120)
limits = st.integers(1, 6)


def walked(gate: Gate, clock: ManualClock, taken: list[int]) -> list[tuple[float, bool]]:
    calls = []
    for step in taken:
        clock.advance(step / TICKS)
        calls.append((clock.monotonic(), gate.admit("key")))
    return calls


def most_in_a_second(stamps: list[float]) -> int:
    return max((sum(end - 1 < stamp <= end for stamp in stamps) for end in stamps), default=0)


@given(steps, limits)
def test_sliding_admits_exactly_while_the_last_second_has_room(taken: list[int], limit: int) -> None:
    clock = ManualClock()
    gate = Gate(limit, clock=clock)
    admitted: list[float] = []
    for at, passed in walked(gate, clock, taken):
        assert passed == (sum(stamp > at - 1 for stamp in admitted) < limit)
        if passed:
            admitted.append(at)
    assert gate.most_admitted_in_any_second == most_in_a_second(admitted) <= limit


@given(steps, limits)
def test_most_calls_counts_every_arrival_of_one_key(taken: list[int], limit: int) -> None:
    clock = ManualClock()
    gate = Gate(limit, clock=clock)
    calls = walked(gate, clock, taken)
    gate.admit("another key")
    assert gate.most_calls_in_any_second == most_in_a_second([at for at, _ in calls])


@given(steps, limits, st.integers(0, TICKS - 1))
def test_fixed_starts_from_nothing_each_second_of_the_clock(taken: list[int], limit: int, phase: int) -> None:
    start = datetime(2026, 11, 24, 10, 30, tzinfo=KST) + timedelta(seconds=phase / TICKS)
    clock = ManualClock(start)
    gate = Gate(limit, "fixed", clock)
    admitted: dict[int, int] = {}
    for at, passed in walked(gate, clock, taken):
        second = int(phase / TICKS + at)
        assert passed == (admitted.get(second, 0) < limit)
        admitted[second] = admitted.get(second, 0) + passed


def test_a_fixed_window_lets_twice_the_limit_pass_at_its_edge() -> None:
    clock = ManualClock(datetime(2026, 11, 24, 10, 30, 0, 900_000, tzinfo=KST))
    gate = Gate(3, "fixed", clock)
    assert [gate.admit("key") for _ in range(4)] == [True, True, True, False]
    clock.advance(0.125)
    assert [gate.admit("key") for _ in range(4)] == [True, True, True, False]
    assert gate.most_admitted_in_any_second == 6


def test_a_strict_gate_stays_shut_while_calls_keep_coming() -> None:
    clock = ManualClock()
    strict, mild = Gate(1, clock=clock, refused_calls_count=True), Gate(1, clock=clock)
    assert strict.admit("key")
    assert mild.admit("key")
    for _ in range(4):
        clock.advance(0.75)
        strict_passed, mild_passed = strict.admit("key"), mild.admit("key")
        assert not strict_passed
    assert mild_passed


def test_keys_do_not_share_a_limit() -> None:
    gate = Gate(1, clock=ManualClock())
    assert gate.admit("one")
    assert gate.admit("other")
    assert not gate.admit("one")


def test_reset_forgets() -> None:
    gate = Gate(1, clock=ManualClock())
    gate.admit("key")
    gate.reset()
    assert gate.most_calls_in_any_second == 0
    assert gate.admit("key")


def test_threads_never_pass_more_than_the_limit() -> None:
    gate = Gate(10, clock=ManualClock())
    passed: list[bool] = []
    start = threading.Barrier(8)

    def knock() -> None:
        start.wait()
        for _ in range(50):
            passed.append(gate.admit("key"))

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 400
    assert sum(passed) == 10


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_must_be_positive(limit: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Gate(limit)


def test_a_window_must_be_known() -> None:
    with pytest.raises(ValueError, match="sliding"):
        Gate(1, "rolling")  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Gate(limit)
