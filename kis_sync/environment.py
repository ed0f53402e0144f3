"""What the environment and a ``.env`` file say, and how the text of a variable is read.

This room changes when a variable can be written in another way or kept in another place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Mapping
from typing import NamedTuple

from kis_sync.errors import ConfigurationError

USUAL_ENV_FILE = ".env"
_MOST_DIGITS = 18  # of an amount in won
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


class Variable(NamedTuple):
    """A variable: its name, and how its text is read (``ValueError`` for text of another form)."""

    name: str
    read: Callable[[str], object]


def variables(env_file: str | os.PathLike[str] | None) -> dict[str, str]:
    """Every variable that is not empty; the environment wins over the file.

    An absent ``.env`` is skipped, a file of another name must be there, else ``ConfigurationError``.
    """
    return _read_env_file(env_file) | {name: value for name, value in os.environ.items() if value}


def values(
    found: Mapping[str, str], wanted: Mapping[str, Variable], but: Container[str] = ()
) -> tuple[dict[str, object], list[str]]:
    """What variables say, by the field that each is for (but for some), and what is wrong with them."""
    read: dict[str, object] = {}
    faults = []
    for field, variable in wanted.items():
        text = found.get(variable.name, "").strip()
        if not text or field in but:
            continue
        try:
            read[field] = variable.read(text)
        except ValueError as error:
            faults.append(f"{variable.name} {error}")
    return read, faults


def number(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None  # not what it is: it may be a key in the wrong place


def number_or_off(text: str) -> float | None:
    """A number; ``None`` for ``off``."""
    if text.lower() == "off":
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number, or off") from None


def won(text: str) -> int:
    """An amount in whole won; digits may be grouped by commas or underscores."""
    digits = text.replace(",", "").replace("_", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise ValueError("must be whole won, such as 1000000")
    return int(digits)


def switch(text: str) -> bool:
    """True or false, in the words that people use."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("must be true or false")


def _read_env_file(env_file: str | os.PathLike[str] | None) -> dict[str, str]:
    if env_file is None:
        return {}
    if not os.path.isfile(env_file):  # noqa: PTH113  (never raises)
        if os.path.basename(env_file) == USUAL_ENV_FILE:  # noqa: PTH119  (takes text of any kind)
            return {}
        raise ConfigurationError(f"the settings file {os.fspath(env_file)!r} is not there, or is no file")
    from dotenv import dotenv_values  # imported where used: keeps `import kis_sync` cheap

    try:
        read = dotenv_values(env_file, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the settings file {os.fspath(env_file)!r} cannot be read; it must be text in UTF-8 "
            f"({type(error).__name__})"
        ) from None
    return {name: value for name, value in read.items() if value}
