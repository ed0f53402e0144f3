"""What may be changed of an order, which order is meant by it, and what stops it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kis_sync import ConfigurationError, InvalidRequestError, Limit, Market, OrderLimits, Settings
from kis_sync.catalog import Call, endpoint
from kis_sync.errors import OrderUncertainError, RequestRefusedError
from kis_sync.market.ticks import floor_to_tick
from kis_sync.orders.entry import Action, State
from tests.orders.desk_parts import CODE, OTHER, World, entries_of, journal_of, low


def limits(**changes: Any) -> OrderLimits:
    return OrderLimits(**{"check_funds": False, "fat_finger_percent": None, **changes})


class TestGuards:
    def test_every_change_is_held_to_what_an_order_may_be_worth(self, live: World) -> None:
        price = low(live.client())
        broker = live.client(order_limits=limits(most_won=10 * (price + 1_000)))
        order = broker.buy(CODE, 10, Limit(price))
        changed = broker.modify_order(order, price=price + 1_000)  # its quantity is not in the journal
        for old in (order, changed):
            with pytest.raises(InvalidRequestError, match="above the"):
                broker.modify_order(old, price=price + 20_000)
        assert live.asked("order-rvsecncl") == 1

    def test_every_change_is_held_to_the_distance_from_the_last_price(self, live: World) -> None:
        broker = live.client(order_limits=limits(fat_finger_percent=15))
        near = floor_to_tick(broker.get_price(CODE).price * 9 // 10)
        order = broker.modify_order(broker.buy(CODE, 10, Limit(near)), price=near + 500)
        with pytest.raises(InvalidRequestError, match="away from the last price"):
            broker.modify_order(order, price=low(broker))

    def test_what_a_change_is_worth_more_counts_for_the_day(self, live: World) -> None:
        price = low(live.client())
        broker = live.client(order_limits=limits(most_won_a_day=10 * (price + 1_500)))
        order = broker.modify_order(broker.buy(CODE, 10, Limit(price)), price=price + 1_000)
        with pytest.raises(InvalidRequestError, match="are taken already"):
            broker.modify_order(order, price=price + 2_000)
        assert broker.modify_order(order, price=price + 1_500).state is State.ACCEPTED

    def test_a_preview_knows_what_the_day_has_cost(self, live: World) -> None:
        price = low(live.client())
        broker = live.client(order_limits=limits(most_won_a_day=price))
        broker.buy(CODE, 1, Limit(price))
        (reason,) = broker.buy(CODE, 1, Limit(price), dry_run=True).refusals
        assert "are taken already" in reason

    def test_nothing_or_two_things_to_change(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 10, Limit(low(broker)))
        with pytest.raises(InvalidRequestError, match="not both"):
            broker.modify_order(order, price=low(broker), kind=Market())
        with pytest.raises(InvalidRequestError, match="say what is to change"):
            broker.modify_order(order)


class TestWhichOrder:
    def test_a_change_that_the_exchange_did_not_take(self, live: World) -> None:
        """KIS passed it on and gave it a number; the original lives on."""
        broker = live.client()
        order = broker.buy(CODE, 10, Limit(low(broker)))
        journal, now = journal_of(broker), broker.now()
        wish = entries_of(broker)[0].wish
        fields = {
            "ORGN_ODNO": order.number,
            "RVSE_CNCL_DVSN_CD": "01",
            "QTY_ALL_ORD_YN": "Y",
            "ORD_DVSN": "00",
        }
        change = type(wish)("domestic_stock.order_rvsecncl", "", fields, CODE, wish.side)
        entry, _ = journal.open(None, change, now)
        journal.close(journal.leaving(entry, now), State.ACCEPTED, now, number="9999999")
        assert broker.cancel_order(order).state is State.CANCELLED
        assert live.order(order.number).remaining == 0

    def test_all_that_is_listed_is_cancelled_whatever_the_journal_believes(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 10, Limit(low(broker)))
        live.sim.faults.next("domestic_stock.inquire_daily_ccld", "garbage", 20)
        live.sim.faults.next("domestic_stock.order_cash", "drop_before")
        with pytest.raises(OrderUncertainError):
            broker.buy(OTHER, 1, Limit(low(broker, OTHER)), "lost")
        done = broker.cancel_all()
        assert [each.number for each in done.cancelled] == [order.number]
        assert [each.client_order_id for each in done.uncertain] == ["lost"]
        assert live.order(order.number).remaining == 0

    def test_an_order_of_another_day(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 10, Limit(low(broker)))
        live.clock.advance(86_400)
        for change in (broker.cancel_order, lambda each: broker.modify_order(each, price=1)):
            with pytest.raises(InvalidRequestError, match="lives for its day only"):
                change(order)
        assert live.asked("order-rvsecncl") == 0

    def test_a_changed_order_stands_for_its_change_when_looked_at(self, live: World) -> None:
        broker = live.client()
        order = broker.buy(CODE, 10, Limit(low(broker)))
        changed = broker.modify_order(order, price=low(broker) + 500)
        assert broker.get_order(order).number == changed.number
        assert broker.wait_for_fill(order, timeout=0).state is State.ACCEPTED
        assert not broker.wait_for_fill(order, timeout=2).is_done


class TestWaiting:
    def test_an_uncertain_order_is_waited_for(self, live: World) -> None:
        broker = live.client()
        live.sim.faults.next("domestic_stock.order_cash", "unlisted", seconds=4)
        live.sim.faults.next("domestic_stock.order_cash", "drop_after")
        with pytest.raises(OrderUncertainError) as caught:
            broker.buy(CODE, 1, Market(), "mine")
        order = broker.wait_for_fill(caught.value.order, timeout=20)
        assert (order.state, order.filled) == (State.FILLED, 1)

    @pytest.mark.parametrize("timeout", [None, -1, float("nan"), float("inf"), True])
    def test_a_timeout_that_is_none(self, live: World, timeout: Any) -> None:
        with pytest.raises(InvalidRequestError, match="timeout must be"):
            live.client().wait_for_fill("1", timeout=timeout)


class TestReserved:
    def test_their_worth_tick_and_id_are_looked_at(self, live: World) -> None:
        live.clock.advance(6 * 3600)  # 16:30
        price = low(live.client()) + 20_000
        price -= price % 500
        broker = live.client(order_limits=limits(most_won=3 * price))
        with pytest.raises(InvalidRequestError, match="above the"):
            broker.reserve_order(CODE, "BUY", 4, Limit(price))
        with pytest.raises(InvalidRequestError, match="not on the tick"):
            broker.reserve_order(CODE, "BUY", 1, Limit(price + 1))
        number = broker.reserve_order(CODE, "BUY", 3, Limit(price), key="evening")
        assert broker.reserve_order(CODE, "BUY", 3, Limit(price), key="evening") == number
        with pytest.raises(InvalidRequestError, match="above the"):
            broker.amend_reserved_order(number, CODE, "BUY", 4, Limit(price))
        assert live.asked("order-resv") == 1
        assert {entry.wish.action for entry in entries_of(broker)} == {Action.OTHER}


class TestHalt:
    def test_it_stops_clients_without_a_journal_too(self, live: World) -> None:
        broker, without = live.client(), live.client(keep_journal=False)
        broker.halt("점심")
        with pytest.raises(InvalidRequestError, match="점심"):
            without.buy(CODE, 1, Market())
        assert live.asked("order-cash") == 0


class TestOnePlace:
    @pytest.mark.parametrize("path", ["journal", "./journal", Path("journal")])
    def test_a_journal_is_in_one_place(self, live: World, path: Any) -> None:
        with pytest.raises(ConfigurationError, match="KIS_DATA_DIR"):
            live.settings(data_dir=path)

    def test_home_is_one(self, live: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        settings: Settings = live.settings(data_dir="~/kis")
        assert settings.data_dir == tmp_path / "kis"


def test_an_order_has_no_pages(live: World) -> None:
    broker = live.client()
    call = Call(endpoint("domestic_stock.order_cash"), {}, "buy")
    with pytest.raises(InvalidRequestError, match="no pages"):
        broker.ask_pages(call)
    assert live.asked("order-cash") == 0


def test_by_hand_what_the_lists_show_is_heard_first(live: World) -> None:
    broker = live.client()
    live.sim.faults.next("domestic_stock.order_cash", "drop_after")
    with pytest.raises(OrderUncertainError):
        broker.buy(CODE, 1, Limit(low(broker)), "mine")
    settled = broker.settle_order("mine", number=None)
    assert settled.state is State.ACCEPTED
    live.sim.faults.next("domestic_stock.order_cash", "drop_before")
    with pytest.raises(OrderUncertainError):
        broker.buy(CODE, 2, Limit(low(broker)), "another")
    with pytest.raises(InvalidRequestError, match="lists no order 99"):
        broker.settle_order("another", number=99)


def test_an_id_of_a_cancellation_is_of_its_day(live: World) -> None:
    broker = live.client()
    order = broker.buy(CODE, 1, Limit(low(broker)))
    broker.cancel_order(order, client_order_id="tidy")
    live.clock.advance(86_400)
    live.sim.brokerage.reset()  # numbers begin anew, as a new paper account's do
    fresh = live.client()
    second = fresh.buy(CODE, 1, Limit(low(fresh)))
    assert int(second.number) == int(order.number)
    with pytest.raises(InvalidRequestError, match="already names another"):
        fresh.cancel_order(second, client_order_id="tidy")
    assert fresh.cancel_order(second, key="tidy").state is State.CANCELLED


def test_a_key_is_plain(live: World) -> None:
    broker = live.client()
    for key in ({"a": 1}, {1}, object()):
        with pytest.raises(InvalidRequestError, match="key must be"):
            broker.buy(CODE, 1, Market(), key=key)
    first = broker.buy(CODE, 1, Market(), key=("a", 1, date(2026, 11, 24)))
    assert broker.buy(CODE, 1, Market(), key=["a", 1, date(2026, 11, 24)]).number == first.number


def test_refusals_name_what_was_asked(live: World) -> None:
    broker = live.client()
    order = broker.wait_for_fill(broker.buy(CODE, 1, Market()), timeout=5)
    assert order.state is State.FILLED
    with pytest.raises(RequestRefusedError, match="APBK0927"):
        broker.cancel_order(order)
