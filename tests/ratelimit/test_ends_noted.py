"""Ends of calls, noted in the file without its lock. This room changes when they are noted otherwise."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kis_sync.clock import ManualClock
from kis_sync.errors import RateLimitError
from kis_sync.file_lock import try_lock
from kis_sync.ratelimit import Slot, TokenBucket, budget_record, machine_budget, shared_page
from kis_sync.ratelimit.machine_budget import MachineBudget
from kis_sync.ratelimit.slots import SlotTable
from tests.platforms import module_on
from tests.ratelimit.clocks import JumpClock, end_all, take_all
from tests.ratelimit.interrupts import Interrupted, interrupted_before_it_is_written
from tests.ratelimit.machines import GAP, WINDOW, Holder, Machine, count, notes_ends


def entered(bucket: TokenBucket) -> Slot:
    slot = bucket.slot(timeout=0)
    slot.__enter__()
    return slot


def end(slot: Slot) -> None:
    slot.__exit__(None, None, None)


def let_no_end_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shared_page._read_at

    def failing(handle: int, size: int, place: int) -> bytes:
        if place < budget_record.ENDS_AT:
            return real(handle, size, place)
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(shared_page, "_read_at", failing)


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


@notes_ends
@pytest.mark.parametrize(("owner", "name"), POINTS)
@pytest.mark.parametrize("is_bare", [False, True])
def test_a_call_that_ends_meanwhile_waits_for_nobody_and_is_written_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, is_bare: bool
) -> None:
    bucket, other = machine.used(6), machine.used(6)
    ending = entered(bucket)
    entered(bucket)
    with monkeypatch.context() as patch:
        during = During(patch, owner, name, lambda: end(ending))
        if is_bare:
            assert bucket.acquire(timeout=0)
        else:
            entered(bucket)
    assert during.was_done
    assert not during.waited
    assert other.stats[3:5] == ((1, 2) if is_bare else (2, 1))


@notes_ends
def test_one_that_ends_while_a_time_out_is_told_is_written_down(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, other = machine.used(1), machine.used(1)
    ending = entered(bucket)
    with monkeypatch.context() as patch:
        during = During(patch, TokenBucket, "_told_too_late", lambda: end(ending))
        with pytest.raises(RateLimitError):
            entered(bucket)
    assert not during.waited
    assert other.stats[3:5] == (0, 1)


def test_one_that_ends_while_others_wait_is_left_to_nobody(file: Path) -> None:
    clock = ManualClock()
    bucket, other = (TokenBucket(1, clock=clock, file=file) for _ in range(2))
    slot = entered(bucket)
    waits = threading.Thread(target=lambda: bucket.acquire(timeout=30), daemon=True)
    waits.start()
    clock.await_waiters(1)
    end(slot)
    assert not other.acquire(timeout=0)  # so that it looks at the file
    assert other.stats[3:5] == (0, 1)
    clock.advance(1.01)  # nobody need tell it
    waits.join(10)
    assert not waits.is_alive()


def test_what_is_noted_counts_from_when_the_call_ended_whoever_reads_it_when(machine: Machine) -> None:
    bucket, other = machine.used(1), machine.used(1)
    slot = entered(bucket)
    machine.clock.advance(0.25)
    end(slot)
    machine.clock.advance(0.5)
    assert not other.acquire(timeout=0)
    machine.clock.advance(0.501)
    assert not bucket.acquire(timeout=0)
    machine.clock.advance(0.002)
    assert other.acquire(timeout=0)


def test_one_that_is_held_cools_longer_for_all(machine: Machine) -> None:
    bucket, other = machine.used(1), machine.used(1)
    slot = entered(bucket)
    slot.hold(5)
    end(slot)
    machine.clock.advance(6.001)
    assert not other.acquire(timeout=0)
    machine.clock.advance(0.002)
    assert other.acquire(timeout=0)


@pytest.mark.parametrize("late", [0.0, 0.5, 30.0])
def test_one_whose_slot_would_cool_after_its_lease_is_told_to_all(machine: Machine, late: float) -> None:
    """Its slot may be another's by then, and so may the place of its end."""
    bucket, other = machine.used(1), machine.used(1)
    slot = bucket.slot(timeout=0, lease=3.0)
    slot.__enter__()
    machine.clock.advance(2.0 + late)
    assert other.stats.in_flight == (0 if late > 1 else 1)
    end(slot)
    assert other.stats[3:5] == (0, 1)
    machine.clock.advance(1.0)
    assert not other.acquire(timeout=0)
    machine.clock.advance(0.003)
    assert other.acquire(timeout=0)


@notes_ends
@pytest.mark.parametrize(
    ("lease", "held", "is_noted"),
    [(1.003, 0, True), (1.001, 0, False), (0.5, 0, False), (31.003, 30, True), (31.001, 30, False)],
)
def test_an_end_is_noted_only_when_its_slot_cools_within_the_lease(
    machine: Machine, lease: float, held: float, is_noted: bool
) -> None:
    """Else whoever misses the note takes the slot to be free too early."""
    bucket, now = machine.used(1), machine.clock.monotonic()
    bucket.pause(0)  # which looks at the file
    assert bucket._budget.note_end(1, now, held, now + lease) is is_noted


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_one_that_is_too_late_while_the_file_is_locked_is_written_down_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, is_waited_for: bool
) -> None:
    monkeypatch.setattr(shared_page, "_WAITS", (0.0001,) * 3)
    clock = ManualClock()
    bucket, other = (TokenBucket(3, burst=3, clock=clock, file=file) for _ in range(2))
    other.pause(5)
    clock.advance(5.0)
    slot = bucket.slot(timeout=0, lease=0.5)
    slot.__enter__()
    bucket.pause(5)
    waits = threading.Thread(target=bucket.acquire, daemon=True)
    if is_waited_for:
        waits.start()
        clock.await_waiters(1)
    holder = Holder(file)
    end(slot)
    holder.let_go()
    clock.advance(0.051)
    bucket.pause(0)
    bucket.pause(0)
    assert other.stats[3:5] == (0, 1)
    clock.advance(5.001)
    if is_waited_for:
        waits.join(10)
        assert not waits.is_alive()


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[20] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize("lose", [damage, lambda file: os.truncate(file, 0), Path.unlink])
@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize("lasts", [0.1, 1.4])
def test_one_that_the_file_has_forgotten_counts_when_it_ends(
    machine: Machine, lose: Callable[[Path], None], is_own: bool, lasts: float
) -> None:
    bucket, newcomer = machine.used(1), machine.bucket(1)
    slot = entered(bucket)
    lose(machine.file)
    newcomer.acquire(timeout=0)  # makes another record
    machine.clock.advance(lasts)
    end(slot)
    if is_own or lasts < 0.25:  # so soon it is told with the next action
        assert not bucket.acquire(timeout=0)
    machine.clock.advance(0.3)
    assert not newcomer.acquire(timeout=0)
    assert newcomer.stats.in_flight == 0
    machine.clock.advance(GAP)
    assert newcomer.acquire(timeout=0)


@notes_ends
def test_in_a_file_that_was_emptied_it_is_no_damage(
    machine: Machine, warnings: Callable[[], list[str]]
) -> None:
    bucket, newcomer = machine.used(1), machine.bucket(1)
    slot = entered(bucket)
    os.truncate(machine.file, 0)
    end(slot)
    assert newcomer.stats.in_flight == 0
    assert newcomer.acquire(timeout=0)
    assert warnings() == []


def test_one_that_is_told_twice_counts_once(machine: Machine) -> None:
    bucket, other = machine.used(3), machine.used(3)
    slot = entered(bucket)
    end(slot)
    assert other.stats[3:5] == (0, 1)
    other.pause(0)
    bucket.pause(0)  # with what was noted here
    assert other.stats[3:5] == (0, 1)


@notes_ends
def test_what_is_still_to_be_told_is_told_with_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_page, "_WAITS", (0.0001,) * 3)
    bucket, other = machine.used(3), machine.used(3)
    slots = [entered(bucket) for _ in range(3)]
    holder = Holder(machine.file)
    bucket.pause(5)
    slots[0].unused()
    end(slots[1])
    holder.let_go()
    machine.clock.advance(0.06)
    end(slots[2])
    assert other.stats[3:5] == (0, 2)
    machine.clock.advance(4.9)
    assert not other.acquire(timeout=0)
    machine.clock.advance(0.041)
    assert other.acquire(timeout=0)
    slot = entered(bucket)
    monkeypatch.setattr(shared_page, "try_lock", None)
    end(slot)  # nothing is to be told any more: it is noted without the lock


def test_while_the_file_stays_locked_it_is_not_tried_by_each_that_ends(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_page, "_WAITS", (0.0001,) * 3)
    monkeypatch.setattr(shared_page, "_WRITES_ASIDE", False)
    tries: list[int] = []

    def count_tries(handle: int) -> bool:
        tries.append(handle)
        return try_lock(handle)

    bucket, other = machine.used(18), machine.used(18)
    slots = take_all(bucket)
    holder = Holder(machine.file)
    monkeypatch.setattr(shared_page, "try_lock", count_tries)
    end_all(slots[:-1])
    assert len(tries) == 4
    holder.let_go()
    machine.clock.advance(0.051)
    end_all(slots[-1:])
    assert other.stats[3:5] == (0, 18)


def test_a_slot_whose_end_was_noted_is_taken_no_more(machine: Machine) -> None:
    bucket = machine.used(3)
    slot = entered(bucket)
    end(slot)
    with pytest.raises(RuntimeError, match="only a slot that is taken"):
        slot.hold(1)
    with slot:
        assert bucket.stats[3:5] == (1, 1)


def test_whoever_comes_between_drops_no_end_that_is_noted_then(machine: Machine) -> None:
    bucket, other = machine.used(3), machine.used(3)
    first, second = entered(bucket), entered(bucket)
    end(first)

    def come_between(table: SlotTable) -> None:
        assert bucket.acquire(timeout=0)  # this writes down that the first ended
        end(second)

    bucket._budget.run(come_between)
    machine.file.unlink()
    machine.clock.advance(0.3)
    assert bucket.stats[3:5] == other.stats[3:5] == (0, 3)


def test_a_slot_may_be_taken_and_ended_as_often_as_there_are_places_and_more(machine: Machine) -> None:
    bucket, other = machine.used(18), machine.used(18)
    for turn in range(3 * budget_record.END_PLACES):
        with (bucket if turn % 3 else other).slot():
            pass
        assert (other if turn % 3 else bucket).stats.in_flight == 0
    assert bucket.stats == other.stats


@pytest.mark.parametrize("order", [1, -1])
def test_calls_may_end_in_any_order(machine: Machine, order: int) -> None:
    bucket, other = machine.used(18), machine.used(18)
    slots = take_all(bucket)
    end_all(slots[::order])
    assert other.stats[3:5] == (0, 18)


@pytest.mark.parametrize("calls", [1, 63])
def test_no_two_calls_in_flight_have_one_place(machine: Machine, calls: int) -> None:
    bucket, other = machine.used(64, burst=64), machine.used(64, burst=64)
    slots = [entered(other), *(entered(bucket) for _ in range(calls - 1))]
    places = {budget_record.end_place(slot._call) for slot in slots}
    assert len(places) == calls
    for _ in range(300):  # however the numbers fall
        (call,) = bucket._budget.run(lambda table: {bucket._budget.new_call(table)})
        assert budget_record.end_place(call) not in places


def test_the_last_place_is_found_and_without_one_a_call_has_another_s(machine: Machine) -> None:
    budget, table = machine.bucket()._budget, SlotTable(1000, None)
    assert isinstance(budget, MachineBudget)
    budget._calls = itertools.count(1)
    for call in range(1, budget_record.END_PLACES):
        table.take(call, 0.0, 60.0)
    assert budget.new_call(table) == budget_record.END_PLACES
    table.take(budget_record.END_PLACES, 0.0, 60.0)
    assert budget.new_call(table) not in table.calls


@notes_ends
def test_a_note_under_another_number_ends_nothing(machine: Machine) -> None:
    bucket, other = machine.used(3), machine.used(3)
    slot = entered(bucket)
    page = shared_page.SharedPage(machine.file)
    page.lock(by_name=True)
    page.unlock()
    now = machine.clock.monotonic()
    for note in (
        budget_record.packed_end(slot._call + budget_record.END_PLACES, now, 0.0),
        budget_record.packed_end(slot._call, now, 0.0)[:-1] + b"x",
        budget_record.packed_end(slot._call, now, 0.0)[:12],
    ):
        assert page.write_aside(note, budget_record.end_place(slot._call))
        assert other.stats.in_flight == 1
    assert page.write_aside(
        budget_record.packed_end(slot._call, now, 0.0), budget_record.end_place(slot._call)
    )
    page.give_up()
    assert other.stats[3:5] == (0, 1)


@pytest.mark.parametrize("error", [None, OSError(errno.EIO, "broken")])
def test_one_that_cannot_be_written_so_is_written_with_the_lock(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    bucket, other = machine.used(3), machine.used(3)
    slot = entered(bucket)
    real = shared_page._write_at

    def failing(handle: int, content: bytes, place: int) -> int:
        if place < budget_record.ENDS_AT:
            return real(handle, content, place)
        if error is not None:
            raise error
        return real(handle, content[:8], place)

    monkeypatch.setattr(shared_page, "_write_at", failing)
    end(slot)
    monkeypatch.undo()
    assert other.stats[3:5] == (0, 1)


def test_ends_that_cannot_be_read_cost_the_sharing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    bucket = machine.used(3)
    slot = entered(bucket)
    let_no_end_be_read(monkeypatch)
    with bucket.slot(timeout=0):
        assert bucket.stats.in_flight == 2
    assert len(warnings()) == 1
    assert "broken" in warnings()[0]
    monkeypatch.undo()
    Holder(machine.file).let_go()
    end(slot)
    assert bucket.stats[3:5] == (0, 2)


def test_on_windows_ends_are_written_with_the_lock(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    there = module_on("win32", shared_page)
    for name in ("_WRITES_ASIDE", "_read_at", "_write_at"):
        monkeypatch.setattr(shared_page, name, getattr(there, name))
    bucket, other = machine.used(3), machine.used(3)
    assert not bucket._budget.note_end(1, 0.0, 0.0, 1e9)
    slots = take_all(bucket)
    end_all(slots[1:])
    assert bucket.stats == other.stats
    assert other.stats[3:5] == (1, 2)
    machine.clock.advance(WINDOW)
    assert count(other) == 2


def test_a_process_whose_ends_cannot_be_read_heeds_no_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, other = machine.used(2), machine.used(2)
    entered(bucket)
    with bucket.slot(timeout=0):
        pass
    since = machine.clock.monotonic()
    assert other._budget.run(other._grant, None, since) > since  # it is in the line now
    machine.clock.advance(1.003)
    now = machine.clock.monotonic()
    assert bucket._budget.run(bucket._grant, None, now) > now  # the other is due
    let_no_end_be_read(monkeypatch)
    assert bucket._budget.run(bucket._grant, None, now) <= now  # at once


@pytest.mark.parametrize("size", [budget_record.ENDS_AT, shared_page.SIZE - 1])
def test_ends_that_were_cut_off_are_none(machine: Machine, size: int) -> None:
    bucket, other = machine.used(3), machine.used(3)
    slot = entered(bucket)
    assert other.stats.in_flight == 1  # it has just looked for the file
    os.truncate(machine.file, size)
    with interrupted_before_it_is_written(), pytest.raises(Interrupted):
        other.pause(0)
    assert machine.file.stat().st_size == shared_page.SIZE  # filled, and nothing else of it is lost
    newcomer = machine.used(3)
    assert newcomer.stats.in_flight == other.stats.in_flight == 1
    end(slot)
    assert newcomer.stats.in_flight == other.stats.in_flight == 0


def test_a_file_that_is_left_while_an_end_is_written_is_unlocked_at_once(machine: Machine) -> None:
    bucket = machine.used(3)
    assert isinstance(bucket._budget, MachineBudget)
    page = bucket._budget._page
    file = page._file  # as whoever writes an end has it
    away = machine.file.rename(machine.file.with_name("away"))
    machine.clock.advance(0.3)
    bucket.acquire(timeout=0)
    assert page._file is not file
    Holder(away).let_go()


@notes_ends
def test_a_file_that_is_left_while_an_end_is_written_is_closed_after_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed before, its handle might be another file's by the time it is written to."""
    bucket, other = machine.used(3), machine.used(3)
    slot = entered(bucket)
    real = shared_page._write_at
    opened: list[int] = []

    def leaving(handle: int, content: bytes, place: int) -> int:
        monkeypatch.undo()
        identity = os.fstat(handle)
        machine.file.unlink()
        machine.clock.advance(0.3)
        assert bucket.acquire(timeout=0) is False  # which leaves the file for a new one
        opened.append(os.open(os.devnull, os.O_RDONLY))
        assert os.path.samestat(os.fstat(handle), identity)
        return real(handle, content, place)

    monkeypatch.setattr(shared_page, "_write_at", leaving)
    end(slot)
    (after,) = opened
    os.close(after)
    assert bucket.stats[3:5] == (0, 1)
    assert other.stats[3:5] == (0, 1)


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


def test_an_unshared_bucket_notes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = TokenBucket(3, burst=3, clock=JumpClock())
    monkeypatch.setattr(bucket._budget, "note_end", None)
    end_all(take_all(bucket))
    assert bucket.stats[3:5] == (0, 3)
