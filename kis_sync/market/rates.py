"""The call limits that KIS has announced, by date, and what is assumed where it announced nothing.

This room changes when KIS announces new limits.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class CallLimits(NamedTuple):
    """Calls a second per app key: on live and on paper."""

    live: float
    paper: float


_ANNOUNCED = (
    (date(2023, 6, 23), CallLimits(20, 2)),
    (date(2026, 4, 20), CallLimits(18, 1)),
)

ISSUES_PER_SECOND = 1.0
"""Access tokens (and approval keys) have this limit of their own, in force since 2025-08-07."""
LEDGER_CALLS_PER_SECOND = 1.0
"""Assumed: KIS enforces a limit on account reads (EGW00215) but has not published it."""
SLOW_CALL_SECONDS = 2.1
"""Assumed, from what clients report: one page of the balance in this many seconds."""


def call_limits(on: date | None = None) -> CallLimits:
    """The limits in force on a date; the newest announced when none is given.

    >>> call_limits()
    CallLimits(live=18, paper=1)
    """
    if on is None:
        return _ANNOUNCED[-1][1]
    return next((limits for since, limits in reversed(_ANNOUNCED) if since <= on), _ANNOUNCED[0][1])
