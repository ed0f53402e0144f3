"""Calling by name: what is checked before anything is sent, and what comes back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync import (
    ConfigurationError,
    InvalidRequestError,
    NotOnPaperError,
    OrderUncertainError,
    ServerError,
)
from kis_sync.api.any_endpoint import Answer, call
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.catalog import Effect, Mode, endpoint, endpoints
from kis_sync.catalog.check import UndocumentedValueWarning, checked
from kis_sync.envelope import Envelope
from tests.asking import StubAsker, ok
from tests.fake_kis import SECRET, FakeKIS, refusal
from tests.servers import Action, answer, close

PRICE = "domestic_stock.inquire_price"
CHART = "domestic_stock.inquire_daily_itemchartprice"
BALANCE = "domestic_stock.inquire_balance"
ASKED = {
    "AFHR_FLPR_YN": "N",
    "INQR_DVSN": "02",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
}
ORDER = {"PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "10", "ORD_UNPR": "70000"}


class Kind(IntEnum):
    A = 7


class Index:
    """As numpy's integers are: no int, but one can be had of it."""

    def __index__(self) -> int:
        return 42


def page(tr_cont: str, rows: list[str], key: str = "", total: str = "1") -> dict[str, object]:
    keys = {"ctx_area_fk100": "fk", "ctx_area_nk100": key, "tr_cont": tr_cont}
    return ok(output1=[{"pdno": row} for row in rows], output2=[{"tot_evlu_amt": total}], **keys)


class TestTheQuestion:
    def test_names_in_either_case_and_whole_numbers_are_taken(self) -> None:
        asker = StubAsker(ok(output={"a": "1"}))
        call(asker, PRICE, fid_cond_mrkt_div_code="J", FID_INPUT_ISCD="005930")
        assert asker.calls[0].endpoint is endpoint(PRICE)

    def test_the_account_is_filled_in_and_what_is_given_wins(self) -> None:
        asker = StubAsker(page("D", []))
        call(asker, BALANCE, ASKED)
        call(asker, BALANCE, ASKED, cano="87654321")
        first, second = (dict(each.params) for each in asker.calls)
        assert (first["CANO"], first["ACNT_PRDT_CD"]) == ("12345678", "01")
        assert (second["cano"], second["ACNT_PRDT_CD"]) == ("87654321", "01")
        assert "CANO" not in second

    def test_all_faults_at_once_and_nothing_is_sent(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(InvalidRequestError) as caught:
                broker.call(BALANCE, AFHR_FLPR="N", INQR_DVSN=2.5, UNPR_DVSN="01")
            assert not kis.requests
        told = str(caught.value)
        for fault in (
            "unknown field AFHR_FLPR (did you mean AFHR_FLPR_YN?)",
            "INQR_DVSN must be text",
            "AFHR_FLPR_YN is missing",
            "PRCS_DVSN is missing",
        ):
            assert fault in told

    def test_an_undocumented_value_is_a_warning_and_with_strict_a_fault(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            asked = {"FID_COND_MRKT_DIV_CODE": "ZZ", "FID_INPUT_ISCD": "005930"}
            with pytest.warns(UndocumentedValueWarning, match="'ZZ'"):
                broker.call(PRICE, asked)
            with pytest.raises(InvalidRequestError, match="'ZZ'"):
                broker.call(PRICE, asked, strict=True)
            with pytest.raises(InvalidRequestError, match="'ZZ'"):
                broker.call(BALANCE, {**ASKED, "INQR_DVSN": "ZZ"}, strict=True, pages=None)
            assert kis.count("inquire-price") == 1

    def test_an_api_that_paper_lacks(self) -> None:
        with FakeKIS() as kis, kis.broker(mode="paper") as broker:
            with pytest.raises(NotOnPaperError, match="paper trading does not offer"):
                broker.call("domestic_stock.inquire_psbl_sell", PDNO="005930")
            assert not kis.requests

    def test_a_name_that_is_none(self) -> None:
        with pytest.raises(InvalidRequestError, match=r"did you mean domestic_stock\.inquire_daily_ccld"):
            call(StubAsker(ok()), "domestic_stock.inquire_daily_cld")

    def test_a_name_that_is_several(self) -> None:
        with pytest.raises(InvalidRequestError, match="ambiguous: say domestic_stock"):
            call(StubAsker(ok()), "inquire_balance")

    @pytest.mark.parametrize("pages", [0, -1, True, 1.5, "all"])
    def test_pages_is_a_count(self, pages: Any) -> None:
        with pytest.raises(InvalidRequestError, match="pages must be"):
            call(StubAsker(ok()), PRICE, pages=pages)

    def test_a_variant_is_needed_where_there_are_several(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(InvalidRequestError, match="variant must be one of 'buy', 'sell'"):
                broker.call("order_cash", ORDER)
            assert not kis.requests

    def test_without_an_account_in_the_settings(self) -> None:
        with FakeKIS() as kis, kis.broker(account_no=None) as broker:
            with pytest.raises(ConfigurationError, match="account"):
                broker.call(BALANCE, ASKED)
            assert broker.call(PRICE, FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930")["rt_cd"] == "0"


class TestPages:
    PAGES = (page("M", ["a", "b"], "1"), page("F", ["c", "d"], "2"), page("D", ["e"], total="2"))

    def test_one_page_by_default_and_it_says_that_more_follow(self) -> None:
        answer = call(StubAsker(*self.PAGES), BALANCE, ASKED)
        assert [row["pdno"] for row in answer.rows("output1")] == ["a", "b"]
        assert answer.has_more
        assert "more pages follow" in repr(answer)

    def test_all_pages(self) -> None:
        asker = StubAsker(*self.PAGES)
        answer = call(asker, BALANCE, ASKED, pages=None)
        assert [row["pdno"] for row in answer.rows("output1")] == list("abcde")
        assert answer["output2"] == [{"tot_evlu_amt": "2"}]
        assert (answer.pages, answer.has_more) == (3, False)
        assert [each.tr_cont for each in asker.calls] == ["", "N", "N"]

    def test_so_many_pages(self) -> None:
        asker = StubAsker(*self.PAGES)
        answer = call(asker, BALANCE, ASKED, pages=2)
        assert [row["pdno"] for row in answer.rows("output1")] == list("abcd")
        assert (answer.pages, answer.has_more, len(asker.calls)) == (2, True, 2)

    def test_keys_given_in_lower_case_do_not_stay_beside_the_next_page_s(self) -> None:
        asker = StubAsker(*self.PAGES)
        call(asker, BALANCE, ASKED, pages=None, ctx_area_nk100="")
        assert "ctx_area_nk100" not in asker.calls[1].params
        assert asker.calls[1].params["CTX_AREA_NK100"] == "1"

    @given(st.lists(st.lists(st.text("0123456789", min_size=6, max_size=6), max_size=5), min_size=1))
    def test_no_row_is_lost_or_doubled(self, pages: list[list[str]]) -> None:
        last = len(pages) - 1
        answers = [page("D" if at == last else "M", rows, str(at + 1)) for at, rows in enumerate(pages)]
        answer = call(StubAsker(*answers), BALANCE, ASKED, pages=None)
        assert [row["pdno"] for row in answer.rows("output1")] == [row for rows in pages for row in rows]


class TestJoining:
    """No row of any page may get lost, however the server writes it."""

    def joined(self, name: str, *bodies: dict[str, object]) -> Answer:
        return Answer(endpoint(name), [Envelope(name, body) for body in bodies])

    @pytest.mark.parametrize(
        ("last", "rows"),
        [
            ({"output1": {"p": "c"}}, ["a", "b", "c"]),
            ({"output1": None}, ["a", "b"]),
            ({"output1": ""}, ["a", "b"]),
            ({}, ["a", "b"]),
            ({"Output1": [{"p": "c"}]}, ["a", "b", "c"]),
        ],
    )
    def test_a_last_page_of_another_form(self, last: dict[str, object], rows: list[str]) -> None:
        answer = self.joined(BALANCE, {"output1": [{"p": "a"}, {"p": "b"}]}, last)
        assert [row["p"] for row in answer.rows("output1")] == rows

    def test_pages_of_one_object_each(self) -> None:
        answer = self.joined("domestic_stock.chk_holiday", {"output": {"d": "1"}}, {"output": {"d": "2"}})
        assert list(answer.rows()) == [{"d": "1"}, {"d": "2"}]

    def test_a_second_list_is_joined_too_unless_it_repeats_the_totals(self) -> None:
        first: dict[str, object] = {"output2": [{"crcy_cd": "USD"}]}
        second: dict[str, object] = {"output2": [{"crcy_cd": "HKD"}]}
        assert len(list(self.joined("overseas_stock.inquire_present_balance", first, second).rows())) == 2
        assert self.joined(BALANCE, first, second)["output2"] == [{"crcy_cd": "HKD"}]

    def test_a_page_whose_list_holds_no_rows_is_an_error(self) -> None:
        with pytest.raises(ServerError, match="output1 holds no rows"):
            self.joined(BALANCE, {"output1": [{"p": "a"}]}, {"output1": "gone"})


class TestWhereItGoesOn:
    def test_with_the_keys_of_a_page_the_next_is_asked_for(self) -> None:
        asker = StubAsker(page("D", ["c"]))
        call(asker, BALANCE, ASKED, CTX_AREA_FK100="fk".ljust(100), ctx_area_nk100="2".ljust(100))
        assert asker.calls[0].tr_cont == "N"
        call(asker, BALANCE, ASKED, CTX_AREA_FK100="fk".ljust(100), CTX_AREA_NK100=" " * 100)
        assert asker.calls[1].tr_cont == ""

    def test_what_goes_on_by_a_key_of_its_own_is_not_said_to_be_whole(self) -> None:
        with pytest.raises(InvalidRequestError, match="goes on by its field KEYB"):
            call(StubAsker(ok()), "overseas_stock.trade_vol", pages=None)
        with pytest.raises(InvalidRequestError, match="it is an order"):
            call(StubAsker(ok()), "order_cash", ORDER, variant="buy", pages=2)

    def test_an_answer_without_pages_is_whole(self) -> None:
        asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
        assert call(StubAsker(ok(output={"a": "1"})), PRICE, asked, pages=None).pages == 1


class TestValues:
    def sent(self, value: object) -> str:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.call(PRICE, FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=value)
            return kis.named("inquire-price")[0].query["FID_INPUT_ISCD"]

    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            (Side.BUY, "BUY"),
            (Kind.A, "7"),
            (Index(), "42"),
            (Decimal("150.250"), "150.250"),
            (Decimal("1E+3"), "1000"),
            (10**30, "1" + "0" * 30),
        ],
    )
    def test_are_sent_as_what_they_mean(self, value: object, sent: str) -> None:
        assert self.sent(value) == sent

    @pytest.mark.parametrize(
        "value",
        [None, True, 1.5, b"005930", ["005930"], Decimal("NaN"), date(2026, 1, 2)],
    )
    def test_others_are_told_once(self, value: object) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(InvalidRequestError) as caught:
                broker.call(PRICE, FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=value)
            assert not kis.requests
        assert str(caught.value).count("FID_INPUT_ISCD") == 1

    def test_neither_names_nor_mappings_of_another_kind(self) -> None:
        nonsense: Any = None
        with pytest.raises(InvalidRequestError, match="named by text, not by NoneType"):
            call(StubAsker(ok()), nonsense)
        with pytest.raises(InvalidRequestError, match="must be a mapping, not list"):
            call(StubAsker(ok()), PRICE, cast(Any, ["x"]))
        answer = call(StubAsker(ok(output={"a": "1"})), PRICE, FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="1")
        assert cast(Any, 5) not in answer

    def test_a_warning_points_to_who_wrote_the_value_and_hides_a_long_one(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.warns(UndocumentedValueWarning) as caught:
                broker.call(PRICE, FID_COND_MRKT_DIV_CODE="87654321", FID_INPUT_ISCD="005930")
        assert caught[0].filename == __file__
        assert "a value of 8 characters" in str(caught[0].message)
        assert "87654321" not in str(caught[0].message)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            PRICE,
            "domestic_stock.INQUIRE_PRICE",
            "domestic-stock.inquire-price",
            "/uapi/domestic-stock/v1/quotations/inquire-price",
            "//uapi/domestic-stock/v1/quotations/inquire-price/",
            "https://openapi.koreainvestment.com:9443/uapi/domestic-stock/v1/quotations/inquire-price?x=1",
        ],
    )
    def test_a_path_is_a_name_and_capitals_do_not_matter(self, name: str) -> None:
        assert endpoint(name) is endpoint(PRICE)

    def test_the_last_parts_are_enough(self) -> None:
        assert endpoint("pension.inquire_balance").name == "domestic_stock.pension.inquire_balance"

    @pytest.mark.parametrize("name", ["TTTC0012U", "vttc0012u", "TTTC0802U"])
    def test_a_tr_id_tells_the_name(self, name: str) -> None:
        with pytest.raises(InvalidRequestError, match=r"is a TR id of domestic_stock\.order_cash"):
            endpoint(name)

    def test_a_korean_name_tells_how_to_find_it(self) -> None:
        with pytest.raises(InvalidRequestError, match="kis-sync apis WORD"):
            endpoint("현재가")


class TestVariants:
    def test_a_wrong_one_is_told_with_all_other_faults(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(InvalidRequestError) as caught:
                broker.call("order_cash", PDN="005930")
            assert not kis.requests
        for fault in ("variant must be one of 'buy', 'sell'", "unknown field PDN", "ORD_QTY is missing"):
            assert fault in str(caught.value)

    def test_where_there_are_none(self) -> None:
        with pytest.raises(InvalidRequestError, match="there are no variants here, so not 'cancel'"):
            endpoint("domestic_stock.order_rvsecncl").tr_id(Mode.LIVE, "cancel")

    def test_one_may_need_what_another_may_leave_blank(self) -> None:
        change = endpoint("order_resv_rvsecncl")
        asked = {"CANO": "1", "ACNT_PRDT_CD": "01", "RSVN_ORD_SEQ": "39447"}
        assert checked(change, asked, variant="cancel", strict=True)["ORD_UNPR"] == ""
        with pytest.raises(
            InvalidRequestError, match="PDNO is missing; ORD_QTY is missing; ORD_UNPR is missing"
        ):
            checked(change, asked, variant="amend")
        sale = {"CANO": "1", "ACNT_PRDT_CD": "01", "OVRS_EXCG_CD": "NASD", "PDNO": "AAPL", "ORD_QTY": 1}
        sale |= {"OVRS_ORD_UNPR": Decimal("150.25"), "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00"}
        with pytest.raises(InvalidRequestError, match=r"SLL_TYPE is missing \(one of '00'\)"):
            checked(endpoint("overseas_stock.order"), sale, variant="us_sell")


class TestTheAnswer:
    def read(self, name: str = BALANCE, **body: object) -> Answer:
        return Answer(endpoint(name), [Envelope(name, ok(**body))])

    def test_is_kis_s_body_in_either_case(self) -> None:
        answer = self.read(Output=[{"a": "1"}])
        assert answer["output"] == answer["Output"] == [{"a": "1"}]
        assert answer["RT_CD"] == "0"
        assert "msg1" in answer
        assert "nothing" not in answer
        assert dict(answer) == ok(Output=[{"a": "1"}])

    def test_rows_of_the_only_list(self) -> None:
        answer = self.read(CHART, output1={"a": "1"}, output2=[{"b": "2"}, {"b": "3"}])
        assert list(answer.rows()) == [{"b": "2"}, {"b": "3"}]

    def test_a_documented_list_that_came_as_one_object_is_a_list_too(self) -> None:
        answer = self.read(CHART, output1={"a": "1"}, output2={"b": "2"})
        assert list(answer.rows()) == [{"b": "2"}]

    def test_an_object_is_one_row_and_nothing_is_none(self) -> None:
        assert list(self.read(PRICE, output={"a": "1"}).rows()) == [{"a": "1"}]
        assert list(self.read(PRICE, output="").rows()) == []

    def test_rows_of_several_lists_must_be_named(self) -> None:
        answer = self.read(output1=[], output2=[])
        with pytest.raises(InvalidRequestError, match="2 outputs with rows; say which: output1, output2"):
            answer.rows()
        with pytest.raises(InvalidRequestError, match="has no output3; it has"):
            answer.rows("output3")

    def test_what_holds_no_rows(self) -> None:
        with pytest.raises(ServerError, match="output1 holds no rows"):
            self.read(output1=["a"]).rows("output1")

    def test_its_repr_holds_no_value(self) -> None:
        shown = repr(self.read(output1=[{"acnt": "87654321"}], output2={"token": SECRET}))
        assert shown == "<Answer domestic_stock.inquire_balance output1: 1 rows, output2>"

    def test_neither_repr_nor_error_tells_a_name_that_is_not_documented(self) -> None:
        made_up: dict[str, Any] = {f"output{SECRET}": [], "87654321": "1"}
        answer = self.read(output1=[], **made_up)
        assert repr(answer) == "<Answer domestic_stock.inquire_balance output1: 0 rows, 1 undocumented>"
        with pytest.raises(
            InvalidRequestError, match="2 outputs with rows; say which: output1, 1 undocumented"
        ):
            answer.rows()
        with pytest.raises(InvalidRequestError, match=r"has no output3; it has .*, output1, 2 undocumented"):
            answer.rows("output3")

    def test_an_empty_body_is_no_answer(self) -> None:
        with pytest.raises(ServerError, match="holds nothing that this API is documented to give"):
            call(StubAsker({}), PRICE, FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930")


class TestOrders:
    def test_a_live_order_needs_the_opt_in(self) -> None:
        with FakeKIS() as kis, kis.broker(mode="live") as broker:
            with pytest.raises(ConfigurationError, match="allow_live_orders"):
                broker.call("order_cash", ORDER, variant="buy")
            assert not kis.accepted

    def test_an_order_is_sent_once(self) -> None:
        with FakeKIS() as kis, kis.broker(mode="paper") as broker:
            answer = broker.call("order_cash", ORDER, variant="BUY")
            assert [row["ODNO"] for row in answer.rows()] == ["0001569157"]
            assert [each.header("tr_id") for each in kis.accepted] == ["VTTC0012U"]

    @pytest.mark.parametrize(
        "happened",
        [close, refusal("EGW00302"), refusal("90020000", status=200), answer({}), answer(b"<html>")],
        ids=["hung up", "timed out", "delayed", "says nothing", "not KIS"],
    )
    def test_what_nobody_knows_is_uncertain_and_not_sent_again(self, happened: Action) -> None:
        with FakeKIS() as kis, kis.broker(mode="paper") as broker:
            kis.next("order-cash", happened)
            with pytest.raises(OrderUncertainError) as caught:
                broker.call("order_cash", ORDER, variant="buy")
            assert kis.count("order-cash") == 1
        assert caught.value.order_request is not None
        assert "'PDNO': '005930'" in caught.value.order_request
        assert "87654321" not in f"{caught.value} {caught.value.order_request}"

    @pytest.mark.filterwarnings("ignore::kis_sync.catalog.check.UndocumentedValueWarning")
    def test_every_endpoint_of_effect_order_is_closed_without_the_opt_in(self) -> None:
        orders = [each for each in endpoints().values() if each.effect is Effect.ORDER]
        assert len(orders) >= 18
        with FakeKIS() as kis, kis.broker(mode="live") as broker:
            for each in orders:
                fields = {one.name: "1" for one in each.params if one.name not in each.cursor}
                for variant in each.tr_ids:
                    with pytest.raises(ConfigurationError, match="allow_live_orders"):
                        broker.call(each.name, fields, variant=variant)
            assert not kis.requests


class TestWithoutAnAccessToken:
    def test_an_approval_key(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("Approval", answer({"approval_key": "a2585daf"}))
            assert broker.call("oauth2.Approval")["approval_key"] == "a2585daf"
            sent = kis.requests[0]
            assert sent.json() == {
                "grant_type": "client_credentials",
                "appkey": broker.settings.app_key,
                "secretkey": SECRET,
            }
            assert sent.header("authorization") is None
            assert len(kis.requests) == 1

    def test_a_hash_key_of_any_fields(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            answer = broker.call("hashkey", CANO="1", anything="x")
            assert answer["HASH"] == "a1" * 32
            assert kis.requests[0].json() == {"CANO": "1", "anything": "x"}
            assert kis.requests[0].header("appsecret") == SECRET
