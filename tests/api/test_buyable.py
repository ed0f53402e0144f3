from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.buyable import Buyable, get_buyable
from kis_sync.api.domestic_stock.order_type import (
    BeforeOpen,
    Best,
    ConditionalLimit,
    Limit,
    Market,
    OrderType,
    StopLimit,
)
from kis_sync.errors import InvalidRequestError, RequestRefusedError, ServerError
from tests.api.order_rows import BUY, placed
from tests.api.simulated_account import SimulatedAccount, example, needs_examples, simulated_account
from tests.asking import StubAsker, ok

OUTPUT = {
    "ord_psbl_cash": "741191178",
    "psbl_qty_calc_unpr": "70000",
    "nrcvb_buy_amt": "107177377",
    "nrcvb_buy_qty": "1531",
    "max_buy_amt": "1482382356",
    "max_buy_qty": "21176",
}


@pytest.fixture(params=["live", "paper"])
def account(request: pytest.FixtureRequest) -> Iterator[SimulatedAccount]:
    with simulated_account(request.param) as account:
        yield account


@pytest.mark.parametrize(
    ("kind", "price", "code"),
    [
        (None, "", "01"),
        (Market(), "", "01"),
        (Limit(60_000), "", "01"),  # with 00 KIS leaves the margin rate out
        (Limit(60_000, "IOC"), "60000", "11"),
        (ConditionalLimit(60_000), "60000", "02"),
        (StopLimit(60_000, 61_000), "60000", "22"),
        (BeforeOpen(60_000), "60000", "05"),
        (Best(), "", "03"),
        (Market("FOK"), "", "14"),
    ],
)
def test_what_is_sent(kind: OrderType | None, price: str, code: str) -> None:
    asker = StubAsker(ok(output=OUTPUT))
    get_buyable(asker, " 005930", kind)
    (call,) = asker.calls
    assert call.endpoint.name == "domestic_stock.inquire_psbl_order"
    assert call.params == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "PDNO": "005930",
        "ORD_UNPR": price,
        "ORD_DVSN": code,
        "CMA_EVLU_AMT_ICLD_YN": "N",
        "OVRS_ICLD_YN": "N",
    }


def test_without_a_code_only_amounts_are_asked_for() -> None:
    asker = StubAsker(ok(output={**OUTPUT, "nrcvb_buy_qty": "0", "max_buy_qty": "0"}))
    buyable = get_buyable(asker)
    sent = asker.calls[0].params
    assert (sent["PDNO"], sent["ORD_UNPR"], sent["ORD_DVSN"]) == ("", "", "00")
    assert (buyable.cash, buyable.amount, buyable.most_amount) == (741_191_178, 107_177_377, 1_482_382_356)
    assert (buyable.quantity, buyable.most_quantity, buyable.price) == (None, None, None)


def test_bad_input_is_told_before_any_call() -> None:
    asker = StubAsker(ok(output=OUTPUT))
    with pytest.raises(InvalidRequestError, match="needs a code"):
        get_buyable(asker, kind=Limit(60_000))
    with pytest.raises(InvalidRequestError, match="not a stock code"):
        get_buyable(asker, "5930")
    assert asker.calls == []


@needs_examples
def test_the_documented_answer() -> None:
    buyable = Buyable.read(example("inquire-psbl-order", "TTTC8908R"))
    assert (buyable.cash, buyable.amount, buyable.quantity) == (741_191_178, 107_177_377, 1531)
    assert (buyable.most_amount, buyable.most_quantity, buyable.price) == (1_482_382_356, 21_176, 70_000)
    assert buyable.raw["ord_psbl_sbst"] == "0"


@needs_examples
def test_quantities_come_about_as_in_the_documented_answer() -> None:
    body = example("inquire-psbl-order", "TTTC8908R").body
    at_kis = Buyable.read(example("inquire-psbl-order", "TTTC8908R"))
    ours = get_buyable(StubAsker(body), "005930", Limit(70_000))
    assert (ours.quantity, ours.most_quantity) == (at_kis.quantity, at_kis.most_quantity)


def test_a_limit_order_is_reckoned_at_its_own_price() -> None:
    buyable = get_buyable(StubAsker(ok(output=OUTPUT)), "005930", Limit(53_900))
    assert (buyable.quantity, buyable.most_quantity, buyable.price) == (1988, 27_502, 53_900)
    assert buyable.raw["nrcvb_buy_qty"] == "1531"


def test_blank_is_not_0() -> None:
    blank = dict.fromkeys(OUTPUT, "")
    buyable = get_buyable(StubAsker(ok(output=blank)), "005930", Limit(60_000))
    assert (buyable.cash, buyable.amount, buyable.quantity, buyable.most_quantity) == (None,) * 4


def test_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ServerError, match="field nrcvb_buy_qty"):
        get_buyable(StubAsker(ok(output={**OUTPUT, "nrcvb_buy_qty": "many"})), "005930")


@settings(deadline=None)
@given(amount=st.integers(-(10**9), 10**15), price=st.integers(1, 10**8))
def test_the_quantity_is_the_most_that_the_amount_pays_for(amount: int, price: int) -> None:
    output = {**OUTPUT, "nrcvb_buy_amt": str(amount)}
    quantity = get_buyable(StubAsker(ok(output=output)), "005930", Limit(price)).quantity
    assert quantity is not None
    assert quantity >= 0
    assert quantity * price <= max(amount, 0) < (quantity + 1) * price


class TestOnTheSimulator:
    def test_an_order_at_market_is_reckoned_at_the_upper_limit(self, account: SimulatedAccount) -> None:
        quote, buyable = account.broker.get_price("005930"), get_buyable(account.broker, "005930")
        assert buyable.price == quote.upper_limit
        assert buyable.cash == account.books.orderable

    def test_so_much_can_be_bought_and_not_a_share_more(self, account: SimulatedAccount) -> None:
        low = account.broker.get_price("005930").lower_limit
        assert low is not None
        most = get_buyable(account.broker, "005930", Limit(low)).quantity
        assert most
        with pytest.raises(RequestRefusedError):
            placed(account, BUY, most + 1, Limit(low))
        placed(account, BUY, most, Limit(low))
        assert get_buyable(account.broker, "005930", Limit(low)).quantity == 0

    def test_amounts_alone(self, account: SimulatedAccount) -> None:
        amounts, shares = get_buyable(account.broker), get_buyable(account.broker, "005930")
        assert (amounts.cash, amounts.amount) == (shares.cash, shares.amount)
        assert amounts.quantity is None

    def test_an_unknown_stock_is_refused(self, account: SimulatedAccount) -> None:
        with pytest.raises(RequestRefusedError):
            get_buyable(account.broker, "999999")
