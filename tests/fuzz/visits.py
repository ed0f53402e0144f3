"""Visits to the simulator in process: mutated requests by the chunk, and what its answers must be.

The simulator remembers, so cases come in chunks that begin with a simulator of their own; a finding is run
again by running its chunk up to it. This room changes when more, or less, is promised of the simulator.
"""

from __future__ import annotations

import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from kis_sync import catalog
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.door.wire import Request, Response
from kis_sync.sim.oauth import Customer
from kis_sync.sim.prices.market import Market
from tests.fuzz import telltale
from tests.fuzz.request_mutations import Shot, mutated, usual

CHUNK = 500
STATUSES = frozenset({200, 400, 403, 404, 405, 411, 413, 414, 431, 500, 501, 505})
_SLOW = 5.0  # seconds of the processor; a first ranking of the whole market takes one
_SIMULATED = 0.8  # of the requests go to what is simulated, the others to the rest of the catalogue
_TIMES = (
    datetime(2026, 11, 24, 10, 30), datetime(2026, 11, 24, 15, 40), datetime(2026, 11, 24, 15, 5),
    datetime(2026, 11, 22, 12, 0), datetime(2026, 11, 19, 10, 15), datetime(2026, 11, 24, 23, 59),
)  # fmt: skip
_KEPT = 60


@dataclass(frozen=True)
class Fault:
    """A promise that the simulator did not keep."""

    replay: str
    name: str
    what: str


@dataclass
class Visits:
    """What came of many requests."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")

    def find(self, replay: str, name: str, what: str) -> None:
        """Count a fault; keep the first of its kind."""
        kind = (name, what.partition("\n")[0][:100])
        self.kinds[kind] += 1
        if self.kinds[kind] == 1 and len(self.faults) < _KEPT:
            self.faults.append(Fault(replay, name, what))

    def add(self, other: Visits) -> None:
        """Take in the visits of another process."""
        self.requests += other.requests
        self.statuses += other.statuses
        self.codes += other.codes
        self.names += other.names
        for fault in other.faults:
            self.find(fault.replay, fault.name, fault.what)
        self.kinds += other.kinds
        self.slowest = max(self.slowest, other.slowest)


@cache
def _market() -> Market:
    return Market(1)


def simulator(rng: random.Random) -> Simulator:
    """A simulator in either mode, at some time of day, with or without examples."""
    customer = Customer(telltale.APP_KEY, telltale.APP_SECRET, f"{telltale.ACCOUNT}-01")
    return Simulator(
        mode=rng.choice(("live", "live", "paper")),
        customers=[customer],
        clock=ManualClock(rng.choice(_TIMES).replace(tzinfo=KST)),
        market=_market(),
        limit=1e9,
        examples=rng.random() < 0.5,
        order_needs_all_keys=rng.random() < 0.1,
        full_page_says_more=rng.random() < 0.1,
    )


class Visitor:
    """Makes the requests of one chunk; ``deliver`` takes each to the simulator."""

    def __init__(self, seed: int, chunk: int) -> None:
        self.rng = random.Random(f"{seed}:{chunk}:door")
        self.sim = simulator(self.rng)
        self.where = f"{seed}:{chunk}"
        self._simulated = sorted(self.sim.app.routes)
        self._others = sorted(set(catalog.endpoints()) - set(self._simulated))
        self._token = ""
        self._values: dict[str, str] = {}
        self.renew()
        self._place_an_order()

    def renew(self) -> None:
        """Get a living access token."""
        self.sim.oauth.reset()
        fields = {
            "grant_type": "client_credentials",
            "appkey": telltale.APP_KEY,
            "appsecret": telltale.APP_SECRET,
        }
        self._token = str(self.sim.oauth.issue(fields)["access_token"])

    def normal(self, name: str = "domestic_stock.inquire_price") -> Shot:
        """A request that has always an answer."""
        return usual(catalog.endpoint(name), self.sim.mode, self._token, random.Random(1), self._values)

    def next(self) -> tuple[str, Shot]:
        """The name of an API, and a mutated request to it."""
        rng = self.rng
        name = rng.choice(self._simulated if rng.random() < _SIMULATED else self._others)
        shot = usual(catalog.endpoint(name), self.sim.mode, self._token, rng, self._values)
        return name, mutated(rng, shot)

    def _place_an_order(self) -> None:
        """Where the market is open: buy some, and leave an order at the lower limit, to be changed."""
        quote, known = self._answer(self.normal()), catalog.endpoint("domestic_stock.order_cash")
        for price, kind in (("0", "01"), (quote.get("stck_llam", "1"), "00")):
            self._values |= {"ORD_UNPR": price, "ORD_DVSN": kind}
            shot = self.normal(known.name)
            shot.headers.append(("tr_id", known.tr_id(self.sim.mode, "buy")))  # the last one counts
            placed = self._answer(shot)
            number, branch = placed.get("ODNO", "0000000001"), placed.get("KRX_FWDG_ORD_ORGNO", "06010")
            self._values |= {"ORGN_ODNO": number, "KRX_FWDG_ORD_ORGNO": branch}

    def _answer(self, shot: Shot) -> dict[str, str]:
        """The output of an answer; nothing where there is none, for the visits find what is wrong then."""
        try:
            output = json.loads(self.sim.app.answer(request_of(shot)).body)["output"]
        except Exception:  # noqa: BLE001  (the same fault meets the visits, which tell it)
            return {}
        return output if isinstance(output, dict) else {}


def visit(
    seed: int, chunk: int, count: int, visits: Visits, watch: Callable[[Shot, Response], None] | None = None
) -> None:
    """Send ``count`` requests of a chunk through the app, and judge the answers."""
    visitor = Visitor(seed, chunk)
    for index in range(count):
        name, shot = visitor.next()
        replay = f"python -m tests.fuzz.door --replay {visitor.where}:{index}"
        started = time.thread_time()
        try:
            response = visitor.sim.app.answer(request_of(shot))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is a fault)
            visits.find(
                replay, name, f"{_place(error)}\n{shot.method} {shot.target[:300]} {shot.body[:200]!r}"
            )
            continue
        took = time.thread_time() - started
        if watch is not None:
            watch(shot, response)
        visits.requests += 1
        visits.names[name] += 1
        visits.statuses[response.status] += 1
        visits.codes[response.msg_cd] += 1
        visits.slowest = max(visits.slowest, (took, f"{name} {visitor.where}:{index}"))
        for what in _faults(shot, response, took):
            visits.find(replay, name, f"{what}\n{shot.method} {shot.target[:300]}")
        if response.status == 200 and response.body.startswith(b'{"code":200'):
            visitor.renew()  # it was revoked
    for what in _log_faults(visitor.sim, visits):
        visits.find(f"chunk {visitor.where}", "log", what)


def request_of(shot: Shot) -> Request:
    """What the server makes of it."""
    return Request.parse(shot.method, shot.target, dict(shot.headers), shot.body)


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:120]} at {Path(last.filename).name}:{last.lineno}"


def _faults(shot: Shot, response: Response, took: float) -> Iterator[str]:
    if response.cut is not None:
        yield f"the connection was cut: {response.cut}"
    if response.status not in STATUSES:
        yield f"HTTP {response.status}"
    if took > _SLOW:
        yield f"it took {took:.1f} s"
    yield from body_faults(response.body)
    headers = "".join(f"{name}: {value}\n" for name, value in response.headers)
    yield from secret_faults(shot, response.body.decode("utf-8", "replace") + headers)


def body_faults(body: bytes) -> Iterator[str]:
    """What is wrong with a body: it is always one of KIS's envelopes."""
    try:
        content = json.loads(body.decode())
    except ValueError as error:
        yield f"the body is no JSON ({error}): {body[:100]!r}"
        return
    if not isinstance(content, dict):
        yield f"the body is no object: {body[:100]!r}"
    elif "rt_cd" in content:
        if not all(isinstance(content.get(name), str) for name in ("rt_cd", "msg_cd", "msg1")):
            yield f"the envelope is not whole: {body[:100]!r}"
    elif not {"error_code", "access_token", "approval_key", "HASH", "code"} & content.keys():
        yield f"the body is no envelope: {body[:100]!r}"


def secret_faults(shot: Shot, text: str) -> Iterator[str]:
    """Whether an answer tells the secret, which came in its proper place only."""
    if not shot.tells and "hashkey" not in shot.path and "app secret" in telltale.told(text):
        yield f"the answer tells the secret: {text[:200]!r}"


def _log_faults(sim: Simulator, visits: Visits) -> Iterator[str]:
    kept = sum(1 for entry in sim.log if telltale.APP_SECRET in repr(entry._replace(tr_id="")))
    if kept:
        yield f"the log tells the secret in {kept} entries"
    if sim.errors:
        yield f"errors: {list(sim.errors)[:3]}"
