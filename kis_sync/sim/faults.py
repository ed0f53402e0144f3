"""Faults on demand: what the server shall do wrong with the next calls to an API, or with any at random.

This room changes when another way of failing is to be provoked.
"""

from __future__ import annotations

import enum
import math
import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kis_sync import catalog
from kis_sync.sim.unlisted import LISTS, Unlisted

ANY = "*"


class Fault(str, enum.Enum):
    """One way to fail; the order of the members is the order in which they strike within a call."""

    DELAY = "delay"  # wait, then go on as usual
    DROP_BEFORE = "drop_before"  # close the connection without having done anything
    RESET = "reset"  # the same with a TCP reset
    STATUS_500 = "status_500"  # HTTP 500 with an empty body, nothing done
    CONNECT_TIMEOUT = "EGW00301"  # the gateway did not reach what is behind it in time, nothing done
    TIMEOUT = "EGW00302"  # the gateway did not wait long enough, nothing done
    RATE_LIMIT = "EGW00201"  # refused as if too many calls had come
    LEDGER_LIMIT = "EGW00215"  # refused as if the ledger had too many calls
    DEAD_TOKEN = "dead_token"  # every access token of the caller is revoked (EGW00121)
    EXPIRED_TOKEN = "expired_token"  # every access token of the caller expires (EGW00123); the next is new
    UNLISTED = "unlisted"  # do the work, but leave the order out of the lists for a while; a list: show none
    DROP_AFTER = "drop_after"  # do the work, then close the connection without an answer
    RESET_AFTER = "reset_after"  # the same with a TCP reset
    HALF_BODY = "half_body"  # do the work, send the head and half of the body, then close
    STATUS_500_AFTER = "status_500_after"  # do the work, then HTTP 500 with an empty body
    CONNECT_TIMEOUT_AFTER = "EGW00301_after"  # do the work, then say EGW00301
    TIMEOUT_AFTER = "EGW00302_after"  # do the work, then say EGW00302
    GARBAGE = "garbage"  # do the work, then HTTP 200 with a body that nobody can read
    DELAY_AFTER = "delay_after"  # do the work, wait, then answer

    @property
    def ends_call(self) -> bool:
        """Whether the caller gets something else than the call's own answer."""
        return self not in _PASSING


_PASSING = frozenset({Fault.DELAY, Fault.UNLISTED, Fault.DELAY_AFTER})


class Struck:
    """The faults planned for one call, with the seconds of each; ``felt`` are those that did strike it."""

    __slots__ = ("faults", "felt")

    def __init__(self, faults: Mapping[Fault, float]) -> None:
        self.faults = faults
        self.felt: list[Fault] = []

    def __contains__(self, fault: Fault) -> bool:
        return fault in self.faults

    def __bool__(self) -> bool:
        return bool(self.faults)

    def by(self, fault: Fault) -> bool:
        """Whether this fault strikes the call, now; it is noted then."""
        if fault not in self.faults:
            return False
        self.felt.append(fault)
        return True

    def by_one_of(self, faults: Iterable[Fault]) -> Fault | None:
        """The first of the faults that strikes the call, now."""
        return next((fault for fault in faults if self.by(fault)), None)

    def seconds(self, fault: Fault) -> float:
        """The seconds of a fault if it strikes the call, now; 0 otherwise."""
        return self.faults[fault] if self.by(fault) else 0.0


@dataclass(slots=True)
class _Planned:
    target: str
    fault: Fault
    left: int
    seconds: float


@dataclass(slots=True)
class _Random:
    """Faults drawn anew for each call; the draws depend on nothing but seed, target and serial."""

    target: str
    shares: Mapping[Fault, float]
    seed: int
    seconds: float
    serial: int = 0

    def draw(self) -> Iterator[Fault]:
        """The faults of the next call: at most one that ends it, each other one by itself."""
        self.serial += 1
        point, reached = self._point(), 0.0
        for fault, share in self.shares.items():
            if not fault.ends_call:
                if self._point(fault.value) < share:
                    yield fault
            elif reached <= point < reached + share:
                yield fault
            reached += share if fault.ends_call else 0.0

    def _point(self, salt: str = "") -> float:
        return random.Random(f"{self.seed} {self.target} {self.serial} {salt}").random()


class Faults:
    """What is planned to go wrong, and what did; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []
        self._random: list[_Random] = []
        self._struck: Counter[Fault] = Counter()
        self.unlisted = Unlisted()

    def next(self, target: str, fault: Fault | str, count: int = 1, *, seconds: float = 0.0) -> None:
        """Let the next ``count`` calls to ``target`` fail.

        ``target`` is a path, the name of an API (``domestic_stock.inquire_price``) or ``"*"``; ``seconds``
        is for ``delay`` and ``delay_after``, and tells how long an ``unlisted`` order is left out; planned on
        a list of orders, ``unlisted`` needs none and lets that list come empty for the call. Raises
        ``ValueError`` for an unknown fault or seconds that do not fit, ``InvalidRequestError`` for an
        unknown API.
        """
        path = _path_of(target)
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        planned = _Planned(path, Fault(fault), count, _checked(seconds, [Fault(fault)], path))
        with self._lock:
            self._planned.append(planned)

    def at_random(
        self,
        target: str,
        shares: Mapping[Fault, float] | Mapping[str, float],
        *,
        seed: int = 1,
        seconds: float = 0.0,
    ) -> None:
        """Let each call to ``target`` fail by each fault with its share of the calls, until ``clear()``.

        A share lies between 0 and 1. At most one fault that ends a call strikes it (their shares together are
        at most 1); ``delay``, ``delay_after`` and ``unlisted`` come on top. Which call is struck by what
        depends on ``seed``, ``target`` and the serial of the call alone. Planned twice for one call, what
        was planned with ``next`` comes first, then what was planned earlier. ``seconds`` and what is
        raised: see ``next``; ``ValueError`` also for shares that do not fit.

        >>> faults = Faults()
        >>> faults.at_random("domestic_stock.order_cash", {"drop_after": 0.1, "reset": 0.1}, seed=7)
        """
        given = {Fault(fault): share for fault, share in shares.items()}
        for fault, share in given.items():
            if not 0 <= share <= 1:
                raise ValueError(f"the share of {fault.value} must lie between 0 and 1, not {share}")
        together = math.fsum(share for fault, share in given.items() if fault.ends_call)
        if together > 1:
            raise ValueError(f"the shares of faults that end a call are at most 1 together, not {together}")
        ordered = {fault: given[fault] for fault in Fault if fault in given}
        path = _path_of(target)
        plan = _Random(path, ordered, seed, _checked(seconds, ordered, path))
        with self._lock:
            self._random.append(plan)

    def clear(self) -> None:
        """Plan nothing any more; an order that is left out of the lists stays so for its time."""
        with self._lock:
            self._planned.clear()
            self._random.clear()

    def reset(self) -> None:
        """Plan nothing any more and forget what struck; every order is listed."""
        with self._lock:
            self._planned.clear()
            self._random.clear()
            self._struck.clear()
        self.unlisted.clear()

    @property
    def left(self) -> int:
        """How many faults planned with ``next`` have not struck yet."""
        with self._lock:
            return sum(planned.left for planned in self._planned)

    @property
    def struck(self) -> Counter[Fault]:
        """How many calls each fault did strike, since the start or the last ``reset()``."""
        with self._lock:
            return self._struck.copy()

    def count(self, struck: Struck) -> None:
        """Add what a call felt to the sums."""
        if struck.felt:
            with self._lock:
                self._struck.update(struck.felt)

    def take(self, path: str) -> Struck:
        """The faults that strike this call to ``path``: at most one planned entry of each kind."""
        if not self._planned and not self._random:
            return Struck({})
        with self._lock:
            taken = dict(self._take(path))
            for fault, seconds in self._drawn(path):
                is_over = fault.ends_call and any(each.ends_call for each in taken)
                if fault not in taken and not is_over:
                    taken[fault] = seconds
            return Struck(taken)

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

    def _drawn(self, path: str) -> Iterator[tuple[Fault, float]]:
        for plan in self._random:
            if plan.target in (path, ANY):
                for fault in plan.draw():
                    yield fault, plan.seconds


def _path_of(target: str) -> str:
    return target if target.startswith("/") or target == ANY else catalog.endpoint(target).path


def _checked(seconds: float, faults: Iterable[Fault], path: str) -> float:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"seconds must be a number of at least 0, not {seconds}")
    is_list = path in map(_path_of, LISTS)
    if not seconds and Fault.UNLISTED in faults and not is_list:
        raise ValueError("say how many seconds an unlisted order is left out of the lists")
    return seconds
