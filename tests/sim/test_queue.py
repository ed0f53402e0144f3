"""What rests: its place behind the shares that were shown, and what trades and other orders leave for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.catalog import Mode
from kis_sync.clock import ManualClock
from kis_sync.market.hours import regular_session
from kis_sync.market.ticks import next_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Holding, Side
from kis_sync.sim.trading.pit import Pit
from kis_sync.sim.trading.resting import RestingOrder, Ticket
from tests.sim.desk import MORNING, SAMSUNG
from tests.thoroughness import examples

MARKET = Market(1)
CLOSE = regular_session(MORNING.date()).close
BUY, SELL = Side.BUY, Side.SELL


class Hall:
    """A brokerage with customers by number, each of whom has shares."""

    def __init__(self, now: datetime = MORNING, shares: int = 1_000, customers: int = 3) -> None:
        self.clock = ManualClock(now)
        self.brokerage = Brokerage(MARKET, self.clock, Mode.LIVE, Assumptions(), cash=10**13)
        self.accounts = [
            self.brokerage.account("K" * 36, f"1234567{n}", "01") for n in range(1, customers + 1)
        ]
        for account in self.accounts if shares else []:
            self.brokerage.place(Ticket(account, BUY, SAMSUNG, "01", shares, None))
        self.clock.advance(20)  # until the book has changed

    @property
    def book(self) -> Any:
        return MARKET.book(SAMSUNG, self.clock.now())

    def place(
        self, who: int, side: Side, quantity: int, price: int | None = None, kind: str = "00"
    ) -> RestingOrder:
        ticket = Ticket(self.accounts[who], side, SAMSUNG, kind, quantity, price)
        return self.brokerage.place(ticket)

    def go_to(self, at: datetime) -> None:
        self.clock.advance((at - self.clock.now()).total_seconds())
        with self.brokerage.present():
            pass

    @property
    def outside(self) -> int:
        """A price above every ask that is shown."""
        return next_tick(self.book.asks[-1].price, 3)

    def sweep(self, who: int, more: int, kind: str = "00") -> RestingOrder:
        """Buy all that the market shows and so much more, up to ``outside``."""
        there = sum(each.size for each in self.book.asks)
        return self.place(who, BUY, there + more, self.outside, kind)


# -- behind the market ---------------------------------------------------------------------------------


@settings(max_examples=examples(20), deadline=None)
@given(
    side=st.sampled_from(Side),
    level=st.integers(0, 12),
    quantity=st.sampled_from([1, 40, 3_000, 50_000]),
    minute=st.integers(0, 250),
    looks=st.integers(1, 5),
)
def test_a_resting_order_gets_what_trades_leave_behind_its_queue(
    side: Side, level: int, quantity: int, minute: int, looks: int
) -> None:
    hall = Hall(MORNING.replace(hour=9, minute=30) + timedelta(minutes=minute), shares=0)
    levels = hall.book.bids if side is BUY else hall.book.asks
    sign = 1 if side is BUY else -1
    price = next_tick(levels[0].price, -level * sign)
    queue = sum(each.size for each in levels if each.price == price)
    hall.accounts[0].holdings[SAMSUNG] = Holding(SAMSUNG, quantity, quantity)
    start = hall.clock.now()
    order = hall.place(0, side, quantity, price)
    assert order.remaining == quantity
    expected, left, end = [], quantity, start + timedelta(hours=1)
    tape = MARKET.tape(SAMSUNG, start.date())
    for n in range(tape.count(start), tape.count(end)):
        volume = tape.sizes[n]
        if (price - tape.prices[n]) * sign < 0 or not left:
            continue
        if tape.prices[n] == price:
            passed = min(queue, volume)
            queue, volume = queue - passed, volume - passed
        else:
            queue = 0
        if filled := min(volume, left):
            expected.append((tape.time(n), price, filled))
            left -= filled
    for look in range(1, looks + 1):
        hall.go_to(start + timedelta(hours=1) * look / looks)
    fills = [fill for fill in hall.accounts[0].fills if fill.order_number == order.number]
    assert [(fill.at, fill.price, fill.quantity) for fill in fills] == expected
    assert order.remaining == left


def test_who_cancels_a_part_keeps_the_place_and_who_changes_loses_it() -> None:
    hall = Hall()
    price = hall.outside
    first, second = hall.place(0, SELL, 10, price), hall.place(1, SELL, 10, price)
    hall.brokerage.cancel(hall.accounts[0], first.number, 4, "KRX")
    moved = hall.brokerage.change(hall.accounts[0], first.number, "00", 2, price, "KRX")
    assert hall.sweep(2, 11).remaining == 0
    assert (first.filled, first.remaining, first.withdrawn) == (4, 0, 6)
    assert (second.filled, moved.filled) == (7, 0)
    hall.place(2, BUY, 4, price)
    assert (second.remaining, moved.filled) == (0, 1)


# -- with each other -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [BUY, SELL])
def test_two_customers_meet_at_the_price_of_who_rested(side: Side) -> None:
    """Behind the shares that the market shows there, and before any worse price."""
    hall = Hall()
    best = hall.book.bids[0] if side is BUY else hall.book.asks[0]
    resting = hall.place(0, side, 10, best.price)
    assert resting.remaining == 10
    hall.accounts[1].holdings[SAMSUNG].quantity += best.size
    other = SELL if side is BUY else BUY
    incoming = hall.place(1, other, best.size + 4, kind="01")
    assert (incoming.filled, incoming.filled_value) == (best.size + 4, (best.size + 4) * best.price)
    assert (resting.filled, resting.filled_value) == (4, 4 * best.price)


def test_cash_and_shares_go_from_one_to_the_other() -> None:
    hall = Hall()
    seller, buyer = hall.accounts[:2]
    before = seller.cash, buyer.cash
    resting = hall.place(0, SELL, 10, hall.outside)
    bought = hall.sweep(1, 10)
    value, fees = 10 * resting.ticket.price if resting.ticket.price else 0, hall.brokerage.fees
    assert resting.costs == fees.commission(value) + value * 20 // 10_000
    assert seller.cash == before[0] + value - resting.costs
    assert buyer.cash == before[1] - bought.filled_value - bought.costs
    assert seller.holdings[SAMSUNG].quantity == 990
    assert buyer.holdings[SAMSUNG].quantity == 1_000 + bought.filled
    assert (buyer.orderable, seller.sellable(SAMSUNG)) == (buyer.cash, 990)
    assert seller.fills[-1].at == buyer.fills[-1].at == hall.clock.now()


def test_one_account_can_meet_itself() -> None:
    hall = Hall()
    mine = hall.place(0, SELL, 10, hall.outside)
    hall.sweep(0, 10)
    assert mine.remaining == 0


def test_who_is_ahead_is_served_before_a_newcomer_from_the_market() -> None:
    """A trade by buyers at its price leaves asks there: they are first who waited longest."""
    tape = MARKET.tape(SAMSUNG, MORNING.date())
    for n in range(200, len(tape.times) - 1):
        before, at = tape.time(n) - timedelta(milliseconds=1), tape.time(n) + timedelta(milliseconds=1)
        falls = tape.prices[n] < tape.prices[n - 1] and tape.bought[n]
        if falls and MARKET.book(SAMSUNG, before).asks[0].price > tape.prices[n]:
            break
    hall = Hall(before - timedelta(seconds=20), shares=0)
    price = tape.prices[n]
    elder = hall.place(0, BUY, 10**6, price)
    hall.go_to(at)
    assert elder.remaining > hall.book.asks[0].size
    newcomer = hall.place(1, BUY, 5, price)
    assert newcomer.filled == 0
    at_market = hall.place(1, BUY, 5, kind="01")
    assert at_market.filled == 5


# -- races ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["change", "cancel"])
def test_an_order_that_filled_meanwhile_is_not_changed_or_cancelled(action: str) -> None:
    hall = Hall(shares=0)
    price = hall.book.bids[0].price
    order = hall.place(0, BUY, 3, price)
    tape = MARKET.tape(SAMSUNG, MORNING.date())
    beyond = next(n for n in range(tape.count(hall.clock.now()), len(tape.times)) if tape.prices[n] < price)
    hall.clock.advance((tape.time(beyond) - hall.clock.now()).total_seconds())
    brokerage, account = hall.brokerage, hall.accounts[0]
    actions = {
        "cancel": lambda: brokerage.cancel(account, order.number, None, "KRX"),
        "change": lambda: brokerage.change(account, order.number, "00", None, price, "KRX"),
    }
    with pytest.raises(RefusalError, match="APBK0927"):
        actions[action]()
    assert (order.filled, order.withdrawn) == (3, 0)


def test_what_is_left_of_a_partly_filled_order_moves() -> None:
    hall = Hall()
    account, price = hall.accounts[0], hall.outside
    order = hall.place(0, SELL, 10, price)
    hall.sweep(1, 4)
    with pytest.raises(RefusalError, match="APBK0927"):
        hall.brokerage.change(account, order.number, "00", 7, price, "KRX")
    moved = hall.brokerage.change(account, order.number, "00", None, price, "KRX")
    assert (order.filled, order.withdrawn, order.remaining) == (4, 6, 0)
    assert (moved.ticket.quantity, moved.remaining, moved.original) == (6, 6, order.number)
    with pytest.raises(RefusalError, match="APBK0927"):
        hall.brokerage.cancel(account, order.number, None, "KRX")
    hall.brokerage.cancel(account, moved.number, None, "KRX")
    assert account.sellable(SAMSUNG) == account.holdings[SAMSUNG].quantity == 996


def test_a_refused_change_leaves_the_order_in_its_place() -> None:
    hall = Hall()
    price = hall.outside
    first, second = hall.place(0, SELL, 5, price), hall.place(1, SELL, 5, price)
    with pytest.raises(RefusalError, match="APBK0506"):
        hall.brokerage.change(hall.accounts[0], first.number, "00", None, price + 1, "KRX")
    hall.sweep(2, 5)
    assert (first.filled, second.filled) == (5, 0)


def test_all_or_nothing_counts_other_customers_too() -> None:
    hall = Hall()
    hall.place(0, SELL, 10, hall.outside)
    assert hall.sweep(1, 11, "12").filled == 0
    assert hall.sweep(1, 10, "12").remaining == 0


# -- what is open --------------------------------------------------------------------------------------


def test_open_orders_are_those_with_shares_left() -> None:
    hall = Hall()
    account = hall.accounts[0]
    orders = [hall.place(0, SELL, 5, hall.outside), hall.place(0, BUY, 5, hall.book.bids[-1].price)]
    asleep = Ticket(account, BUY, SAMSUNG, "22", 1, hall.outside, trigger=hall.outside)
    orders.append(hall.brokerage.place(asleep))
    assert hall.brokerage.open_orders_of(account) == orders
    assert hall.brokerage.orders_of(account)[1:] == orders
    hall.brokerage.cancel(account, orders[0].number, 5, "KRX")
    hall.brokerage.cancel(account, orders[1].number, 2, "KRX")
    assert hall.brokerage.open_orders_of(account) == orders[1:]
    hall.go_to(CLOSE)
    assert hall.brokerage.open_orders_of(account) == []
    assert hall.brokerage.open_orders_of(hall.accounts[1]) == []


def test_a_look_between_two_trades_works_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall(shares=0)
    hall.place(0, BUY, 5, hall.book.bids[-1].price)
    tape = MARKET.tape(SAMSUNG, MORNING.date())
    following = tape.time(tape.count(hall.clock.now()))
    looked: list[datetime] = []
    monkeypatch.setattr(Pit, "advance", lambda self, now: looked.append(now))
    hall.go_to(following - timedelta(milliseconds=1))
    assert not looked
    hall.go_to(following)
    assert looked == [following]


def test_fills_are_booked_in_the_order_of_their_times_whatever_the_stock() -> None:
    hall = Hall(shares=0)
    for code in (SAMSUNG, "000660"):
        hall.accounts[0].holdings[code] = Holding(code, 100, 100)
        book = MARKET.book(code, hall.clock.now())
        for steps in range(20):
            buy = Ticket(hall.accounts[0], BUY, code, "00", 5, next_tick(book.bids[0].price, -steps))
            sell = Ticket(hall.accounts[0], SELL, code, "00", 5, next_tick(book.asks[0].price, steps))
            hall.brokerage.place(buy)
            hall.brokerage.place(sell)
    hall.go_to(CLOSE)
    fills = hall.accounts[0].fills
    changes = sum(one.code != other.code for one, other in pairwise(fills))
    assert changes > 1
    assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)
