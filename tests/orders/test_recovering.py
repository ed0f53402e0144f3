"""Settling what is uncertain: by what is listed, and by hand."""

from __future__ import annotations

from typing import Any

import pytest

from kis_sync import InvalidRequestError, OrderUncertainError
from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.orders import recovering
from kis_sync.orders.entry import State
from tests.orders.desk_parts import (
    CHANGE,
    CODE,
    NEW,
    OTHER,
    World,
    die_before_the_outcome,
    entries_of,
    journal_of,
    lost,
    low,
    resting,
)
from tests.orders.exchange_audit import check_ownership


class TestRecovery:
    def test_nothing_is_sent(self, either: World) -> None:
        broker = either.client()
        lost(either, broker, "mine")
        broker.recover(wait=True)
        assert (either.asked("order-cash"), either.asked("order-rvsecncl")) == (1, 0)

    def test_of_twins_of_which_one_ran(self, live: World) -> None:
        broker = live.client()
        lost(live, broker, "one", "drop_before")
        lost(live, broker, "two")
        recovery = broker.recover()
        assert [order.state for order in recovery.settled] == [State.ACCEPTED]
        assert [order.state for order in recovery.uncertain] == [State.UNCERTAIN]
        assert "1 of 2 equal orders ran" in recovery.settled[0].reason
        recovery = broker.recover(wait=True)
        assert [order.state for order in recovery.settled] == [State.NOT_EXECUTED]
        assert {entry.state for entry in entries_of(broker)} == {State.ACCEPTED, State.NOT_EXECUTED}
        check_ownership(entries_of(broker), live.orders())

    def test_a_twin_that_runs_while_the_lists_are_read_is_nobody_elses_later(
        self, live: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker, other = live.client(), live.client()
        lost(live, broker, "one", "drop_before")

        def slow(*given: Any, **named: Any) -> tuple[ListedOrder, ...]:
            monkeypatch.setattr(recovering, "get_executions", get_executions)
            live.clock.advance(15)
            lost(live, other, "two")
            return get_executions(*given, **named)

        monkeypatch.setattr(recovering, "get_executions", slow)
        broker.recover()
        live.clock.advance(5)
        broker.recover(wait=True)
        check_ownership(entries_of(broker), live.orders())

    def test_live_concludes_after_two_complete_readings_and_its_time(self, live: World) -> None:
        broker = live.client()
        lost(live, broker, "mine", "drop_before")
        for seconds in (0, 61):
            live.clock.advance(seconds)
            (left,) = broker.recover().uncertain
            assert "complete lists lack it" in left.reason
        live.clock.advance(60)
        (settled,) = broker.recover().settled
        assert settled.state is State.NOT_EXECUTED
        assert resting(broker, name="mine").state is State.ACCEPTED
        assert len(live.orders()) == 1

    def test_one_reading_does_not_conclude_however_late(self, live: World) -> None:
        broker = live.client()
        lost(live, broker, "mine", "drop_before")
        live.clock.advance(3600)
        assert [order.state for order in broker.recover().uncertain] == [State.UNCERTAIN]

    def test_a_clock_that_is_ahead_does_not_shorten_the_time(self, live: World) -> None:
        broker = live.client()
        live.sim.faults.next(NEW, "unlisted", seconds=30)
        lost(live, broker, "mine")
        assert len(broker.recover().uncertain) == 1
        live.clock.advance(5)
        assert len(live.client(ahead=1200).recover().uncertain) == 1

    def test_nor_does_one_that_is_behind(self, live: World) -> None:
        lost(live, live.client(), "mine", "drop_before")
        live.clock.advance(1200)
        later = live.client(ahead=-600)
        for _ in range(2):
            assert len(later.recover().uncertain) == 1
            live.clock.advance(5)

    def test_paper_never_concludes(self, paper: World) -> None:
        broker = paper.client()
        lost(paper, broker, "mine", "drop_before")
        for _ in range(3):
            paper.clock.advance(3600)
            recovery = broker.recover(wait=True)
            assert recovery.settled == ()
            assert "these lists may lack orders that ran" in recovery.uncertain[0].reason
        with pytest.raises(OrderUncertainError):
            resting(broker, name="mine")
        assert paper.orders() == []

    def test_one_that_the_lists_lack_for_a_while_is_found_later(self, either: World) -> None:
        broker = either.client()
        either.sim.faults.next(NEW, "unlisted", seconds=30)
        lost(either, broker, "mine")
        assert len(broker.recover().uncertain) == 1
        either.clock.advance(31)
        assert [order.state for order in broker.recover().settled] == [State.ACCEPTED]

    @pytest.mark.parametrize("seconds", [0, -600, 600])
    def test_what_a_client_that_died_left_behind(self, either: World, seconds: float) -> None:
        """The first thing that the next one does, by a clock that nobody has set."""
        dying = either.client()
        dying.get_price(CODE)
        with die_before_the_outcome(dying):
            resting(dying, name="mine")
        later = either.client(ahead=seconds)
        assert later.recover().settled == ()  # it might still live
        journal_of(dying).close_file()
        assert [order.client_order_id for order in later.recover().settled] == ["mine"]
        assert resting(later, name="mine").number == f"{either.orders()[0].number:010}"
        assert len(either.orders()) == 1

    def test_an_order_that_is_being_sent_keeps_its_row(self, live: World) -> None:
        """A twin of it did not run; its own answer is still under way in another process."""
        broker, sending = live.client(), live.client()
        lost(live, broker, "lost", "drop_before")
        with die_before_the_outcome(sending):
            resting(sending, name="being sent")
        recovery = broker.recover()
        assert recovery.settled == ()
        assert "an equal one that is just being sent" in recovery.uncertain[0].reason
        journal_of(sending).close_file()
        assert [order.client_order_id for order in broker.recover().settled] == ["being sent"]

    def test_of_changes_and_cancellations(self, either: World) -> None:
        broker = either.client()
        order, price = resting(broker, name="mine"), low(broker)
        either.sim.faults.next(CHANGE, "drop_after")
        with pytest.raises(OrderUncertainError):
            broker.modify_order(order, price=price + 500, client_order_id="change")
        changed = broker.modify_order(order, price=price + 500, client_order_id="change")
        assert changed.chain == (int(order.number), int(changed.number))
        either.sim.faults.next(CHANGE, "drop_after")
        with pytest.raises(OrderUncertainError):
            broker.cancel_order(changed, client_order_id="cancel")
        assert broker.cancel_order(changed, client_order_id="cancel").state is State.CANCELLED
        assert either.asked("order-rvsecncl") == 2
        check_ownership(entries_of(broker), either.orders())

    def test_somebody_elses_order_is_not_taken_for_ours(self, live: World) -> None:
        broker, other = live.client(), live.client(keep_journal=False)
        theirs = resting(other)
        broker.get_executions()  # known before ours is sent
        live.clock.advance(10)  # and, by its time, ordered before
        lost(live, broker, "mine", "drop_before")
        assert [order.state for order in broker.recover(wait=True).settled] == [State.NOT_EXECUTED]
        lost(live, broker, "mine again")
        resting(other)
        (left,) = broker.recover().uncertain
        assert "somebody else's is among them" in left.reason
        assert int(theirs.number) not in [int(entry.number or 0) for entry in entries_of(broker)]


class TestByHand:
    def test_that_it_did_not_run_frees_its_id(self, paper: World) -> None:
        broker = paper.client()
        lost(paper, broker, "mine", "drop_before")
        settled = broker.settle_order("mine", number=None)
        assert (settled.state, settled.reason) == (
            State.NOT_EXECUTED,
            "settled by hand: it did not run",
        )
        assert resting(broker, name="mine").state is State.ACCEPTED
        assert len(paper.orders()) == 1

    @pytest.mark.parametrize("as_text", [True, False])
    def test_its_number_makes_it_accepted(self, either: World, as_text: bool) -> None:
        broker = either.client()
        lost(either, broker, "mine")
        (order,) = either.orders()
        number = f"{order.number:010}" if as_text else order.number
        settled = broker.settle_order("mine", number=number)
        assert (int(settled.number), settled.state, settled.remaining) == (order.number, State.ACCEPTED, 5)
        assert settled.branch
        assert broker.cancel_order("mine").state is State.CANCELLED

    def test_not_with_the_number_of_another(self, either: World) -> None:
        broker = either.client()
        known = resting(broker, name="known")
        lost(either, broker, "mine", "drop_before")
        with pytest.raises(InvalidRequestError, match="is that of known"):
            broker.settle_order("mine", number=known.number)
        assert entries_of(broker)[-1].state is State.UNCERTAIN

    def test_not_with_the_number_of_another_stock_or_side(self, either: World) -> None:
        broker, other = either.client(), either.client(keep_journal=False)
        lost(either, broker, "mine", "drop_before")
        wrong = resting(other, code=OTHER)
        with pytest.raises(InvalidRequestError, match="another stock, side or kind of action"):
            broker.settle_order("mine", number=wrong.number)
        assert entries_of(broker)[-1].state is State.UNCERTAIN

    @pytest.mark.parametrize("number", ["seven", "", "-1", 0])
    def test_not_with_what_is_no_number(self, either: World, number: str | int) -> None:
        broker = either.client()
        lost(either, broker, "mine", "drop_before")
        with pytest.raises(InvalidRequestError):
            broker.settle_order("mine", number=number)
        assert entries_of(broker)[-1].state is State.UNCERTAIN

    def test_only_what_is_uncertain(self, either: World) -> None:
        broker = either.client()
        resting(broker, name="mine")
        with pytest.raises(InvalidRequestError, match="mine is accepted"):
            broker.settle_order("mine", number=None)
        with pytest.raises(InvalidRequestError, match="nobody's is unknown"):
            broker.settle_order("nobody's", number=None)
