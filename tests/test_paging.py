"""Reading pages: to the end or to an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync import paging
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError, StaleCursorError
from tests.fake_kis import FakeKIS, ok, refusal

FIRST = Call(
    endpoint("domestic_stock.inquire_balance"), {"CANO": "1", "CTX_AREA_FK100": "", "CTX_AREA_NK100": ""}
)
GONE = StaleCursorError("조회이후에 자료가 변경되었습니다.(다시 조회하세요)", code="SYDB0050")

Page = Callable[[Call], Envelope]


def page(tr_cont: str, nk: object = "", fk: object = "fk".ljust(100), **more: object) -> Envelope:
    return Envelope("balance", {"ctx_area_fk100": fk, "ctx_area_nk100": nk, **more}, tr_cont)


class Server:
    """Gives one page after the other, and keeps what was asked."""

    def __init__(self, *pages: Envelope | ServerError) -> None:
        self.pages = list(pages)
        self.asked: list[Call] = []

    def ask(self, call: Call) -> Envelope:
        self.asked.append(call)
        answer = self.pages.pop(0)
        if isinstance(answer, ServerError):
            raise answer
        return answer


class TestContinuing:
    @pytest.mark.parametrize("last", ["D", "E", "", "N"])
    def test_f_and_m_go_on_and_all_else_ends(self, last: str) -> None:
        pages = [page("M", "1"), page("F", "2"), page("M", "3"), page(last, "4")]
        server = Server(*pages)
        assert paging.read_pages(server.ask, FIRST) == pages
        assert [call.tr_cont for call in server.asked] == ["", "N", "N", "N"]

    def test_the_keys_travel_back_unchanged_with_all_other_fields(self) -> None:
        nk, fk = " 17^A ".ljust(100), "81055689^01^N^".ljust(100)
        server = Server(page("M", nk, fk), page("D"))
        paging.read_pages(server.ask, FIRST)
        assert server.asked[1].params == {"CANO": "1", "CTX_AREA_FK100": fk, "CTX_AREA_NK100": nk}
        assert server.asked[0].params == FIRST.params
        assert server.asked[1].endpoint is FIRST.endpoint

    def test_the_keys_are_found_in_capitals_too(self) -> None:
        capitals = Envelope("x", {"CTX_AREA_FK100": "f", "CTX_AREA_NK100": "n"}, "M")
        server = Server(capitals, page("D"))
        paging.read_pages(server.ask, FIRST)
        assert server.asked[1].params["CTX_AREA_NK100"] == "n"

    @given(st.lists(st.text(min_size=1).filter(str.strip), unique=True, max_size=20))
    def test_any_number_of_pages_comes_in_order(self, keys: list[str]) -> None:
        pages = [page("M", key) for key in keys] + [page("D")]
        assert paging.read_pages(Server(*pages).ask, FIRST) == pages

    def test_keys_that_cannot_be_sent_are_the_server_s_fault(self) -> None:
        def ask(call: Call) -> Envelope:
            if call is not FIRST:
                raise InvalidRequestError("CTX_AREA_NK100 holds a letter that cannot be sent")
            return page("M", "half a pair: \ud800")

        with pytest.raises(ServerError, match="paging keys cannot be sent back"):
            paging.read_pages(ask, FIRST)

    def test_a_first_page_that_cannot_be_asked_for_is_not(self) -> None:
        def ask(call: Call) -> Envelope:
            raise InvalidRequestError("no")

        with pytest.raises(InvalidRequestError):
            paging.read_pages(ask, FIRST)


class TestOtherKeys:
    @pytest.mark.parametrize(
        ("name", "keys"),
        [
            ("domestic_stock.chk_holiday", {"CTX_AREA_FK": "f", "CTX_AREA_NK": "n"}),
            ("domestic_stock.lendable_by_company", {"CTX_AREA_FK200": "f", "CTX_AREA_NK100": "n"}),
            ("domestic_bond.avg_unit", {"CTX_AREA_FK100": "f", "CTX_AREA_NK30": "n"}),
            ("domestic_futureoption.margin_rate", {"CTX_AREA_NK200": "n"}),
        ],
    )
    def test_keys_of_any_length_lead_on(self, name: str, keys: dict[str, str]) -> None:
        more = Envelope("x", {key.lower(): value for key, value in keys.items()}, "M")
        server = Server(more, page("D"))
        assert len(paging.read_pages(server.ask, Call(endpoint(name), {"OTHER": "1"}))) == 2
        assert server.asked[1].params == {"OTHER": "1", **keys}
        assert server.asked[1].tr_cont == "N"

    def test_an_answer_without_keys_is_continued_by_the_header_alone(self) -> None:
        call = Call(endpoint("overseas_stock.foreign_margin"), {"CANO": "1"})
        rows = [Envelope("x", {"output": [n]}, cont) for n, cont in ((1, "M"), (2, "M"), (3, "D"))]
        server = Server(*rows)
        assert paging.read_pages(server.ask, call) == rows
        assert [(each.tr_cont, each.params) for each in server.asked[1:]] == [("N", {"CANO": "1"})] * 2

    def test_but_not_by_the_same_rows_again(self) -> None:
        call = Call(endpoint("overseas_stock.foreign_margin"), {"CANO": "1"})
        same = [Envelope("x", {"output": [1]}, "M")] * 5
        with pytest.raises(ServerError, match="page 2 does not lead to them"):
            paging.read_pages(Server(*same).ask, call)


class TestLeadingNowhere:
    def test_the_same_keys_again(self) -> None:
        server = Server(page("M", "1"), page("M", "2"), page("M", "1"), page("D"))
        with pytest.raises(ServerError, match="page 3 does not lead to them"):
            paging.read_pages(server.ask, FIRST)
        assert len(server.asked) == 3

    @pytest.mark.parametrize("nk", ["", " " * 100])
    def test_more_pages_but_no_key(self, nk: str) -> None:
        server = Server(page("M", nk), page("D"))
        with pytest.raises(ServerError, match="page 1 does not lead to them"):
            paging.read_pages(server.ask, FIRST)
        assert len(server.asked) == 1

    def test_no_keys_at_all(self) -> None:
        with pytest.raises(ServerError, match="does not lead to them"):
            paging.read_pages(Server(Envelope("x", {}, "M")).ask, FIRST)

    @pytest.mark.parametrize("nk", [5, None, ["1"]])
    def test_keys_that_are_no_text(self, nk: object) -> None:
        with pytest.raises(ServerError, match="paging keys are not text"):
            paging.read_pages(Server(page("M", nk)).ask, FIRST)

    def test_pages_without_end(self) -> None:
        numbers = iter(range(10**6))
        with pytest.raises(ServerError, match="page 1000 does not lead"):
            paging.read_pages(lambda call: page("M", f"{next(numbers)}"), FIRST)

    def test_an_endpoint_without_paging(self) -> None:
        plain = Call(endpoint("domestic_stock.inquire_price"), {})
        with pytest.raises(ServerError):
            paging.read_pages(Server(page("M", "1"), page("D")).ask, plain)


class TestStale:
    def test_reading_begins_again_at_the_first_page(self) -> None:
        again = [page("M", "1"), page("D")]
        server = Server(page("M", "1"), GONE, *again)
        assert paging.read_pages(server.ask, FIRST) == again  # nothing of the first reading is left in it
        assert [call.tr_cont for call in server.asked] == ["", "N", "", "N"]

    def test_but_not_for_ever(self) -> None:
        server = Server(*[each for _ in range(10) for each in (page("M", "1"), GONE)])
        with pytest.raises(StaleCursorError):
            paging.read_pages(server.ask, FIRST)
        assert [call.tr_cont for call in server.asked] == ["", "N"] * 3

    def test_another_error_is_raised_at_once(self) -> None:
        server = Server(page("M", "1"), ServerError("no"), page("D"))
        with pytest.raises(ServerError, match="no"):
            paging.read_pages(server.ask, FIRST)
        assert len(server.asked) == 2


def rows(*codes: str) -> list[dict[str, str]]:
    return [{"pdno": code, "hldg_qty": "1"} for code in codes]


def test_over_the_wire() -> None:
    nk = "A005930 ".ljust(100)
    totals = [{"dnca_tot_amt": "5"}]
    with FakeKIS() as kis, kis.broker() as broker:
        lost = refusal("SYDB0050", status=200, rt_cd="7")
        first = ok(
            "M", output1=rows("000001", "000002"), output2=totals, ctx_area_fk100="f", ctx_area_nk100=nk
        )
        last = ok("D", output1=rows("000003"), output2=totals, ctx_area_fk100="f", ctx_area_nk100=" " * 100)
        kis.next("inquire-balance", first, lost, first, last)
        balance = broker.get_balance()
        assert [position.code for position in balance.positions] == ["000001", "000002", "000003"]
        assert [request.header("tr_cont") for request in kis.named("inquire-balance")] == ["", "N", "", "N"]
        assert kis.named("inquire-balance")[3].query["CTX_AREA_NK100"] == nk


def test_a_half_read_list_is_an_error_over_the_wire() -> None:
    lost = refusal("SYDB0050", status=200, rt_cd="7")
    with FakeKIS() as kis, kis.broker() as broker:
        first = ok("M", output1=rows("000001"), output2=[{}], ctx_area_fk100="f", ctx_area_nk100="n")
        kis.next("inquire-balance", *[first, lost] * 3)
        with pytest.raises(StaleCursorError):
            broker.get_balance()
        assert kis.count("inquire-balance") == 6
