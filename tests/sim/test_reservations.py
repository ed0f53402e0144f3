from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_sync.api.domestic_stock.order_type import BeforeOpen
from kis_sync.catalog import response_fields
from kis_sync.clock import KST
from kis_sync.market.ticks import next_tick
from tests.orders.desk_parts import world
from tests.sim.desk import SAMSUNG, Desk

EVENING = datetime(2026, 11, 24, 16, 0, tzinfo=KST)  # a Tuesday
ASKED = {
    "RSVN_ORD_ORD_DT": "20261101",
    "RSVN_ORD_END_DT": "20270131",
    "RSVN_ORD_SEQ": "",
    "TMNL_MDIA_KIND_CD": "00",
    "PRCS_DVSN_CD": "0",
    "CNCL_YN": "Y",
    "PDNO": "",
    "SLL_BUY_DVSN_CD": "",
    "CTX_AREA_FK200": "",
    "CTX_AREA_NK200": "",
}


class Night(Desk):
    """A desk after the close."""

    def __init__(self, now: datetime = EVENING, mode: str = "live", **options: Any) -> None:
        super().__init__(mode, now, **options)

    def go_to(self, moment: datetime) -> None:
        self.clock.advance((moment - self.clock.now()).total_seconds())
        self.token = ""

    def asked(self, side: str, quantity: int, price: int, kind: str, **more: str) -> dict[str, str]:
        return self.account | {
            "PDNO": SAMSUNG,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "SLL_BUY_DVSN_CD": {"buy": "02", "sell": "01"}[side],
            "ORD_DVSN_CD": kind,
            "ORD_OBJT_CBLC_DVSN_CD": "10",
            **more,
        }

    def reserve(
        self, side: str = "buy", quantity: int = 3, price: int = 0, kind: str = "01", **more: str
    ) -> Any:
        return self.ask("domestic_stock.order_resv", **self.asked(side, quantity, price, kind, **more))

    def reserved(
        self, side: str = "buy", quantity: int = 3, price: int = 0, kind: str = "01", **more: str
    ) -> str:
        body = self.reserve(side, quantity, price, kind, **more).json()
        assert (body["rt_cd"], body["msg_cd"]) == ("0", "APBK2938"), body
        seq: str = body["output"]["RSVN_ORD_SEQ"]
        return seq

    def drop(self, seq: str, **more: str) -> Any:
        body = self.account | {"RSVN_ORD_SEQ": seq, "RSVN_ORD_ORGNO": "", "RSVN_ORD_ORD_DT": ""}
        return self.ask("domestic_stock.order_resv_rvsecncl", "cancel", **body | more)

    def amend(self, seq: str, quantity: int, price: int, kind: str = "00", **more: str) -> Any:
        body = self.asked("buy", quantity, price, kind) | {"RSVN_ORD_SEQ": seq}
        return self.ask("domestic_stock.order_resv_rvsecncl", "amend", **body | more)

    def listed(self, **more: str) -> list[dict[str, str]]:
        body = self.ask("domestic_stock.order_resv_ccnl", **self.account | ASKED | more).json()
        assert body["rt_cd"] == "0", body
        rows: list[dict[str, str]] = body["output"]
        return rows


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=KST)


def states(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["rsvn_ord_ord_dt"][4:], row["prcs_rslt"], row["tot_ccld_qty"]) for row in rows]


# -- giving --------------------------------------------------------------------------------------------


def test_a_reservation_is_answered_and_listed_as_documented() -> None:
    night = Night()
    seq = night.reserved(price=70_000, kind="00")
    body = night.ask("domestic_stock.order_resv_ccnl", **night.account | ASKED).json()
    (row,) = body["output"]
    assert list(body) == ["ctx_area_fk200", "ctx_area_nk200", "output", "rt_cd", "msg_cd", "msg1"]
    assert (body["msg_cd"], len(body["ctx_area_fk200"]), len(body["ctx_area_nk200"])) == (
        "KIOK0460",
        200,
        200,
    )
    assert list(row) == response_fields("domestic_stock.order_resv_ccnl")["output"]
    assert (
        row
        | {
            "rsvn_ord_seq": seq,
            "rsvn_ord_ord_dt": "20261125",
            "rsvn_ord_rcit_dt": "20261124",
            "rsvn_ord_rcit_tmd": "160000",
            "pdno": SAMSUNG,
            "kor_item_shtn_name": "삼성전자",
            "ord_dvsn_cd": "00",
            "ord_dvsn_name": "현금매수",
            "ord_rsvn_qty": "3",
            "ord_rsvn_unpr": "70000",
            "tot_ccld_qty": "0",
            "odno": "",
            "ord_tmd": "",
            "prcs_rslt": "미처리",
            "rjct_rson2": "",
            "tmnl_mdia_kind_cd": "31",
            "rsvn_end_dt": "",
        }
        == row
    )
    assert night.history().json()["output1"] == []
    assert night.cash == 100_000_000


@pytest.mark.parametrize(
    ("moment", "is_taken"),
    [
        (at(24, 15, 39), False),
        (at(24, 15, 40), True),
        (at(24, 23, 39), True),
        (at(24, 23, 40), False),
        (at(25, 0, 9), False),
        (at(25, 0, 10), True),
        (at(25, 7, 29), True),
        (at(25, 7, 30), False),
        (at(25, 12), False),
        (at(28, 12), True),  # a Saturday
        (at(28, 23, 50), False),
        (at(19, 16), False),  # the day of the university entrance exam: everything an hour later
        (at(19, 16, 40), True),
        (at(19, 8, 29), True),
        (at(19, 8, 30), False),
    ],
)
def test_hours(moment: datetime, is_taken: bool) -> None:
    body = Night(moment).reserve().json()
    assert (body["rt_cd"], body["msg_cd"]) == (("0", "APBK2938") if is_taken else ("7", "KIER3672"))


def test_the_refusal_tells_the_hours_of_the_day() -> None:
    texts = [Night(moment).reserve().json()["msg1"].strip() for moment in (at(24, 12), at(19, 12))]
    assert texts == [
        "예약주문 은 15:40분 이후부터 익영업일 07:30분까지만 가능합니다.",
        "예약주문 은 16:40분 이후부터 익영업일 08:30분까지만 가능합니다.",
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PDNO": "QQQ"}, "APBK0656"),
        ({"ORD_QTY": "0"}, "IGW00007"),
        ({"ORD_QTY": "1.5"}, "IGW00007"),
        ({"SLL_BUY_DVSN_CD": "03"}, "IGW00007"),
        ({"ORD_DVSN_CD": "11"}, "IGW00007"),
        ({"ORD_OBJT_CBLC_DVSN_CD": "99"}, "IGW00007"),
        ({"ORD_OBJT_CBLC_DVSN_CD": "25"}, "APBK0400"),
        ({"RSVN_ORD_END_DT": "20261124"}, "OPSQ2001"),
        ({"RSVN_ORD_END_DT": "20261125"}, "APBK2938"),
        ({"RSVN_ORD_END_DT": "20261224"}, "APBK2938"),
        ({"RSVN_ORD_END_DT": "20261225"}, "OPSQ2001"),
        ({"RSVN_ORD_END_DT": "20261332"}, "IGW00007"),
        ({"ACNT_PRDT_CD": "29"}, "APBK1744"),
        ({"CANO": "1"}, "OPSQ2000"),
    ],
)
def test_what_is_taken_is_looked_at(change: dict[str, str], code: str) -> None:
    night = Night()
    body = night.asked("buy", 3, 0, "01", **change)
    assert night.ask("domestic_stock.order_resv", **body).json()["msg_cd"] == code


def test_paper_has_no_reserved_orders() -> None:
    night = Night(mode="paper")
    for name in ("order_resv", "order_resv_ccnl"):
        refused = night.ask(f"domestic_stock.{name}", **night.account | ASKED).json()
        assert refused["msg_cd"] == "EGW02006"


# -- sending -------------------------------------------------------------------------------------------


def test_it_is_sent_before_the_opening_and_fills_in_the_auction() -> None:
    night = Night()
    seq = night.reserved(quantity=3)
    night.go_to(at(25, 8, 19))
    assert states(night.listed()) == [("1125", "미처리", "0")]
    night.go_to(at(25, 8, 20))
    (row,) = night.listed()
    assert (row["prcs_rslt"], row["ord_tmd"], row["rjct_rson2"]) == (
        "처리",
        "082000",
        "정상 처리 완료되었습니다.",
    )
    upper = night.quote.upper
    assert night.cash == 100_000_000 - 3 * upper - int(3 * upper * 142 / 1_000_000)
    assert [each["odno"] for each in night.open_orders().json()["output"]] == [row["odno"]]
    night.go_to(at(25, 9, 0))
    (row,) = night.listed()
    opening = night.quote.open
    assert (row["rsvn_ord_seq"], row["tot_ccld_qty"], row["tot_ccld_amt"]) == (seq, "3", str(3 * opening))
    order = night.row(row["odno"])
    assert (order["avg_prvs"], order["ord_tmd"], order["ord_dt"]) == (str(opening), "082000", "20261125")
    assert night.holding["hldg_qty"] == "3"


def test_nobody_needs_to_look_for_it_to_be_sent() -> None:
    looked, unseen = Night(), Night()
    for night in (looked, unseen):
        night.reserved(quantity=3)
    for hour in (8, 10, 14):
        looked.go_to(at(25, hour, 25))
        looked.listed()
    rows = []
    for night in (looked, unseen):
        night.go_to(at(27, 12))
        rows.append((night.listed(), night.history().json()["output1"], night.balance().json()))
    first, second = rows
    assert first[0] == second[0]
    assert first[1] == second[1]
    assert first[2]["output2"] == second[2]["output2"]


def test_yesterday_s_order_has_given_its_cash_back_before_today_s_is_sent() -> None:
    night = Night()
    low = night.quote.lower
    most = 99_000_000 // low
    night.reserved(quantity=most, price=low, kind="00", RSVN_ORD_END_DT="20261127")
    night.go_to(at(27, 10))
    assert [row["prcs_rslt"] for row in night.listed()] == ["처리"] * 3
    assert night.cash < 2_000_000


def test_a_period_order_is_sent_again_until_it_is_filled() -> None:
    night = Night()
    low = night.quote.lower
    night.reserved(quantity=4, price=low, kind="00", RSVN_ORD_END_DT="20261130")
    night.go_to(at(25, 12))
    assert states(night.listed()) == [("1125", "처리", "0"), ("1126", "미처리", "0")]
    night.go_to(at(27, 16))
    assert states(night.listed()) == [
        ("1125", "처리", "0"),
        ("1126", "처리", "0"),
        ("1127", "처리", "0"),
        ("1130", "미처리", "0"),
    ]
    night.go_to(datetime(2026, 12, 2, 12, tzinfo=KST))
    rows = night.listed()
    assert [row["rsvn_ord_ord_dt"] for row in rows] == ["20261125", "20261126", "20261127", "20261130"]
    assert {row["rsvn_end_dt"] for row in rows} == {"20261130"}
    orders = night.history(INQR_DVSN="01").json()["output1"]
    assert [order["odno"] for order in orders] == [row["odno"] for row in rows]
    assert {order["rsvn_ord_end_dt"] for order in orders} == {"20261130"}
    assert night.cash == 100_000_000


def test_a_period_order_that_was_filled_is_over() -> None:
    night = Night(cash=10**12)
    market = night.sim.market
    day = at(25, 9)
    price = market.quote(SAMSUNG, day).price
    night.reserved(quantity=7, price=next_tick(price, 3), kind="00", RSVN_ORD_END_DT="20261130")
    night.go_to(at(25, 16))
    assert states(night.listed()) == [("1125", "처리", "7")]
    night.go_to(at(26, 16))
    assert states(night.listed()) == [("1125", "처리", "7")]


def test_what_the_market_does_not_take_is_listed_as_refused() -> None:
    night = Night(cash=1_000_000)
    night.reserved(quantity=1_000)
    night.reserved("sell", quantity=1)
    night.reserved(quantity=1, price=night.quote.price + 1, kind="00")
    night.reserved(quantity=1, price=10_000_000, kind="00")
    night.reserved(quantity=1, price=night.quote.lower, kind="05")
    night.go_to(at(25, 9, 30))
    rows = night.listed()
    assert states(rows) == [("1125", "거부", "0")] * 5
    assert [row["rjct_rson2"] for row in rows] == [
        "주문가능금액을 초과 했습니다",
        "주문 가능한 수량을 초과했습니다.",
        "주식주문호가단위 오류입니다.",
        "주문가격이 상한가를 초과합니다",
        "주식주문호가단위 오류입니다.",
    ]
    orders = night.history(INQR_DVSN="01").json()["output1"]
    assert [(order["rjct_qty"], order["rmn_qty"]) for order in orders] == [
        (order["ord_qty"], "0") for order in orders
    ]
    assert orders[0]["sll_buy_dvsn_cd_name"] == "BUY REJECT"
    assert night.change(rows[0]["odno"], "02").json()["msg_cd"] == "APBK0927"


def test_before_the_open_without_a_price_goes_at_the_previous_close() -> None:
    night = Night()
    close, later = (night.sim.market.quote(SAMSUNG, moment).price for moment in (at(24, 16), at(25, 16)))
    assert close != later
    seq = night.reserved(quantity=3, kind="05")
    period = night.reserved(quantity=10**6, kind="05", RSVN_ORD_END_DT="20261126", ORD_UNPR="")
    night.sim.brokerage.account(night.app_key, *night.sim.account_no.split("-")).cash = 10**13
    night.go_to(at(25, 8, 40))
    row, longer, waiting = night.listed()
    assert (row["rsvn_ord_seq"], row["prcs_rslt"], row["ord_rsvn_unpr"]) == (seq, "처리", "0")
    assert (row["tot_ccld_qty"], row["tot_ccld_amt"]) == ("3", str(3 * close))
    assert (longer["rsvn_ord_seq"], longer["prcs_rslt"]) == (period, "처리")
    assert 0 < int(longer["tot_ccld_qty"]) == 10**6 - int(waiting["ord_rsvn_qty"])
    sent = night.row(row["odno"])
    assert (sent["ord_unpr"], sent["ord_dvsn_cd"], sent["ord_tmd"]) == (str(close), "05", "082000")
    night.go_to(at(26, 8, 40))
    assert [night.row(each["odno"])["ord_unpr"] for each in night.listed()[1:]] == [str(close), str(later)]


def test_the_client_s_before_open_order_is_filled_the_next_morning(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        made.clock.advance(6 * 3600)  # 16:30
        broker = made.client()
        close = broker.get_price(SAMSUNG).price
        number = broker.reserve_order(SAMSUNG, "BUY", 3, BeforeOpen(close))
        made.clock.advance((at(25, 8, 40) - made.clock.now()).total_seconds())
        (found,) = broker.get_reserved_orders()
        assert (found.number, found.filled, found.filled_amount) == (number, 3, 3 * close)
        assert [(order.ticket.price, order.filled) for order in made.orders()] == [(close, 3)]


def test_the_earlier_reservation_comes_first() -> None:
    night = Night(cash=1_000_000)
    upper = night.sim.market.quote(SAMSUNG, at(25, 8, 20)).upper
    affordable = 1_000_000 // (upper + 100)
    first = night.reserved(quantity=affordable)
    second = night.reserved(quantity=affordable)
    night.go_to(at(25, 8, 30))
    assert {row["rsvn_ord_seq"]: row["prcs_rslt"] for row in night.listed()} == {
        first: "처리",
        second: "거부",
    }


def test_a_friday_evening_s_order_waits_for_monday() -> None:
    night = Night(at(27, 18))
    night.reserved()
    saturday = Night(at(28, 12))
    saturday.reserved()
    early = Night(at(24, 7))
    early.reserved()
    assert [each.listed()[0]["rsvn_ord_ord_dt"] for each in (night, saturday, early)] == [
        "20261130",
        "20261130",
        "20261124",
    ]


# -- amending and cancelling ---------------------------------------------------------------------------


def test_an_amendment_needs_the_whole_order_and_a_cancellation_its_number_only() -> None:
    night = Night()
    seq = night.reserved(quantity=3)
    named = night.account | {"RSVN_ORD_SEQ": seq}
    api = "domestic_stock.order_resv_rvsecncl"
    whole = night.asked("buy", 5, 70_000, "00") | named
    unpriced = {name: value for name, value in whole.items() if name != "ORD_UNPR"}
    for body in (named, unpriced):
        assert night.ask(api, "amend", **body).json()["msg_cd"] == "IGW00007"
    assert night.ask(api, "cancel", **named).json()["rt_cd"] == "0"


def test_amending_keeps_the_number() -> None:
    night = Night()
    seq = night.reserved(quantity=3)
    body = night.amend(seq, 5, 70_000, RSVN_ORD_END_DT="20261126").json()
    assert body == {
        "output": {"NRML_PRCS_YN": "Y"},
        "rt_cd": "0",
        "msg_cd": "KIOK0430",
        "msg1": "정상적으로 처리되었습니다",
    }
    (row,) = night.listed()
    assert (row["rsvn_ord_seq"], row["ord_rsvn_qty"], row["ord_rsvn_unpr"]) == (seq, "5", "70000")
    assert row["rsvn_end_dt"] == "20261126"
    assert night.amend(seq.zfill(10), 6, 70_000).json()["rt_cd"] == "0"
    night.go_to(at(25, 10))
    assert night.amend(seq, 7, 70_000).json()["msg_cd"] == "KIER3672"
    night.go_to(at(25, 16))
    assert night.amend(seq, 7, 70_000).json()["msg_cd"] == "APBK0927"


def test_a_cancelled_reservation_is_not_sent() -> None:
    night = Night()
    seq = night.reserved()
    night.clock.advance(60)
    assert night.drop(seq).json()["output"] == {"NRML_PRCS_YN": "Y"}
    assert night.listed() == []
    (row,) = night.listed(CNCL_YN="")
    assert (row["prcs_rslt"], row["cncl_ord_dt"], row["cncl_rcit_tmd"]) == ("취소", "20261124", "160100")
    assert night.drop(seq).json()["msg_cd"] == "APBK0927"
    night.go_to(at(25, 12))
    assert night.history().json()["output1"] == []


def test_cancelling_a_period_order_leaves_what_was_sent() -> None:
    night = Night()
    seq = night.reserved(price=night.quote.lower, kind="00", RSVN_ORD_END_DT="20261130")
    night.go_to(at(25, 12))
    assert night.drop(seq).json()["rt_cd"] == "0"
    assert states(night.listed()) == [("1125", "처리", "0")]
    assert len(night.open_orders().json()["output"]) == 1
    night.go_to(at(26, 12))
    assert len(night.history().json()["output1"]) == 1


@pytest.mark.parametrize(
    ("seq", "given_on", "code"),
    [
        ("", "", "IGW00007"),
        ("1", "", "APBK0344"),
        (None, "20261124", "KIOK0430"),
        (None, "20261125", "KIOK0430"),
        (None, "20261126", "APBK0344"),
    ],
)
def test_which_reservation_is_meant(seq: str | None, given_on: str, code: str) -> None:
    night = Night()
    given = night.reserved()
    response = night.drop(given if seq is None else seq, RSVN_ORD_ORD_DT=given_on)
    assert response.json()["msg_cd"] == code


def test_another_account_s_reservation_is_not_there() -> None:
    night = Night()
    seq = night.reserved()
    response = night.drop(seq, CANO="11112222")
    assert response.json()["msg_cd"] == "APBK0344"
    assert night.listed(CANO="11112222") == []


# -- listing -------------------------------------------------------------------------------------------


def test_filters_of_the_list() -> None:
    night = Night()
    first = night.reserved(quantity=2)
    night.go_to(at(25, 16))
    second = night.reserved("sell", quantity=1)
    third = night.reserved(PDNO="000660")

    def seqs(**filters: str) -> list[str]:
        return [row["rsvn_ord_seq"] for row in night.listed(**filters)]

    assert seqs() == [first, second, third]
    assert seqs(RSVN_ORD_ORD_DT="", RSVN_ORD_END_DT="") == [first, second, third]
    assert seqs(PRCS_DVSN_CD="1") == [first]
    assert seqs(PRCS_DVSN_CD="2") == [second, third]
    assert seqs(SLL_BUY_DVSN_CD="01") == [second]
    assert seqs(PDNO="000660") == [third]
    assert seqs(RSVN_ORD_SEQ=second.zfill(10)) == [second]
    assert seqs(RSVN_ORD_ORD_DT="20261126") == [second, third]
    assert seqs(RSVN_ORD_END_DT="20261124") == [first]
    assert seqs(RSVN_ORD_ORD_DT="20261127") == []


def test_the_list_comes_in_pages_of_twenty() -> None:
    night = Night()
    given = [night.reserved() for _ in range(21)]
    asked = night.account | ASKED
    first = night.ask("domestic_stock.order_resv_ccnl", **asked)
    assert (first.headers["tr_cont"], first.json()["msg_cd"]) == ("M", "KIOK0500")
    keys = {name.upper(): first.json()[name] for name in ("ctx_area_fk200", "ctx_area_nk200")}
    second = night.ask("domestic_stock.order_resv_ccnl", headers={"tr_cont": "N"}, **asked | keys)
    assert second.headers["tr_cont"] == "D"
    rows = first.json()["output"] + second.json()["output"]
    assert [row["rsvn_ord_seq"] for row in rows] == given
    night.drop(given[0])
    stale = night.ask("domestic_stock.order_resv_ccnl", headers={"tr_cont": "N"}, **asked | keys)
    assert stale.json()["msg_cd"] == "SYDB0050"


def test_a_reset_forgets_reservations() -> None:
    night = Night()
    night.reserved()
    night.sim.reset()
    night.app_key, night.token = night.sim.app_key, ""
    assert night.listed() == []
    night.clock.advance(timedelta(days=1).total_seconds())
