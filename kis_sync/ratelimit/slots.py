"""The arithmetic of slots: which are taken until when, and from when the next may be granted.

Nothing waits and nothing locks here, times are passed in. This room changes when the rule for granting
changes.

Why the rule holds. Let L slots be usable, W be the window, g the guard. Call k is granted at s(k), the
server counts it at some a(k), its answer is read at r(k): s(k) <= a(k) <= r(k). Its slot is taken from
s(k) until r(k) + W + g, and nothing is granted while L slots are taken. Take any stretch of length W,
sliding or fixed, and of the calls that the server counts in it the one granted last, k. Any other, i, was
granted before and counted in the same stretch, so a(i) > a(k) - W and

    r(i) + W + g  >=  a(i) + W + g  >  a(k) + g  >=  s(k):

slot i was still taken when k was granted. There were fewer than L of those, so with k the server counts
at most L, whatever the jitter, and wherever between sending and answering it counts; g only has to cover
how far two clocks drift apart in W. A call without an answer has no r(k): its slot is held longer
(``held``) or, when nobody ever says that it ended, until its lease ends. A bare permission (``cool``) knows
no r(k) either: there g must cover the whole way to the server.
"""

from __future__ import annotations

from collections.abc import KeysView
from heapq import heappop, heappush
from math import floor, inf, isfinite
from typing import NamedTuple

from kis_sync.errors import ConfigurationError
from kis_sync.ratelimit.lowering import Lowering, LoweringState, stricter

GUARD = 0.002  # seconds; how far two clocks may drift apart within a window
GRANT_GUARD = 0.055  # seconds; for a bare permission: 50 ms of jitter on the way and 5 ms of thread switching
_ROUNDING = 1e-6  # seconds; sums of intervals must not miss a burst's last call by rounding
SPACING = 0.9  # of the even interval: the last tenth is room to catch up after a late call


class SlotState(NamedTuple):
    """All that a table knows of the past, to be written down; times as its clock told them."""

    rate: float
    granted: int
    next_at: float
    cooling: list[float]
    in_flight: dict[int, float]
    lowering: LoweringState


class SlotTable:
    """``slots`` slots of ``window`` seconds; a slot is in flight, then cools, then is free.

    With ``most``, a rate of more calls a second than that has so many slots and a shorter window.
    """

    __slots__ = (
        "_burst",
        "_cooling",
        "_in_flight",
        "_interval",
        "_lowering",
        "_most",
        "_next_at",
        "_slack",
        "granted",
        "rate",
        "slots",
        "usable",
        "window",
    )

    def __init__(self, rate: float, burst: int | None, most: int | None = None) -> None:
        if burst is not None and not (isinstance(burst, int) and burst >= 1):
            raise ConfigurationError(f"burst is the number of calls that may leave at once, not {burst!r}")
        slots, window = _shape(rate, most)
        self.rate = rate
        self.window = window
        self.granted = 0
        self._most = most
        self._burst = burst
        self._cooling: list[float] = []  # a heap of the times at which slots become free
        self._in_flight: dict[int, float] = {}  # a call -> the end of its lease
        self._next_at = -inf  # no grant before this, be it by spacing or by a pause
        self._lowering = Lowering(slots)
        self._space()

    @property
    def in_flight(self) -> int:
        """The slots whose calls have not ended."""
        return len(self._in_flight)

    @property
    def calls(self) -> KeysView[int]:
        """The calls that have not ended."""
        return self._in_flight.keys()

    @property
    def spacing(self) -> float:
        """Seconds between two grants at the least."""
        return 0.0 if self._slack else self._interval

    def live(self, now: float) -> int:
        """The slots that are not free."""
        self._restore(now)
        self._drop_expired(now)
        return len(self._cooling) + len(self._in_flight)

    def ready_at(self, now: float) -> float:
        """From when to ask again; a slot may be taken at once if that is not after ``now``."""
        cooling = self._cooling
        if cooling and cooling[0] <= now:
            self._drop_cool(now)
        if self.usable != self.slots:
            self._restore(now)
        if len(cooling) + len(self._in_flight) < self.usable:
            return self._next_at
        return max(self._next_at, self._first_back(now))

    def take(self, call: int, now: float, lease: float) -> None:
        """Grant a slot to a call that starts now; only when ``ready_at(now) <= now``.

        ``call`` is a number that no other call has, of whatever table that this one may be mixed with.
        """
        self._in_flight[call] = now + lease
        self._grant(now)

    def give_back(self, call: int) -> None:
        """Free the slot of a call that was not sent."""
        self._in_flight.pop(call, None)

    def end(self, call: int, at: float, held: float) -> float:
        """End a call, also one whose lease had ended or that is unknown here; from when its slot is free.

        What is told twice counts once.
        """
        free_at = at + self.window + GUARD + held
        if call in self._in_flight or free_at not in self._cooling:
            # Cooling first: an interrupt between these lines counts the slot twice rather than not at all.
            heappush(self._cooling, free_at)
            self._in_flight.pop(call, None)
        return free_at

    def cool(self, now: float) -> None:
        """Take a slot whose call nobody will end; only when ``ready_at(now) <= now``."""
        heappush(self._cooling, now + self.window + GRANT_GUARD)
        self._grant(now)

    def pause(self, until: float) -> None:
        """Grant nothing before ``until``; an earlier end than one already set changes nothing."""
        self._next_at = max(self._next_at, until)

    def refuse(self, now: float) -> bool:
        """The server refused a call: pause for a window, lower the slots if it goes on; did that begin?"""
        until = now + self.window
        self.pause(until)
        began = self._lowering.refuse(now, until)
        self._space()
        return began

    def reshape(self, rate: float) -> None:
        """Go over to another rate; what cools under the old one cools as long as under the new at least."""
        slots, window = _shape(rate, self._most)
        longer = max(0.0, window - self.window)
        self._cooling = [free_at + longer for free_at in self._cooling]
        self.window = window
        self._lowering.resize(slots)
        self._space()
        self.rate = rate  # last: an interrupt before it leaves a table that is reshaped once more

    def state(self) -> SlotState:
        """What must be written down for another table to go on from here."""
        cooling = self._cooling.copy()
        if len(cooling) > self.slots:  # a slot is free when fewer than that cool: the last to end decide
            cooling = sorted(cooling)[-self.slots :]
        return SlotState(
            self.rate, self.granted, self._next_at, cooling, self._in_flight.copy(), self._lowering.state
        )

    def resume(self, state: SlotState, *, keep: bool = False) -> None:
        """Go on from where another table was; the lists of ``state`` are this table's from now on.

        ``keep`` what holds calls back here as well.
        """
        if keep:
            state = state._replace(
                next_at=max(self._next_at, state.next_at),
                cooling=sorted(self._cooling + state.cooling),
                in_flight={**self._in_flight, **state.in_flight},
                lowering=stricter(self._lowering.state, state.lowering),
            )
        slots, self.window = _shape(state.rate, self._most)
        self.rate = state.rate
        self.granted = state.granted
        self._next_at = state.next_at
        self._cooling = state.cooling
        self._in_flight = state.in_flight
        self._lowering.resume(state.lowering, slots)
        self._space()

    def inherit(self, now: float) -> None:
        """Go on in a forked child: calls in flight belong to the parent, and are taken to end about now."""
        for _ in self._in_flight:
            heappush(self._cooling, now + self.window + GRANT_GUARD)
        self._in_flight.clear()

    def _first_back(self, now: float) -> float:
        """The next time at which a taken slot can become free."""
        self._drop_expired(now)
        if len(self._cooling) + len(self._in_flight) < self.usable:
            return now
        ends = min(self._in_flight.values(), default=inf)
        return min(ends, self._cooling[0]) if self._cooling else ends

    def _drop_cool(self, now: float) -> None:
        """Forget the slots that are cool. A signal handler may do so too between two steps of this."""
        cooling = self._cooling
        while cooling and cooling[0] <= now:
            try:
                free_at = heappop(cooling)
            except IndexError:
                break
            if free_at > now:
                heappush(cooling, free_at)

    def _drop_expired(self, now: float) -> None:
        self._drop_cool(now)
        for call, end in self._in_flight.copy().items():
            if end <= now:
                self._in_flight.pop(call, None)

    def _restore(self, now: float) -> None:
        self._lowering.restore(now)
        self._space()

    def _grant(self, now: float) -> None:
        self.granted += 1
        earliest = now - self._slack  # unused spacing adds up to no more than the burst
        self._next_at = (self._next_at if self._next_at > earliest else earliest) + self._interval

    def _space(self) -> None:
        """Space the grants by the usable slots; a burst of all slots needs no spacing."""
        self.slots = self._lowering.slots
        self.usable = usable = self._lowering.usable
        burst = 1 if self._burst is None else self._burst
        self._interval = 0.0 if burst >= usable > 1 else SPACING * self.window / usable
        self._slack = (burst - 1) * (self._interval + _ROUNDING)


def _shape(rate: float, most: int | None) -> tuple[int, float]:
    """Slots and window of a rate: whole slots, the window in the seconds that they take at that rate."""
    if not (isinstance(rate, (int, float)) and isfinite(rate) and rate > 0):
        raise ConfigurationError(f"a rate is a positive number of calls a second, not {rate!r}")
    slots = max(1, floor(rate))
    if most is not None:
        slots = min(slots, most)
    return slots, slots / rate
