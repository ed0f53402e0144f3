from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from tests.sim.visitor import BALANCE, Visitor

SAMSUNG = "005930"
MORNING = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
DAY = 86_400


def open_account(mode: str = "live", **options: Any) -> tuple[Visitor, ManualClock]:
    clock = ManualClock(MORNING)
    return Visitor(Simulator(mode=mode, limit=100_000, clock=clock, **options)), clock


def buy_codes(visitor: Visitor, count: int) -> list[str]:
    bought: list[str] = []
    for code in visitor.sim.market.codes():
        if len(bought) < count and visitor.order("buy", code, 1, kind="01").json()["rt_cd"] == "0":
            bought.append(code)
    return bought


def all_pages(visitor: Visitor) -> tuple[list[int], list[dict[str, str]]]:
    sizes, rows = [], []
    response = visitor.balance()
    while True:
        body = response.json()
        sizes.append(len(body["output1"]))
        rows += body["output1"]
        if response.headers["tr_cont"] not in ("M", "F"):
            return sizes, rows
        keys = {name.upper(): body[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
        response = visitor.balance(headers={"tr_cont": "N"}, **keys)


def test_an_empty_account() -> None:
    visitor, _ = open_account()
    response = visitor.balance()
    body = response.json()
    assert (body["rt_cd"], body["msg_cd"], body["output1"]) == ("0", "KIOK0560", [])
    sums = body["output2"][0]
    assert sums["dnca_tot_amt"] == sums["prvs_rcdl_excc_amt"] == sums["tot_evlu_amt"] == "100000000"
    assert response.headers["tr_cont"] == "D"
    assert len(body["msg1"]) == 80


@pytest.mark.parametrize(("mode", "code"), [("live", "KIOK0510"), ("paper", "20310000")])
def test_every_field_of_a_balance(mode: str, code: str) -> None:
    visitor, _ = open_account(mode)
    visitor.order("buy", SAMSUNG, 3, kind="01")
    body = visitor.balance().json()
    fields = response_fields("domestic_stock.inquire_balance")
    names = ["ctx_area_fk100", "ctx_area_nk100", "output1", "output2", "rt_cd", "msg_cd", "msg1"]
    assert list(body) == names
    assert body["msg_cd"] == code
    assert [len(body["output1"]), len(body["output2"])] == [1, 1]
    assert list(body["output1"][0]) == fields["output1"]
    assert list(body["output2"][0]) == fields["output2"]
    assert [len(body[name]) for name in names[:2]] == [100, 100]
    assert body["ctx_area_nk100"].strip() == ""
    assert body["ctx_area_fk100"].startswith(visitor.account["CANO"] + "^01^N^N^02^01^N^ ")
    assert all(
        isinstance(value, str) for row in (*body["output1"], *body["output2"]) for value in row.values()
    )


def test_the_sums_add_up() -> None:
    visitor, clock = open_account()
    visitor.order("buy", SAMSUNG, 10, kind="01")
    visitor.order("buy", "000660", 2, kind="01")
    clock.advance(1800)
    visitor.order("sell", SAMSUNG, 4, kind="01")
    body = visitor.balance().json()
    rows, sums = body["output1"], {name: value for name, value in body["output2"][0].items() if value}
    worth = {name: int(value) for name, value in sums.items() if name != "asst_icdc_erng_rt"}
    for row in rows:
        assert int(row["evlu_amt"]) == int(row["hldg_qty"]) * int(row["prpr"])
        assert int(row["evlu_pfls_amt"]) == int(row["evlu_amt"]) - int(row["pchs_amt"])
        assert row["pchs_avg_pric"] == f"{int(row['pchs_amt']) / int(row['hldg_qty']):.4f}"
    assert worth["pchs_amt_smtl_amt"] == sum(int(row["pchs_amt"]) for row in rows)
    assert worth["scts_evlu_amt"] == worth["evlu_amt_smtl_amt"] == sum(int(row["evlu_amt"]) for row in rows)
    assert worth["tot_evlu_amt"] == worth["scts_evlu_amt"] + worth["prvs_rcdl_excc_amt"]
    costs = worth["thdt_tlex_amt"]
    spent = worth["thdt_buy_amt"] - worth["thdt_sll_amt"] + costs
    assert worth["prvs_rcdl_excc_amt"] == 100_000_000 - spent
    assert worth["dnca_tot_amt"] == worth["nxdy_excc_amt"] == 100_000_000
    assert worth["bfdy_tot_asst_evlu_amt"] == 100_000_000
    assert worth["asst_icdc_amt"] == worth["tot_evlu_amt"] - 100_000_000
    sold = int(worth["thdt_sll_amt"])
    bought_value = worth["thdt_buy_amt"]
    assert costs <= (bought_value + sold) * 0.000142 + sold * 0.002
    assert costs > sold * 0.002


def test_money_is_settled_two_trading_days_later() -> None:
    visitor, clock = open_account()
    visitor.order("buy", SAMSUNG, 10, kind="01")
    deposits = []
    for _ in range(3):
        sums = visitor.balance().json()["output2"][0]
        deposits.append((sums["dnca_tot_amt"], sums["nxdy_excc_amt"], sums["prvs_rcdl_excc_amt"]))
        clock.advance(DAY)
        visitor.token = ""
    paid = deposits[0][2]
    assert int(paid) < 100_000_000
    assert deposits == [("100000000", "100000000", paid), ("100000000", paid, paid), (paid, paid, paid)]


def test_what_was_sold_out_stays_in_the_list_for_two_days() -> None:
    visitor, clock = open_account()
    visitor.order("buy", SAMSUNG, 10, kind="01")
    visitor.order("sell", SAMSUNG, 10, kind="01")
    seen = []
    for _ in range(3):
        seen.append(
            [
                (row["hldg_qty"], row["thdt_sll_qty"], row["bfdy_sll_qty"])
                for row in visitor.balance().json()["output1"]
            ]
        )
        clock.advance(DAY)
        visitor.token = ""
    assert seen == [[("0", "10", "0")], [("0", "0", "10")], []]


# -- paging --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "count", "sizes"),
    [("live", 50, [50]), ("live", 51, [50, 1]), ("paper", 20, [20]), ("paper", 45, [20, 20, 5])],
)
def test_a_balance_comes_in_pages(mode: str, count: int, sizes: list[int]) -> None:
    visitor, _ = open_account(mode, cash=10**12)
    codes = buy_codes(visitor, count)
    found, rows = all_pages(visitor)
    assert found == sizes
    assert [row["pdno"] for row in rows] == codes


def test_without_the_header_the_first_page_comes_again() -> None:
    visitor, _ = open_account("paper", cash=10**12)
    buy_codes(visitor, 21)
    first = visitor.balance().json()
    keys = {name.upper(): first[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    assert visitor.balance(**keys).json()["output1"] == first["output1"]


def test_a_cursor_that_does_not_fit_is_refused() -> None:
    visitor, _ = open_account("paper", cash=10**12)
    codes = buy_codes(visitor, 22)
    first = visitor.balance().json()
    keys = {name.upper(): first[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    for faulty in (
        {},
        {"CTX_AREA_NK100": keys["CTX_AREA_NK100"]},
        {"CTX_AREA_FK100": keys["CTX_AREA_FK100"]},
        keys | {"CTX_AREA_NK100": "20^another"},
        keys | {"INQR_DVSN": "01"},
        keys | {"CTX_AREA_NK100": keys["CTX_AREA_NK100"].replace("20^", "22^")},
    ):
        response = visitor.balance(headers={"tr_cont": "N"}, **faulty)
        assert (response.json()["rt_cd"], response.json()["msg_cd"]) == ("7", "SYDB0050")
    assert len(visitor.balance(headers={"tr_cont": "N"}, **keys).json()["output1"]) == 2
    unheld = next(code for code in reversed(visitor.sim.market.codes()) if code not in codes)
    assert visitor.order("buy", unheld, 1, kind="01").json()["rt_cd"] == "0"
    assert visitor.balance(headers={"tr_cont": "N"}, **keys).json()["msg_cd"] == "SYDB0050"


def test_a_full_last_page_may_announce_one_that_never_comes() -> None:
    visitor, _ = open_account("paper", cash=10**12, full_page_says_more=True)
    buy_codes(visitor, 20)
    first = visitor.balance()
    assert first.headers["tr_cont"] == "M"
    keys = {name.upper(): first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    second = visitor.balance(headers={"tr_cont": "N"}, **keys)
    assert second.json()["msg_cd"] == "SYDB0050"


@pytest.mark.parametrize(
    ("switches", "expected"),
    [({}, ["M", "D"]), ({"first_page_more": "F", "last_page": "E"}, ["F", "E"])],
)
def test_what_tr_cont_says(switches: dict[str, Any], expected: list[str]) -> None:
    visitor, _ = open_account("paper", cash=10**12, **switches)
    buy_codes(visitor, 21)
    first = visitor.balance()
    keys = {name.upper(): first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    second = visitor.balance(headers={"tr_cont": "N"}, **keys)
    assert [first.headers["tr_cont"], second.headers["tr_cont"]] == expected
    assert second.json()["ctx_area_nk100"] == " " * 100


@pytest.mark.parametrize(("mode", "rows"), [("live", 100), ("paper", 15)])
def test_the_history_comes_in_pages(mode: str, rows: int) -> None:
    visitor, _ = open_account(mode)
    low = visitor.sim.market.quote(SAMSUNG, MORNING).lower
    numbers = [visitor.order("buy", SAMSUNG, 1, low).json()["output"]["ODNO"] for _ in range(rows + 1)]
    first = visitor.history(INQR_DVSN="01")
    assert first.headers["tr_cont"] == "M"
    keys = {name.upper(): first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    second = visitor.history(INQR_DVSN="01", headers={"tr_cont": "N"}, **keys)
    assert second.headers["tr_cont"] == "D"
    found = [row["odno"] for page in (first, second) for row in page.json()["output1"]]
    assert found == numbers
    assert first.json()["output2"] == second.json()["output2"]


# -- buying power and sellable quantity ----------------------------------------------------------------


def test_buying_power_at_market_is_reckoned_at_the_upper_limit() -> None:
    visitor, _ = open_account()
    response = visitor.buying_power()
    output = response.json()["output"]
    upper = visitor.sim.market.quote(SAMSUNG, MORNING).upper
    assert list(output) == response_fields("domestic_stock.inquire_psbl_order")["output"]
    assert output["psbl_qty_calc_unpr"] == str(upper)
    assert output["ord_psbl_cash"] == "100000000"
    assert response.headers["tr_cont"] == "D"
    assert response.json()["msg_cd"] == "KIOK0510"


@pytest.mark.parametrize("kind", ["00", "01"])
def test_exactly_the_buyable_quantity_can_be_bought(kind: str) -> None:
    visitor, _ = open_account(cash=12_345_678)
    quote = visitor.sim.market.quote(SAMSUNG, MORNING)
    price = quote.lower if kind == "00" else 0
    output = visitor.buying_power(ORD_DVSN=kind, ORD_UNPR=str(price or "")).json()["output"]
    quantity = int(output["nrcvb_buy_qty"])
    assert quantity > 0
    refused = visitor.order("buy", SAMSUNG, quantity + 1, price, kind)
    assert refused.json()["msg_cd"] == "APBK0952"
    assert visitor.order("buy", SAMSUNG, quantity, price, kind).json()["rt_cd"] == "0"


def test_buying_power_of_no_code_is_an_amount_only() -> None:
    visitor, _ = open_account()
    output = visitor.buying_power(PDNO="", ORD_DVSN="00").json()["output"]
    assert (output["nrcvb_buy_qty"], output["psbl_qty_calc_unpr"]) == ("0", "0")
    assert 99_980_000 < int(output["nrcvb_buy_amt"]) < 100_000_000


def test_faulty_questions_of_buying_power() -> None:
    visitor, _ = open_account()
    assert visitor.buying_power(PDNO="QQQ").json()["msg_cd"] == "APBK0656"
    assert visitor.buying_power(ORD_UNPR="1.5").json()["msg_cd"] == "OPSQ2001"


def test_sellable_quantity() -> None:
    visitor, _ = open_account()
    visitor.order("buy", SAMSUNG, 10, kind="01")
    visitor.order("sell", SAMSUNG, 4, visitor.sim.market.quote(SAMSUNG, MORNING).upper)
    output = visitor.ask("inquire_psbl_sell", **visitor.account, PDNO=SAMSUNG).json()["output1"]
    assert list(output) == response_fields("domestic_stock.inquire_psbl_sell")["output1"]
    assert (output["cblc_qty"], output["ord_psbl_qty"], output["buy_qty"]) == ("10", "6", "10")
    nothing = visitor.ask("inquire_psbl_sell", **visitor.account, PDNO="000660").json()["output1"]
    assert nothing["ord_psbl_qty"] == "0"
    assert visitor.balance().json()["output1"][0]["ord_psbl_qty"] == "6"


def test_two_accounts_of_one_app_key_are_apart() -> None:
    visitor, _ = open_account()
    visitor.order("buy", SAMSUNG, 10, kind="01")
    other = {"CANO": "11112222", "ACNT_PRDT_CD": "01"}
    body = visitor.ask("domestic_stock.inquire_balance", **other | BALANCE).json()
    assert body["output1"] == []
    assert body["output2"][0]["dnca_tot_amt"] == "100000000"
