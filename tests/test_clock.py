from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from kis_sync.clock import (
    KST,
    ManualClock,
    ShiftedClock,
    SkippingClock,
    SystemClock,
    default_clock,
    set_default_clock,
)
from kis_sync.testing import no_waits


def test_system_clock_tells_korean_time() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(hours=9)
    ahead = ShiftedClock(SystemClock(), timedelta(days=1)).now()
    assert timedelta(hours=23) < ahead - now < timedelta(hours=25)


def test_a_shifted_clock_waits_as_its_base() -> None:
    base = ManualClock()
    clock = ShiftedClock(base, timedelta(hours=-1))
    thread = threading.Thread(target=clock.sleep, args=(5,))
    thread.start()
    base.await_waiters(1)
    base.advance(5)
    thread.join(10)
    assert not thread.is_alive()
    assert clock.monotonic() == 5
    assert base.now() - clock.now() == timedelta(hours=1)


def test_advancing_wakes_only_waits_that_are_due() -> None:
    clock = ManualClock()
    woken: list[str] = []

    def wait(name: str, seconds: float) -> None:
        clock.sleep(seconds)
        woken.append(name)

    threads = [threading.Thread(target=wait, args=each) for each in (("soon", 1.0), ("late", 5.0))]
    for thread in threads:
        thread.start()
    clock.await_waiters(2)
    clock.advance(1.0)
    threads[0].join(10)
    assert woken == ["soon"]
    clock.advance(4.0)
    threads[1].join(10)
    assert woken == ["soon", "late"]


def test_a_manual_clock_starts_where_it_is_told() -> None:
    start = datetime(2026, 1, 2, 9, 0, tzinfo=KST)
    clock = ManualClock(start)
    clock.advance(90)
    assert clock.now() == start + timedelta(seconds=90)


def test_a_notified_wait_ends_without_time_passing() -> None:
    clock = ManualClock()
    condition = threading.Condition()
    done = threading.Event()

    def wait() -> None:
        with condition:
            clock.wait(condition, 100)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    clock.await_waiters(1)
    with condition:
        condition.notify()
    assert done.wait(10)
    thread.join(10)
    assert clock.monotonic() == 0


def test_awaiting_waiters_gives_up() -> None:
    with pytest.raises(TimeoutError, match="0 of 1"):
        ManualClock().await_waiters(1, timeout=0.01)


def test_a_skipping_clock_moves_on_instead_of_waiting() -> None:
    clock = SkippingClock()
    before, monotonic = clock.now(), clock.monotonic()
    clock.sleep(3600)
    condition = threading.Condition()
    with condition:
        clock.wait(condition, 3600)
    assert clock.monotonic() - monotonic >= 7200
    assert clock.now() - before >= timedelta(hours=2)


def test_no_waits_puts_the_clock_back() -> None:
    before = default_clock()
    with no_waits() as clock:
        assert default_clock() is clock
    assert default_clock() is before


def test_the_default_clock_can_be_set() -> None:
    mine = ManualClock()
    before = set_default_clock(mine)
    try:
        assert default_clock() is mine
    finally:
        assert set_default_clock(before) is mine
