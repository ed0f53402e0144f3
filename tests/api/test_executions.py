from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.change_order import cancel_call, change_call
from kis_sync.api.domestic_stock.executions import _spans, get_executions, read_execution
from kis_sync.api.domestic_stock.order_type import Limit, Market, Side
from kis_sync.catalog import Call, Mode
from kis_sync.clock import KST
from kis_sync.errors import InvalidRequestError, ServerError
from kis_sync.market.exchanges import Exchange
from kis_sync.values import Row
from tests.api.order_rows import BUY, SELL, history, history_row, placed, sent
from tests.api.simulated_account import DAY, SimulatedAccount, simulated_account
from tests.asking import StubAsker

TODAY = date(2026, 11, 24)


@pytest.fixture(params=["live", "paper"])
def account(request: pytest.FixtureRequest) -> Iterator[SimulatedAccount]:
    with simulated_account(request.param) as account:
        yield account


@pytest.fixture
def live() -> Iterator[SimulatedAccount]:
    with simulated_account() as account:
        yield account


class TestAsking:
    @pytest.mark.parametrize("start", [None, date(2026, 11, 20)])
    def test_today_is_the_servers_once_it_has_told_it(self, start: date | None) -> None:
        asker = StubAsker(history(), history())
        ours, servers = (datetime(2026, 11, day, 7, 0, tzinfo=KST) for day in (29, 27))
        asker.now = lambda: servers if asker.calls else ours  # type: ignore[method-assign]
        assert get_executions(asker, start) == ()
        asked = [(call.params["INQR_STRT_DT"], call.params["INQR_END_DT"]) for call in asker.calls]
        first = "20261129" if start is None else "20261120"
        assert asked == [(first, "20261129"), ("20261127" if start is None else first, "20261127")]

    def test_the_default_is_everything_of_today(self) -> None:
        asker = StubAsker(history(), now=datetime(2026, 11, 24, 0, 1, tzinfo=KST))
        assert get_executions(asker) == ()
        (call,) = asker.calls
        assert (call.endpoint.name, call.variant) == ("domestic_stock.inquire_daily_ccld", "recent")
        assert call.params == {
            "CANO": "12345678",
            "ACNT_PRDT_CD": "01",
            "INQR_STRT_DT": "20261124",
            "INQR_END_DT": "20261124",
            "SLL_BUY_DVSN_CD": "00",
            "PDNO": "",
            "ORD_GNO_BRNO": "",
            "ODNO": "",
            "CCLD_DVSN": "00",
            "INQR_DVSN": "00",
            "INQR_DVSN_1": "",
            "INQR_DVSN_3": "00",
            "EXCG_ID_DVSN_CD": "ALL",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
        }

    @pytest.mark.parametrize(
        ("wanted", "field", "sent_as"),
        [
            ({"code": "000660"}, "PDNO", "000660"),
            ({"side": "sell"}, "SLL_BUY_DVSN_CD", "01"),
            ({"side": Side.BUY}, "SLL_BUY_DVSN_CD", "02"),
            ({"number": 1_569_157}, "ODNO", "0001569157"),
            ({"exchange": "nxt"}, "EXCG_ID_DVSN_CD", "NXT"),
            ({"exchange": Exchange.SOR}, "EXCG_ID_DVSN_CD", "SOR"),
        ],
    )
    def test_narrowed(self, wanted: dict[str, Any], field: str, sent_as: str) -> None:
        asker = StubAsker(history())
        get_executions(asker, **wanted)
        assert asker.calls[0].params[field] == sent_as

    def test_paper_is_asked_for_krx(self) -> None:
        asker = StubAsker(history(), mode=Mode.PAPER)
        get_executions(asker)
        get_executions(asker, exchange="KRX")
        assert [call.params["EXCG_ID_DVSN_CD"] for call in asker.calls] == ["KRX", "KRX"]

    @pytest.mark.parametrize(
        ("wanted", "told", "mode"),
        [
            ({"code": "삼성"}, "not a stock code", Mode.LIVE),
            ({"side": "HOLD"}, "side must be", Mode.LIVE),
            ({"number": 0}, "number must be", Mode.LIVE),
            ({"number": "7"}, "number must be", Mode.LIVE),
            ({"number": True}, "number must be", Mode.LIVE),
            ({"number": 10**10}, "number must be", Mode.LIVE),
            ({"exchange": "NYSE"}, "exchange must be", Mode.LIVE),
            ({"exchange": "NXT"}, "paper trading knows KRX only", Mode.PAPER),
            ({"start": TODAY, "end": date(2026, 11, 23)}, "lies after", Mode.LIVE),
        ],
    )
    def test_a_bad_question_is_told_before_any_call(
        self, wanted: dict[str, Any], told: str, mode: Mode
    ) -> None:
        asker = StubAsker(history(), mode=mode)
        with pytest.raises(InvalidRequestError, match=told):
            get_executions(asker, **wanted)
        assert asker.calls == []

    def test_another_number_that_kis_lists_all_the_same_is_left_out(self) -> None:
        asker = StubAsker(history(history_row("0000000007"), history_row("8")))
        assert [each.number for each in get_executions(asker, number=8)] == [8]


class TestTheThreeMonths:
    @pytest.mark.parametrize(
        ("first", "last", "asked"),
        [
            # By whole months, 2026-08-01 is the first recent day; by 92 days 08-24; 89 days ago is 08-27.
            ("2026-11-24", "2026-11-24", [("recent", "2026-11-24", "2026-11-24")]),
            ("2026-08-28", "2026-11-24", [("recent", "2026-08-28", "2026-11-24")]),
            (
                "2026-08-27",
                "2026-09-01",
                [("recent", "2026-08-27", "2026-09-01"), ("older", "2026-08-27", "2026-08-27")],
            ),
            (
                "2025-01-01",
                "2026-11-24",
                [("recent", "2026-08-01", "2026-11-24"), ("older", "2025-01-01", "2026-08-27")],
            ),
            (
                "2026-07-01",
                "2026-08-01",
                [("recent", "2026-08-01", "2026-08-01"), ("older", "2026-07-01", "2026-08-01")],
            ),
            ("2026-07-01", "2026-07-31", [("older", "2026-07-01", "2026-07-31")]),
        ],
    )
    def test_days_on_the_border_are_asked_for_on_both_sides(
        self, first: str, last: str, asked: list[tuple[str, str, str]]
    ) -> None:
        asker = StubAsker(history())
        get_executions(asker, date.fromisoformat(first), date.fromisoformat(last))
        spans = [
            (call.variant, call.params["INQR_STRT_DT"], call.params["INQR_END_DT"]) for call in asker.calls
        ]
        assert spans == [(name, a.replace("-", ""), b.replace("-", "")) for name, a, b in asked]

    @settings(deadline=None)
    @given(
        today=st.dates(date(2001, 1, 1), date(2090, 1, 1)),
        age=st.integers(0, 400),
        length=st.integers(0, 400),
        place=st.floats(0, 1),
        reading=st.sampled_from(["whole months", 89, 90, 91, 92]),
    )
    def test_no_day_is_lost_however_kis_counts(
        self, today: date, age: int, length: int, place: float, reading: str | int
    ) -> None:
        last = today - timedelta(age)
        first, day = last - timedelta(length), last - timedelta(int(length * place))
        if isinstance(reading, int):
            is_recent = today - day <= timedelta(reading)
        else:
            is_recent = (today.year - day.year) * 12 + today.month - day.month <= 3
        spans = list(_spans(first, last, today))
        variant = "recent" if is_recent else "older"
        assert any(name == variant and since <= day <= until for name, since, until in spans)
        assert all(first <= since <= until <= last for _, since, until in spans)

    def test_three_months_of_92_days_may_reach_further_back_than_three_whole_ones(self) -> None:
        day = date(2025, 11, 29)  # 92 days before
        assert list(_spans(day, day, date(2026, 3, 1))) == [("recent", day, day), ("older", day, day)]

    def test_what_both_sides_list_is_listed_once(self) -> None:
        rows = [history_row(ord_dt="20260810"), history_row("8", ord_dt="20260811")]
        asker = StubAsker(history(*rows), history(rows[0]))
        listed = get_executions(asker, date(2026, 8, 1), date(2026, 8, 31))
        assert [each.number for each in listed] == [8, 7]
        assert len(asker.calls) == 2

    def test_one_number_on_two_days_is_two_orders(self) -> None:
        asker = StubAsker(
            history(history_row(ord_dt="20261124"), tr_cont="M", key="2"),
            history(history_row(ord_dt="20261123")),
        )
        assert [each.ordered_at for each in get_executions(asker, date(2026, 11, 23), TODAY)] == [
            datetime(2026, 11, 24, 10, 11, 12, tzinfo=KST),
            datetime(2026, 11, 23, 10, 11, 12, tzinfo=KST),
        ]

    def test_on_the_simulator_across_the_border(self, live: SimulatedAccount) -> None:
        start, numbers = live.broker.now().date(), []
        for _ in range(4):
            numbers.append(int(placed(live, BUY, 1, Market()).number))
            live.clock.sleep(35 * DAY)
        today = live.broker.now().date()
        listed = get_executions(live.broker, start, today)
        assert [each.number for each in listed] == numbers[::-1]
        assert len({each.ordered_at.date() for each in listed if each.ordered_at}) == 4
        oldest = get_executions(live.broker, start, start)
        assert [each.number for each in oldest] == numbers[:1]


class TestPages:
    def test_every_page_is_read(self) -> None:
        asker = StubAsker(
            history(history_row("3"), history_row("2"), tr_cont="M", key="2"), history(history_row("1"))
        )
        assert [each.number for each in get_executions(asker)] == [3, 2, 1]
        assert (asker.calls[1].tr_cont, asker.calls[1].params["CTX_AREA_NK100"]) == ("N", "2".ljust(100))

    def test_a_row_that_was_pushed_on_meanwhile_counts_as_it_is_told_last(self) -> None:
        asker = StubAsker(
            history(history_row("3"), history_row("2"), tr_cont="F", key="2"),
            history(history_row("2", tot_ccld_qty="9"), history_row("1")),
        )
        assert [(each.number, each.filled) for each in get_executions(asker)] == [(3, 3), (2, 9), (1, 3)]

    def test_rows_of_one_page_are_all_kept(self) -> None:
        asker = StubAsker(history(history_row(), history_row()))
        assert len(get_executions(asker)) == 2

    def test_half_a_list_is_an_error(self) -> None:
        asker = StubAsker(history(history_row(), tr_cont="M", key=""))
        with pytest.raises(ServerError, match="more pages follow"):
            get_executions(asker)

    def test_more_orders_than_a_page_holds(self, account: SimulatedAccount) -> None:
        numbers = [int(placed(account, BUY, 1, Market()).number) for _ in range(105)]
        assert [each.number for each in get_executions(account.broker)] == numbers[::-1]


class TestReading:
    def test_every_field(self) -> None:
        (listed,) = get_executions(StubAsker(history(history_row(brand_new="1"))))
        assert (listed.number, listed.original, listed.branch) == (7, None, "06010")
        assert (listed.code, listed.name, listed.side) == ("005930", "삼성전자", Side.BUY)
        assert (listed.quantity, listed.filled, listed.remaining) == (10, 3, 5)
        assert (listed.cancelled, listed.rejected) == (2, 0)
        assert (listed.kind, listed.price, listed.trigger) == (Limit(70_000), 70_000, None)
        assert (listed.exchange, listed.average_price) == ("SOR", Decimal(69_900))
        assert listed.ordered_at == datetime(2026, 11, 24, 10, 11, 12, tzinfo=KST)
        assert not listed.is_cancellation
        assert listed.raw["brand_new"] == "1"

    def test_either_spelling(self) -> None:
        as_in_the_layout = history_row(cnc_cfrm_qty="2", excg_id_dvsn_Cd="SOR")
        del as_in_the_layout["cncl_cfrm_qty"], as_in_the_layout["excg_id_dvsn_cd"]
        in_capitals = {name.upper(): value for name, value in history_row().items()}
        for row in (history_row(), as_in_the_layout, in_capitals):
            listed = read_execution(Row(row, "x"))
            assert (listed.cancelled, listed.exchange, listed.number) == (2, "SOR", 7)

    def test_blank_is_not_0(self) -> None:
        row = history_row(rmn_qty="", cncl_cfrm_qty=" ", ord_unpr="0", tot_ccld_qty="0", avg_prvs="0")
        listed = read_execution(Row(row, "x"))
        assert (listed.remaining, listed.cancelled) == (None, None)
        assert (listed.price, listed.average_price, listed.filled) == (None, None, 0)

    @pytest.mark.parametrize("blank", ["", "0000000000", " "])
    def test_no_original(self, blank: str) -> None:
        assert read_execution(Row(history_row(orgn_odno=blank), "x")).original is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("odno", ""),
            ("odno", "0000000000"),
            ("odno", "A7"),
            ("odno", "１２"),
            ("odno", "-7"),
            ("orgn_odno", "x"),
            ("sll_buy_dvsn_cd", ""),
            ("sll_buy_dvsn_cd", "00"),
            ("pdno", ""),
            ("ord_dt", ""),
            ("ord_dt", "2026112"),
            ("ord_tmd", "250000"),
            ("ord_qty", ""),
            ("tot_ccld_qty", ""),
            ("tot_ccld_qty", "-1"),
            ("rmn_qty", "many"),
        ],
    )
    def test_a_row_that_cannot_be_read_is_an_error_and_no_gap(self, name: str, value: str) -> None:
        asker = StubAsker(history(history_row("8"), history_row(**{name: value})))
        with pytest.raises(ServerError, match=f"field {name}"):
            get_executions(asker)

    @pytest.mark.parametrize(
        ("fields", "is_cancellation"),
        [
            ({"sll_buy_dvsn_cd_name": "매수취소*", "orgn_odno": "0000000006"}, True),
            ({"sll_buy_dvsn_cd_name": "매도취소", "orgn_odno": "6"}, True),
            ({"sll_buy_dvsn_cd_name": "BUY CANCEL*", "orgn_odno": "6"}, True),
            ({"sll_buy_dvsn_cd_name": "매수정정*", "orgn_odno": "6"}, False),
            ({"sll_buy_dvsn_cd_name": "BUY AMEND*", "orgn_odno": "6"}, False),
            ({"sll_buy_dvsn_cd_name": "매수취소*", "orgn_odno": ""}, False),
            ({"sll_buy_dvsn_cd_name": "매수취소*", "orgn_odno": "6", "tot_ccld_qty": "1"}, False),
            ({"sll_buy_dvsn_cd_name": "BUY REJECT", "rjct_qty": "10"}, False),
            ({"cncl_yn": "Y", "cncl_cfrm_qty": "10"}, False),
        ],
    )
    def test_what_records_a_cancellation(self, fields: dict[str, str], is_cancellation: bool) -> None:
        row = history_row(**{"tot_ccld_qty": "0", "rmn_qty": "0", **fields})
        assert read_execution(Row(row, "x")).is_cancellation is is_cancellation

    @pytest.mark.parametrize(("told", "code"), [("00000A088350", "088350"), ("Q500019", "Q500019")])
    def test_a_long_code_ends_with_the_stock_s(self, told: str, code: str) -> None:
        assert read_execution(Row(history_row(pdno=told), "x")).code == code

    @settings(deadline=None)
    @given(
        quantity=st.integers(1, 10**9),
        filled=st.integers(0, 10**9),
        number=st.integers(1, 10**10 - 1),
        width=st.integers(1, 10),
    )
    def test_numbers_come_out_as_they_went_in(
        self, quantity: int, filled: int, number: int, width: int
    ) -> None:
        row = history_row(f"{number:0{width}d}", ord_qty=f"{quantity:010d}", tot_ccld_qty=f" {filled} ")
        listed = read_execution(Row(row, "x"))
        assert (listed.number, listed.quantity, listed.filled) == (number, quantity, filled)

    @given(
        st.dictionaries(
            st.sampled_from(sorted(history_row())), st.text("0129 .-Q취소*", max_size=12) | st.none()
        )
    )
    def test_a_row_is_read_or_an_error(self, odd: dict[str, str | None]) -> None:
        row = history_row()
        row.update(odd)
        try:
            listed = read_execution(Row(row, "x"))
        except ServerError:
            return
        assert listed.number > 0
        assert listed.side in (BUY, SELL)
        assert listed.filled >= 0


class TestOnTheSimulator:
    def test_a_fill(self, account: SimulatedAccount) -> None:
        receipt = placed(account, BUY, 3, Market())
        (listed,) = get_executions(account.broker, number=int(receipt.number))
        fills = account.books.fills
        value = sum(fill.quantity * fill.price for fill in fills)
        assert (listed.filled, listed.remaining, listed.quantity) == (3, 0, 3)
        assert listed.average_price is not None
        assert abs(listed.average_price * 3 - value) < 1
        assert (listed.branch, listed.kind, listed.exchange) == (receipt.branch, Market(), "KRX")
        assert listed.ordered_at is not None
        assert abs(listed.ordered_at - account.broker.now()) < timedelta(minutes=1)

    def test_narrowed_by_side_and_code(self, account: SimulatedAccount) -> None:
        placed(account, BUY, 3, Market())
        if account.sim.mode is Mode.PAPER:
            account.clock.sleep(60)  # paper's holdings lag
        sold = int(placed(account, SELL, 1, Market()).number)
        assert [each.number for each in get_executions(account.broker, side="SELL")] == [sold]
        assert get_executions(account.broker, code="000660") == ()
        assert len(get_executions(account.broker, code="005930")) == 2

    def test_a_change_and_a_cancellation(self, account: SimulatedAccount) -> None:
        broker = account.broker
        low = broker.get_price("005930").lower_limit
        assert low is not None
        first = placed(account, BUY, 5, Limit(low))
        higher = Limit(low + (broker.get_price("005930").tick or 0))
        own, krx = broker.account, Exchange.KRX
        second = sent(account, change_call(own, first.number, first.branch, krx, higher, None))
        third = sent(account, cancel_call(own, second.number, second.branch, krx, "00", 2))
        cancelled, changed, original = get_executions(broker)
        assert [each.number for each in (original, changed, cancelled)] == [
            int(each.number) for each in (first, second, third)
        ]
        assert (original.remaining, original.cancelled, original.original) == (0, 5, None)
        assert (changed.remaining, changed.price, changed.original) == (3, higher.price, original.number)
        assert (cancelled.original, cancelled.remaining) == (changed.number, 0)
        assert [each.is_cancellation for each in (original, changed, cancelled)] == [False, False, True]

    @pytest.mark.parametrize("exchange", [Exchange.KRX, Exchange.SOR])
    def test_by_exchange(self, live: SimulatedAccount, exchange: Exchange) -> None:
        low = live.broker.get_price("005930").lower_limit
        assert low is not None
        numbers = {
            each: int(placed(live, BUY, 1, Limit(low), each).number) for each in (Exchange.KRX, Exchange.SOR)
        }
        listed = get_executions(live.broker, exchange=exchange)
        assert [(each.number, each.exchange) for each in listed] == [(numbers[exchange], exchange.value)]
        assert len(get_executions(live.broker)) == 2


def test_the_call_names_what_the_catalogue_documents() -> None:
    asker = StubAsker(history())
    get_executions(asker)
    call: Call = asker.calls[0]
    assert set(call.params) == {parameter.name for parameter in call.endpoint.params}
