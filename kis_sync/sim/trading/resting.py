"""One order as the simulator keeps it, from its acceptance on; open, filled, changed or cancelled.

This room changes when an order can be in another state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kis_sync.sim.trading.ledger import Account, Side

MARKET_KINDS = frozenset({"01", "13", "14"})
"""ORD_DVSN of orders without a price of their own; 03, 04, 15 and 16 take theirs from the book."""
BEST_KINDS = frozenset({"03", "15", "16"})
AT_ONCE_KINDS = frozenset({"11", "13", "15"})
ALL_OR_NOTHING_KINDS = frozenset({"12", "14", "16"})
PRICED_KINDS = frozenset({"00", "02", "11", "12"})

KIND_NAMES = {
    "00": "지정가",
    "01": "시장가",
    "02": "조건부지정가",
    "03": "최유리지정가",
    "04": "최우선지정가",
    "11": "IOC지정가",
    "12": "FOK지정가",
    "13": "IOC시장가",
    "14": "FOK시장가",
    "15": "IOC최유리",
    "16": "FOK최유리",
}


@dataclass(slots=True)
class Ticket:
    """What an order asks for; ``price`` is ``None`` for an order without a price of its own."""

    account: Account
    side: Side
    code: str
    kind: str
    quantity: int
    price: int | None
    exchange: str = "KRX"


@dataclass(slots=True)
class RestingOrder:
    """An order with a number. ``withdrawn`` shares were changed away or cancelled, ``lapsed`` at the close.

    ``limit`` is the price it fills at or better, ``None`` at market; ``checked`` how far the market has been
    looked through for it. A cancellation has a number and a record too (``is_cancellation``), and so has a
    reserved order that was refused when it was sent (``rejected`` shares). ``reserved_until`` is the last day
    of the reservation it came from.
    """

    number: int
    ticket: Ticket
    placed_at: datetime
    limit: int | None
    checked: datetime
    upper: int
    original: int = 0
    is_cancellation: bool = False
    waits_for_open: bool = False
    filled: int = 0
    filled_value: int = 0
    withdrawn: int = 0
    cancelled: int = 0
    lapsed: int = 0
    rejected: int = 0
    reserved_until: date | None = None

    @property
    def day(self) -> date:
        """The day the order was given."""
        return self.placed_at.date()

    @property
    def remaining(self) -> int:
        """Shares that can still be filled."""
        if self.is_cancellation:
            return 0
        return self.ticket.quantity - self.filled - self.withdrawn - self.lapsed - self.rejected

    @property
    def given_up(self) -> int:
        """Shares that were changed away, cancelled or left at the close."""
        return self.cancelled if self.is_cancellation else self.withdrawn + self.lapsed
