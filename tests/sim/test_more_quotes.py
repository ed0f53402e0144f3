"""The younger quotations of the Korean market: each by its documents, all in agreement with each other."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.prices.market import Market
from tests.sim.visitor import Visitor

SAMSUNG = "005930"
FUND = "069500"
NOW = datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)
MARKET = Market(1)  # kept, so that the days of the market are drawn once
J = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": SAMSUNG}
CALLS: dict[str, dict[str, str]] = {
    "domestic_stock.inquire_price_2": J,
    "domestic_stock.inquire_time_itemconclusion": J | {"FID_INPUT_HOUR_1": "101500"},
    "domestic_stock.inquire_time_dailychartprice": J
    | {
        "FID_INPUT_HOUR_1": "101500",
        "FID_INPUT_DATE_1": "20261120",
        "FID_PW_DATA_INCU_YN": "Y",
        "FID_FAKE_TICK_INCU_YN": "",
    },
    "domestic_stock.inquire_member": J,
    "domestic_stock.inquire_investor": J,
    "etfetn.inquire_price": J | {"FID_INPUT_ISCD": FUND},
}
HEADS = {"domestic_stock.inquire_time_itemconclusion", "domestic_stock.inquire_time_dailychartprice"}
LISTS = {"domestic_stock.inquire_investor"}
BESIDE_THE_DOCUMENTED = {("domestic_stock.inquire_time_itemconclusion", "output2"): ["stck_prpr"]}
PAPER = {
    "domestic_stock.inquire_time_itemconclusion",
    "domestic_stock.inquire_member",
    "domestic_stock.inquire_investor",
}


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment), market=MARKET))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NOW)


@pytest.fixture(scope="module")
def evening() -> Visitor:
    return at(NOW.replace(hour=17))


def ask(visitor: Visitor, name: str, **more: str) -> dict[str, Any]:
    response = visitor.ask(name, **CALLS[name] | more)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def rows(visitor: Visitor, name: str, output: str = "output2", **more: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = ask(visitor, name, **more)[output]
    return found


def price(visitor: Visitor, code: str = SAMSUNG) -> dict[str, str]:
    found: dict[str, str] = visitor.price(code).json()["output"]
    return found


@pytest.mark.parametrize("name", CALLS)
def test_every_documented_field_is_there_in_order_and_a_string(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name)
    assert (body["rt_cd"], body["msg_cd"]) == ("0", "MCA00000")
    for output, fields in response_fields(name).items():
        found = body[output]
        assert isinstance(found, list) is (name in LISTS or (name in HEADS and output == "output2"))
        for row in found if isinstance(found, list) else [found]:
            assert list(row) == fields + BESIDE_THE_DOCUMENTED.get((name, output), [])
            assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_code_gets_zeros_or_nothing(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name, FID_INPUT_ISCD="QQQ")
    assert body["rt_cd"] == "0"
    for output in response_fields(name):
        for row in body[output] if isinstance(body[output], list) else [body[output]]:
            assert set(row.values()) <= {"0", ""}


@pytest.mark.parametrize("name", CALLS)
def test_the_divisions_of_nxt_exist_on_live_only(visitor: Visitor, name: str) -> None:
    assert ask(visitor, name, FID_COND_MRKT_DIV_CODE="UN")["rt_cd"] == "0"
    assert ask(visitor, name, FID_COND_MRKT_DIV_CODE="X")["msg_cd"] == "OPSQ2001"
    paper = at(NOW, "paper")
    response = paper.ask(name, **CALLS[name])
    if name in PAPER:
        assert response.json()["rt_cd"] == "0"
        assert ask(paper, name, FID_COND_MRKT_DIV_CODE="UN")["msg_cd"] == "OPSQ2001"
    else:
        assert (response.status_code, response.json()["msg_cd"]) == (500, "EGW02006")


# -- the present ---------------------------------------------------------------------------------------


def test_both_present_states_agree(visitor: Visitor) -> None:
    first, second = price(visitor), ask(visitor, "domestic_stock.inquire_price_2")["output"]
    shared = first.keys() & second.keys()
    assert len(shared) > 20
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}


def test_the_second_present_state_reckons_from_open_high_and_low(visitor: Visitor) -> None:
    state = ask(visitor, "domestic_stock.inquire_price_2")["output"]
    last, base = int(state["stck_prpr"]), int(state["stck_prdy_clpr"])
    for level in ("oprc", "hgpr", "lwpr"):
        here = int(state[f"stck_{level}"])
        assert int(state[f"{level}_vrss_prpr"]) == last - here
        assert state[f"{level}_vrss_prpr_sign"] == ("3" if last == here else "2" if last > here else "5")
        assert state[f"prdy_clpr_vrss_{level}_rate"] == f"{(here - base) * 100 / base:.2f}".replace(
            "-0.00", "0.00"
        )
    assert int(state["stck_lwpr"]) <= min(last, int(state["stck_oprc"])) <= last <= int(state["stck_hgpr"])
    assert state["prdy_vol"] == str(MARKET.quote(SAMSUNG, NOW).previous_volume)


def test_a_fund_s_price_and_value(visitor: Visitor) -> None:
    fund, quoted = ask(visitor, "etfetn.inquire_price")["output"], price(visitor, FUND)
    for name in (
        "stck_prpr",
        "prdy_ctrt",
        "acml_vol",
        "stck_oprc",
        "stck_hgpr",
        "stck_mxpr",
        "stck_dryy_hgpr",
    ):
        assert fund[name] == quoted[name], name
    last, nav, before = float(fund["stck_prpr"]), float(fund["nav"]), float(fund["prdy_last_nav"])
    assert abs(float(fund["dprt"]) - (last - nav) * 100 / nav) < 0.006
    assert abs(float(fund["nav_prdy_vrss"]) - (nav - before)) < 0.006
    assert abs(float(fund["nav_prdy_ctrt"]) - (nav - before) * 100 / before) < 0.006
    assert abs(int(fund["etf_ntas_ttam"]) - before * int(fund["etf_crcl_stcn"]) / 1e8) <= 1
    assert int(fund["frgn_oder_able_qty"]) + int(fund["frgn_hldn_qty"]) == int(fund["lstn_stcn"])


def test_a_stock_is_no_fund(visitor: Visitor) -> None:
    assert ask(visitor, "etfetn.inquire_price", FID_INPUT_ISCD=SAMSUNG)["output"]["stck_prpr"] == "0"


def test_capital_and_market_value_are_rounded_as_in_the_documented_ranking(visitor: Visitor) -> None:
    state, listing = price(visitor), MARKET.listing(SAMSUNG)
    assert listing is not None
    assert int(state["hts_avls"]) == round(int(state["stck_prpr"]) * listing.listed_shares / 1e8)
    assert int(state["cpfn"]) == round(listing.par * listing.listed_shares / 1e8)


# -- trades --------------------------------------------------------------------------------------------


def test_thirty_trades_at_and_before_the_hour(visitor: Visitor) -> None:
    found = rows(visitor, "domestic_stock.inquire_time_itemconclusion", FID_INPUT_HOUR_1="101500")
    hours = [row["stck_cntg_hour"] for row in found]
    assert len(found) == 30
    assert hours == sorted(hours, reverse=True)
    assert hours[0] <= "101500"
    totals = [int(row["acml_vol"]) for row in found]
    for row, before in zip(found, totals[1:], strict=False):
        assert int(row["acml_vol"]) - int(row["cnqn"]) == before
    for row in found:
        assert int(row["bidp"]) < int(row["askp"])
        assert int(row["stck_pbpr"]) in (int(row["bidp"]), int(row["askp"]))


def test_trades_of_an_hour_include_its_last_second(visitor: Visitor) -> None:
    last = rows(visitor, "domestic_stock.inquire_time_itemconclusion", FID_INPUT_HOUR_1="101500")[0]
    again = rows(
        visitor, "domestic_stock.inquire_time_itemconclusion", FID_INPUT_HOUR_1=last["stck_cntg_hour"]
    )[0]
    assert again == last


def test_a_future_hour_shows_the_newest_trades(visitor: Visitor) -> None:
    body = ask(visitor, "domestic_stock.inquire_time_itemconclusion", FID_INPUT_HOUR_1="153000")
    newest = visitor.ask("domestic_stock.inquire_ccnl", **J).json()["output"][0]
    row = body["output2"][0]
    assert (row["stck_cntg_hour"], row["stck_pbpr"]) == (newest["stck_cntg_hour"], newest["stck_prpr"])
    assert row["acml_vol"] == body["output1"]["acml_vol"] == price(visitor)["acml_vol"]
    assert row["tday_rltv"] == newest["tday_rltv"]


@pytest.mark.parametrize("moment", [NOW, NOW.replace(hour=17), NOW.replace(hour=7), NOW.replace(day=22)])
@pytest.mark.parametrize("hour", ["", "000000"])
def test_no_hour_asks_for_the_newest_trades(moment: datetime, hour: str) -> None:
    visitor = at(moment)
    name = "domestic_stock.inquire_time_itemconclusion"
    found = rows(visitor, name, FID_INPUT_HOUR_1=hour)
    assert len(found) == 30
    assert found == rows(visitor, name, FID_INPUT_HOUR_1="235959")


def test_a_trade_tells_its_price_under_both_names(visitor: Visitor) -> None:
    found = rows(visitor, "domestic_stock.inquire_time_itemconclusion", FID_INPUT_HOUR_1="101500")
    assert all(int(row["stck_prpr"]) > 0 and row["stck_prpr"] == row["stck_pbpr"] for row in found)


def test_paper_may_be_told_to_know_nxt() -> None:
    paper = Visitor(Simulator(mode="paper", limit=1000, clock=ManualClock(NOW), paper_takes_nxt=True))
    for name in [*PAPER, "domestic_stock.inquire_price"]:
        for division, code in (("UN", "MCA00000"), ("NX", "MCA00000"), ("X", "OPSQ2001")):
            fields = CALLS.get(name, J) | {"FID_COND_MRKT_DIV_CODE": division}
            assert paper.ask(name, **fields).json()["msg_cd"] == code


def test_the_strength_of_trades_is_bought_against_sold(visitor: Visitor) -> None:
    trades = MARKET.trades(SAMSUNG, NOW, 1_000_000)
    bought = sum(trade.volume for trade in trades if trade.bought)
    sold = sum(trade.volume for trade in trades) - bought
    newest = visitor.ask("domestic_stock.inquire_ccnl", **J).json()["output"][0]
    assert newest["tday_rltv"] == f"{bought * 100 / sold:.2f}"


# -- minutes of past days ------------------------------------------------------------------------------

PAST = "domestic_stock.inquire_time_dailychartprice"


def test_a_hundred_and_twenty_minutes_over_several_days(visitor: Visitor) -> None:
    found = rows(visitor, PAST, FID_INPUT_DATE_1="20261120", FID_INPUT_HOUR_1="101500")
    moments = [(row["stck_bsop_date"], row["stck_cntg_hour"]) for row in found]
    assert len(found) == 120
    assert moments == sorted(set(moments), reverse=True)
    assert moments[0] == ("20261120", "101500")
    assert {day for day, _ in moments} == {"20261120", "20261119"}
    for row in found:
        low, high = int(row["stck_lwpr"]), int(row["stck_hgpr"])
        assert low <= min(int(row["stck_oprc"]), int(row["stck_prpr"]))
        assert high >= max(int(row["stck_oprc"]), int(row["stck_prpr"]))


def test_today_s_past_minutes_are_the_minutes_of_the_day_chart(visitor: Visitor) -> None:
    past = rows(visitor, PAST, FID_INPUT_DATE_1="20261124", FID_INPUT_HOUR_1="100000")
    today = visitor.ask(
        "domestic_stock.inquire_time_itemchartprice",
        **J,
        FID_INPUT_HOUR_1="100000",
        FID_PW_DATA_INCU_YN="N",
        FID_ETC_CLS_CODE="",
    ).json()["output2"]
    assert past[:30] == today


def test_past_minutes_add_up_to_the_daily_bar(evening: Visitor) -> None:
    volume, hour = 0, "153000"
    while True:
        found = rows(
            evening, PAST, FID_INPUT_DATE_1="20261120", FID_INPUT_HOUR_1=hour, FID_PW_DATA_INCU_YN="N"
        )
        volume += sum(int(row["cntg_vol"]) for row in found)
        if found[-1]["stck_cntg_hour"] <= "090000":
            break
        hour = f"{datetime.strptime(found[-1]['stck_cntg_hour'], '%H%M%S') - timedelta(minutes=1):%H%M%S}"
    day = datetime(2026, 11, 20, tzinfo=KST).date()
    (bar,) = MARKET.daily_bars_between(SAMSUNG, day, day, NOW)
    assert volume == bar.volume


def test_without_past_data_only_the_day_itself(visitor: Visitor) -> None:
    found = rows(visitor, PAST, FID_INPUT_HOUR_1="092900", FID_PW_DATA_INCU_YN="N")
    assert {row["stck_bsop_date"] for row in found} == {"20261120"}
    assert len(found) == 30


def test_made_up_minutes_fill_the_gaps_when_asked_for(evening: Visitor) -> None:
    thin = next(code for code in reversed(MARKET.codes()) if MARKET.quote(code, NOW).volume)
    plain = rows(evening, PAST, FID_INPUT_ISCD=thin, FID_INPUT_HOUR_1="153000", FID_PW_DATA_INCU_YN="N")
    filled = rows(
        evening, PAST, FID_INPUT_ISCD=thin, FID_INPUT_HOUR_1="153000", FID_PW_DATA_INCU_YN="N",
        FID_FAKE_TICK_INCU_YN="Y",
    )  # fmt: skip
    hours = [row["stck_cntg_hour"] for row in filled]
    steps = {
        datetime.strptime(later, "%H%M%S") - datetime.strptime(earlier, "%H%M%S")
        for later, earlier in pairwise(hours)
    }
    assert steps == {timedelta(minutes=1)}
    known = {row["stck_cntg_hour"]: row for row in plain}
    for row in filled:
        assert row["cntg_vol"] == "0" or row == known[row["stck_cntg_hour"]]


def test_the_field_for_made_up_minutes_must_be_there(visitor: Visitor) -> None:
    fields = {name: value for name, value in CALLS[PAST].items() if name != "FID_FAKE_TICK_INCU_YN"}
    body = visitor.ask(PAST, **fields).json()
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")
    assert "FID_FAKE_TICK_INCU_YN" in body["msg1"]


def test_minutes_are_kept_for_a_year(visitor: Visitor) -> None:
    assert rows(visitor, PAST, FID_INPUT_DATE_1="20251125", FID_INPUT_HOUR_1="153000")
    assert rows(visitor, PAST, FID_INPUT_DATE_1="20251121", FID_INPUT_HOUR_1="153000") == []
    assert rows(visitor, PAST, FID_INPUT_DATE_1="20301121")[0]["stck_bsop_date"] == "20261124"


# -- who traded ----------------------------------------------------------------------------------------


def test_investors_buy_what_investors_sell(evening: Visitor) -> None:
    found = rows(evening, "domestic_stock.inquire_investor", "output")
    days = [row["stck_bsop_date"] for row in found]
    assert len(found) == 30
    assert days == sorted(days, reverse=True)
    bars = {
        f"{bar.day:%Y%m%d}": bar for bar in MARKET.daily_bars(SAMSUNG, NOW.date(), 30, NOW.replace(hour=17))
    }
    for row in found:
        for side in ("shnu", "seln"):
            assert (
                sum(int(row[f"{group}_{side}_vol"]) for group in ("prsn", "frgn", "orgn"))
                == bars[row["stck_bsop_date"]].volume
            )
        for group in ("prsn", "frgn", "orgn"):
            for what in ("vol", "tr_pbmn"):
                net = int(row[f"{group}_shnu_{what}"]) - int(row[f"{group}_seln_{what}"])
                assert int(row[f"{group}_ntby_{'qty' if what == 'vol' else what}"]) == net


def test_foreigners_are_the_same_in_every_answer(evening: Visitor) -> None:
    found = rows(evening, "domestic_stock.inquire_investor", "output")
    days = evening.ask(
        "domestic_stock.inquire_daily_price", **J, FID_PERIOD_DIV_CODE="D", FID_ORG_ADJ_PRC="1"
    ).json()["output"]
    assert [row["frgn_ntby_qty"] for row in found] == [row["frgn_ntby_qty"] for row in days]
    assert price(evening)["frgn_ntby_qty"] == found[0]["frgn_ntby_qty"] != "0"


def test_today_s_investors_are_told_after_the_close(visitor: Visitor) -> None:
    today, yesterday = rows(visitor, "domestic_stock.inquire_investor", "output")[:2]
    assert today["stck_clpr"] == price(visitor)["stck_prpr"]
    assert today["frgn_ntby_qty"] == ""
    assert yesterday["frgn_ntby_qty"] not in ("", "0")
    assert price(visitor)["frgn_ntby_qty"] == "0"


def test_five_brokers_a_side_within_the_volume(visitor: Visitor) -> None:
    found = ask(visitor, "domestic_stock.inquire_member")["output"]
    volume = int(price(visitor)["acml_vol"])
    for side in ("seln", "shnu"):
        shares = [int(found[f"total_{side}_qty{n}"]) for n in range(1, 6)]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= volume
        for n, each in enumerate(shares, 1):
            assert found[f"{side}_mbcr_rlim{n}"] == f"{each * 100 / volume:.2f}"
            assert re.fullmatch(r"\d{5}", found[f"{side}_mbcr_no{n}"])
    net = int(found["glob_total_shnu_qty"]) - int(found["glob_total_seln_qty"])
    assert int(found["glob_ntby_qty"]) == net
