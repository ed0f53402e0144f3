"""Ctrl-C and other exceptions out of nowhere lose no slot and stop no queue.

This room changes when the way out of the queue changes.
"""

from __future__ import annotations

import ctypes
import gc
import linecache
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import kis_sync.ratelimit
from kis_sync import file_lock
from kis_sync.clock import Clock, ManualClock, SystemClock
from kis_sync.errors import RateLimitError
from kis_sync.ratelimit import Slot, TokenBucket, shared_page
from kis_sync.ratelimit.slots import SlotTable
from tests.ratelimit.clocks import JumpClock, end_all, take_all
from tests.ratelimit.interrupts import Interrupted, interrupted_before_it_is_written
from tests.ratelimit.machines import Machine

OURS: set[str | None] = {str(path) for path in Path(kis_sync.ratelimit.__file__).parent.glob("*.py")}
WITH_THE_LOCK = OURS | {file_lock.__file__}


class Interrupter:
    """Raises ``Interrupted`` at the n-th line or function entry that this thread runs in the given files.

    Lines that only begin a ``with`` or a ``try`` are left out: the interpreter looks for signals when it
    enters a function, after a call and at the end of a loop, not there.
    """

    def __init__(self, files: set[str | None], line: int) -> None:
        self.files = files
        self.left = line
        self.struck: str | None = None

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self.files or frame.f_code.co_name == "__del__":  # what strikes there is swallowed
            return None
        source = linecache.getline(file, frame.f_lineno).strip()
        if event == "call" or (event == "line" and not source.startswith(("with ", "try:", "finally:"))):
            self.left -= 1
            if self.left == 0:
                self.struck = f"{file}:{frame.f_lineno}: {source}"
                raise Interrupted
        return self

    def run(self, target: Callable[[], None]) -> None:
        """Run the target; also when it was struck."""
        before = sys.gettrace()
        gc.disable()  # what others left behind is not to be finalised, and struck, in here
        sys.settrace(self)
        try:
            target()
        except Interrupted:
            pass
        finally:
            sys.settrace(before)
            gc.enable()


def every_line(files: set[str | None], play: Callable[[Interrupter], None]) -> int:
    """Play once for each line that can be struck, until the end comes first; the number of lines."""
    line = 0
    while True:
        line += 1
        interrupter = Interrupter(files, line)
        play(interrupter)
        assert sys.exc_info() == (None, None, None), interrupter.struck
        if interrupter.struck is None:
            return line - 1


def assert_whole(bucket: TokenBucket, clock: ManualClock, slots: int, struck: str | None) -> None:
    """After a window every slot can be had, nobody waits, and nothing is in flight.

    Nothing can protect the entry to ``__exit__`` itself: that slot comes back with its lease.
    """
    clock.advance(60.1 if struck and "__exit__" in struck else 2)
    stats = bucket.stats
    assert (stats.in_flight, stats.waiting) == (0, 0), struck
    taken = take_all(bucket)
    assert len(taken) == slots, struck
    end_all(taken)


def send(bucket: TokenBucket, during: Callable[[], None] = lambda: None) -> None:
    with bucket.slot():
        during()


def test_a_lone_call_interrupted_at_any_line() -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket = TokenBucket(2, burst=2, clock=clock)
        interrupter.run(lambda: send(bucket))
        assert_whole(bucket, clock, 2, interrupter.struck)

    assert every_line(OURS, play) > 20


def test_a_slot_is_never_free_too_early_wherever_its_call_is_interrupted() -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket = TokenBucket(1, clock=clock)
        sent_at: list[float] = []
        interrupter.run(lambda: send(bucket, lambda: sent_at.append(clock.monotonic())))
        if sent_at:
            clock.advance(1.0)
            assert not bucket.acquire(timeout=0), interrupter.struck

    every_line(OURS, play)


def test_a_bare_permission_interrupted_at_any_line() -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket = TokenBucket(2, burst=2, clock=clock)
        interrupter.run(lambda: ignore(bucket.acquire()))
        assert_whole(bucket, clock, 2, interrupter.struck)

    assert every_line(OURS, play) > 10


def ignore(_: bool) -> None:
    """Make a target of a function that returns something."""


def run_apart(interrupter: Interrupter, target: Callable[[], None]) -> None:
    """Run in another thread: struck while it handles an error, a thread can keep that error for good."""
    apart = threading.Thread(target=interrupter.run, args=(target,))
    apart.start()
    apart.join()


class OnAFile:
    """Buckets on one file, a new one for each play; another process has used it before, or nobody has."""

    def __init__(self, folder: Path, was_used: bool) -> None:
        self.folder = folder
        self.was_used = was_used
        self.plays = 0

    def new(self, clock: Clock) -> tuple[TokenBucket, TokenBucket]:
        """The bucket to play on, and one of another process."""
        self.plays += 1
        file = self.folder / str(self.plays)
        bucket, other = (TokenBucket(2, burst=2, clock=clock, file=file) for _ in range(2))
        if self.was_used:
            send(bucket)
            send(other)
            clock.sleep(1.1)
        return bucket, other

    def assert_whole(
        self, bucket: TokenBucket, other: TokenBucket, clock: JumpClock, struck: str | None
    ) -> None:
        """Another process gets the lock at once; afterwards nothing is lost, and both see the same."""
        assert bucket.file is not None
        if bucket.file.exists():
            handle = os.open(bucket.file, os.O_RDWR)
            try:
                assert file_lock.try_lock(handle), struck
            finally:
                os.close(handle)
        assert_whole(other, clock, 2, struck)
        assert_whole(bucket, clock, 2, struck)
        assert bucket.stats == other.stats, struck


@pytest.fixture(params=[False, True], ids=["new", "used"])
def on_a_file(tmp_path: Path, request: pytest.FixtureRequest) -> OnAFile:
    return OnAFile(tmp_path, request.param)


def test_a_call_of_a_shared_bucket_interrupted_at_any_line(on_a_file: OnAFile) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket, other = on_a_file.new(clock)
        interrupter.run(lambda: send(bucket))
        on_a_file.assert_whole(bucket, other, clock, interrupter.struck)

    assert every_line(WITH_THE_LOCK, play) > 150


def test_a_slot_of_a_shared_bucket_is_never_free_too_early(on_a_file: OnAFile) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket, other = on_a_file.new(clock)
        sent_at: list[float] = []
        interrupter.run(lambda: send(bucket, lambda: sent_at.append(clock.monotonic())))
        if sent_at:
            clock.advance(1.0)
            assert len(take_all(other)) < 2, interrupter.struck

    every_line(WITH_THE_LOCK, play)


def test_a_bare_permission_of_a_shared_bucket_interrupted_at_any_line(on_a_file: OnAFile) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket, other = on_a_file.new(clock)
        interrupter.run(lambda: ignore(bucket.acquire()))
        on_a_file.assert_whole(bucket, other, clock, interrupter.struck)

    assert every_line(WITH_THE_LOCK, play) > 70


def test_a_wait_for_another_process_interrupted_at_any_line(on_a_file: OnAFile) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        bucket, other = on_a_file.new(clock)
        end_all(take_all(other))
        interrupter.run(lambda: send(bucket))
        on_a_file.assert_whole(bucket, other, clock, interrupter.struck)

    assert every_line(WITH_THE_LOCK, play) > 150


@pytest.mark.parametrize(("own", "others"), [(18.0, 2.0), (1.0, 0.5)])
def test_a_change_of_rate_interrupted_at_any_line_leaves_no_half_of_it(
    tmp_path: Path, own: float, others: float
) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        file = tmp_path / str(interrupter.left)
        bucket, other = (TokenBucket(rate, clock=clock, file=file) for rate in (own, others))
        other.acquire()
        bucket.acquire()
        clock.advance(61)  # the other's rate counts no more
        interrupter.run(lambda: send(bucket))
        clock.advance(3)
        bucket.acquire()
        table, new = bucket._budget.look(lambda table: table), SlotTable(own, None)
        assert (table.rate, table.slots, table.usable) == (new.rate, new.slots, new.usable), (
            interrupter.struck
        )
        assert (table.window, table.spacing) == (new.window, new.spacing), interrupter.struck

    every_line(WITH_THE_LOCK, play)


def test_a_file_that_fails_while_it_is_interrupted_at_any_line_stays_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(interrupter: Interrupter) -> None:
        clock = JumpClock()
        file = tmp_path / str(interrupter.left)
        bucket, other = (
            TokenBucket(2, burst=2, clock=clock, file=file),
            TokenBucket(2, clock=clock, file=file),
        )
        with monkeypatch.context() as patch:
            patch.setattr(shared_page, "_write_at", lambda *_: 0)
            run_apart(interrupter, lambda: send(bucket))
        assert other.acquire(timeout=0), interrupter.struck
        assert file.stat().st_size == shared_page.SIZE
        kept_open.append(bucket)

    kept_open: list[TokenBucket] = []
    monkeypatch.setattr(shared_page, "_WAITS", (0.0001,) * 3)
    every_line(WITH_THE_LOCK, play)


def test_a_grant_that_was_not_written_is_given_back_without_taking_anothers(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, other = machine.used(3), machine.used(3)
    slot, others = bucket.slot(timeout=0), other.slot(timeout=0)
    real = bucket._give_back

    def give_back(given: Slot) -> None:
        others.__enter__()  # in the moment between
        real(given)

    with monkeypatch.context() as patch:
        patch.setattr(TokenBucket, "_give_back", lambda _, given: give_back(given))
        with interrupted_before_it_is_written(), pytest.raises(Interrupted):
            slot.__enter__()
    assert (bucket.stats.in_flight, other.stats.in_flight) == (1, 1)
    assert len(take_all(bucket)) == 2


def test_what_is_interrupted_before_it_is_written_has_not_happened(machine: Machine) -> None:
    bucket, other = machine.used(3), machine.used(3)
    assert other.acquire(timeout=0)
    before = bucket.stats  # which has read, and written, what is there
    with interrupted_before_it_is_written(), pytest.raises(Interrupted):
        bucket.acquire(timeout=0)
    with interrupted_before_it_is_written(), pytest.raises(Interrupted):
        bucket.pause(20)
    assert bucket.stats == other.stats == before
    assert len(take_all(bucket)) == 2


@pytest.mark.parametrize("is_moved", [False, True])
def test_an_end_survives_the_interrupt_of_whoever_was_to_write_it_into_the_record(
    machine: Machine, is_moved: bool
) -> None:
    bucket, other = machine.used(3), machine.used(3)
    with bucket.slot(timeout=0):
        pass
    if is_moved:  # with the end that is in it
        machine.file.unlink()
        machine.clock.advance(0.3)
    with interrupted_before_it_is_written(), pytest.raises(Interrupted):
        bucket.pause(0)
    other.pause(0)  # so that there is something new to read
    bucket.pause(0)
    assert other.stats[3:5] == (0, 1)


def test_a_call_whose_end_is_interrupted_at_any_line_ends_but_once(machine: Machine) -> None:
    def play(interrupter: Interrupter) -> None:
        bucket, other = machine.used(2), machine.used(2)
        slot = bucket.slot(timeout=0)
        slot.__enter__()
        interrupter.run(lambda: slot.__exit__(None, None, None))
        is_left = interrupter.struck and "__exit__" in interrupter.struck
        assert other.stats[3:5] == ((1, 0) if is_left else (0, 1)), interrupter.struck
        assert bucket.stats == other.stats, interrupter.struck
        machine.clock.advance(61)

    assert every_line(WITH_THE_LOCK, play) > 15


class StagedClock(JumpClock):
    """A second caller comes and waits while the first, on this clock, goes to wait."""

    second: threading.Thread

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        if self.second.ident is None:
            self.second.start()
            while not self._waiting:
                condition.wait(0.0005)  # lets go of the bucket's lock
        super().wait(condition, timeout)


def test_the_first_in_the_queue_interrupted_at_any_line_hands_the_turn_on() -> None:
    def play(interrupter: Interrupter) -> None:
        clock = StagedClock()
        bucket = TokenBucket(1, clock=clock)
        bucket.acquire()
        clock.second = threading.Thread(target=send, args=(bucket,), daemon=True)
        interrupter.run(lambda: send(bucket))
        second = clock.second
        if second.ident is None:
            second.start()
        second.join(10)
        assert not second.is_alive(), f"the second is stuck after {interrupter.struck}"
        assert_whole(bucket, clock, 1, interrupter.struck)

    assert every_line(OURS, play) > 40


def test_a_wait_interrupted_inside_the_condition_gives_the_lock_back() -> None:
    def play(interrupter: Interrupter) -> None:
        bucket = TokenBucket(500, burst=1)
        bucket.pause(0.004)
        interrupter.run(lambda: send(bucket))
        free: list[bool] = []
        other = threading.Thread(target=lambda: free.append(bucket.acquire()), daemon=True)
        other.start()
        other.join(10)
        assert free == [True], f"the bucket is stuck after {interrupter.struck}"
        assert bucket.stats.waiting == 0

    assert every_line({threading.__file__}, play) > 10


def test_threads_struck_at_random_moments_lose_no_slot() -> None:
    bucket = TokenBucket(2000, burst=2000)
    stop = threading.Event()
    calls = [0] * 4

    def caller(place: int) -> None:
        while not stop.is_set():
            try:
                while not stop.is_set():
                    with bucket.slot(lease=0.5):
                        calls[place] += 1
            except Interrupted:
                continue

    def stubborn(place: int) -> None:
        while not stop.is_set():
            try:
                caller(place)
            except Interrupted:
                continue

    threads = [threading.Thread(target=stubborn, args=(place,), daemon=True) for place in range(4)]
    for thread in threads:
        thread.start()
    chance = random.Random(1)
    for _ in range(250):
        time.sleep(chance.uniform(0, 0.004))
        strike(chance.choice(threads))
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    # Struck in the instant before ``__exit__`` has begun, which is rare, a slot is left to its lease.
    assert bucket.stats.in_flight <= 5
    given_up_at = time.monotonic() + 10
    while bucket.stats.in_flight:
        assert time.monotonic() < given_up_at
        time.sleep(0.01)
    assert bucket.stats.waiting == 0
    assert sum(calls) > 500


def strike(thread: threading.Thread) -> None:
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted))


CTRL_C = """
import threading
from kis_sync.ratelimit import TokenBucket

bucket = TokenBucket(1)
bucket.acquire()
other = threading.Thread(target=bucket.acquire, daemon=True)
try:
    with bucket.slot():
        print("served", flush=True)
except KeyboardInterrupt:
    print("interrupted", bucket.stats.waiting, flush=True)
other.start()
other.join(10)
print("other stuck" if other.is_alive() else "other served", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_ends_the_wait_and_the_next_is_served() -> None:
    script = CTRL_C.replace("try:\n", "print('waiting', flush=True)\ntry:\n", 1)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.2)  # the main thread goes to wait; earlier or later Ctrl-C must do as well
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert said == "interrupted 0\nother served\n"


def test_an_exception_of_the_clock_leaves_the_queue() -> None:
    class Broken(SystemClock):
        def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
            raise OSError("no clock")

    clock: Clock = Broken()
    bucket = TokenBucket(1, clock=clock)
    bucket.acquire()
    with pytest.raises(OSError, match="no clock"), bucket.slot():
        pass
    assert bucket.stats.waiting == 0
    with pytest.raises(RateLimitError), bucket.slot(timeout=0):
        pass
