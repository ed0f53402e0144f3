"""Two customers, several exchanges, any kind of order at any time: who looks how often must not matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kis_sync.catalog import Mode
from kis_sync.clock import KST, ManualClock
from kis_sync.market.hours import previous_trading_day, regular_session
from kis_sync.market.ticks import floor_to_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.market import Market
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Account, Fill, Side
from kis_sync.sim.trading.resting import PRICED_KINDS, RestingOrder, Ticket
from tests.thoroughness import examples

MARKET = Market(7)
THIN = next(
    info.code for info in map(MARKET.listing, MARKET.codes()) if info and info.average_volume < 30_000
)
CODES = ["005930", THIN]
CASH = 10**12
BEGINNINGS = [
    datetime(2026, 11, 24, 8, 5, tzinfo=KST),
    datetime(2026, 11, 24, 8, 32, tzinfo=KST),
    datetime(2026, 11, 24, 8, 58, tzinfo=KST),
    datetime(2026, 11, 24, 10, 30, tzinfo=KST),
    datetime(2026, 11, 24, 15, 17, tzinfo=KST),
    datetime(2026, 11, 24, 15, 38, tzinfo=KST),
    datetime(2026, 8, 25, 15, 55, tzinfo=KST),  # single prices in the evening
]
KINDS = ["00", "00", "00", "01", "02", "03", "04", "11", "12", "14", "21", "22", "23", "05", "06", "07", "41"]

NAMES = [field.name for field in fields(RestingOrder) if field.name != "ticket"]


class House:
    """One brokerage with two customers who hold some shares, and a clock of its own."""

    def __init__(self, now: datetime) -> None:
        self.clock = ManualClock(now - timedelta(days=7))
        while not regular_session(self.clock.now().date()).open <= self.clock.now():
            self.clock.advance(3600)
        self.clock.advance((before(now) - self.clock.now()).total_seconds())
        self.brokerage = Brokerage(MARKET, self.clock, Mode.LIVE, Assumptions(), cash=CASH)
        self.accounts = [self.brokerage.account("K" * 36, f"1234567{n}", "01") for n in (1, 2)]
        for account in self.accounts:
            for code in CODES:
                self.brokerage.place(Ticket(account, Side.BUY, code, "01", 60, None))
        self.clock.advance((now - self.clock.now()).total_seconds())

    def look(self) -> None:
        with self.brokerage.present():
            pass

    def state(self) -> object:
        with self.brokerage.present():
            return [
                (account.cash, account.orderable, list(account.fills), sorted(account.holdings))
                for account in self.accounts
            ], [
                [getattr(order, name) for name in NAMES]
                for account in self.accounts
                for order in self.brokerage.orders_of(account)
            ]


def before(now: datetime) -> datetime:
    return datetime.combine(previous_trading_day(now.date()), now.time(), KST).replace(hour=11)


class Placed(NamedTuple):
    """A fill with its order."""

    fill: Fill
    order: RestingOrder


class FloorMachine(RuleBasedStateMachine):
    """The same orders at the same times in two houses; in one of them somebody looks all the time."""

    @initialize(now=st.sampled_from(BEGINNINGS))
    def begin(self, now: datetime) -> None:
        self.houses = [House(now), House(now)]
        self.now = now

    def attempt(self, action: Callable[[House], object]) -> None:
        said = []
        for house in self.houses:
            try:
                action(house)
                said.append("")
            except RefusalError as refusal:
                said.append(refusal.msg_cd)
        assert said[0] == said[1]

    def price(self, code: str, offset: int) -> int:
        quote, info = MARKET.quote(code, self.now), MARKET.listing(code)
        assert info is not None
        return floor_to_tick(quote.price + offset * quote.tick, info.kind)

    @rule(
        who=st.sampled_from([0, 1]),
        side=st.sampled_from(Side),
        code=st.sampled_from(CODES),
        kind=st.sampled_from(KINDS),
        exchange=st.sampled_from(["KRX", "KRX", "KRX", "NXT", "SOR"]),
        quantity=st.sampled_from([1, 5, 20, 60, 5_000]),
        offset=st.integers(-4, 4),
    )
    def place(
        self, who: int, side: Side, code: str, kind: str, exchange: str, quantity: int, offset: int
    ) -> None:
        price = self.price(code, offset) if kind in PRICED_KINDS else None
        if kind == "05":
            price = MARKET.quote(code, self.now).base
        trigger = self.price(code, offset // 2) if kind == "22" else None

        def act(house: House) -> None:
            account = house.accounts[who]
            house.brokerage.place(Ticket(account, side, code, kind, quantity, price, exchange, trigger))

        self.attempt(act)

    def open(self) -> list[RestingOrder]:
        house = self.houses[0]
        return [order for each in house.accounts for order in house.brokerage.open_orders_of(each)]

    @precondition(lambda self: self.open())
    @rule(
        which=st.integers(0, 99),
        part=st.sampled_from([None, 1, 3]),
        offset=st.integers(-4, 4),
        is_change=st.booleans(),
    )
    def change_or_cancel(self, which: int, part: int | None, offset: int, is_change: bool) -> None:
        orders = self.open()
        picked = orders[which % len(orders)]
        number, exchange, code = picked.number, picked.ticket.exchange, picked.ticket.code
        who = self.houses[0].accounts.index(picked.ticket.account)
        price = self.price(code, offset)

        def act(house: House) -> None:
            account = house.accounts[who]
            if is_change:
                house.brokerage.change(account, number, "00", part, price, exchange)
            else:
                house.brokerage.cancel(account, number, part, exchange)

        self.attempt(act)

    @rule(seconds=st.sampled_from([0.5, 3, 20, 61, 400, 4_000]))
    def pass_time(self, seconds: float) -> None:
        seldom, often = self.houses
        seldom.clock.advance(seconds)
        for _ in range(8):
            often.clock.advance(seconds / 8)
            often.look()
        self.now += timedelta(seconds=seconds)

    @invariant()
    def it_ends_the_same_way(self) -> None:
        first, second = (house.state() for house in getattr(self, "houses", [None, None]) if house)
        assert first == second

    @invariant()
    def cash_and_shares_come_from_somewhere(self) -> None:
        for account in self.accounts():
            costs = sum(fill.fee + fill.tax for fill in account.fills)
            held = sum(holding.cost for holding in account.holdings.values())
            assert account.cash + held + costs - account.realised == CASH
            assert account.orderable >= 0
            for code in CODES:
                assert 0 <= account.sellable(code) <= account.holdings[code].quantity

    def accounts(self) -> list[Account]:
        return self.houses[0].accounts

    def placed(self) -> list[Placed]:
        brokerage = self.houses[0].brokerage
        orders = {each.number: each for account in self.accounts() for each in brokerage.orders_of(account)}
        fills = [fill for account in self.accounts() for fill in account.fills]
        return [Placed(fill, orders[fill.order_number]) for fill in fills]

    @invariant()
    def every_order_gets_what_it_asked_for(self) -> None:
        filled: dict[int, int] = defaultdict(int)
        for fill, order in self.placed():
            filled[order.number] += fill.quantity
            ticket = order.ticket
            is_free = ticket.price is None or (ticket.kind == "02" and fill.at == closing(fill.at.date()))
            if not is_free:
                assert (fill.price - (ticket.price or 0)) * (1 if fill.side is Side.BUY else -1) <= 0
            assert order.placed_at <= fill.at <= order.lapses_at
        for account in self.accounts():
            for order in self.houses[0].brokerage.orders_of(account):
                assert filled[order.number] == order.filled <= order.ticket.quantity
                assert order.remaining >= 0

    @invariant()
    def no_trade_is_used_up_twice(self) -> None:
        placed = self.placed()
        orders = [each for account in self.accounts() for each in self.houses[0].brokerage.orders_of(account)]
        stops = {order.ticket.code for order in orders if order.ticket.kind == "22"}
        entries = {order.placed_at for order in orders}
        used: dict[tuple[str, str, Side, datetime], int] = defaultdict(int)
        for fill, order in placed:
            is_other = fill.at in entries or fill.at == opening(fill.at.date())
            if not is_other and fill.at < closing(fill.at.date()) and fill.code not in stops:
                used[fill.code, order.venue.value, fill.side, fill.at] += fill.quantity
        for (code, _, _, at), quantity in used.items():
            tape = MARKET.tape(code, at.date())
            traded = sum(tape.sizes[n] for n in range(len(tape.times)) if tape.time(n) == at)
            assert quantity <= traded

    @invariant()
    def the_first_in_the_queue_is_filled_first(self) -> None:
        """Of plain limit orders in continuous trading: at a fill whoever is ahead has nothing left."""
        placed = [each for each in self.placed() if is_plain(each.order)]
        later: dict[int, list[Fill]] = defaultdict(list)
        for fill, order in placed:
            later[order.number].append(fill)
        plain = [
            order
            for account in self.accounts()
            for order in self.houses[0].brokerage.orders_of(account)
            if is_plain(order)
        ]
        for fill, order in placed:
            for other in plain:
                if is_ahead(other, order, fill.at):
                    missed = [each for each in later[other.number] if each.at > fill.at]
                    assert not missed, (fill, other)
                    assert not other.remaining + other.lapsed, (fill, other)


def is_plain(order: RestingOrder) -> bool:
    return order.ticket.kind == "00" and order.joins_at is None and not order.is_cancellation


def is_ahead(other: RestingOrder, order: RestingOrder, at: datetime) -> bool:
    mine, theirs = order.ticket, other.ticket
    if (mine.code, mine.side, order.venue) != (theirs.code, theirs.side, other.venue) or other is order:
        return False
    if other.placed_at > at or other.lapses_at < at or at == closing(at.date()):
        return False
    if other.placed_at == at and other.number > order.number:  # it may have come right afterwards
        return False
    better = ((theirs.price or 0) - (mine.price or 0)) * (1 if mine.side is Side.BUY else -1)
    return better > 0 or (better == 0 and other.number < order.number)


def opening(day: date) -> datetime:
    return regular_session(day).open


def closing(day: date) -> datetime:
    return regular_session(day).close


FloorMachine.TestCase.settings = settings(max_examples=examples(20), stateful_step_count=25, deadline=None)
TestFloor = FloorMachine.TestCase
