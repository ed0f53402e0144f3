"""Markets abroad: pure in time, consistent in themselves, told as KIS tells them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.prices.market import Market
from kis_sync.sim.prices.overseas import OverseasMarket
from kis_sync.sim.prices.overseas_listings import DAY_MARKETS, EXCHANGES, load_overseas
from tests.sim.visitor import Visitor
from tests.thoroughness import examples

NIGHT = datetime(2026, 11, 25, 1, 0, 20, tzinfo=KST)  # 11:00 in New York
MORNING = datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)
MARKET = OverseasMarket(1)
KOREA = Market(1)
LISTINGS = load_overseas()
APPLE = LISTINGS["NAS", "AAPL"]
WHERE = {"AUTH": "", "EXCD": "NAS", "SYMB": "AAPL"}
CALLS: dict[str, dict[str, str]] = {
    "price": WHERE,
    "price_detail": WHERE,
    "dailyprice": WHERE | {"GUBN": "0", "BYMD": "", "MODP": "1", "KEYB": ""},
    "inquire_time_itemchartprice": WHERE
    | {"NMIN": "5", "PINC": "1", "NEXT": "", "NREC": "120", "FILL": "", "KEYB": ""},
    "inquire_asking_price": WHERE,
}
LISTS = {("dailyprice", "output2"), ("inquire_time_itemchartprice", "output2")}
ON_PAPER = {"price", "dailyprice"}


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment), market=KOREA))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NIGHT)


def ask(visitor: Visitor, name: str, **more: str) -> dict[str, Any]:
    response = visitor.ask(f"overseas_price.{name}", **CALLS[name] | more)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


# -- the market ----------------------------------------------------------------------------------------


def test_a_few_dozen_listings_on_every_exchange() -> None:
    assert len(LISTINGS) > 50
    assert {exchange for exchange, _ in LISTINGS} == set(EXCHANGES)
    assert all(each.price % each.exchange.tick == 0 for each in LISTINGS.values())


@given(
    st.sampled_from(sorted(LISTINGS)),
    st.datetimes(datetime(2026, 1, 5), datetime(2026, 12, 30)),
    st.integers(1, 4000),
)
@settings(max_examples=examples(25), deadline=None)
def test_a_day_only_grows(which: tuple[str, str], moment: datetime, seconds: int) -> None:
    listing, first = LISTINGS[which], moment.replace(tzinfo=timezone.utc)
    earlier, later = MARKET.quote(listing, first), MARKET.quote(listing, first + timedelta(seconds=seconds))
    for quote in (earlier, later):
        bar = quote.bar
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.base == quote.previous.close
        assert {price % listing.exchange.tick for price in bar[1:5]} == {0}
        assert bar.day <= quote.at.date()
    if earlier.bar.day == later.bar.day and earlier.bar.volume:
        assert earlier.bar.volume <= later.bar.volume
        assert earlier.bar.value <= later.bar.value
        assert earlier.bar.high <= later.bar.high
        assert earlier.bar.low >= later.bar.low
        assert earlier.bar.open == later.bar.open


@given(st.sampled_from(sorted(LISTINGS)), st.datetimes(datetime(2026, 1, 5), datetime(2026, 12, 30)))
@settings(max_examples=examples(15), deadline=None)
def test_minutes_make_up_the_day(which: tuple[str, str], moment: datetime) -> None:
    listing, now = LISTINGS[which], moment.replace(tzinfo=timezone.utc)
    bar = MARKET.quote(listing, now).bar
    minutes = MARKET.minute_bars(listing, now, 1, until=None, count=500)
    today = [each for each in minutes if each.start.date() == bar.day]
    if not bar.volume:
        assert today == []
        return
    assert (today[-1].open, today[0].close) == (bar.open, bar.close)
    assert max(each.high for each in today) == bar.high
    assert min(each.low for each in today) == bar.low
    assert sum(each.volume for each in today) in (bar.volume, bar.volume - 1)


def test_asked_again_it_says_the_same() -> None:
    again = OverseasMarket(1)
    assert again.quote(APPLE, NIGHT) == MARKET.quote(APPLE, NIGHT)
    assert again.daily_bars(APPLE, NIGHT.date(), 9, NIGHT) == MARKET.daily_bars(APPLE, NIGHT.date(), 9, NIGHT)
    assert OverseasMarket(2).quote(APPLE, NIGHT).bar != MARKET.quote(APPLE, NIGHT).bar


def test_days_follow_each_other() -> None:
    bars = MARKET.daily_bars(APPLE, NIGHT.date(), 300, NIGHT)
    for later, earlier in pairwise(bars):
        assert later.day > earlier.day
        assert later.base == earlier.close
    assert all(abs(bar.close / bar.base - 1) < 0.25 for bar in bars)


@pytest.mark.parametrize(
    ("code", "opens", "closes"),
    [
        ("NAS", datetime(2026, 11, 24, 23, 30), datetime(2026, 11, 25, 6, 0)),
        ("NYS", datetime(2026, 7, 14, 22, 30), datetime(2026, 7, 15, 5, 0)),  # summer time
        ("TSE", datetime(2026, 11, 24, 9, 0), datetime(2026, 11, 24, 15, 0)),
        ("SHS", datetime(2026, 11, 24, 10, 30), datetime(2026, 11, 24, 16, 0)),
        ("HKS", datetime(2026, 11, 24, 10, 30), datetime(2026, 11, 24, 17, 0)),
    ],
)
def test_hours_are_those_of_the_documents(code: str, opens: datetime, closes: datetime) -> None:
    exchange = EXCHANGES[code]
    listing = next(each for (where, _), each in LISTINGS.items() if where == code)
    day = opens.date()
    sessions = exchange.sessions(day)
    assert sessions[0][0] == opens.replace(tzinfo=KST)
    assert sessions[-1][1] == closes.replace(tzinfo=KST)
    delay = exchange.delay
    assert delay == timedelta(minutes=0 if code in ("NAS", "NYS") else 15)
    before = MARKET.quote(listing, opens.replace(tzinfo=KST) + delay - timedelta(seconds=1))
    after = MARKET.quote(listing, opens.replace(tzinfo=KST) + delay + timedelta(seconds=90))
    assert (before.bar.volume, before.price) == (0, before.bar.base)
    assert after.bar.volume > 0
    assert after.bar.day == day


@pytest.mark.parametrize(
    ("on", "hours"),
    [
        (date(2026, 3, 7), -5), (date(2026, 3, 8), -4), (date(2026, 10, 31), -4), (date(2026, 11, 1), -5),
        (date(2027, 3, 13), -5), (date(2027, 3, 14), -4), (date(2027, 11, 6), -4), (date(2027, 11, 7), -5),
    ],
)  # fmt: skip
def test_american_summer_time(on: date, hours: int) -> None:
    assert EXCHANGES["NAS"].zone(on).utcoffset(None) == timedelta(hours=hours)
    assert EXCHANGES["TSE"].zone(on).utcoffset(None) == timedelta(hours=9)


# -- answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_every_documented_field_is_there_in_order_and_a_string(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name)
    assert (body["rt_cd"], body["msg_cd"], body["msg1"]) == ("0", "MCA00000", "정상처리 되었습니다.")
    for output, fields in response_fields(f"overseas_price.{name}").items():
        found = body[output]
        assert isinstance(found, list) is ((name, output) in LISTS)
        for row in found if isinstance(found, list) else [found]:
            assert list(row) == fields
            assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_symbol_gets_blanks(visitor: Visitor, name: str) -> None:
    for more in ({"SYMB": "NOPE"}, {"EXCD": "NYS"}, {"EXCD": "SHI"}):
        body = ask(visitor, name, **more)
        assert body["rt_cd"] == "0"
        for output in response_fields(f"overseas_price.{name}"):
            assert isinstance(body[output], list) is ((name, output) in LISTS)
            for row in [body[output]] if isinstance(body[output], dict) else body[output]:
                assert set(row.values()) == {""}


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_exchange_is_refused(visitor: Visitor, name: str) -> None:
    body = ask(visitor, name, EXCD="NASD")
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")


@pytest.mark.parametrize("name", CALLS)
def test_paper_offers_price_and_daily_bars_only(name: str) -> None:
    response = at(NIGHT, "paper").ask(f"overseas_price.{name}", **CALLS[name])
    if name in ON_PAPER:
        assert response.json()["rt_cd"] == "0"
    else:
        assert (response.status_code, response.json()["msg_cd"]) == (500, "EGW02006")


@pytest.mark.parametrize("which", [*LISTINGS, ("BAQ", "AAPL"), ("BAY", "KO"), ("BAA", "SPY")])
def test_the_price_of_every_listing(visitor: Visitor, which: tuple[str, str]) -> None:
    code, symbol = which
    found = ask(visitor, "price", EXCD=code, SYMB=symbol.lower())["output"]
    home = DAY_MARKETS[code].code if code in DAY_MARKETS else code
    quote = MARKET.quote(LISTINGS[home, symbol], NIGHT)
    decimals = int(found["zdiv"])
    assert found["rsym"] == f"{'R' if code in DAY_MARKETS else 'D'}{code}{symbol}"
    assert re.fullmatch(r"\d+" + (rf"\.\d{{{decimals}}}" if decimals else ""), found["last"])
    last, base = Decimal(found["last"]), Decimal(found["base"])
    assert last == Decimal(quote.price).scaleb(-decimals)
    assert Decimal(found["diff"]) == abs(last - base)  # unsigned, as documented
    assert (found["tvol"], found["tamt"]) == (str(quote.bar.volume), str(quote.bar.value))
    assert found["pvol"] == str(quote.previous.volume)
    expected = f"{(last - base) * 100 / base:+.2f}"
    assert found["rate"] == expected.replace("+0.00", " 0.00").replace("-0.00", " 0.00")


def test_before_the_open_a_price_is_the_documented_example() -> None:
    evening = at(MORNING.replace(hour=23, minute=0))
    found = ask(evening, "price")["output"]
    assert found["last"] == found["base"] == ask(evening, "dailyprice")["output2"][0]["clos"]
    assert (found["sign"], found["diff"], found["rate"]) == ("0", "0.0000", " 0.00")
    assert (found["tvol"], found["tamt"], found["ordy"]) == ("0", "0", "매도불가")
    detail = ask(evening, "price_detail")["output"]
    assert (detail["open"], detail["high"], detail["last"]) == ("0.0000", "0.0000", found["last"])


def test_the_details_agree_with_the_price(visitor: Visitor) -> None:
    price, detail = ask(visitor, "price")["output"], ask(visitor, "price_detail")["output"]
    for name in ("rsym", "zdiv", "base", "pvol", "last", "tvol", "tamt"):
        assert detail[name] == price[name]
    assert detail["t_xrat"] == price["rate"]
    assert float(detail["l52p"]) <= float(detail["low"]) <= float(detail["last"]) <= float(detail["high"])
    assert float(detail["high"]) <= float(detail["h52p"])
    assert abs(float(detail["perx"]) - float(detail["last"]) / float(detail["epsx"])) < 0.01
    assert int(detail["tomv"]) == int(float(detail["last"]) * int(detail["shar"]) + 0.5)
    assert int(detail["t_xprc"]) == int(Decimal(detail["last"]) * Decimal(detail["t_rate"]))
    year = ask(visitor, "dailyprice")["output2"]
    assert max(float(row["high"]) for row in year) <= float(detail["h52p"])


def test_a_hundred_daily_bars_newest_first(visitor: Visitor) -> None:
    body, price = ask(visitor, "dailyprice"), ask(visitor, "price")["output"]
    rows = body["output2"]
    days = [row["xymd"] for row in rows]
    assert body["output1"]["nrec"] == "100"
    assert len(rows) == 100
    assert days == sorted(set(days), reverse=True)
    assert days[0] == "20261124"
    assert (rows[0]["clos"], rows[0]["rate"], rows[0]["tvol"]) == (
        price["last"],
        price["rate"],
        price["tvol"],
    )
    for row, before in pairwise(rows):
        change = Decimal(row["clos"]) - Decimal(before["clos"])
        assert Decimal(row["diff"]) == abs(change)
        assert row["sign"] == ("2" if change > 0 else "5" if change < 0 else "3")
        assert Decimal(row["pbid"]) < Decimal(row["clos"]) < Decimal(row["pask"])
        low, high = Decimal(row["low"]), Decimal(row["high"])
        assert low <= min(Decimal(row["open"]), Decimal(row["clos"]))
        assert high >= max(Decimal(row["open"]), Decimal(row["clos"]))


def test_daily_bars_up_to_a_day(visitor: Visitor) -> None:
    rows = ask(visitor, "dailyprice", BYMD="20261004")["output2"]
    assert (len(rows), rows[0]["xymd"]) == (100, "20261002")
    whole = {row["xymd"]: row for row in ask(visitor, "dailyprice")["output2"]}
    shared = [row for row in rows if row["xymd"] in whole]
    assert shared
    assert all(row == whole[row["xymd"]] for row in shared)


@pytest.mark.parametrize("span", ["1", "2"])
def test_longer_bars_hold_their_days(visitor: Visitor, span: str) -> None:
    rows = ask(visitor, "dailyprice", GUBN=span)["output2"]
    assert len(rows) == 100
    second = rows[1]
    daily = ask(visitor, "dailyprice")["output2"]
    inside = [row for row in daily if rows[2]["xymd"] < row["xymd"] <= second["xymd"]]
    assert second["tvol"] == str(sum(int(row["tvol"]) for row in inside))
    assert second["open"] == inside[-1]["open"]
    assert float(second["high"]) == max(float(row["high"]) for row in inside)


@pytest.mark.parametrize("fault", [{"GUBN": "3"}, {"MODP": "2"}, {"BYMD": "20261301"}])
def test_faulty_questions_for_daily_bars(visitor: Visitor, fault: dict[str, str]) -> None:
    assert ask(visitor, "dailyprice", **fault)["msg_cd"] == "OPSQ2001"


def test_minute_bars_can_be_walked_back(visitor: Visitor) -> None:
    body = ask(visitor, "inquire_time_itemchartprice")
    head, rows = body["output1"], body["output2"]
    assert (head["stim"], head["etim"], head["sktm"], head["ektm"]) == (
        "093000",
        "160000",
        "233000",
        "060000",
    )
    assert head["nrec"] == str(len(rows)) == "120"
    assert rows[0]["last"] == ask(visitor, "price")["output"]["last"]
    assert rows[0]["xhms"] == "110000"
    assert rows[0]["khms"] == "010000"
    key = rows[-1]["xymd"] + rows[-1]["xhms"]
    before = datetime.strptime(key, "%Y%m%d%H%M%S") - timedelta(minutes=5)
    more = ask(visitor, "inquire_time_itemchartprice", NEXT="1", KEYB=f"{before:%Y%m%d%H%M%S}")["output2"]
    times = [row["xymd"] + row["xhms"] for row in [*rows, *more]]
    assert times == sorted(set(times), reverse=True)
    today = ask(visitor, "inquire_time_itemchartprice", PINC="0")["output2"]
    assert {row["xymd"] for row in today} == {"20261124"}


@pytest.mark.parametrize("fault", [{"NMIN": "0"}, {"NREC": "many"}, {"KEYB": "20261301000000"}])
def test_faulty_questions_for_minute_bars(visitor: Visitor, fault: dict[str, str]) -> None:
    assert ask(visitor, "inquire_time_itemchartprice", **fault)["msg_cd"] == "OPSQ2001"


def test_the_order_book(visitor: Visitor) -> None:
    body = ask(visitor, "inquire_asking_price")
    head, levels = body["output1"], body["output2"]
    bids = [Decimal(levels[f"pbid{n}"]) for n in range(1, 11)]
    asks = [Decimal(levels[f"pask{n}"]) for n in range(1, 11)]
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert bids[0] < asks[0]
    assert bids[0] <= Decimal(head["last"]) <= asks[0]
    assert int(head["bvol"]) == sum(int(levels[f"vbid{n}"]) for n in range(1, 11))
    assert int(head["avol"]) == sum(int(levels[f"vask{n}"]) for n in range(1, 11))
    assert head["rclose"] == ask(visitor, "price")["output"]["rate"]
    assert (head["code"], head["curr"]) == ("AAPL", "USD")


def test_outside_america_a_book_has_one_level(visitor: Visitor) -> None:
    levels = ask(visitor, "inquire_asking_price", EXCD="TSE", SYMB="7203")["output2"]
    assert Decimal(levels["pbid1"]) < Decimal(levels["pask1"])
    assert levels["pbid2"] == levels["vask10"] == ""


# -- what a listing is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [("NAS", "AAPL"), ("AMS", "SPY"), ("TSE", "7203"), ("HSX", "FPT")])
def test_both_searches_know_a_listing_abroad(visitor: Visitor, which: tuple[str, str]) -> None:
    listing = LISTINGS[which]
    asked = {"PRDT_TYPE_CD": listing.exchange.product_type, "PDNO": listing.symbol}
    found = visitor.ask("overseas_price.search_info", **asked).json()["output"]
    assert list(found) == response_fields("overseas_price.search_info")["output"]
    assert (found["std_pdno"], found["prdt_name"]) == (listing.isin, listing.name)
    assert (found["tr_crcy_cd"], found["ovrs_excg_cd"]) == (
        listing.exchange.currency,
        listing.exchange.order_code,
    )
    assert found["ovrs_stck_dvsn_cd"] == ("03" if listing.is_fund else "01")
    price = ask(visitor, "price", EXCD=which[0], SYMB=which[1])["output"]
    assert found["ovrs_now_pric1"] == price["last"]
    basic = visitor.ask("domestic_stock.search_info", **asked).json()["output"]
    assert (basic["shtn_pdno"], basic["prdt_type_cd"]) == (listing.symbol, listing.exchange.product_type)
    assert basic["prdt_abrv_name"] == listing.name


@pytest.mark.parametrize(("kind", "symbol"), [("513", "AAPL"), ("512", "NOPE"), ("543", "00700"), ("", "")])
def test_what_is_not_listed_abroad_is_refused_with_7(visitor: Visitor, kind: str, symbol: str) -> None:
    for name in ("overseas_price.search_info", "domestic_stock.search_info"):
        response = visitor.ask(name, PRDT_TYPE_CD=kind, PDNO=symbol)
        assert (response.status_code, response.json()["rt_cd"]) == (200, "7")
