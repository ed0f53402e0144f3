"""Codes of domestic stocks, and the division of the market that is asked.

This room changes when KRX or KIS names stocks in a new way.
"""

from __future__ import annotations

import re

from kis_sync.catalog import Mode
from kis_sync.errors import InvalidRequestError, NotOnPaperError, RequestRefusedError

_CODE = re.compile(r"[0-9A-Z]{6}|Q[0-9A-Z]{6}")
_DIVISIONS = ("J", "NX", "UN")


def checked_code(code: str) -> str:
    """The code without surrounding blanks; ``InvalidRequestError`` unless it has the form of one.

    >>> checked_code(" 005930 ")
    '005930'
    """
    if not isinstance(code, str):
        raise InvalidRequestError(
            f"a stock code is text such as '005930', not {code!r} ({type(code).__name__})"
        )
    code = code.strip()
    if not _CODE.fullmatch(code):
        raise InvalidRequestError(
            f"{code[:20]!r} is not a stock code: six digits or capital letters such as '005930' "
            "(an ETN has a Q before them)"
        )
    return code


def is_code(text: str) -> bool:
    """Whether a text has the form of a stock code."""
    return _CODE.fullmatch(text) is not None


def checked_division(market: str, mode: Mode) -> str:
    """``J`` (KRX), ``NX`` (NXT) or ``UN`` (both); paper trading knows ``J`` only."""
    if market not in _DIVISIONS:
        raise InvalidRequestError(f"market must be 'J' (KRX), 'NX' (NXT) or 'UN' (both), not {market!r}")
    if market != "J" and mode is Mode.PAPER:
        raise NotOnPaperError(f"paper trading quotes KRX ('J') only, not {market!r}")
    return market


def priced(code: str, price: int | None, endpoint: str) -> int:
    """The last price; KIS answers an unknown symbol with success and a price of 0."""
    if price is None or price <= 0:
        raise RequestRefusedError(f"KIS quotes no price for {code!r}: no such stock?", endpoint=endpoint)
    return price
