"""The table of listings: whole, plausible, and true to the master files where those are at hand."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kis_sync.market.price_limits import price_limits
from kis_sync.market.ticks import Listing, is_on_tick
from kis_sync.sim.prices.listings import ListingInfo, load_listings

MASTERS = Path(os.environ.get("KIS_MASTER_FILES", "no-master-files"))
"""A folder with kospi_code.mst and kosdaq_code.mst, as KIS publishes them."""
TAILS = {"KOSPI": ("kospi_code.mst", 227), "KOSDAQ": ("kosdaq_code.mst", 221)}

LISTINGS = load_listings()
SHOWN_FIRST = LISTINGS[:100]


def _ids(info: ListingInfo) -> str:
    return info.code


def test_there_are_enough_and_the_famous_come_first() -> None:
    assert len(LISTINGS) >= 130
    assert [(info.code, info.name) for info in LISTINGS[:2]] == [
        ("005930", "삼성전자"),
        ("000660", "SK하이닉스"),
    ]
    assert len({info.code for info in LISTINGS}) == len({info.isin for info in LISTINGS}) == len(LISTINGS)


def test_the_first_hundred_are_ordinary_stocks_of_both_markets() -> None:
    assert {info.kind for info in SHOWN_FIRST} == {Listing.STOCK}
    assert {info.market for info in SHOWN_FIRST} == {"KOSPI", "KOSDAQ"}
    assert not any(info.halted or info.newly_listed for info in SHOWN_FIRST)


def test_odd_cases_are_there() -> None:
    assert sum(info.kind is Listing.FUND for info in LISTINGS) >= 8
    assert sum(not info.code.isdigit() for info in LISTINGS) >= 3
    assert {info.name for info in LISTINGS} >= {"삼성전자우", "KODEX 200"}
    assert [sum(info.halted for info in LISTINGS), sum(info.newly_listed for info in LISTINGS)] == [1, 1]
    assert min(info.average_volume for info in LISTINGS) < 100


@pytest.mark.parametrize("info", LISTINGS, ids=_ids)
def test_each_is_plausible(info: ListingInfo) -> None:
    assert re.fullmatch(r"[0-9A-Z]{6}", info.code)
    assert _has_valid_check_digit(info.isin)
    assert info.market in TAILS
    assert info.name
    assert info.sector
    assert info.price >= 1_000
    assert is_on_tick(info.price, info.kind)
    assert price_limits(info.price, info.kind).upper > info.price
    assert (info.par == 0) == (info.kind is Listing.FUND)
    assert 0 < info.average_volume <= info.listed_shares
    assert 0 < info.volatility < 6
    assert -1 <= info.beta <= 1.5


def _has_valid_check_digit(isin: str) -> bool:
    """ISO 6166: letters become two digits, every second digit from the right is doubled."""
    digits = [int(d) for letter in isin for d in str(int(letter, 36))]
    doubled = [d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(reversed(digits))]
    return len(isin) == 12 and sum(doubled) % 10 == 0


@pytest.mark.skipif(not MASTERS.is_dir(), reason="KIS_MASTER_FILES names no folder")
@pytest.mark.parametrize("market", TAILS)
def test_codes_names_and_isins_are_the_exchanges_own(market: str) -> None:
    name, tail = TAILS[market]
    heads = [line[:-tail] for line in (MASTERS / name).read_bytes().splitlines()]
    real = {
        head[:9].decode().strip(): (head[9:21].decode(), head[21:].decode("cp949").strip()) for head in heads
    }
    ours = {info.code: (info.isin, info.name) for info in LISTINGS if info.market == market}
    assert ours == {code: real.get(code) for code in ours}
