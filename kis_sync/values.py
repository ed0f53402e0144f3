"""KIS's strings as Python values: won and shares as int, percentages as float, dates, and None for blank.

This room changes when KIS writes a kind of value in a new way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from kis_sync.clock import KST
from kis_sync.errors import ServerError

Value = TypeVar("Value")

_MOST_DIGITS = 40  # the longest documented number has 22; more is not a number but an attack on int()


def whole(text: str) -> int | None:
    """A count of won or shares; ``None`` when blank, ``ValueError`` when it is not a whole number.

    >>> whole("128500"), whole("-100"), whole(" "), whole("3145.0000")
    (128500, -100, None, 3145)
    """
    text = _number(text)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        number = _finite(text)
    if number != number.to_integral_value():
        raise ValueError(f"not a whole number: {text!r}")
    return int(number)


def decimal(text: str) -> Decimal | None:
    """An exact decimal; ``None`` when blank, ``ValueError`` when it is not a finite number.

    >>> decimal("135440.2517"), decimal("")
    (Decimal('135440.2517'), None)
    """
    text = _number(text)
    return _finite(text) if text else None


def percent(text: str) -> float | None:
    """A percentage (1.5 is 1.5 %); ``None`` when blank.

    >>> percent("-0.14"), percent("  ")
    (-0.14, None)
    """
    number = decimal(text)
    return None if number is None else float(number)


def day(text: str) -> date | None:
    """A date written YYYYMMDD; ``None`` when blank or all zeros.

    >>> day("20261124")
    datetime.date(2026, 11, 24)
    """
    text = text.strip()
    if not text.strip("0"):
        return None
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise ValueError(f"not a date: {text!r}")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def time_of_day(text: str) -> time | None:
    """A time written HHMMSS; ``None`` when blank.

    >>> time_of_day("090130")
    datetime.time(9, 1, 30)
    """
    text = text.strip()
    if not text:
        return None
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        raise ValueError(f"not a time of day: {text!r}")
    return time(int(text[:2]), int(text[2:4]), int(text[4:]))


def _number(text: str) -> str:
    """The text without blanks around it; ``ValueError`` for what only Python takes for a number."""
    text = text.strip()
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters")
    if "_" in text or not text.isascii():
        raise ValueError(f"not a plain number: {text!r}")
    return text


def _finite(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {text!r}") from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"not a plain number: {text!r}")
    return number


class Row(Mapping[str, str]):
    """One object of an answer: its fields by name in either case, read as values on demand.

    A field that is absent or blank is ``None``; one that cannot be read raises ``ServerError`` with the
    field's name. ``raw`` is the object as it came.
    """

    __slots__ = ("endpoint", "raw")

    def __init__(self, raw: Mapping[str, object], endpoint: str) -> None:
        self.raw = raw
        self.endpoint = endpoint

    def text(self, name: str) -> str:
        """The field as text without the padding; empty when absent."""
        value = self.raw.get(name)
        if value is None:
            value = self.raw.get(name.upper()) if name.islower() else self.raw.get(name.lower())
        if value is None:
            return ""
        if type(value) is str:
            return value.strip()
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise self._unreadable(name, f"is {type(value).__name__}, not text")
        return str(value).strip()

    def whole(self, name: str) -> int | None:
        """Won or shares."""
        return self._read(name, whole, "is not a whole number")

    def amount(self, name: str) -> int | None:
        """Won or shares of which there cannot be less than none."""
        value = self.whole(name)
        if value is not None and value < 0:
            raise self._unreadable(name, "is negative")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """An exact decimal."""
        return self._read(name, decimal, "is not a number")

    def percent(self, name: str) -> float | None:
        """A percentage."""
        return self._read(name, percent, "is not a number")

    def day(self, name: str) -> date | None:
        """A date."""
        return self._read(name, day, "is not a date")

    def time_of_day(self, name: str) -> time | None:
        """A time of day."""
        return self._read(name, time_of_day, "is not a time of day")

    def moment(self, day_name: str, time_name: str) -> datetime | None:
        """A date and a time of day as an aware datetime in KST; ``None`` if either is blank."""
        on, at = self.day(day_name), self.time_of_day(time_name)
        return None if on is None or at is None else datetime.combine(on, at, KST)

    def needed(self, name: str) -> int:
        """Won or shares that the answer makes no sense without; ``ServerError`` when blank or negative."""
        value = self.amount(name)
        if value is None:
            raise self._unreadable(name, "is blank")
        return value

    def _read(self, name: str, read: Callable[[str], Value | None], fault: str) -> Value | None:
        text = self.text(name)
        try:
            return read(text)
        except ValueError:
            failure = self._unreadable(name, fault)
        raise failure  # out here: the ValueError, which holds the value, is no context

    def _unreadable(self, name: str, why: str) -> ServerError:
        # Without the value: what stands in the wrong field may be anything, an account number too.
        return ServerError(f"the answer's field {name} {why}", endpoint=self.endpoint)

    def __getitem__(self, name: str) -> str:
        return self.text(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)
