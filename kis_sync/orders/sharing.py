"""Who of the uncertain orders gets which listed one: by count where they are equal, else only if it is clear.

Pure. This room changes when equal orders are told apart in another way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.likeness import came_after, could_own, distance, fits, intent, is_rejected, misfit
from kis_sync.orders.pairing import components, crowded, pair

_TOLD = 5  # numbers in a sentence
_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Shares:
    """Who gets which order, by the entries' ids; orders are named by their places among the rows.

    ``given`` are those that were given away. ``withheld`` says of an entry why it gets none although some
    fit, ``counted`` of one with equals how many of them ran. ``awaited`` are those that an order being sent
    could own.
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
    unclear: AbstractSet[int] = _NOTHING,
) -> Shares:
    """Share out ``rows`` (nobody's yet, by place) among entries; those of ``unclear`` ids get none.

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
        if entry.id not in unclear
    }
    in_crowd, crowd = crowded(claims, pair(claims))
    awaited = {place for entry_id in leaving for place in claims.get(entry_id, ())}
    kept = crowd | awaited
    free = {
        entry_id: [place for place in claims[entry_id] if place not in kept]
        for entry_id in judged
        if entry_id in claims and entry_id not in in_crowd
    }
    given, withheld, counted = _decide(judged, free, rows)
    withheld |= {entry_id: _of_crowd(rows[place] for place in claims[entry_id]) for entry_id in in_crowd}
    for entry_id in judged.keys() - given.keys() - withheld.keys():
        if contested := awaited.intersection(claims.get(entry_id, ())):
            withheld[entry_id] = _of_leaving(rows[place] for place in contested)
    return Shares(given, withheld, counted, awaited)


def explained(
    rows: Mapping[int, ListedOrder], owned: AbstractSet[int], owners: Mapping[int, Sequence[Entry]]
) -> set[int]:
    """The places of rows that are the orders of owners: one row an owner, of his number and like his order.

    Of a number of ``owned`` without ``owners`` every row.
    """
    of_number = defaultdict(list)
    for place, row in rows.items():
        of_number[row.number].append(place)
    found: set[int] = set()
    for number, places in of_number.items():
        if number not in owners:
            found.update(places if number in owned else ())
            continue
        by_id = sorted(owners[number], key=lambda owner: owner.id)
        claims = {owner.id: _own_places(owner, places, rows) for owner in by_id}
        found.update(pair(claims).values())
    return found


def _own_places(owner: Entry, places: Iterable[int], rows: Mapping[int, ListedOrder]) -> list[int]:
    own = (place for place in places if could_own(rows[place], owner))
    return sorted(own, key=lambda place: (misfit(rows[place], owner), place))


def _decide(
    entries: Mapping[int, Entry], claims: Mapping[int, Sequence[int]], rows: Mapping[int, ListedOrder]
) -> tuple[dict[int, int], dict[int, str], dict[int, str]]:
    """Pair, and take back what unlike entries compete for without getting one each."""
    given = pair(claims)
    withheld: dict[int, str] = {}
    counted: dict[int, str] = {}
    for group in components(claims):
        intents = {entry_id: intent(entries[entry_id].wish) for entry_id in group}
        if len(set(intents.values())) > 1 and not given.keys() >= intents.keys():
            withheld |= {
                entry_id: _of_unlike(rows[place] for place in claims[entry_id]) for entry_id in group
            }
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
    """The places of what could be the entry's, the nearest in time to its sending first.

    A rejected order is nobody's: it did not run, and as a refused order may be listed, too, it could be that
    of an equal one whose refusal is known. A number that was known before is another's, unless its row was
    ordered after: then the numbers began anew, or it is another branch's.
    """
    sent_at = entry.sent_at or entry.intended_at
    fitting = (
        place
        for place, row in rows.items()
        if (row.number not in known or came_after(row, entry)) and not is_rejected(row) and fits(row, entry)
    )
    return sorted(fitting, key=lambda place: (distance(rows[place], sent_at), place))


def _of_crowd(rows: Iterable[ListedOrder]) -> str:
    return (
        f"{told(rows)} look like it and are more than were sent from here, so that somebody else's is "
        "among them; say which one it is"
    )


def _of_unlike(rows: Iterable[ListedOrder]) -> str:
    return f"{told(rows)} could be it or another order from here that is not quite equal; say which one it is"


def _of_leaving(rows: Iterable[ListedOrder]) -> str:
    return f"{told(rows)} could be it or an equal one that is just being sent; recover again in a moment"


def told(rows: Iterable[ListedOrder]) -> str:
    """The numbers of orders for a sentence; with the branch where one number is that of two."""
    ordered = sorted((row.number, row.branch) for row in rows)
    often = Counter(number for number, _ in ordered)
    names = [
        f"{number} (branch {branch})" if often[number] > 1 and branch else str(number)
        for number, branch in ordered
    ]
    text = ", ".join(names[:_TOLD])
    if len(names) > _TOLD:
        text += f" and {len(names) - _TOLD} more"
    return f"order {text}" if len(names) == 1 else f"orders {text}"
