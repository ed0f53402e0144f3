"""Where a bucket counts: in this process alone, or in a file with every process of the machine.

A budget runs an action on its slot table while nobody else can. This room changes when buckets are to count
in another place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from kis_sync.ratelimit.slots import SlotTable

Asked = ParamSpec("Asked")
Told = TypeVar("Told")
BUSY = 0.05
"""Seconds until the next try, when another process holds the budget."""
Action = Callable[Concatenate[SlotTable, Asked], Told]


class BudgetBusyError(Exception):
    """Another process holds the budget and does not let go of it; the action was not run."""


class Budget(Protocol):
    """What a bucket counts in; called by one thread at a time, with the bucket's lock held."""

    rate: float
    """Calls a second, as this process asked for them."""
    file: Path | None
    """Where it is shared."""

    def run(self, act: Action[Asked, Told], *args: Asked.args, **named: Asked.kwargs) -> Told:
        """What the action says, run on the table as it is now; ``BudgetBusyError`` when it cannot be."""
        ...

    def change(self, act: Action[Asked, Told], *args: Asked.args, **named: Asked.kwargs) -> Told | None:
        """Run an action that must be run, be it later, before another: then ``None`` is told."""
        ...

    def new_call(self, table: SlotTable) -> int:
        """A number for a call, which no other call of any process has or will have. Only within an action."""
        ...

    def note_end(self, call: int, at: float, held: float, lease_end: float) -> bool:
        """Say that a call ended, for every process to see, waiting for nobody; by any thread, without a lock.

        ``False``: it must be said by an action, be it once more.
        """
        ...

    def look(self, act: Action[[], Told]) -> Told:
        """What an action that changes nothing says of the table, as it was last seen where it must be."""
        ...

    def turn(self, table: SlotTable, now: float, since: float) -> float:
        """From when to ask again (not after ``now``: a slot may be taken) for who has waited ``since`` then.

        Only within an action.
        """
        ...

    def leave_line(self) -> None:
        """Say that nobody in this process waits any more."""
        ...

    def lower(self, rate: float) -> None:
        """Go over to a lower rate for good; a higher one changes nothing."""
        ...

    def begin_in_child(self, now: float) -> None:
        """Go on in a forked child."""
        ...


class OwnBudget:
    """The budget of a bucket that shares with nobody; its actions are so short that nothing is noted."""

    def __init__(self, rate: float, burst: int | None) -> None:
        self._table = SlotTable(rate, burst)
        self._calls = count(1)
        self.rate = rate
        self.file: Path | None = None

    def run(self, act: Action[Asked, Told], *args: Asked.args, **named: Asked.kwargs) -> Told:
        """Run the action."""
        return act(self._table, *args, **named)

    look = change = run

    def new_call(self, table: SlotTable) -> int:
        """The next number."""
        return next(self._calls)

    def note_end(self, call: int, at: float, held: float, lease_end: float) -> bool:
        """No."""
        return False

    def turn(self, table: SlotTable, now: float, since: float) -> float:
        """When there is a slot: who waits is in the bucket's own queue, and woken by whoever changes that."""
        return table.ready_at(now)

    def leave_line(self) -> None:
        """Nothing: the bucket's own queue has noticed."""

    def lower(self, rate: float) -> None:
        """Lower the rate."""
        if rate < self.rate:
            self._table.reshape(rate)
            self.rate = rate

    def begin_in_child(self, now: float) -> None:
        """Take the parent's calls to end about now."""
        self._table.inherit(now)
