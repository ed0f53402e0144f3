from __future__ import annotations

import pytest

from kis_sync.catalog import response_fields
from tests.sim.desk import SAMSUNG, Desk

CREDIT = {"PDNO": SAMSUNG, "ORD_UNPR": "55000", "ORD_DVSN": "01", "CRDT_TYPE": "21"}
FLAGS = {"CMA_EVLU_AMT_ICLD_YN": "N", "OVRS_ICLD_YN": "N"}
MARGIN = {"CMA_EVLU_AMT_ICLD_YN": "N", "WCRC_FRCR_DVSN_CD": "01", "FWEX_CTRT_FRCR_DVSN_CD": "01"}


def test_nothing_can_be_bought_on_credit() -> None:
    desk = Desk()
    body = desk.ask("domestic_stock.inquire_credit_psamount", **desk.account | CREDIT | FLAGS).json()
    output = body["output"]
    assert list(output) == response_fields("domestic_stock.inquire_credit_psamount")["output"]
    assert body["msg_cd"] == "KIOK0510"
    assert (output["ord_psbl_cash"], output["psbl_qty_calc_unpr"]) == ("100000000", str(desk.quote.upper))
    assert {output[name] for name in ("nrcvb_buy_amt", "nrcvb_buy_qty", "max_buy_amt", "max_buy_qty")} == {
        "0"
    }


def test_the_margin_adds_up() -> None:
    desk = Desk()
    desk.placed("buy", 10, kind="01")
    desk.placed("buy", 10, desk.quote.lower)
    body = desk.ask("domestic_stock.intgr_margin", **desk.account | MARGIN).json()
    output = body["output"]
    assert list(output) == response_fields("domestic_stock.intgr_margin")["output"]
    assert all(value for name, value in output.items() if name != "ovrs_stck_itgr_mgna_dvsn_name")
    there, used, left = (float(output[f"stck_cash_{name}_amt"]) for name in ("objt", "use", "ord_psbl"))
    assert there - used == left == desk.cash
    assert used > 10 * desk.quote.lower
    assert there == int(desk.balance().json()["output2"][0]["prvs_rcdl_excc_amt"])
    most = desk.buying_power().json()["output"]["nrcvb_buy_amt"]
    assert output["stck_cash100_max_ord_psbl_amt"] == output["stck_cash20_max_ord_psbl_amt"] == f"{most}.0000"


def test_every_amount_is_written_as_in_the_documented_example() -> None:
    desk = Desk()
    output = desk.ask("domestic_stock.intgr_margin", **desk.account | MARGIN).json()["output"]
    decimals = {
        "acmga_rt": 4,
        "stck_evlu_use_amt": 4,
        "bond_ruse_psbl_objt_amt": 4,
        "stck_fncg45_max_ord_psbl_amt": 2,
        "stck_fncg50_max_ord_psbl_amt": 4,
        "stck_stln_max_ord_psbl_amt": 4,
        "bond_max_ord_psbl_amt": 4,
        "usd_objt_amt": 2,
        "stck_itgr_cash100_ord_psbl_amt": 2,
        "bond_itgr_ord_psbl_amt": 2,
        "stck_re_use_amt_ovrs_use_amt": 2,
        "bond_re_use_ovrs_use_amt": 2,
        "hgkg_cny_re_use_amt": 2,
        "usd_frst_bltn_exrt": 8,
    }
    assert {name: len(output[name].partition(".")[2]) for name in decimals} == decimals
    assert (output["rcvb_amt"], output["lmt_amt"]) == ("0", "0")
    assert all(float(output[f"{currency}_frst_bltn_exrt"]) > 0 for currency in ("usd", "hkd", "jpy", "cny"))


@pytest.mark.parametrize("name", ["intgr_margin", "inquire_credit_psamount"])
def test_another_s_account_is_refused(name: str) -> None:
    desk = Desk()
    fields = desk.account | CREDIT | FLAGS | MARGIN | {"CANO": "1"}
    assert desk.ask(f"domestic_stock.{name}", **fields).json()["msg_cd"] == "OPSQ2000"
