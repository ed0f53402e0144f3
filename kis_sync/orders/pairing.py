"""Pairing claimants with what they claim: as many as can be, and what is certain about it. Pure graphs.

A claim is a number that could be the claimant's. This room changes when claims are shared out otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

Claims = Mapping[int, Sequence[int]]
"""What each claimant could own, the likeliest first; earlier claimants are served first."""


def pair(claims: Claims) -> dict[int, int]:
    """A largest set of pairs, claimant to number; nothing is in two of them.

    Each claimant in turn looks for a free number along alternating paths (Kuhn), so that one who got a pair
    keeps one. What a vain search has seen leads to nothing free for anybody later either and is not looked
    at again.
    """
    owners: dict[int, int] = {}
    held: dict[int, int] = {}
    dead: set[int] = set()
    for claimant in claims:
        reached: dict[int, int] = {}  # number -> from which claimant it was reached
        free = _free_number(claimant, claims, owners, dead, reached)
        if free is None:
            dead.update(reached)
            continue
        number = free
        while True:  # everybody on the path moves on to the number that was found from him
            mover = reached[number]
            left = held.get(mover)
            owners[number], held[mover] = mover, number
            if left is None:
                break
            number = left
    return held


def _free_number(
    start: int, claims: Claims, owners: Mapping[int, int], dead: set[int], reached: dict[int, int]
) -> int | None:
    queue = [start]
    for claimant in queue:
        for number in claims[claimant]:
            if number in reached or number in dead:
                continue
            reached[number] = claimant
            if number not in owners:
                return number
            queue.append(owners[number])
    return None


def crowded(claims: Claims, pairs: Mapping[int, int]) -> tuple[set[int], set[int]]:
    """The claimants and numbers of the parts that have more numbers than claimants.

    Somebody there holds a number that is not his in one of the largest sets of pairs or another; whoever is
    outside holds none that could be left over. This does not depend on which largest set is given
    (Dulmage and Mendelsohn).
    """
    askers = defaultdict(list)
    for claimant, numbers in claims.items():
        for number in numbers:
            askers[number].append(claimant)
    over = list(set(askers) - set(pairs.values()))
    seen, touched = set(over), set()
    for number in over:
        for claimant in askers[number]:
            touched.add(claimant)
            if pairs[claimant] not in seen:
                seen.add(pairs[claimant])
                over.append(pairs[claimant])
    return touched, seen


def components(claims: Claims) -> Iterator[list[int]]:
    """The groups of claimants that compete with each other, directly or through others."""
    askers = defaultdict(list)
    for claimant, numbers in claims.items():
        for number in numbers:
            askers[number].append(claimant)
    seen: set[int] = set()
    for first in claims:
        if first in seen:
            continue
        seen.add(first)
        group = [first]
        for claimant in group:
            for number in claims[claimant]:
                for other in askers.pop(number, ()):
                    if other not in seen:
                        seen.add(other)
                        group.append(other)
        yield group
