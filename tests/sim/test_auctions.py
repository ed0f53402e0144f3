"""The auctions of KRX: which orders they take, and who gets what of the market's volume in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.catalog import Mode
from kis_sync.clock import KST, ManualClock
from kis_sync.market.ticks import next_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Holding, Side
from kis_sync.sim.trading.resting import RestingOrder, Ticket
from tests.sim.desk import SAMSUNG, Desk
from tests.thoroughness import examples

MARKET = Market(1)
BUY, SELL = Side.BUY, Side.SELL
KINDS = [f"{n:02}" for n in (*range(5), *range(11, 17), *range(21, 25))]
PRICED = {"00", "02", "11", "12", "22"}
HOURS, TAKEN = "APBK0918", "APBK0013"
PLENTY = 10**8


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=KST)


TAPE = MARKET.tape(SAMSUNG, at(9).date())
OPENED, CLOSED = (TAPE.prices[0], TAPE.sizes[0]), (TAPE.prices[-1], TAPE.sizes[-1])


def tried(desk: Desk, kind: str, exchange: str = "KRX") -> str:
    price = str(desk.quote.base if kind in PRICED else 0)
    trigger = {"CNDT_PRIC": price} if kind == "22" else {}
    fields = {"ORD_UNPR": price, "EXCG_ID_DVSN_CD": exchange, **trigger}
    answered: Any = desk.order("buy", SAMSUNG, 1, kind=kind, **fields).json()
    return str(answered["msg_cd"])


# -- what is taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("now", [at(8, 30), at(8, 59), at(15, 20), at(15, 29), at(9, 30, day=19)])
@pytest.mark.parametrize("kind", KINDS)
def test_an_auction_takes_plain_and_conditional_orders_only(kind: str, now: datetime) -> None:
    assert tried(Desk(now=now), kind) == (TAKEN if kind in ("00", "01", "02") else HOURS)


@pytest.mark.parametrize("kind", ["00", "03", "04", "11", "12", "13", "15"])
def test_sor_sends_what_no_auction_takes_to_nxt_while_that_is_open(kind: str) -> None:
    assert tried(Desk(now=at(8, 35)), kind, "SOR") == (HOURS if kind == "13" else TAKEN)
    assert tried(Desk(now=at(8, 55)), kind, "SOR") == (TAKEN if kind == "00" else HOURS)
    assert tried(Desk(now=at(15, 25)), kind, "SOR") == (TAKEN if kind == "00" else HOURS)


@pytest.mark.parametrize("kind", ["03", "04"])
def test_paper_s_closing_auction_is_none_the_other(kind: str) -> None:
    assert tried(Desk("paper", at(15, 25)), kind) == "40580000"
    assert tried(Desk("paper", at(15, 19)), kind) == "40600000"


def test_nobody_changes_an_order_into_another_kind_there() -> None:
    desk = Desk(now=at(8, 35))
    number = desk.placed("buy", 3, desk.quote.base)
    price = str(desk.quote.base)
    assert desk.change(number, "01", ORD_DVSN="11", ORD_UNPR=price).json()["msg_cd"] == HOURS
    assert desk.change(number, "01", ORD_DVSN="00", ORD_UNPR=price).json()["rt_cd"] == "0"


# -- who gets what -------------------------------------------------------------------------------------


class Room:
    """Two customers with plenty of cash and shares, shortly before an auction."""

    def __init__(self, now: datetime) -> None:
        self.clock = ManualClock(now)
        self.brokerage = Brokerage(MARKET, self.clock, Mode.LIVE, Assumptions(), cash=10**15)
        self.customers = [self.brokerage.account("K" * 36, f"1234567{n}", "01") for n in (1, 2)]
        for account in self.customers:
            account.holdings[SAMSUNG] = Holding(SAMSUNG, 10 * PLENTY, PLENTY)

    def place(
        self, side: Side, quantity: int, price: int | None, kind: str = "00", who: int = 0, **more: Any
    ) -> RestingOrder:
        ticket = Ticket(self.customers[who], side, SAMSUNG, kind, quantity, price, **more)
        return self.brokerage.place(ticket)

    def go_to(self, moment: datetime) -> None:
        self.clock.advance((moment - self.clock.now()).total_seconds())
        with self.brokerage.present():
            pass


def test_at_the_open_no_more_is_had_than_was_traded_and_the_rest_stays() -> None:
    room = Room(at(8, 40))
    price, size = OPENED
    order = room.place(BUY, size + PLENTY, price)
    room.go_to(at(9))
    fills = room.customers[0].fills
    assert (fills[0].at, fills[0].price, fills[0].quantity) == (at(9), price, size)
    assert order.remaining == PLENTY - sum(fill.quantity for fill in fills[1:]) > 0
    assert room.brokerage.open_orders_of(room.customers[0]) == [order]
    room.brokerage.cancel(room.customers[0], order.number, None, "KRX")


def test_what_fits_is_filled_whole_whoever_came_first() -> None:
    room = Room(at(15, 22))
    price, size = CLOSED
    orders = [room.place(side, size // 3, price) for side in (BUY, SELL) for _ in range(3)]
    room.go_to(at(15, 30))
    assert [(order.filled, order.filled_value) for order in orders] == [(size // 3, size // 3 * price)] * 6


def test_at_market_comes_first_then_the_price_then_the_time() -> None:
    room = Room(at(15, 22))
    price, size = CLOSED
    better, low = next_tick(price, 1), next_tick(price, -20)
    late, first = room.place(BUY, size, price), room.place(BUY, 7, better)
    second, worse = room.place(BUY, 6, better, who=1), room.place(BUY, 9, next_tick(price, -1))
    conditional, market = room.place(BUY, 5, low, "02"), room.place(BUY, 4, None, "01", who=1)
    room.go_to(at(15, 30))
    assert [each.filled for each in (market, conditional, first, second, late, worse)] == [
        4, 5, 7, 6, size - 22, 0
    ]  # fmt: skip
    assert (late.lapsed, worse.lapsed) == (22, 9)


def test_at_the_open_a_conditional_order_keeps_its_limit() -> None:
    room = Room(at(8, 40))
    price, size = OPENED
    conditional, limit = room.place(BUY, 5, next_tick(price, -20), "02"), room.place(BUY, size, price, who=1)
    room.go_to(at(9))
    assert (conditional.filled, limit.filled) == (0, size)


def test_of_two_at_one_price_who_came_first_is_served_first() -> None:
    room = Room(at(15, 22))
    price, size = CLOSED
    first, second = room.place(SELL, size - 1, price), room.place(SELL, size, price, who=1)
    room.go_to(at(15, 30))
    assert (first.filled, second.filled) == (size - 1, 1)


def test_a_stop_order_comes_when_it_wakes() -> None:
    room = Room(at(15, 0))
    quote = MARKET.quote(SAMSUNG, room.clock.now())
    stop = room.place(BUY, PLENTY, quote.upper, "22", trigger=quote.low)
    limit = room.place(BUY, PLENTY, quote.upper, who=1)
    sleeping = [stop.is_asleep]
    room.go_to(at(15, 29))
    sleeping.append(stop.is_asleep)
    assert sleeping == [True, False]
    before = stop.filled, limit.filled
    room.go_to(at(15, 30))
    assert (stop.filled - before[0], limit.filled - before[1]) == (0, CLOSED[1])


def test_ours_beyond_that_meet_each_other() -> None:
    room = Room(at(15, 22))
    price, size = CLOSED
    buy, sell = room.place(BUY, size + 100, price), room.place(SELL, size + 40, price, who=1)
    room.go_to(at(15, 30))
    assert (buy.filled, buy.lapsed, sell.filled) == (size + 40, 60, size + 40)


@settings(max_examples=examples(20), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(-2, 2) | st.none(), st.integers(1, CLOSED[1])),
        min_size=1,
        max_size=8,
    )
)
def test_any_orders(asked: list[tuple[Side, int | None, int]]) -> None:
    """Against the rule, worked out share by share from the two lines of orders."""
    room = Room(at(15, 22))
    price, size = CLOSED
    orders = [
        room.place(side, quantity, None, "01") if steps is None
        else room.place(side, quantity, next_tick(price, steps))
        for side, steps, quantity in asked
    ]  # fmt: skip
    room.go_to(at(15, 30))
    wanted, lines = {}, {}
    for side, sign in ((BUY, 1), (SELL, -1)):
        ranked = [
            (-sign * steps if steps is not None else -9, n)
            for n, (whose, steps, _) in enumerate(asked)
            if whose is side and (steps is None or steps * sign >= 0)
        ]
        lines[side] = [n for _, n in sorted(ranked)]
        wanted[side] = sum(asked[n][2] for n in lines[side])
    expected = [0] * len(asked)
    for side, other in ((BUY, SELL), (SELL, BUY)):
        left = size + max(0, min(wanted[side], wanted[other]) - size)
        for n in lines[side]:
            expected[n] = min(asked[n][2], left)
            left -= expected[n]
    assert [order.filled for order in orders] == expected
    assert [order.lapsed for order in orders] == [
        order.ticket.quantity - filled for order, filled in zip(orders, expected, strict=True)
    ]
    assert all(order.filled_value == order.filled * price for order in orders)
