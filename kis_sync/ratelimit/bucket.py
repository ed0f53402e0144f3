"""The bucket of slots that every call waits in: threads queue, one is woken at a time, none is forgotten.

    bucket = TokenBucket(18)
    with bucket.slot(timeout=5) as slot:      # waits; the slot is taken until a second after the block
        send()

Which slots are free when is ``slots.SlotTable``'s business (the proof is there), and whether other processes
have a part in them that of a ``budget.Budget``; here threads wait.
The queue is a deque of waiters, each with its own Condition on the one lock. Only the first asks the budget,
whoever leaves the queue wakes the new first. The lock is re-entrant, so that a finaliser or a signal
handler that runs inside it can still use the bucket; it goes before a thread that it keeps from waiting. The
way out of the queue and the end of a call are walked twice, so that an interrupt in the midst of them loses
neither a slot nor the others' turn; one that strikes in the instant before ``Slot.__exit__`` has begun
leaves the slot to its lease.

A shared budget is in a file, which is slow, and using it lets other threads run. So the end of a call is
noted there without any lock.

This room changes when the way of waiting for a slot changes.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from weakref import WeakSet

from kis_sync.clock import Clock, default_clock
from kis_sync.errors import BrokerClosedError, RateLimitError
from kis_sync.ratelimit.budget import BUSY, Budget, BudgetBusyError, OwnBudget
from kis_sync.ratelimit.slots import SlotTable

_LEASE = 60.0  # seconds; longer than any call's own time-outs
_GRANTED = -inf
_log = logging.getLogger("kis_sync")


class BucketStats(NamedTuple):
    """A bucket at one moment: its rate in calls a second, and how many slots, calls and waiters it has."""

    rate: float
    slots: int
    usable: int
    in_flight: int
    cooling: int
    waiting: int
    granted: int


class Slot:
    """Permission to send one call, as a context manager: entering waits for it, leaving ends the call.

    ``number`` says the how-manyth grant it was (0 before it is entered) of all that its bucket knows of.
    """

    __slots__ = (
        "_bucket",
        "_call",
        "_held",
        "_lease",
        "_lease_end",
        "_life",
        "_owner",
        "_taken",
        "_timeout",
        "number",
    )

    def __init__(
        self, bucket: TokenBucket, timeout: float | None, lease: float, owner: threading.Event | None
    ) -> None:
        self._bucket = bucket
        self._timeout = timeout
        self._lease = lease
        self._owner = owner
        self._call = 0
        self._held = 0.0
        self._lease_end = inf
        self._life = 0
        self._taken = False
        self.number = 0

    def hold(self, seconds: float) -> None:
        """Keep the slot for ``seconds`` more than usual: for a call that failed without an answer.

        Such a call may still reach the server until long after; the longest of several holds counts.
        """
        if not self._taken:
            raise RuntimeError("only a slot that is taken can be held")
        self._held = max(self._held, seconds)

    def unused(self) -> None:
        """Give the slot back at once: nothing was, and will be, sent under it."""
        if self._taken:
            self._bucket._give_back(self)

    def __enter__(self) -> Slot:
        if self._taken:
            raise RuntimeError("this slot is taken already; ask the bucket for another")
        try:
            self._bucket._take(self, self._timeout, self._owner)
            return self
        except BaseException:
            self._bucket._give_back(self)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._bucket._complete(self)
        except BaseException:
            self._bucket._complete(self)
            raise


class _Waiter:
    """A thread in the queue."""

    __slots__ = ("condition", "owner", "thread")

    def __init__(self, lock: threading.RLock, owner: threading.Event | None) -> None:
        self.condition = threading.Condition(lock)
        self.owner = owner
        self.thread = threading.get_ident()


class TokenBucket:
    """At most ``floor(rate)`` calls in any window of ``floor(rate) / rate`` seconds, counted by the server.

    ``rate`` is in calls a second (18: 18 slots of 1 s; 0.5: one slot of 2 s). With ``burst=None`` grants
    are spaced at nine tenths of the even interval; ``burst=n`` lets n leave at once. ``clock`` tells the
    time and does the waiting. A bucket may be shared by any number of threads; with ``file`` it shares its
    limit with every bucket of that file, in whatever process of the machine (their clocks must agree, as
    the machine's own does with itself). ``ConfigurationError`` is raised for a rate or a burst that cannot
    work.

    >>> bucket = TokenBucket(18)
    >>> with bucket.slot(timeout=1) as slot:
    ...     slot.number
    1
    >>> bucket
    <TokenBucket 18 a second: 18 of 18 slots usable, 0 in flight, 1 cooling, 0 waiting, 1 granted>
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: int | None = None,
        clock: Clock | None = None,
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._clock: Clock = default_clock() if clock is None else clock
        self._now = self._clock.monotonic
        self._budget: Budget = _budget(rate, burst, self._now, file)
        self._lock = threading.RLock()
        self._queue: deque[_Waiter] = deque()
        self._head_wakes_at = inf
        self._is_shared = file is not None
        self._life = 0  # another in a forked child
        _buckets.add(self)

    def slot(
        self, timeout: float | None = None, lease: float = _LEASE, owner: threading.Event | None = None
    ) -> Slot:
        """A slot to enter with ``with``; it stays taken until a window and 2 ms after the block is left.

        Entering waits its turn; after ``timeout`` seconds (``None``: never) it raises ``RateLimitError``.
        A slot whose block is not left within ``lease`` seconds is taken back; if it is left later, it
        counts once more from then. ``owner`` is an event that belongs to whoever may have to give up
        (see ``cancel``); once it is set, entering raises ``BrokerClosedError``.
        """
        return Slot(self, timeout, lease, owner)

    def acquire(self, timeout: float | None = None, owner: threading.Event | None = None) -> bool:
        """Wait for permission to send one call at once; ``False`` if there was none within ``timeout``.

        Nobody says when this call ends, so its slot is kept for a window and 55 ms from now on: enough
        while calls take up to 50 ms more or less than each other to reach the server. ``slot`` needs no
        such assumption. ``owner`` as for ``slot``.
        """
        try:
            self._take(None, timeout, owner)
        except RateLimitError:
            return False
        return True

    def pause(self, seconds: float) -> None:
        """Grant nobody a slot for ``seconds`` from now; a longer pause already set stays as it is."""
        with self._lock:
            self._budget.change(SlotTable.pause, self._now() + seconds)

    def refused(self) -> None:
        """Say that the server refused a call because of its own limit.

        Nothing is granted for a window. From the second refusal within a minute on, the usable slots are
        halved each time (never below one), and each minute without a refusal gives one back; a warning is
        logged when that begins. Refusals during the pause belong to the one that began it.
        """
        with self._lock:
            lowered = self._budget.change(_refuse, self._now())
        if lowered:  # outside the lock: a logging handler is other people's code
            _log.warning(
                "the server keeps refusing calls within the limit of %g a second: using %d of %d slots, "
                "one more after each minute without a refusal. Another program may be using the same app "
                "key, or its limit may be lower than that (new customers have 3 a second at first)",
                *lowered,
            )

    def cancel(self, owner: threading.Event) -> None:
        """Set ``owner``, and wake the waiters who came with it: they raise ``BrokerClosedError``.

        Others' turns, and slots that are taken, stay as they are.
        """
        owner.set()
        with self._lock:
            for waiter in tuple(self._queue):  # a signal handler may change it
                if waiter.owner is owner:
                    waiter.condition.notify()

    def lower(self, rate: float) -> None:
        """Go over to a lower rate for good; a rate that is not lower changes nothing."""
        with self._lock:
            self._budget.lower(rate)

    @property
    def rate(self) -> float:
        """Calls a second; other processes may have asked for fewer, which ``stats`` tells."""
        return self._budget.rate

    @property
    def file(self) -> Path | None:
        """The file in which all processes of the machine count together, ``None`` for this one alone."""
        return self._budget.file

    @property
    def stats(self) -> BucketStats:
        """The bucket at this moment; of a shared one what all processes do, but for ``waiting``."""
        with self._lock:
            return self._budget.look(self._counted)

    def _counted(self, table: SlotTable) -> BucketStats:
        cooling = table.live(self._now()) - table.in_flight
        return BucketStats(
            rate=table.rate,
            slots=table.slots,
            usable=table.usable,
            in_flight=table.in_flight,
            cooling=cooling,
            waiting=len(self._queue),
            granted=table.granted,
        )

    def __repr__(self) -> str:
        stats = self.stats
        return (
            f"<TokenBucket {stats.rate:g} a second: {stats.usable} of {stats.slots} slots usable, "
            f"{stats.in_flight} in flight, {stats.cooling} cooling, {stats.waiting} waiting, "
            f"{stats.granted} granted>"
        )

    def _take(self, slot: Slot | None, timeout: float | None, owner: threading.Event | None) -> None:
        """Wait until a slot is granted; without ``slot`` it is one that nobody ends."""
        with self._lock:
            self._await_turn(slot, timeout, owner)

    def _give_back(self, slot: Slot) -> None:
        """Undo a grant under which nothing was sent, and let the others see it."""
        with self._lock:
            if self._is_ours(slot):
                self._budget.change(SlotTable.give_back, slot._call)
            slot._taken = False
            self._wake_head()

    def _complete(self, slot: Slot) -> None:
        """End the call; of a shared budget by a note, which waits for nobody."""
        if not self._is_ours(slot):
            return
        now = self._now()
        if self._is_shared and self._budget.note_end(slot._call, now, slot._held, slot._lease_end):
            slot._taken = False  # it is free after a window, and no waiting thread looks later than that
            return
        with self._lock:
            free_at = self._budget.change(SlotTable.end, slot._call, now, slot._held)
            slot._taken = False
            if self._queue and free_at is not None and free_at < self._head_wakes_at:
                self._wake_head()

    def _is_ours(self, slot: Slot) -> bool:
        """Whether the slot is taken by a call of this process, not of the one that it was forked from."""
        return slot._taken and slot._life == self._life

    def _await_turn(self, slot: Slot | None, timeout: float | None, owner: threading.Event | None) -> None:
        """Wait with the lock held."""
        is_wanted = owner is None or not owner.is_set()
        if is_wanted and not self._queue and self._try(slot, self._now()) == _GRANTED:
            return
        waiter = _Waiter(self._lock, owner)
        try:
            try:
                self._join_queue(waiter)
                self._wait_in_queue(waiter, slot, timeout)
            finally:
                self._leave(waiter)
        except BaseException:
            self._leave(waiter)
            if not self._queue:
                self._budget.leave_line()
            raise

    def _join_queue(self, waiter: _Waiter) -> None:
        """Go to the end of the queue; a signal handler to its head, if its own thread waits below it."""
        if any(other.thread == waiter.thread for other in tuple(self._queue)):
            self._queue.appendleft(waiter)
        else:
            self._queue.append(waiter)

    def _wait_in_queue(self, waiter: _Waiter, slot: Slot | None, timeout: float | None) -> None:
        began = self._now()
        deadline = inf if timeout is None else began + timeout
        while True:
            if waiter.owner is not None and waiter.owner.is_set():
                raise BrokerClosedError("the broker was closed while a call waited for a slot")
            ask_at = inf
            if self._queue[0] is waiter:
                ask_at = self._try(slot, began)
                if ask_at == _GRANTED:
                    return
                self._head_wakes_at = ask_at
            now = self._now()
            if deadline <= now:
                raise RateLimitError(self._told_too_late(now - began))
            self._wait(waiter.condition, min(ask_at, deadline) - now)

    def _try(self, slot: Slot | None, since: float) -> float:
        """``_GRANTED``, or from when to ask again, for a call that has waited ``since`` then."""
        try:
            return self._budget.run(self._grant, slot, since)
        except BudgetBusyError:
            return self._now() + BUSY

    def _grant(self, table: SlotTable, slot: Slot | None, since: float) -> float:
        while True:
            granted = table.granted
            now = self._now()
            ask_at = self._budget.turn(table, now, since)
            if ask_at > now:
                return ask_at
            if slot is None:
                table.cool(now)
            else:
                # All that undoing needs is noted before anything is done.
                slot.number = granted + 1
                slot._call = call = self._budget.new_call(table)
                slot._lease_end = now + slot._lease
                slot._held = 0.0
                slot._life = self._life
                slot._taken = True
                table.take(call, now, slot._lease)
            if table.granted == granted + 1:
                return _GRANTED
            if slot is not None:  # a signal handler came between, and may have taken the last
                table.give_back(slot._call)
                slot._taken = False

    def _wait(self, condition: threading.Condition, seconds: float) -> None:
        try:
            self._clock.wait(condition, min(seconds, threading.TIMEOUT_MAX) if seconds < inf else None)
        except BaseException:
            # An interrupt between two lines of Condition.wait can leave the lock released.
            try:
                condition.notify(0)
            except RuntimeError:
                self._lock.acquire()
            raise

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._queue:
            self._queue.remove(waiter)
        self._wake_head()

    def _wake_head(self) -> None:
        if self._queue:
            self._queue[0].condition.notify()

    def _told_too_late(self, waited: float) -> str:
        others = len(self._queue) - 1
        return (
            f"no slot became free within {waited:.3g} s at {self._budget.rate:g} calls a second; "
            f"other calls waiting: {others}"
        )

    def _begin_in_child(self) -> None:
        """After a fork: the parent's threads do not exist here, and one of them may hold the lock."""
        self._lock = threading.RLock()
        self._queue = deque()
        self._life += 1
        self._budget.begin_in_child(self._now())


def _budget(
    rate: float, burst: int | None, now: Callable[[], float], file: str | os.PathLike[str] | None
) -> Budget:
    if file is None:
        return OwnBudget(rate, burst)
    from kis_sync.ratelimit.machine_budget import MachineBudget  # imported where used

    return MachineBudget(Path(file), rate, burst, now)


def _refuse(table: SlotTable, now: float) -> tuple[float, int, int] | None:
    """Count a refusal; rate, usable slots and slots when this began the lowering."""
    return (table.rate, table.usable, table.slots) if table.refuse(now) else None


_buckets: WeakSet[TokenBucket] = WeakSet()


def _begin_all_in_child() -> None:
    for bucket in list(_buckets):
        bucket._begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_in_child)
