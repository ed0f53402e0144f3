"""How KIS writes values: everything is a string, rates have two decimals, dates eight digits.

This room changes when KIS changes how it writes a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from kis_sync import catalog

_TEXT_ENDINGS = ("_yn", "_name", "_isnm", "_iscd", "_cnnm", "_date", "_dt", "_hour", "_code", "_dvsn_name")


def rate(value: float) -> str:
    """A percentage or ratio with two decimals; never ``-0.00``."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def share(part: float, whole: float) -> str:
    """``part`` in percent of ``whole``, ``0.00`` when there is no whole."""
    return rate(part * 100 / whole if whole else 0.0)


def day(value: date) -> str:
    """YYYYMMDD."""
    return value.strftime("%Y%m%d")


def clock_time(value: datetime) -> str:
    """HHMMSS."""
    return value.strftime("%H%M%S")


def order_number(number: int) -> str:
    """Ten digits, padded with zeros."""
    return f"{number:010d}"


def sign(change: int, *, at_upper: bool = False, at_lower: bool = False) -> str:
    """``prdy_vrss_sign``: 1 upper limit, 2 up, 3 unchanged, 4 lower limit, 5 down."""
    if at_upper:
        return "1"
    if at_lower:
        return "4"
    return "2" if change > 0 else "5" if change < 0 else "3"


def _fields(name: str, output: str) -> list[str]:
    """The documented fields of an output, which some layouts spell with a capital (``Output``)."""
    known = catalog.response_fields(name)
    return known[output] if output in known else known[output.capitalize()]


def documented(name: str, output: str, values: Mapping[str, str]) -> dict[str, str]:
    """The documented fields of an output in their order; those without a value are blank.

    Raises ``KeyError`` for a value that no documented field takes.
    """
    fields = _fields(name, output)
    unknown = values.keys() - set(fields)
    if unknown:
        raise KeyError(f"{name} {output} documents no {', '.join(sorted(unknown))}")
    return {field: values.get(field, "") for field in fields}


def zeroed(name: str, output: str) -> dict[str, str]:
    """The documented fields of an output as KIS sends them for an unknown code: zeros and blanks."""
    return {field: "" if field.lower().endswith(_TEXT_ENDINGS) else "0" for field in _fields(name, output)}
