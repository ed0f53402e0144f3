from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.catalog import Mode, response_fields
from kis_sync.sim.routes import executions
from kis_sync.sim.routes.executions import Executions
from tests.sim.desk import SAMSUNG, Desk
from tests.thoroughness import examples


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
        sell: "",
    }


def test_a_stop_order_tells_its_trigger() -> None:
    desk = Desk()
    plain, stop = (desk.placed("buy", 1, desk.quote.lower) for _ in range(2))
    account = desk.sim.brokerage.account(desk.app_key, *desk.sim.account_no.split("-"))
    order = desk.sim.brokerage.orders_of(account)[-1]
    order.ticket = replace(order.ticket, kind="22", trigger=150_000)
    for is_asleep, woken in ((True, "N"), (False, "Y")):
        order.is_asleep = is_asleep
        rows = {row["odno"]: row["stpm_efct_occr_yn"] for row in desk.open_orders().json()["output"]}
        assert rows == {plain: "", stop: woken}
    listed = {row["odno"]: row for row in desk.open_orders().json()["output"]}
    for rows in (listed, {number: desk.row(number) for number in (plain, stop)}):
        assert (rows[stop]["stpm_cndt_pric"], rows[plain]["stpm_cndt_pric"]) == ("150000", "0")
        assert rows[stop]["ord_unpr"] == rows[plain]["ord_unpr"] == str(desk.quote.lower)


def test_changes_and_cancellations_name_their_original() -> None:
    desk = Desk()
    first = desk.placed("buy", 5, desk.quote.lower)
    changed = desk.change(first, "01", ORD_UNPR=str(desk.quote.lower)).json()["output"]["ODNO"]
    cancelled = desk.change(changed, "02").json()["output"]["ODNO"]
    originals = {row["odno"]: row["orgn_odno"] for row in desk.history().json()["output1"]}
    assert originals == {first: "", changed: first, cancelled: changed}


# -- pages ---------------------------------------------------------------------------------------------


def next_page(first: dict[str, str]) -> dict[str, Any]:
    """The fields that ask for the page after an answer."""
    keys = {name.upper(): first[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    return {**keys, "headers": {"tr_cont": "N"}}


def test_only_the_rows_of_the_page_are_made() -> None:
    desk = Desk("paper")
    for _ in range(40):
        desk.placed("buy", 1, desk.quote.lower)
    with mock.patch.object(Executions, "_history_row", autospec=True, return_value={}) as made:
        first = desk.history()
        assert (first.headers["tr_cont"], made.call_count) == ("M", 15)
        last = desk.history(**next_page(desk.history(**next_page(first.json())).json()))
    assert (last.headers["tr_cont"], made.call_count) == ("D", 40)
    assert first.json()["output2"] == last.json()["output2"]
    assert last.json()["output2"]["tot_ord_qty"] == "40"


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_orders_placed_between_pages_move_no_row(mode: str) -> None:
    desk = Desk(mode)
    size = 100 if mode == "live" else 15
    numbers = [desk.placed("buy", 1, desk.quote.lower) for _ in range(2 * size)]
    for order, expected in (("00", numbers[::-1]), ("01", numbers)):
        first = desk.history(INQR_DVSN=order).json()
        later = [desk.placed("buy", 1, desk.quote.lower) for _ in range(size + 1)]
        second = desk.history(INQR_DVSN=order, **next_page(first))
        found = [row["odno"] for body in (first, second.json()) for row in body["output1"]]
        assert found == expected[: 2 * size]
        assert second.headers["tr_cont"] == ("D" if order == "00" else "M")
        assert second.json()["output2"]["tot_ord_qty"] == str(len(numbers) + len(later))
        numbers += later


LISTS = {
    "newest first": ("history", {}),
    "oldest first": ("history", {"INQR_DVSN": "01"}),
    "open": ("history", {"CCLD_DVSN": "02"}),
    "filled": ("history", {"CCLD_DVSN": "01"}),
    "changeable": ("open_orders", {}),
    "changeable by code": ("open_orders", {"INQR_DVSN_1": "1"}),
}
CODES = ("005930", "000660", "035720")
steps = st.lists(
    st.sampled_from(["rest", "fill", "change", "cancel", "hide", "show", *CODES]), min_size=0, max_size=4
)


class Moving(Desk):
    """A desk whose orders come and go."""

    def act(self, step: str) -> None:
        if step in ("cancel", "change"):
            open_ones = self.read_whole("changeable")
            if open_ones:
                quote = self.sim.market.quote(open_ones[-1][1], self.clock.now())
                self.change(
                    open_ones[-1][0], "02" if step == "cancel" else "01", ORD_UNPR=str(quote.lower)
                ).raise_for_status()
        elif step == "hide":
            self.sim.faults.next("order_cash", "unlisted", seconds=60)
            self.placed("buy", 1, self.quote.lower)
        elif step == "show":
            self.sim.faults.unlisted.clear()
        elif step == "fill":
            self.placed("buy", 1, kind="01")
        else:
            code = step if step in CODES else SAMSUNG
            lower = self.sim.market.quote(code, self.clock.now()).lower
            assert self.order("buy", code, 1, lower).json()["rt_cd"] == "0"

    def page(self, name: str, **more: Any) -> tuple[list[tuple[str, str]], dict[str, Any], str]:
        """The numbers and codes of one page, the whole body, and what ``tr_cont`` says."""
        method, fields = LISTS[name]
        answer = getattr(self, method)(**fields, **more)
        body = answer.json()
        rows = body.get("output1", body.get("output", []))
        return [(row["odno"], row["pdno"]) for row in rows], body, answer.headers["tr_cont"]

    def read_whole(self, name: str) -> list[tuple[str, str]]:
        """All rows at one moment."""
        with mock.patch.multiple(executions, _OPEN_ROWS=1000, _HISTORY_ROWS={Mode.LIVE: 1000}):
            return self.page(name)[0]


@given(st.sampled_from(sorted(LISTS)), st.lists(steps, max_size=8), st.lists(steps, min_size=1, max_size=6))
@settings(max_examples=examples(20), deadline=None)
def test_no_row_is_lost_or_repeated_while_orders_come_and_go(
    name: str, before: list[list[str]], between: list[list[str]]
) -> None:
    desk = Moving(cash=10**12)
    for step in itertools.chain(["rest", "fill", "rest"], *before):
        desk.act(step)
    stays = set(desk.read_whole(name))
    with mock.patch.multiple(executions, _OPEN_ROWS=3, _HISTORY_ROWS={Mode.LIVE: 3}):
        found, body, more = desk.page(name)
        pauses = iter(between)
        while more == "M":
            for step in next(pauses, []):
                desk.act(step)
                stays &= set(desk.read_whole(name))
            rows, body, more = desk.page(name, **next_page(body))
            if body["msg_cd"] == "SYDB0050":  # nothing that was there is left behind the last row shown
                assert stays <= set(found)
                break
            found += rows
    assert len(set(found)) == len(found)
    assert stays <= set(found)


def test_a_cursor_fits_its_own_query_only() -> None:
    desk = Desk("paper")
    for _ in range(31):
        desk.placed("buy", 1, desk.quote.lower)
    first = desk.history().json()
    keys = next_page(first)
    nk = keys["CTX_AREA_NK100"]
    for faulty in (
        {"headers": {"tr_cont": "N"}},
        keys | {"CTX_AREA_NK100": ""},
        keys | {"CTX_AREA_FK100": ""},
        keys | {"CTX_AREA_NK100": "15^another"},
        keys | {"CTX_AREA_NK100": nk.replace(nk[:10], f"{int(nk[:10]) + 1:010d}")},
        keys | {"INQR_DVSN": "01"},
        keys | {"CCLD_DVSN": "02"},
        keys | {"EXCG_ID_DVSN_CD": "ALL"},
    ):
        refused = desk.history(**faulty).json()
        assert (refused["rt_cd"], refused["msg_cd"]) == ("7", "SYDB0050")
    assert len(desk.history(**keys).json()["output1"]) == 15
    assert len(desk.history(**keys).json()["output1"]) == 15  # and as often as one likes


def test_behind_a_full_last_page_may_be_announced_one_that_never_comes() -> None:
    desk = Desk("paper", full_page_says_more=True)
    for _ in range(15):
        desk.placed("buy", 1, desk.quote.lower)
    first = desk.history()
    assert first.headers["tr_cont"] == "M"
    assert desk.history(**next_page(first.json())).json()["msg_cd"] == "SYDB0050"
