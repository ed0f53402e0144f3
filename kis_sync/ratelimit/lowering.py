"""How many slots may be used after the server refused calls: fewer for a while, then all again.

This room changes when the answer to a server's refusals changes.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

MINUTE = 60.0  # refusals this close together lower the slots; this long without one gives a slot back


class LoweringState(NamedTuple):
    """All that is known of refusals, to be written down.

    ``left`` slots may be used, whatever the rate has; the last refusal was at ``last``, those before
    ``same_until`` belong to it, and no further one has come since ``clean_since``.
    """

    left: float
    last: float
    same_until: float
    clean_since: float


def stricter(one: LoweringState, other: LoweringState) -> LoweringState:
    """What holds when both are true of the same server."""
    return LoweringState(min(one.left, other.left), *map(max, one[1:], other[1:]))


class Lowering:
    """The usable slots of a bucket; times are passed in.

    One refusal may be chance: the server counts in several places, and another program may have sent a
    single call. The second within a minute halves the slots, so does each further one, down to one slot;
    each minute without a refusal gives one slot back. Calls that were already on their way when the
    first was refused are refused with it: they belong to that refusal and are not counted again.
    """

    __slots__ = ("slots", "state", "usable")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.usable = slots
        self.state = LoweringState(inf, -inf, -inf, -inf)

    def refuse(self, now: float, paused_until: float) -> bool:
        """Count a refusal at ``now``, nothing being sent until ``paused_until``; did lowering begin?"""
        self.restore(now)
        left, last, same_until, clean_since = self.state
        is_same, is_repeated = now < same_until, now - last < MINUTE
        began = False
        if not is_same:
            clean_since = now
            if is_repeated:
                began = self.usable == self.slots > 1
                left = max(1, self.usable // 2)
        self.resume(LoweringState(left, now, paused_until, clean_since), self.slots)
        return began

    def restore(self, now: float) -> None:
        """Give back a slot for each clean minute that has passed."""
        left, last, same_until, clean_since = self.state
        if left < inf:
            minutes = max(0.0, (now - clean_since) // MINUTE)
            state = LoweringState(left + minutes, last, same_until, clean_since + minutes * MINUTE)
            self.resume(state, self.slots)

    def resize(self, slots: int) -> None:
        """Go over to another number of slots; no more than before stay usable while refusals lower them."""
        self.resume(self.state, slots)

    def resume(self, state: LoweringState, slots: int) -> None:
        """Go on from where another was, with so many slots."""
        self.state = state
        self.slots = slots
        self.usable = slots if state.left >= slots else int(state.left)
