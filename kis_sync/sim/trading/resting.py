"""One order as the simulator keeps it, from its acceptance on; open, filled, changed or cancelled.

This room changes when an order can be in another state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName
from kis_sync.sim.trading.ledger import Account, Side

BEFORE_OPEN_KIND, AFTER_CLOSE_KIND, SINGLE_PRICE_KIND = "05", "06", "07"
CONDITIONAL_KIND, STOP_KIND = "02", "22"
MARKET_KINDS = frozenset({"01", "13", "14"})
"""ORD_DVSN of orders without a price of their own; 03, 04, 15, 16 and 21 to 24 take theirs from the book."""
BEST_KINDS = frozenset({"03", "15", "16"})
MIDPOINT_KINDS = frozenset({"21", "23", "24"})
AT_ONCE_KINDS = frozenset({"11", "13", "15", "23"})
ALL_OR_NOTHING_KINDS = frozenset({"12", "14", "16", "24"})
AFTER_MARKET_KINDS = frozenset({"41", "44"})
"""Reported, in no document: limit orders in KRX's after market."""
PRICED_KINDS = frozenset({"00", "02", "05", "07", "11", "12", "22"}) | AFTER_MARKET_KINDS
PAID_AT_PRICE_KINDS = PRICED_KINDS - {CONDITIONAL_KIND}
"""Buys that cost their own price at most; for every other the cash is held at the upper limit."""

KIND_NAMES = {
    "00": "지정가",
    "01": "시장가",
    "02": "조건부지정가",
    "03": "최유리지정가",
    "04": "최우선지정가",
    "05": "장전 시간외",
    "06": "장후 시간외",
    "07": "시간외 단일가",
    "11": "IOC지정가",
    "12": "FOK지정가",
    "13": "IOC시장가",
    "14": "FOK시장가",
    "15": "IOC최유리",
    "16": "FOK최유리",
    "21": "중간가",
    "22": "스톱지정가",
    "23": "중간가IOC",
    "24": "중간가FOK",
}


@dataclass(slots=True)
class Ticket:
    """What an order asks for; ``price`` is ``None`` for an order without a price of its own.

    ``trigger`` (CNDT_PRIC) is the price in won that wakes a stop order, ``None`` for every other.
    """

    account: Account
    side: Side
    code: str
    kind: str
    quantity: int
    price: int | None
    exchange: str = "KRX"
    trigger: int | None = None


@dataclass(slots=True)
class RestingOrder:
    """An order with a number. ``withdrawn`` shares were changed away or cancelled, ``lapsed`` at the end.

    ``limit`` is the price it fills at or better, ``None`` at market. It is at ``venue`` (for SOR the exchange
    that was chosen), was taken in ``session``, waits until ``joins_at`` (an auction, or a session that has
    not begun), and ends at ``lapses_at``; a stop order is asleep until its trigger is reached. ``costs`` are
    the commissions and taxes of its fills. A cancellation has a number and a record too
    (``is_cancellation``), and so has a reserved order that was refused when it was sent (``rejected``
    shares). ``reserved_until`` is the last day of the reservation it came from.
    """

    number: int
    ticket: Ticket
    placed_at: datetime
    limit: int | None
    upper: int
    lapses_at: datetime
    venue: Exchange = Exchange.KRX
    session: SessionName = SessionName.REGULAR
    joins_at: datetime | None = None
    original: int = 0
    is_cancellation: bool = False
    is_asleep: bool = False
    filled: int = 0
    filled_value: int = 0
    costs: int = 0
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
        """Shares that were changed away, cancelled or left at the end."""
        return self.cancelled if self.is_cancellation else self.withdrawn + self.lapsed
