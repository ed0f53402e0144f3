"""The account abroad: nothing there, said in every documented field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST
from tests.sim.desk import Desk

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
PAGE = {"CTX_AREA_FK200": "", "CTX_AREA_NK200": ""}
CALLS: dict[str, dict[str, str]] = {
    "inquire_balance": {"OVRS_EXCG_CD": "NASD", "TR_CRCY_CD": "USD"} | PAGE,
    "inquire_present_balance": {
        "WCRC_FRCR_DVSN_CD": "02",
        "NATN_CD": "000",
        "TR_MKET_CD": "00",
        "INQR_DVSN_CD": "00",
    },
    "inquire_nccs": {"OVRS_EXCG_CD": "NASD", "SORT_SQN": "DS"} | PAGE,
    "inquire_ccnl": {
        "PDNO": "%",
        "ORD_STRT_DT": "20261101",
        "ORD_END_DT": "20261124",
        "SLL_BUY_DVSN": "00",
        "CCLD_NCCS_DVSN": "00",
        "OVRS_EXCG_CD": "%",
        "SORT_SQN": "DS",
        "ORD_DT": "",
        "ORD_GNO_BRNO": "",
        "ODNO": "",
    }
    | PAGE,
    "inquire_psamount": {"OVRS_EXCG_CD": "NASD", "OVRS_ORD_UNPR": "262.5", "ITEM_CD": "AAPL"},
    "inquire_period_profit": {
        "OVRS_EXCG_CD": "",
        "NATN_CD": "",
        "CRCY_CD": "",
        "PDNO": "",
        "INQR_STRT_DT": "20261101",
        "INQR_END_DT": "20261124",
        "WCRC_FRCR_DVSN_CD": "01",
    }
    | PAGE,
}
LIVE_ONLY = {"inquire_nccs", "inquire_period_profit"}
PAGED = [name for name, fields in CALLS.items() if "CTX_AREA_FK200" in fields]
OF_ONE = {
    ("inquire_balance", "output2"),
    ("inquire_present_balance", "output3"),
    ("inquire_psamount", "output"),
}


@pytest.fixture(params=["live", "paper"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param, NOW)


def ask(desk: Desk, name: str, **more: Any) -> Any:
    return desk.ask(f"overseas_stock.{name}", **desk.account | CALLS[name] | more)


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_said_in_the_documented_form(desk: Desk, name: str) -> None:
    response = ask(desk, name)
    body = response.json()
    if name in LIVE_ONLY and desk.sim.mode == "paper":
        assert (response.status_code, body["msg_cd"]) == (500, "EGW02006")
        return
    assert body["rt_cd"] == "0"
    assert response.headers["tr_cont"] == "D"
    is_empty = name != "inquire_psamount"
    codes = {"live": ("KIOK0510", "KIOK0560"), "paper": ("20310000", "70070000")}[desk.sim.mode]
    assert body["msg_cd"] == codes[is_empty]
    for output, fields in response_fields(f"overseas_stock.{name}").items():
        if not output:
            assert all(body[key] for key in fields)
        elif (name, output) in OF_ONE or (name == "inquire_period_profit" and output[-1] == "2"):
            found = body[output.lower()]
            assert list(found) == fields
            assert all(isinstance(value, str) and value for value in found.values())
        else:
            assert body[output.lower()] == []


def test_the_won_of_the_account_stand_in_the_present_balance(desk: Desk) -> None:
    desk.placed("buy", 10, kind="01")
    deposit = desk.balance().json()["output2"][0]["dnca_tot_amt"]
    totals = ask(desk, "inquire_present_balance").json()["output3"]
    assert totals["tot_dncl_amt"] == totals["dncl_amt"] == totals["tot_asst_amt"] == deposit
    assert float(totals["frcr_evlu_tota"]) == float(totals["frcr_use_psbl_amt"]) == 0


@pytest.mark.parametrize(
    ("exchange", "currency"),
    [("NASD", "USD"), ("AMEX", "USD"), ("SEHK", "HKD"), ("TKSE", "JPY"), ("SHAA", "CNY"), ("VNSE", "VND")],
)
def test_without_foreign_money_nothing_can_be_bought(desk: Desk, exchange: str, currency: str) -> None:
    found = ask(desk, "inquire_psamount", OVRS_EXCG_CD=exchange).json()["output"]
    assert found["tr_crcy_cd"] == currency
    assert float(found["exrt"]) > 0
    assert found["ord_psbl_frcr_amt"] == found["ovrs_ord_psbl_amt"] == "0.00"
    assert found["max_ord_psbl_qty"] == "0"


@pytest.mark.parametrize("name", CALLS)
def test_an_account_of_somebody_else_is_refused(name: str) -> None:
    desk = Desk("live", NOW)
    desk.balance()
    body = ask(desk, name, CANO="1234567X").json()
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2000")


@pytest.mark.parametrize("name", PAGED)
def test_nothing_has_no_second_page(name: str) -> None:
    body = ask(Desk("live", NOW), name, headers={"tr_cont": "N"}).json()
    assert (body["rt_cd"], body["msg_cd"]) == ("7", "SYDB0050")


@pytest.mark.parametrize("name", PAGED)
def test_the_keys_of_a_page_are_padded(name: str) -> None:
    body = ask(Desk("live", NOW), name).json()
    assert len(body["ctx_area_fk200"]) == len(body["ctx_area_nk200"]) == 200
    assert body["ctx_area_nk200"].strip() == ""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("inquire_balance", {"OVRS_EXCG_CD": "XXXX"}),
        ("inquire_balance", {"TR_CRCY_CD": "EUR"}),
        ("inquire_nccs", {"OVRS_EXCG_CD": "KRX"}),
        ("inquire_ccnl", {"ORD_STRT_DT": "yesterdy"}),
        ("inquire_psamount", {"OVRS_EXCG_CD": ""}),
        ("inquire_psamount", {"OVRS_ORD_UNPR": "-1"}),
        ("inquire_psamount", {"OVRS_ORD_UNPR": "cheap"}),
        ("inquire_period_profit", {"INQR_END_DT": "20261399"}),
    ],
)
def test_faults_are_refused(name: str, fault: dict[str, str]) -> None:
    body = ask(Desk("live", NOW), name, **fault).json()
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_blank_fields_ask_for_everything(mode: str) -> None:
    desk = Desk(mode, NOW)
    assert ask(desk, "inquire_balance", OVRS_EXCG_CD="", TR_CRCY_CD="").json()["rt_cd"] == "0"
    assert ask(desk, "inquire_ccnl", PDNO="", OVRS_EXCG_CD="").json()["rt_cd"] == "0"


def test_forgotten_tr_ids_are_still_taken_and_can_be_switched_off() -> None:
    old = {"inquire_balance": "JTTT3012R", "inquire_nccs": "JTTT3018R"}
    for name, tr_id in old.items():
        assert ask(Desk("live", NOW), name, headers={"tr_id": tr_id}).json()["rt_cd"] == "0"
        strict = Desk("live", NOW, old_tr_ids=False)
        assert ask(strict, name, headers={"tr_id": tr_id}).json()["msg_cd"] == "OPSQ0002"
    assert ask(Desk("paper", NOW), "inquire_balance", headers={"tr_id": "JTTT3012R"}).json()["msg_cd"] == (
        "EGW02006"
    )


def test_orders_abroad_are_not_simulated() -> None:
    desk = Desk("live", NOW)
    body = {
        "OVRS_EXCG_CD": "NASD",
        "PDNO": "AAPL",
        "ORD_QTY": "1",
        "OVRS_ORD_UNPR": "262.50",
        "CTAC_TLNO": "",
        "MGCO_APTM_ODNO": "",
        "SLL_TYPE": "",
        "ORD_SVR_DVSN_CD": "0",
        "ORD_DVSN": "00",
    }
    response = desk.ask("overseas_stock.order", "us_buy", **desk.account | body)
    assert (response.status_code, response.json()["msg_cd"]) == (500, "OPSQ0002")
