"""What a user can ask for, found rather than listed: every typed call, and every API by its name.

A function of ``kis_sync.api`` whose first parameter is ``caller`` is a call; its arguments are made up from
their names. A name that nobody knows a value for is an error, so that no new call is forgotten. This room
changes when calls take another kind of argument.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import kis_sync.api
from kis_sync import catalog
from kis_sync.api.domestic_stock.cash_order import OrderKind, Side
from kis_sync.caller import Caller
from kis_sync.catalog import Effect, Endpoint, Mode
from kis_sync.orders.desk import OrderDesk
from kis_sync.orders.request import OrderRequest
from tests.fuzz import telltale

TODAY = date(2026, 11, 24)
ARGUMENTS: dict[str, Any] = {
    "code": "005930",
    "side": Side.BUY,
    "quantity": 10,
    "kind": OrderKind.LIMIT,
    "price": 70_000,
    "start": TODAY - timedelta(30),
    "end": TODAY,
    "number": "0000000001",
    "branch": "06010",
    "order_number": "0000000001",
}
"""Arguments of typed calls by the name of their parameter."""

_FIELDS = {
    "CANO": telltale.ACCOUNT, "ACNT_PRDT_CD": "01", "PDNO": "005930", "FID_COND_MRKT_DIV_CODE": "J",
    "FID_INPUT_ISCD": "005930", "ORD_QTY": "1", "ODNO": "0000000001", "FID_PERIOD_DIV_CODE": "D",
    "FID_ORG_ADJ_PRC": "0", "FID_INPUT_HOUR_1": "103000", "PRDT_TYPE_CD": "300", "ORD_DVSN": "00",
    "QTY_ALL_ORD_YN": "Y", "BASS_DT": "20261124", "FID_INPUT_DATE_1": "20261102",
    "FID_INPUT_DATE_2": "20261124", "FID_COND_MRKT_DIV_CODE_1": "J", "FID_INPUT_ISCD_1": "005930",
    "TOKEN": telltale.ACCESS_TOKEN,
}  # fmt: skip
_KEYS = ("grant_type", "appkey", "appsecret", "secretkey")  # the caller's own


@dataclass(frozen=True)
class Operation:
    """One thing to ask for, of a caller."""

    name: str
    ask: Callable[[Caller], object]
    is_typed: bool = True


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """The package and every module below it."""
    yield package
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield import_module(found.name)


def _calls(module: ModuleType) -> Iterator[Callable[..., object]]:
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        if next(iter(inspect.signature(value).parameters), "") == "caller":
            yield value


def _arguments(function: Callable[..., object]) -> dict[str, Any]:
    """What the function must be given besides its caller."""
    _, *parameters = inspect.signature(function).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty]
    unknown = set(needed) - ARGUMENTS.keys()
    if unknown:
        raise LookupError(f"{function.__module__}.{function.__name__}: no argument for {sorted(unknown)}")
    return {name: ARGUMENTS[name] for name in needed}


def typed_calls() -> Iterator[Operation]:
    """Every function of ``kis_sync.api`` that asks for something, and the desk and the keys above them."""
    for module in modules(kis_sync.api):
        for function in _calls(module):
            if function.__module__ == "kis_sync.api.any_endpoint":
                continue  # below, once for each API
            arguments = _arguments(function)
            yield Operation(function.__name__, partial(_ask, function, arguments))
    yield Operation("desk", _place)
    yield Operation("revoke", lambda caller: caller.revoke_access_token())


def _place(caller: Caller) -> object:
    return OrderDesk(caller).place(OrderRequest.checked(ARGUMENTS["code"], "BUY", 10, ARGUMENTS["price"]))


def _ask(function: Callable[..., object], arguments: dict[str, Any], caller: Caller) -> object:
    return function(caller, **arguments)


def calls_by_name(mode: Mode) -> Iterator[Operation]:
    """Every API of the catalogue that ``mode`` has, asked for by its name."""
    from kis_sync.api.any_endpoint import call

    for name in catalog.endpoints():
        known = catalog.endpoint(name)
        variants = [each for each, ids in known.tr_ids.items() if ids[mode is Mode.PAPER] is not None] or [""]
        if known.tr_ids and variants == [""] and "" not in known.tr_ids:
            continue
        if known.tr_ids and known.tr_ids.get(variants[0], (None, None))[mode is Mode.PAPER] is None:
            continue
        yield Operation(f"call {name}", partial(_call, call, known, variants[0]), is_typed=False)


def fields_of(known: Endpoint) -> dict[str, str]:
    """A value for every field of an API: a usual one, the first listed, or something short."""
    made = {}
    for each in known.params:
        value = _field(each.name.upper()) or ("" if each.blank else "1")
        if each.values and value not in each.values:
            value = each.values[0]
        made[each.name] = value[: each.length or None]
    return {name: value for name, value in made.items() if name not in _KEYS}


def _field(name: str) -> str | None:
    argument = {"ORD_UNPR": "price", "ORGN_ODNO": "number", "KRX_FWDG_ORD_ORGNO": "branch"}.get(name)
    return str(ARGUMENTS[argument]) if argument else _FIELDS.get(name)


def _call(call: Callable[..., Any], known: Endpoint, variant: str, caller: Caller) -> object:
    has_pages = known.effect is Effect.READ and (known.cursor or known.continues)
    pages = 3 if has_pages else 1
    answer = call(caller, known.name, variant=variant, pages=pages, **fields_of(known))
    for name in (None, *known.outputs):
        try:
            list(answer.rows(name))
        except kis_sync.KISError:
            continue  # an answer without that output; anything else is a finding
    return answer
