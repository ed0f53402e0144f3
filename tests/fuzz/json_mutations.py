"""Mutations of JSON: a tree is bent, or its text is, always the same way for the same random numbers.

This room changes when there is another way to bend JSON.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

from tests.fuzz import telltale

Tree = Any
_RAW = "\x01raw:"  # a string that starts so stands for literal text of JSON
_MARKED = re.compile(r'"\\u0001raw:((?:[^"\\]|\\.)*)"')

_LITERALS = (
    "1e999", "-1e999", "1E400", "-0", "-0.0", "0.1e-400", "NaN", "Infinity", "-Infinity", "1" * 50,
    "9" * 400, "9" * 5000, "1." + "3" * 60, "01", "+1", ".5", "1.", "0x10", "True", "nul", "'x'",
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\x"', "[" * 30 + "]" * 30,
    '{"a":' * 30 + "1" + "}" * 30, "[1,]", "{,}", "",
)  # fmt: skip
_DEEP = ("[" * 100_000, '{"a":' * 50_000, "[" * 300 + "]" * 300, "[" * 5_000 + "]" * 5_000)
STRINGS = (
    "", " ", "-", "+", "--1", "-0", "+0", "0", "00", "-1", "-100", "+5", "1e5", "1E400", "-1e-400", "1e-41",
    "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", "_1", "１２", "٣", "²", "0x10", "1,000", "1 000",
    "1.0", "1.5", "-0.5", "1e2", "9" * 19, "9" * 40, "9" * 41, "0" * 41, "1." + "0" * 45, "00000000",
    "99999999", "20261332", "20260230", "00010101", "99991231", "19700101", "235960", "246060", "240000",
    "000000", "-00001", "abc", "한글 종목", "\x00", "\u202e", "\ufeff1", "\u00a012", "\ud7ff", "0" * 300,
    "true", "null", "[]", "Y", "58", "F", "\n1\n", "1\x00",
)  # fmt: skip
_OTHERS: tuple[Tree, ...] = (
    None, True, False, 0, 1, -1, 1.5, -0.0, 2**63, -(2**64), 10**40, float("nan"), float("inf"), [], {},
    [[]], [{}], [None], {"": ""}, ["x"], [1, 2], {"stck_prpr": "1"}, [{"pdno": "005930"}],
)  # fmt: skip
_ENVELOPE = (
    "rt_cd",
    "msg_cd",
    "msg1",
    "error_code",
    "error_description",
    "msg",
    "output",
    "output1",
    "output2",
)
CODES = (
    "EGW00201", "EGW00215", "EGW00121", "EGW00123", "EGW00133", "EGW00103", "EGW00304", "EGW00301",
    "SYDB0050", "APBK0952", "APBK0919", "40650000", "IGW00007", "OPSQ2000", "XYZ00001", "MCA00000", "", " ",
    "12345678",
)  # fmt: skip


def odd_value(rng: random.Random) -> Tree:
    """Something that seldom stands in an answer."""
    way = rng.randrange(100)
    if way < 45:
        return rng.choice(STRINGS)
    if way < 65:
        return copy.deepcopy(rng.choice(_OTHERS))  # what is bent next may be this
    if way < 80:
        return _RAW + rng.choice(_LITERALS)
    if way < 81:
        return _RAW + rng.choice(_DEEP)
    if way < 83:
        return "장" * rng.choice((100, 5_000, 60_000))
    return secret_value(rng)


def secret_value(rng: random.Random) -> Tree:
    """A secret as a value: text in some guise, or the account as a number."""
    way = rng.randrange(10)
    if way == 0:
        return int(telltale.ACCOUNT)
    if way == 1:
        return float(telltale.ACCOUNT)
    text = telltale.guise(rng)
    if way < 5:
        return _RAW + telltale.escaped(rng, text)
    return [text] if way == 5 else text


def _containers(tree: Tree) -> list[Tree]:
    found: list[Tree] = []
    pending: list[Tree] = [tree]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            found.append(each)
            pending.extend(each.values())
        elif isinstance(each, list):
            found.append(each)
            pending.extend(each)
    return found


def _spot(rng: random.Random, tree: Tree) -> tuple[Tree, Any] | None:
    """A container and one of its keys; the outermost one and the outputs come up often."""
    containers = [each for each in _containers(tree) if each]
    if not containers:
        return None
    where = containers[0] if rng.random() < 0.25 else rng.choice(containers)
    return where, rng.choice(list(where)) if isinstance(where, dict) else rng.randrange(len(where))


def _set(rng: random.Random, where: Tree, key: Any) -> None:
    where[key] = odd_value(rng)


def _drop(rng: random.Random, where: Tree, key: Any) -> None:
    del where[key]


def _retype(rng: random.Random, where: Tree, key: Any) -> None:
    value = where[key]
    if isinstance(value, str):
        number = rng.random() < 0.5 and value.strip().lstrip("-").isdecimal() and len(value) < 40
        where[key] = (
            int(value) if number else rng.choice(([value], {"value": value}, value + " ", _RAW + value))
        )
    elif isinstance(value, list):
        where[key] = value[0] if value and rng.random() < 0.7 else dict(enumerate(map(str, value[:3])))
    else:
        where[key] = [value] if isinstance(value, dict) else str(value)


def _rename(rng: random.Random, where: Tree, key: Any) -> None:
    if isinstance(where, dict):
        change: Callable[[str], str] = rng.choice((str.upper, str.lower, str.capitalize, str.swapcase))
        where[change(str(key))] = where.pop(key)


def _twice(rng: random.Random, where: Tree, key: Any) -> None:
    if isinstance(where, list):
        where += [where[key]] * (
            rng.choice((1, 2, 120)) if isinstance(where[key], str) or len(where) < 5 else 1
        )
    else:
        where[str(key).upper()] = odd_value(rng)


def _secret_key(rng: random.Random, where: Tree, key: Any) -> None:
    if isinstance(where, dict):
        where[rng.choice(("", "output", "output1")) + telltale.guise(rng)] = where[key]


def _more(rng: random.Random, where: Tree, key: Any) -> None:
    if isinstance(where, list):
        where.insert(key, odd_value(rng))
    else:
        where[rng.choice(_ENVELOPE)] = odd_value(rng)


def _swap(rng: random.Random, where: Tree, key: Any) -> None:
    keys = list(where) if isinstance(where, dict) else list(range(len(where)))
    other = rng.choice(keys)
    where[key], where[other] = where[other], where[key]


def _secret(rng: random.Random, where: Tree, key: Any) -> None:
    where[key] = secret_value(rng)


_CHANGES = (_set, _set, _set, _drop, _retype, _rename, _twice, _secret_key, _more, _swap, _secret)


def bend(rng: random.Random, tree: Tree) -> Tree:
    """The tree with one thing changed; it may be changed in place."""
    way = rng.random()
    if way < 0.03:
        return odd_value(rng)
    if way < 0.06:
        return rng.choice(([tree], {"output": tree}, {"body": tree}, [tree, tree]))
    spot = _spot(rng, tree)
    if spot is None:
        return odd_value(rng)
    rng.choice(_CHANGES)(rng, *spot)
    return tree


def bend_envelope(rng: random.Random, tree: Tree) -> Tree:
    """The tree with its verdict changed: another code, another word for success, a secret in the message."""
    if not isinstance(tree, dict):
        return tree
    name = rng.choice(_ENVELOPE)
    way = rng.random()
    if name == "rt_cd":
        tree[name] = rng.choice(
            ("0", "1", "2", "7", "", " 0", "0 ", 0, 1, -1, True, False, None, "00", [], 0.0)
        )
    elif name in ("msg_cd", "error_code") and way < 0.7:
        tree["rt_cd"] = rng.choice(("1", "7", "0"))
        tree[name] = rng.choice(CODES)
    elif name in ("msg1", "error_description", "msg") and way < 0.5:
        tree["rt_cd"] = rng.choice(("1", "7", 1, ""))
        tree[name] = telltale.guise(rng)
    else:
        tree[name] = odd_value(rng)
    return tree


def text_of(rng: random.Random, tree: Tree) -> str:
    """The tree as JSON text, its literals as they are; now and then with a key twice."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.2)
    if "\\u0001raw:" in text:
        text = _MARKED.sub(lambda found: str(json.loads(f'"{found[1]}"')), text)
    if rng.random() < 0.03 and text.startswith("{"):
        text = '{"rt_cd":"1","output":null,' + text[1:]
    return text
