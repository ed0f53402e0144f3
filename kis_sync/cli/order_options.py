"""The order type and the numbers of an order, as they are said on the command line; nothing is guessed.

This room changes when an order can be asked for in another way.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

import click

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    SinglePrice,
    StopLimit,
)

KINDS: dict[str, type[OrderType]] = {
    "limit": Limit,
    "market": Market,
    "conditional": ConditionalLimit,
    "best": Best,
    "first": First,
    "before-open": BeforeOpen,
    "after-close": AfterClose,
    "single-price": SinglePrice,
    "midpoint": Midpoint,
    "stop-limit": StopLimit,
}
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(,[0-9]{3})+")


def whole(context: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """A whole number of at least 1, such as 70000 or 70,000; ``click.BadParameter`` for anything else."""
    if text is None:
        return None
    digits = text.replace(",", "")
    if not _WHOLE.fullmatch(text) or int(digits) < 1:
        raise click.BadParameter(f"{text!r} is not a whole number of at least 1", context, param)
    return int(digits)


def kind_of(
    name: str | None, market: bool, price: int | None, trigger: int | None, condition: str | None
) -> OrderType:
    """The order type that the options ask for; ``click.UsageError`` when they leave it open or clash."""
    if market and name not in (None, "market"):
        raise click.UsageError(f"--market and --type {name} are two types: say one")
    if market:
        name = "market"
    if name is None:
        if price is None:
            raise click.UsageError("at which price? --price WON, or --market, or another --type")
        name = "limit"
    kind = KINDS[name]
    given = {"price": price, "trigger": trigger, "condition": condition}
    taken = {each.name: each for each in fields(kind)}
    for option, value in given.items():
        if value is not None and option not in taken:
            raise click.UsageError(f"{name} orders take no --{option}{_instead(option)}")
        if value is None and option in taken and taken[option].default is MISSING:
            raise click.UsageError(f"{name} orders need --{option}")
    return kind(**{option: value for option, value in given.items() if value is not None})


def _instead(option: str) -> str:
    takers = [name for name, kind in KINDS.items() if option in {each.name for each in fields(kind)}]
    return f"; {', '.join(takers)} orders do"
