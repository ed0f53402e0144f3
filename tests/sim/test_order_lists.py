from __future__ import annotations

from kis_sync.catalog import response_fields
from tests.sim.desk import SAMSUNG, Desk


def test_every_field_of_the_lists() -> None:
    desk = Desk()
    desk.placed("buy", 1, desk.quote.lower)
    body = desk.history().json()
    fields = response_fields("domestic_stock.inquire_daily_ccld")
    spelled = {"cnc_cfrm_qty": "cncl_cfrm_qty", "excg_id_dvsn_Cd": "excg_id_dvsn_cd"}
    assert list(body["output1"][0]) == [spelled.get(name, name) for name in fields["output1"]]
    assert list(body["output2"]) == fields["output2"]
    rows = desk.open_orders().json()["output"]
    assert list(rows[0]) == response_fields("domestic_stock.inquire_psbl_rvsecncl")["output"]
    assert rows[0]["psbl_qty"] == "1"
    for row in (body["output1"][0], body["output2"], rows[0]):
        assert all(isinstance(value, str) for value in row.values())


def test_filters_of_the_history() -> None:
    desk = Desk()
    filled, waiting = desk.placed("buy", 2, kind="01"), desk.placed("buy", 1, desk.quote.lower)
    sold = desk.placed("sell", 1, kind="01")

    def numbers(**filters: str) -> list[str]:
        return [row["odno"] for row in desk.history(**filters).json()["output1"]]

    assert numbers() == [sold, waiting, filled]
    assert numbers(INQR_DVSN="01") == [filled, waiting, sold]
    assert numbers(CCLD_DVSN="01") == [sold, filled]
    assert numbers(CCLD_DVSN="02") == [waiting]
    assert numbers(SLL_BUY_DVSN_CD="01") == [sold]
    assert numbers(SLL_BUY_DVSN_CD="02") == [waiting, filled]
    assert numbers(PDNO="000660") == []
    assert numbers(PDNO=SAMSUNG, ODNO=str(int(filled))) == [filled]
    assert numbers(INQR_STRT_DT="20261125") == []
    assert numbers(INQR_END_DT="20261123") == []
    assert numbers(EXCG_ID_DVSN_CD="NXT") == []
    assert numbers(EXCG_ID_DVSN_CD="ALL") == [sold, waiting, filled]
    assert numbers(EXCG_ID_DVSN_CD="") == [sold, waiting, filled]
    assert numbers(ORD_GNO_BRNO="06010") == [sold, waiting, filled]
    assert numbers(ORD_GNO_BRNO="99999") == []
    assert numbers(INQR_DVSN_1="1") == numbers(INQR_DVSN_3="02") == []
    assert numbers(INQR_DVSN_3="01") == [sold, waiting, filled]
    assert numbers(ODNO=filled) == numbers(ODNO=filled.lstrip("0")) == [filled]
    assert numbers(ODNO="none") == []
    assert numbers(INQR_STRT_DT="19800104") == numbers(INQR_STRT_DT="00000101") == [sold, waiting, filled]


def test_every_share_of_an_order_is_told_after_the_close_too() -> None:
    desk = Desk()
    waiting = desk.placed("buy", 5, desk.quote.lower)
    assert (desk.row(waiting)["rmn_qty"], desk.row(waiting)["cncl_cfrm_qty"]) == ("5", "0")
    desk.clock.advance(6 * 3600)
    assert (desk.row(waiting)["rmn_qty"], desk.row(waiting)["cncl_cfrm_qty"]) == ("0", "5")


def test_sums_of_the_history_tell_costs_of_all_orders() -> None:
    desk = Desk()
    first, _ = desk.placed("buy", 2, kind="01"), desk.placed("sell", 1, kind="01")
    everything, one = desk.history().json()["output2"], desk.history(ODNO=first).json()["output2"]
    assert everything["tot_ord_qty"] == everything["tot_ccld_qty"] == "3"
    assert one["tot_ccld_qty"] == "2"
    assert one["prsm_tlex_smtl"] == everything["prsm_tlex_smtl"] != "0"
    assert one["pchs_avg_pric"] == f"{desk.book.asks[0].price}.0000"


def test_orders_of_more_than_three_months_ago_have_an_id_of_their_own() -> None:
    desk = Desk()
    number = desk.placed("buy", 1, kind="01")
    desk.clock.advance(93 * 86_400)
    desk.token = ""
    assert desk.history("recent").json()["output1"] == []
    assert [row["odno"] for row in desk.history("older").json()["output1"]] == [number]


def test_open_orders_by_side_and_by_code() -> None:
    desk = Desk()
    desk.placed("buy", 5, kind="01")
    sell, buy = desk.placed("sell", 1, desk.quote.upper), desk.placed("buy", 1, desk.quote.lower)
    for wanted, expected in (("0", [buy, sell]), ("1", [sell]), ("2", [buy])):
        rows = desk.open_orders(INQR_DVSN_2=wanted).json()["output"]
        assert [row["odno"] for row in rows] == expected
    changed = desk.change(buy, "01", ORD_UNPR=str(desk.quote.lower)).json()["output"]["ODNO"]
    rows = desk.open_orders(INQR_DVSN_1="1").json()["output"]
    assert {row["odno"]: row["rvse_cncl_dvsn_name"] for row in rows} == {
        changed: "BUY AMEND*",
        sell: "현금매도",
    }
