from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kis_sync.catalog import Mode
from kis_sync.clock import KST, ManualClock
from kis_sync.market.ticks import Listing, floor_to_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Account, Fees, Fill, Side, settlement_day
from kis_sync.sim.trading.resting import RestingOrder, Ticket
from tests.thoroughness import examples

MARKET = Market(7)
CODES = ["005930", "000660", "069500"]
KINDS = ["00", "00", "00", "01", "03", "04", "11", "12", "13", "14"]
FEES = Fees("0.0142")
CASH = 300_000_000


class TradingMachine(RuleBasedStateMachine):
    """Orders, changes and cancellations at random, with time passing: the books must always add up."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(datetime(2026, 11, 23, 14, 0, tzinfo=KST))
        self.brokerage = Brokerage(MARKET, self.clock, Mode.LIVE, Assumptions(), cash=CASH)
        self.account = self.brokerage.account("K" * 36, "12345678", "01")
        for code in CODES:
            self.brokerage.place(Ticket(self.account, Side.BUY, code, "14", 50, None))

    @initialize(minutes=st.sampled_from([0, 18 * 60 + 55, 20 * 60, 25 * 60 + 22]))
    def begin_somewhere_in_the_day(self, minutes: int) -> None:
        self.clock.advance(60 * minutes)

    def orders(self) -> list[RestingOrder]:
        return self.brokerage.orders_of(self.account)

    def picked(self, which: int) -> RestingOrder:
        """Rather an open order, and any other when none is open."""
        with self.brokerage.present():
            candidates = [order for order in self.orders() if order.remaining] or self.orders()
        return candidates[which % len(candidates)]

    def limit(self, code: str, offset: int) -> int:
        quote = MARKET.quote(code, self.clock.now())
        price = quote.price * (1000 + offset) // 1000
        listing = MARKET.listing(code)
        assert listing is not None
        return floor_to_tick(price, listing.kind)

    @rule(
        side=st.sampled_from(Side),
        code=st.sampled_from(CODES),
        kind=st.sampled_from(KINDS),
        quantity=st.sampled_from([1, 2, 7, 30, 51, 90, 10**6]),
        offset=st.integers(-12, 12),
    )
    def place(self, side: Side, code: str, kind: str, quantity: int, offset: int) -> None:
        price = self.limit(code, offset) if kind in ("00", "11", "12") else None
        self.attempt(lambda: self.brokerage.place(Ticket(self.account, side, code, kind, quantity, price)))

    @precondition(lambda self: self.orders())
    @rule(
        which=st.integers(0, 10**6),
        offset=st.integers(-12, 12),
        quantity=st.sampled_from([None, 1, 5, 30, 300]),
        kind=st.sampled_from(["00", "01"]),
    )
    def change(self, which: int, offset: int, quantity: int | None, kind: str) -> None:
        order = self.picked(which)
        price = self.limit(order.ticket.code, offset) if kind == "00" else None
        self.attempt(lambda: self.brokerage.change(self.account, order.number, kind, quantity, price, "KRX"))

    @precondition(lambda self: self.orders())
    @rule(which=st.integers(0, 10**6), quantity=st.sampled_from([None, 0, 1, 5, 300]))
    def cancel(self, which: int, quantity: int | None) -> None:
        order = self.picked(which)
        self.attempt(lambda: self.brokerage.cancel(self.account, order.number, quantity, "KRX"))

    @rule(seconds=st.sampled_from([0.5, 7, 61, 61, 600]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def attempt(self, action: object) -> None:
        before = self.snapshot()
        try:
            action()  # type: ignore[operator]
        except RefusalError:
            assert self.snapshot() == before, "a refused order changed the books"

    def snapshot(self) -> object:
        with self.brokerage.present():
            return (
                self.account.cash,
                self.account.orderable,
                sorted((held.code, held.quantity, held.cost) for held in self.account.holdings.values()),
                [(order.number, order.remaining, order.withdrawn) for order in self.orders()],
            )

    @invariant()
    def the_books_add_up(self) -> None:
        with self.brokerage.present() as now:
            account = self.account
            costs = sum(fill.fee + fill.tax for fill in account.fills)
            held = sum(holding.cost for holding in account.holdings.values())
            assert account.cash + held + costs - account.realised == CASH
            assert account.orderable >= 0
            for holding in account.holdings.values():
                assert holding.quantity >= 0
                assert holding.cost >= 0
                assert (holding.quantity == 0) == (holding.cost == 0)
                assert account.sellable(holding.code) >= 0
                prices = [
                    fill.price for fill in account.fills if (fill.code, fill.side) == (holding.code, Side.BUY)
                ]
                slack = len(account.fills)  # each sale cuts its cost down to whole won
                assert min(prices) * holding.quantity <= holding.cost
                assert holding.cost <= max(prices) * holding.quantity + slack
            assert account.deposit(now.date()) >= 0

    @invariant()
    def every_share_of_an_order_is_somewhere(self) -> None:
        with self.brokerage.present():
            for order in self.orders():
                if order.is_cancellation:
                    continue
                assert order.remaining >= 0
                assert order.cancelled <= order.withdrawn
                fills = [fill for fill in self.account.fills if fill.order_number == order.number]
                assert order.filled == sum(fill.quantity for fill in fills)
                assert order.filled_value == sum(fill.value for fill in fills)
                moved = sum(
                    each.ticket.quantity
                    for each in self.orders()
                    if each.original == order.number and not each.is_cancellation
                )
                assert order.withdrawn == moved + order.cancelled
                for fill in fills:
                    assert fill.at >= order.placed_at
                    if order.ticket.price is not None:
                        limit = order.ticket.price
                        is_good = fill.price <= limit if fill.side is Side.BUY else fill.price >= limit
                        assert is_good


TradingMachine.TestCase.settings = settings(max_examples=examples(30), stateful_step_count=40, deadline=None)
TestTrading = TradingMachine.TestCase


# -- fees ----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**13), st.sampled_from(["0", "0.0042", "0.0142", "0.5"]))
def test_commission_is_the_percentage_cut_to_whole_won(value: int, percent: str) -> None:
    exact = (Decimal(value) * Decimal(percent) / 100).to_integral_value(ROUND_FLOOR)
    assert Fees(percent).commission(value) == exact


@given(st.integers(-5, 10**10), st.integers(1, 10**6))
def test_affordable_is_the_most_that_cash_buys(cash: int, price: int) -> None:
    quantity = FEES.affordable(cash, price)
    assert quantity >= 0
    assert FEES.purchase(quantity, price) <= max(cash, 0)
    assert FEES.purchase(quantity + 1, price) > cash


def test_nothing_is_affordable_without_a_price() -> None:
    assert FEES.affordable(10**6, 0) == 0


@pytest.mark.parametrize(
    ("on", "kind", "tax"),
    [
        (date(2026, 1, 1), Listing.STOCK, 2000),
        (date(2025, 12, 31), Listing.STOCK, 1500),
        (date(2024, 12, 31), Listing.STOCK, 1800),
        (date(2026, 11, 24), Listing.FUND, 0),
    ],
)
def test_tax_depends_on_day_and_kind(on: date, kind: Listing, tax: int) -> None:
    assert FEES.tax(1_000_000, kind, on) == tax
    assert Fees("0", "1").tax(1_000_000, Listing.STOCK, on) == 10_000


def test_settlement_skips_days_without_trading() -> None:
    assert settlement_day(date(2026, 11, 24)) == date(2026, 11, 26)
    assert settlement_day(date(2026, 11, 26)) == date(2026, 11, 30)
    assert settlement_day(date(2026, 12, 23)) == date(2026, 12, 28)
    # 12-31 and 01-01 are closed, and a weekend follows; the next year's closures count too
    assert settlement_day(date(2026, 12, 29)) == date(2027, 1, 4)
    assert settlement_day(date(2026, 12, 30)) == date(2027, 1, 5)
    assert settlement_day(date(2027, 12, 30)) == date(2028, 1, 4)


def test_cash_of_a_year_s_last_days_is_settled_in_the_next() -> None:
    account = Account("12345678", "01", 1_000)
    account.book(Fill(datetime(2026, 12, 29, 10, tzinfo=KST), 1, Side.BUY, "005930", 1, 300, 0, 0))
    days = [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 3), date(2027, 1, 4)]
    assert [account.deposit(on) for on in days] == [1_000, 1_000, 1_000, 700]


def test_an_account_starts_with_its_cash() -> None:
    account = Account("12345678", "01", 5)
    assert (account.cash, account.orderable, account.sellable("005930")) == (5, 5, 0)
