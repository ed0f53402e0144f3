"""What a budget's file says, as bytes: the past of its slots, the rates asked for of late, and who waits.

All of the record is written at once, with a sum over it, so that a half-written or foreign content is known.
Behind it the ends of calls are noted, each in a place of its own that its call's number tells. So an end can
be written at any time, by whoever was granted the call, beside a record that another process writes: it
counts for each call that the record still has in flight. This room changes when something else must be
written down.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

from kis_sync.ratelimit.lowering import LoweringState
from kis_sync.ratelimit.slots import SlotState
from kis_sync.ratelimit.waiting_line import Place

MOST_SLOTS = 64
"""Slots of a budget that is written down; a higher rate has a shorter window."""
MOST_RATES = 8
_MOST_IN_FLIGHT = 2 * MOST_SLOTS  # more than slots only when files were moved; those with the longest leases
_LONGEST_PAUSE = 3600.0  # seconds; a file outlives whoever wrote it, and must not stop a machine for ever
_MAGIC = b"KISSYNC1"
ENDS_AT = 4096
"""Where in the page the ends begin; a record is shorter than that."""
END_PLACES = 128
_END_SIZE = 32
ENDS_SIZE = END_PLACES * _END_SIZE
_END = struct.Struct("=QddI")
_END_SUMMED = struct.Struct("=Qdd")
_HEAD = struct.Struct("<8sI")
_FIXED = struct.Struct("<dQdddddd4H")


class Record(NamedTuple):
    """A budget at one moment, ``at`` by its clock; ``rates`` tells until when each rate asked for counts,
    ``places`` in line of whom has waited since when and looks when.
    """

    at: float
    state: SlotState
    rates: Mapping[float, float]
    places: Mapping[int, Place]


class DamagedRecordError(ValueError):
    """The bytes are no record."""


@lru_cache(maxsize=256)
def _layout(cooling: int, flying: int, rates: int, places: int) -> struct.Struct:
    """How so many of each are written one after the other; ids before their values, but for places."""
    return struct.Struct(f"{_FIXED.format}{cooling}d{flying}Q{flying + 2 * rates}d" + places * "Qdd")


def packed(at: float, state: SlotState, rates: Mapping[float, float], places: Mapping[int, Place]) -> bytes:
    """The record of these as bytes, fewer than a page has."""
    rate, granted, next_at, cooling, flying, lowering = state
    if len(flying) > _MOST_IN_FLIGHT:
        flying = dict(sorted(flying.items(), key=itemgetter(1))[-_MOST_IN_FLIGHT:])
    counts = len(cooling), len(flying), len(rates), len(places)
    body = _layout(*counts).pack(
        at,
        granted,
        rate,
        min(next_at, at + _LONGEST_PAUSE),
        *lowering,
        *counts,
        *cooling,
        *flying,
        *flying.values(),
        *rates,
        *rates.values(),
        *(value for who, place in places.items() for value in (who, *place)) if places else (),
    )
    return _HEAD.pack(_MAGIC, crc32(body)) + body


def unpacked(content: bytes) -> Record:
    """The record in the bytes, whatever follows it; ``DamagedRecordError`` when there is none."""
    try:
        magic, checksum = _HEAD.unpack_from(content)
        fixed = _FIXED.unpack_from(content, _HEAD.size)
        at, granted, rate, next_at, left, last, same_until, clean_since = fixed[:8]
        cooling, flying, rates, waiting = fixed[8:]
        lists = struct.Struct(f"<{cooling}d{flying}Q{flying + 2 * rates}d" + waiting * "Qdd")
        start = _HEAD.size + _FIXED.size
        values = lists.unpack_from(content, start)
    except struct.error:
        raise DamagedRecordError("too short") from None
    if magic != _MAGIC or crc32(content[_HEAD.size : start + lists.size]) != checksum:
        raise DamagedRecordError("its sum is wrong")
    ends = cooling + flying
    until = ends + flying
    line = until + 2 * rates
    return Record(
        at,
        SlotState(
            rate,
            granted,
            next_at,
            list(values[:cooling]),
            dict(zip(values[cooling:ends], values[ends:until], strict=True)),
            LoweringState(left, last, same_until, clean_since),
        ),
        dict(zip(values[until : until + rates], values[until + rates : line], strict=True)),
        {
            who: Place(since, looks_at)
            for who, since, looks_at in zip(
                values[line::3], values[line + 1 :: 3], values[line + 2 :: 3], strict=True
            )
        },
    )


def end_place(call: int) -> int:
    """Where in the page the end of a call is noted; of two calls in flight with one place, one is lost."""
    return ENDS_AT + call % END_PLACES * _END_SIZE


def packed_end(call: int, at: float, held: float) -> bytes:
    """The note that a call ended ``at``, and that its slot is held so many seconds longer."""
    note = _END_SUMMED.pack(call, at, held)
    return note + crc32(note).to_bytes(4, sys.byteorder)


def ended(ends: bytes, calls: Iterable[int]) -> list[tuple[int, float, float]]:
    """Those of the calls whose end is noted: when each ended, and how much longer its slot is held."""
    numbers = memoryview(ends).cast("Q")
    found = []
    for call in calls:
        place = call % END_PLACES * _END_SIZE
        if numbers[place // 8] == call:
            _, at, held, checksum = _END.unpack_from(ends, place)
            if crc32(ends[place : place + _END_SUMMED.size]) == checksum:
                found.append((call, at, held))
    return found
