from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.profits import (
    DailyProfit,
    RealizedProfit,
    get_daily_profit,
    get_realized_profit,
)
from kis_sync.clock import KST
from kis_sync.errors import InvalidRequestError, NotOnPaperError, ServerError
from kis_sync.sim.trading.ledger import Fill, Side
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

TODAY = date(2026, 11, 24)
Ask = Callable[..., RealizedProfit | DailyProfit]
BOTH = pytest.mark.parametrize("ask", [get_realized_profit, get_daily_profit])


@pytest.fixture
def live() -> Iterator[SimulatedAccount]:
    with simulated_account() as account:
        yield account


def split(fills: list[Fill]) -> tuple[list[Fill], list[Fill]]:
    return [f for f in fills if f.side is Side.BUY], [f for f in fills if f.side is Side.SELL]


def rows(*days: str, **fields: str) -> dict[str, object]:
    return ok(output1=[{"trad_dt": day, **fields} for day in days], output2={"tot_rlzt_pfls": "3"})


class TestAsking:
    @BOTH
    def test_the_default_is_today_by_the_server_s_clock(self, ask: Ask) -> None:
        asker = StubAsker(rows(), now=datetime.combine(TODAY, time(23, 59), KST))
        earned = ask(asker)
        asked = asker.calls[0].params
        assert (asked["INQR_STRT_DT"], asked["INQR_END_DT"], asked["PDNO"]) == ("20261124", "20261124", "")
        assert (asked["SORT_DVSN"], asked["CBLC_DVSN"]) == ("01", "00")
        assert (earned.start, earned.end) == (TODAY, TODAY)

    @BOTH
    @pytest.mark.parametrize(
        ("start", "end", "sent"),
        [
            (date(2026, 1, 2), None, ("20260102", "20261124")),
            (None, date(2026, 3, 4), ("20260304", "20260304")),
            (date(1999, 12, 31), date(2026, 3, 4), ("19991231", "20260304")),
            (datetime(2026, 1, 2, 23, 59, tzinfo=KST), None, ("20260102", "20261124")),
        ],
    )
    def test_the_days_that_are_asked_for(
        self, ask: Ask, start: date | None, end: date | None, sent: tuple[str, str]
    ) -> None:
        asker = StubAsker(rows())
        ask(asker, start, end)
        assert (asker.calls[0].params["INQR_STRT_DT"], asker.calls[0].params["INQR_END_DT"]) == sent

    @BOTH
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"start": date(2026, 2, 1), "end": date(2026, 1, 1)}, "lies after end"),
            ({"start": date(2026, 11, 25)}, "lies after end"),
            ({"start": "20260101"}, "start must be a date"),
            ({"end": 20260101}, "end must be a date"),
            ({"code": "삼성전자"}, "not a stock code"),
        ],
    )
    def test_bad_input_is_told_before_any_call(self, ask: Ask, options: dict[str, Any], told: str) -> None:
        asker = StubAsker(rows())
        with pytest.raises(InvalidRequestError, match=told):
            ask(asker, **options)
        assert asker.calls == []

    @BOTH
    def test_paper_has_none(self, ask: Callable[[Asker], object]) -> None:
        with simulated_account("paper") as paper:
            with pytest.raises(NotOnPaperError):
                ask(paper.broker)
            assert len(paper.sim.log) == 0

    @BOTH
    def test_every_page_is_read(self, ask: Ask) -> None:
        first = {**rows("20261102"), "tr_cont": "M", "ctx_area_fk100": "f", "ctx_area_nk100": "2"}
        asker = StubAsker(first, rows("20261103", "20261104"))
        earned = ask(asker, date(2026, 11, 1))
        found = earned.rows if isinstance(earned, RealizedProfit) else earned.days
        assert [each.day.day for each in found] == [2, 3, 4]
        assert [call.tr_cont for call in asker.calls] == ["", "N"]
        assert len(earned.raw["output1"]) == 3  # type: ignore[arg-type]

    @BOTH
    def test_a_row_without_its_day_is_an_error(self, ask: Ask) -> None:
        with pytest.raises(ServerError, match="trad_dt is blank"):
            ask(StubAsker(rows("")))

    def test_of_a_long_code_the_last_six_letters_count(self) -> None:
        for sent, read in (("00000A005930", "005930"), ("005930", "005930"), ("Q500001", "Q500001")):
            assert get_realized_profit(StubAsker(rows("20261124", pdno=sent))).rows[0].code == read

    def test_nothing_sold_has_no_price(self) -> None:
        answer = rows("20261124", sll_pric="0", pchs_unpr="135", sll_qty="0")
        (row,) = get_realized_profit(StubAsker(answer)).rows
        assert (row.sell_price, row.purchase_price, row.sold, row.tax) == (None, Decimal(135), 0, None)


class TestFigures:
    """Against the simulator's own books."""

    def test_a_round_trip(self, live: SimulatedAccount) -> None:
        fills = live.trade("buy", SAMSUNG, 10)
        live.clock.sleep(1800)
        fills += live.trade("sell", SAMSUNG, 10)
        buys, sells = split(fills)
        earned = get_realized_profit(live.broker)
        (row,) = earned.rows
        assert (row.day, row.code, row.name, row.held) == (TODAY, SAMSUNG, "삼성전자", 0)
        assert (row.bought, row.bought_amount) == (10, sum(f.value for f in buys))
        assert (row.sold, row.sold_amount) == (10, sum(f.value for f in sells))
        assert row.profit == sum(f.profit for f in sells) == live.books.cash - 100_000_000
        assert row.fee == sum(f.fee for f in fills)
        assert row.tax == sum(f.tax for f in fills) == sum(f.value for f in sells) // 500
        assert row.profit_percent == pytest.approx(row.profit * 100 / sum(f.cost for f in sells), abs=1e-6)
        assert earned.profit == row.profit
        assert earned.profit_percent == row.profit_percent
        totals = earned.totals
        assert (totals.bought, totals.sold, totals.interest) == (10, 10, 0)
        assert totals.received == sum(f.cash_effect for f in sells)
        assert totals.paid == -sum(f.cash_effect for f in buys)
        assert totals.received - totals.paid == row.profit

    def test_both_apis_tell_the_same(self, live: SimulatedAccount) -> None:
        live.trade("buy", SAMSUNG, 10)
        live.trade("buy", HYNIX, 2)
        live.trade("sell", SAMSUNG, 4)
        live.next_day()
        live.trade("sell", HYNIX, 1)
        by_code = get_realized_profit(live.broker, TODAY)
        by_day = get_daily_profit(live.broker, TODAY)
        assert [(each.day.day, each.code) for each in by_code.rows] == [
            (24, SAMSUNG),
            (24, HYNIX),
            (25, HYNIX),
        ]
        assert [each.day.day for each in by_day.days] == [24, 25]
        assert by_code.profit == by_day.profit == sum(fill.profit for fill in live.books.fills)
        for name in ("bought", "bought_amount", "paid", "sold", "sold_amount", "received", "fee", "tax"):
            assert getattr(by_code.totals, name) == getattr(by_day.totals, name) is not None
        for name in ("bought", "bought_amount", "sold", "sold_amount", "profit", "fee", "tax"):
            for day in by_day.days:
                assert getattr(day, name) == sum(
                    getattr(row, name) for row in by_code.rows if row.day == day.day
                )
        assert get_realized_profit(live.broker).profit == by_code.rows[-1].profit  # today is the 25th
        one = get_realized_profit(live.broker, TODAY, code=SAMSUNG)
        assert [each.code for each in one.rows] == [SAMSUNG]
        assert get_daily_profit(live.broker, TODAY, code=HYNIX).totals.bought == 2

    @pytest.mark.parametrize(("year", "divisor"), [(2024, 10_000 / 18), (2025, 10_000 / 15), (2026, 500)])
    def test_the_tax_is_that_of_the_year_and_funds_pay_none(self, year: int, divisor: float) -> None:
        with simulated_account(at=datetime(year, 11, 26, 10, 30, tzinfo=KST)) as account:
            for code in (SAMSUNG, FUND):
                account.trade("buy", code, 10)
                account.trade("sell", code, 10)
            stock, fund = get_realized_profit(account.broker).rows
            assert stock.sold_amount is not None
            assert stock.tax == int(stock.sold_amount / divisor)
            assert fund.tax == 0

    @BOTH
    def test_nothing_traded(self, live: SimulatedAccount, ask: Ask) -> None:
        earned = ask(live.broker, date(2026, 1, 2))
        assert (earned.profit, earned.totals.fee, earned.totals.bought) == (0, 0, 0)
        assert (earned.rows if isinstance(earned, RealizedProfit) else earned.days) == ()

    def test_more_than_a_page(self) -> None:
        with simulated_account(cash=10**12) as account:
            codes = account.buy_codes(51)
            earned = get_realized_profit(account.broker)
            assert [each.code for each in earned.rows] == codes
            assert account.asked("inquire-period-trade-profit") == 2
            assert earned.totals.bought_amount == sum(fill.value for fill in account.books.fills)


@needs_examples
def test_the_documented_example() -> None:
    earned = DailyProfit.read(TODAY, TODAY, [example("inquire-period-profit", "TTTC8708R")])
    (day,) = earned.days
    assert (day.day, day.bought, day.bought_amount) == (date(2024, 2, 20), 2003, 116_697_331)
    assert (day.sold, day.sold_amount, day.profit) == (8, 96_455, 22_991)
    assert (day.fee, day.tax, day.interest) == (0, 0, 0)
    assert day.profit_percent == 31.29560057
    assert (earned.profit, earned.totals.bought, earned.totals.sold) == (22_991, 2003, 8)
    assert (earned.totals.paid, earned.totals.received) == (116_697_331, 96_455)
    assert "output1" not in repr(earned)
