"""A bucket is used while its thread is in the midst of using it. This room changes when that changes."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kis_sync.errors import RateLimitError
from kis_sync.file_lock import try_lock
from kis_sync.ratelimit import Slot, TokenBucket, machine_budget, shared_page
from kis_sync.ratelimit.budget_record import END_PLACES
from kis_sync.ratelimit.machine_budget import MachineBudget
from kis_sync.ratelimit.slots import SlotTable
from tests.platforms import module_on
from tests.ratelimit.clocks import JumpClock, end_all, take_all
from tests.ratelimit.interrupts import Interrupted
from tests.ratelimit.machines import Machine, notes_ends


class TestWithinAnAction:
    """A signal handler or a finaliser uses the bucket while its thread is in the midst of using it."""

    def nest(self, bucket: TokenBucket, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Slot]:
        """Let the next call of that function be interrupted by somebody who takes a slot."""
        taken: list[Slot] = []
        real = getattr(owner, name)

        def interrupted(*args: Any, **named: Any) -> Any:
            told = real(*args, **named)
            if not taken:
                monkeypatch.setattr(owner, name, real)
                taken.append(bucket.slot(timeout=0))
                taken[0].__enter__()
            return told

        monkeypatch.setattr(owner, name, interrupted)
        return taken

    @pytest.mark.parametrize(
        ("owner", "name"),
        [
            (SlotTable, "take"),
            (SlotTable, "ready_at"),
            (SlotTable, "resume"),
            (machine_budget, "unpacked"),
            (machine_budget, "packed"),
            (MachineBudget, "_settle_on_a_rate"),
            (MachineBudget, "_is_shared"),
            (MachineBudget, "_write_down"),
            (shared_page.SharedPage, "lock"),
            (shared_page.SharedPage, "read"),
            (shared_page.SharedPage, "write"),
            (shared_page.SharedPage, "unlock"),
            (shared_page, "try_lock"),
        ],
    )
    def test_nothing_is_counted_wrong(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
    ) -> None:
        first, second = machine.used(6), machine.used(6)
        assert first.acquire(timeout=0)  # so that the second has something to read
        with monkeypatch.context() as patch:
            taken = self.nest(second, patch, owner, name)
            slot = second.slot(timeout=0)
            slot.__enter__()
        assert len(taken) == 1
        assert taken[0].number != slot.number
        assert is_free(machine.file)
        assert len(take_all(first)) == 3
        assert first.stats.in_flight == 5
        assert second.stats.in_flight == 5

    @pytest.mark.parametrize(
        ("owner", "name", "lasts"),
        [
            (machine_budget, "packed_end", 0.0),
            (shared_page, "_write_at", 0.0),
            (machine_budget, "packed", 0.6),  # longer than its lease
            (SlotTable, "end", 0.6),
            (SlotTable, "resume", 0.6),
        ],
    )
    def test_nor_while_one_ends(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, lasts: float
    ) -> None:
        first, second = machine.used(6), machine.used(6)
        slot = second.slot(timeout=0, lease=0.5 if lasts else 60.0)
        slot.__enter__()
        machine.clock.advance(lasts)
        first.acquire(timeout=0)
        with monkeypatch.context() as patch:
            taken = self.nest(second, patch, owner, name)
            slot.__exit__(None, None, None)
        assert len(taken) == 1
        assert (first.stats.in_flight, first.stats.cooling) == (1, 2)
        assert len(take_all(first)) == 3

    @notes_ends
    def test_nor_while_ends_are_heard_of(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = machine.used(6), machine.used(6)
        end_all([first.slot(timeout=0).__enter__(), first.slot(timeout=0).__enter__()])
        with monkeypatch.context() as patch:
            taken = self.nest(second, patch, SlotTable, "end")
            assert second.acquire(timeout=0)
        assert len(taken) == 1
        assert first.stats[3:5] == second.stats[3:5] == (1, 3)

    def test_nor_while_a_call_is_given_its_number(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Places(int):
            def __rmod__(self, number: int) -> int:
                if not comes:
                    comes.append(True)
                    taken.append(bucket.slot(timeout=0).__enter__())
                return number % int(self)

        bucket = machine.used(6)
        comes: list[bool] = []
        taken: list[Slot] = []
        slots = [bucket.slot(timeout=0).__enter__() for _ in range(3)]
        with monkeypatch.context() as patch:
            patch.setattr(machine_budget, "END_PLACES", Places(END_PLACES))
            slots.append(bucket.slot(timeout=0).__enter__())
        assert len({slot._call for slot in [*slots, *taken]}) == 5
        assert bucket.stats.in_flight == 5

    @pytest.mark.parametrize(
        ("owner", "name"),
        [(SlotTable, "ready_at"), (shared_page.SharedPage, "lock"), (machine_budget, "packed")],
    )
    def test_nor_when_what_comes_between_finds_the_disk_full(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
    ) -> None:
        bucket = machine.used(6)
        real = shared_page._write_at
        with monkeypatch.context() as patch:
            patch.setattr(shared_page, "_write_at", lambda *_: 0)
            taken = self.nest(bucket, patch, owner, name)
            with bucket.slot(timeout=0):
                pass
        assert shared_page._write_at is real
        assert len(taken) == 1
        assert bucket.stats[3:5] == (1, 1)
        assert len(take_all(bucket)) == 4


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("is_bare", [False, True])
def test_the_last_slot_is_not_had_by_one_that_came_between_as_well(
    file: Path, monkeypatch: pytest.MonkeyPatch, is_shared: bool, is_bare: bool
) -> None:
    bucket = TokenBucket(2, burst=2, clock=JumpClock(), file=file if is_shared else None)
    assert bucket.acquire(timeout=0)
    with monkeypatch.context() as patch:
        taken = TestWithinAnAction().nest(bucket, patch, SlotTable, "ready_at")
        if is_bare:
            assert not bucket.acquire(timeout=0)
        else:
            with pytest.raises(RateLimitError), bucket.slot(timeout=0):
                pytest.fail("granted")
    assert len(taken) == 1
    assert bucket.stats.in_flight == 1


def test_a_signal_handler_waits_for_no_thread_that_it_keeps_from_waiting() -> None:
    served: list[str] = []

    class Signalled(JumpClock):
        def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
            if not self.was:
                self.was = True
                assert bucket.acquire(timeout=30)
                served.append("handler")
            super().wait(condition, timeout)

        was = False

    bucket = TokenBucket(1, clock=Signalled())
    assert bucket.acquire(timeout=0)
    assert bucket.acquire(timeout=30)
    served.append("thread")
    assert served == ["handler", "thread"]
    assert bucket.stats.waiting == 0


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_signal_handler_may_change_the_queue_while_it_is_looked_through(is_cancelled: bool) -> None:
    class Waits:
        """One in the queue; looked at, it is no more the only one."""

        def __init__(self) -> None:
            self.condition = self
            self.notified = 0

        def notify(self) -> None:
            self.notified += 1
            queue.append(Waits())

        @property
        def thread(self) -> int:
            queue.append(Waits())
            return id(self)

        @property
        def owner(self) -> threading.Event:
            return owner

    owner = threading.Event()
    bucket: Any = TokenBucket(1, clock=JumpClock())
    queue = bucket._queue
    queue.append(first := Waits())
    if is_cancelled:
        bucket.cancel(owner)
        assert first.notified == 1
    else:
        bucket._join_queue(last := Waits())
        assert last in queue
    assert len(queue) > 1


def is_free(file: Path) -> bool:
    """Whether another process could lock the file."""
    handle = os.open(file, os.O_RDWR)
    try:
        return try_lock(handle)
    finally:
        os.close(handle)


def test_a_page_is_left_unlocked(file: Path) -> None:
    page = shared_page.SharedPage(file)
    assert not page.is_open
    assert page.lock(by_name=True) is False
    assert not is_free(file)
    page.write(b"one")
    page.unlock()
    page.unlock()
    assert is_free(file)
    assert page.lock(by_name=True) is True
    assert page.begins_with(b"one")
    assert not page.begins_with(b"two")
    assert page.read() == b"one".ljust(shared_page.SIZE, b"\0")
    page.give_up()
    assert is_free(file)
    assert not page.is_open
    with pytest.raises(OSError, match="given up"):
        page.read()


def test_a_file_of_the_same_number_on_another_disk_is_another(file: Path) -> None:
    page = shared_page.SharedPage(file)
    page.lock(by_name=True)
    page.write(b"one")
    assert page._file is not None
    device, number = page._file.identity
    page._file.identity = (device + 1, number)
    assert page.lock(by_name=True) is False
    page.give_up()


def test_a_page_whose_giving_up_is_interrupted_is_left_unlocked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strike(_: int) -> None:
        monkeypatch.undo()
        raise Interrupted

    page = shared_page.SharedPage(file)
    page.lock(by_name=True)
    in_use = page._file  # as an exception's traceback may keep it
    monkeypatch.setattr(shared_page, "unlock", strike)
    with pytest.raises(Interrupted):
        page.give_up()
    assert in_use is not None
    assert not page.is_open
    assert is_free(file)


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_bytes_are_read_and_written_from_their_place(
    file: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    there = module_on(platform, shared_page)
    monkeypatch.setattr(shared_page, "_read_at", there._read_at)
    monkeypatch.setattr(shared_page, "_write_at", there._write_at)
    page = shared_page.SharedPage(file)
    page.lock(by_name=True)
    for content in (b"first", b"second", b"3rd"):
        page.write(content)
        assert page.begins_with(content)
        assert page.read().startswith(content)
    assert page.read() == b"3rdond".ljust(shared_page.SIZE, b"\0")
    page.give_up()
    os.truncate(file, 4)
    page.lock(by_name=True)
    assert page.read() == b"3rdo".ljust(shared_page.SIZE, b"\0")
    page.give_up()
