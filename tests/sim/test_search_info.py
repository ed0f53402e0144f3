from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.market.hours import previous_trading_day
from kis_sync.sim import Simulator
from tests.sim.visitor import Visitor

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
AFTER_CLOSE = NOW.replace(hour=16)


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment)))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NOW)


def ask(visitor: Visitor, what: str, code: str, kind: str = "300") -> requests.Response:
    return visitor.ask(f"domestic_stock.search_{what}", PDNO=code, PRDT_TYPE_CD=kind)


def found(visitor: Visitor, what: str, code: str) -> dict[str, str]:
    response = ask(visitor, what, code)
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["rt_cd"], body["msg_cd"]) == (200, "0", "KIOK0530")
    assert len(body["msg1"]) == 80
    output: dict[str, str] = body["output"]
    return output


@pytest.mark.parametrize("what", ["info", "stock_info"])
@pytest.mark.parametrize("code", ["005930", "069500", "0080G0"])
def test_every_documented_field_is_there_in_order_and_a_string(
    visitor: Visitor, what: str, code: str
) -> None:
    output = found(visitor, what, code)
    assert list(output) == response_fields(f"domestic_stock.search_{what}")["output"]
    assert all(isinstance(value, str) for value in output.values())
    assert output["pdno"] == f"00000A{code}"
    assert output["prdt_type_cd"] == "300"


def test_the_short_code_is_the_one_asked_for(visitor: Visitor) -> None:
    output = found(visitor, "info", "005930")
    assert output["shtn_pdno"] == "005930"
    assert output["std_pdno"] == "KR7005930003"
    assert output["prdt_abrv_name"] == "삼성전자"


def test_funds_are_told_from_shares(visitor: Visitor) -> None:
    assert found(visitor, "info", "005930")["prdt_clsf_name"] == "주권"
    assert found(visitor, "info", "069500")["prdt_clsf_name"] == "ETF"
    assert found(visitor, "stock_info", "005930")["scty_grp_id_cd"] == "ST"
    assert found(visitor, "stock_info", "069500")["scty_grp_id_cd"] == "EF"


def test_every_listing_is_found_with_its_own_market(visitor: Visitor) -> None:
    market = visitor.sim.market
    for code in market.codes():
        listing = market.listing(code)
        assert listing is not None
        output = found(visitor, "stock_info", code)
        expected = {"KOSPI": ("STK", "02"), "KOSDAQ": ("KSQ", "03")}[listing.market]
        assert (output["mket_id_cd"], output["excg_dvsn_cd"]) == expected
        dates = (output["scts_mket_lstg_dt"], output["kosdaq_mket_lstg_dt"])
        assert sorted(dates) == ["", f"{market.listed_on(code, NOW):%Y%m%d}"]
        assert output["tr_stop_yn"] == ("Y" if listing.halted else "N")


def test_preferred_shares_are_of_their_own_kind(visitor: Visitor) -> None:
    assert found(visitor, "stock_info", "005930")["stck_kind_cd"] == "101"
    assert found(visitor, "stock_info", "005935")["stck_kind_cd"] == "201"
    assert found(visitor, "stock_info", "069500")["stck_kind_cd"] == "000"


def test_today_s_close_is_known_after_the_close_only() -> None:
    day = NOW.date()
    before, after = at(NOW), at(AFTER_CLOSE)
    quote = after.sim.market.quote("005930", AFTER_CLOSE)
    during, closed = found(before, "stock_info", "005930"), found(after, "stock_info", "005930")
    assert during["bfdy_clpr"] == closed["bfdy_clpr"] == during["thdt_clpr"] == str(quote.base)
    assert during["clpr_chng_dt"] == f"{previous_trading_day(day):%Y%m%d}"
    assert closed["thdt_clpr"] == str(quote.price)
    assert closed["clpr_chng_dt"] == f"{day:%Y%m%d}"


@pytest.mark.parametrize("what", ["info", "stock_info"])
@pytest.mark.parametrize(("code", "kind"), [("999999", "300"), ("", "300"), ("005930", "512")])
def test_what_is_not_listed_is_refused_with_7(visitor: Visitor, what: str, code: str, kind: str) -> None:
    response = ask(visitor, what, code, kind)
    assert (response.status_code, response.json()["rt_cd"]) == (200, "7")
    assert "output" not in response.json()


@pytest.mark.parametrize("what", ["info", "stock_info"])
def test_paper_does_not_offer_it(what: str) -> None:
    assert ask(at(NOW, "paper"), what, "005930").json()["msg_cd"] == "EGW02006"
