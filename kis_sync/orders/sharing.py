"""Who of the uncertain orders gets which listed one: by count where they are equal, else only if it is clear.

Pure. This room changes when equal orders are told apart in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.likeness import fits, intent, is_rejected
from kis_sync.orders.pairing import components, crowded, pair

_TOLD = 5  # numbers in a sentence
_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Shares:
    """Who gets which order, by the entries' ids.

    ``given`` are order numbers. ``withheld`` says of an entry why it gets none although some fit, ``counted``
    of one with equals how many of them ran. ``awaited`` are the numbers that an order being sent could own.
    """

    given: Mapping[int, int]
    withheld: Mapping[int, str]
    counted: Mapping[int, str]
    awaited: AbstractSet[int]


def share_out(
    asked: Sequence[Entry],
    in_flight: Iterable[Entry],
    rows: Mapping[int, ListedOrder],
    known: Mapping[int, AbstractSet[int]],
) -> Shares:
    """Share out ``rows`` (nobody's yet, by number) among entries.

    An uncertain entry of ``in_flight`` claims like the others; what one that is being sent could own is kept
    for it.
    """
    ids = {entry.id for entry in asked}
    others = [entry for entry in in_flight if entry.id not in ids]
    rivals = [entry for entry in others if entry.state is State.UNCERTAIN]
    leaving = {entry.id: entry for entry in others if entry.state is not State.UNCERTAIN}
    judged = {entry.id: entry for entry in (*_latest_first(asked), *_latest_first(rivals))}

    claims = {
        entry.id: _claims(entry, rows, known.get(entry.id, _NOTHING))
        for entry in (*judged.values(), *leaving.values())
    }
    in_crowd, crowd = crowded(claims, pair(claims))
    awaited = {number for entry_id in leaving for number in claims[entry_id]}
    kept = crowd | awaited
    free = {
        entry_id: [number for number in claims[entry_id] if number not in kept]
        for entry_id in judged
        if entry_id not in in_crowd
    }
    given, withheld, counted = _decide(judged, free)
    withheld |= {entry_id: _of_crowd(claims[entry_id]) for entry_id in in_crowd}
    for entry_id in judged.keys() - given.keys() - withheld.keys():
        if contested := awaited.intersection(claims[entry_id]):
            withheld[entry_id] = _of_leaving(contested)
    return Shares(given, withheld, counted, awaited)


def _decide(
    entries: Mapping[int, Entry], claims: Mapping[int, Sequence[int]]
) -> tuple[dict[int, int], dict[int, str], dict[int, str]]:
    """Pair, and take back what unlike entries compete for without getting one each."""
    given = pair(claims)
    withheld: dict[int, str] = {}
    counted: dict[int, str] = {}
    for group in components(claims):
        intents = {entry_id: intent(entries[entry_id].wish) for entry_id in group}
        if len(set(intents.values())) > 1 and not given.keys() >= intents.keys():
            withheld |= {entry_id: _of_unlike(claims[entry_id]) for entry_id in group}
            for entry_id in group:
                given.pop(entry_id, None)
        else:
            counted |= _counted(intents, given)
    return given, withheld, counted


def _counted(intents: Mapping[int, tuple[object, ...]], given: Mapping[int, int]) -> dict[int, str]:
    equal = Counter(intents.values())
    ran = Counter(asked for entry_id, asked in intents.items() if entry_id in given)
    return {
        entry_id: f"{ran[asked]} of {equal[asked]} equal orders ran, and which of them does not matter"
        for entry_id, asked in intents.items()
        if equal[asked] > 1
    }


def _latest_first(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.sent_at or entry.intended_at, entry.id), reverse=True)


def _claims(entry: Entry, rows: Mapping[int, ListedOrder], known: AbstractSet[int]) -> list[int]:
    """The numbers that could be the entry's, the nearest in time to its sending first.

    A rejected order is nobody's: it did not run, and as a refused order may be listed, too, it could be that
    of an equal one whose refusal is known.
    """
    sent_at = entry.sent_at or entry.intended_at

    def distance(number: int) -> tuple[timedelta, int]:
        ordered_at = rows[number].ordered_at
        return timedelta.max if ordered_at is None else abs(ordered_at - sent_at), number

    fitting = (
        number
        for number, row in rows.items()
        if number not in known and not is_rejected(row) and fits(row, entry)
    )
    return sorted(fitting, key=distance)


def _of_crowd(numbers: Iterable[int]) -> str:
    return (
        f"{told(numbers)} look like it and are more than were sent from here, so that somebody else's is "
        "among them; say which one it is"
    )


def _of_unlike(numbers: Iterable[int]) -> str:
    return (
        f"{told(numbers)} could be it or another order from here that is not quite equal; say which one it is"
    )


def _of_leaving(numbers: Iterable[int]) -> str:
    return f"{told(numbers)} could be it or an equal one that is just being sent; recover again in a moment"


def told(numbers: Iterable[int]) -> str:
    """Order numbers for a sentence.

    >>> told([12]), told([3, 1])
    ('order 12', 'orders 1, 3')
    """
    ordered = sorted(numbers)
    names = ", ".join(map(str, ordered[:_TOLD]))
    if len(ordered) > _TOLD:
        names += f" and {len(ordered) - _TOLD} more"
    return f"order {names}" if len(ordered) == 1 else f"orders {names}"
