"""One worker of the campaign of orders: a client that works through its share of the plan, and may be killed.

    python -m tests.benchmarks.order_worker FOLDER NUMBER whole|mark

It notes what it was told of each wish as soon as it knows. Started again, it begins its plan anew
(``whole``), so that every repeat must return the first order, or goes on with what it has no note of
(``mark``). This room changes when a client would go about its orders in another way.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import kis_sync.caller
from kis_sync import KISBroker, RetryPolicy, Settings
from kis_sync.api.domestic_stock.order_type import OrderType, order_type
from kis_sync.errors import InvalidRequestError, KISError, OrderUncertainError, RequestRefusedError
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.order import Order
from tests.benchmarks.audit import DONE, REFUSED
from tests.benchmarks.order_plan import PlannedOrder, read

OPEN = "open"
SABOTAGE = ("retry",)
"""Ways to break the client: ``retry`` sends an order again although it may have run."""
_TRIES = 25  # of a wish that did not run, one after the other
_BETWEEN = 3.0  # seconds on average between two looks at what is uncertain
_RATE = 1e9  # calls a second: a refusal halves the slots, and here only the number of refusals is great


@dataclass(frozen=True)
class Setup:
    """What every process of the campaign shares; ``patience`` is how long workers go back to what is open."""

    url: str
    app_key: str
    app_secret: str
    account_no: str
    mode: str
    folder: str
    order_timeout: float
    settling_seconds: float
    patience: float
    sabotage: str = ""

    def settings(self, *, all_checks: bool) -> Settings:
        """The client's settings; with ``all_checks`` every guard is on, also those that ask more."""
        limits = OrderLimits() if all_checks else OrderLimits(check_funds=False, fat_finger_percent=None)
        return Settings(
            app_key=self.app_key,
            app_secret=self.app_secret,
            account_no=self.account_no,
            mode=self.mode,
            base_url=self.url,
            rate_limit_rps=_RATE,
            ledger_rate_limit_rps=_RATE,
            shared="process",  # the limits are another script's matter
            allow_live_orders=True,
            retry=RetryPolicy(attempts=4, total_seconds=10, first_wait=0.02, longest_wait=0.1),
            cache_dir=self.folder,
            data_dir=self.folder,
            proxies={},
            read_timeout=2.0,
            order_timeout=self.order_timeout,
            settling_seconds=self.settling_seconds,
            order_limits=limits,
        )

    def write(self) -> None:
        """Write it down for the workers."""
        Path(self.folder, "setup.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: str) -> Setup:
        """As it was written down."""
        return cls(**json.loads(Path(folder, "setup.json").read_text(encoding="utf-8")))


class Notes:
    """What a worker was told, a line each, on disk at once; the last line of a wish counts."""

    def __init__(self, folder: str, worker: int) -> None:
        self._path = Path(folder, f"notes-{worker}.jsonl")

    def add(self, client_order_id: str, outcome: str) -> None:
        """Note what was told of a wish, or of what was done to its order afterwards."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps([client_order_id, outcome]))

    def lines(self) -> Iterator[tuple[str, str]]:
        """All notes in their order; a line that a kill cut off is no note."""
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        for line in text.splitlines():
            if line.endswith("]"):
                client_order_id, outcome = json.loads(line)
                yield client_order_id, outcome


class Worker:
    """Works through wishes with one client."""

    def __init__(self, broker: KISBroker, notes: Notes, patience: float) -> None:
        self._broker = broker
        self._patience = patience
        self._notes = notes
        self._known = dict(notes.lines())
        self._chance = random.Random()
        self._settle_at = time.monotonic() + self._chance.uniform(0.5, 1.5) * _BETWEEN

    def run(self, wishes: Sequence[PlannedOrder], *, whole: bool) -> None:
        """Try every wish, settle now and then, and go back to what is open until nothing is."""
        open_ones: list[PlannedOrder] = []
        for wish in wishes:
            if whole or not self._is_settled(wish):
                open_ones += self._tried([wish])
            if time.monotonic() > self._settle_at:
                open_ones = self._settled(open_ones)
        deadline = time.monotonic() + self._patience
        while open_ones and time.monotonic() < deadline:
            time.sleep(max(0.0, self._settle_at - time.monotonic()))
            open_ones = self._settled(open_ones)

    def _settled(self, wishes: list[PlannedOrder]) -> list[PlannedOrder]:
        """Recover, try again what is not uncertain any more, and give back what is open still."""
        unknown: set[str | None] = set()
        with contextlib.suppress(KISError):
            unknown = {order.client_order_id for order in self._broker.recover().uncertain}
        self._settle_at = time.monotonic() + self._chance.uniform(0.5, 1.5) * _BETWEEN
        left = [wish for wish in wishes if wish.client_order_id in unknown]
        return left + self._tried([wish for wish in wishes if wish.client_order_id not in unknown])

    def _tried(self, wishes: list[PlannedOrder]) -> list[PlannedOrder]:
        """Try each once; those that are open then."""
        return [wish for wish in wishes if self._try(wish) == OPEN]

    def _is_settled(self, wish: PlannedOrder) -> bool:
        return self._known.get(wish.client_order_id, OPEN) != OPEN

    def _try(self, wish: PlannedOrder) -> str:
        outcome = self._sent(wish)
        if self._known.get(wish.client_order_id) != outcome:
            self._known[wish.client_order_id] = outcome
            self._notes.add(wish.client_order_id, outcome)
        return outcome

    def _sent(self, wish: PlannedOrder) -> str:
        send = self._broker.buy if wish.side == "BUY" else self._broker.sell
        told, order = _insist(
            lambda: send(wish.code, wish.quantity, kind_of(wish), client_order_id=wish.client_order_id)
        )
        if order is not None and wish.then and f"then {wish.client_order_id}" not in self._known:
            self._follow_up(wish, order)
        return told

    def _follow_up(self, wish: PlannedOrder, order: Order) -> None:
        """Change and cancel the order as planned; what is uncertain then is left to recovery."""
        about = f"then {wish.client_order_id}"
        for step in wish.then.split():
            told, changed = _insist(self._change(step, wish, order))
            if changed is None:
                break
            order = changed
        self._known[about] = told
        self._notes.add(about, told)

    def _change(self, step: str, wish: PlannedOrder, order: Order) -> Callable[[], Order]:
        if step == "cancel":
            return lambda: self._broker.cancel_order(order)
        if step == "reprice":
            return lambda: self._broker.modify_order(order, price=wish.new_price)
        return lambda: self._broker.modify_order(order, quantity=wish.quantity // 2)


def _insist(send: Callable[[], Order]) -> tuple[str, Order | None]:
    """Do it again with the same id as long as it provably did not run; what came of it."""
    for _ in range(_TRIES):
        try:
            return DONE, send()
        except OrderUncertainError:
            return OPEN, None
        except (RequestRefusedError, InvalidRequestError) as error:
            return f"{REFUSED}: {error.code or ''} {error.message}", None
        except KISError:
            time.sleep(0.02)
    return OPEN, None


def kind_of(wish: PlannedOrder) -> OrderType:
    """The wish's order type as the client has it."""
    kind = order_type(wish.kind, wish.price)
    assert kind is not None
    return kind


def look_first(broker: KISBroker, code: str) -> None:
    """Ask for a price: the first answer tells the time of the exchange, which is not that of this machine."""
    for _ in range(_TRIES):
        with contextlib.suppress(KISError):
            broker.get_price(code)
            return


def break_client(sabotage: str) -> None:
    """Let this process's client do what it must never do."""
    if sabotage == "retry":
        names = vars(kis_sync.caller)
        assert callable(names["order_is_worth_it"])  # still there to be broken
        names["order_is_worth_it"] = lambda error: error.can_retry


def main(folder: str, number: str, begin: str) -> None:
    """Work through the worker's share of the plan. Every fourth worker has every guard on."""
    setup, worker = Setup.read(folder), int(number)
    break_client(setup.sabotage)
    wishes = [wish for wish in read(Path(folder, "plan.json")) if wish.worker == worker]
    settings: dict[str, Any] = {"all_checks": worker % 4 == 0}
    with KISBroker(setup.settings(**settings)) as broker:
        look_first(broker, wishes[0].code)
        Worker(broker, Notes(folder, worker), setup.patience).run(wishes, whole=begin == "whole")


if __name__ == "__main__":
    main(*sys.argv[1:])
