from __future__ import annotations

import threading

import pytest

from kis_sync.clock import KST, ManualClock
from kis_sync.sim.door.network import Network


class SleepDiary:
    """A clock that only notes how long it was asked to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    monotonic = staticmethod(lambda: 0.0)

    def now(self):  # type: ignore[no-untyped-def]
        return ManualClock().now().astimezone(KST)

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        raise AssertionError("nobody waits here")

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def legs(count: int, **law: object) -> list[float]:
    diary = SleepDiary()
    network = Network(diary, **law)  # type: ignore[arg-type]
    for _ in range(count):
        network.cross()
    return diary.slept


def test_no_delay_sleeps_never() -> None:
    assert legs(5) == []


def test_legs_lie_between_latency_and_latency_plus_jitter() -> None:
    slept = legs(2000, latency=0.01, jitter=0.02)
    assert len(slept) == 2000
    assert all(0.01 <= each <= 0.03 for each in slept)
    assert 0.019 < sum(slept) / 2000 < 0.021


def test_the_tail_makes_a_share_of_the_legs_longer() -> None:
    slept = legs(5000, latency=0.01, tail=(0.1, 0.1))
    long = [each - 0.01 for each in slept if each > 0.01]
    assert 400 < len(long) < 600
    assert 0.08 < sum(long) / len(long) < 0.12


def test_the_same_seed_draws_the_same_legs() -> None:
    law = {"latency": 0.01, "jitter": 0.02, "tail": (0.1, 0.1)}
    assert legs(50, seed=3, **law) == legs(50, seed=3, **law) != legs(50, seed=4, **law)


@pytest.mark.parametrize("law", [{"latency": -1}, {"jitter": -1}, {"tail": (2, 1)}, {"tail": (0.1, -1)}])
def test_impossible_laws_are_refused(law: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="0 seconds"):
        Network(SleepDiary(), **law)  # type: ignore[arg-type]
