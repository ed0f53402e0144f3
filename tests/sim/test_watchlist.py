from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from tests.sim.visitor import Visitor

NAME = "domestic_stock.intstock_multprice"
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=KST)


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment)))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NOW)


def slots(codes: list[str], division: str = "J") -> dict[str, str]:
    fields: dict[str, str] = {}
    for n, code in enumerate(codes, 1):
        fields |= {f"FID_COND_MRKT_DIV_CODE_{n}": division if code else "", f"FID_INPUT_ISCD_{n}": code}
    return fields


def rows(visitor: Visitor, codes: list[str]) -> list[dict[str, str]]:
    body: dict[str, Any] = visitor.ask(NAME, **slots(codes)).json()
    assert (body["rt_cd"], body["msg_cd"]) == ("0", "MCA00000")
    found: list[dict[str, str]] = body["output"]
    return found


def test_thirty_listings_in_the_order_asked_for(visitor: Visitor) -> None:
    codes = visitor.sim.market.codes()[29::-1]
    found = rows(visitor, codes)
    assert [row["inter_shrn_iscd"] for row in found] == codes
    for row in found:
        assert list(row) == response_fields(NAME)["output"]
        assert all(isinstance(value, str) for value in row.values())
        assert re.fullmatch(r"-?\d+\.\d\d", row["prdy_ctrt"])


def test_a_row_says_what_the_single_quote_says(visitor: Visitor) -> None:
    (row,) = rows(visitor, ["005930"])
    price = visitor.price("005930").json()["output"]
    same = {
        "inter2_prpr": "stck_prpr", "inter2_prdy_vrss": "prdy_vrss", "prdy_vrss_sign": "prdy_vrss_sign",
        "prdy_ctrt": "prdy_ctrt", "acml_vol": "acml_vol", "acml_tr_pbmn": "acml_tr_pbmn",
        "inter2_oprc": "stck_oprc", "inter2_hgpr": "stck_hgpr", "inter2_lwpr": "stck_lwpr",
        "inter2_mxpr": "stck_mxpr", "inter2_llam": "stck_llam", "inter2_sdpr": "stck_sdpr",
    }  # fmt: skip
    assert {name: row[name] for name in same} == {name: price[other] for name, other in same.items()}
    assert int(row["inter2_bidp"]) < int(row["inter2_askp"])
    assert (row["intr_antc_vol"], row["intr_antc_cntg_vrss"], row["hour_cls_code"]) == ("0", "0", "0")


def test_blank_slots_are_skipped_and_unknown_codes_get_zeros(visitor: Visitor) -> None:
    found = rows(visitor, ["005930", "", "999999", "000660"])
    assert [row["inter_shrn_iscd"] for row in found] == ["005930", "999999", "000660"]
    assert found[1]["inter2_prpr"] == "0"


def test_the_opening_auction_shows_what_it_expects() -> None:
    moment = NOW.replace(hour=8, minute=58)
    visitor = at(moment)
    (row,) = rows(visitor, ["005930"])
    book, quote = (getattr(visitor.sim.market, what)("005930", moment) for what in ("book", "quote"))
    assert (row["hour_cls_code"], row["intr_antc_vol"]) == ("B", str(book.expected_volume))
    assert row["intr_antc_cntg_vrss"] == str(book.expected_price - quote.base)
    assert book.expected_volume > 0


def test_a_halted_listing_has_no_levels(visitor: Visitor) -> None:
    halted = next(c for c in visitor.sim.market.codes() if visitor.sim.market.quote(c, NOW).halted)
    (row,) = rows(visitor, [halted])
    assert (row["inter2_askp"], row["seln_rsqn"], row["oprc_vrss_hgpr_rate"]) == ("0", "0", "0.00")


def test_a_division_that_is_none_is_refused(visitor: Visitor) -> None:
    assert visitor.ask(NAME, **slots(["005930"], "Q")).json()["msg_cd"] == "OPSQ2001"
    assert visitor.ask(NAME, **slots(["005930", "000660"], "")).json()["msg_cd"] == "OPSQ2001"


def test_paper_does_not_offer_it() -> None:
    assert at(NOW, "paper").ask(NAME, **slots(["005930"])).json()["msg_cd"] == "EGW02006"
