"""How many slots may be used after the server refused calls: fewer for a while, then all again.

This room changes when the answer to a server's refusals changes.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

MINUTE = 60.0  # refusals this close together lower the slots; this long without one gives a slot back


class LoweringState(NamedTuple):
    """All that is known of refusals, to be written down."""

    usable: int
    last: float
    same_until: float
    clean_since: float


class Lowering:
    """The usable slots of a bucket; times are passed in.

    One refusal may be chance: the server counts in several places, and another program may have sent a
    single call. The second within a minute halves the slots, so does each further one, down to one slot;
    each minute without a refusal gives one slot back. Calls that were already on their way when the
    first was refused are refused with it: they belong to that refusal and are not counted again.
    """

    __slots__ = ("_clean_since", "_last", "_same_until", "slots", "usable")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.usable = slots
        self._last = -inf
        self._same_until = -inf
        self._clean_since = -inf

    def refuse(self, now: float, paused_until: float) -> bool:
        """Count a refusal at ``now``, nothing being sent until ``paused_until``; did lowering begin?"""
        same, self._same_until = now < self._same_until, paused_until
        repeated, self._last = now - self._last < MINUTE, now
        if same:
            return False
        self._clean_since = now
        if not repeated:
            return False
        began = self.usable == self.slots > 1
        self.usable = max(1, self.usable // 2)
        return began

    def restore(self, now: float) -> None:
        """Give back a slot for each clean minute that has passed."""
        if self.usable < self.slots:
            minutes = int((now - self._clean_since) // MINUTE)
            self.usable = min(self.slots, self.usable + minutes)
            self._clean_since += minutes * MINUTE

    def resize(self, slots: int) -> None:
        """Go over to another number of slots; as many as before stay usable, all if all were."""
        self.usable = slots if self.usable == self.slots else min(self.usable, slots)
        self.slots = slots

    def state(self) -> LoweringState:
        """What must be written down to go on from here."""
        return LoweringState(self.usable, self._last, self._same_until, self._clean_since)

    def resume(self, state: LoweringState, slots: int) -> None:
        """Go on from where another was, with so many slots."""
        self.slots = slots
        self.usable, self._last, self._same_until, self._clean_since = state
