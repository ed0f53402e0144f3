"""What a halt keeps back, and that every call of effect order of every market passes the journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kis_sync import (
    InvalidRequestError,
    KISBroker,
    Limit,
    Market,
    OrderUncertainError,
    RequestRefusedError,
)
from kis_sync.catalog import Effect, endpoints
from kis_sync.clock import SkippingClock
from kis_sync.orders.entry import State
from kis_sync.orders.order import Order
from tests.fake_kis import RECEIPT, ok, refusal
from tests.orders.desk_parts import (
    ListingKIS,
    entries_of,
    journalling,
    states_in,
    world,
)
from tests.servers import Request, close
from tests.test_every_endpoint import filled

ORDER_NAMES = [name for name, each in endpoints().items() if each.effect is Effect.ORDER]
LIVE: dict[str, Any] = {"mode": "live", "allow_live_orders": True}


def buy(broker: KISBroker, name: str | None = "mine") -> Order:
    """A market order: nothing is asked before it."""
    return broker.buy("005930", 1, Market(), name)


class TestHalt:
    def halts_at(self, kis: ListingKIS, name: str, broker: KISBroker) -> Callable[[Request], None]:
        return lambda request: broker.halt("점심") if request.name == name else None

    def test_between_the_guards_and_leaving(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.at_request = self.halts_at(kis, "hashkey", broker)
            with pytest.raises(InvalidRequestError, match="orders are halted"):
                buy(broker)
            assert kis.count("order-cash") == 0
            assert states_in(tmp_path) == ["not executed"]
            kis.at_request = lambda request: None
            broker.resume()
            buy(broker)
            assert kis.count("order-cash") == 1

    def test_between_two_tries(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=SkippingClock()) as broker:
            kis.at_request = self.halts_at(kis, "order-cash", broker)
            kis.next("order-cash", refusal("EGW00201"))
            with pytest.raises(InvalidRequestError, match="orders are halted"):
                buy(broker)
            assert kis.count("order-cash") == 1
            assert states_in(tmp_path) == ["not executed"]

    def test_by_another_process_of_the_account(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            mine, other = made.client(), made.client()
            other.halt()
            with pytest.raises(InvalidRequestError, match="orders of this account are halted"):
                buy(mine)
            with pytest.raises(InvalidRequestError, match="orders are halted"):
                mine.call(
                    "domestic_stock.order_cash", variant="buy",
                    PDNO="005930", ORD_DVSN="01", ORD_QTY="1", ORD_UNPR="0",
                )  # fmt: skip
            assert made.orders() == []
            mine.resume()
            buy(other)
            assert len(made.orders()) == 1

    def test_cancelling_is_let_through_and_changing_is_not(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            broker = made.client()
            low = broker.get_price("005930").lower_limit
            assert low is not None
            order = broker.buy("005930", 1, Limit(low))
            broker.halt()
            with pytest.raises(InvalidRequestError, match="halted"):
                broker.modify_order(order, price=low + 500)
            assert broker.cancel_order(order).state is State.CANCELLED
            assert made.order(order.number).remaining == 0

    @pytest.mark.parametrize(
        ("name", "variant", "fields"),
        [
            ("overseas_stock.order_rvsecncl", "us", {"RVSE_CNCL_DVSN_CD": "02"}),
            ("domestic_bond.order_rvsecncl", "", {"RVSE_CNCL_DVSN_CD": "02"}),
            ("domestic_futureoption.order_rvsecncl", "day", {"RVSE_CNCL_DVSN_CD": "02"}),
            ("overseas_futureoption.order_rvsecncl", "cancel", {}),
            ("domestic_stock.order_resv_rvsecncl", "cancel", {}),
            ("overseas_stock.order_resv_ccnl", "", {}),
        ],
    )
    def test_cancelling_on_other_markets_is_let_through_too(
        self, tmp_path: Path, name: str, variant: str, fields: dict[str, str]
    ) -> None:
        each = endpoints()[name]
        with ListingKIS() as kis:
            with journalling(kis, tmp_path, mode="live", allow_live_orders=True) as broker:
                broker.halt()
                broker.call(name, {**filled(each), **fields}, variant=variant)
            assert [request.path for request in kis.requests].count(each.path) == 1


class TestAnyCallOfEffectOrder:
    def test_there_are_eighteen(self) -> None:
        assert len(ORDER_NAMES) == 18

    @pytest.mark.parametrize("name", ORDER_NAMES)
    def test_is_journalled_with_what_became_of_it(self, tmp_path: Path, name: str) -> None:
        each, variant = endpoints()[name], next(iter(endpoints()[name].tr_ids))
        path = each.path.rpartition("/")[2]
        sent: list[list[str]] = []

        def look(request: Request) -> None:
            if request.path == each.path:
                sent.append(states_in(tmp_path)[-1:])

        with ListingKIS(at_request=look) as kis:
            with journalling(kis, tmp_path, clock=SkippingClock(), **LIVE) as broker:
                broker.call(name, filled(each), variant=variant)
                kis.next(
                    path, close, refusal("APBK0952", status=200), refusal("EGW00201"), ok(output=RECEIPT)
                )
                with pytest.raises(OrderUncertainError):
                    broker.call(name, filled(each), variant=variant)
                with pytest.raises(RequestRefusedError):
                    broker.call(name, filled(each), variant=variant)
                broker.call(name, filled(each), variant=variant)
                entries = entries_of(broker)
        assert sent == [["sent"]] * 5
        assert [entry.state for entry in entries] == [
            State.ACCEPTED,
            State.UNCERTAIN,
            State.REFUSED,
            State.ACCEPTED,
        ]
        first = entries[0].wish
        assert (first.endpoint, first.variant) == (name, variant)
        assert {"CANO", "ACNT_PRDT_CD"}.isdisjoint(first.fields)
        assert len({entry.client_order_id for entry in entries}) == 4

    def test_every_variant_of_every_market(self, tmp_path: Path) -> None:
        wanted = [(name, variant) for name in ORDER_NAMES for variant in endpoints()[name].tr_ids]
        with ListingKIS() as kis, journalling(kis, tmp_path, **LIVE) as broker:
            for name, variant in wanted:
                broker.call(name, filled(endpoints()[name]), variant=variant)
            entries = entries_of(broker)
        assert [(entry.wish.endpoint, entry.wish.variant) for entry in entries] == wanted
        assert {entry.state for entry in entries} == {State.ACCEPTED}

    def test_one_without_a_receipt_is_uncertain(self, tmp_path: Path) -> None:
        each = endpoints()["domestic_stock.order_cash"]
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.next("order-cash", ok())
            with pytest.raises(OrderUncertainError):
                broker.call(each.name, filled(each), variant="buy")
            (entry,) = entries_of(broker)
            assert (entry.state, entry.number) == (State.UNCERTAIN, "")
            assert broker.get_pending_orders() == ()
            assert len(broker.get_orders()) == 1
