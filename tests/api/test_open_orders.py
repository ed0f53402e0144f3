from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from kis_sync.api.domestic_stock.change_order import cancel_call, change_call
from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.open_orders import read_open_orders
from kis_sync.api.domestic_stock.order_type import Limit, Market, Side, StopLimit
from kis_sync.clock import KST
from kis_sync.errors import NotOnPaperError, ServerError
from kis_sync.market.exchanges import Exchange
from tests.api.order_rows import BUY, placed, sent
from tests.api.simulated_account import SimulatedAccount, example, needs_examples, simulated_account
from tests.asking import StubAsker, ok

KRX = Exchange.KRX


@pytest.fixture
def live() -> Iterator[SimulatedAccount]:
    with simulated_account() as account:
        yield account


def row(number: str = "0001569139", **fields: str) -> dict[str, str]:
    """The documented example's first row, with the fields that the layout has besides."""
    return {
        "ord_gno_brno": "06010",
        "odno": number,
        "orgn_odno": "0001569136",
        "pdno": "009150",
        "prdt_name": "SamsungElecMech",
        "rvse_cncl_dvsn_name": "BUY AMEND*",
        "ord_qty": "10",
        "ord_unpr": "140000",
        "ord_tmd": "131438",
        "tot_ccld_qty": "3",
        "tot_ccld_amt": "419900",
        "psbl_qty": "6",
        "sll_buy_dvsn_cd": "02",
        "ord_dvsn_cd": "00",
        "excg_id_dvsn_cd": "NXT",
        "stpm_cndt_pric": "0",
        **fields,
    }


def page(*rows: dict[str, str], tr_cont: str = "D", key: str = "") -> dict[str, object]:
    keys = {"ctx_area_fk100": "f".ljust(100), "ctx_area_nk100": key.ljust(100)}
    return {**ok(output=list(rows), **keys), "tr_cont": tr_cont}


def test_what_is_sent() -> None:
    asker = StubAsker(page())
    assert read_open_orders(asker) == ()
    (call,) = asker.calls
    assert call.endpoint.name == "domestic_stock.inquire_psbl_rvsecncl"
    assert call.params == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "CTX_AREA_FK100": "",
        "CTX_AREA_NK100": "",
        "INQR_DVSN_1": "0",
        "INQR_DVSN_2": "0",
    }


def test_every_field() -> None:
    (order,) = read_open_orders(StubAsker(page(row())))
    assert (order.number, order.original, order.branch) == (1_569_139, 1_569_136, "06010")
    assert (order.code, order.name, order.side, order.exchange) == (
        "009150",
        "SamsungElecMech",
        Side.BUY,
        "NXT",
    )
    assert (order.quantity, order.filled, order.remaining) == (10, 3, 6)
    assert order.average_price == Decimal(419_900) / 3
    assert (order.cancelled, order.rejected, order.is_cancellation) == (None, 0, False)
    assert order.kind == Limit(140_000)
    assert order.ordered_at == datetime(2026, 11, 24, 13, 14, 38, tzinfo=KST)


def test_a_stop_order_tells_its_trigger() -> None:
    (order,) = read_open_orders(StubAsker(page(row(ord_dvsn_cd="22", stpm_cndt_pric="139000"))))
    assert order.kind == StopLimit(140_000, 139_000)


def test_nothing_filled_has_no_average() -> None:
    (order,) = read_open_orders(StubAsker(page(row(tot_ccld_qty="0", tot_ccld_amt="0"))))
    assert (order.filled, order.average_price) == (0, None)


@needs_examples
def test_the_documented_answer() -> None:
    envelope = example("inquire-psbl-rvsecncl", "TTTC0084R")
    orders = read_open_orders(StubAsker(envelope.body))
    assert [order.number for order in orders] == [1_569_139, 1_569_138]
    assert [order.original for order in orders] == [1_569_136, None]
    assert [(order.remaining, order.price) for order in orders] == [(1, 140_000), (1, 200_000)]
    assert [order.exchange for order in orders] == ["", ""]


def test_every_page_is_read_and_what_was_pushed_on_is_listed_once() -> None:
    asker = StubAsker(
        page(row("3"), row("2"), tr_cont="M", key="2"), page(row("2", psbl_qty="1"), row("1"), key="")
    )
    orders = read_open_orders(asker)
    assert [(order.number, order.remaining) for order in orders] == [(3, 6), (2, 1), (1, 6)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("odno", ""),
        ("sll_buy_dvsn_cd", "03"),
        ("pdno", ""),
        ("psbl_qty", ""),
        ("ord_qty", ""),
        ("tot_ccld_qty", "x"),
        ("ord_tmd", "9999"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_and_no_gap(name: str, value: str) -> None:
    with pytest.raises(ServerError, match=f"field {name}"):
        read_open_orders(StubAsker(page(row("8"), row(**{name: value}))))


def test_paper_has_no_such_list() -> None:
    with simulated_account("paper") as account:
        before = account.broker.traffic.calls
        with pytest.raises(NotOnPaperError):
            read_open_orders(account.broker)
        assert account.broker.traffic.calls == before


class TestOnTheSimulator:
    def test_what_rests_is_listed_and_what_filled_is_not(self, live: SimulatedAccount) -> None:
        low = live.broker.get_price("005930").lower_limit
        assert low is not None
        placed(live, BUY, 1, Market())
        resting = placed(live, BUY, 7, Limit(low))
        (order,) = read_open_orders(live.broker)
        assert (order.number, order.branch) == (int(resting.number), resting.branch)
        assert (order.quantity, order.remaining, order.filled, order.price) == (7, 7, 0, low)

    def test_it_says_the_same_as_the_day_s_executions(self, live: SimulatedAccount) -> None:
        low = live.broker.get_price("005930").lower_limit
        assert low is not None
        own, first = live.broker.account, placed(live, BUY, 7, Limit(low))
        second = sent(live, change_call(own, first.number, first.branch, KRX, Limit(low), 4))
        sent(live, cancel_call(own, first.number, first.branch, KRX, "00", 1))
        resting = {order.number: order for order in read_open_orders(live.broker)}
        assert {number: order.remaining for number, order in resting.items()} == {
            int(first.number): 2,
            int(second.number): 4,
        }
        listed = {order.number: order for order in get_executions(live.broker) if order.remaining}
        assert listed.keys() == resting.keys()
        for number, order in resting.items():
            same = listed[number]
            assert (order.remaining, order.price, order.original, order.side) == (
                same.remaining,
                same.price,
                same.original,
                same.side,
            )
            assert order.ordered_at == same.ordered_at

    def test_more_than_a_page_holds(self, live: SimulatedAccount) -> None:
        low = live.broker.get_price("005930").lower_limit
        assert low is not None
        numbers = [int(placed(live, BUY, 1, Limit(low)).number) for _ in range(53)]
        assert [order.number for order in read_open_orders(live.broker)] == numbers[::-1]
        assert live.asked("inquire-psbl-rvsecncl") == 2
