from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from kis_sync.api.domestic_stock.rights import get_rights
from kis_sync.broker import KISBroker
from kis_sync.errors import InvalidRequestError, NotOnPaperError, ServerError
from tests.api.simulated_account import example, needs_examples, simulated_account
from tests.asking import StubAsker, ok

START, END = date(2026, 1, 2), date(2026, 11, 24)
ROW = {
    "rght_type_cd": "03",
    "bass_dt": "20251231",
    "shtn_pdno": "005930",
    "prdt_name": "삼성전자",
    "cblc_qty": "10",
    "last_alct_amt": "3610",
    "tax_amt": "550",
    "cash_dfrm_dt": "20260417",
    "lstg_dt": "",
}


def test_what_is_sent() -> None:
    asker = StubAsker(ok(output=[]))
    assert get_rights(asker, START, END) == ()
    assert {name: value for name, value in asker.calls[0].params.items() if value} == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "INQR_DVSN": "03",
        "INQR_STRT_DT": "20260102",
        "INQR_END_DT": "20261124",
    }


def test_without_days_today_is_asked_for() -> None:
    asker = StubAsker(ok(output=[]))
    get_rights(asker)
    assert asker.calls[0].params["INQR_STRT_DT"] == asker.calls[0].params["INQR_END_DT"] == "20261124"


def test_bad_days_are_told_before_any_call() -> None:
    asker = StubAsker(ok(output=[]))
    with pytest.raises(InvalidRequestError, match="lies after end"):
        get_rights(asker, END, START)
    assert asker.calls == []


def test_a_dividend() -> None:
    (right,) = get_rights(StubAsker(ok(output=[ROW])), START, END)
    assert (right.kind_code, right.kind, right.code, right.name) == ("03", "배당", "005930", "삼성전자")
    assert (right.record_day, right.paid_on) == (date(2025, 12, 31), date(2026, 4, 17))
    assert (right.held, right.allotted_amount, right.tax) == (10, 3610, 550)
    assert (right.listed_on, right.subscription_price, right.requested) == (None, None, None)
    assert right.raw == ROW
    assert "rght_type_cd" not in repr(right)


@pytest.mark.parametrize(
    ("code", "kind"), [("1", "유상"), ("6", "주주총회"), ("99", "기타권리사유"), ("84", "DR FEE"), ("98", "")]
)
def test_the_kinds(code: str, kind: str) -> None:
    (right,) = get_rights(StubAsker(ok(output=[ROW | {"rght_type_cd": code}])), START, END)
    assert (right.kind_code, right.kind) == (code.zfill(2), kind)


def test_every_page_under_either_name_of_the_output() -> None:
    first = {**ok(output=[ROW]), "tr_cont": "M", "ctx_area_fk100": "f", "ctx_area_nk100": "2"}
    asker = StubAsker(first, ok(output1=[ROW | {"shtn_pdno": "000660"}]))
    assert [each.code for each in get_rights(asker, START, END)] == ["005930", "000660"]
    assert [call.tr_cont for call in asker.calls] == ["", "N"]


def test_an_answer_without_a_list_is_an_error() -> None:
    with pytest.raises(ServerError, match="output1 is not a list"):
        get_rights(StubAsker(ok()), START, END)


def test_on_the_simulator(kis_broker: KISBroker) -> None:
    assert get_rights(kis_broker, START) == ()


def test_paper_has_none() -> None:
    with simulated_account("paper") as paper:
        with pytest.raises(NotOnPaperError):
            get_rights(paper.broker, START)
        assert len(paper.sim.log) == 0


@needs_examples
def test_the_documented_example() -> None:
    answer = dict(example("period-rights", "CTRGA011R").body)
    (right,) = get_rights(StubAsker(answer), START, END)
    assert (right.kind, right.code, right.name) == ("유상", "357880", "비트나인")
    assert (right.held, right.allotted, right.requested) == (1000, 1050, 1000)
    assert (right.requested_amount, right.subscription_price) == (1_865_000, Decimal("1865.0000"))
    assert right.record_day == date(2024, 9, 19)
    assert right.subscription_end == right.requested_on == date(2024, 10, 11)
    assert (right.paid_on, right.listed_on, right.refunded_on) == (None, None, None)
