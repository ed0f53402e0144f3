from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST
from kis_sync.market.ticks import next_tick
from kis_sync.sim import Simulator
from tests.sim.desk import MORNING, SAMSUNG, Desk
from tests.sim.visitor import Visitor

LIVE_OK = ("0", "APBK0013")


def verdict(response: Any) -> tuple[str, str]:
    body = response.json()
    return body["rt_cd"], body["msg_cd"]


# -- filling -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "branch", "buy", "sell"),
    [("live", "06010", "APBK0013", "APBK0013"), ("paper", "00950", "40600000", "40590000")],
)
def test_an_accepted_order_answers_with_branch_number_and_time(
    mode: str, branch: str, buy: str, sell: str
) -> None:
    desk = Desk(mode)
    body = desk.order("buy", SAMSUNG, 3, kind="01").json()
    assert list(body) == ["output", "rt_cd", "msg_cd", "msg1"]
    assert (body["rt_cd"], body["msg_cd"]) == ("0", buy)
    assert body["output"].keys() == set(response_fields("domestic_stock.order_cash")["output"])
    assert body["output"]["KRX_FWDG_ORD_ORGNO"] == branch
    assert body["output"]["ORD_TMD"] == "103000"
    assert len(body["output"]["ODNO"]) == 10
    assert int(body["output"]["ODNO"]) > 0
    sold = desk.order("sell", SAMSUNG, 3, kind="01").json()
    assert (sold["rt_cd"], sold["msg_cd"]) == ("0", sell)
    assert int(sold["output"]["ODNO"]) == int(body["output"]["ODNO"]) + 1


def test_a_market_order_takes_the_levels_best_first() -> None:
    desk = Desk(cash=10_000_000_000)
    first, second = desk.book.asks[:2]
    number = desk.placed("buy", first.size + 10, kind="01")
    row = desk.row(number)
    assert row["tot_ccld_qty"] == str(first.size + 10)
    assert row["tot_ccld_amt"] == str(first.size * first.price + 10 * second.price)
    assert row["rmn_qty"] == "0"
    assert row["ord_unpr"] == "0"


def test_shares_that_were_taken_are_not_there_again_until_the_book_changes() -> None:
    desk = Desk(cash=10_000_000_000)
    first, second = desk.book.asks[:2]
    desk.placed("buy", first.size, kind="01")
    assert desk.row(desk.placed("buy", 1, kind="01"))["avg_prvs"] == str(second.price)
    desk.clock.advance(60)
    best = desk.book.asks[0].price
    assert desk.row(desk.placed("buy", 1, kind="01"))["avg_prvs"] == str(best)


def test_a_limit_order_gets_the_better_price() -> None:
    desk = Desk()
    best = desk.book.asks[0].price
    number = desk.placed("buy", 5, next_tick(best, 4))
    assert desk.row(number)["avg_prvs"] == str(best)
    assert desk.cash == 100_000_000 - 5 * best - int(5 * best * 142 / 1_000_000)


def test_how_often_one_looks_changes_nothing() -> None:
    ends = []
    for looks in (1, 37):
        desk = Desk()
        number = desk.placed("buy", 7, next_tick(desk.book.bids[0].price, -2))
        for _ in range(looks):
            desk.clock.advance(4 * 3600 / looks)
            row = desk.row(number)
        ends.append((row, desk.sim.brokerage.orders_of(_account(desk))[0].filled, _account(desk).fills))
    assert ends[0] == ends[1]


def _account(desk: Desk) -> Any:
    return desk.sim.brokerage.account(desk.app_key, *desk.sim.account_no.split("-"))


def test_what_the_book_cannot_fill_of_a_market_order_is_cancelled() -> None:
    desk = Desk(cash=10**15)
    there = desk.book.total_ask
    row = desk.row(desk.placed("buy", there + 1000, kind="01"))
    assert (row["tot_ccld_qty"], row["rmn_qty"], row["cncl_cfrm_qty"]) == (str(there), "0", "1000")
    assert row["cncl_yn"] == "Y"


def test_or_it_rests_at_its_last_price() -> None:
    desk = Desk(cash=10**15, cancel_market_rest=False)
    there, last = desk.book.total_ask, desk.book.asks[-1].price
    number = desk.placed("buy", there + 1000, kind="01")
    assert desk.row(number)["rmn_qty"] == "1000"
    desk.clock.advance(60)
    row = desk.row(number)
    assert row["rmn_qty"] == "0"
    assert int(row["tot_ccld_amt"]) == sum(a.price * a.size for a in desk_asks(desk)) + 1000 * last


def desk_asks(desk: Desk) -> Any:
    return desk.sim.market.book(SAMSUNG, MORNING).asks


@pytest.mark.parametrize(
    ("kind", "filled", "left"), [("11", 10, 0), ("12", 10, 0), ("13", 10, 0), ("14", 10, 0), ("16", 10, 0)]
)
def test_orders_that_may_not_rest_fill_when_they_can(kind: str, filled: int, left: int) -> None:
    desk = Desk()
    price = desk.book.asks[0].price if kind in ("11", "12") else 0
    row = desk.row(desk.placed("buy", 10, price, kind))
    assert (row["tot_ccld_qty"], row["rmn_qty"]) == (str(filled), str(left))


def test_all_or_nothing_and_at_once() -> None:
    desk = Desk(cash=10**15)
    best = desk.book.asks[0]
    nothing = desk.row(desk.placed("buy", best.size + 1, best.price, "12"))
    assert (nothing["tot_ccld_qty"], nothing["rmn_qty"]) == ("0", "0")
    part = desk.row(desk.placed("buy", best.size + 1, best.price, "11"))
    assert (part["tot_ccld_qty"], part["rmn_qty"]) == (str(best.size), "0")


def test_best_and_first_take_their_price_from_the_book() -> None:
    desk = Desk()
    assert desk.row(desk.placed("buy", 1, kind="03"))["avg_prvs"] == str(desk.book.asks[0].price)
    waiting = desk.row(desk.placed("buy", 1, kind="04"))
    assert (waiting["rmn_qty"], waiting["ord_unpr"]) == ("1", "0")
    desk.clock.advance(5 * 3600)
    assert desk.sim.brokerage.orders_of(_account(desk))[1].limit == desk_bid()


def desk_bid() -> int:
    price: int = Simulator().market.book(SAMSUNG, MORNING).bids[0].price
    return price


def test_before_the_open_orders_wait_for_the_auction() -> None:
    desk = Desk(now=MORNING.replace(hour=8, minute=40))
    number = desk.placed("buy", 3, kind="01")
    generous = desk.placed("buy", 3, desk.quote.upper)
    desk.clock.advance(600)
    assert desk.row(number)["tot_ccld_qty"] == "0"
    desk.clock.advance(600)
    opening = desk.quote.open
    assert desk.row(number)["avg_prvs"] == desk.row(generous)["avg_prvs"] == str(opening)


def test_the_closing_auction_fills_at_its_price_and_the_rest_lapses() -> None:
    desk = Desk(now=MORNING.replace(hour=15, minute=25))
    market, generous = desk.placed("buy", 2, kind="01"), desk.placed("buy", 2, desk.quote.upper)
    hopeless = desk.placed("buy", 2, desk.quote.lower)
    assert desk.row(market)["tot_ccld_qty"] == "0"
    desk.clock.advance(600)
    close = str(desk.quote.price)
    assert desk.row(market)["avg_prvs"] == desk.row(generous)["avg_prvs"] == close
    assert (desk.row(hopeless)["tot_ccld_qty"], desk.row(hopeless)["rmn_qty"]) == ("0", "0")
    assert desk.open_orders().json()["output"] == []


@pytest.mark.parametrize("kind", ["03", "04"])
def test_a_buy_without_a_price_holds_the_upper_limit(kind: str) -> None:
    """What is held of the open shares is what the order was checked against, and psbl-order reckons with."""
    desk = Desk(cash=10**12)
    number = desk.placed("buy", 1_000_000, kind=kind)
    rest = int(desk.row(number)["rmn_qty"])
    assert rest > 0
    deposit = int(desk.balance().json()["output2"][0]["prvs_rcdl_excc_amt"])
    held = desk.sim.brokerage.fees.purchase(rest, desk.quote.upper)
    assert desk.cash == deposit - held
    assert desk.change(number, "02").json()["rt_cd"] == "0"
    assert desk.cash == deposit


# -- refusing ------------------------------------------------------------------------------------------

REFUSED = {
    "unknown code": ({"PDNO": "QQQ"}, "APBK0656", "40070000"),
    "off tick": ({"ORD_UNPR": "230001", "ORD_DVSN": "00"}, "APBK0506", "40030000"),
    "above the limit": ({"ORD_UNPR": "900000", "ORD_DVSN": "00"}, "APBK0406", "40270000"),
    "below the limit": ({"ORD_UNPR": "1000", "ORD_DVSN": "00"}, "APBK0406", "40270000"),
    "price 0": ({"ORD_UNPR": "0", "ORD_DVSN": "00"}, "APBK0406", "40270000"),
    "too little cash": ({"ORD_QTY": "100000"}, "APBK0952", "40250000"),
    "unknown kind": ({"ORD_DVSN": "99"}, "APBK0963", "90000000"),
    "stop": ({"ORD_DVSN": "22", "CNDT_PRIC": "9000000", "ORD_UNPR": "230000"}, "APBK0406", "90000000"),
    "off hours kind": ({"ORD_DVSN": "06"}, "APBK0918", "90000000"),
    "nxt market order": ({"EXCG_ID_DVSN_CD": "NXT"}, "APBK0963", "90000000"),
}


@pytest.mark.parametrize("mode", ["live", "paper"])
@pytest.mark.parametrize("why", REFUSED)
def test_refusals(why: str, mode: str) -> None:
    change, live, paper = REFUSED[why]
    desk = Desk(mode)
    response = desk.order("buy", SAMSUNG, 1, kind="01", **change)
    expected = ("7", live) if mode == "live" else ("1", paper)
    assert (response.status_code, *verdict(response)) == (200, *expected)
    assert len(response.json()["msg1"]) == 80
    assert desk.history().json()["output1"] == []


@pytest.mark.parametrize(("mode", "expected"), [("live", ("7", "APBK0400")), ("paper", ("1", "40240000"))])
def test_nothing_is_sold_that_is_not_there(mode: str, expected: tuple[str, str]) -> None:
    desk = Desk(mode)
    assert verdict(desk.order("sell", SAMSUNG, 1, kind="01")) == expected
    desk.placed("buy", 5, kind="01")
    desk.placed("sell", 3, desk.quote.upper)
    assert verdict(desk.order("sell", SAMSUNG, 3, kind="01")) == expected
    desk.placed("sell", 2, kind="01")


@pytest.mark.parametrize(("mode", "code"), [("live", "APBK0066"), ("paper", "40070000")])
def test_a_halted_stock_takes_no_orders(mode: str, code: str) -> None:
    desk = Desk(mode)
    market = desk.sim.market
    halted = next(each for each in market.codes() if (info := market.listing(each)) and info.halted)
    assert verdict(desk.order("buy", halted, 1, kind="01"))[1] == code


@pytest.mark.parametrize(
    ("now", "live", "paper"),
    [
        ((24, 8, 29), "APBK0918", "40570000"),
        ((24, 8, 30), "APBK0013", "40570000"),
        ((24, 9, 0), "APBK0013", "40600000"),
        ((24, 15, 29), "APBK0013", "40600000"),
        ((24, 15, 30), "APBK0918", "40580000"),
        ((22, 10, 30), "APBK0919", "40100000"),
        ((19, 9, 30), "APBK0013", "40570000"),  # the day of the university entrance exam
    ],
)
def test_hours(now: tuple[int, int, int], live: str, paper: str) -> None:
    day, hour, minute = now
    moment = datetime(2026, 11, day, hour, minute, tzinfo=KST)
    for mode, code in (("live", live), ("paper", paper)):
        assert verdict(Desk(mode, moment).order("buy", SAMSUNG, 1, kind="01"))[1] == code


def test_paper_rejections_can_come_with_status_500() -> None:
    response = Desk("paper", paper_rejection_status=500).order("buy", "QQQ", 1, kind="01")
    assert (response.status_code, *verdict(response)) == (500, "1", "40070000")


@pytest.mark.parametrize(
    "change", [{"CANO": "1"}, {"CANO": "ABCDEFGH"}, {"ACNT_PRDT_CD": "1"}, {"CANO": "99999999"}]
)
def test_an_account_must_be_the_app_key_s(change: dict[str, str]) -> None:
    desk = Desk()
    other = Visitor(desk.sim, app_key="Q" * 36)
    other.order("buy", SAMSUNG, 1, kind="01", CANO="99999999")
    response = desk.order("buy", SAMSUNG, 1, kind="01", **change)
    assert (response.status_code, *verdict(response)) == (200, "2", "OPSQ2000")


# -- changing and cancelling ---------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "code"), [("live", "APBK0013"), ("paper", "40620000")])
def test_a_change_moves_the_open_shares_to_a_new_number(mode: str, code: str) -> None:
    desk = Desk(mode)
    low = next_tick(desk.book.bids[0].price, -40)
    number = desk.placed("buy", 10, low)
    response = desk.change(number, "01", ORD_UNPR=str(next_tick(low, 1)))
    assert verdict(response) == ("0", code)
    assert set(response.json()["output"]) == {"KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"}
    new = response.json()["output"]["ODNO"]
    assert new != number
    assert (desk.row(number)["rmn_qty"], desk.row(new)["rmn_qty"]) == ("0", "10")
    assert desk.row(new)["orgn_odno"] == number
    assert desk.row(new)["ord_unpr"] == str(next_tick(low, 1))
    assert verdict(desk.change(number, "02"))[0] != "0"
    assert verdict(desk.change(new, "02"))[0] == "0"
    assert desk.cash == 100_000_000


def test_a_part_can_be_changed_and_a_part_cancelled() -> None:
    desk = Desk()
    low = next_tick(desk.book.bids[0].price, -40)
    number = desk.placed("buy", 10, low)
    part = {"QTY_ALL_ORD_YN": "N", "ORD_UNPR": str(low)}
    new = desk.change(number, "01", ORD_QTY="4", **part).json()["output"]["ODNO"]
    assert (desk.row(number)["rmn_qty"], desk.row(new)["rmn_qty"]) == ("6", "4")
    cancelled = desk.change(number, "02", ORD_QTY="1", **part).json()["output"]["ODNO"]
    assert desk.row(number)["rmn_qty"] == "5"
    assert (desk.row(cancelled)["cncl_yn"], desk.row(cancelled)["rmn_qty"]) == ("Y", "0")
    assert verdict(desk.change(number, "02", ORD_QTY="6", **part)) == ("7", "APBK0927")
    assert verdict(desk.change(cancelled, "02")) == ("7", "APBK0927")


def test_a_change_can_meet_the_book_at_once() -> None:
    desk = Desk()
    number = desk.placed("buy", 10, next_tick(desk.book.bids[0].price, -40))
    new = desk.change(number, "01", ORD_DVSN="01").json()["output"]["ODNO"]
    assert desk.row(new)["avg_prvs"] == str(desk.book.asks[0].price)


def test_a_change_must_be_paid_for() -> None:
    desk = Desk(cash=2_000_000)
    low, high = desk.quote.lower, next_tick(desk.book.asks[0].price, 1)
    number = desk.placed("buy", 2_000_000 // (low + 100), low)
    assert verdict(desk.change(number, "01", ORD_UNPR=str(high))) == ("7", "APBK0952")
    assert desk.row(number)["rmn_qty"] == desk.row(number)["ord_qty"]


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_what_cannot_be_changed_or_cancelled(mode: str) -> None:
    desk = Desk(mode)
    filled = desk.placed("buy", 1, kind="01")
    cancelled = desk.placed("buy", 1, desk.quote.lower)
    desk.change(cancelled, "02")
    nothing_left, unknown = (
        (("7", "APBK0927"), ("7", "APBK0344")) if mode == "live" else (("1", "40330000"),) * 2
    )
    assert verdict(desk.change(filled, "02")) == nothing_left
    assert verdict(desk.change(cancelled, "02")) == nothing_left
    assert verdict(desk.change("0000000001", "02")) == unknown
    assert desk.change("none", "02").json()["msg_cd"] == "IGW00007"


def test_an_order_is_found_at_its_own_exchange_only() -> None:
    desk = Desk()
    number = desk.placed("buy", 1, desk.quote.lower, EXCG_ID_DVSN_CD="SOR")
    row = desk.history(EXCG_ID_DVSN_CD="SOR").json()["output1"][0]
    assert (row["odno"], row["excg_dvsn_cd"], row["excg_id_dvsn_cd"]) == (number, "12", "SOR")
    assert verdict(desk.change(number, "02")) == ("7", "APBK0344")
    assert verdict(desk.change(number, "02", EXCG_ID_DVSN_CD="SOR")) == LIVE_OK


def test_a_cancelled_order_leaves_the_pending_list() -> None:
    desk = Desk()
    number = desk.placed("buy", 1, desk.quote.lower)
    assert [row["odno"] for row in desk.open_orders().json()["output"]] == [number]
    desk.change(number, "02")
    assert desk.open_orders().json()["output"] == []
    assert desk.history(CCLD_DVSN="02").json()["output1"] == []
    assert desk.row(number)["rmn_qty"] == "0"
