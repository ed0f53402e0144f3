from __future__ import annotations

import itertools

import pytest

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    Condition,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    SinglePrice,
    StopLimit,
    order_type,
    type_fault,
)
from kis_sync.catalog import Mode
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange

KINDS: dict[str, OrderType] = {
    "00": Limit(70_000),
    "01": Market(),
    "02": ConditionalLimit(70_000),
    "03": Best(),
    "04": First(),
    "05": BeforeOpen(70_000),
    "06": AfterClose(),
    "07": SinglePrice(70_000),
    "11": Limit(70_000, "IOC"),
    "12": Limit(70_000, Condition.FOK),
    "13": Market("ioc"),
    "14": Market("FOK"),
    "15": Best("IOC"),
    "16": Best("FOK"),
    "21": Midpoint(),
    "22": StopLimit(70_000, 69_000),
    "23": Midpoint("IOC"),
    "24": Midpoint("FOK"),
}
# KIS's table of ORD_DVSN, written down once more: code, KRX, NXT, SOR, paper.
TABLE = """
00 y y y y | 01 y - y y | 02 y - - y | 03 y y y y | 04 y y y y | 05 y - - - | 06 y - - - | 07 y - - -
11 y y y - | 12 y y y - | 13 y y y - | 14 y y y - | 15 y y y - | 16 y y y -
21 y y - - | 22 y y - - | 23 y y - - | 24 y y - -
"""
ROWS = [row.split() for row in TABLE.replace("\n", "|").split("|") if row.strip()]


@pytest.mark.parametrize("code", KINDS)
def test_each_code_there_and_back(code: str) -> None:
    kind = KINDS[code]
    assert kind.code == code
    assert order_type(code, kind.won, kind.trigger_won) == kind


def test_the_table_is_whole() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(KINDS)


@pytest.mark.parametrize(("row", "place"), list(itertools.product(ROWS, range(1, 5))))
def test_who_takes_what(row: list[str], place: int) -> None:
    exchange = [Exchange.KRX, Exchange.NXT, Exchange.SOR, Exchange.KRX][place - 1]
    mode = Mode.PAPER if place == 4 else Mode.LIVE
    assert (type_fault(KINDS[row[0]], exchange, mode) is None) is (row[place] == "y")


@pytest.mark.parametrize("exchange", [Exchange.NXT, Exchange.SOR])
def test_paper_knows_krx_only(exchange: Exchange) -> None:
    assert (
        type_fault(Limit(70_000), exchange, Mode.PAPER)
        == f"paper trading knows KRX only, not {exchange.value}"
    )


def test_an_order_type_that_a_list_cannot_tell() -> None:
    assert order_type("00", None) is None
    assert order_type("41", 70_000) is None


def test_conditions_that_are_none() -> None:
    with pytest.raises(InvalidRequestError, match="condition must be"):
        Limit(70_000, "DAY")


def test_as_people_say_it() -> None:
    said = [str(KINDS[code]) for code in ("00", "11", "01", "06", "22", "24")]
    assert said == [
        "limit 70,000 won",
        "limit 70,000 won IOC",
        "market",
        "after close",
        "stop limit 70,000 won at 69,000 won",
        "midpoint FOK",
    ]
