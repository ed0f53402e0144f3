from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from kis_sync.api.domestic_stock.order_type import Limit, Market
from kis_sync.api.domestic_stock.sellable import get_sellable
from kis_sync.catalog import Mode
from kis_sync.errors import InvalidRequestError, ServerError
from tests.api.order_rows import BUY, SELL, placed
from tests.api.simulated_account import SimulatedAccount, simulated_account
from tests.asking import StubAsker, ok

HOLDING = {
    "pdno": "005930",
    "prdt_name": "삼성전자",
    "cblc_qty": "10",
    "ord_psbl_qty": "8",
    "pchs_avg_pric": "70123.4000",
    "now_pric": "71000",
}
ROW = {"pdno": "005930", "prdt_name": "삼성전자", "hldg_qty": "10", "ord_psbl_qty": "8", "prpr": "71000"}


@pytest.fixture(params=["live", "paper"])
def account(request: pytest.FixtureRequest) -> Iterator[SimulatedAccount]:
    with simulated_account(request.param) as account:
        yield account


@pytest.mark.parametrize("name", ["output1", "output"])
def test_live_under_either_name(name: str) -> None:
    asker = StubAsker(ok(**{name: HOLDING}))
    holding = get_sellable(asker, "005930")
    assert (holding.code, holding.name, holding.held, holding.sellable) == ("005930", "삼성전자", 10, 8)
    assert (holding.average_price, holding.price) == (Decimal("70123.4"), 71_000)
    assert holding.raw["pchs_avg_pric"] == "70123.4000"
    (call,) = asker.calls
    assert call.endpoint.name == "domestic_stock.inquire_psbl_sell"
    assert call.params == {"CANO": "12345678", "ACNT_PRDT_CD": "01", "PDNO": "005930"}


@pytest.mark.parametrize("name", ["cblc_qty", "ord_psbl_qty"])
@pytest.mark.parametrize("value", ["", "-1", "N/A"])
def test_quantities_that_live_does_not_tell_are_an_error_and_not_0(name: str, value: str) -> None:
    with pytest.raises(ServerError, match=f"field {name}"):
        get_sellable(StubAsker(ok(output1={**HOLDING, name: value})), "005930")


def test_an_answer_without_a_holding_is_an_error() -> None:
    with pytest.raises(ServerError, match="output1 is not an object"):
        get_sellable(StubAsker(ok()), "005930")


class TestFromTheBalance:
    @staticmethod
    def paper(*rows: dict[str, str]) -> StubAsker:
        return StubAsker(ok(output1=list(rows), output2=[{"dnca_tot_amt": "5"}]), mode=Mode.PAPER)

    def test_one_call_of_the_balance_tells_it(self) -> None:
        asker = self.paper({**ROW, "pdno": "000660", "ord_psbl_qty": "1"}, ROW)
        holding = get_sellable(asker, "005930")
        assert (holding.held, holding.sellable, holding.price, holding.name) == (10, 8, 71_000, "삼성전자")
        assert [call.endpoint.name for call in asker.calls] == ["domestic_stock.inquire_balance"]

    def test_what_is_not_held_is_0(self) -> None:
        holding = get_sellable(self.paper(ROW), "000660")
        assert (holding.code, holding.held, holding.sellable) == ("000660", 0, 0)
        assert (holding.average_price, holding.price, dict(holding.raw)) == (None, None, {})

    def test_a_quantity_that_is_not_told_is_an_error_and_not_0(self) -> None:
        with pytest.raises(ServerError, match="how many shares can be sold"):
            get_sellable(self.paper({**ROW, "ord_psbl_qty": ""}), "005930")


def test_bad_input_is_told_before_any_call() -> None:
    for mode in Mode:
        asker = StubAsker(ok(output1=HOLDING), mode=mode)
        with pytest.raises(InvalidRequestError, match="not a stock code"):
            get_sellable(asker, "")
        assert asker.calls == []


class TestOnTheSimulator:
    def test_a_resting_sale_holds_shares_back(self, account: SimulatedAccount) -> None:
        broker = account.broker
        assert get_sellable(broker, "005930").sellable == 0
        placed(account, BUY, 5, Market())
        account.clock.sleep(60)  # paper's holdings lag
        upper = broker.get_price("005930").upper_limit
        assert upper is not None
        placed(account, SELL, 2, Limit(upper))
        holding = get_sellable(broker, "005930")
        assert (holding.held, holding.sellable) == (5, 3)
        assert holding.name == "삼성전자"
        assert holding.price == broker.get_price("005930").price
