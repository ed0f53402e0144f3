"""Ids and keys, the guards as the desk hears them, and what is asked of it by name."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from kis_sync import (
    ConfigurationError,
    InvalidRequestError,
    JournalError,
    KISBroker,
    Limit,
    Market,
    NotOnPaperError,
    OrderLimits,
    RequestRefusedError,
)
from kis_sync.orders.desk import OrderPreview
from kis_sync.orders.entry import State
from kis_sync.orders.order import Order
from tests.fake_kis import refusal
from tests.orders.desk_parts import (
    CODE,
    ORDERS,
    OTHER,
    ListingKIS,
    World,
    entries_of,
    journalling,
    low,
    states_in,
    world,
)


class TestIds:
    def test_a_repeat_gives_the_first_order_as_it_stands(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        first = broker.buy(CODE, 3, Limit(price), "mine")
        live.client().cancel_order(first)
        again = live.client().buy(CODE, 3, Limit(price), "mine")
        assert (again.number, again.state) == (first.number, State.CANCELLED)
        assert live.asked("order-cash") == 1

    def test_a_repeat_on_another_day_too(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        first = broker.buy(CODE, 3, Limit(price), "mine")
        live.clock.advance(86_400)
        assert live.client().buy(CODE, 3, Limit(price), "mine").number == first.number
        assert live.asked("order-cash") == 1

    def test_without_an_id_every_call_is_an_order(self, live: World) -> None:
        broker = live.client()
        numbers = {broker.buy(CODE, 1, Market()).number for _ in range(3)}
        numbers |= {broker.send_order(CODE, "BUY", 1).number for _ in range(2)}
        assert len(numbers) == len(live.orders()) == 5

    def test_a_refused_id_is_free_for_another_wish(self, live: World) -> None:
        broker = live.client()
        with pytest.raises(RequestRefusedError):
            broker.sell(CODE, 5, Market(), "mine")  # there are none
        assert broker.buy(CODE, 1, Market(), "mine").filled == 0
        assert [entry.state for entry in entries_of(broker)] == [State.REFUSED, State.ACCEPTED]

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "\x00", "x" * 129, 5, b"a"])
    def test_that_are_none_are_refused(self, live: World, name: object) -> None:
        with pytest.raises(InvalidRequestError, match="client_order_id"):
            live.client().buy(CODE, 1, Market(), name)  # type: ignore[call-overload]
        assert live.orders() == []

    def test_of_changes_and_cancellations(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        order = broker.buy(CODE, 3, Limit(price), "mine")
        changed = broker.modify_order(order, price=price + 500, client_order_id="change")
        again = live.client().modify_order("mine", price=price + 500, client_order_id="change")
        assert again.number == changed.number != order.number
        assert live.asked("order-rvsecncl") == 1
        cancelled = broker.cancel_order(order, client_order_id="cancel")
        repeated = live.client().cancel_order("mine", client_order_id="cancel")
        assert (cancelled.state, repeated.state) == (State.CANCELLED, State.CANCELLED)
        assert cancelled.number == repeated.number == changed.number
        assert live.asked("order-rvsecncl") == 2

    def test_of_a_change_repeated_after_another_change(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        order = broker.buy(CODE, 3, Limit(price), "mine")
        first = broker.modify_order(order, price=price + 500, client_order_id="first")
        second = broker.modify_order(order, price=price + 1_000, client_order_id="second")
        assert int(second.original) == int(first.number)
        assert broker.modify_order(order, price=price + 500, client_order_id="first").number == first.number
        assert live.asked("order-rvsecncl") == 2

    def test_a_change_under_the_id_of_another_wish_is_refused(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        order = broker.buy(CODE, 3, Limit(price), "mine")
        for name in ("mine", "change"):
            broker.modify_order(order, price=price + 500, client_order_id="change")
            with pytest.raises(InvalidRequestError, match="already names another order"):
                broker.modify_order(order, price=price + 1_000, client_order_id=name)
        assert live.asked("order-rvsecncl") == 1

    def test_a_partial_cancellation_runs_once(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 5, Limit(low(broker)))
        for _ in range(3):
            broker.cancel_order(order, quantity=2, client_order_id="two of them")
        assert live.order(order.number).remaining == 3


class TestKeys:
    KEYS = ("rebalance", 7, 1.5, date(2026, 11, 24), datetime(2026, 11, 24, 9), ("a", 1, date.max), ["a"])

    @pytest.mark.parametrize("key", KEYS)
    def test_a_repeat_gives_the_first_order(self, live: World, key: object) -> None:
        broker = live.client()
        first = broker.buy(CODE, 1, Market(), key=key)
        assert live.client().buy(CODE, 1, Market(), key=key).number == first.number
        assert len(live.orders()) == 1

    def test_another_key_stock_or_side_is_another_order(self, live: World) -> None:
        broker = live.client()
        today, tomorrow = date(2026, 11, 24), date(2026, 11, 25)
        orders = [
            broker.buy(CODE, 2, Market(), key=("rebalance", today)),
            broker.buy(CODE, 2, Market(), key=("rebalance", tomorrow)),
            broker.buy(OTHER, 2, Market(), key=("rebalance", today)),
            broker.sell(CODE, 2, Market(), key=("rebalance", today)),
        ]
        assert len({order.number for order in orders}) == len(live.orders()) == 4

    def test_the_same_key_for_another_quantity_is_refused(self, live: World) -> None:
        broker = live.client()
        broker.buy(CODE, 2, Market(), key="today")
        with pytest.raises(InvalidRequestError, match="already names another order"):
            broker.buy(CODE, 3, Market(), key="today")

    @pytest.mark.parametrize("key", [{"a"}, object(), b"a", ("a", {1}), {(1, 2): 3}])
    def test_what_has_no_text_of_its_own_is_refused(self, live: World, key: object) -> None:
        with pytest.raises(InvalidRequestError, match="key must be"):
            live.client().buy(CODE, 1, Market(), key=key)
        assert live.orders() == []

    def test_not_besides_an_id(self, live: World) -> None:
        with pytest.raises(InvalidRequestError, match="not both"):
            live.client().buy(CODE, 1, Market(), "mine", key="mine")

    def test_of_changes_and_cancellations_name_the_order(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        one, two = (broker.buy(CODE, 3, Limit(price)) for _ in range(2))
        broker.cancel_order(one, key="stop")
        broker.cancel_order(two, key="stop")
        broker.cancel_order(two, key="stop")
        assert live.asked("order-rvsecncl") == 2
        assert [order.remaining for order in live.orders()] == [0, 0, 0, 0]


class TestGuards:
    LIMITS = OrderLimits(most_won=1_000_000)

    def test_every_reason_is_told_at_once_and_nothing_but_reads_was_sent(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            made.clock.advance(6 * 3600)  # 16:30
            broker = made.client(order_limits=self.LIMITS, allow_live_orders=False)
            broker.halt("점심")
            with pytest.raises(ConfigurationError) as caught:
                broker.buy(CODE, 10_000_000, Limit(2_001), "mine")
            self.check_told(caught.value.message)
            assert states_in(tmp_path) == []
            names = {entry.path.rpartition("/")[2] for entry in made.sim.log}
            assert names == {"tokenP", "inquire-price", "inquire-psbl-order"}
            assert {entry.method for entry in made.sim.log if "oauth2" not in entry.path} == {"GET"}

    def check_told(self, message: str) -> None:
        assert message.startswith("the order was not sent: ")
        for reason in (
            "halted (점심)",
            "live orders are switched off",
            "above the 1,000,000 won allowed an order",
            "away from the last price",
            "below the day's lower limit",
            "not on the tick",
            "cannot be bought",
            "KRX takes no Limit orders at 2026-11-24 16:30 KST",
        ):
            assert reason in message

    def test_a_preview_tells_the_same_and_writes_nothing(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            made.clock.advance(6 * 3600)
            broker = made.client(order_limits=self.LIMITS, allow_live_orders=False)
            broker.halt("점심")
            preview = broker.buy(CODE, 10_000_000, Limit(2_001), "mine", dry_run=True)
            self.check_told("the order was not sent: " + "; ".join(preview.refusals))
            assert len(preview.refusals) >= 8
            assert not list(tmp_path.glob("orders-*.sqlite3"))
            assert not any(entry.path.endswith(ORDERS) for entry in made.sim.log)

    def test_a_preview_of_what_would_go(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        preview = broker.buy(CODE, 3, Limit(price), "mine", dry_run=True)
        assert isinstance(preview, OrderPreview)
        assert (preview.won, preview.refusals, preview.tr_id) == (3 * price, (), "TTTC0012U")
        broker.buy(CODE, 3, Limit(price), "mine")
        (entry,) = entries_of(broker)
        assert entry.wish.fields == preview.fields
        assert broker.sell(CODE, 3, Limit(price), dry_run=True).tr_id == "TTTC0011U"
        assert live.asked("order-cash") == 1

    def test_a_known_id_is_given_back_whatever_the_guards_say_now(self, live: World) -> None:
        broker = live.client()
        price = low(broker)
        first = broker.buy(CODE, 3, Limit(price), "mine")
        broker.halt()
        live.clock.advance(6 * 3600)
        assert live.client().buy(CODE, 3, Limit(price), "mine").number == first.number

    def test_what_a_day_may_cost(self, live: World) -> None:
        price = low(live.client())
        broker = live.client(order_limits=OrderLimits(most_won_a_day=5 * price, check_funds=False))
        broker.buy(CODE, 3, Limit(price), "one")
        with pytest.raises(InvalidRequestError, match=f"of the day's most of {5 * price:,} won"):
            broker.buy(CODE, 3, Limit(price), "two")
        broker.buy(CODE, 2, Limit(price), "three")
        assert broker.buy(CODE, 3, Limit(price), "one").state is State.ACCEPTED
        live.clock.advance(86_400)
        assert broker.buy(CODE, 3, Limit(low(broker)), "two").state is State.ACCEPTED

    def test_what_is_not_executed_or_refused_costs_nothing(self, tmp_path: Path) -> None:
        limits = OrderLimits(most_won_a_day=70_000, check_funds=False, check_hours=False)
        with ListingKIS() as kis, journalling(kis, tmp_path, order_limits=limits) as broker:
            kis.next("order-cash", refusal("APBK0952", status=200))
            with pytest.raises(RequestRefusedError):
                broker.buy(CODE, 1, Limit(70_000))
            broker.buy(CODE, 1, Limit(70_000))
            with pytest.raises(InvalidRequestError, match="are taken already"):
                broker.buy(CODE, 1, Limit(70_000))

    def test_a_change_is_held_to_them_too(self, live: World) -> None:
        broker = live.client(order_limits=OrderLimits(most_won=10_000_000))
        order = broker.buy(CODE, 3, Limit(low(broker)))
        with pytest.raises(InvalidRequestError, match="lower limit"):
            broker.modify_order(order, price=2_000)
        assert live.asked("order-rvsecncl") == 0

    def test_the_broker_without_an_account(self, live: World) -> None:
        broker = KISBroker(live.settings(account_no=None), clock=live.clock)
        with pytest.raises(ConfigurationError, match="KIS_ACCOUNT_NO"):
            broker.buy(CODE, 1, Market())
        broker.close()


class TestByName:
    @pytest.mark.parametrize("way", ["order", "number", "unpadded", "int", "id"])
    def test_an_order_is_meant_by_itself_its_number_or_its_id(self, live: World, way: str) -> None:
        broker = live.client()
        order = broker.buy(CODE, 3, Limit(low(broker)), "mine")
        names: dict[str, Order | str | int] = {
            "order": order,
            "number": order.number,
            "unpadded": order.number.lstrip("0"),
            "int": int(order.number),
            "id": "mine",
        }
        meant = names[way]
        assert broker.get_order(meant).number == order.number
        assert broker.cancel_order(meant).state is State.CANCELLED

    @pytest.mark.parametrize("meant", ["nobody's", 99, "0000000099", "", "７"])
    def test_one_that_nobody_knows(self, live: World, meant: str | int) -> None:
        broker = live.client()
        for act in (broker.cancel_order, broker.get_order, broker.wait_for_fill):
            with pytest.raises(InvalidRequestError, match="there is no order"):
                act(meant)

    def test_what_a_change_needs(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 1, Market(), "mine")
        with pytest.raises(InvalidRequestError, match="has no price"):
            broker.modify_order(order, price=70_000)
        with pytest.raises(InvalidRequestError, match="whole number of shares"):
            broker.modify_order(order, kind=Limit(70_000), quantity=0)
        with pytest.raises(InvalidRequestError):
            broker.modify_order(order, kind=70_000)  # type: ignore[arg-type]
        assert live.asked("order-rvsecncl") == 0


class TestReserved:
    def test_on_paper_there_are_none(self, tmp_path: Path) -> None:
        with world(tmp_path, "paper") as made:
            broker = made.client()
            with pytest.raises(NotOnPaperError):
                broker.reserve_order(CODE, "BUY", 1, Limit(200_000))
            with pytest.raises(NotOnPaperError):
                broker.cancel_reserved_order(1)
            with pytest.raises(NotOnPaperError):
                broker.get_reserved_orders()
            assert entries_of(broker) == []
            assert len(made.sim.log) == 0

    def test_on_live_they_are_journalled_and_not_taken_for_orders(self, live: World) -> None:
        live.clock.advance(6 * 3600)  # 16:30: reserved orders are taken from 15:40
        broker = live.client()
        price = low(broker)
        number = broker.reserve_order(CODE, "BUY", 2, Limit(price))
        broker.amend_reserved_order(number, CODE, "BUY", 3, Limit(price))
        assert [(each.number, each.quantity) for each in broker.get_reserved_orders()] == [(number, 3)]
        broker.cancel_reserved_order(number)
        entries = entries_of(broker)
        assert [(each.state, each.number, each.wish.action.value) for each in entries] == [
            (State.ACCEPTED, str(number), "other"),
            (State.ACCEPTED, "", "other"),
            (State.ACCEPTED, "", "other"),
        ]
        assert broker.get_pending_orders() == ()
        assert broker.recover() == broker.recover()

    def test_an_uncertain_one_is_left_and_says_why(self, live: World) -> None:
        live.clock.advance(6 * 3600)
        broker = live.client()
        live.sim.faults.next("domestic_stock.order_resv", "drop_after")
        with pytest.raises(Exception, match="not known whether"):
            broker.reserve_order(CODE, "BUY", 2, Limit(low(broker)))
        recovery = broker.recover(wait=True)
        assert recovery.settled == ()
        assert [each.reason[:26] for each in recovery.uncertain] == ["no list is read for this k"]


class TestWithoutAJournal:
    def test_ids_hold_as_long_as_the_process(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            broker = made.client(keep_journal=False)
            first = broker.buy(CODE, 1, Market(), "mine")
            assert broker.buy(CODE, 1, Market(), "mine").number == first.number
            assert not list(tmp_path.iterdir())

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with ListingKIS() as kis, journalling(kis, tmp_path / "file" / "folder") as broker:
            with pytest.raises(JournalError):
                broker.buy(CODE, 1, Market(), "mine")
            assert kis.count("order-cash") == 0
