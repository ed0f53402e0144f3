"""Every kind of order, by exchange and mode, in its hours: what is taken and refused, and how it fills."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kis_sync.clock import KST
from kis_sync.market.hours import regular_session
from kis_sync.market.ticks import next_tick
from kis_sync.sim.trading.resting import RestingOrder
from tests.sim.desk import MORNING, SAMSUNG, Desk

ALL = [f"{n:02}" for n in (*range(8), *range(11, 17), *range(21, 25))]
TAKEN = {  # KIS's table of ORD_DVSN; on KRX 05, 06 and 07 have hours of their own
    "KRX": set(ALL) - {"05", "06", "07"},
    "NXT": set(ALL) - {"01", "02", "05", "06", "07"},
    "SOR": set(ALL) - {"02", "05", "06", "07", "21", "22", "23", "24"},
}
ON_PAPER = {"00", "01", "02", "03", "04"}
PRICED = {"00", "02", "05", "07", "11", "12", "22", "41", "44"}
HOURS, KIND, NOT_ON_PAPER = "APBK0918", "APBK0963", "90000000"


def at(hour: int, minute: int = 0, second: int = 0, day: int = 24, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=KST)


def tried(desk: Desk, kind: str, exchange: str = "KRX", side: str = "buy", **more: str) -> dict[str, Any]:
    price = str(desk.quote.price if kind in PRICED else 0)
    trigger = {"CNDT_PRIC": price} if kind == "22" else {}
    fields = {"ORD_UNPR": price, "EXCG_ID_DVSN_CD": exchange, **trigger, **more}
    body: dict[str, Any] = desk.order(side, SAMSUNG, 1, kind=kind, **fields).json()
    return body


def order_of(desk: Desk, number: str) -> RestingOrder:
    account = desk.sim.brokerage.account(desk.app_key, *desk.sim.account_no.split("-"))
    with desk.sim.brokerage.present():
        return next(each for each in desk.sim.brokerage.orders_of(account) if each.number == int(number))


# -- what is taken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*ALL, "41", "44", "99"])
@pytest.mark.parametrize("exchange", ["KRX", "NXT", "SOR"])
@pytest.mark.parametrize("mode", ["live", "paper"])
def test_what_is_taken_in_the_middle_of_the_day(mode: str, exchange: str, kind: str) -> None:
    if mode == "paper":
        expected = "40600000" if exchange == "KRX" and kind in ON_PAPER else NOT_ON_PAPER
    elif exchange == "KRX" and kind in ("05", "06", "07", "41", "44"):
        expected = HOURS
    else:
        expected = "APBK0013" if kind in TAKEN[exchange] else KIND
    assert tried(Desk(mode), kind, exchange)["msg_cd"] == expected


MORNING_TEXT = "장운영시간이 아닙니다.([프리마켓] 시장가 매매 불가 시간)"
EVENING_TEXT = "[애프터마켓]지정가 및 최유리/최우선지정가 주문만 가능합니다."
CLOSED_TEXT = "장운영시간이 아닙니다.(주문불가)"


@pytest.mark.parametrize(
    ("now", "exchange", "kind", "code", "text"),
    [
        (at(8, 10), "NXT", "00", "APBK0013", ""),
        (at(8, 10), "NXT", "03", "APBK0013", ""),
        (at(8, 10), "NXT", "13", HOURS, MORNING_TEXT),
        (at(8, 10), "SOR", "01", HOURS, MORNING_TEXT),
        (at(8, 10), "NXT", "21", HOURS, CLOSED_TEXT),
        (at(8, 10), "KRX", "00", HOURS, CLOSED_TEXT),
        (at(8, 35), "SOR", "01", "APBK0013", ""),
        (at(8, 55), "NXT", "00", HOURS, CLOSED_TEXT),
        (at(15, 25), "NXT", "00", HOURS, CLOSED_TEXT),
        (at(15, 25), "SOR", "00", "APBK0013", ""),
        (at(15, 25), "KRX", "21", HOURS, CLOSED_TEXT),
        (at(15, 35), "NXT", "00", "APBK0013", ""),
        (at(15, 35), "NXT", "04", "APBK0013", ""),
        (at(15, 35), "NXT", "11", "APBK3013", EVENING_TEXT),
        (at(15, 35), "NXT", "22", "APBK3013", EVENING_TEXT),
        (at(15, 35), "NXT", "14", "APBK1943", "시장가호가불가"),
        (at(15, 35), "SOR", "01", "APBK1943", "시장가호가불가"),
        (at(15, 35), "KRX", "00", HOURS, CLOSED_TEXT),
        (at(19, 59), "SOR", "00", "APBK0013", ""),
        (at(20, 0), "SOR", "00", HOURS, CLOSED_TEXT),
        (at(16, 30), "KRX", "00", HOURS, CLOSED_TEXT),
        (at(16, 30), "KRX", "01", HOURS, CLOSED_TEXT),
        (at(16, 30), "KRX", "41", "APBK0013", ""),
        (at(16, 30), "KRX", "44", "APBK0013", ""),
        (at(16, 30), "KRX", "07", HOURS, CLOSED_TEXT),
        (at(15, 59, day=11, month=9), "KRX", "07", HOURS, CLOSED_TEXT),
        (at(16, 30, day=11, month=9), "KRX", "07", "APBK0013", ""),
        (at(16, 30, day=11, month=9), "KRX", "41", HOURS, CLOSED_TEXT),
        (at(16, 30, day=14, month=9), "KRX", "07", HOURS, CLOSED_TEXT),
        (at(8, 29), "KRX", "05", HOURS, CLOSED_TEXT),
        (at(8, 39), "KRX", "05", "APBK0013", ""),
        (at(8, 40), "KRX", "05", HOURS, CLOSED_TEXT),
        (at(15, 39), "KRX", "06", HOURS, CLOSED_TEXT),
        (at(15, 40), "KRX", "06", "APBK0013", ""),
        (at(16, 0), "KRX", "06", HOURS, CLOSED_TEXT),
        (at(10, 30, day=22), "KRX", "00", "APBK0919", "장운영일자가 주문일과 상이합니다"),
        (at(10, 30, day=22), "NXT", "00", "APBK0919", "장운영일자가 주문일과 상이합니다"),
        # the day of the university entrance exam: an hour later, and no pre-market
        (at(8, 10, day=19), "NXT", "00", HOURS, CLOSED_TEXT),
        (at(8, 45, day=19), "KRX", "00", HOURS, CLOSED_TEXT),
        (at(9, 30, day=19), "KRX", "00", "APBK0013", ""),
        (at(16, 25, day=19), "KRX", "00", "APBK0013", ""),
        (at(16, 45, day=19), "KRX", "06", "APBK0013", ""),
        # the year's first trading day opens at ten
        (at(9, 35, day=2, month=1), "KRX", "05", "APBK0013", ""),
        (at(8, 45, day=2, month=1), "KRX", "00", HOURS, CLOSED_TEXT),
    ],
)
def test_hours_of_each_exchange(now: datetime, exchange: str, kind: str, code: str, text: str) -> None:
    desk = Desk(now=now)
    more = {"ORD_UNPR": str(desk.quote.base)} if kind == "05" else {}
    body = tried(desk, kind, exchange, **more)
    assert body["msg_cd"] == code
    assert text in ("", body["msg1"].strip())


@pytest.mark.parametrize("code", ["069500", "114800"])
@pytest.mark.parametrize("takes_funds", [False, True])
def test_krx_s_after_market_takes_no_funds(code: str, takes_funds: bool) -> None:
    desk = Desk(now=at(16, 30), krx_after_market_takes_funds=takes_funds)
    price = str(desk.sim.market.quote(code, desk.clock.now()).price)
    body = desk.order("buy", code, 1, kind="41", ORD_UNPR=price).json()
    expected = ("0", "APBK0013") if takes_funds else ("7", HOURS)
    assert (body["rt_cd"], body["msg_cd"]) == expected
    assert takes_funds or body["msg1"].strip() == CLOSED_TEXT
    assert tried(desk, "41")["msg_cd"] == "APBK0013"


def test_funds_trade_in_every_other_session() -> None:
    for now, kind, exchange in ((at(8, 35), "00", "KRX"), (MORNING, "00", "KRX"), (at(16, 30), "00", "NXT")):
        desk = Desk(now=now)
        price = str(desk.sim.market.quote("069500", now).price)
        body = desk.order("buy", "069500", 1, kind=kind, ORD_UNPR=price, EXCG_ID_DVSN_CD=exchange).json()
        assert body["msg_cd"] == "APBK0013"


def test_after_market_codes_are_a_switch() -> None:
    desk = Desk(now=at(16, 30), krx_after_market_kinds=("00",))
    assert tried(desk, "00")["msg_cd"] == "APBK0013"
    assert tried(desk, "41")["msg_cd"] == KIND


@pytest.mark.parametrize(
    ("now", "kind", "change", "code"),
    [
        (at(15, 45), "06", {"ORD_UNPR": "70000"}, "IGW00007"),
        (at(15, 45), "06", {"ORD_UNPR": ""}, "APBK0013"),
        (MORNING, "22", {"CNDT_PRIC": ""}, "IGW00007"),
        (MORNING, "22", {"CNDT_PRIC": "0"}, "IGW00007"),
        (MORNING, "22", {"CNDT_PRIC": "70000.5"}, "IGW00007"),
        (MORNING, "22", {"CNDT_PRIC": "300001"}, "APBK0506"),
        (MORNING, "22", {"CNDT_PRIC": "9000000"}, "APBK0406"),
        (at(8, 35), "05", {"ORD_UNPR": "0"}, "APBK0406"),
    ],
)
def test_prices_that_do_not_fit(now: datetime, kind: str, change: dict[str, str], code: str) -> None:
    assert tried(Desk(now=now), kind, **change)["msg_cd"] == code


def test_before_the_open_there_is_one_price() -> None:
    desk = Desk(now=at(8, 35))
    other = next_tick(desk.quote.base, 1)
    assert tried(desk, "05", ORD_UNPR=str(other))["msg_cd"] == "APBK0506"


# -- how each fills ------------------------------------------------------------------------------------


def test_a_conditional_limit_takes_any_price_at_the_close() -> None:
    desk = Desk()
    low = next_tick(desk.book.bids[0].price, -200)
    number = desk.placed("buy", 3, low, "02")
    assert desk.row(number)["ord_unpr"] == str(low)
    held = desk.sim.brokerage.fees.purchase(3, desk.quote.upper)
    assert desk.cash == 100_000_000 - held
    desk.clock.advance((at(15, 29) - MORNING).total_seconds())
    assert desk.row(number)["tot_ccld_qty"] == "0"
    desk.clock.advance(60)
    assert desk.row(number)["avg_prvs"] == str(desk.quote.price) != str(low)
    assert desk.quote.price > low


def test_and_fills_before_that_as_a_limit_order_does() -> None:
    desk = Desk()
    best = desk.book.asks[0].price
    assert desk.row(desk.placed("buy", 3, best, "02"))["avg_prvs"] == str(best)


@pytest.mark.parametrize(("now", "kind"), [(at(8, 35), "05"), (at(15, 45), "06")])
def test_at_a_close_orders_take_what_the_best_level_showed(now: datetime, kind: str) -> None:
    desk = Desk(now=now, cash=10**12)
    yesterday, today = (desk.sim.market.book(SAMSUNG, at(20, day=day)) for day in (23, 24))
    book = yesterday if kind == "05" else today
    price = desk.quote.base if kind == "05" else desk.quote.price
    there = book.asks[0].size
    number = desk.placed("buy", there + 5, desk.quote.base if kind == "05" else 0, kind)
    row = desk.row(number)
    assert (row["tot_ccld_qty"], row["rmn_qty"], row["avg_prvs"]) == (str(there), "5", str(price))
    sold = desk.placed("sell", 3, desk.quote.base if kind == "05" else 0, kind)
    assert desk.row(sold)["tot_ccld_amt"] == str(3 * price)
    assert desk.row(number)["rmn_qty"] == "2"
    desk.clock.advance(15 * 60)
    assert (desk.row(number)["rmn_qty"], desk.row(number)["cncl_cfrm_qty"]) == ("0", "2")


def test_single_prices_come_every_ten_minutes() -> None:
    desk = Desk(now=at(15, 0, day=11, month=9), cash=10**10)
    desk.placed("buy", 50, kind="01")
    desk.clock.advance(64 * 60)
    asks, price = desk.book.asks, desk.quote.price
    buy = desk.placed("buy", 7, next_tick(price, -3), "07")
    sell = desk.placed("sell", 5, next_tick(price, -3), "07")
    crossing = desk.placed("buy", 4, asks[0].price, "07")
    desk.clock.advance(355)
    assert desk.row(crossing)["tot_ccld_qty"] == "0"
    desk.clock.advance(5)
    assert desk.row(crossing)["rmn_qty"] == desk.row(sell)["rmn_qty"] == "0"
    assert desk.row(crossing)["avg_prvs"] == desk.row(sell)["avg_prvs"]
    assert desk.row(buy)["rmn_qty"] == "7"
    again = desk.placed("sell", 2, next_tick(price, -3), "07")
    desk.clock.advance(599)
    assert desk.row(again)["rmn_qty"] == "2"
    desk.clock.advance(1)
    assert desk.row(again)["rmn_qty"] == "0"
    desk.clock.advance(100 * 60)
    assert desk.row(buy)["rmn_qty"] == "0"
    assert desk.open_orders().json()["output"] == []


@pytest.mark.parametrize("exchange", ["KRX", "NXT"])
def test_a_midpoint_order_fills_between_the_best_prices(exchange: str) -> None:
    desk = Desk(cash=10**13)
    book = desk.book
    middle, there = (book.asks[0].price + book.bids[0].price) // 2, min(book.asks[0].size, book.bids[0].size)
    number = desk.placed("buy", there + 4, kind="21", EXCG_ID_DVSN_CD=exchange)
    order = order_of(desk, number)
    assert (order.filled, order.filled_value, order.remaining) == (there, there * middle, 4)
    at_once = order_of(desk, desk.placed("buy", 1, kind="23", EXCG_ID_DVSN_CD=exchange))
    whole = order_of(desk, desk.placed("sell", 5, kind="24", EXCG_ID_DVSN_CD=exchange))
    assert (at_once.filled, at_once.cancelled) == (0, 1)
    assert (whole.filled, whole.cancelled) == (0, 5) if whole.limit != middle else (5, 0)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_stop_order_sleeps_until_its_trigger_is_traded(side: str) -> None:
    desk = Desk(cash=10**10)
    desk.placed("buy", 50, kind="01")
    sign = 1 if side == "buy" else -1
    trigger = next_tick(desk.quote.price, 3 * sign)
    limit = next_tick(trigger, 2 * sign)
    number = desk.placed(side, 5, limit, "22", CNDT_PRIC=str(trigger))
    assert order_of(desk, number).is_asleep
    assert desk.row(number)["tot_ccld_qty"] == "0"  # a limit order at that price would have filled
    trades = desk.sim.market.trades(SAMSUNG, regular_session(MORNING.date()).close, 100_000)
    reached = next(
        trade for trade in reversed(trades) if trade.at > MORNING and (trade.price - trigger) * sign >= 0
    )
    desk.clock.advance((reached.at - MORNING).total_seconds() - 0.001)
    assert order_of(desk, number).is_asleep
    desk.clock.advance(0.001)
    order = order_of(desk, number)
    assert not order.is_asleep
    assert order.filled == 5
    assert (order.filled_value - 5 * limit) * sign <= 0


def test_a_stop_order_that_nothing_wakes_lapses() -> None:
    desk = Desk()
    number = desk.placed("buy", 5, desk.quote.upper, "22", CNDT_PRIC=str(desk.quote.upper))
    assert desk.change(number, "02", QTY_ALL_ORD_YN="N", ORD_QTY="2").json()["rt_cd"] == "0"
    desk.clock.advance(6 * 3600)
    assert (desk.row(number)["tot_ccld_qty"], desk.row(number)["cncl_cfrm_qty"]) == ("0", "5")
    assert desk.cash == 100_000_000


# -- NXT and SOR ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "shown_at"), [(at(8, 10), at(20, day=23)), (at(16, 30), at(15, 30))])
def test_outside_regular_hours_orders_meet_the_last_book_and_rest(now: datetime, shown_at: datetime) -> None:
    desk = Desk(now=now)
    best = desk.sim.market.book(SAMSUNG, shown_at).asks[0].price
    nxt = {"EXCG_ID_DVSN_CD": "NXT"}
    crossing, waiting = desk.placed("buy", 3, best, **nxt), desk.placed("buy", 3, best - 3_000, **nxt)
    sold = desk.placed("sell", 1, best - 3_000, **nxt)
    desk.clock.advance(1_800)
    assert order_of(desk, crossing).filled_value == 3 * best
    assert order_of(desk, waiting).remaining == 3
    assert order_of(desk, sold).filled == 1
    assert desk.change(waiting, "02").json()["msg_cd"] == "APBK0344"
    assert desk.change(waiting, "02", **nxt).json()["rt_cd"] == "0"


@pytest.mark.parametrize("carries_over", [False, True])
def test_what_a_session_of_nxt_leaves_open(carries_over: bool) -> None:
    desk = Desk(now=at(8, 10), nxt_orders_carry_over=carries_over)
    order = order_of(desk, desk.placed("buy", 3, desk.quote.lower, EXCG_ID_DVSN_CD="NXT"))
    for hour, minute in ((8, 49), (8, 50), (15, 25), (19, 59), (20, 0)):
        desk.clock.advance((at(hour, minute) - desk.clock.now()).total_seconds())
        desk.history()
        is_open = (hour, minute) < ((20, 0) if carries_over else (8, 50))
        assert (order.remaining, order.lapsed) == ((3, 0) if is_open else (0, 3))


def test_orders_of_two_exchanges_do_not_meet() -> None:
    desk = Desk()
    desk.placed("buy", 5, kind="01")
    inside = next_tick(desk.book.bids[0].price, -3)
    buy = desk.placed("buy", 5, inside, EXCG_ID_DVSN_CD="NXT")
    routed = desk.placed("buy", 5, inside, EXCG_ID_DVSN_CD="SOR")
    sell = desk.placed("sell", 4, inside, kind="00")
    assert order_of(desk, sell).filled == 4
    assert order_of(desk, sell).filled_value > 4 * inside
    assert order_of(desk, buy).filled == order_of(desk, routed).filled == 0


def test_nxt_has_no_part_in_the_auctions_of_krx() -> None:
    desk = Desk(now=at(8, 10), cash=10**13, nxt_orders_carry_over=True)
    book, opening = desk.sim.market.book(SAMSUNG, at(20, day=23)), desk.sim.market.quote(SAMSUNG, at(9)).open
    price = book.asks[-1].price
    assert opening < price
    number = desk.placed("buy", book.total_ask + 1_000, price, EXCG_ID_DVSN_CD="NXT")
    desk.clock.advance(50 * 60)
    assert desk.clock.now() == at(9)
    assert order_of(desk, number).remaining == 1_000
    desk.clock.advance(600)
    assert order_of(desk, number).remaining == 0
