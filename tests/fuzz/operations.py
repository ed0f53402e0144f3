"""What a user can ask for, found rather than listed: every typed call, all of trading, every API by its name.

A function of ``kis_sync.api`` whose first parameter is ``caller`` is a call, one of ``kis_sync.orders`` whose
first parameter is ``trader`` trades; their arguments are made up from their names. A name that nobody knows a
value for is an error, so that no new call is forgotten. This room changes when calls take another kind of
argument.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import kis_sync.api
import kis_sync.orders
from kis_sync import catalog
from kis_sync.api.domestic_stock.order_type import Limit, Side
from kis_sync.catalog import Effect, Endpoint, Mode
from kis_sync.errors import OrderUncertainError
from kis_sync.orders.trading import buy
from tests.fuzz import telltale
from tests.fuzz.client import Client

TODAY = date(2026, 11, 24)
OURS, LOST, AGAIN = "ours", "lost", "again"
"""What orders of ours are called: one that rests, one that is uncertain, one that is asked for twice."""

ARGUMENTS: dict[str, Any] = {
    "code": "005930",
    "stock_code": "005930",
    "side": Side.BUY,
    "order_type": "BUY",
    "quantity": 5,
    "kind": Limit(70_000),
    "price": 70_000,
    "resting_price": 69_000,
    "other_price": 69_100,
    "start": TODAY - timedelta(30),
    "end": TODAY,
    "branch": "06010",
    "our_number": "0000000001",
    "our_quantity": 2,
    "lost_number": "0000000002",
    "lost_quantity": 3,
    "their_number": "0000000003",
    "reservation": 1,
}
"""Arguments of typed calls by the name of their parameter, and what others are made from."""


def _variants() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """What trading is asked for otherwise than by the names of parameters, by what that is called."""
    theirs, number = ARGUMENTS["their_number"], ARGUMENTS["reservation"]
    return {
        "modify_order": {
            "": {"order": OURS, "price": ARGUMENTS["other_price"]},
            " (theirs)": {"order": theirs, "price": ARGUMENTS["other_price"]},
        },
        "cancel_order": {"": {"order": OURS}, " (theirs)": {"order": theirs, "quantity": 1}},
        "get_order": {"": {"order": OURS}, " (theirs)": {"order": theirs}, " (lost)": {"order": LOST}},
        "wait_for_fill": {"": {"order": OURS, "timeout": 2.0}},
        "recover": {"": {}, " (waits)": {"wait": True}},
        "settle_order": {"": {"client_order_id": LOST, "number": ARGUMENTS["lost_number"]}},
        "amend_reserved_order": {"": {"number": number}},
        "cancel_reserved_order": {"": {"number": number}},
    }


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
    """One thing to ask for, of a client; ``trades`` when it is asked of the desk."""

    name: str
    ask: Callable[[Client], object]
    is_typed: bool = True
    trades: bool = False

    @property
    def is_by_hand(self) -> bool:
        """Whether a user settles by it what nobody knows."""
        return "settle_order" in self.name

    @property
    def is_reserving(self) -> bool:
        """Whether it is about reserved orders, which are taken when the market is closed."""
        return "reserv" in self.name


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """The package and every module below it."""
    yield package
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield import_module(found.name)


def _calls(module: ModuleType, first: str) -> Iterator[Callable[..., object]]:
    """The functions of a module for users whose first parameter has that name."""
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        if next(iter(inspect.signature(value).parameters), "") == first:
            yield value


def _arguments(function: Callable[..., object], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the function must be given besides its caller, and what it is given."""
    known = {**ARGUMENTS, **(given or {})}
    _, *parameters = inspect.signature(function).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty or each.name in (given or {})]
    unknown = set(needed) - known.keys()
    if unknown:
        raise LookupError(f"{function.__module__}.{function.__name__}: no argument for {sorted(unknown)}")
    return {name: known[name] for name in needed}


def typed_calls() -> Iterator[Operation]:
    """Every function of ``kis_sync.api`` that asks for something, all of trading, and the keys above them."""
    for module in modules(kis_sync.api):
        for function in _calls(module, "caller"):
            if function.__module__ == "kis_sync.api.any_endpoint":
                continue  # below, once for each API
            yield Operation(function.__name__, partial(_ask, function, _arguments(function)))
    for module in modules(kis_sync.orders):
        for function in _calls(module, "trader"):
            yield from _trades(function)
    yield Operation("trading.buy (again if uncertain)", _buy_again, trades=True)
    yield Operation("revoke", lambda client: client.caller.revoke_access_token())


def _trades(function: Callable[..., object]) -> Iterator[Operation]:
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    for told, given in _variants().get(function.__name__, {"": {}}).items():
        arguments = _arguments(function, given)
        yield Operation(f"{name}{told}", partial(_ask, function, arguments), trades=True)


def _buy_again(client: Client) -> object:
    """As a user is told to after an uncertain order: once more under the same id, which sends nothing."""
    arguments = _arguments(buy, {"client_order_id": AGAIN})
    try:
        return _ask(buy, arguments, client)
    except OrderUncertainError:
        return _ask(buy, arguments, client)


def _ask(function: Callable[..., object], arguments: dict[str, Any], client: Client) -> object:
    return function(client, **arguments)


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
        ask = partial(_call, call, known, variants[0])
        yield Operation(f"call {name}", ask, is_typed=False, trades=known.effect is Effect.ORDER)


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
    argument = {"ORD_UNPR": "price", "ORGN_ODNO": "our_number", "KRX_FWDG_ORD_ORGNO": "branch"}.get(name)
    return str(ARGUMENTS[argument]) if argument else _FIELDS.get(name)


def _call(call: Callable[..., Any], known: Endpoint, variant: str, client: Client) -> object:
    has_pages = known.effect is Effect.READ and (known.cursor or known.continues)
    pages = 3 if has_pages else 1
    answer = call(client, known.name, variant=variant, pages=pages, **fields_of(known))
    for name in (None, *known.outputs):
        try:
            list(answer.rows(name))
        except kis_sync.KISError:
            continue  # an answer without that output; anything else is a finding
    return answer
