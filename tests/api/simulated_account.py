"""An account on the simulator that trades while time skips every wait, and the simulator's own books of it.

This room changes when tests of the account need to do or to know something new.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kis_sync import KISBroker
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import KST, Clock
from kis_sync.envelope import Envelope
from kis_sync.errors import RequestRefusedError
from kis_sync.sim import Simulator
from kis_sync.sim.simulator import running_from
from kis_sync.sim.trading.ledger import Account, Fill
from kis_sync.testing import no_waits

SAMSUNG, HYNIX, FUND = "005930", "000660", "069500"
MORNING = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
DAY = 86_400

_EXAMPLES = Path(__file__).parents[3] / "shared" / "kis" / "examples.json"
needs_examples = pytest.mark.skipif(not _EXAMPLES.exists(), reason="the documented examples are not here")


def example(path: str, tr_id: str) -> Envelope:
    """A documented answer of an account API."""
    records = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    name = f"/uapi/domestic-stock/v1/trading/{path} {tr_id}"
    return Envelope("example", records[name]["response"])


class SimulatedAccount:
    """The account of a broker on a simulator."""

    def __init__(self, sim: Simulator, broker: KISBroker, clock: Clock) -> None:
        self.sim = sim
        self.broker = broker
        self.clock = clock

    @property
    def books(self) -> Account:
        """What the simulator itself knows of it."""
        return self.sim.brokerage.account(self.sim.app_key, *self.sim.account_no.split("-"))

    def order(self, side: str, code: str, quantity: int, price: int = 0) -> None:
        """An order at market, or at a price."""
        account = self.broker.account
        fields = {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "PDNO": code,
            "ORD_DVSN": "00" if price else "01",
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
        }
        self.broker.ask(Call(endpoint("domestic_stock.order_cash"), fields, variant=side))

    def trade(self, side: str, code: str, quantity: int) -> list[Fill]:
        """The fills of an order at market, which must fill whole."""
        known = len(self.books.fills)
        self.order(side, code, quantity)
        fills = self.books.fills[known:]
        assert sum(fill.quantity for fill in fills) == quantity
        return fills

    def buy_codes(self, count: int) -> list[str]:
        """Buy one share each of so many stocks."""
        bought: list[str] = []
        for code in self.sim.market.codes():
            if len(bought) < count:
                with contextlib.suppress(RequestRefusedError):  # the halted ones
                    self.order("buy", code, 1)
                    bought.append(code)
        assert len(bought) == count
        return bought

    def next_day(self) -> None:
        self.clock.sleep(DAY)

    def asked(self, path: str) -> int:
        """How many calls of that path the simulator answered."""
        return sum(entry.path.endswith(f"/{path}") for entry in self.sim.log)


@contextlib.contextmanager
def simulated_account(
    mode: str = "live", *, at: datetime = MORNING, **options: Any
) -> Iterator[SimulatedAccount]:
    """A fresh account on a simulator of its own, without waits."""
    with no_waits() as clock:
        shown = running_from(at)  # access tokens too end by this one, so that any day will do
        with Simulator(mode=mode, clock=shown, limit=10_000, **options) as sim:
            with KISBroker.simulated(sim) as broker:
                yield SimulatedAccount(sim, broker, clock)
            errors = list(sim.errors)
            assert not errors, f"the simulator failed: {errors[0]!r}"
