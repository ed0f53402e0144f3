"""What the tests of the desk share: a KIS that lists what it took, clients with a journal, processes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kis_sync import KISBroker, Limit, OrderLimits, OrderUncertainError, Settings, Simulator
from kis_sync.catalog import Effect, endpoints
from kis_sync.clock import KST, Clock, ShiftedClock
from kis_sync.orders.entry import Entry
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order
from kis_sync.orders.sending import Sender
from kis_sync.sim.trading.ledger import Account
from kis_sync.sim.trading.resting import RestingOrder
from tests.api.order_rows import history_row
from tests.fake_kis import RECEIPT, FakeKIS, ok
from tests.servers import Action, Request, answer
from tests.sleeping_clock import SleepingClock

TOP = Path(__file__).parents[2]
ORDERS = ("order-cash", "order-rvsecncl")


@dataclass
class ListingKIS(FakeKIS):
    """Gives each order a number of its own and lists it; answers any other order in its documented shape.

    ``at_request`` is called with each request before it is answered. ``taken`` are the rows that it lists,
    ``hides`` leaves them out.
    """

    at_request: Callable[[Request], object] = field(default=lambda request: None)
    taken: list[dict[str, object]] = field(default_factory=list)
    hides: bool = False

    def __post_init__(self) -> None:
        self.script = self._watched

    def take(self, request: Request) -> dict[str, object]:
        """Carry out a cash order; its row."""
        asked, now = request.json(), datetime.now(KST)
        with self._lock:
            row = history_row(
                f"{38_601 + len(self.taken):010}",
                ord_dt=f"{now:%Y%m%d}",
                ord_tmd=f"{now:%H%M%S}",
                pdno=asked["PDNO"],
                sll_buy_dvsn_cd="02" if (request.header("tr_id") or "").endswith("12U") else "01",
                ord_qty=asked["ORD_QTY"],
                ord_unpr=asked["ORD_UNPR"],
                ord_dvsn_cd=asked["ORD_DVSN"],
                tot_ccld_qty="0",
                avg_prvs="0",
                cncl_cfrm_qty="0",
                rmn_qty=asked["ORD_QTY"],
                excg_id_dvsn_cd="KRX",
                excg_dvsn_cd="02",
            )
            self.taken.append(row)
            return row

    def take_last(self, connection: socket.socket) -> bool:
        """An action: carry out the cash order that came last, and say nothing."""
        del connection
        self.take(self.named("order-cash")[-1])
        return True

    def script_of_order(self, connection: socket.socket) -> bool:
        """An action: answer the cash order that came last as ever."""
        return self._usual(self.named("order-cash")[-1])(connection)

    def _watched(self, request: Request) -> Action:
        self.at_request(request)
        return self._act(request)

    def _usual(self, request: Request) -> Action:
        keys = {"ctx_area_fk100": " " * 100, "ctx_area_nk100": " " * 100}
        if request.name == "inquire-daily-ccld":
            return ok(output1=[] if self.hides else list(self.taken), output2={}, **keys)
        if request.name == "inquire-psbl-rvsecncl":
            return ok(output=[], **keys)
        if request.name == "order-cash":
            self.accepted.append(request)
            return ok(output={**RECEIPT, "ODNO": self.take(request)["odno"]})
        known = next((each for each in endpoints().values() if each.path == request.path), None)
        if known is not None and known.effect is Effect.ORDER:
            given: dict[str, object] = {"list": [{"RSVN_ORD_SEQ": "7"}], "object": RECEIPT}
            return answer({"rt_cd": "0", **{name: given[shape] for name, shape in known.outputs.items()}})
        return super()._usual(request)


def journalling(kis: FakeKIS, folder: Path, **changes: Any) -> contextlib.AbstractContextManager[KISBroker]:
    """A broker on that server with its journal in a folder."""
    return kis.broker(keep_journal=True, data_dir=folder, **changes)


def journal_of(broker: KISBroker) -> Journal:
    """The journal behind a broker's desk."""
    return broker.order_desk()._journal


def sender_of(broker: KISBroker) -> Sender:
    """The sender behind a broker's desk."""
    return broker.order_desk()._sender


def entries_of(broker: KISBroker) -> list[Entry]:
    """Every entry of a broker's journal."""
    return journal_of(broker).entries()


def states_in(folder: Path) -> list[str]:
    """The states of all entries in a folder's journal, read from the file as another program would."""
    found = list(folder.glob("orders-*.sqlite3"))
    if not found:
        return []
    with contextlib.closing(sqlite3.connect(found[0], timeout=20)) as connection:
        return [row[0] for row in connection.execute("SELECT state FROM entries ORDER BY id")]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program keeps the journal of a folder locked."""
    (path,) = folder.glob("orders-*.sqlite3")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


# -- on the simulator ----------------------------------------------------------------------------------


class World:
    """A simulator whose time only passes by waiting, and clients of one account with a journal."""

    def __init__(self, sim: Simulator, clock: SleepingClock, folder: Path) -> None:
        self.sim = sim
        self.clock = clock
        self.folder = folder
        self.kept: list[tuple[KISBroker, Clock]] = []  # so that no clock is taken for a later one's

    def client(self, *, ahead: float = 0.0, **changes: Any) -> KISBroker:
        """A new client, as another process would have it: it shares the journal's file and nothing else.

        Its clock is so many seconds ahead.
        """
        own_clock = ShiftedClock(self.clock, timedelta(seconds=ahead))
        broker = KISBroker(self.settings(**changes), clock=own_clock)
        self.kept.append((broker, own_clock))
        return broker

    def settings(self, **changes: Any) -> Settings:
        sim = self.sim
        known: dict[str, Any] = {
            "app_key": sim.app_key,
            "app_secret": sim.app_secret,
            "account_no": sim.account_no,
            "mode": sim.mode,
            "base_url": sim.base_url,
            "rate_limit_rps": 1e9,
            "ledger_rate_limit_rps": 1e9,
            "allow_live_orders": True,
            "store_access_token": False,
            "shared": "process",
            "data_dir": self.folder,
            "use_hashkey": False,
            "order_limits": OrderLimits(check_funds=False),
            "proxies": {},
        }
        return Settings(**{**known, **changes})

    @property
    def account(self) -> Account:
        return self.sim.brokerage.account(self.sim.app_key, *self.sim.account_no.split("-"))

    def orders(self) -> list[RestingOrder]:
        """What the exchange has of the account, by now."""
        with self.sim.brokerage.present():
            return self.sim.brokerage.orders_of(self.account)

    def order(self, number: str | int) -> RestingOrder:
        return next(order for order in self.orders() if order.number == int(number))

    def asked(self, name: str) -> int:
        """How many calls of that path the simulator answered."""
        return sum(entry.path.endswith(f"/{name}") for entry in self.sim.log)

    def close(self) -> None:
        for broker, _ in self.kept:
            journal_of(broker).close_file()
            broker.close()


@contextlib.contextmanager
def world(folder: Path, mode: str = "live", **options: Any) -> Iterator[World]:
    """A fresh world at 10:30 of a trading day."""
    clock = SleepingClock()
    options = {"cash": 10**10, **options}
    with Simulator(mode=mode, clock=clock, limit=1e9, reissue_returns_dead_token=False, **options) as sim:
        made = World(sim, clock, folder)
        try:
            yield made
        finally:
            made.close()
        assert not list(sim.errors), sim.errors


# -- other processes -----------------------------------------------------------------------------------


PRELUDE = """
import json, os, signal, sys
from kis_sync import *
from kis_sync.errors import *
from kis_sync.orders.journal import Journal
from kis_sync.transport import Transport
given = json.loads(sys.argv[1])
limits = OrderLimits(check_hours=False, check_funds=False, most_won_a_day=given.pop("most_won_a_day"))
broker = KISBroker(Settings(**given, order_limits=limits, retry=RetryPolicy(first_wait=0.0)))
def say(*what):
    print(*what, flush=True)
def wait():
    sys.stdin.readline()
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def die_before(owner, name):
    setattr(owner, name, die)
def die_after(owner, name):
    real = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: (real(*given, **named), die()))
"""


@contextlib.contextmanager
def other_process(
    settings: Settings, script: str, *, most_won_a_day: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process with a ``broker`` of these settings that runs the script; killed at the end."""
    names = (
        "app_key", "app_secret", "account_no", "base_url", "rate_limit_rps", "ledger_rate_limit_rps",
        "store_access_token", "connect_timeout", "read_timeout", "order_timeout", "allow_live_orders",
    )  # fmt: skip
    given = {name: getattr(settings, name) for name in names}
    given |= {"mode": settings.mode, "data_dir": str(settings.data_dir), "proxies": {}}
    given["most_won_a_day"] = most_won_a_day
    started = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(TOP), "PYTHONIOENCODING": "utf-8"},
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


class Arrival:
    """Tells when a request of a name has arrived, while what happens to it goes on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._arrived = threading.Event()

    def __call__(self, request: Request) -> None:
        if request.name == self._name:
            self._arrived.set()

    def wait(self) -> None:
        assert self._arrived.wait(20), f"no request for {self._name} arrived"


# -- orders on the simulator ---------------------------------------------------------------------------

CODE, OTHER = "005930", "000660"
NEW, CHANGE = "domestic_stock.order_cash", "domestic_stock.order_rvsecncl"


def low(broker: KISBroker, code: str = CODE) -> int:
    found = broker.get_price(code).lower_limit
    assert found is not None
    return found


def resting(broker: KISBroker, quantity: int = 5, name: str | None = None, code: str = CODE) -> Order:
    return broker.buy(code, quantity, Limit(low(broker, code)), name)


def lost(made: World, broker: KISBroker, name: str, fault: str = "drop_after", quantity: int = 5) -> None:
    """An order whose answer never came."""
    made.sim.faults.next(NEW, fault)
    with pytest.raises(OrderUncertainError):
        resting(broker, quantity, name)


class Death(BaseException):
    """The process is gone."""


@contextlib.contextmanager
def die_before_the_outcome(broker: KISBroker) -> Iterator[None]:
    """The client's process ends when its order has run, and nothing is noted any more."""

    def die(*given: object, **named: object) -> NoReturn:
        raise Death

    journal_of(broker).close = die  # type: ignore[method-assign]
    with pytest.raises(Death):
        yield


def numbers(orders: tuple[Order, ...]) -> list[int]:
    return [int(order.number) for order in orders]
