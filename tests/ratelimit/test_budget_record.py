"""What a budget's file says, as bytes. This room changes when something else is written down."""

from __future__ import annotations

import struct
import zlib
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kis_sync.ratelimit.budget_record import (
    ENDS_AT,
    MOST_RATES,
    MOST_SLOTS,
    DamagedRecordError,
    Record,
    packed,
    unpacked,
)
from kis_sync.ratelimit.lowering import LoweringState
from kis_sync.ratelimit.shared_page import SIZE
from kis_sync.ratelimit.slots import SlotState, SlotTable
from kis_sync.ratelimit.waiting_line import MOST_PLACES, Place

TIMES = st.floats(-1e9, 1e9)
MAYBE_NEVER = st.one_of(st.just(-inf), TIMES)
RATES = st.floats(0.001, 1e6)
LOWERINGS = st.builds(LoweringState, st.sampled_from([1.0, 9.0, inf]), MAYBE_NEVER, MAYBE_NEVER, MAYBE_NEVER)
STATES = st.builds(
    SlotState,
    RATES,
    st.integers(0, 2**64 - 1),
    st.one_of(st.just(-inf), st.floats(-1e9, 1e6)),
    st.lists(TIMES, max_size=MOST_SLOTS),
    st.dictionaries(st.integers(0, 2**64 - 1), st.one_of(st.just(inf), TIMES), max_size=MOST_SLOTS),
    LOWERINGS,
)
RECORDS = st.builds(
    Record,
    st.floats(1e6, 1e9),
    STATES,
    st.dictionaries(RATES, TIMES, max_size=MOST_RATES),
    st.dictionaries(st.integers(0, 2**64 - 1), st.builds(Place, TIMES, TIMES), max_size=MOST_PLACES),
)


@given(RECORDS, st.binary(max_size=64))
@settings(max_examples=80, deadline=None)
def test_what_was_written_is_read_whatever_follows(record: Record, more: bytes) -> None:
    read = unpacked(packed(*record) + more)
    assert read == record
    assert list(read.state.in_flight) == list(record.state.in_flight)


@given(RECORDS, st.data())
@settings(max_examples=80, deadline=None)
def test_any_changed_byte_is_noticed(record: Record, data: st.DataObject) -> None:
    content = bytearray(packed(*record))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedRecordError):
        unpacked(bytes(content))


@given(RECORDS, RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_record_half_written_over_another_is_one_of_them_or_damaged(
    before: Record, after: Record, data: st.DataObject
) -> None:
    old, new = packed(*before), packed(*after)
    cut = data.draw(st.integers(0, len(new)))
    try:
        found = unpacked(new[:cut] + old[cut:])
    except DamagedRecordError:
        return
    assert found in (before, after)


@given(RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_record_is_damaged(record: Record, data: st.DataObject) -> None:
    content = packed(*record)
    cut = data.draw(st.integers(0, len(content) - 1))
    for rest in (content[:cut], content[:cut] + bytes(SIZE - cut)):
        if rest[: len(content)] != content:  # its last bytes may be zeros
            with pytest.raises(DamagedRecordError):
                unpacked(rest)


@given(st.one_of(st.binary(max_size=SIZE), st.binary(max_size=300).map(lambda tail: b"KISSYNC1" + tail)))
@example(b"")
@example(bytes(SIZE))
@example(b"\xff" * SIZE)
@example(b"KISSYNC1" + b"\xff" * (SIZE - 8))
@example(b'{"access_token": "..."}')
@settings(max_examples=100, deadline=None)
def test_foreign_bytes_are_damaged_and_nothing_worse(content: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        unpacked(content)


def test_another_form_is_foreign_though_its_sum_is_right() -> None:
    content = packed(1.0, SlotTable(18, None).state(), {}, {})
    assert zlib.crc32(content[12:]) == struct.unpack_from("<I", content, 8)[0]
    with pytest.raises(DamagedRecordError):
        unpacked(b"KISSYNC2" + content[8:])


def test_the_largest_record_fits_in_a_page() -> None:
    state = SlotState(
        1e6, 2**64 - 1, 1e9, [1e9] * MOST_SLOTS, {2**64 - 1 - n: 1e9 for n in range(MOST_SLOTS)},
        LoweringState(MOST_SLOTS, 1e9, 1e9, 1e9),
    )  # fmt: skip
    places = {2**64 - 1 - number: Place(1e9, 1e9) for number in range(MOST_PLACES)}
    record = Record(1e9, state, {float(rate): 1e9 for rate in range(MOST_RATES)}, places)
    assert len(packed(*record)) < ENDS_AT


def test_of_more_calls_in_flight_than_fit_those_with_the_longest_leases_are_kept() -> None:
    flying = {number: float(number % 200) for number in range(400)}
    state = SlotState(1.0, 1, 1.0, [1e9] * MOST_SLOTS, flying, LoweringState(inf, 1.0, 1.0, 1.0))
    places = {number: Place(1e9, 1e9) for number in range(MOST_PLACES)}
    content = packed(1.0, state, {float(rate): 1e9 for rate in range(MOST_RATES)}, places)
    assert len(content) < ENDS_AT
    kept = unpacked(content).state.in_flight
    assert sorted(kept.values()) == sorted(2 * list(map(float, range(136, 200))))


@given(
    st.floats(0.01, 1e5),
    st.lists(st.sampled_from(["take", "cool", "end", "late", "wait", "rate"]), max_size=400),
)
@settings(max_examples=60, deadline=None)
def test_no_table_grows_out_of_the_page(rate: float, steps: list[str]) -> None:
    table, now, calls, open_calls = SlotTable(rate, MOST_SLOTS, MOST_SLOTS), 0.0, 0, list[int]()
    for step in steps:
        if step == "wait":
            now += table.window / 3
        elif step == "rate":
            table.reshape(1e5 / (1 + len(open_calls)))
        elif step in ("end", "late"):
            # a call whose lease has ended long ago counts once more
            table.end(open_calls.pop() if step == "end" and open_calls else 0, now, 0.0)
        elif table.ready_at(now) <= now:
            if step == "cool":
                table.cool(now)
            else:
                table.take(calls := calls + 1, now, 1e9)
                open_calls.append(calls)
        state = table.state()
        assert len(state.cooling) <= MOST_SLOTS
        assert len(state.in_flight) <= MOST_SLOTS
    assert len(packed(now, state, {}, {}) if steps else b"") < ENDS_AT


def test_a_pause_that_is_written_down_ends_within_an_hour() -> None:
    table = SlotTable(18, None)
    table.pause(inf)
    assert unpacked(packed(100.0, table.state(), {}, {})).state.next_at == 3700.0
