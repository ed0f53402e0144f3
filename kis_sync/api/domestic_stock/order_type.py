"""Order types as values: what price an order asks for, and how long it waits; each with KIS's code.

Which exchange and mode takes which type is KIS's table of ORD_DVSN. This room changes when KIS changes it.
"""

from __future__ import annotations

import enum
import operator
from dataclasses import dataclass, fields
from typing import Any

from kis_sync.catalog import Mode
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange

_MOST_WON = 10**9  # a share price; beyond that something else stands in the wrong place


class Side(str, enum.Enum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"


class Condition(str, enum.Enum):
    """What an order does that cannot fill at once: take what there is (IOC), or all or nothing (FOK)."""

    IOC = "IOC"
    FOK = "FOK"


@dataclass(frozen=True)
class OrderType:
    """One way to ask for a price; use one of the kinds below, such as ``Limit(70_000)`` or ``Market()``."""

    @property
    def code(self) -> str:
        """KIS's code (ORD_DVSN)."""
        return _CODES[type(self)][getattr(self, "condition", None)]

    @property
    def won(self) -> int | None:
        """The price in won that the order names, ``None`` for one without a price of its own."""
        return getattr(self, "price", None)

    @property
    def trigger_won(self) -> int | None:
        """The price in won that wakes a stop order, ``None`` for every other."""
        return getattr(self, "trigger", None)

    def __post_init__(self) -> None:
        for name in ("price", "trigger"):
            if hasattr(self, name):
                object.__setattr__(self, name, _won(name, getattr(self, name)))
        if hasattr(self, "condition"):
            object.__setattr__(self, "condition", _condition(self))

    def __str__(self) -> str:
        """As people say it: ``limit 70,000 won IOC``."""
        words = [_SPOKEN[type(self)]]
        if self.won is not None:
            words.append(f"{self.won:,} won")
        if self.trigger_won is not None:
            words.append(f"at {self.trigger_won:,} won")
        condition = getattr(self, "condition", None)
        return " ".join([*words, condition.value] if condition else words)


@dataclass(frozen=True)
class Limit(OrderType):
    """At ``price`` won or better (지정가)."""

    price: int
    condition: Condition | str | None = None


@dataclass(frozen=True)
class Market(OrderType):
    """At whatever the other side asks (시장가). A buy reserves cash at the day's upper limit."""

    condition: Condition | str | None = None


@dataclass(frozen=True)
class ConditionalLimit(OrderType):
    """A limit order at ``price`` won that joins the closing auction at market (조건부지정가)."""

    price: int


@dataclass(frozen=True)
class Best(OrderType):
    """At the other side's best price (최유리지정가)."""

    condition: Condition | str | None = None


@dataclass(frozen=True)
class First(OrderType):
    """At the own side's best price, to be first in its queue (최우선지정가)."""


@dataclass(frozen=True)
class BeforeOpen(OrderType):
    """Before the open, at ``price``: the previous close, which KIS wants named (장전 시간외)."""

    price: int


@dataclass(frozen=True)
class AfterClose(OrderType):
    """After the close, at the day's closing price (장후 시간외)."""


@dataclass(frozen=True)
class SinglePrice(OrderType):
    """At ``price`` won or better in the single-price calls of the evening (시간외 단일가)."""

    price: int


@dataclass(frozen=True)
class Midpoint(OrderType):
    """At the middle between best bid and best ask (중간가)."""

    condition: Condition | str | None = None


@dataclass(frozen=True)
class StopLimit(OrderType):
    """A limit order at ``price`` won that wakes when the market reaches ``trigger`` won (스톱지정가)."""

    price: int
    trigger: int


_IOC, _FOK = Condition.IOC, Condition.FOK
_CODES: dict[type[OrderType], dict[Condition | None, str]] = {
    Limit: {None: "00", _IOC: "11", _FOK: "12"},
    Market: {None: "01", _IOC: "13", _FOK: "14"},
    ConditionalLimit: {None: "02"},
    Best: {None: "03", _IOC: "15", _FOK: "16"},
    First: {None: "04"},
    BeforeOpen: {None: "05"},
    AfterClose: {None: "06"},
    SinglePrice: {None: "07"},
    Midpoint: {None: "21", _IOC: "23", _FOK: "24"},
    StopLimit: {None: "22"},
}
_SPOKEN: dict[type[OrderType], str] = {
    Limit: "limit",
    Market: "market",
    ConditionalLimit: "conditional limit",
    Best: "best",
    First: "first",
    BeforeOpen: "before open",
    AfterClose: "after close",
    SinglePrice: "single price",
    Midpoint: "midpoint",
    StopLimit: "stop limit",
}
_BY_CODE = {code: (kind, condition) for kind, codes in _CODES.items() for condition, code in codes.items()}

_ALL = frozenset(_BY_CODE)
_TAKEN = {
    Exchange.KRX: _ALL,
    Exchange.NXT: _ALL - {"01", "02", "05", "06", "07"},
    Exchange.SOR: _ALL - {"02", "05", "06", "07", "21", "22", "23", "24"},
}
_ON_PAPER = frozenset({"00", "01", "02", "03", "04"})


def type_fault(kind: OrderType, exchange: Exchange, mode: Mode) -> str | None:
    """Why this exchange does not take this order type in this mode; ``None`` when it does.

    >>> type_fault(Market(), Exchange.NXT, Mode.LIVE)
    'NXT takes no market orders'
    """
    if mode is Mode.PAPER and exchange is not Exchange.KRX:
        return f"paper trading knows KRX only, not {exchange.value}"
    if kind.code not in _TAKEN[exchange]:
        return f"{exchange.value} takes no {_SPOKEN[type(kind)]} orders"
    if mode is Mode.PAPER and kind.code not in _ON_PAPER:
        condition = getattr(kind, "condition", None)
        said = f"{_SPOKEN[type(kind)]} {condition.value}" if condition else _SPOKEN[type(kind)]
        return f"paper trading takes no {said} orders"
    return None


def order_type(code: str, price: int | None, trigger: int | None = None) -> OrderType | None:
    """The order type of a code in KIS's lists; ``None`` for a code that is not in the documents.

    >>> order_type("11", 70_000), order_type("99", 1)
    (Limit(price=70000, condition=<Condition.IOC: 'IOC'>), None)
    """
    known = _BY_CODE.get(code)
    if known is None:
        return None
    kind, condition = known
    given: dict[str, Any] = {"price": price, "trigger": trigger, "condition": condition}
    try:
        return kind(**{each.name: given[each.name] for each in fields(kind)})
    except InvalidRequestError:
        return None  # a list that tells no price of a limit order


def _won(name: str, value: object) -> int:
    """Whole won above 0; anything that came out by accident (0, None, NaN, a float) is refused."""
    try:
        won = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        won = 0
    if isinstance(value, bool) or not 0 < won < _MOST_WON:
        raise InvalidRequestError(
            f"{name} must be whole won above 0 (an int), not {value!r}; an order at market is Market()"
        )
    return won


def _condition(kind: OrderType) -> Condition | None:
    given = getattr(kind, "condition", None)
    if given is None:
        return None
    try:
        return Condition(str(getattr(given, "value", given)).upper())
    except ValueError:
        raise InvalidRequestError(f"condition must be 'IOC', 'FOK' or None, not {given!r}") from None
