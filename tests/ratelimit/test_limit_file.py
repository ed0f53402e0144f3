"""The file of the limit: made, moved, cut, damaged, useless or busy. This room changes when sharing does."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kis_sync.clock import ManualClock
from kis_sync.errors import RateLimitError
from kis_sync.file_lock import try_lock
from kis_sync.ratelimit import Slot, TokenBucket, shared_page
from kis_sync.ratelimit.budget_record import unpacked
from kis_sync.ratelimit.slots import SlotTable
from tests.ratelimit.clocks import end_all, take_all
from tests.ratelimit.interrupts import Interrupted, interrupted_before_it_is_written
from tests.ratelimit.machines import GAP, WINDOW, Holder, Machine, count, notes_ends

UNSEEN = 0.251  # seconds after which it is seen that a file was moved away, at the latest


def take_some(bucket: TokenBucket, many: int) -> list[Slot]:
    slots = [bucket.slot(timeout=0) for _ in range(many)]
    for slot in slots:
        slot.__enter__()
    return slots


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="an open file stays where it is on Windows")


class TestTheFile:
    def test_it_is_made_with_the_first_call_and_for_its_owner_only(self, machine: Machine) -> None:
        bucket = machine.bucket()
        assert bucket.file == machine.file
        assert not machine.file.parent.exists()
        bucket.acquire(timeout=0)
        assert machine.file.stat().st_size == shared_page.SIZE
        if sys.platform != "win32":
            assert stat.S_IMODE(machine.file.stat().st_mode) == 0o600
            assert stat.S_IMODE(machine.file.parent.stat().st_mode) == 0o700

    def test_a_new_one_costs_no_pause(self, machine: Machine) -> None:
        assert count(machine.bucket(3)) == 3

    @posix_only
    @pytest.mark.parametrize("how", ["removed", "renamed", "folder renamed", "replaced"])
    def test_where_it_goes_all_follow_after_a_window(
        self, machine: Machine, how: str, warnings: Callable[[], list[str]]
    ) -> None:
        first, second = machine.used(2), machine.used(2)
        count(first)
        if how == "removed":
            machine.file.unlink()
        elif how == "folder renamed":
            machine.file.parent.rename(machine.file.parent.with_name("trash"))
        else:
            machine.file.rename(machine.file.with_name("trash"))
            if how == "replaced":
                machine.file.write_bytes(bytes(shared_page.SIZE))
        machine.clock.advance(UNSEEN)
        assert count(second) == count(first) == 0
        machine.clock.advance(1.0)
        assert count(first) == count(second) == 0
        machine.clock.advance(GAP - 1.0)
        assert first.acquire(timeout=0)
        assert count(second) == 1
        assert first.stats == second.stats
        assert machine.file.stat().st_size == shared_page.SIZE
        assert warnings() == []

    @posix_only
    @pytest.mark.parametrize("size", [0, 10, 100, 4095, shared_page.SIZE - 1])
    def test_cut_it_is_filled_again_and_costs_a_window(
        self, machine: Machine, size: int, warnings: Callable[[], list[str]]
    ) -> None:
        first, second = machine.used(2), machine.used(2)
        count(first)
        os.truncate(machine.file, size)
        assert count(second) == 0
        machine.clock.advance(GAP)
        assert count(first) == 2
        assert count(second) == 0
        assert machine.file.stat().st_size == shared_page.SIZE
        assert len(warnings()) == (1 if size in (10, 100) else 0)

    @posix_only
    @pytest.mark.parametrize("size", [0, 10])
    def test_cut_before_it_is_looked_for_costs_a_window_too(self, machine: Machine, size: int) -> None:
        first, second = machine.used(4), machine.used(4)
        for bucket in (first, second):
            bucket._budget.run(lambda table: None)
        assert len(take_all(second)) == 4
        os.truncate(machine.file, size)
        assert count(first) == 0
        machine.clock.advance(GAP)
        assert count(first) == 4

    @pytest.mark.parametrize(
        "content", [b"\xff" * 5000, b"{}", b"KISSYNC9", b"KISSYNC1" + b"\xff" * 4088, "한글".encode()]
    )
    def test_garbage_is_replaced_with_a_warning_and_costs_a_window(
        self, machine: Machine, content: bytes, warnings: Callable[[], list[str]]
    ) -> None:
        first, second = machine.used(2), machine.used(2)
        count(first)
        with machine.file.open("r+b") as opened:
            opened.write(content)
        assert count(second) == count(first) == 0
        (told,) = warnings()
        assert "is damaged" in told
        assert str(machine.file) in told
        machine.clock.advance(GAP)
        assert count(second) == 2
        assert unpacked(machine.file.read_bytes()).state.rate == 2

    @pytest.mark.parametrize("content", [b"\xff" * 5000, b"{}", b"K" * 4096])
    def test_garbage_found_by_a_newcomer_costs_a_window_too(
        self, machine: Machine, content: bytes, warnings: Callable[[], list[str]]
    ) -> None:
        machine.file.parent.mkdir()
        machine.file.write_bytes(content)
        bucket = machine.bucket(2)
        assert count(bucket) == 0
        machine.clock.advance(GAP)
        assert count(bucket) == 2
        assert len(warnings()) == 1

    def test_a_record_from_before_the_machine_was_started_is_not_believed(
        self, machine: Machine, warnings: Callable[[], list[str]]
    ) -> None:
        machine.clock.advance(50_000)
        machine.bucket(2).pause(3000)
        count(machine.bucket(2))
        after = Machine(machine.file)
        after.clock.advance(30)
        bucket = after.bucket(2)
        assert count(bucket) == 0
        after.clock.advance(GAP)
        assert count(bucket) == 2
        assert warnings() == []

    def test_a_clock_that_is_a_little_behind_is_no_restart(self, machine: Machine) -> None:
        machine.clock.advance(10)
        taken = take_all(machine.bucket(2))
        behind = Machine(machine.file)
        behind.clock.advance(9.5)
        bucket = behind.bucket(2)
        assert count(bucket) == 0
        assert bucket.stats.in_flight == len(taken) == 2

    def test_a_pause_of_for_ever_stops_the_machine_for_an_hour(self, machine: Machine) -> None:
        machine.bucket(2).pause(1e12)
        bucket = machine.bucket(2)
        machine.clock.advance(3599)
        assert count(bucket) == 0
        machine.clock.advance(3700)
        assert count(bucket) == 2

    def test_a_call_from_before_a_gap_ends_no_other(self, machine: Machine) -> None:
        first, second = machine.used(2), machine.used(2)
        old = take_all(first)
        with machine.file.open("r+b") as opened:
            opened.write(b"garbage")
        second.acquire(timeout=0)
        machine.clock.advance(60)
        new = take_all(second)
        end_all(old)
        assert second.stats.in_flight == len(new)

    @posix_only
    def test_who_sees_it_last_and_who_sees_it_first_keep_the_limit_together(self, machine: Machine) -> None:
        late, early = machine.used(4), machine.used(4)
        count(early)
        machine.clock.advance(WINDOW)
        assert late.stats.in_flight == 0  # it has just looked for the file
        machine.file.unlink()
        machine.clock.advance(0.001)
        assert count(early) == 0
        machine.clock.advance(0.248)
        assert count(late) == 4
        granted_at = machine.clock.monotonic()
        machine.clock.advance(0.95)
        while not count(early):
            machine.clock.advance(0.001)
        assert machine.clock.monotonic() - granted_at > 1.0

    @posix_only
    @pytest.mark.parametrize("between", ["nothing", "locked", "interrupted"])
    def test_that_it_was_moved_is_known_until_the_new_one_is_written(
        self, machine: Machine, between: str
    ) -> None:
        bucket = machine.used(4)
        in_flight = take_all(bucket)
        machine.file.unlink()
        machine.clock.advance(UNSEEN)
        with machine.bucket(4).slot(timeout=0):  # of one that came after
            pass
        machine.clock.advance(WINDOW)
        if between == "locked":
            holder = Holder(machine.file)
            assert not bucket.acquire(timeout=0)
            holder.let_go()
        elif between == "interrupted":
            with interrupted_before_it_is_written(), pytest.raises(Interrupted):
                bucket.acquire(timeout=0)
        assert take_all(bucket) == []
        machine.clock.advance(GAP)
        assert (bucket.stats.in_flight, take_all(bucket)) == (len(in_flight), [])

    @posix_only
    def test_a_pause_and_a_lowering_outlive_it(self, machine: Machine) -> None:
        first, second = machine.used(8), machine.used(8)
        second.refused()
        machine.clock.advance(WINDOW)
        second.refused()
        second.pause(20)
        machine.file.unlink()
        machine.clock.advance(UNSEEN)
        assert count(machine.bucket(8)) == 8  # a newcomer knows of nothing, once
        assert count(first) == count(second) == 0
        machine.clock.advance(18)
        assert count(first) == count(second) == 0
        machine.clock.advance(2)
        assert count(first) == second.stats.usable == 4

    @posix_only
    @pytest.mark.parametrize("is_anew", [False, True])
    def test_what_is_in_flight_when_it_goes_away_stays_counted(self, machine: Machine, is_anew: bool) -> None:
        first, second = machine.used(3), machine.used(3)
        old = [*take_some(first, 1), *take_some(second, 1)]
        machine.file.unlink()
        new = take_some(machine.bucket(3), 1) if is_anew else []  # by one that came after
        machine.clock.advance(UNSEEN)
        assert count(first) == count(second) == 0
        machine.clock.advance(20)
        assert count(second) == 1 - len(new)
        assert first.stats.in_flight == second.stats.in_flight == 2 + len(new)
        end_all(old)
        assert first.stats.in_flight == second.stats.in_flight == len(new)

    @posix_only
    def test_a_call_that_may_still_reach_the_server_when_it_goes_away_stays_counted(
        self, machine: Machine
    ) -> None:
        bucket = machine.used(2)
        (slot,) = take_some(bucket, 1)
        slot.hold(30)
        slot.__exit__(None, None, None)
        machine.file.unlink()
        other = machine.used(1)
        assert bucket.stats.cooling >= 1
        machine.clock.advance(10)
        assert count(bucket) == count(other) == 0
        machine.clock.advance(30)
        assert count(bucket) == 1

    def test_handles_are_given_back_with_the_bucket(self, machine: Machine) -> None:
        fds = Path("/proc/self/fd")
        if not fds.exists():
            pytest.skip("no /proc")
        before = len(list(fds.iterdir()))
        for _ in range(20):
            machine.bucket().acquire(timeout=0)
        assert len(list(fds.iterdir())) <= before + 2


class TestAFileThatCannotBeUsed:
    def check_alone_and_back(self, machine: Machine, mend: Callable[[], Any], told: list[str]) -> None:
        """Calls go on, in the number asked for; a minute later they are counted together."""
        first, second = machine.bucket(2), machine.bucket(2)
        assert count(first) == count(second) == 2
        machine.clock.advance(30)
        assert count(first) == count(second) == 2
        assert len(told) == 1
        assert "counts its calls for itself" in told[0]
        mend()
        machine.clock.advance(30.1)
        assert count(first) == count(second) == 0  # a window, since others' calls are unknown
        machine.clock.advance(GAP)
        assert count(first) == 2
        assert count(second) == 0

    def test_a_folder_in_its_place(self, machine: Machine, warnings: Callable[[], list[str]]) -> None:
        machine.file.mkdir(parents=True)
        self.check_alone_and_back(machine, machine.file.rmdir, Told(warnings))

    def test_a_file_in_place_of_the_folder(self, machine: Machine, warnings: Callable[[], list[str]]) -> None:
        machine.file.parent.write_bytes(b"")
        self.check_alone_and_back(machine, machine.file.parent.unlink, Told(warnings))

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
    def test_no_permission(self, machine: Machine, warnings: Callable[[], list[str]]) -> None:
        machine.file.parent.mkdir()
        machine.file.parent.chmod(0o500)
        self.check_alone_and_back(machine, lambda: machine.file.parent.chmod(0o700), Told(warnings))

    @pytest.mark.parametrize("written", [0, 17, None])
    def test_a_full_disk(
        self,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
        warnings: Callable[[], list[str]],
        written: int | None,
    ) -> None:
        monkeypatch.setattr(shared_page, "_write_at", FullDisk(written))
        self.check_alone_and_back(machine, lambda: monkeypatch.undo(), Told(warnings))

    @pytest.mark.parametrize("written", [0, 17, None])
    def test_a_disk_that_fills_up_and_copies_on_each_write(
        self,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
        warnings: Callable[[], list[str]],
        written: int | None,
    ) -> None:
        first, second = machine.used(2), machine.used(2)
        with monkeypatch.context() as patch:
            patch.setattr(shared_page, "_write_at", FullDisk(written))
            taken = take_all(first)
            assert len(taken) == 2
            end_all(taken)  # each is counted, though nowhere but here
            assert count(first) == 0
            machine.clock.advance(0.5)
            assert count(second) == (0 if written == 17 else 2)  # it may have met half a record
            machine.clock.advance(GAP)
            assert count(first) == 2
            machine.clock.advance(61)
            count(first)
            machine.clock.advance(GAP)
            assert count(first) == 2
        assert ("No space left" if written is None else "the disk is full") in warnings()[0]
        assert sum("cannot be used" in told for told in warnings()) == 1  # though it was tried each minute
        machine.clock.advance(60)
        assert count(first) == count(second) == 0
        machine.clock.advance(GAP)
        assert count(first) == 2
        assert count(second) == 0

    @pytest.mark.parametrize(
        "error", [OSError(errno.ENOLCK, "No locks available"), PermissionError(errno.EACCES, "Denied")]
    )
    def test_no_locks(
        self,
        machine: Machine,
        monkeypatch: pytest.MonkeyPatch,
        warnings: Callable[[], list[str]],
        error: Exception,
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(shared_page, "try_lock", fail)
        self.check_alone_and_back(machine, monkeypatch.undo, Told(warnings))

    def test_a_disk_that_cannot_be_read(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
    ) -> None:
        def fail(*_: object) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(shared_page, "_read_at", fail)
        self.check_alone_and_back(machine, monkeypatch.undo, Told(warnings))

    def test_a_lock_that_cannot_be_given_back_is_dropped_with_the_file(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = machine.used(2)
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise OSError(errno.EIO, "Input/output error")

            patch.setattr(shared_page, "unlock", fail)
            assert bucket.acquire(timeout=0)
        Holder(machine.file).let_go()
        assert not bucket.acquire(timeout=0)  # what it finds may have been changed since
        machine.clock.advance(GAP)
        assert count(bucket) == 2

    def test_a_file_that_went_stale_is_opened_anew(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = machine.used(2)
        is_stale, opened = [True], shared_page.SharedPage._opened

        def open_anew(page: shared_page.SharedPage) -> shared_page._OpenFile:
            is_stale[0] = False
            return opened(page)

        def lock(handle: int) -> bool:
            if is_stale[0]:
                raise OSError(errno.EBADF, "Bad file descriptor")
            return try_lock(handle)

        monkeypatch.setattr(shared_page.SharedPage, "_opened", open_anew)
        monkeypatch.setattr(shared_page, "try_lock", lock)
        assert count(bucket) == 2
        machine.clock.advance(61)
        assert count(bucket) == 0
        machine.clock.advance(GAP)
        assert count(bucket) == 2
        assert machine.bucket(2).acquire(timeout=0) is False

    def test_another_bucket_in_a_useless_folder_tells_it_when_the_first_is_gone(
        self, machine: Machine, warnings: Callable[[], list[str]]
    ) -> None:
        machine.file.mkdir(parents=True)
        for told in (1, 2):
            count(machine.bucket(2))
            gc.collect()
            assert len(warnings()) == told

    @posix_only
    def test_a_link_in_its_place_is_not_followed(
        self, machine: Machine, tmp_path: Path, warnings: Callable[[], list[str]]
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(b"precious")
        machine.file.parent.mkdir()
        machine.file.symlink_to(elsewhere)
        self.check_alone_and_back(machine, machine.file.unlink, Told(warnings))
        assert elsewhere.read_bytes() == b"precious"

    def test_buckets_with_files_in_one_useless_folder_tell_it_once(
        self, machine: Machine, warnings: Callable[[], list[str]]
    ) -> None:
        machine.file.parent.write_bytes(b"")
        buckets = [
            TokenBucket(2, burst=2, clock=machine.clock, file=machine.file.with_name(name)) for name in "abc"
        ]
        assert [count(bucket) for bucket in buckets] == [2, 2, 2]
        machine.clock.advance(61)
        assert [count(bucket) for bucket in buckets] == [2, 2, 2]
        assert len(warnings()) == 1
        machine.file.parent.unlink()
        machine.clock.advance(61)
        assert [count(bucket) for bucket in buckets] == [0, 0, 0]
        shutil.rmtree(machine.file.parent)
        machine.file.parent.write_bytes(b"")
        machine.clock.advance(GAP)  # it is told anew: it could be used in between
        assert [count(bucket) for bucket in buckets] == [2, 2, 2]
        assert len(warnings()) == 2

    def test_a_lower_rate_holds_at_once_there(self, machine: Machine) -> None:
        machine.file.mkdir(parents=True)
        bucket = machine.bucket(18)
        assert bucket.acquire(timeout=0)
        machine.clock.advance(WINDOW + 0.1)
        bucket.lower(2)
        assert len(take_all(bucket)) == 2

    def test_what_it_counts_for_itself_keeps_the_limit(self, machine: Machine) -> None:
        machine.file.mkdir(parents=True)
        bucket = machine.bucket(3)
        taken = take_all(bucket)
        machine.clock.advance(5)
        assert take_all(bucket) == []
        end_all(taken)
        machine.clock.advance(1.0)
        assert take_all(bucket) == []
        machine.clock.advance(0.01)
        assert len(take_all(bucket)) == 3


class FullDisk:
    """Writes so many bytes and no more; with ``None`` it says so."""

    def __init__(self, written: int | None) -> None:
        self._written = written
        self._write = shared_page._write_at

    def __call__(self, handle: int, content: bytes, place: int) -> int:
        if self._written is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(handle, content[: self._written], place)


class Told(list[str]):
    """The warnings so far, as a list that is looked at late."""

    def __init__(self, warnings: Callable[[], list[str]]) -> None:
        super().__init__()
        self._warnings = warnings

    def __len__(self) -> int:
        return len(self._warnings())

    def __getitem__(self, place: Any) -> Any:
        return self._warnings()[place]


class TestABusyFile:
    @pytest.fixture
    def held(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Holder]]:
        """Another handle has the lock until it lets go of it."""
        monkeypatch.setattr(shared_page, "_WAITS", (0.0001,) * 3)
        holders: list[Holder] = []

        def hold() -> Holder:
            holders.append(Holder(machine.file))
            return holders[-1]

        yield hold
        for holder in holders:
            holder.let_go()

    def test_taking_waits_within_its_time_out(self, machine: Machine, held: Callable[[], Holder]) -> None:
        bucket = machine.used(2)
        holder = held()
        began = machine.clock.monotonic()
        with pytest.raises(RateLimitError), bucket.slot(timeout=3):
            pytest.fail("granted")
        assert machine.clock.monotonic() == pytest.approx(began + 3)
        assert not bucket.acquire(timeout=0)
        holder.let_go()
        assert count(bucket) == 2

    @notes_ends
    def test_what_happens_meanwhile_is_written_down_with_the_next_call(
        self, machine: Machine, held: Callable[[], Holder], warnings: Callable[[], list[str]]
    ) -> None:
        bucket, other = machine.used(2), machine.used(2)
        with bucket.slot(timeout=0), bucket.slot(timeout=0):
            holder = held()
        assert bucket.stats.in_flight == 2  # as last seen
        bucket.pause(3)
        holder.let_go()
        assert other.stats[3:5] == (0, 2)  # an end waits for no lock
        assert count(bucket) == 0
        machine.clock.advance(2.99)
        assert count(bucket) == count(other) == 0
        machine.clock.advance(0.02)
        assert count(other) == 2
        assert warnings() == []

    def test_a_refusal_meanwhile_counts(
        self, machine: Machine, held: Callable[[], Holder], warnings: Callable[[], list[str]]
    ) -> None:
        bucket = machine.used(4)
        bucket.refused()
        machine.clock.advance(WINDOW)
        holder = held()
        bucket.refused()
        holder.let_go()
        machine.clock.advance(WINDOW)
        assert count(bucket) == 2

    @pytest.mark.parametrize("is_useless", [False, True])
    def test_what_was_noted_runs_though_somebody_comes_between(
        self, machine: Machine, held: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch, is_useless: bool
    ) -> None:
        bucket = machine.used(4)
        slots = [bucket.slot(timeout=0) for _ in range(2)]
        for slot in slots:
            slot.__enter__()
        real = SlotTable.end
        holder = held()

        def complete(table: SlotTable, call: int, now: float, kept: float) -> float:
            ended.append(call)
            told = real(table, call, now, kept)
            if len(ended) == 1:
                bucket.acquire(timeout=0)
            return told

        ended: list[int] = []
        monkeypatch.setattr(SlotTable, "end", complete)
        end_all(slots)
        assert ended == []
        if is_useless:
            machine.file.unlink()
            machine.file.mkdir()
            machine.clock.advance(UNSEEN)
        holder.let_go()
        bucket.acquire(timeout=0)
        assert set(ended) == {slot._call for slot in slots}  # whoever came between counted them once more
        assert bucket.stats.in_flight == 0
        machine.clock.advance(GAP)
        assert count(bucket) == 4

    def test_a_file_that_stays_locked_is_told_once(
        self, machine: Machine, held: Callable[[], Holder], warnings: Callable[[], list[str]]
    ) -> None:
        bucket = machine.used(2)
        for told in (1, 2):
            holder = held()
            assert not bucket.acquire(timeout=1.9)
            assert len(warnings()) == told - 1
            assert not bucket.acquire(timeout=20)
            assert len(warnings()) == told
            assert "keeps the file" in warnings()[-1]
            assert str(machine.file) in warnings()[-1]
            holder.let_go()
            assert bucket.acquire(timeout=0)
            machine.clock.advance(WINDOW)

    def test_times_far_apart_when_it_was_locked_are_not_one(
        self, machine: Machine, held: Callable[[], Holder], warnings: Callable[[], list[str]]
    ) -> None:
        bucket = machine.used(2)
        for _ in range(3):
            holder = held()
            assert not bucket.acquire(timeout=0)
            holder.let_go()
            machine.clock.advance(10)
        assert warnings() == []

    def test_ends_do_not_try_it(
        self, file: Path, held: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = ManualClock()
        bucket, other = (TokenBucket(9, burst=9, clock=clock, file=file) for _ in range(2))
        taken = take_all(bucket)
        holder = held()
        waiter = threading.Thread(target=bucket.acquire, daemon=True)
        waiter.start()
        clock.await_waiters(1)
        tries: list[int] = []

        def count_tries(handle: int) -> bool:
            tries.append(handle)
            return try_lock(handle)

        monkeypatch.setattr(shared_page, "try_lock", count_tries)
        end_all(taken)
        assert tries == []
        holder.let_go()
        clock.advance(0.06)
        assert not bucket.acquire(timeout=0)
        assert not other.acquire(timeout=0)
        assert other.stats[3:5] == (0, 9)
        clock.advance(1.0)
        waiter.join(10)
        assert not waiter.is_alive()

    def test_a_forked_child_owes_nothing_of_its_parent(
        self, machine: Machine, held: Callable[[], Holder]
    ) -> None:
        bucket = machine.used(2)
        holder = held()
        bucket.pause(50)
        bucket._begin_in_child()
        holder.let_go()
        assert bucket.acquire(timeout=0)  # the parent tells it

    def test_a_slot_that_comes_free_meanwhile_is_taken_when_the_other_lets_go(
        self, machine: Machine, held: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = machine.used(1)
        holder = held()
        tries: list[int] = []

        def try_lock_late(wanted: int) -> bool:
            tries.append(wanted)
            if len(tries) == 10:
                holder.let_go()
            return try_lock(wanted)

        monkeypatch.setattr(shared_page, "try_lock", try_lock_late)
        assert bucket.acquire(timeout=10)
        assert len(tries) == 10
