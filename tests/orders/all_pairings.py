"""The largest pairings of a small graph, by trying everything."""

from __future__ import annotations

from collections.abc import Iterator


def all_pairings(claims: dict[int, list[int]]) -> Iterator[dict[int, int]]:
    if not claims:
        yield {}
        return
    claimant, *others = claims
    rest = {other: claims[other] for other in others}
    yield from all_pairings(rest)
    for number in claims[claimant]:
        without = {other: [each for each in numbers if each != number] for other, numbers in rest.items()}
        for pairing in all_pairings(without):
            yield {claimant: number, **pairing}


def largest(claims: dict[int, list[int]]) -> list[dict[int, int]]:
    everything = list(all_pairings(claims))
    most = max(map(len, everything))
    return [pairing for pairing in everything if len(pairing) == most]
