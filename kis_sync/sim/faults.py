"""Faults on demand: what the server shall do wrong with the next calls to an API.

This room changes when another way of failing is to be provoked.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from kis_sync import catalog

ANY = "*"


class Fault(str, enum.Enum):
    """One way to fail; the order of the members is the order in which they strike within a call."""

    DELAY = "delay"  # wait, then go on as usual
    DROP_BEFORE = "drop_before"  # close the connection without having done anything
    RESET = "reset"  # the same with a TCP reset
    STATUS_500 = "status_500"  # HTTP 500 with an empty body, nothing done
    RATE_LIMIT = "EGW00201"  # refused as if too many calls had come
    LEDGER_LIMIT = "EGW00215"  # refused as if the ledger had too many calls
    DEAD_TOKEN = "dead_token"  # every access token of the caller is revoked (EGW00121)
    EXPIRED_TOKEN = "expired_token"  # every access token of the caller expires (EGW00123); the next is new
    DROP_AFTER = "drop_after"  # do the work, then close the connection without an answer
    HALF_BODY = "half_body"  # do the work, send the head and half of the body, then close


@dataclass(slots=True)
class _Planned:
    target: str
    fault: Fault
    left: int
    seconds: float


class Faults:
    """The faults that are planned, first come, first served; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def next(self, target: str, fault: Fault | str, count: int = 1, *, seconds: float = 0.0) -> None:
        """Let the next ``count`` calls to ``target`` fail.

        ``target`` is a path, the name of an API (``domestic_stock.inquire_price``) or ``"*"``; ``seconds``
        is for ``delay``. Raises ``ValueError`` for an unknown fault, ``InvalidRequestError`` for an unknown
        API.
        """
        path = target if target.startswith("/") or target == ANY else catalog.endpoint(target).path
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        with self._lock:
            self._planned.append(_Planned(path, Fault(fault), count, seconds))

    def clear(self) -> None:
        """Plan nothing any more."""
        with self._lock:
            self._planned.clear()

    @property
    def left(self) -> int:
        """How many planned faults have not struck yet."""
        with self._lock:
            return sum(planned.left for planned in self._planned)

    def take(self, path: str) -> Struck:
        """The faults that strike this call to ``path``: at most one planned entry of each kind."""
        if not self._planned:
            return NOTHING
        with self._lock:
            return Struck(dict(self._take(path)))

    def _take(self, path: str) -> Iterator[tuple[Fault, float]]:
        met: set[Fault] = set()
        for planned in list(self._planned):
            if planned.target not in (path, ANY) or planned.fault in met:
                continue
            met.add(planned.fault)
            planned.left -= 1
            if not planned.left:
                self._planned.remove(planned)
            yield planned.fault, planned.seconds


@dataclass(frozen=True, slots=True)
class Struck:
    """The faults of one call, with the seconds of each."""

    faults: dict[Fault, float]

    def __contains__(self, fault: Fault) -> bool:
        return fault in self.faults

    def __bool__(self) -> bool:
        return bool(self.faults)


NOTHING = Struck({})
