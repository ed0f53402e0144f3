from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import requests

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.market.hours import is_trading_day
from kis_sync.sim import Simulator
from tests.sim.visitor import Visitor

NAME = "domestic_stock.chk_holiday"


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    now = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
    return Visitor(Simulator(limit=100_000, clock=ManualClock(now)))


def ask(visitor: Visitor, day: str, nk: str = "", fk: str = "", tr_cont: str = "") -> requests.Response:
    fields = {"BASS_DT": day, "CTX_AREA_NK": nk, "CTX_AREA_FK": fk}
    return visitor.ask(NAME, **fields, headers={"tr_cont": tr_cont})


def days(response: requests.Response) -> dict[str, dict[str, str]]:
    return {row["bass_dt"]: row for row in response.json()["output"]}


def test_a_page_is_24_days_from_the_one_asked_for(visitor: Visitor) -> None:
    response = ask(visitor, "20260731")
    body = response.json()
    assert list(body) == ["ctx_area_nk", "ctx_area_fk", "output", "rt_cd", "msg_cd", "msg1"]
    assert (body["ctx_area_nk"], body["ctx_area_fk"]) == ("20260823".ljust(20), "20260731".ljust(20))
    assert (body["msg_cd"], response.headers["tr_cont"]) == ("KIOK0500", "M")
    assert len(days(response)) == 24
    for row in body["output"]:
        assert list(row) == response_fields(NAME)["output"]


def test_which_days_are_open(visitor: Visitor) -> None:
    seen = days(ask(visitor, "20261220"))
    assert [seen[day]["opnd_yn"] for day in ("20261224", "20261225", "20261226", "20261228")] == [
        "Y", "N", "N", "Y"
    ]  # fmt: skip
    # a Saturday: no bank, no market, but securities business (as seen); the year's last day: no market only
    assert list(seen["20261226"].values())[1:] == ["07", "N", "Y", "N", "N"]
    assert list(seen["20261227"].values())[1:] == ["01", "N", "N", "N", "N"]
    assert list(seen["20261231"].values())[1:] == ["05", "Y", "Y", "N", "N"]


def test_the_pages_cover_the_year_once_and_end(visitor: Visitor) -> None:
    known: list[dict[str, str]] = []
    response = ask(visitor, "20260101")
    known += response.json()["output"]
    while response.headers["tr_cont"] == "M":
        body = response.json()
        response = ask(visitor, "20260101", body["ctx_area_nk"], body["ctx_area_fk"], "N")
        known += response.json()["output"]
    assert response.headers["tr_cont"] == "D"
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [row["bass_dt"] for row in known] == [f"{day:%Y%m%d}" for day in year]
    assert [row["opnd_yn"] == "Y" for row in known] == [is_trading_day(day) for day in year]


def test_forgetting_the_n_gives_the_first_page_again(visitor: Visitor) -> None:
    first = ask(visitor, "20261124").json()
    again = ask(visitor, "20261124", first["ctx_area_nk"], first["ctx_area_fk"]).json()
    assert again["output"] == first["output"]


@pytest.mark.parametrize(
    ("nk", "fk"),
    [
        ("", ""),
        ("20261217", "20261123"),
        ("20261231", "20261124"),
        ("99991231", "20261124"),
        ("20261123", "20261124"),
    ],
)
def test_keys_that_do_not_fit_are_stale(visitor: Visitor, nk: str, fk: str) -> None:
    assert ask(visitor, "20261124", nk, fk, "N").json()["msg_cd"] == "SYDB0050"


@pytest.mark.parametrize("day", ["", "2026112", "20261301", "today"])
def test_no_date_is_an_input_error(visitor: Visitor, day: str) -> None:
    assert ask(visitor, day).json()["msg_cd"] == "OPSQ2001"


@pytest.mark.parametrize("day", ["00000101", "99991220"])
def test_the_ends_of_time(visitor: Visitor, day: str) -> None:
    assert ask(visitor, day).json()["rt_cd"] == "0"
