"""The simulator of the campaign of orders, in a process of its own: it fails on demand and opens its ledger.

This room changes when the campaign needs to ask more of the exchange.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from kis_sync.catalog import endpoint
from kis_sync.market.ticks import Listing
from kis_sync.sim import Simulator
from kis_sync.sim.faults import Fault
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.resting import RestingOrder
from tests.benchmarks.audit import LedgerRow

LIMIT = 100_000.0
"""Calls a second: the limits are another script's matter."""
_CASH = 10**13  # won
_ORDER_PATH = endpoint("domestic_stock.order_cash").path
_TRADED, _DEAREST = 400_000, 300_000  # shares a day at least, won a share at most


class OrderServer:
    """A running simulator: ``url``, keys and ``account_no`` to reach it, and the rest by question."""

    def __init__(self, mode: str, seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, mode, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        told = self._read()
        self.url: str = told["url"]
        self.app_key: str = told["app_key"]
        self.app_secret: str = told["app_secret"]
        self.account_no: str = told["account_no"]

    def prices(self, stocks: int) -> dict[str, int]:
        """The last prices in won of so many stocks that are traded well."""
        prices: dict[str, int] = self._ask("prices", stocks=stocks)
        return prices

    def fail(self, target: str, shares: Mapping[str, float], seed: int, seconds: float = 0.0) -> None:
        """Let such shares of the calls to ``target`` fail, from now on until ``fail_no_more``."""
        self._ask("fail", target=target, shares=dict(shares), seed=seed, seconds=seconds)

    def fail_no_more(self) -> None:
        """Clear every fault."""
        self._ask("clear")

    def ledger(self) -> list[LedgerRow]:
        """Every order of the account, cancellations too."""
        return [LedgerRow(**row) for row in self._ask("ledger", account_no=self.account_no)]

    def seen(self) -> dict[str, Any]:
        """``calls`` to each path, how often each fault ``struck`` any call, and of the calls for new orders:
        how many came (``orders``), how many a fault met (``met``); ``errors`` inside the simulator.
        """
        seen: dict[str, Any] = self._ask("seen")
        return seen

    def _ask(self, what: str, **about: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"what": what, **about}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulator's process ended; see its message above")
        return json.loads(line)

    def __enter__(self) -> OrderServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its standard input, which ends it


class _Desk:
    """Answers the campaign's questions about a simulator."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def answer(self, what: str, **about: Any) -> Any:
        return getattr(self, f"_{what}")(**about)

    def _prices(self, stocks: int) -> dict[str, int]:
        market, now = self._sim.market, self._sim.clock.now()
        found: dict[str, int] = {}
        for code in market.codes():
            info = market.listing(code)
            if info is None or info.halted or info.kind is not Listing.STOCK:
                continue
            price = market.quote(code, now).price
            if len(found) < stocks and info.average_volume >= _TRADED and price <= _DEAREST:
                found[code] = price
        return found

    def _fail(self, target: str, shares: dict[str, float], seed: int, seconds: float) -> None:
        self._sim.faults.at_random(
            target, {Fault(fault): share for fault, share in shares.items()}, seed=seed, seconds=seconds
        )

    def _clear(self) -> None:
        self._sim.faults.clear()

    def _ledger(self, account_no: str) -> list[dict[str, Any]]:
        brokerage = self._sim.brokerage
        with brokerage.present():
            account = brokerage.account(self._sim.app_key, *account_no.split("-"))
            return [_row(order) for order in brokerage.orders_of(account)]

    def _seen(self) -> dict[str, Any]:
        orders = [entry for entry in self._sim.log if entry.path == _ORDER_PATH]
        return {
            "calls": self._sim.log.sums()[0],
            "struck": {fault.value: times for fault, times in self._sim.faults.struck.items()},
            "orders": len(orders),
            "met": sum(bool(entry.faults) for entry in orders),
            "errors": [repr(error) for error in self._sim.errors],
        }


def _row(order: RestingOrder) -> dict[str, Any]:
    ticket = order.ticket
    return {
        "number": order.number,
        "original": order.original,
        "side": "BUY" if ticket.side is Side.BUY else "SELL",
        "code": ticket.code,
        "kind": ticket.kind,
        "quantity": ticket.quantity,
        "price": ticket.price,
        "exchange": ticket.exchange,
        "filled": order.filled,
        "filled_value": order.filled_value,
        "remaining": order.remaining,
        "rejected": order.rejected,
        "is_cancellation": order.is_cancellation,
    }


def serve(mode: str, seed: int) -> None:
    """Serve until standard input ends; answer each line on it."""
    with Simulator(mode=mode, limit=LIMIT, cash=_CASH, seed=seed, reissue_returns_dead_token=False) as sim:
        desk = _Desk(sim)
        _tell(
            {
                "url": sim.base_url,
                "app_key": sim.app_key,
                "app_secret": sim.app_secret,
                "account_no": sim.account_no,
            }
        )
        for line in sys.stdin:
            _tell(desk.answer(**json.loads(line)))


def _tell(what: Any) -> None:
    print(json.dumps(what), flush=True)


def main(arguments: Sequence[str]) -> None:
    """Mode and seed."""
    mode, seed = arguments
    serve(mode, int(seed))


if __name__ == "__main__":
    main(sys.argv[1:])
