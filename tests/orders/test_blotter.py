"""What is listed and what the journal makes of it: pending orders, chains, looking, waiting."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from kis_sync import Limit, Market, OrderUncertainError, RequestRefusedError
from kis_sync.orders.entry import Action, State
from tests.orders.desk_parts import (
    CHANGE,
    CODE,
    NEW,
    OTHER,
    World,
    entries_of,
    lost,
    low,
    numbers,
    resting,
)


class TestPending:
    def test_what_can_still_fill_newest_first_whoever_sent_it(self, either: World) -> None:
        broker, other = either.client(), either.client(keep_journal=False)
        ours, filled = resting(broker, name="ours"), broker.buy(CODE, 1, Market())
        theirs, elsewhere = resting(other), resting(broker, code=OTHER)
        gone = resting(broker)
        broker.cancel_order(gone)
        pending = broker.get_pending_orders()
        assert numbers(pending) == numbers((elsewhere, theirs, ours))
        assert [order.source for order in pending] == ["list"] * 3
        assert [order.client_order_id for order in pending][1:] == [None, "ours"]
        assert numbers(broker.get_pending_orders(CODE)) == numbers((theirs, ours))
        assert int(filled.number) not in numbers(pending)

    def test_a_partial_cancellation_leaves_the_rest(self, either: World) -> None:
        broker = either.client()
        order = resting(broker, 5)
        broker.cancel_order(order, quantity=2)
        (pending,) = broker.get_pending_orders()
        assert (pending.number, pending.quantity, pending.remaining) == (order.number, 5, 3)

    def test_a_change_of_all_takes_the_place_of_its_original(self, either: World) -> None:
        broker = either.client()
        order = resting(broker)
        changed = broker.modify_order(order, price=low(broker) + 1_000)
        assert numbers(broker.get_pending_orders()) == numbers((changed,))

    def test_a_change_of_some_stands_beside_it(self, either: World) -> None:
        broker = either.client()
        order = resting(broker, 5)
        changed = broker.modify_order(order, price=low(broker) + 1_000, quantity=2)
        pending = broker.get_pending_orders()
        assert [(int(each.number), each.remaining) for each in pending] == [
            (int(changed.number), 2),
            (int(order.number), 3),
        ]

    def test_on_paper_one_that_the_list_lacks_comes_from_the_journal(self, paper: World) -> None:
        broker = paper.client()
        paper.sim.faults.next(NEW, "unlisted", seconds=600)
        hidden = resting(broker, name="hidden")
        shown = resting(broker, name="shown")
        pending = broker.get_pending_orders()
        assert [(order.client_order_id, order.source) for order in pending] == [
            ("shown", "list"),
            ("hidden", "journal"),
        ]
        assert numbers(pending) == numbers((shown, hidden))
        assert broker.get_pending_orders(OTHER) == ()

    def test_on_paper_none_that_is_known_to_be_done_comes_from_the_journal(self, paper: World) -> None:
        broker = paper.client()
        done = broker.wait_for_fill(broker.buy(CODE, 1, Market(), "filled"), timeout=5)
        assert done.state is State.FILLED
        paper.sim.faults.next(NEW, "unlisted", count=2, seconds=600)
        cancelled, changed = resting(broker), resting(broker)
        broker.cancel_order(cancelled)
        last = broker.modify_order(changed, price=low(broker) + 1_000)
        assert numbers(broker.get_pending_orders()) == numbers((last,))

    def test_on_live_the_journal_adds_nothing(self, live: World) -> None:
        broker = live.client()
        live.sim.faults.next(NEW, "unlisted", seconds=600)
        resting(broker)
        assert broker.get_pending_orders() == ()


class TestChains:
    def test_every_change_is_kept(self, either: World) -> None:
        broker = either.client()
        price = low(broker)
        orders = [broker.buy(CODE, 5, Limit(price), "mine")]
        for step in range(1, 4):
            orders.append(broker.modify_order(orders[-1], price=price + 500 * step))
        assert orders[-1].chain == tuple(int(order.number) for order in orders)
        assert orders[0].chain == (int(orders[0].number),)
        assert either.client().get_order(orders[-1].number).chain == orders[-1].chain

    def test_an_old_order_stands_for_its_last_change(self, either: World) -> None:
        broker = either.client()
        price = low(broker)
        order = broker.buy(CODE, 5, Limit(price), "mine")
        broker.modify_order(order, price=price + 500)
        last = broker.modify_order(order, price=price + 1_000)
        assert len(last.chain) == 3
        cancelled = broker.cancel_order("mine")
        assert (cancelled.number, cancelled.state) == (last.number, State.CANCELLED)
        assert all(not each.remaining for each in either.orders())

    def test_but_not_for_one_that_took_some_of_it(self, either: World) -> None:
        broker = either.client()
        price = low(broker)
        order = broker.buy(CODE, 5, Limit(price))
        part = broker.modify_order(order, price=price + 500, quantity=2)
        assert broker.cancel_order(order).number == order.number
        assert either.order(part.number).remaining == 2

    def test_a_cancelled_order_does_not_stand_for_the_record_of_its_cancellation(self, live: World) -> None:
        broker = live.client()
        order = resting(broker)
        broker.cancel_order(order)
        with pytest.raises(RequestRefusedError):
            broker.cancel_order(order)
        named = [entry.wish.original for entry in entries_of(broker) if entry.wish.action is Action.CANCEL]
        assert named == [int(order.number)] * 2

    def test_a_change_that_was_refused_leaves_the_original(self, live: World) -> None:
        broker = live.client()
        order = resting(broker)
        live.sim.faults.next(CHANGE, "EGW00215")
        with contextlib.suppress(Exception):
            broker.modify_order(order, price=low(broker) + 500)
        assert entries_of(broker)[-1].state is State.REFUSED
        assert broker.cancel_order(order).number == order.number


class TestCancelAll:
    def test_cancels_what_is_open_whoever_sent_it(self, either: World) -> None:
        broker, other = either.client(), either.client(keep_journal=False)
        resting(broker)
        resting(other)
        kept = resting(broker, code=OTHER)
        done = broker.cancel_all(CODE)
        assert (len(done.cancelled), done.failed) == (2, ())
        assert {order.state for order in done.cancelled} == {State.CANCELLED}
        assert numbers(broker.get_pending_orders()) == numbers((kept,))

    def test_one_that_fails_keeps_none_of_the_others(self, live: World) -> None:
        broker = live.client()
        orders = [resting(broker, name=f"order {count}") for count in range(4)]
        live.sim.faults.next(CHANGE, "drop_before")
        done = broker.cancel_all()
        ((failed, error),) = done.failed
        assert failed.number == orders[-1].number  # the newest comes first
        assert isinstance(error, OrderUncertainError)
        assert sorted(numbers(done.cancelled)) == numbers(tuple(orders[:3]))
        assert [order.remaining for order in live.orders() if not order.is_cancellation] == [0, 0, 0, 5]
        assert len(broker.cancel_all().cancelled) == 1

    def test_settles_what_is_uncertain_first(self, either: World) -> None:
        broker = either.client()
        lost(either, broker, "mine")
        done = broker.cancel_all()
        assert [order.client_order_id for order in done.cancelled] == ["mine"]

    def test_while_halted(self, either: World) -> None:
        broker = either.client()
        resting(broker)
        broker.halt()
        assert len(broker.cancel_all().cancelled) == 1


class TestLooking:
    def test_an_order_as_it_stands_now(self, either: World) -> None:
        broker = either.client()
        order = broker.buy(CODE, 3, Market(), "mine")
        assert order.state is State.ACCEPTED
        now = broker.get_order("mine")
        assert (now.state, now.filled, now.remaining) == (State.FILLED, 3, 0)
        assert now.average_price is not None
        assert now.source == "list"
        assert now.raw["odno"] == order.number
        assert [each.state for each in broker.get_orders()] == [State.FILLED]

    def test_one_of_somebody_else(self, either: World) -> None:
        broker, other = either.client(), either.client(keep_journal=False)
        theirs = resting(other)
        found = broker.get_order(theirs.number)
        assert (found.client_order_id, found.state, found.source) == (None, State.ACCEPTED, "list")

    def test_an_uncertain_one_is_looked_for(self, either: World) -> None:
        broker = either.client()
        lost(either, broker, "mine")
        assert broker.get_order("mine").state is State.ACCEPTED

    def test_an_uncertain_one_that_is_not_listed_stays_so(self, either: World) -> None:
        broker = either.client()
        lost(either, broker, "mine", "drop_before")
        found = broker.get_order("mine")
        assert (found.state, found.number) == (State.UNCERTAIN, "")
        assert found.reason

    def test_executions_bring_the_journal_up_to_date(self, either: World) -> None:
        broker = either.client()
        broker.buy(CODE, 3, Market(), "mine")
        rows = broker.get_executions(code=CODE)
        assert [row.filled for row in rows] == [3]
        assert [(each.state, each.filled) for each in entries_of(broker)] == [(State.FILLED, 3)]

    def test_orders_of_yesterday(self, either: World) -> None:
        broker = either.client()
        order = resting(broker, name="mine")
        yesterday = either.clock.now().date()
        either.clock.advance(86_400)
        later = either.client()
        assert later.get_orders() == ()
        assert numbers(later.get_orders(yesterday)) == numbers((order,))
        assert later.get_order("mine").state is State.CANCELLED  # it ended with its day
        assert later.get_pending_orders() == ()

    def test_yesterdays_uncertain_order_is_looked_for_on_its_day(self, either: World) -> None:
        broker = either.client()
        lost(either, broker, "mine")
        either.clock.advance(86_400)
        later = either.client()
        later.get_price(CODE)
        (found,) = later.recover().settled
        assert (found.client_order_id, found.state) == ("mine", State.CANCELLED)


class TestWaiting:
    def test_until_nothing_more_can_happen(self, either: World) -> None:
        broker = either.client()
        begun = either.clock.now()
        order = broker.wait_for_fill(broker.buy(CODE, 1, Market()), timeout=60)
        assert order.state is State.FILLED
        assert either.clock.now() - begun < timedelta(seconds=5)

    def test_or_until_the_time_is_over(self, either: World) -> None:
        broker = either.client()
        begun, order = either.clock.now(), resting(broker)
        waited = broker.wait_for_fill(order, timeout=30)
        assert (waited.state, waited.remaining) == (State.ACCEPTED, 5)
        assert timedelta(seconds=29.5) < either.clock.now() - begun < timedelta(seconds=31)
        assert 20 <= either.asked("inquire-daily-ccld") <= 32

    def test_for_one_that_the_close_ends(self, live: World) -> None:
        broker = live.client()
        order = resting(broker)
        live.clock.advance(5 * 3600)
        assert broker.wait_for_fill(order, timeout=5).state is State.CANCELLED

    def test_for_none_that_nobody_can_tell_of(self, live: World) -> None:
        broker = live.client()
        lost(live, broker, "mine", "drop_before")
        assert broker.wait_for_fill("mine", timeout=5).state is State.UNCERTAIN


class TestActions:
    def test_the_orders_of_a_day_tell_what_each_did(self, either: World) -> None:
        broker = either.client()
        order = resting(broker)
        changed = broker.modify_order(order, price=low(broker) + 500)
        broker.cancel_order(changed)
        told = broker.get_orders()
        assert [each.action for each in told] == [Action.NEW, Action.CHANGE, Action.CANCEL]
        assert [each.original and int(each.original) for each in told] == [
            "",
            int(order.number),
            int(changed.number),
        ]
