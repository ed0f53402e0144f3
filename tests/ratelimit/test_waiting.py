"""The ways in which clocks wait. This room changes when the way of waiting changes."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

import kis_sync.clock as clock_file
from kis_sync.clock import ManualClock, SystemClock


def test_an_advance_between_reading_and_waiting_is_not_slept_through() -> None:
    clock = ManualClock()
    condition = threading.Condition()
    read, advanced = threading.Event(), threading.Event()
    woke_at: list[float] = []

    def sleeper() -> None:
        with condition:
            timeout = 1.0 - clock.monotonic()
            read.set()
            advanced.wait(10)
            clock.wait(condition, timeout)
            woke_at.append(clock.monotonic())

    thread = threading.Thread(target=sleeper, daemon=True)
    thread.start()
    read.wait(10)
    clock.advance(1.0)
    advanced.set()
    thread.join(10)
    assert woke_at == [1.0]


def test_a_wait_counts_from_the_end_of_the_one_before() -> None:
    clock = ManualClock()
    condition = threading.Condition()
    ended: list[int] = []

    def sleeper() -> None:
        clock.monotonic()
        for turn in range(2):
            with condition:
                clock.wait(condition, 1.0)
            ended.append(turn)

    thread = threading.Thread(target=sleeper, daemon=True)
    thread.start()
    for turn in range(2):
        clock.await_waiters(1)
        assert ended == list(range(turn))
        clock.advance(1.0)
        while len(ended) == turn:
            time.sleep(0.0005)
    thread.join(10)


@pytest.mark.parametrize(("platform", "slices"), [("win32", [0.1, 0.1]), ("linux", [None, 5.0])])
def test_the_main_thread_waits_in_slices_on_windows(
    monkeypatch: pytest.MonkeyPatch, platform: str, slices: list[float | None]
) -> None:
    waited: list[float | None] = []
    condition = threading.Condition()
    monkeypatch.setattr(condition, "wait", waited.append)
    monkeypatch.setattr(clock_file, "sys", SimpleNamespace(platform=platform))
    SystemClock().wait(condition)
    SystemClock().wait(condition, 5.0)
    assert waited == slices


def test_other_threads_wait_in_one_piece_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    condition = threading.Condition()
    monkeypatch.setattr(condition, "wait", waited.append)
    monkeypatch.setattr(clock_file, "sys", SimpleNamespace(platform="win32"))
    thread = threading.Thread(target=SystemClock().wait, args=(condition, 5.0))
    thread.start()
    thread.join()
    assert waited == [5.0]


def test_sleepers_wake_at_their_own_times() -> None:
    clock = ManualClock()
    woke: list[float] = []

    def sleeper(seconds: float) -> None:
        clock.sleep(seconds)
        woke.append(seconds)

    threads = [threading.Thread(target=sleeper, args=(seconds,), daemon=True) for seconds in (3.0, 1.0, 2.0)]
    for thread in threads:
        thread.start()
    for turn in (1, 2, 3):
        clock.await_waiters(4 - turn)
        clock.advance(1.0)
        while len(woke) < turn:
            time.sleep(0.0005)
    assert woke == [1.0, 2.0, 3.0]
