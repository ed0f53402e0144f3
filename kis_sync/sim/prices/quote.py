"""The quote: what the market says of one listing at one instant.

This room changes when a quote says more, or the phases of a session change.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime

from kis_sync.market.hours import Session
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.walk import CLOSING_AUCTION


class Phase(str, enum.Enum):
    """Where a session stands."""

    PRE_OPEN = "pre-open"
    OPEN = "open"
    CLOSING_AUCTION = "closing auction"
    CLOSED = "closed"


@dataclass(frozen=True)
class Quote:
    """One listing at one instant; won and shares."""

    code: str
    at: datetime
    """The instant asked for, KST."""
    day: date
    """The session's date: today from an hour before the open, else the latest trading day."""
    phase: Phase
    halted: bool
    price: int
    """Last price; the base price as long as nothing was traded."""
    base: int
    """Yesterday's close, from which change and limits are counted."""
    open: int
    """0 as long as nothing was traded; so are ``high`` and ``low``."""
    high: int
    low: int
    volume: int
    """Shares traded today."""
    value: int
    """Turnover of today, won."""
    lower: int
    """The day's lowest valid price."""
    upper: int
    """The day's highest valid price."""
    tick: int
    """Tick size at ``price``."""
    previous: DailyBar | None
    """The previous session; None on the first day of a listing."""
    last_trade_at: datetime | None

    @property
    def change(self) -> int:
        """Price less base, won."""
        return self.price - self.base

    @property
    def change_percent(self) -> float:
        """Change in percent of the base, unrounded."""
        return self.change * 100 / self.base

    @property
    def previous_volume(self) -> int:
        """Shares traded in the previous session; 0 if there was none."""
        return self.previous.volume if self.previous else 0


def phase_of(session: Session, at: datetime) -> Phase:
    """Where a session stands at an instant."""
    if at < session.open:
        return Phase.PRE_OPEN
    if at >= session.close:
        return Phase.CLOSED
    return Phase.OPEN if at < session.close - CLOSING_AUCTION else Phase.CLOSING_AUCTION
