from __future__ import annotations

from typing import Any

import pytest

from kis_sync.catalog import response_fields
from tests.sim.desk import SAMSUNG, Desk

DAY = 86_400
PERIOD = {
    "INQR_STRT_DT": "20261101",
    "INQR_END_DT": "20261231",
    "PDNO": "",
    "SORT_DVSN": "00",
    "CBLC_DVSN": "00",
}
CURSOR = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
WITH_PROFIT = {
    "AFHR_FLPR_YN": "N",
    "OFL_YN": "",
    "INQR_DVSN": "00",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
    "COST_ICLD_YN": "Y",
}


class Trader(Desk):
    def by_day(self, **more: Any) -> Any:
        fields = self.account | PERIOD | CURSOR | {"INQR_DVSN": "00"} | more
        return self.ask("domestic_stock.inquire_period_profit", **fields)

    def by_code(self, **more: Any) -> Any:
        fields = self.account | PERIOD | CURSOR | more
        return self.ask("domestic_stock.inquire_period_trade_profit", **fields)

    def with_profit(self, **more: Any) -> Any:
        fields = self.account | WITH_PROFIT | CURSOR | more
        return self.ask("domestic_stock.inquire_balance_rlz_pl", **fields)

    def traded(self, side: str, quantity: int, code: str = SAMSUNG) -> int:
        """Trade at market, at one price, and say at which."""
        body = self.order(side, code, quantity, kind="01").json()
        assert body["rt_cd"] == "0", body
        row = self.row(body["output"]["ODNO"])
        assert row["tot_ccld_qty"] == str(quantity)
        return int(row["tot_ccld_amt"])

    def next_day(self) -> None:
        self.clock.advance(DAY)
        self.token = ""


def fee(value: int) -> int:
    return value * 142 // 1_000_000


def tax(value: int) -> int:
    return value // 500


def test_a_round_trip_to_the_won() -> None:
    trader = Trader()
    paid = trader.traded("buy", 10)
    trader.clock.advance(1800)
    got = trader.traded("sell", 10)
    costs = fee(paid) + fee(got)
    profit = got - paid - costs - tax(got)
    (row,) = trader.by_code().json()["output1"]
    assert row == {
        "trad_dt": "20261124",
        "pdno": SAMSUNG,
        "prdt_name": "삼성전자",
        "trad_dvsn_name": "현금",
        "loan_dt": "",
        "hldg_qty": "0",
        "pchs_unpr": str(paid // 10),
        "buy_qty": "10",
        "buy_amt": str(paid),
        "sll_pric": str(got // 10),
        "sll_qty": "10",
        "sll_amt": str(got),
        "rlzt_pfls": str(profit),
        "pfls_rt": f"{profit * 100 / paid:.8f}",
        "fee": str(costs),
        "tl_tax": str(tax(got)),
        "loan_int": "0",
    }
    sums = trader.by_code().json()["output2"]
    assert sums == {
        "sll_qty_smtl": "10",
        "sll_tr_amt_smtl": str(got),
        "sll_fee_smtl": str(fee(got)),
        "sll_tltx_smtl": str(tax(got)),
        "sll_excc_amt_smtl": str(got - fee(got) - tax(got)),
        "buyqty_smtl": "10",
        "buy_tr_amt_smtl": str(paid),
        "buy_fee_smtl": str(fee(paid)),
        "buy_tax_smtl": "0",
        "buy_excc_amt_smtl": str(paid + fee(paid)),
        "tot_qty": "20",
        "tot_tr_amt": str(paid + got),
        "tot_fee": str(costs),
        "tot_tltx": str(tax(got)),
        "tot_excc_amt": str(paid + fee(paid) + got - fee(got) - tax(got)),
        "tot_rlzt_pfls": str(profit),
        "loan_int": "0",
        "tot_pftrt": row["pfls_rt"],
    }
    day = trader.by_day().json()
    assert day["output1"] == [
        {
            "trad_dt": "20261124",
            "buy_amt": str(paid),
            "sll_amt": str(got),
            "rlzt_pfls": str(profit),
            "fee": str(costs),
            "loan_int": "0",
            "tl_tax": str(tax(got)),
            "pfls_rt": row["pfls_rt"],
            "sll_qty1": "10",
            "buy_qty1": "10",
        }
    ]
    assert trader.cash == 100_000_000 + profit
    today = trader.with_profit().json()["output2"][0]
    assert (today["rlzt_pfls"], today["rlzt_erng_rt"]) == (str(profit), row["pfls_rt"])
    without = trader.with_profit(COST_ICLD_YN="N").json()["output2"][0]
    assert without["rlzt_pfls"] == str(got - paid)


def test_a_purchase_realises_nothing_and_its_commission_waits_for_the_sale() -> None:
    trader = Trader()
    paid = trader.traded("buy", 10)
    (row,) = trader.by_code().json()["output1"]
    assert (row["rlzt_pfls"], row["pfls_rt"], row["fee"], row["hldg_qty"]) == (
        "0",
        "0.00000000",
        str(fee(paid)),
        "10",
    )
    trader.next_day()
    got = trader.traded("sell", 4)
    newest, oldest = trader.by_code().json()["output1"]
    cost, carried = paid * 4 // 10, fee(paid) * 4 // 10
    assert newest["rlzt_pfls"] == str(got - cost - carried - fee(got) - tax(got))
    assert (newest["trad_dt"], newest["hldg_qty"], newest["pchs_unpr"]) == ("20261125", "6", str(cost // 4))
    assert (oldest["trad_dt"], oldest["hldg_qty"]) == ("20261124", "10")
    assert trader.with_profit().json()["output2"][0]["rlzt_pfls"] == newest["rlzt_pfls"]
    trader.next_day()
    assert trader.with_profit().json()["output2"][0]["rlzt_pfls"] == "0"
    assert trader.by_day().json()["output2"]["tot_rlzt_pfls"] == newest["rlzt_pfls"]


def test_what_selling_the_rest_would_earn() -> None:
    trader = Trader()
    paid = trader.traded("buy", 10)
    fund = trader.traded("buy", 10, "069500")
    trader.clock.advance(1800)
    worth, fund_worth = (
        10 * trader.sim.market.quote(code, trader.clock.now()).price for code in (SAMSUNG, "069500")
    )
    sums = trader.with_profit().json()["output2"][0]
    gain = worth + fund_worth - paid - fund
    costs = fee(paid) + fee(fund) + fee(worth) + fee(fund_worth) + tax(worth)
    assert sums["evlu_pfls_smtl_amt"] == str(gain)
    assert sums["real_evlu_pfls"] == str(gain - costs)
    assert sums["real_evlu_pfls_erng_rt"] == f"{(gain - costs) * 100 / (paid + fund):.8f}"
    assert trader.with_profit(COST_ICLD_YN="N").json()["output2"][0]["real_evlu_pfls"] == str(gain)


def test_a_balance_with_profit_is_the_balance() -> None:
    trader = Trader()
    trader.traded("buy", 10)
    trader.traded("sell", 3)
    plain, more = trader.balance().json(), trader.with_profit().json()
    fields = response_fields("domestic_stock.inquire_balance_rlz_pl")
    assert [list(more["output1"][0]), list(more["output2"][0])] == [fields["output1"], fields["output2"]]
    shared = more["output1"][0].keys() & plain["output1"][0].keys()
    assert len(shared) == len(more["output1"][0])
    assert {name: more["output1"][0][name] for name in shared} == {
        name: plain["output1"][0][name] for name in shared
    }
    assert plain["output2"][0].items() <= more["output2"][0].items()
    assert more["ctx_area_fk100"].startswith(trader.account["CANO"] + "^01^N^N^00^01^N^ ")


def test_which_rows_are_asked_for() -> None:
    trader = Trader()
    trader.traded("buy", 5)
    trader.traded("buy", 5, "000660")
    trader.next_day()
    trader.traded("sell", 5)

    def rows(**filters: str) -> list[tuple[str, str]]:
        return [(row["trad_dt"][6:], row["pdno"]) for row in trader.by_code(**filters).json()["output1"]]

    assert rows() == rows(SORT_DVSN="02") == [("25", SAMSUNG), ("24", "000660"), ("24", SAMSUNG)]
    assert rows(SORT_DVSN="01") == [("24", SAMSUNG), ("24", "000660"), ("25", SAMSUNG)]
    assert rows(PDNO=SAMSUNG) == [("25", SAMSUNG), ("24", SAMSUNG)]
    assert rows(INQR_STRT_DT="20261125") == [("25", SAMSUNG)]
    assert rows(INQR_STRT_DT="19800104", INQR_END_DT="20261124") == [("24", "000660"), ("24", SAMSUNG)]
    assert rows(INQR_STRT_DT="00000101") == rows()
    nothing = trader.by_day(INQR_STRT_DT="20261201").json()
    assert (nothing["rt_cd"], nothing["msg_cd"], nothing["output1"]) == ("0", "KIOK0560", [])
    assert set(nothing["output2"].values()) == {"0"}
    assert [row["trad_dt"] for row in trader.by_day().json()["output1"]] == ["20261125", "20261124"]


@pytest.mark.parametrize("name", ["inquire_period_profit", "inquire_period_trade_profit"])
def test_every_field_and_nothing_else(name: str) -> None:
    trader = Trader()
    trader.traded("buy", 1)
    body = (trader.by_day() if name == "inquire_period_profit" else trader.by_code()).json()
    fields = response_fields(f"domestic_stock.{name}")
    assert list(body["output1"][0]) == fields["output1"]
    assert list(body["output2"]) == list(dict.fromkeys(fields["output2"]))
    assert len(body["ctx_area_fk100"]) == len(body["ctx_area_nk100"]) == 100
    assert body["msg_cd"] == "KIOK0510"


def test_profits_come_in_pages() -> None:
    trader = Trader(cash=10**12)
    codes = [
        code
        for code in trader.sim.market.codes()
        if trader.order("buy", code, 1, kind="01").json()["rt_cd"] == "0"
    ]
    first = trader.by_code(SORT_DVSN="01")
    assert (first.headers["tr_cont"], first.json()["msg_cd"], len(first.json()["output1"])) == (
        "M",
        "KIOK0500",
        50,
    )
    keys = {name.upper(): first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    second = trader.by_code(SORT_DVSN="01", headers={"tr_cont": "N"}, **keys)
    found = [row["pdno"] for page in (first, second) for row in page.json()["output1"]]
    assert found == codes[: len(found)]
    assert len(second.json()["output1"]) == min(50, len(codes) - 50)
    assert first.json()["output2"] == second.json()["output2"]
    assert trader.by_code(SORT_DVSN="00", headers={"tr_cont": "N"}, **keys).json()["msg_cd"] == "SYDB0050"


def test_costs_are_those_at_the_time_of_each_sale_however_seldom_one_looks() -> None:
    """A sale that fills before a purchase has nothing to do with that purchase's price."""
    bodies = []
    for looks in (1, 60):
        trader = Trader(cash=10**12)
        trader.traded("buy", 100)
        bid, ask = trader.book.bids[0].price, trader.book.asks[0].price
        tick = trader.quote.tick
        for steps in range(1, 6):
            trader.placed("buy", 10, bid - steps * tick)
            trader.placed("sell", 10, ask + steps * tick)
        for _ in range(looks):
            trader.clock.advance(5 * 3600 / looks)
            profits = trader.by_code().json()
        bodies.append([profits["output1"], profits["output2"], trader.balance().json()["output1"]])
    assert bodies[0] == bodies[1]
    assert int(bodies[0][1]["sll_qty_smtl"]) > 0
    assert int(bodies[0][1]["buyqty_smtl"]) > 100
