"""One bar of a chart.

This room changes when bars of every chart tell something new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kis_sync.values import Row


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: where it starts (aware, KST), its four prices in won, its volume in shares.

    A daily (weekly, ...) bar starts at 00:00 of its date. ``None`` is a value that the server left blank.
    """

    time: datetime
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    volume: int | None

    @property
    def date(self) -> date:
        """The date of the bar."""
        return self.time.date()


def read_bar(row: Row, time: datetime, *, close: str, volume: str) -> Bar:
    """A bar from a row whose close and volume have the given names."""
    return Bar(
        time,
        row.amount("stck_oprc"),
        row.amount("stck_hgpr"),
        row.amount("stck_lwpr"),
        row.amount(close),
        row.amount(volume),
    )
