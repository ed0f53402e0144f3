"""Every answer that KIS documents by an example, read as a call by name and as its typed call reads it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import kis_sync.api
from kis_sync.api.any_endpoint import call
from kis_sync.api.domestic_stock.assets import get_assets, get_margin
from kis_sync.api.domestic_stock.balance import get_balance
from kis_sync.api.domestic_stock.buyable import get_buyable
from kis_sync.api.domestic_stock.cash_order import Receipt, cash_order_call
from kis_sync.api.domestic_stock.change_order import change_call
from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.minute_chart import get_minute_chart
from kis_sync.api.domestic_stock.open_orders import read_open_orders
from kis_sync.api.domestic_stock.order_book import get_order_book
from kis_sync.api.domestic_stock.order_type import Limit, Side
from kis_sync.api.domestic_stock.price import get_price
from kis_sync.api.domestic_stock.profits import get_daily_profit, get_realized_profit
from kis_sync.api.domestic_stock.reserved_order import (
    ReservedReceipt,
    cancel_reserved_call,
    get_reserved_orders,
    read_reserved_change,
    reserve_call,
)
from kis_sync.api.domestic_stock.rights import get_rights
from kis_sync.api.domestic_stock.sellable import get_sellable
from kis_sync.catalog import Call, endpoint, find, response_fields
from kis_sync.market.exchanges import Exchange
from tests.asking import StubAsker

EXAMPLES = Path(__file__).parents[2] / "shared" / "kis" / "examples.json"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the facts are not beside this checkout")

D = "domestic_stock."
TYPED: dict[str, Callable[[StubAsker], Any]] = {
    D + "inquire_price": lambda asker: get_price(asker, "128940"),
    D + "inquire_asking_price_exp_ccn": lambda asker: get_order_book(asker, "005930"),
    D + "inquire_time_itemchartprice": lambda asker: get_minute_chart(asker, "005930", time(15)),
    D + "inquire_daily_itemchartprice": lambda asker: get_daily_chart(asker, "005930"),
    D + "inquire_balance": lambda asker: get_balance(asker, complete=False),
    D + "inquire_balance_rlz_pl": get_balance,
    D + "inquire_account_balance": get_assets,
    D + "intgr_margin": get_margin,
    D + "inquire_period_trade_profit": get_realized_profit,
    D + "inquire_period_profit": get_daily_profit,
    D + "inquire_psbl_order": lambda asker: get_buyable(asker, "005930"),
    D + "inquire_psbl_sell": lambda asker: get_sellable(asker, "005930"),
}
"""Calls that give one model of the whole answer."""

LISTS: dict[str, Callable[[StubAsker], Sequence[Any]]] = {
    D + "inquire_daily_ccld": get_executions,
    D + "inquire_psbl_rvsecncl": read_open_orders,
    D + "order_resv_ccnl": get_reserved_orders,
    D + "period_rights": get_rights,
}
"""Calls that give a model for each row of the answer's only list."""

RECEIPTS: dict[str, Callable[[StubAsker], Mapping[str, str]]] = {
    D + "order_cash": lambda asker: receipt(
        asker, cash_order_call(asker.account, "005930", Side.BUY, 1, Limit(70_000), Exchange.KRX)
    ),
    D + "order_rvsecncl": lambda asker: receipt(
        asker, change_call(asker.account, "0000000001", "06010", Exchange.KRX, Limit(70_000), None)
    ),
    D + "order_resv": lambda asker: {
        "RSVN_ORD_SEQ": str(
            ReservedReceipt.read(
                asker.ask(reserve_call(asker.account, "005930", Side.BUY, 1, Limit(70_000)))
            ).number
        )
    },
    D + "order_resv_rvsecncl": lambda asker: {
        "NRML_PRCS_YN": "NY"[read_reserved_change(asker.ask(cancel_reserved_call(asker.account, 1)))]
    },
}
"""Orders, which give but the fields of their receipt, here under KIS's names."""


def receipt(asker: StubAsker, order: Call) -> dict[str, str]:
    read = Receipt.read(asker.ask(order))
    told = {"KRX_FWDG_ORD_ORGNO": read.branch, "ODNO": read.number}
    return told if read.accepted_at is None else {**told, "ORD_TMD": f"{read.accepted_at:%H%M%S}"}


@cache
def examples() -> dict[str, dict[str, Any]]:
    """The documented answers by the name of their API."""
    loaded: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    answers = {}
    for title, example in loaded.items():
        known = find(title.partition(" ")[0])
        assert known is not None, title
        answers[known.name] = example["response"]
    return answers


def filled(name: str) -> dict[str, str]:
    fields = {}
    for parameter in endpoint(name).params:
        listed = [value for value in parameter.values if value]
        fields[parameter.name] = listed[0] if listed else "1"
    return fields


def leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], object]]:
    """Every field that has a value."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from leaves(each, (*path, at))
    elif str(value).strip():
        yield path, value


# Documented as lists; their examples show one empty object, and one object that holds columns.
ODD_EXAMPLES = ("overseas_stock.inquire_ccnl", "domestic_futureoption.inquire_balance")

NAMES = sorted(examples()) if EXAMPLES.exists() else []


@pytest.mark.parametrize("name", NAMES)
def test_reads_as_a_call_by_name(name: str) -> None:
    asker, example = StubAsker(examples()[name]), examples()[name]
    known = endpoint(name)
    variant = next(iter(known.tr_ids), "")
    answer = call(asker, name, filled(name), variant=variant)
    assert dict(leaves(dict(answer))) == dict(leaves(example))
    for output in [each for each in example if "output" in each.lower()]:
        rows = example[output] if isinstance(example[output], list) else [example[output]]
        assert list(answer.rows(output)) == [row for row in rows if row]


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_knows_its_outputs_and_their_shapes(name: str) -> None:
    example, known = examples()[name], endpoint(name)
    shown = {each: value for each, value in example.items() if isinstance(value, (dict, list))}
    if known.free_body or name in ODD_EXAMPLES:
        return
    documented = {each.lower(): shape for each, shape in known.outputs.items()}
    for output, value in shown.items():
        assert documented[output.lower()] == ("list" if isinstance(value, list) else "object"), output
    fields = response_fields(name)
    for cursor in known.cursor:
        assert cursor.lower() in {each.lower() for each in fields[""]}


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(TYPED)))
def test_reads_as_a_typed_call_without_losing_a_field(name: str) -> None:
    example, asker = examples()[name], StubAsker(examples()[name])
    read = TYPED[name](asker)
    assert [each.endpoint.name for each in asker.calls] == [name]
    kept = dict(leaves(read.raw))
    for path, value in leaves(example):
        if path[0] in read.raw:
            assert kept[path] == value
        else:  # the model keeps its one output
            assert path[0] in ("rt_cd", "msg_cd", "msg1") or kept[path[1:]] == value
    assert some_values(read)


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(LISTS)))
def test_reads_as_a_list_without_losing_a_row_or_a_field(name: str) -> None:
    example, asker = examples()[name], StubAsker(examples()[name])
    read = LISTS[name](asker)
    assert [each.endpoint.name for each in asker.calls] == [name]
    (rows,) = [value for value in example.values() if isinstance(value, list)]
    assert [dict(each.raw) for each in read] == rows
    assert all(map(some_values, read))


@pytest.mark.parametrize("name", sorted(set(NAMES) & set(RECEIPTS)))
def test_reads_as_a_receipt_without_losing_a_field(name: str) -> None:
    asker = StubAsker(examples()[name])
    assert RECEIPTS[name](asker) == examples()[name]["output"]
    assert [each.endpoint.name for each in asker.calls] == [name]


def some_values(model: object) -> bool:
    """Whether a good part of the model's fields has a value."""
    assert dataclasses.is_dataclass(model)
    fields = [each.name for each in dataclasses.fields(model) if each.name != "raw"]
    return sum(getattr(model, name) not in (None, "", ()) for name in fields) >= len(fields) * 2 / 3


def test_no_typed_call_is_missing_above() -> None:
    api = Path(kis_sync.api.__file__).parent
    asked = {
        name
        for source in api.rglob("*.py")
        for name in re.findall(r'endpoint\(\s*"([\w.]+)"', source.read_text(encoding="utf-8"))
    }
    assert sorted(asked) == sorted([*TYPED, *LISTS, *RECEIPTS])
