"""Client and simulator driven together: faults, crashes and repeats in any order, held against the exchange.

A crash is the end of a client in the midst of a call: nothing of it is noted any more, and the next client
finds what is on the disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kis_sync import KISBroker, KISError, Limit, Market, OrderUncertainError
from kis_sync.orders.entry import State
from kis_sync.orders.order import Order
from tests.orders.desk_parts import World, entries_of, journal_of, world
from tests.orders.exchange_audit import check_agreement, check_ownership, check_progress

EXAMPLES = int(os.environ.get("ORDER_EXAMPLES", "7"))
STEPS = int(os.environ.get("ORDER_STEPS", "20"))
NEW, CHANGE, LIST = (
    "domestic_stock.order_cash",
    "domestic_stock.order_rvsecncl",
    "domestic_stock.inquire_daily_ccld",
)
FAULTS = (
    "drop_before", "drop_after", "reset", "reset_after", "status_500", "status_500_after", "EGW00301_after",
    "EGW00302", "EGW00302_after", "half_body", "garbage", "EGW00201", "EGW00215", "dead_token", "unlisted",
    "drop_after and unlisted", "drop_after and unlisted",
)  # fmt: skip
CRASHES = ("before it is noted that it leaves", "before its bytes leave", "before its outcome is noted")
TROUBLE = st.one_of(st.just(""), st.sampled_from(FAULTS), st.sampled_from(CRASHES))
CODES = ("005930", "000660")
UNLISTED = 30.0  # seconds; on live shorter than the settling time, or it would rightly be given up

Send = Callable[[KISBroker], Order]


class Crash(BaseException):
    """The process is gone."""


class Trading(RuleBasedStateMachine):
    """One user with one account, who repeats wishes, and whose clients die."""

    mode = "live"

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, self.folder)
        self.world: World = self.stack.enter_context(world(self.folder, self.mode))
        self.wishes: dict[str, Send] = {}
        self.numbers: dict[str, str] = {}
        self.crash = ""
        self.broker = self.new_client()

    def revive(self, ahead: float = 0.0) -> None:
        """The old client is gone with all that the system held for it; the next one's clock may be off."""
        journal_of(self.broker).close_file()
        self.broker = self.new_client(ahead)

    def new_client(self, ahead: float = 0.0) -> KISBroker:
        """A client that dies when it comes to ``crash``, and then does nothing more."""
        broker = self.world.client(ahead=ahead)
        journal, transport = journal_of(broker), broker._caller._transport
        is_dead = False

        def guarded(owner: object, name: str, point: str) -> None:
            real = getattr(owner, name)

            def run(*given: Any, **named: Any) -> object:
                nonlocal is_dead
                is_order = name != "_exchange" or given[0].endpoint.name in (NEW, CHANGE)
                if is_dead or (self.crash == point and is_order):
                    is_dead, self.crash = True, ""
                    raise Crash
                return real(*given, **named)

            setattr(owner, name, run)

        guarded(journal, "leaving", CRASHES[0])
        guarded(transport, "_exchange", CRASHES[1])
        guarded(journal, "close", CRASHES[2])
        return broker

    def send(self, name: str) -> None:
        """Send a wish, for the first time or again."""
        try:
            order = self.wishes[name](self.broker)
        except KISError:
            return
        except Crash:
            self.revive()
            return
        entry = journal_of(self.broker).find(name)
        assert entry is not None
        assert order.state not in (State.INTENDED, State.SENT, State.UNCERTAIN)
        assert self.numbers.setdefault(name, entry.number) == entry.number != ""

    def meet(self, trouble: str, where: str) -> None:
        """Let the next call to an API meet a fault, or the client die in it."""
        if trouble in CRASHES:
            self.crash = trouble
        elif trouble:
            for fault in trouble.split(" and "):
                seconds = UNLISTED if fault == "unlisted" else 0.0
                self.world.sim.faults.next(where, fault, seconds=seconds)

    def wish(self, send: Callable[[KISBroker, str], Order]) -> None:
        name = f"wish {len(self.wishes)}"
        self.wishes[name] = lambda broker: send(broker, name)
        self.send(name)

    # -- rules -----------------------------------------------------------------------------------------

    @initialize()
    def own_some_shares(self) -> None:
        self.low, self.last, self.high = {}, {}, {}
        for code in CODES:
            quote = self.broker.get_price(code)
            assert quote.lower_limit is not None
            assert quote.upper_limit is not None
            self.low[code], self.last[code], self.high[code] = (
                quote.lower_limit,
                quote.price,
                quote.upper_limit,
            )
        self.wish(lambda broker, name: broker.buy(CODES[0], 20, Market(), name))

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        code=st.sampled_from(CODES),
        quantity=st.sampled_from([1, 1, 2, 700]),
        where=st.sampled_from(["far", "near", "market"]),
        trouble=TROUBLE,
    )
    def place(self, side: str, code: str, quantity: int, where: str, trouble: str) -> None:
        self.meet(trouble, NEW)
        far = self.low[code] if side == "buy" else self.high[code]
        kind = {"far": Limit(far), "near": Limit(self.last[code]), "market": Market()}[where]
        shares = min(quantity, 3) if side == "sell" else quantity
        self.wish(lambda broker, name: getattr(broker, side)(code, shares, kind, name))

    @precondition(lambda self: self.wishes)
    @rule(
        which=st.integers(0, 100),
        up=st.integers(0, 2),
        shares=st.sampled_from([None, None, 1]),
        trouble=TROUBLE,
    )
    def change(self, which: int, up: int, shares: int | None, trouble: str) -> None:
        self.meet(trouble, CHANGE)
        about = self.one_of_the_last(which)

        def send(broker: KISBroker, name: str) -> Order:
            known = broker.order_desk().by_id(about)
            price = self.low[known.code if known else CODES[0]] + 1_000 * up
            return broker.modify_order(about, kind=Limit(price), quantity=shares, client_order_id=name)

        self.wish(send)

    @precondition(lambda self: self.wishes)
    @rule(which=st.integers(0, 100), shares=st.sampled_from([None, None, 1]), trouble=TROUBLE)
    def cancel(self, which: int, shares: int | None, trouble: str) -> None:
        self.meet(trouble, CHANGE)
        about = self.one_of_the_last(which)
        self.wish(lambda broker, name: broker.cancel_order(about, quantity=shares, client_order_id=name))

    @precondition(lambda self: self.wishes)
    @rule(which=st.integers(0, 100))
    def repeat(self, which: int) -> None:
        self.send(self.one_of_the_last(which))

    @rule(fault=st.sampled_from(["drop_before", "half_body", "EGW00201"]), count=st.sampled_from([1, 4]))
    def let_the_list_fail(self, fault: str, count: int) -> None:
        self.world.sim.faults.next(LIST, fault, count)

    @rule(ahead=st.sampled_from([0.0, 0.0, -600.0, 300.0]))
    def restart(self, ahead: float) -> None:
        self.revive(ahead)

    @rule(seconds=st.sampled_from([1.0, 10.0, 70.0, 1800.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def go_to_the_next_morning(self) -> None:
        now = self.world.clock.now()
        tomorrow = (now + timedelta(days=1)).replace(hour=10, minute=30, second=0, microsecond=0)
        self.world.clock.advance((tomorrow - now).total_seconds())

    @rule(wait=st.booleans())
    def recover(self, wait: bool) -> None:
        try:
            self.broker.recover(wait=wait)
        except KISError:
            return
        except Crash:
            self.revive()

    @rule()
    def read(self) -> None:
        """Everything that is listed: then the journal is as the exchange is."""
        self.world.sim.faults.clear()
        now = self.world.clock.now()
        self.broker.get_executions()
        hidden = self.world.sim.faults.unlisted.numbers(now)
        orders = {
            order.number: order
            for order in self.world.orders()
            if order.number not in hidden and order.day == now.date()
        }
        if self.world.clock.now() == now:  # else it waited for a slot, and more may have been filled since
            check_agreement(entries_of(self.broker), orders)

    # -- what is always true ---------------------------------------------------------------------------

    @invariant()
    def the_journal_is_true(self) -> None:
        entries, orders = entries_of(self.broker), self.world.orders()
        check_ownership(entries, orders)
        check_progress(entries, {order.number: order for order in orders})

    def teardown(self) -> None:
        """In the end everything that the lists show is found, and a repeat of any wish sends nothing new."""
        with self.stack:
            self.world.sim.faults.clear()
            self.crash = ""
            self.world.clock.advance(UNLISTED + 1)
            self.revive()
            self.broker.recover(wait=True)
            entries, orders = entries_of(self.broker), self.world.orders()
            ownerless = check_ownership(entries, orders)
            assert not ownerless, (ownerless, [each for each in entries if each.state is State.UNCERTAIN])
            living = {each.client_order_id for each in entries if not each.state.frees_its_id}
            for name in living:
                with contextlib.suppress(OrderUncertainError, KISError):
                    self.wishes[name](self.broker)
            assert len(self.world.orders()) == len(orders)

    def one_of_the_last(self, which: int) -> str:
        names = list(self.wishes)[-6:]
        return names[which % len(names)]


class PaperTrading(Trading):
    """The same on paper, where what the lists lack proves nothing."""

    mode = "paper"


_SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestTrading = Trading.TestCase
TestTrading.settings = _SETTINGS
TestPaperTrading = PaperTrading.TestCase
TestPaperTrading.settings = _SETTINGS
