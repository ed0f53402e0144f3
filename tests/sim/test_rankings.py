"""Rankings and indices: what the whole market looks like, reckoned from the same quotes as all else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kis_sync.catalog import response_fields
from kis_sync.clock import KST, ManualClock
from kis_sync.market.ticks import Listing
from kis_sync.sim import Simulator
from kis_sync.sim.prices.indices import INDICES, Indices
from kis_sync.sim.prices.market import ListingInfo, Market, Quote
from tests.sim.visitor import Visitor

NOW = datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)
MARKET = Market(1)
FILTERS = {
    "FID_COND_MRKT_DIV_CODE": "J",
    "FID_INPUT_ISCD": "0000",
    "FID_DIV_CLS_CODE": "0",
    "FID_INPUT_PRICE_1": "",
    "FID_INPUT_PRICE_2": "",
    "FID_VOL_CNT": "",
    "FID_TRGT_CLS_CODE": "0",
    "FID_TRGT_EXLS_CLS_CODE": "0",
}
CALLS = {
    "volume_rank": FILTERS
    | {
        "FID_COND_SCR_DIV_CODE": "20171",
        "FID_BLNG_CLS_CODE": "0",
        "FID_TRGT_CLS_CODE": "111111111",
        "FID_TRGT_EXLS_CLS_CODE": "0000000000",
    },
    "fluctuation": FILTERS
    | {
        "FID_COND_SCR_DIV_CODE": "20170",
        "FID_RANK_SORT_CLS_CODE": "0",
        "FID_INPUT_CNT_1": "0",
        "FID_PRC_CLS_CODE": "1",
        "FID_RSFL_RATE1": "",
        "FID_RSFL_RATE2": "",
    },
    "market_cap": FILTERS | {"FID_COND_SCR_DIV_CODE": "20174"},
}
CODE = {"volume_rank": "mksc_shrn_iscd", "fluctuation": "stck_shrn_iscd", "market_cap": "mksc_shrn_iscd"}
SECTOR = {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001"}
RANGE = {"FID_INPUT_DATE_1": "20260101", "FID_INPUT_DATE_2": "20261124", "FID_PERIOD_DIV_CODE": "D"}


def at(moment: datetime, mode: str = "live") -> Visitor:
    return Visitor(Simulator(mode=mode, limit=10_000, clock=ManualClock(moment), market=MARKET))


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return at(NOW)


@pytest.fixture(scope="module")
def board() -> dict[str, tuple[ListingInfo, Quote]]:
    return {info.code: (info, quote) for info, quote in MARKET.board(NOW)}


def ask(visitor: Visitor, ranking: str, **more: str) -> dict[str, Any]:
    body: dict[str, Any] = visitor.ask(f"domestic_stock.{ranking}", **CALLS[ranking] | more).json()
    return body


def ranked(visitor: Visitor, ranking: str, **more: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = ask(visitor, ranking, **more)["output"]
    return rows


def codes(visitor: Visitor, ranking: str, **more: str) -> list[str]:
    return [row[CODE[ranking]] for row in ranked(visitor, ranking, **more)]


@pytest.mark.parametrize("ranking", CALLS)
def test_thirty_rows_in_the_documented_form(visitor: Visitor, ranking: str) -> None:
    rows = ranked(visitor, ranking)
    documented = response_fields(f"domestic_stock.{ranking}")
    (fields,) = documented.values()
    assert [row["data_rank"] for row in rows] == [str(n) for n in range(1, 31)]
    for row in rows:
        assert list(row) == fields
        assert all(isinstance(value, str) and value for value in row.values())


@pytest.mark.parametrize("ranking", CALLS)
def test_each_row_is_the_quote_of_the_moment(
    visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]], ranking: str
) -> None:
    for row in ranked(visitor, ranking):
        info, quote = board[row[CODE[ranking]]]
        assert (row["hts_kor_isnm"], row["stck_prpr"]) == (info.name, str(quote.price))
        assert (row["acml_vol"], row["prdy_vrss"]) == (str(quote.volume), str(quote.change))


@pytest.mark.parametrize(
    ("sort", "field"),
    [("0", "acml_vol"), ("1", "vol_inrt"), ("2", "vol_tnrt"), ("3", "acml_tr_pbmn"), ("4", "tr_pbmn_tnrt")],
)
def test_volume_rank_sorts_by_what_is_asked(
    visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]], sort: str, field: str
) -> None:
    figures = [float(row[field]) for row in ranked(visitor, "volume_rank", FID_BLNG_CLS_CODE=sort)]
    assert figures == sorted(figures, reverse=True)
    if sort == "0":
        assert figures[0] == max(quote.volume for _, quote in board.values())


@pytest.mark.parametrize(
    ("sort", "against", "field", "falling"),
    [
        ("0", "0", "lwpr_vrss_prpr_rate", True),
        ("0", "1", "prdy_ctrt", True),
        ("1", "0", "hgpr_vrss_prpr_rate", False),
        ("1", "1", "prdy_ctrt", False),
        ("2", "0", "oprc_vrss_prpr_rate", True),
        ("3", "0", "oprc_vrss_prpr_rate", False),
    ],
)
def test_fluctuation_sorts_by_what_is_asked(
    visitor: Visitor, sort: str, against: str, field: str, falling: bool
) -> None:
    rows = ranked(visitor, "fluctuation", FID_RANK_SORT_CLS_CODE=sort, FID_PRC_CLS_CODE=against)
    figures = [float(row[field]) for row in rows]
    assert figures == sorted(figures, reverse=falling)
    assert len(set(figures)) > 5


def test_fluctuation_by_range(visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]]) -> None:
    spans = [
        (int(row["stck_hgpr"]) - int(row["stck_lwpr"])) / board[row["stck_shrn_iscd"]][1].base
        for row in ranked(visitor, "fluctuation", FID_RANK_SORT_CLS_CODE="4", FID_PRC_CLS_CODE="0")
    ]
    assert spans == sorted(spans, reverse=True)


def test_a_row_of_fluctuation_tells_when_and_for_how_long(visitor: Visitor) -> None:
    for row in ranked(visitor, "fluctuation")[:5]:
        code = row["stck_shrn_iscd"]
        trades = MARKET.trades(code, NOW, 1_000_000)
        first_high = min(trade.at for trade in trades if trade.price == int(row["stck_hgpr"]))
        first_low = min(trade.at for trade in trades if trade.price == int(row["stck_lwpr"]))
        assert (row["hgpr_hour"], row["lwpr_hour"]) == (f"{first_high:%H%M%S}", f"{first_low:%H%M%S}")
        bars = MARKET.daily_bars(code, NOW.date(), 20, NOW)[::-1]
        up = next(n for n, bar in enumerate(bars) if bar.close <= bar.base)
        assert int(row["cnnt_ascn_dynu"]) == up > 0
        assert row["cnnt_down_dynu"] == "0"


def test_market_cap_is_price_times_shares(
    visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]]
) -> None:
    rows = ranked(visitor, "market_cap")
    stocks = [each for each in board.values() if each[0].kind is Listing.STOCK]
    worth = {info.code: quote.price * info.listed_shares for info, quote in stocks}
    assert [row["mksc_shrn_iscd"] for row in rows] == sorted(worth, key=lambda code: -worth[code])[:30]
    for row in rows:
        mine = worth[row["mksc_shrn_iscd"]]
        assert int(row["stck_avls"]) == round(mine / 1e8)
        assert row["mrkt_whol_avls_rlim"] == f"{mine * 100 / sum(worth.values()):.2f}"


# -- filters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranking", CALLS)
def test_markets(visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]], ranking: str) -> None:
    for index, market in (("0001", "KOSPI"), ("1001", "KOSDAQ"), ("2001", "KOSPI")):
        found = codes(visitor, ranking, FID_INPUT_ISCD=index)
        assert found
        assert {board[code][0].market for code in found} == {market}
    assert codes(visitor, ranking, FID_INPUT_ISCD="0007") == []


@pytest.mark.parametrize("ranking", CALLS)
def test_prices_and_volumes(
    visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]], ranking: str
) -> None:
    limits = {"FID_INPUT_PRICE_1": "50000", "FID_INPUT_PRICE_2": "100000", "FID_VOL_CNT": "20000"}
    found = codes(visitor, ranking, **limits)
    assert found
    for code in found:
        assert 50_000 <= board[code][1].price <= 100_000
        assert board[code][1].volume >= 20_000
    zeros = {"FID_INPUT_PRICE_1": "0", "FID_INPUT_PRICE_2": "0", "FID_VOL_CNT": "0"}
    assert codes(visitor, ranking, **zeros) == codes(visitor, ranking)


def test_common_and_preferred_shares(visitor: Visitor) -> None:
    preferred = codes(visitor, "market_cap", FID_DIV_CLS_CODE="2")
    assert preferred
    assert all(not code.endswith("0") for code in preferred)
    assert all(code.endswith("0") for code in codes(visitor, "market_cap", FID_DIV_CLS_CODE="1"))


@pytest.mark.parametrize(("place", "trait"), [(4, "preferred"), (5, "halted"), (6, "fund"), (8, "halted")])
def test_what_is_left_out(
    visitor: Visitor, board: dict[str, tuple[ListingInfo, Quote]], place: int, trait: str
) -> None:
    traits: dict[str, Callable[[ListingInfo], bool]] = {
        "preferred": lambda info: info.kind is Listing.STOCK and not info.code.endswith("0"),
        "halted": lambda info: info.halted,
        "fund": lambda info: info.kind is not Listing.STOCK,
    }
    wanted = next(info for info, _ in board.values() if traits[trait](info))
    one = {"FID_INPUT_PRICE_1": str(board[wanted.code][1].price), "FID_VOL_CNT": "0"}
    one["FID_INPUT_PRICE_2"] = one["FID_INPUT_PRICE_1"]
    assert wanted.code in codes(visitor, "volume_rank", **one)
    left_out = "0" * place + "1" + "0" * (9 - place)
    found = codes(visitor, "volume_rank", **one, FID_TRGT_EXLS_CLS_CODE=left_out)
    assert wanted.code not in found


def test_limits_of_the_change(visitor: Visitor) -> None:
    rows = ranked(visitor, "fluctuation", FID_RSFL_RATE1="-1", FID_RSFL_RATE2="1.5")
    assert rows
    assert all(-1 <= float(row["prdy_ctrt"]) <= 1.5 for row in rows)


@pytest.mark.parametrize("ranking", CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        {"FID_COND_SCR_DIV_CODE": "20001"},
        {"FID_COND_MRKT_DIV_CODE": "U"},
        {"FID_DIV_CLS_CODE": "9"},
        {"FID_INPUT_PRICE_1": "cheap"},
        {"FID_VOL_CNT": "-1"},
    ],
)
def test_faults_are_refused(visitor: Visitor, ranking: str, fault: dict[str, str]) -> None:
    body = ask(visitor, ranking, **fault)
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")


@pytest.mark.parametrize(
    ("ranking", "fault"),
    [
        ("volume_rank", {"FID_BLNG_CLS_CODE": "7"}),
        ("fluctuation", {"FID_RANK_SORT_CLS_CODE": "7"}),
        ("fluctuation", {"FID_PRC_CLS_CODE": "7"}),
        ("fluctuation", {"FID_RSFL_RATE1": "much"}),
    ],
)
def test_unknown_sorts_are_refused(visitor: Visitor, ranking: str, fault: dict[str, str]) -> None:
    assert ask(visitor, ranking, **fault)["msg_cd"] == "OPSQ2001"


@pytest.mark.parametrize("ranking", CALLS)
def test_paper_has_no_rankings(ranking: str) -> None:
    response = at(NOW, "paper").ask(f"domestic_stock.{ranking}", **CALLS[ranking])
    assert (response.status_code, response.json()["msg_cd"]) == (500, "EGW02006")


# -- indices -------------------------------------------------------------------------------------------


def index(visitor: Visitor, code: str = "0001") -> dict[str, str]:
    found: dict[str, str] = visitor.ask(
        "domestic_stock.inquire_index_price", **SECTOR | {"FID_INPUT_ISCD": code}
    ).json()["output"]
    return found


def chart(visitor: Visitor, code: str = "0001", **more: str) -> dict[str, Any]:
    fields = SECTOR | {"FID_INPUT_ISCD": code} | RANGE | more
    body: dict[str, Any] = visitor.ask("domestic_stock.inquire_daily_indexchartprice", **fields).json()
    return body


@pytest.fixture(scope="module")
def indices() -> Indices:
    return Indices(MARKET)


@pytest.mark.parametrize("code", INDICES)
def test_an_index_moves_as_its_members_do(visitor: Visitor, indices: Indices, code: str) -> None:
    found, members = index(visitor, code), indices.members(code)
    quotes = [MARKET.quote(info.code, NOW) for info in members]
    worth = sum(quote.price * info.listed_shares for quote, info in zip(quotes, members, strict=True))
    before = sum(quote.base * info.listed_shares for quote, info in zip(quotes, members, strict=True))
    assert abs(float(found["bstp_nmix_prdy_ctrt"]) - (worth - before) * 100 / before) < 0.01
    assert found["ascn_issu_cnt"] == str(sum(quote.change > 0 for quote in quotes))
    counts = (int(found[f"{name}_issu_cnt"]) for name in ("ascn", "stnr", "down"))
    assert sum(counts) == len(members)
    assert found["acml_vol"] == str(sum(quote.volume for quote in quotes) // 1000)
    assert found["acml_tr_pbmn"] == str(sum(quote.value for quote in quotes) // 1_000_000)


def test_an_index_in_itself(visitor: Visitor) -> None:
    found = index(visitor)
    assert list(found) == response_fields("domestic_stock.inquire_index_price")["output"]
    assert all(found.values())
    low, high = float(found["bstp_nmix_lwpr"]), float(found["bstp_nmix_hgpr"])
    opened, last = float(found["bstp_nmix_oprc"]), float(found["bstp_nmix_prpr"])
    assert low <= min(opened, last) <= max(opened, last) <= high
    assert float(found["dryy_bstp_nmix_lwpr"]) <= low
    assert high <= float(found["dryy_bstp_nmix_hgpr"])
    base = last - float(found["bstp_nmix_prdy_vrss"])
    assert abs(float(found["prdy_nmix_vrss_nmix_oprc"]) - (opened - base)) < 0.006
    level = float(found["dryy_bstp_nmix_hgpr"])
    assert abs(float(found["dryy_hgpr_vrss_prpr_rate"]) - (level - last) * 100 / level) < 0.006
    assert int(found["ntby_rsqn"]) == int(found["total_bidp_rsqn"]) - int(found["total_askp_rsqn"])
    assert abs(float(found["seln_rsqn_rate"]) + float(found["shnu_rsqn_rate"]) - 100) < 0.011


def test_the_chart_of_an_index_ends_in_the_present(visitor: Visitor) -> None:
    present, body = index(visitor), chart(visitor)
    rows = body["output2"]
    assert len(rows) == 50
    days = [row["stck_bsop_date"] for row in rows]
    assert days == sorted(set(days), reverse=True)
    for name in ("prpr", "oprc", "hgpr", "lwpr"):
        assert rows[0][f"bstp_nmix_{name}"] == body["output1"][f"bstp_nmix_{name}"]
        assert rows[0][f"bstp_nmix_{name}"] == present[f"bstp_nmix_{name}"]
    assert rows[0]["acml_vol"] == present["acml_vol"]
    assert rows[1]["bstp_nmix_prpr"] == body["output1"]["prdy_nmix"]
    assert rows[1]["acml_vol"] == present["prdy_vol"] == body["output1"]["prdy_vol"]
    for row in rows:
        levels = [float(row[f"bstp_nmix_{name}"]) for name in ("lwpr", "oprc", "prpr", "hgpr")]
        assert levels[0] <= min(levels[1:3]) <= max(levels[1:3]) <= levels[3]


@pytest.mark.parametrize(("period", "most"), [("W", 50), ("M", 25), ("Y", 3)])
def test_longer_bars_of_an_index_hold_the_days(visitor: Visitor, period: str, most: int) -> None:
    rows = chart(visitor, FID_PERIOD_DIV_CODE=period, FID_INPUT_DATE_1="20200101")["output2"]
    assert 2 < len(rows) <= most or period == "Y"
    daily = chart(visitor)["output2"]
    newest = rows[0]
    assert newest["bstp_nmix_prpr"] == daily[0]["bstp_nmix_prpr"]
    if period == "W":
        week = [row for row in daily if row["stck_bsop_date"] >= "20261123"]
        assert newest["bstp_nmix_hgpr"] == max(row["bstp_nmix_hgpr"] for row in week)
        assert newest["bstp_nmix_oprc"] == week[-1]["bstp_nmix_oprc"]


def test_a_finished_day_stays_as_it_was(indices: Indices) -> None:
    closed = NOW.replace(hour=16)
    today = indices.quote("1001", closed).bar
    (later,) = indices.daily_bars("1001", today.day, today.day, closed + timedelta(days=2))
    assert later[:5] == today[:5]
    assert later.volume == today.volume


def test_an_index_never_takes_back_its_high(indices: Indices) -> None:
    highs, lows = [], []
    for minutes in range(0, 380, 60):
        bar = indices.quote("1001", NOW.replace(hour=9, minute=0) + timedelta(minutes=minutes)).bar
        highs.append(bar.high)
        lows.append(bar.low)
    assert highs == sorted(highs)
    assert lows == sorted(lows, reverse=True)


def test_other_sectors_get_zeros_and_other_divisions_a_refusal(visitor: Visitor) -> None:
    assert set(index(visitor, "0005").values()) <= {"0", ""}
    assert chart(visitor, "0005")["output2"] == []
    body = visitor.ask(
        "domestic_stock.inquire_index_price", **SECTOR | {"FID_COND_MRKT_DIV_CODE": "J"}
    ).json()
    assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2001")
    assert chart(visitor, FID_PERIOD_DIV_CODE="Q")["msg_cd"] == "OPSQ2001"


def test_on_paper_an_index_has_a_chart_but_no_price() -> None:
    paper = at(NOW, "paper")
    assert chart(paper)["output2"]
    response = paper.ask("domestic_stock.inquire_index_price", **SECTOR)
    assert response.json()["msg_cd"] == "EGW02006"


def test_an_index_among_the_watched(visitor: Visitor) -> None:
    fields = {
        "FID_COND_MRKT_DIV_CODE_1": "J",
        "FID_INPUT_ISCD_1": "005930",
        "FID_COND_MRKT_DIV_CODE_2": "U",
        "FID_INPUT_ISCD_2": "0001",
        "FID_COND_MRKT_DIV_CODE_3": "U",
        "FID_INPUT_ISCD_3": "005930",
    }
    blank = {f"{name}_{n}": "" for n in range(4, 31) for name in ("FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD")}
    share, sector, neither = visitor.ask("domestic_stock.intstock_multprice", **fields | blank).json()[
        "output"
    ]
    present = index(visitor)
    assert share["inter2_prpr"] == str(MARKET.quote("005930", NOW).price)
    assert (sector["kospi_kosdaq_cls_name"], sector["inter_kor_isnm"]) == ("업종", "종합")
    assert sector["inter2_prpr"] == present["bstp_nmix_prpr"]
    assert sector["prdy_ctrt"] == present["bstp_nmix_prdy_ctrt"]
    assert sector["inter2_askp"] == ""
    assert neither["inter2_prpr"] == "0"
