from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kis_sync.api.domestic_stock.balance import Balance, get_balance
from kis_sync.api.domestic_stock.buyable import Buyable
from kis_sync.catalog import Call, Mode
from kis_sync.errors import RequestRefusedError, ServerError, StaleCursorError
from tests.api.simulated_account import (
    FUND,
    HYNIX,
    SAMSUNG,
    SimulatedAccount,
    example,
    needs_examples,
    simulated_account,
)
from tests.asking import StubAsker, ok

BALANCE, MEANS, REALIZED = "inquire_balance", "inquire_psbl_order", "inquire_balance_rlz_pl"


@pytest.fixture
def live() -> Iterator[SimulatedAccount]:
    with simulated_account() as account:
        yield account


@pytest.fixture
def paper() -> Iterator[SimulatedAccount]:
    with simulated_account("paper") as account:
        yield account


def page(codes: list[str], tr_cont: str, key: str, **totals: str) -> dict[str, object]:
    rows = [{"pdno": code, "hldg_qty": "1", "prpr": "10"} for code in codes]
    keys = {"ctx_area_fk100": "f".ljust(100), "ctx_area_nk100": key.ljust(100)}
    return {
        **ok(output1=rows, output2=[{"dnca_tot_amt": "5", **totals}], **keys),
        "tr_cont": tr_cont,
    }


MEANS_ANSWER = ok(output={"ord_psbl_cash": "741191178", "nrcvb_buy_amt": "107177377"})
REALIZED_ANSWER = ok(output1=[], output2=[{"rlzt_pfls": "-4114"}])


def last(call: Call) -> str:
    return call.endpoint.name.rpartition(".")[2]


class TestAsking:
    def test_a_complete_balance_on_live_asks_three_apis(self) -> None:
        asker = StubAsker(page(["000001"], "D", ""), MEANS_ANSWER, REALIZED_ANSWER)
        balance = get_balance(asker)
        assert [last(call) for call in asker.calls] == [BALANCE, MEANS, REALIZED]
        assert (balance.orderable_cash, balance.buyable_amount) == (741_191_178, 107_177_377)
        assert balance.realized_profit == -4114

    def test_on_paper_it_asks_two(self) -> None:
        asker = StubAsker(page(["000001"], "D", ""), MEANS_ANSWER, mode=Mode.PAPER)
        balance = get_balance(asker)
        assert [last(call) for call in asker.calls] == [BALANCE, MEANS]
        assert (balance.orderable_cash, balance.realized_profit) == (741_191_178, None)

    @pytest.mark.parametrize("mode", Mode)
    def test_an_incomplete_one_asks_one(self, mode: Mode) -> None:
        asker = StubAsker(page(["000001"], "D", ""), mode=mode)
        balance = get_balance(asker, complete=False)
        assert [last(call) for call in asker.calls] == [BALANCE]
        assert (balance.orderable_cash, balance.buyable_amount, balance.realized_profit) == (None, None, None)
        assert balance.deposit == 5

    def test_what_is_sent(self) -> None:
        asker = StubAsker(page(["000001"], "D", ""), MEANS_ANSWER, REALIZED_ANSWER)
        get_balance(asker)
        positions, means, realized = (call.params for call in asker.calls)
        account = {"CANO": "12345678", "ACNT_PRDT_CD": "01"}
        assert means == account | {
            "PDNO": "",  # the amount only
            "ORD_UNPR": "",
            "ORD_DVSN": "00",
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        }
        assert (positions["INQR_DVSN"], positions["PRCS_DVSN"]) == ("02", "00")
        assert (realized["INQR_DVSN"], realized["PRCS_DVSN"], realized["COST_ICLD_YN"]) == ("00", "01", "Y")
        assert account.items() <= positions.items()
        assert account.items() <= realized.items()


class TestPages:
    def test_every_page_is_read(self) -> None:
        first = page(["000001", "000002"], "M", "2")
        asker = StubAsker(first, page(["000003"], "D", ""), MEANS_ANSWER, REALIZED_ANSWER)
        balance = get_balance(asker)
        assert [each.code for each in balance.positions] == ["000001", "000002", "000003"]
        assert len(balance.raw["output1"]) == 3  # type: ignore[arg-type]
        assert asker.calls[1].tr_cont == "N"
        assert asker.calls[1].params["CTX_AREA_NK100"] == "2".ljust(100)

    def test_the_pages_of_what_was_realised_are_read_to_the_end(self) -> None:
        keys = {"ctx_area_fk100": "f", "ctx_area_nk100": "2"}
        first = {**ok(output1=[], output2=[{"rlzt_pfls": "1"}], **keys), "tr_cont": "M"}
        asker = StubAsker(page(["000001"], "D", ""), MEANS_ANSWER, first, REALIZED_ANSWER)
        assert get_balance(asker).realized_profit == -4114
        assert [call.tr_cont for call in asker.calls] == ["", "", "", "N"]

    def test_what_was_sold_to_the_last_share_is_left_out(self) -> None:
        answer = page(["000001"], "", "")
        answer["output1"] = [{"pdno": "000001", "hldg_qty": "0"}]
        assert get_balance(StubAsker(answer), complete=False).positions == ()

    def test_a_row_without_a_quantity_is_an_error_not_nothing(self) -> None:
        answer = page(["000001"], "", "")
        answer["output1"] = [{"pdno": "000001"}]
        with pytest.raises(ServerError, match="hldg_qty is blank"):
            get_balance(StubAsker(answer), complete=False)

    @pytest.mark.parametrize(("mode", "count", "calls"), [("live", 51, 2), ("live", 50, 1), ("paper", 21, 2)])
    def test_positions_of_several_pages_on_the_simulator(self, mode: str, count: int, calls: int) -> None:
        with simulated_account(mode, cash=10**12) as account:
            codes = account.buy_codes(count)
            balance = get_balance(account.broker)
            assert [each.code for each in balance.positions] == codes
            assert account.asked("inquire-balance") == calls
            assert balance.cost == sum(held.cost for held in account.books.holdings.values())

    @pytest.mark.parametrize(("mode", "count"), [("live", 50), ("paper", 20), ("paper", 40)])
    def test_a_full_last_page_that_promises_another_is_an_error_never_half_a_list(
        self, mode: str, count: int
    ) -> None:
        """SYDB0050 for ever, as seen with an account of exactly 50 holdings."""
        with simulated_account(mode, cash=10**12, full_page_says_more=True) as account:
            account.buy_codes(count)
            with pytest.raises(StaleCursorError) as raised:
                get_balance(account.broker)
            assert raised.value.code == "SYDB0050"
            pages = count // (20 if mode == "paper" else 50) + 1
            assert account.asked("inquire-balance") == 3 * pages


class TestFigures:
    """Against the simulator's own books."""

    def test_of_an_account_that_rests(self, live: SimulatedAccount) -> None:
        balance = get_balance(live.broker)
        assert balance.positions == ()
        assert balance.deposit == balance.deposit_d1 == balance.deposit_d2 == 100_000_000
        assert balance.orderable_cash == balance.total_value == balance.previous_total == 100_000_000
        assert (balance.realized_profit, balance.change, balance.profit) == (0, 0, 0)
        assert (balance.bought_today, balance.sold_today, balance.costs_today) == (0, 0, 0)

    def test_after_purchases_and_sales(self, live: SimulatedAccount) -> None:
        bought = live.trade("buy", SAMSUNG, 10) + live.trade("buy", FUND, 5)
        live.clock.sleep(1800)
        sold = live.trade("sell", SAMSUNG, 4)
        balance, books = get_balance(live.broker), live.books
        assert balance.bought_today == sum(fill.value for fill in bought)
        assert balance.sold_today == sum(fill.value for fill in sold)
        assert balance.costs_today == sum(fill.fee + fill.tax for fill in bought + sold)
        assert balance.deposit_d2 == books.cash == 100_000_000 + sum(f.cash_effect for f in bought + sold)
        assert balance.deposit == balance.deposit_d1 == 100_000_000
        assert balance.orderable_cash == books.orderable == books.cash
        assert balance.realized_profit == sum(fill.profit for fill in sold)
        held = books.holdings
        assert [(each.code, each.quantity, each.cost) for each in balance.positions] == [
            (code, held[code].quantity, held[code].cost) for code in (SAMSUNG, FUND)
        ]
        assert (balance.positions[0].bought_today, balance.positions[0].sold_today) == (10, 4)
        assert (balance.positions[1].bought_today, balance.positions[1].sold_today) == (5, 0)

    def test_the_sums_add_up(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        live.trade("buy", HYNIX, 3)
        live.clock.sleep(1800)
        balance = get_balance(live.broker)
        for each in balance.positions:
            assert each.price is not None
            assert each.cost is not None
            assert each.value == each.quantity * each.price
            assert each.profit == each.value - each.cost
            assert each.average_price == pytest.approx(
                Decimal(each.cost) / each.quantity, abs=Decimal("0.0001")
            )
        assert balance.securities_value == sum(each.value or 0 for each in balance.positions)
        assert balance.profit == sum(each.profit or 0 for each in balance.positions)
        assert balance.securities_value is not None
        assert balance.deposit_d2 is not None
        assert balance.total_value == balance.securities_value + balance.deposit_d2
        assert balance.previous_total == 100_000_000
        assert balance.change == balance.total_value - 100_000_000

    def test_money_is_settled_after_two_trading_days(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        paid, deposits = live.books.cash, []
        for _ in range(3):
            balance = get_balance(live.broker)
            deposits.append((balance.deposit, balance.deposit_d1, balance.deposit_d2))
            assert balance.orderable_cash == paid  # the same all along: the one to size by
            live.next_day()
        assert deposits == [(10**8, 10**8, paid), (10**8, paid, paid), (paid, paid, paid)]

    def test_a_resting_order_takes_from_what_can_be_ordered_alone(self, live: SimulatedAccount) -> None:
        low = live.sim.market.quote(SAMSUNG, live.sim.clock.now()).lower
        live.order("buy", SAMSUNG, 10, low)
        balance = get_balance(live.broker)
        assert balance.orderable_cash == live.books.orderable < 100_000_000 - 10 * low + 1
        assert balance.deposit == balance.deposit_d2 == 100_000_000
        assert balance.buyable_amount is not None
        assert balance.buyable_amount <= balance.orderable_cash

    def test_what_can_be_bought_can_be_bought(self, live: SimulatedAccount) -> None:
        amount = get_balance(live.broker).buyable_amount
        assert amount is not None
        quote = live.sim.market.quote(SAMSUNG, live.sim.clock.now())
        quantity = amount // quote.lower
        with pytest.raises(RequestRefusedError):
            live.order("buy", SAMSUNG, quantity + 1, quote.lower)
        live.order("buy", SAMSUNG, quantity, quote.lower)

    def test_yesterday_s_profit_is_not_today_s(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        live.trade("sell", SAMSUNG, 10)
        assert get_balance(live.broker).realized_profit == live.books.fills[-1].profit != 0
        live.next_day()
        balance = get_balance(live.broker)
        assert (balance.realized_profit, balance.sold_today) == (0, 0)
        assert balance.positions == ()  # though KIS still lists it

    def test_on_paper(self, paper: SimulatedAccount) -> None:
        bought = paper.trade("buy", SAMSUNG, 10)
        balance = get_balance(paper.broker)
        assert balance.orderable_cash == balance.deposit_d2 == paper.books.cash
        assert balance.bought_today == sum(fill.value for fill in bought)
        assert balance.realized_profit is None
        assert paper.asked("inquire-balance-rlz-pl") == 0

    def test_an_incomplete_balance_is_the_same_without_three_figures(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        whole, part = get_balance(live.broker), get_balance(live.broker, complete=False)
        missing: dict[str, Any] = dict.fromkeys(("orderable_cash", "buyable_amount", "realized_profit"))
        moving: dict[str, Any] = dict.fromkeys(("securities_value", "total_value", "net_assets", "profit"))
        moving |= {"change": None, "positions": ()}  # they hang on the price of the moment
        assert dataclasses.replace(whole, **missing, **moving) == dataclasses.replace(part, **moving)


class TestModel:
    @needs_examples
    def test_the_documented_example(self) -> None:
        balance = Balance.read(
            [example("inquire-balance", "TTTC8434R")],
            Buyable.read(example("inquire-psbl-order", "TTTC8908R")),
        )
        assert [each.quantity for each in balance.positions] == [1657, 3]
        assert [each.sellable for each in balance.positions] == [1611, 3]
        assert [(each.bought_today, each.sold_today) for each in balance.positions] == [(1686, 41), (0, 0)]
        assert balance.positions[0].price is None  # KIS sent 0
        assert str(balance.positions[0].average_price) == "135440.2517"
        assert (balance.deposit, balance.deposit_d1, balance.deposit_d2) == (346_455, 346_455, 346_455)
        assert (balance.securities_value, balance.total_value) == (1_759_600, 2_106_055)
        assert (balance.previous_total, balance.change) == (2_142_945, -36_890)
        assert (balance.cost, balance.profit) == (2_516_522, -756_922)
        assert (balance.orderable_cash, balance.buyable_amount) == (741_191_178, 107_177_377)

    def test_blank_is_none_and_never_0(self) -> None:
        balance = get_balance(StubAsker(ok(output1=[], output2=[{}])), complete=False)
        figures = {f.name: getattr(balance, f.name) for f in dataclasses.fields(balance)}
        del figures["positions"], figures["raw"]
        assert set(figures.values()) == {None}

    def test_it_is_a_value_without_its_raw_answer(self) -> None:
        answer = page(["000001"], "", "")
        one, other = (get_balance(StubAsker(answer), complete=False) for _ in range(2))
        assert one == other == dataclasses.replace(one, raw={})
        assert hash(one) == hash(other)
        assert "output1" not in repr(one)
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.deposit = 1  # type: ignore[misc]

    @pytest.mark.parametrize(
        "answers",
        [
            (page([], "", ""), ok(output=[]), REALIZED_ANSWER),
            (page([], "", ""), MEANS_ANSWER, ok(output1=[], output2=[])),
            (page([], "", ""), ok(output={"ord_psbl_cash": "much"}), REALIZED_ANSWER),
        ],
    )
    def test_a_faulty_part_is_an_error_not_a_balance_without_it(
        self, answers: tuple[dict[str, object], ...]
    ) -> None:
        with pytest.raises(ServerError):
            get_balance(StubAsker(*answers))
