from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    ConditionalLimit,
    Limit,
    Market,
    OrderType,
    Side,
    StopLimit,
)
from kis_sync.api.domestic_stock.reserved_order import (
    ReservedReceipt,
    amend_reserved_call,
    cancel_reserved_call,
    get_reserved_orders,
    read_reserved_change,
    reserve_call,
)
from kis_sync.catalog import Call, Mode
from kis_sync.catalog.check import checked
from kis_sync.clock import KST
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, NotOnPaperError, ServerError
from kis_sync.settings import Account
from tests.api.order_rows import BUY, SELL
from tests.api.simulated_account import SimulatedAccount, example, needs_examples, simulated_account
from tests.asking import StubAsker, ok

OWN = Account("12345678", "01")
EVENING = datetime(2026, 11, 24, 16, 0, tzinfo=KST)  # a Tuesday
TODAY, TOMORROW = date(2026, 11, 24), date(2026, 11, 25)


@pytest.fixture
def evening() -> Iterator[SimulatedAccount]:
    with simulated_account(at=EVENING) as account:
        yield account


class TestCalls:
    def test_a_reservation(self) -> None:
        call = reserve_call(OWN, "005930", BUY, 3, Limit(70_000), TOMORROW)
        assert (call.endpoint.name, call.variant) == ("domestic_stock.order_resv", "")
        assert call.params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "PDNO": "005930",
            "ORD_QTY": "3",
            "ORD_UNPR": "70000",
            "SLL_BUY_DVSN_CD": "02",
            "ORD_DVSN_CD": "00",
            "ORD_OBJT_CBLC_DVSN_CD": "10",
            "LOAN_DT": "",
            "RSVN_ORD_END_DT": "20261125",
            "LDNG_DT": "",
        }

    def test_an_amendment_sends_what_the_documented_example_does(self) -> None:
        kind = Limit(140_000)
        call = amend_reserved_call(OWN, 39453, "009150", SELL, 10, kind, day=date(2022, 4, 27))
        assert (call.endpoint.name, call.variant) == ("domestic_stock.order_resv_rvsecncl", "amend")
        assert call.params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "PDNO": "009150",
            "ORD_QTY": "10",
            "ORD_UNPR": "140000",
            "SLL_BUY_DVSN_CD": "01",
            "ORD_DVSN_CD": "00",
            "ORD_OBJT_CBLC_DVSN_CD": "10",
            "LOAN_DT": "",
            "RSVN_ORD_END_DT": "",
            "CTAL_TLNO": "",
            "RSVN_ORD_SEQ": "39453",
            "RSVN_ORD_ORGNO": "",
            "RSVN_ORD_ORD_DT": "20220427",
        }

    def test_a_cancellation_sends_what_the_documented_example_does(self) -> None:
        call = cancel_reserved_call(OWN, 39447, day=date(2022, 4, 27))
        assert (call.endpoint.name, call.variant) == ("domestic_stock.order_resv_rvsecncl", "cancel")
        assert call.params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "RSVN_ORD_ORD_DT": "20220427",
            "RSVN_ORD_SEQ": "39447",
            "RSVN_ORD_ORGNO": "00",
        }

    @pytest.mark.parametrize(
        ("kind", "code", "price"),
        [
            (Market(), "01", "0"),
            (ConditionalLimit(70_000), "02", "70000"),
            (BeforeOpen(69_000), "05", "0"),
        ],
    )
    def test_each_type_as_kis_writes_it(self, kind: OrderType, code: str, price: str) -> None:
        for call in (
            reserve_call(OWN, "005930", SELL, 1, kind),
            amend_reserved_call(OWN, 1, "005930", SELL, 1, kind),
        ):
            assert (call.params["ORD_DVSN_CD"], call.params["ORD_UNPR"]) == (code, price)
            assert (call.params["SLL_BUY_DVSN_CD"], call.params["RSVN_ORD_END_DT"]) == ("01", "")

    @pytest.mark.parametrize(
        "kind", [Best(), Limit(70_000, "IOC"), Market("FOK"), AfterClose(), StopLimit(1, 1)]
    )
    def test_other_types_are_told(self, kind: OrderType) -> None:
        with pytest.raises(InvalidRequestError, match="KIS reserves no"):
            reserve_call(OWN, "005930", BUY, 1, kind)

    def test_no_shares_are_told(self) -> None:
        with pytest.raises(InvalidRequestError, match="at least 1"):
            amend_reserved_call(OWN, 1, "005930", BUY, 0, Market())

    @pytest.mark.parametrize(
        "call",
        [
            reserve_call(OWN, "005930", BUY, 3, Market()),
            amend_reserved_call(OWN, 1, "005930", BUY, 3, Market()),
            cancel_reserved_call(OWN, 1),
        ],
        ids=str,
    )
    def test_the_catalogue_takes_every_field_and_paper_none(self, call: Call) -> None:
        fields = checked(call.endpoint, call.params, variant=call.variant, strict=True)
        assert {name: fields[name] for name in call.params} == call.params
        with pytest.raises(NotOnPaperError):
            call.endpoint.tr_id(Mode.PAPER, call.variant)


class TestAnswers:
    @pytest.mark.parametrize("output", [{"rsvn_ord_seq": "39447"}, [{"RSVN_ORD_SEQ": "0000039447"}]])
    def test_the_sequence_number(self, output: object) -> None:
        assert ReservedReceipt.read(Envelope("x", ok(output=output))).number == 39447

    @pytest.mark.parametrize("output", [{"rsvn_ord_seq": ""}, {"rsvn_ord_seq": "0"}, {}, [], None])
    def test_no_number_is_an_error(self, output: object) -> None:
        with pytest.raises(ServerError):
            ReservedReceipt.read(Envelope("x", ok(output=output)))

    @pytest.mark.parametrize(("word", "is_done"), [("Y", True), ("y", True), ("N", False)])
    def test_whether_a_change_was_done(self, word: str, is_done: bool) -> None:
        assert read_reserved_change(Envelope("x", ok(output={"NRML_PRCS_YN": word}))) is is_done

    def test_a_change_that_is_not_told_is_an_error(self) -> None:
        with pytest.raises(ServerError, match="neither Y nor N"):
            read_reserved_change(Envelope("x", ok(output={})))


def row(seq: str = "42401", **fields: str) -> dict[str, str]:
    return {
        "rsvn_ord_seq": seq,
        "rsvn_ord_ord_dt": "20220523",
        "rsvn_ord_rcit_dt": "20220520",
        "pdno": "005940",
        "ord_dvsn_cd": "00",
        "ord_rsvn_qty": "3",
        "tot_ccld_qty": "1",
        "cncl_ord_dt": "",
        "ord_tmd": "082107",
        "rjct_rson2": "정상 처리 완료되었습니다.",
        "odno": "0000012345",
        "rsvn_ord_rcit_tmd": "165318",
        "kor_item_shtn_name": "NH투자증권",
        "sll_buy_dvsn_cd": "02",
        "ord_rsvn_unpr": "6000",
        "tot_ccld_amt": "5990",
        "prcs_rslt": "처리",
        "rsvn_end_dt": "20220603",
        **fields,
    }


def page(*rows: dict[str, str], tr_cont: str = "D", key: str = " !^ !^") -> dict[str, object]:
    keys = {"ctx_area_fk200": "f".ljust(200), "ctx_area_nk200": key.ljust(200)}
    return {**ok(output=list(rows), **keys), "tr_cont": tr_cont}


class TestTheList:
    def test_what_is_sent(self) -> None:
        asker = StubAsker(page())
        assert get_reserved_orders(asker, date(2022, 5, 20), date(2022, 5, 23)) == ()
        (call,) = asker.calls
        assert call.endpoint.name == "domestic_stock.order_resv_ccnl"
        assert call.params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "RSVN_ORD_ORD_DT": "20220520",
            "RSVN_ORD_END_DT": "20220523",
            "RSVN_ORD_SEQ": "",
            "TMNL_MDIA_KIND_CD": "00",
            "PRCS_DVSN_CD": "0",
            "CNCL_YN": "Y",
            "PDNO": "",
            "SLL_BUY_DVSN_CD": "",
            "CTX_AREA_FK200": "",
            "CTX_AREA_NK200": "",
        }

    def test_the_default_is_today(self) -> None:
        asker = StubAsker(page())
        get_reserved_orders(asker)
        sent = asker.calls[0].params
        assert (sent["RSVN_ORD_ORD_DT"], sent["RSVN_ORD_END_DT"]) == ("20261124", "20261124")

    def test_every_field(self) -> None:
        (reserved,) = get_reserved_orders(StubAsker(page(row())))
        assert (reserved.number, reserved.order_number) == (42401, 12345)
        assert (reserved.code, reserved.name, reserved.side) == ("005940", "NH투자증권", Side.BUY)
        assert (reserved.quantity, reserved.filled, reserved.filled_amount) == (3, 1, 5990)
        assert (reserved.kind, reserved.price) == (Limit(6000), 6000)
        assert (reserved.day, reserved.until) == (date(2022, 5, 23), date(2022, 6, 3))
        assert reserved.received_at == datetime(2022, 5, 20, 16, 53, 18, tzinfo=KST)
        assert (reserved.result, reserved.reason) == ("처리", "정상 처리 완료되었습니다.")
        assert reserved.cancelled_on is None

    @needs_examples
    def test_the_documented_answer(self) -> None:
        body = example("order-resv-ccnl", "CTSC0004R").body
        orders = get_reserved_orders(StubAsker(body))
        assert [each.number for each in orders] == [42401, 42405, 42406]
        assert [each.until for each in orders] == [date(2022, 5, 23), None, date(2022, 5, 23)]
        assert {(each.kind, each.price, each.order_number) for each in orders} == {(Market(), None, None)}
        assert {each.result for each in orders} == {"미처리"}

    def test_every_page_is_read(self) -> None:
        asker = StubAsker(page(row("1"), tr_cont="M", key="1"), page(row("2")))
        assert [each.number for each in get_reserved_orders(asker)] == [1, 2]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("rsvn_ord_seq", ""),
            ("sll_buy_dvsn_cd", ""),
            ("pdno", ""),
            ("ord_rsvn_qty", ""),
            ("tot_ccld_qty", ""),
            ("odno", "x"),
            ("rsvn_ord_ord_dt", "soon"),
        ],
    )
    def test_a_row_that_cannot_be_read_is_an_error_and_no_gap(self, name: str, value: str) -> None:
        with pytest.raises(ServerError, match=f"field {name}"):
            get_reserved_orders(StubAsker(page(row("8"), row(**{name: value}))))

    def test_days_the_wrong_way_round_are_told_before_any_call(self) -> None:
        asker = StubAsker(page())
        with pytest.raises(InvalidRequestError, match="lies after"):
            get_reserved_orders(asker, TOMORROW, TODAY)
        assert asker.calls == []


class TestOnTheSimulator:
    def reserve(self, account: SimulatedAccount, **options: Any) -> int:
        low = account.broker.get_price("005930").lower_limit
        wish: dict[str, Any] = {"side": BUY, "quantity": 3, "kind": Limit(low or 0), **options}
        call = reserve_call(account.broker.account, "005930", **wish)
        return ReservedReceipt.read(account.broker.ask(call)).number

    def test_a_reservation_is_listed_sent_and_filled(self, evening: SimulatedAccount) -> None:
        seq = self.reserve(evening, kind=Market())
        (waiting,) = get_reserved_orders(evening.broker, TODAY, TOMORROW)
        assert (waiting.number, waiting.day, waiting.order_number) == (seq, TOMORROW, None)
        assert (waiting.kind, waiting.quantity, waiting.result) == (Market(), 3, "미처리")
        assert waiting.received_at is not None
        assert abs(waiting.received_at - EVENING) < timedelta(minutes=1)
        evening.clock.sleep(18.5 * 3600)  # 10:30 of the next day
        (done,) = get_reserved_orders(evening.broker)
        (order,) = get_executions(evening.broker)
        assert (done.number, done.order_number, done.filled) == (seq, order.number, 3)
        assert done.filled_amount == sum(fill.quantity * fill.price for fill in evening.books.fills)

    @pytest.mark.parametrize("day", [None, TODAY, TOMORROW])
    def test_an_amendment_and_a_cancellation(self, evening: SimulatedAccount, day: date | None) -> None:
        own, seq = evening.broker.account, self.reserve(evening, until=date(2026, 12, 4))
        amended = amend_reserved_call(own, seq, "005930", BUY, 5, Market(), day=day)
        assert read_reserved_change(evening.broker.ask(amended))
        (reserved,) = get_reserved_orders(evening.broker, TODAY, TOMORROW)
        assert (reserved.number, reserved.quantity, reserved.kind) == (seq, 5, Market())
        assert reserved.until is None
        assert read_reserved_change(evening.broker.ask(cancel_reserved_call(own, seq, day=day)))
        assert get_reserved_orders(evening.broker, TODAY, TOMORROW) == ()

    def test_more_than_a_page_holds(self, evening: SimulatedAccount) -> None:
        numbers = [self.reserve(evening, quantity=1) for _ in range(22)]
        listed = get_reserved_orders(evening.broker, TODAY, TOMORROW)
        assert [each.number for each in listed] == numbers
        assert evening.asked("order-resv-ccnl") == 2

    def test_paper_has_none(self) -> None:
        asks: list[Callable[[SimulatedAccount], object]] = [
            lambda account: get_reserved_orders(account.broker),
            lambda account: self.reserve(account, kind=Market()),
            lambda account: account.broker.ask(cancel_reserved_call(account.broker.account, 1)),
        ]
        with simulated_account("paper", at=EVENING) as account:
            for ask in asks:
                with pytest.raises(NotOnPaperError):
                    ask(account)
