"""A visitor who trades one stock, with a clock of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from tests.sim.visitor import Visitor

SAMSUNG = "005930"
MORNING = datetime(2026, 11, 24, 10, 30, tzinfo=KST)


class Desk(Visitor):
    """A visitor with a clock of its own, who reads prices from the market directly."""

    def __init__(self, mode: str = "live", now: datetime = MORNING, **options: Any) -> None:
        self.clock = ManualClock(now)
        super().__init__(Simulator(mode=mode, limit=10_000, clock=self.clock, **options))

    @property
    def quote(self) -> Any:
        return self.sim.market.quote(SAMSUNG, self.clock.now())

    @property
    def book(self) -> Any:
        return self.sim.market.book(SAMSUNG, self.clock.now())

    def placed(self, side: str, quantity: int, price: int = 0, kind: str = "00", **more: Any) -> str:
        body = self.order(side, SAMSUNG, quantity, price, kind, **more).json()
        assert body["rt_cd"] == "0", body
        number: str = body["output"]["ODNO"]
        return number

    def row(self, number: str) -> dict[str, str]:
        rows = self.history(ODNO=number).json()["output1"]
        assert len(rows) == 1
        row: dict[str, str] = rows[0]
        return row

    @property
    def cash(self) -> int:
        return int(self.buying_power().json()["output"]["ord_psbl_cash"])

    def open_orders(self, **more: str) -> Any:
        fields = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": "", "INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}
        return self.ask("domestic_stock.inquire_psbl_rvsecncl", **self.account | fields | more)

    @property
    def holding(self) -> dict[str, str]:
        rows = self.balance().json()["output1"]
        return rows[0] if rows else {}
