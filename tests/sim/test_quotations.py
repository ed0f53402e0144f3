from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from kis_sync import catalog
from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.market.price_limits import limit_width
from kis_sync.sim import Simulator
from kis_sync.sim.formats import documented, rate, share, sign
from tests.sim.visitor import Visitor

SAMSUNG = "005930"
NOW = datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)
TWO_DECIMALS = ("_ctrt", "_rate", "_rltv", "_ehrt", "per", "pbr", "eps", "bps", "avrg_stck_prc")
WHOLE = ("_prpr", "_vrss", "_vol", "_pbmn", "_oprc", "gpr", "wpr", "_clpr", "_mxpr", "_llam", "_qty", "_unit")
QUOTES = {
    "domestic_stock.inquire_price": {},
    "domestic_stock.inquire_asking_price_exp_ccn": {},
    "domestic_stock.inquire_time_itemchartprice": {
        "FID_INPUT_HOUR_1": "103000",
        "FID_PW_DATA_INCU_YN": "Y",
        "FID_ETC_CLS_CODE": "",
    },
    "domestic_stock.inquire_daily_itemchartprice": {
        "FID_INPUT_DATE_1": "19800104",
        "FID_INPUT_DATE_2": "20261124",
        "FID_PERIOD_DIV_CODE": "D",
        "FID_ORG_ADJ_PRC": "0000000001",
    },
    "domestic_stock.inquire_ccnl": {},
    "domestic_stock.inquire_daily_price": {"FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0"},
}
KNOWN = [name for name in QUOTES if name in catalog.endpoints()]


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment)))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NOW)


def ask(visitor: Visitor, name: str, code: str = SAMSUNG, **more: str) -> dict[str, Any]:
    fields = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": code} | QUOTES[name] | more
    response = visitor.ask(name, **fields)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def minutes(visitor: Visitor, hour: str, code: str = SAMSUNG) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = ask(
        visitor, "domestic_stock.inquire_time_itemchartprice", code, FID_INPUT_HOUR_1=hour
    )["output2"]
    return rows


def bars(visitor: Visitor, period: str = "D", code: str = SAMSUNG, **more: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = ask(
        visitor, "domestic_stock.inquire_daily_itemchartprice", code, FID_PERIOD_DIV_CODE=period, **more
    )["output2"]
    return rows


def outputs(name: str, body: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    found = []
    for output in response_fields(name):
        rows = body[output] if isinstance(body[output], list) else [body[output]]
        found += [(output, row) for row in rows]
    return found


@pytest.mark.parametrize("name", KNOWN)
def test_every_documented_field_is_there_in_order_and_a_string(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name)
    assert list(body) == [*response_fields(name), "rt_cd", "msg_cd", "msg1"]
    found = outputs(name, body)
    assert {output for output, _ in found} == set(response_fields(name))
    for output, row in found:
        assert list(row) == response_fields(name)[output]
        assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("shape", ["output", "output1", "output2"])
def test_the_shape_of_outputs_is_the_documented_one(visitor: Visitor, name: str, shape: str) -> None:
    body = ask(visitor, name)
    if shape in catalog.endpoint(name).outputs:
        expected = {"list": list, "object": dict}[catalog.endpoint(name).outputs[shape]]
        assert isinstance(body[shape], expected)
    else:
        assert shape not in body


@pytest.mark.parametrize("name", KNOWN)
def test_numbers_are_written_as_kis_writes_them(visitor: Visitor, name: str) -> None:
    for _, row in outputs(name, ask(visitor, name)):
        for field, value in row.items():
            if field.endswith(TWO_DECIMALS):
                assert re.fullmatch(r"-?\d+\.\d\d", value), field
            elif field.endswith(("_date", "_hour")):
                assert re.fullmatch(r"\d{8}|\d{6}", value), field
            elif field.endswith(WHOLE):
                assert re.fullmatch(r"-?\d+", value), field


def test_the_quote_is_the_market_s(visitor: Visitor) -> None:
    quote = visitor.sim.market.quote(SAMSUNG, NOW)
    price = ask(visitor, "domestic_stock.inquire_price")["output"]
    assert price["stck_prpr"] == str(quote.price)
    assert price["prdy_vrss"] == str(quote.price - quote.base)
    assert price["prdy_vrss_sign"] == sign(quote.price - quote.base)
    assert price["prdy_ctrt"] == f"{(quote.price - quote.base) * 100 / quote.base:.2f}"
    assert (price["stck_mxpr"], price["stck_llam"]) == (str(quote.upper), str(quote.lower))
    assert price["rstc_wdth_prc"] == str(limit_width(quote.base))
    assert price["aspr_unit"] == str(quote.tick)
    assert int(price["d250_lwpr"]) <= int(price["stck_lwpr"]) <= quote.price <= int(price["d250_hgpr"])
    assert float(price["d250_hgpr_vrss_prpr_rate"]) <= 0 <= float(price["d250_lwpr_vrss_prpr_rate"])


def test_extremes_agree_with_the_daily_bars(visitor: Visitor) -> None:
    price = ask(visitor, "domestic_stock.inquire_price")["output"]
    today = NOW.date()
    days = visitor.sim.market.daily_bars(SAMSUNG, today, 250, NOW)
    assert int(price["d250_hgpr"]) == max(bar.high for bar in days)
    assert int(price["d250_lwpr"]) == min(bar.low for bar in days)
    this_year = [bar for bar in days if bar.day.year == today.year]
    assert int(price["stck_dryy_hgpr"]) == max(bar.high for bar in this_year)
    lowest = price["dryy_lwpr_date"]
    assert {bar.low for bar in this_year if f"{bar.day:%Y%m%d}" == lowest} == {int(price["stck_dryy_lwpr"])}


@pytest.mark.parametrize("name", KNOWN)
def test_an_unknown_code_gets_zeros_or_nothing(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name, "QQQ")
    assert body["rt_cd"] == "0"
    for output, row in outputs(name, body):
        assert output in body
        assert set(row.values()) <= {"0", ""}
    if name.endswith("inquire_price"):
        assert body["output"]["stck_prpr"] == body["output"]["stck_hgpr"] == "0"


def test_a_halted_stock_says_so(visitor: Visitor) -> None:
    market = visitor.sim.market
    halted = next(code for code in market.codes() if (info := market.listing(code)) and info.halted)
    price = ask(visitor, "domestic_stock.inquire_price", halted)["output"]
    assert (price["iscd_stat_cls_code"], price["temp_stop_yn"]) == ("58", "Y")
    assert ask(visitor, "domestic_stock.inquire_asking_price_exp_ccn", halted)["output1"]["askp1"] == "0"
    assert minutes(visitor, "103000", halted) == []


def test_the_book_adds_up(visitor: Visitor) -> None:
    body = ask(visitor, "domestic_stock.inquire_asking_price_exp_ccn")
    levels, expected = body["output1"], body["output2"]
    asks = [int(levels[f"askp{n}"]) for n in range(1, 11)]
    bids = [int(levels[f"bidp{n}"]) for n in range(1, 11)]
    assert asks == sorted(asks)
    assert bids == sorted(bids, reverse=True)
    assert bids[0] < asks[0]
    assert int(levels["total_askp_rsqn"]) == sum(int(levels[f"askp_rsqn{n}"]) for n in range(1, 11))
    assert "stck_prpr" not in levels
    assert bids[0] <= int(expected["stck_prpr"]) <= asks[0]


def test_an_auction_tells_its_expected_price() -> None:
    body = ask(at(NOW.replace(hour=15, minute=28)), "domestic_stock.inquire_asking_price_exp_ccn")
    assert int(body["output2"]["antc_cnpr"]) > 0
    assert int(body["output2"]["antc_vol"]) > 0
    assert body["output1"]["new_mkop_cls_code"] == "21"


# -- minutes -------------------------------------------------------------------------------------------


def test_thirty_minutes_newest_first_at_and_before_the_hour(visitor: Visitor) -> None:
    rows = minutes(visitor, "100059")
    assert [row["stck_cntg_hour"] for row in rows] == [
        f"{NOW.replace(hour=10, minute=0, second=0) - timedelta(minutes=n):%H%M%S}" for n in range(30)
    ]
    known = {f"{bar.start:%H%M%S}": bar for bar in visitor.sim.market.minute_bars(SAMSUNG, NOW)}
    for row in rows:
        bar = known[row["stck_cntg_hour"]]
        assert (row["stck_oprc"], row["stck_prpr"]) == (str(bar.open), str(bar.close))
        assert (row["cntg_vol"], row["acml_tr_pbmn"]) == (str(bar.volume), str(bar.total_value))
        assert row["stck_bsop_date"] == "20261124"


def test_a_day_can_be_walked_back_by_the_hour_of_the_last_row() -> None:
    visitor = at(NOW.replace(hour=16))
    seen: list[str] = []
    hour = "153000"
    while rows := minutes(visitor, hour):
        seen += [row["stck_cntg_hour"] for row in rows]
        before = datetime.strptime(rows[-1]["stck_cntg_hour"], "%H%M%S") - timedelta(minutes=1)
        hour = f"{before:%H%M%S}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == len(visitor.sim.market.minute_bars(SAMSUNG, NOW.replace(hour=16)))
    assert (seen[0], seen[-1]) == ("153000", "090000")


def test_an_hour_to_come_holds_the_present_price(visitor: Visitor) -> None:
    rows = minutes(visitor, "104500")
    assert len(rows) == 30
    price = str(visitor.sim.market.quote(SAMSUNG, NOW).price)
    for row in rows[:15]:
        assert {row[name] for name in ("stck_prpr", "stck_oprc", "stck_hgpr", "stck_lwpr")} == {price}
        assert row["stck_cntg_hour"] > "103000"
    assert [rows[0]["stck_cntg_hour"], rows[15]["stck_cntg_hour"]] == ["104500", "103000"]


def test_an_hour_far_ahead_holds_nothing_else(visitor: Visitor) -> None:
    assert len({row["stck_prpr"] for row in minutes(visitor, "153000")}) == 1


@pytest.mark.parametrize("hour", ["153001", "180000", "235959"])
def test_no_minute_lies_beyond_the_close(visitor: Visitor, hour: str) -> None:
    assert minutes(visitor, hour) == minutes(visitor, "153000")
    assert minutes(visitor, hour)[0]["stck_cntg_hour"] == "153000"
    closed = at(NOW.replace(hour=17))
    assert minutes(closed, hour) == minutes(closed, "153000")


@pytest.mark.parametrize(
    ("moment", "newest"),
    [
        (NOW, "103000"),
        (NOW.replace(hour=17), "153000"),
        (NOW.replace(hour=7), "153000"),  # the last session is quoted until an hour before the open
        (NOW.replace(day=22), "153000"),
    ],
)
@pytest.mark.parametrize("hour", ["000000", "", "  "])
def test_midnight_and_no_hour_ask_for_the_newest_minutes(moment: datetime, newest: str, hour: str) -> None:
    rows = minutes(at(moment), hour)
    assert (len(rows), rows[0]["stck_cntg_hour"]) == (30, newest)


def test_the_running_minute_shows_the_volume_before_it_until_its_first_trade() -> None:
    market = Simulator().market
    start = NOW.replace(second=0)
    thin = next(
        code
        for code in market.codes()
        if len(made := market.minute_bars(code, start)) > 2 and made[-1].start < start
    )
    first = next(
        trade.at
        for trade in reversed(market.trades(thin, start + timedelta(hours=2), 100_000))
        if trade.at > start
    )
    running = first.replace(second=0, microsecond=0)
    before = market.minute_bars(thin, running)[-1]
    quiet = minutes(at(running), f"{running:%H%M%S}", thin)
    assert [row["cntg_vol"] for row in quiet[:2]] == [str(before.volume)] * 2
    assert quiet[0]["stck_cntg_hour"] == f"{running:%H%M%S}"
    traded = minutes(at(first), f"{running:%H%M%S}", thin)
    assert traded[0]["cntg_vol"] == str(market.minute_bars(thin, first)[-1].volume)
    assert traded[1] == quiet[1]


def test_before_the_open_there_are_no_minutes() -> None:
    assert minutes(at(NOW.replace(hour=8, minute=30)), "083000") == []


@pytest.mark.parametrize("seconds", [0.0, 0.5, 12.5, 30.000001, 59.999])
def test_the_newest_minutes_are_each_there_once_at_any_moment(seconds: float) -> None:
    moment = NOW.replace(second=0, microsecond=0) + timedelta(seconds=seconds)
    visitor = at(moment)
    rows = minutes(visitor, "000000")
    assert [row["stck_cntg_hour"] for row in rows] == [
        f"{moment - timedelta(minutes=n):%H%M}00" for n in range(30)
    ]
    assert rows == minutes(visitor, f"{moment:%H%M%S}")


@pytest.mark.parametrize("hour", ["1030", "nine00", "256000"])
def test_an_hour_must_be_one(visitor: Visitor, hour: str) -> None:
    body = ask(visitor, "domestic_stock.inquire_time_itemchartprice", FID_INPUT_HOUR_1=hour)
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")


# -- periods -------------------------------------------------------------------------------------------


def test_a_hundred_days_newest_first(visitor: Visitor) -> None:
    rows = bars(visitor)
    assert len(rows) == 100
    expected = visitor.sim.market.daily_bars(SAMSUNG, NOW.date(), 100, NOW)
    assert [row["stck_bsop_date"] for row in rows] == [f"{bar.day:%Y%m%d}" for bar in reversed(expected)]
    assert rows[0]["stck_clpr"] == ask(visitor, "domestic_stock.inquire_price")["output"]["stck_prpr"]
    for row, before in pairwise(rows):
        assert int(row["prdy_vrss"]) == int(row["stck_clpr"]) - int(before["stck_clpr"])
        assert row["prdy_vrss_sign"] == sign(int(row["prdy_vrss"]))


def test_a_range_of_days(visitor: Visitor) -> None:
    rows = bars(visitor, FID_INPUT_DATE_1="20261102", FID_INPUT_DATE_2="20261106")
    assert [row["stck_bsop_date"] for row in rows] == [f"2026110{n}" for n in (6, 5, 4, 3, 2)]
    assert bars(visitor, FID_INPUT_DATE_1="20261107", FID_INPUT_DATE_2="20261108") == []
    assert bars(visitor, FID_INPUT_DATE_1="20261201", FID_INPUT_DATE_2="20261231") == []


@pytest.mark.parametrize("start", ["00000101", "19800104", "20240101"])
@pytest.mark.parametrize("period", ["W", "M"])
def test_longer_periods_begin_whole(visitor: Visitor, period: str, start: str) -> None:
    rows = bars(visitor, period, FID_INPUT_DATE_1=start)
    assert len(rows) <= 100
    assert len(rows) == 100 or start == "20240101"
    for row in rows[-2:] if len(rows) == 100 else rows[-2:-1]:  # the asked range may cut the oldest
        day = datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date()
        first = day - timedelta(days=day.weekday()) if period == "W" else day.replace(day=1)
        daily = visitor.sim.market.daily_bars_between(SAMSUNG, first, day, NOW)
        assert row["acml_vol"] == str(sum(bar.volume for bar in daily))
        assert row["stck_hgpr"] == str(max(bar.high for bar in daily))


def test_years(visitor: Visitor) -> None:
    rows = bars(visitor, "Y")
    years = [row["stck_bsop_date"][:4] for row in rows]
    assert years == sorted(set(years), reverse=True)
    assert years[0] == "2026"


@pytest.mark.parametrize(
    "fields",
    [
        {"FID_PERIOD_DIV_CODE": "Q"},
        {"FID_PERIOD_DIV_CODE": ""},
        {"FID_INPUT_DATE_1": ""},
        {"FID_INPUT_DATE_2": "20261399"},
        {"FID_INPUT_DATE_2": "yesterday"},
    ],
)
def test_faulty_periods_and_days_are_refused(visitor: Visitor, fields: dict[str, str]) -> None:
    body = ask(visitor, "domestic_stock.inquire_daily_itemchartprice", **fields)
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")


# -- forms ---------------------------------------------------------------------------------------------


def test_forms() -> None:
    assert [rate(-0.001), rate(12.345), share(1, 0), share(1, 3)] == ["0.00", "12.35", "0.00", "33.33"]
    assert [sign(1), sign(-1), sign(0)] == ["2", "5", "3"]
    assert [sign(1, at_upper=True), sign(-1, at_lower=True)] == ["1", "4"]


def test_a_value_without_a_documented_field_is_a_fault() -> None:
    with pytest.raises(KeyError, match="no stck_price"):
        documented("domestic_stock.inquire_price", "output", {"stck_price": "1"})
