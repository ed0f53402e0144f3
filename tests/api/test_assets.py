from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.assets import Assets, get_assets, get_margin
from kis_sync.api.domestic_stock.balance import get_balance
from kis_sync.errors import NotOnPaperError, ServerError
from kis_sync.settings import Account
from tests.api.simulated_account import (
    SAMSUNG,
    SimulatedAccount,
    example,
    needs_examples,
    simulated_account,
)
from tests.asking import StubAsker, ok


@pytest.fixture
def live() -> Iterator[SimulatedAccount]:
    with simulated_account() as account:
        yield account


def answer(*values: int) -> dict[str, object]:
    return ok(output1=[{"evlu_amt": str(value)} for value in values], output2={"tot_asst_amt": "9"})


class TestAssets:
    def test_what_is_sent(self) -> None:
        asker = StubAsker(answer(1))
        get_assets(asker)
        assert asker.calls[0].params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "INQR_DVSN_1": "",
            "BSPR_BF_DT_APLY_YN": "",
        }

    def test_kinds_are_told_by_their_place(self) -> None:
        assets = get_assets(StubAsker(answer(*range(20))))
        by_kind = {each.kind: each.value for each in assets.classes}
        assert len(by_kind) == 19
        assert (by_kind["주식"], by_kind["해외주식"], by_kind["예수금"]) == (0, 8, 17)
        assert (assets.total.kind, assets.total.value, assets.total_assets) == ("합계", 19, 9)

    def test_an_account_of_funds_has_other_kinds(self) -> None:
        asker = StubAsker(answer(*range(17)))
        asker.account = Account("12345678", "21")
        by_kind = {each.kind: each.value for each in get_assets(asker).classes}
        assert len(by_kind) == 16
        assert (by_kind["수익증권"], by_kind["예수금+CMA"]) == (0, 14)

    @pytest.mark.parametrize("count", [2, 17, 19, 21])
    def test_a_list_of_another_length_names_no_kind(self, count: int) -> None:
        assets = get_assets(StubAsker(answer(*range(count))))
        assert [each.kind for each in assets.classes] == [""] * (count - 1)
        assert assets.total.value == count - 1

    def test_no_list_is_an_error(self) -> None:
        with pytest.raises(ServerError, match="lists no assets"):
            get_assets(StubAsker(answer()))

    def test_a_list_in_pages_is_put_together(self) -> None:
        first = {**answer(*range(12)), "tr_cont": "M"}
        asker = StubAsker(first, answer(*range(12, 20)))
        assert [each.value for each in get_assets(asker).classes] == list(range(19))
        assert [call.tr_cont for call in asker.calls] == ["", "N"]

    def test_they_are_those_that_are_settled(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        before = get_assets(live.broker)
        assert (before.deposit, before.securities_value, before.total_assets) == (10**8, 0, 10**8)
        live.next_day()
        live.next_day()
        assets, books = get_assets(live.broker), live.books
        held = books.holdings[SAMSUNG]
        by_kind = {each.kind: each for each in assets.classes}
        assert by_kind["주식"].cost == assets.securities_cost == held.cost
        assert by_kind["예수금"].value == assets.deposit == assets.deposits == books.cash
        assert assets.securities_value == by_kind["주식"].value
        assert assets.profit == by_kind["주식"].profit == assets.total.profit
        assert assets.deposit == get_balance(live.broker, complete=False).deposit
        assert sum(each.value or 0 for each in assets.classes) == assets.total.value == assets.total_assets
        assert sum(each.percent or 0 for each in assets.classes) == pytest.approx(100, abs=0.02)

    def test_of_a_fund_account_on_the_simulator(self, live: SimulatedAccount) -> None:
        call = live.broker.call("domestic_stock.inquire_account_balance", ACNT_PRDT_CD="21")
        assert len(list(call.rows("output1"))) == 17

    @needs_examples
    def test_the_documented_example_is_a_row_shorter_than_the_layout(self) -> None:
        assets = Assets.read("01", [example("inquire-account-balance", "CTRP6548R")])
        assert {each.kind for each in assets.classes} == {""}
        assert assets.total.value == assets.total_assets == 1_651_869_889_547
        assert assets.overseas_stock_value == Decimal("185144504")
        assert (assets.deposit, assets.foreign_value) == (249_855_300, 1_651_434_483_743)
        assert (assets.securities_value, assets.net_assets) == (185_550_504, 185_550_504)
        assert (assets.securities_cost, assets.profit) == (161_155_333, 24_395_171)
        assert assets.classes[0].profit == 276_895
        assert "output1" not in repr(assets)


class TestMargin:
    def test_what_is_sent(self) -> None:
        asker = StubAsker(ok(output={"acmga_rt": "100.0000", "stck_cash_objt_amt": "2100000.2500"}))
        margin = get_margin(asker)
        asked = asker.calls[0].params
        assert asked["CMA_EVLU_AMT_ICLD_YN"] == "N"
        assert (asked["WCRC_FRCR_DVSN_CD"], asked["FWEX_CTRT_FRCR_DVSN_CD"]) == ("02", "02")
        assert (margin.margin_percent, margin.cash, margin.receivable) == (
            100.0,
            Decimal("2100000.25"),
            None,
        )

    def test_a_resting_order_uses_cash(self, live: SimulatedAccount) -> None:
        low = live.sim.market.quote(SAMSUNG, live.sim.clock.now()).lower
        live.trade("buy", SAMSUNG, 3)
        live.order("buy", SAMSUNG, 10, low)
        margin, books = get_margin(live.broker), live.books
        assert margin.cash == books.cash < 100_000_000
        assert margin.cash_orderable == books.orderable == get_balance(live.broker).orderable_cash
        assert margin.cash_used == books.cash - books.orderable > 10 * low - 1
        assert margin.orderable_at_100 == get_balance(live.broker).buyable_amount
        assert margin.receivable == 0


@pytest.mark.parametrize("ask", [get_assets, get_margin])
def test_paper_has_none(ask: Callable[[Asker], object]) -> None:
    with simulated_account("paper") as paper:
        with pytest.raises(NotOnPaperError):
            ask(paper.broker)
        assert len(paper.sim.log) == 0
