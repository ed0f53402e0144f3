"""Every answer that KIS documents by an example, read as a call by name and as its typed call reads it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import kis_sync.api
from kis_sync.api.any_endpoint import call
from kis_sync.api.domestic_stock.balance import get_balance
from kis_sync.api.domestic_stock.cash_order import OrderKind, Side, cash_order
from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
from kis_sync.api.domestic_stock.minute_chart import get_minute_chart
from kis_sync.api.domestic_stock.order_book import get_order_book
from kis_sync.api.domestic_stock.price import get_price
from kis_sync.catalog import endpoint, find, response_fields
from tests.asking import StubAsker

EXAMPLES = Path(__file__).parents[2] / "shared" / "kis" / "examples.json"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the facts are not beside this checkout")

D = "domestic_stock."
TYPED: dict[str, Callable[[StubAsker], Any]] = {
    D + "inquire_price": lambda asker: get_price(asker, "128940"),
    D + "inquire_asking_price_exp_ccn": lambda asker: get_order_book(asker, "005930"),
    D + "inquire_balance": get_balance,
    D + "inquire_time_itemchartprice": lambda asker: get_minute_chart(asker, "005930", time(15)),
    D + "inquire_daily_itemchartprice": lambda asker: get_daily_chart(asker, "005930"),
    D + "order_cash": lambda asker: cash_order(asker, "005930", Side.BUY, 1, OrderKind.LIMIT, 70_000),
}


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
    example = examples()[name]
    read = TYPED[name](StubAsker(example))
    kept = dict(leaves(read.raw))
    for path, value in leaves(example):
        if path[0] in read.raw:
            assert kept[path] == value
        else:  # the model keeps its one output
            assert path[0] in ("rt_cd", "msg_cd", "msg1") or kept[path[1:]] == value
    assert some_values(read)


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
    assert asked == set(TYPED)
