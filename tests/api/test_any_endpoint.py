"""Calling by name: what is checked before anything is sent, and what comes back."""

from __future__ import annotations

from typing import Any

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
from kis_sync.catalog import Effect, endpoint, endpoints
from kis_sync.catalog.check import UndocumentedValueWarning
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
                broker.call(PRICE, asked, strict=True, pages=None)
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
                fields = {one.name: "1" for one in each.params if not one.blank}
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
