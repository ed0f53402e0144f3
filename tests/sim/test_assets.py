from __future__ import annotations

from typing import Any

import pytest

from kis_sync.catalog import response_fields
from tests.sim.desk import SAMSUNG, Desk

DAY = 86_400
BLANKS = {"INQR_DVSN_1": "", "BSPR_BF_DT_APLY_YN": ""}
RIGHTS = {
    "INQR_DVSN": "03",
    "CUST_RNCNO25": "",
    "HMID": "",
    "INQR_STRT_DT": "20260101",
    "INQR_END_DT": "20261231",
    "RGHT_TYPE_CD": "",
    "PDNO": "",
    "PRDT_TYPE_CD": "",
    "CTX_AREA_NK100": "",
    "CTX_AREA_FK100": "",
}
BONDS = {"INQR_CNDT": "00", "PDNO": "", "BUY_DT": "", "CTX_AREA_FK200": "", "CTX_AREA_NK200": ""}


def assets(desk: Desk, **more: str) -> Any:
    return desk.ask("domestic_stock.inquire_account_balance", **desk.account | BLANKS | more).json()


def test_the_assets_of_an_account_that_rests() -> None:
    desk = Desk()
    body = assets(desk)
    rows, sums = body["output1"], body["output2"]
    fields = {
        name.lower(): of for name, of in response_fields("domestic_stock.inquire_account_balance").items()
    }
    assert [list(body)[:2], body["msg_cd"]] == [["output1", "output2"], "KIOK0530"]
    assert (list(rows[0]), list(sums)) == (fields["output1"], fields["output2"])
    assert len(rows) == 20
    assert rows[17] == rows[19]
    assert rows[17] == {
        "pchs_amt": "0",
        "evlu_amt": "100000000",
        "evlu_pfls_amt": "0",
        "crdt_lnd_amt": "0",
        "real_nass_amt": "100000000",
        "whol_weit_rt": "100.00000000",
    }
    assert sums["dncl_amt"] == sums["tot_dncl_amt"] == sums["tot_asst_amt"] == "100000000"
    assert all(sums.values())


def test_assets_are_those_that_are_settled() -> None:
    desk = Desk()
    desk.placed("buy", 10, kind="01")
    before = assets(desk)["output2"]
    assert (before["tot_asst_amt"], before["pchs_amt_smtl"]) == ("100000000", "0")
    desk.clock.advance(2 * DAY)
    desk.token = ""
    body = assets(desk)
    rows, sums = body["output1"], body["output2"]
    row, told = desk.holding, desk.balance().json()["output2"][0]
    assert (sums["pchs_amt_smtl"], sums["evlu_amt_smtl"]) == (row["pchs_amt"], row["evlu_amt"])
    assert sums["evlu_pfls_amt_smtl"] == row["evlu_pfls_amt"]
    assert (sums["dncl_amt"], sums["tot_asst_amt"]) == (told["dnca_tot_amt"], told["tot_evlu_amt"])
    assert rows[0]["evlu_amt"] == row["evlu_amt"]
    assert rows[19]["evlu_pfls_amt"] == row["evlu_pfls_amt"]
    for name in ("pchs_amt", "evlu_amt", "evlu_pfls_amt", "real_nass_amt"):
        assert sum(int(each[name]) for each in rows[:-1]) == int(rows[-1][name])
    assert abs(sum(float(each["whol_weit_rt"]) for each in rows[:-1]) - 100) < 0.02


def test_a_fund_account_has_a_shorter_list() -> None:
    desk = Desk()
    rows = assets(desk, ACNT_PRDT_CD="21")["output1"]
    assert (len(rows), rows[14]["evlu_amt"], rows[16]["evlu_amt"]) == (17, "100000000", "100000000")


def test_no_rights_and_no_bonds() -> None:
    desk = Desk()
    rights = desk.ask("domestic_stock.period_rights", **desk.account | RIGHTS)
    assert (rights.json()["rt_cd"], rights.json()["msg_cd"], rights.json()["output"]) == ("0", "KIOK0560", [])
    searched = f"03!^!^!^{desk.account['CANO']}!^01!^20260101!^20261231!^!^!^"
    assert rights.json()["ctx_area_fk100"] == searched.ljust(100)
    bonds = desk.ask("domestic_bond.inquire_balance", **desk.account | BONDS)
    assert (bonds.json()["rt_cd"], bonds.json()["output"]) == ("0", [])
    assert len(bonds.json()["ctx_area_nk200"]) == 200
    assert rights.headers["tr_cont"] == bonds.headers["tr_cont"] == "D"
    assert (
        desk.ask("domestic_bond.inquire_balance", **BONDS | {"CANO": "1", "ACNT_PRDT_CD": "01"}).json()[
            "msg_cd"
        ]
        == "OPSQ2000"
    )


def test_what_was_sold_out_yesterday_can_be_left_out() -> None:
    desk = Desk()
    desk.placed("buy", 10, kind="01")
    desk.placed("sell", 10, kind="01")
    assert len(desk.balance(PRCS_DVSN="01").json()["output1"]) == 1
    desk.clock.advance(DAY)
    desk.token = ""
    assert len(desk.balance(PRCS_DVSN="00").json()["output1"]) == 1
    assert desk.balance(PRCS_DVSN="01").json()["output1"] == []


def test_the_sellable_quantity_under_both_names_it_is_documented_by() -> None:
    desk = Desk()
    desk.placed("buy", 10, kind="01")
    body = desk.ask("domestic_stock.inquire_psbl_sell", **desk.account, PDNO=SAMSUNG).json()
    assert body["output"] == body["output1"]
    assert body["msg_cd"] == "KIOK0420"


@pytest.mark.parametrize(
    ("mode", "product", "code"),
    [
        ("live", "01", "APBK0013"),
        ("live", "22", "APBK0013"),
        ("live", "29", "APBK1744"),
        ("live", "03", "APAC0489"),
        ("paper", "01", "40600000"),
        ("paper", "29", "40910000"),
    ],
)
def test_which_products_order_stocks(mode: str, product: str, code: str) -> None:
    desk = Desk(mode)
    assert desk.order("buy", SAMSUNG, 1, kind="01", ACNT_PRDT_CD=product).json()["msg_cd"] == code
