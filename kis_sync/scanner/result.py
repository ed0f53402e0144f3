"""What a scan of many stocks found, failed at and did not reach.

This room changes when the result of a scan tells something new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kis_sync.scanner.volatility import VolatilityMetrics


@dataclass(frozen=True)
class ScanResult:
    """The outcome of one scan.

    ``top_movers`` are the **most active** stocks, not the rising ones: the score weighs volume and
    volatility above direction, and a stock in free fall on high volume leads the list. For direction look
    at the changes, at ``breakouts`` (codes that jumped up on high volume) and ``breakdowns`` (down), which
    are drawn from all stocks of the scan, in rank order.

    ``total_scanned`` counts the stocks that succeeded, ``metrics`` holds all of them, ranked. ``failures``
    has the exception of each stock that failed, ``unscanned`` the codes that a cancelled scan did not reach.
    ``started_at`` and ``timestamp`` (the end) are aware datetimes in KST.
    """

    market_code: str
    timestamp: datetime | str
    total_scanned: int
    top_movers: Sequence[VolatilityMetrics]
    breakouts: Sequence[str]
    breakdowns: Sequence[str]
    metrics: Sequence[VolatilityMetrics] = field(default=(), repr=False)
    failures: Mapping[str, Exception] = field(default_factory=dict)
    unscanned: Sequence[str] = ()
    cancelled: bool = False
    started_at: datetime | None = None
    mode: str = "full"
