"""Options that several commands share, and the broker that they ask for.

This room changes when all commands get another option.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeVar

import click

from kis_sync.api.domestic_stock.order_type import OrderType
from kis_sync.broker import KISBroker

Command = TypeVar("Command", bound=Callable[..., Any])


def shared(command: Command) -> Command:
    """``--sim``, ``--mode``, ``--json`` and ``--debug``."""
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON for programs."),
        click.option(
            "--mode", type=click.Choice(["live", "paper"]), help="Live or paper (default: MODE, or paper)."
        ),
        click.option("--sim", is_flag=True, help="Use an embedded simulator: no account needed."),
    ):
        command = option(command)
    return command


def broker(sim: bool, mode: str | None, default_sim_mode: str = "live") -> KISBroker:
    """The broker that the options ask for."""
    if sim:
        return KISBroker.simulated(mode=mode or default_sim_mode)
    return KISBroker.from_env(**({} if mode is None else {"mode": mode}))


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: object) -> Any:
    """A model as JSON types: without ``raw``, dates in ISO form, decimals as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = (
            {"type": type(value).__name__} if isinstance(value, OrderType) else {}
        )  # fields alone tell none
        return named | {
            each.name: plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
            if each.name != "raw"
        }
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def number(value: float | Decimal | None, form: str = ",d") -> str:
    """A number for people; ``-`` where there is none."""
    return "-" if value is None else format(value, form)
