"""A table goes on from where another was. This room changes when more of the past decides."""

from __future__ import annotations

from copy import deepcopy
from heapq import heappop
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.ratelimit import slots
from kis_sync.ratelimit.budget_record import MOST_SLOTS, packed, unpacked
from kis_sync.ratelimit.lowering import LoweringState
from kis_sync.ratelimit.slots import SlotTable

RATES = st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 18.0, 64.0, 90.0, 200.0])
KINDS = [
    "take",
    "take",
    "take",
    "cool",
    "end",
    "end",
    "late",
    "give back",
    "refuse",
    "pause",
    "reshape",
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.one_of(st.floats(0, 0.1), st.floats(0, 3), st.sampled_from([0.0, 1.002, 61.0])),
        RATES,
    ),
    max_size=80,
)


class Player:
    """A table, the time, and the grants whose calls have not ended."""

    def __init__(self, rate: float, burst: int | None) -> None:
        self.table = SlotTable(rate, burst, MOST_SLOTS)
        self.now = 0.0
        self.open: list[int] = []
        self.calls = 0

    def step(self, kind: str, seconds: float, rate: float) -> object:
        """What the table says to the step."""
        table = self.table
        self.now += seconds
        now = self.now
        if kind in ("take", "cool"):
            is_ready = table.ready_at(now) <= now  # not when to ask again: one may ask once too often
            if is_ready:
                if kind == "cool":
                    table.cool(now)
                else:
                    self.calls += 1
                    table.take(self.calls, now, 2.5)
                    self.open.append(self.calls)
            return is_ready
        if kind == "late":
            return table.end(0, now, 0.0)
        if kind in ("end", "give back"):
            if not self.open:
                return None
            call = self.open.pop(int(seconds * 1000) % len(self.open))
            if kind == "end":
                return table.end(call, now, seconds)
            table.give_back(call)
        elif kind == "refuse":
            return table.refuse(now)
        elif kind == "pause":
            table.pause(now + seconds)
        else:
            table.reshape(rate)
        return None

    def said(self) -> tuple[object, ...]:
        """All that a table tells; of the cooling ones no more than what decides."""
        table = self.table
        spaced = table._interval, table._slack, table._next_at  # before ``live``, which spaces anew
        live = min(table.live(self.now), max(table.slots, table.in_flight))
        shape = table.rate, table.slots, table.usable, table.window
        return *spaced, *shape, table.granted, table.in_flight, live


class Handed(Player):
    """The same, but before each step another table goes on, which was something else before."""

    def __init__(self, rate: float, burst: int | None) -> None:
        super().__init__(rate, burst)
        self.burst = burst
        self.others = [SlotTable(other, burst, MOST_SLOTS) for other in (0.5, 1.5, 90.0)]

    def step(self, kind: str, seconds: float, rate: float) -> object:
        state = unpacked(packed(self.now, self.table.state(), {}, {})).state
        self.others.append(self.table)
        self.table = self.others.pop(0)
        self.table.resume(state)
        return super().step(kind, seconds, rate)


@given(RATES, st.sampled_from([None, 1, 3, 64]), STEPS)
@settings(max_examples=120, deadline=None)
def test_a_table_that_is_handed_on_behaves_as_one_that_is_not(
    rate: float, burst: int | None, steps: list[tuple[str, float, float]]
) -> None:
    stays, handed = Player(rate, burst), Handed(rate, burst)
    grew = False
    for kind, seconds, other_rate in steps:
        if kind == "reshape":
            # What was left out as not deciding could decide if there were more slots again at once.
            grew = len(stays.table.state().cooling) < stays.table.live(stays.now) - stays.table.in_flight
            if grew:
                continue
        assert handed.step(kind, seconds, other_rate) == stays.step(kind, seconds, other_rate), kind
        assert handed.said() == stays.said(), kind


@given(st.integers(1, 12), st.lists(st.floats(0, 5), max_size=60), st.integers(0, 12), st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_the_last_to_end_decide_alone(slots: int, ends: list[float], flying: int, usable: int) -> None:
    table, cut = SlotTable(slots, slots), SlotTable(slots, slots)
    for end in ends:
        table.end(0, end, 0.0)
    for number in range(min(flying, slots)):
        table._in_flight[number + 1] = inf
    table._lowering.resume(LoweringState(usable, 1e6, 1e6, 1e6), slots)
    table._space()
    state = table.state()
    assert len(state.cooling) <= slots
    cut.resume(state._replace(in_flight=dict(state.in_flight), cooling=list(state.cooling)))
    for now in sorted({0.0, *(end + 1.002 for end in ends), *(end + 1.0021 for end in ends)}):
        assert (cut.ready_at(now) <= now) is (table.ready_at(now) <= now)


def test_a_rate_above_the_most_has_so_many_slots_and_a_shorter_window() -> None:
    table = SlotTable(1000, None, 64)
    assert (table.slots, table.window) == (64, 0.064)
    assert SlotTable(64, None, 64).window == 1.0
    assert SlotTable(1000, None).slots == 1000


@pytest.mark.parametrize("first", [0.5, 1, 5, 18, 100])
@pytest.mark.parametrize("second", [0.5, 1, 5, 18, 100])
def test_a_reshaped_table_is_spaced_and_sized_as_a_new_one(first: float, second: float) -> None:
    table, new = SlotTable(first, 2, 64), SlotTable(second, 2, 64)
    table.reshape(second)
    assert (table.slots, table.usable, table.window) == (new.slots, new.usable, new.window)
    assert (table._interval, table._slack) == (new._interval, new._slack)


def test_what_cools_when_the_rate_is_lowered_cools_for_the_longer_window() -> None:
    table = SlotTable(2, 2)
    table.take(1, 0.0, 60)
    table.take(2, 0.0, 60)
    table.end(1, 0.5, 0.0)
    table.reshape(0.5)  # one slot of two seconds
    assert table.ready_at(1.0) == 2.502  # until then the other is in flight besides
    table.end(2, 1.0, 0.0)
    assert table.ready_at(2.9) == pytest.approx(3.002)
    table.reshape(2)
    assert table.live(2.9) == 1
    assert table.ready_at(2.9) <= 2.9


def test_what_is_written_down_does_not_change() -> None:
    table = SlotTable(3, 3)
    table.take(1, 0.0, 60.0)
    table.cool(0.0)
    state = table.state()
    before = deepcopy(state)
    table.take(2, 0.1, 60.0)
    table.end(1, 0.1, 0.0)
    assert state == before


@pytest.mark.parametrize("later", [[], [5.0]])
def test_a_slot_that_a_signal_handler_finds_cool_is_forgotten_once(
    monkeypatch: pytest.MonkeyPatch, later: list[float]
) -> None:
    """The handler comes between two steps of the same."""

    def pop(cooling: list[float]) -> float:
        monkeypatch.undo()
        assert table.live(2.0) == len(later)
        return heappop(cooling)

    table = SlotTable(3, 3)
    for end in [1.0, *later]:
        table.end(0, end - table.window - 0.002, 0.0)
    monkeypatch.setattr(slots, "heappop", pop)
    table.ready_at(2.0)
    assert table.live(2.0) == len(later)
    assert table.live(5.1) == 0
