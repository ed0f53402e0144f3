"""Who traded: a day's volume of a listing, split between kinds of investors and between brokers.

Drawn from code and day alone; what one side bought another sold, so that everything adds up to the volume.
This room changes when another split is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

GROUPS = ("prsn", "frgn", "orgn")
"""Private persons, foreigners, institutions: nobody else trades here (KIS leaves other corporations out)."""

_USUAL = (0.55, 0.25, 0.20)


class Broker(NamedTuple):
    """A member of the exchange as KIS numbers and names it."""

    number: str
    name: str
    is_foreign: bool = False


_BROKERS = (
    Broker("00050", "키움증권"),
    Broker("00005", "미래에셋증권"),
    Broker("00030", "삼성증권"),
    Broker("00003", "한국투자증권"),
    Broker("00017", "KB증권"),
    Broker("00002", "신한투자"),
    Broker("00086", "BNK증권"),
    Broker("00033", "JP모간", True),
    Broker("00045", "골드만", True),
    Broker("00036", "모간서울", True),
)


class Side(NamedTuple):
    """What each group traded on one side of a day: shares, in the order of ``GROUPS``."""

    bought: Sequence[int]
    sold: Sequence[int]


def split_by_group(code: str, day: date, volume: int) -> Side:
    """Shares bought and sold by each group; both add up to the volume."""
    rng = random.Random(f"groups:{code}:{day}")
    return Side(*(_parts(volume, [usual * rng.uniform(0.6, 1.4) for usual in _USUAL]) for _ in range(2)))


def net_foreign(code: str, day: date, volume: int) -> int:
    """Shares that foreigners bought on a day less those they sold."""
    side, place = split_by_group(code, day, volume), GROUPS.index("frgn")
    return side.bought[place] - side.sold[place]


def split_by_broker(code: str, day: date, volume: int) -> tuple[list[tuple[Broker, int]], ...]:
    """Sellers and buyers of a day so far, each with its shares, the largest first."""
    rng = random.Random(f"brokers:{code}:{day}")
    sides = []
    for _ in range(2):
        weights = [rng.uniform(0.2, 1.0) ** 2 for _ in _BROKERS]
        parts = _parts(volume, weights)
        sides.append(sorted(zip(_BROKERS, parts, strict=True), key=lambda each: -each[1]))
    return tuple(sides)


def _parts(whole: int, weights: Sequence[float]) -> list[int]:
    """A whole number in parts of these weights; what is lost in rounding goes to the first."""
    total = sum(weights)
    parts = [int(whole * weight / total) for weight in weights]
    parts[0] += whole - sum(parts)
    return parts
