"""The books of one account: cash, holdings, what orders have reserved, and every fill.

Invariant: cash + holdings at cost + commissions and taxes - realised gains = the cash at the start; no
sum is ever negative. This room changes when money or shares are booked in another way.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from kis_sync.market.hours import is_trading_day
from kis_sync.market.ticks import Listing

_SETTLEMENT_DAYS = 2
_SALES_TAX = ((date(2026, 1, 1), "0.20"), (date(2025, 1, 1), "0.15"), (date.min, "0.18"))


class Side(str, enum.Enum):
    """Buy or sell, in KIS's codes."""

    SELL = "01"
    BUY = "02"


class Fill(NamedTuple):
    """Shares that changed hands for an order; price, fee (commission) and tax in won."""

    at: datetime
    order_number: int
    side: Side
    code: str
    quantity: int
    price: int
    fee: int
    tax: int
    cost: int = 0
    """Of a sale: what the sold shares were bought for, won."""
    buy_fee: int = 0
    """Of a sale: the commission that was paid for that purchase, won."""

    @property
    def value(self) -> int:
        """Quantity times price, won."""
        return self.quantity * self.price

    @property
    def cash_effect(self) -> int:
        """What the fill adds to the cash, negative for a buy, won."""
        costs = self.fee + self.tax
        return -self.value - costs if self.side is Side.BUY else self.value - costs

    @property
    def profit(self) -> int:
        """What a sale earned after all costs, those of the purchase too; 0 for a buy. Won."""
        return 0 if self.side is Side.BUY else self.cash_effect - self.cost - self.buy_fee


@dataclass(frozen=True, slots=True)
class Fees:
    """Commission and sales tax; ``tax_percent`` replaces the tax in force by date. Cut to whole won."""

    commission_percent: str
    tax_percent: str | None = None

    def commission(self, value: int) -> int:
        """Commission in won on a traded amount."""
        return _percent_of(value, self.commission_percent)

    def tax(self, value: int, kind: Listing, on: date) -> int:
        """Sales tax in won on a traded amount; funds pay none."""
        if kind is not Listing.STOCK:
            return 0
        percent = self.tax_percent
        if percent is None:
            percent = next(rate for since, rate in _SALES_TAX if since <= on)
        return _percent_of(value, percent)

    def purchase(self, quantity: int, price: int) -> int:
        """What a buy may cost at most, commission included, won."""
        return quantity * price + self.commission(quantity * price)

    def affordable(self, cash: int, price: int) -> int:
        """How many shares ``cash`` buys at a price, commission included."""
        if price <= 0 or cash <= 0:
            return 0
        quantity = int(cash / (price * (1 + Fraction(self.commission_percent) / 100)))
        while self.purchase(quantity + 1, price) <= cash:  # commission is cut down to whole won
            quantity += 1
        return quantity


def _percent_of(value: int, percent: str) -> int:
    return int(value * Fraction(percent) / 100)


@dataclass(slots=True)
class Holding:
    """Shares of one code, what they cost without commission, and the commission paid for them, won."""

    code: str
    quantity: int = 0
    cost: int = 0
    fee: int = 0

    @property
    def average(self) -> float:
        """Purchase price a share, won."""
        return self.cost / self.quantity if self.quantity else 0.0


@dataclass(slots=True)
class Account:
    """One account; ``cash`` has every fill applied, settled or not (the D+2 deposit)."""

    cano: str
    product: str
    cash: int
    holdings: dict[str, Holding] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    realised: int = 0
    _reserved: dict[int, int] = field(default_factory=dict)
    _locked: dict[int, tuple[str, int]] = field(default_factory=dict)
    _all_reserved: int = 0
    _all_locked: Counter[str] = field(default_factory=Counter)
    _by_day: dict[date, list[Fill]] = field(default_factory=dict)
    _by_code: dict[str, list[Fill]] = field(default_factory=dict)

    @property
    def orderable(self) -> int:
        """Cash that no order has reserved, won."""
        return self.cash - self._all_reserved

    def sellable(self, code: str) -> int:
        """Shares of a code that no order has locked."""
        held = self.holdings.get(code)
        return (held.quantity if held else 0) - self._all_locked[code]

    @property
    def holding_for(self) -> set[int]:
        """The numbers of the orders that have cash or shares set aside: those that are open."""
        return self._reserved.keys() | self._locked.keys()

    def reserve_cash(self, order_number: int, amount: int) -> None:
        """Set aside so much cash for a resting buy, instead of what was set aside for it before."""
        self._all_reserved += amount - self._reserved.get(order_number, 0)
        self._reserved[order_number] = amount

    def lock_shares(self, order_number: int, code: str, quantity: int) -> None:
        """Set aside so many shares for a resting sell, instead of what was set aside for it before."""
        self._all_locked[code] += quantity - self._locked.get(order_number, (code, 0))[1]
        self._locked[order_number] = (code, quantity)

    def release(self, order_number: int) -> None:
        """Nothing is set aside for that order any more."""
        self._all_reserved -= self._reserved.pop(order_number, 0)
        if order_number in self._locked:
            code, quantity = self._locked.pop(order_number)
            self._all_locked[code] -= quantity

    def book(self, fill: Fill) -> None:
        """Move cash and shares; fills must come in the order of their times."""
        held = self.holdings.setdefault(fill.code, Holding(fill.code))
        if fill.side is Side.BUY:
            held.quantity += fill.quantity
            held.cost += fill.value
            held.fee += fill.fee
        else:
            cost, fee = (whole * fill.quantity // held.quantity for whole in (held.cost, held.fee))
            held.quantity -= fill.quantity
            held.cost -= cost
            held.fee -= fee
            self.realised += fill.value - cost
            fill = fill._replace(cost=cost, buy_fee=fee)
        self.cash += fill.cash_effect
        self.fills.append(fill)
        self._by_day.setdefault(fill.at.date(), []).append(fill)
        self._by_code.setdefault(fill.code, []).append(fill)

    def deposit(self, on: date) -> int:
        """The deposit as settled on a date: later settlements are not in it, won."""
        unsettled = [fills for day, fills in self._by_day.items() if settlement_day(day) > on]
        return self.cash - sum(fill.cash_effect for fills in unsettled for fill in fills)

    def settled(self, on: date) -> Account:
        """The books as they were with only the trades that are settled on a date; nothing is set aside."""
        start = self.cash - sum(fill.cash_effect for fill in self.fills)
        books = Account(self.cano, self.product, start)
        for fill in self.fills:
            if settlement_day(fill.at.date()) <= on:
                books.book(fill)
        return books

    def fills_on(self, day: date) -> list[Fill]:
        """The fills of one day."""
        return list(self._by_day.get(day, ()))

    def fills_of(self, code: str) -> list[Fill]:
        """The fills of one code."""
        return list(self._by_code.get(code, ()))


def settlement_day(day: date) -> date:
    """When a trade of ``day`` is settled: two trading days later."""
    for _ in range(_SETTLEMENT_DAYS):
        day = next_trading_day(day)
    return day


def next_trading_day(day: date) -> date:
    """The first trading day after ``day``."""
    day += timedelta(days=1)
    while not is_trading_day(day):
        day += timedelta(days=1)
    return day
