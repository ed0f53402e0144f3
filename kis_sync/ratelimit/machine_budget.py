"""The budget of all processes of a user on a machine: one small file, locked for the moment of each change.

Times in the file are those of the machine's monotonic clock, which all processes share and no change of the
date moves; a record from before the last start of the machine is told by a time yet to come. The file is
read and written as a whole under the lock, with a sum over it: a process that is killed leaves one record or
the other, or a damaged one that is known as such, and never a lock. What it had in flight stays counted until
its lease ends. A file that cannot be used costs the sharing, never a call: this process then counts for
itself for a minute, and says so. While another process that was stopped keeps it locked, nothing is granted.

What is not written down has not happened: an action that is interrupted before it was leaves a table that is
read anew, and what was noted stays noted. A call's end has a place of its own in the file, and is written
there without the lock by the process that was granted the call, which alone may until its lease ends: so it
waits for nobody. Should such an end be lost (the file was cut, two calls have one place since files were
moved, an interrupt or a stop in the midst of it lasted until the place was another's), its slot is free when
the lease ends.

This room changes when processes are to share in another way.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from math import inf
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from kis_sync.errors import ConfigurationError
from kis_sync.ratelimit.budget import BUSY, Action, Asked, BudgetBusyError, Told
from kis_sync.ratelimit.budget_record import (
    END_PLACES,
    ENDS_AT,
    ENDS_SIZE,
    MOST_RATES,
    MOST_SLOTS,
    DamagedRecordError,
    end_place,
    ended,
    packed,
    packed_end,
    unpacked,
)
from kis_sync.ratelimit.shared_page import PageBusyError, SharedPage
from kis_sync.ratelimit.slots import GUARD, SlotTable
from kis_sync.ratelimit.waiting_line import WaitingLine

_RATE_COUNTS = 60.0  # seconds after its last call for which a process's rate binds the others
_RATE_IS_FRESH = 1.0  # seconds for which a rate need not be asked for again
_NAME_IS_FRESH = 0.25  # seconds for which the open file is taken to be the one of its name: looking is dear
_ALONE = 60.0  # seconds for which a process counts for itself before it tries the file again
_LATER_THAN_NOW = 1.0  # seconds; a record further ahead is from before the machine was started
_BUSY_FOR_LONG = 2.0  # seconds for which a page may stay locked by others before that is told
_log = logging.getLogger("kis_sync")
_told_useless: WeakValueDictionary[Path, MachineBudget] = WeakValueDictionary()
"""The folders in which no file can be used, and who told: the buckets of a broker have a file each in one."""


class MachineBudget:
    """The slots of every process that names the same file, counted as one.

    Processes that ask for different rates share the lowest that was asked for within the last minute. At
    most 64 slots are kept: a rate of more than 64 a second has 64, a window of less than a second, and
    no burst.
    """

    def __init__(self, path: Path, rate: float, burst: int | None, now: Callable[[], float]) -> None:
        if rate > MOST_SLOTS and burst is not None and burst > 1:
            raise ConfigurationError(
                f"rate={rate:g} with burst={burst}: a limit that processes share can have a burst up to "
                f"{MOST_SLOTS} calls a second only; leave out the burst, or count in this process alone"
            )
        self.rate = rate
        self.file: Path | None = path
        self._folder = path.parent
        self._now = now
        self._table = SlotTable(rate, burst, MOST_SLOTS)
        self._page = SharedPage(path)
        self._written = b""  # what the table is, as bytes; while the page says so too, it is up to date
        self._is_running = False
        self._entries = 0  # how often an action was begun
        self._notes: deque[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = deque()
        self._is_owing = False  # some of the notes must be told to others
        self._calls = _call_numbers()
        self._busy_since = inf  # the page was found locked ever since; ``inf`` once that is told
        self._busy_at = -inf  # when it was last found so
        self._is_new = True  # nothing was ever counted here
        self._has_gap = False  # calls of the last moment may be missing in what is known
        self._is_useless = False  # the file cannot be used
        self._alone_until = -inf
        self._line = WaitingLine()
        self._rates: dict[float, float] = {}  # a rate that was asked for, and until when it counts
        self._rates_hold_until = -inf
        self._name_holds_until = -inf
        self._asks = True  # for its rate, which then binds the others
        self._rate_told = rate
        self._to_tell: list[str] = []

    def run(self, act: Action[Asked, Told], *args: Asked.args, **named: Asked.kwargs) -> Told:
        """Run the action on what the file says, and write down what it has changed.

        Within another action (a signal handler or a finaliser came between) it runs on the same table.
        """
        is_within = self._is_running
        try:
            try:
                if not is_within:
                    self._begin()
                    self._written = b""
                notes = self._notes.copy() if self._notes else ()
                for noted, its_args, its_named in notes:
                    noted(self._table, *its_args, **its_named)
                if self._is_running and self._table.in_flight:
                    self._hear_of_ends()
                told = act(self._table, *args, **named)
                self._entries += 1
                if self._is_running:
                    self._write_down()
                for note in notes:
                    if self._notes and self._notes[0] is note:  # else who came between has run it as well
                        self._notes.popleft()
                if not self._notes:
                    self._is_owing = False
                return told
            finally:
                if not is_within:
                    self._is_running = False
                    self._page.unlock()
        finally:  # once more: an interrupt in the midst of this must not leave the machine locked
            if not is_within:
                self._is_running = False
                if self._page.has_lock:
                    self._page.unlock()
                if self._to_tell:
                    self._tell()

    def change(self, act: Action[Asked, Told], *args: Asked.args, **named: Asked.kwargs) -> Told | None:
        """Run the action; if the file is locked, or just was, let the next one run it before itself."""
        if self._now() - self._busy_at >= BUSY:
            with suppress(BudgetBusyError):
                return self.run(act, *args, **named)
        self._notes.append((act, args, named))
        self._is_owing = True
        return None

    def new_call(self, table: SlotTable) -> int:
        """A number for a call, whose end has a place that no other call's in flight has, if there is one."""
        call = next(self._calls)
        if table.in_flight:
            taken = {other % END_PLACES for other in tuple(table.calls)}
            for _ in range(END_PLACES):
                if call % END_PLACES not in taken:
                    break
                call = next(self._calls)
        return call

    def note_end(self, call: int, at: float, held: float, lease_end: float) -> bool:
        """Write the end where all processes find it, unless the place, or the file, may be another's by now.

        The place may when the slot may cool after the call's lease: others then take it to be free. While
        something else is to be told to the others, this is to be told with it.
        """
        if at >= self._name_holds_until or at + self._table.window + GUARD + held > lease_end:
            return False
        if not self._page.write_aside(packed_end(call, at, held), end_place(call)):
            return False
        # Once more with the next action, in case the file or its record is another by then.
        self._notes.append((SlotTable.end, (call, at, held), {}))
        return not self._is_owing

    def look(self, act: Action[[], Told]) -> Told:
        """Run an action that changes nothing; on the table as last seen while the file is not in use."""
        if not self._page.is_open:
            return act(self._table)
        self._asks = False
        try:
            return self.run(act)
        except BudgetBusyError:
            return act(self._table)
        finally:
            self._asks = True

    def turn(self, table: SlotTable, now: float, since: float) -> float:
        """When there is a slot and nobody in another process has waited longer and is due to take it.

        A call in flight in another process frees its slot a window after its end at the earliest.
        """
        ready_at = min(table.ready_at(now), now + table.window + GUARD)
        return self._line.turn(now, since, ready_at, table.spacing) if self._is_running else ready_at

    def leave_line(self) -> None:
        """Give up this process's place in the line."""
        if self._line.is_in_it:
            self.change(lambda table: self._line.leave())

    def lower(self, rate: float) -> None:
        """Ask for a lower rate; the file is told with the next call."""
        if rate < self.rate:
            if rate < self._table.rate:  # at once, since this process may be counting for itself
                self._table.reshape(rate)
            self.rate = rate
            self._rates_hold_until = -inf

    def begin_in_child(self, now: float) -> None:
        """Leave the parent's file, whose lock would be ours too; its calls stay there, as its own."""
        if not self._page.is_open:
            self._table.inherit(now)  # it counted for itself
        self._is_running = False
        self._is_new = True
        self._asks = True
        self._line = WaitingLine()
        self._notes.clear()
        self._calls = _call_numbers()
        self._written = b""
        self._page.close_in_child()

    def _begin(self) -> None:
        """Get ready for an action, anew if another came between, which has let go of the lock."""
        while True:
            self._entries = entry = self._entries + 1
            self._is_running = self._is_shared()
            if entry == self._entries:
                return
            self._written = b""

    def _is_shared(self) -> bool:
        """Lock the page and bring the table up to date; ``False`` while this process counts for itself."""
        now = self._now()
        if now < self._alone_until:
            return False
        try:
            is_looking = now >= self._name_holds_until
            is_same = self._page.lock(by_name=is_looking)
            if is_looking:
                self._name_holds_until = now + _NAME_IS_FRESH
            if not (is_same and self._written and self._page.begins_with(self._written)):
                now = self._now()  # the lock may have been waited for
                self._bring_up_to_date(self._page.read(ENDS_AT), now, is_same)
        except PageBusyError:
            self._note_busy(now)
            raise BudgetBusyError from None
        except OSError as error:
            self._count_alone(now, error)
            return False
        self._busy_at = -inf
        if self._asks and now >= self._rates_hold_until:
            self._settle_on_a_rate(now)
        return True

    def _bring_up_to_date(self, content: bytes, now: float, is_same: bool) -> None:
        """Go on from the page's record; without one from what this process knows, after a window."""
        self._rates_hold_until = -inf
        self._has_gap |= not (is_same or self._is_new)
        try:
            at, state, rates, places = unpacked(content)
        except DamagedRecordError as error:
            self._has_gap |= not self._is_new
            if content.strip(b"\0"):
                self._has_gap = True
                self._to_tell.append(
                    f"the file of the machine's call limit is damaged ({error}) and is replaced: {self.file}"
                )
        else:
            if at > now + _LATER_THAN_NOW:
                self._has_gap = True  # the machine was started since
            else:
                self._table.resume(state, keep=self._has_gap)
                self._rates = dict(rates)
                self._line.places = dict(places)
        if self._has_gap:
            # Others may grant where the file was until they look for its name.
            self._table.pause(now + _NAME_IS_FRESH + self._table.window + GUARD)

    def _hear_of_ends(self) -> None:
        """Learn which calls have ended since the record was written, whoever's they are."""
        try:
            ends = self._page.read(ENDS_SIZE, ENDS_AT)
        except OSError as error:
            self._count_alone(self._now(), error)
            return
        for call, at, held in ended(ends, tuple(self._table.calls)):
            self._table.end(call, at, held)

    def _settle_on_a_rate(self, now: float) -> None:
        """Say which rate this process asks for; the lowest of those that count holds."""
        rates = {rate: until for rate, until in self._rates.items() if until > now}
        rates[self.rate] = now + _RATE_COUNTS
        self._rates = rates if len(rates) <= MOST_RATES else dict(sorted(rates.items())[:MOST_RATES])
        self._rates_hold_until = min(now + _RATE_IS_FRESH, *rates.values())
        lowest = min(rates)
        if lowest != self._table.rate:
            self._table.reshape(lowest)
        if lowest != self._rate_told:
            self._rate_told = lowest
            if lowest < self.rate:
                self._to_tell.append(
                    f"another process asked for at most {lowest:g} calls a second of this app key, this one "
                    f"for {self.rate:g}: the lower rate holds until a minute after its last use"
                )

    def _write_down(self) -> None:
        """Write the table down; anew if another action came between, which has changed it."""
        entry = -1
        while entry != self._entries and self._page.is_open:
            entry = self._entries
            now = self._now()
            content = packed(now, self._table.state(), self._rates, self._line.places)
            try:
                self._page.write(content)
            except OSError as error:
                self._count_alone(now, error)
                return
            self._written = content
            self._has_gap = self._is_new = False  # not before: it may have been interrupted till then
            if self._is_useless:
                self._is_useless = False
                _told_useless.pop(self._folder, None)

    def _count_alone(self, now: float, error: OSError) -> None:
        """Go on without the file, and tell so once for a folder, until a file in it can be used again."""
        self._page.give_up()
        self._is_running = False
        if self._folder not in _told_useless:
            _told_useless[self._folder] = self
            self._to_tell.append(
                f"the file of the machine's call limit cannot be used ({error.strerror or error}): until it "
                f"can, this process counts its calls for itself, unknown to others: {self.file}"
            )
        self._is_useless = True
        self._alone_until = now + _ALONE
        self._has_gap = True

    def _note_busy(self, now: float) -> None:
        """Tell once that the file stays locked; what was long ago is another story."""
        if now - self._busy_at > _BUSY_FOR_LONG:
            self._busy_since = now
        elif now - self._busy_since >= _BUSY_FOR_LONG:
            self._busy_since = inf
            self._to_tell.append(
                "another process, which may have been stopped, keeps the file of the machine's call limit "
                f"locked: calls wait until it lets go of it: {self.file}"
            )
        self._busy_at = now

    def _tell(self) -> None:
        """Log what there is to tell, with the file unlocked: a handler is other people's code.

        The bucket's lock is held: a handler may use the bucket, but must not wait for a thread that does.
        """
        while self._to_tell:
            _log.warning(self._to_tell.pop(0))


def _call_numbers() -> Iterator[int]:
    """Numbers that no other process gives to its calls."""
    return count(int.from_bytes(os.urandom(7), "little"))
