"""The market scanner: which stocks move, by how much, and on what volume.

This room changes when the scanner offers something new by name.
"""

from kis_sync.scanner.history import ChartSource, History, Snapshot, SnapshotSource
from kis_sync.scanner.result import ScanResult
from kis_sync.scanner.scanner import MarketScanner
from kis_sync.scanner.volatility import VolatilityAnalyzer, VolatilityMetrics
from kis_sync.scanner.watchlist import updated_watchlist

__all__ = [
    "ChartSource",
    "History",
    "MarketScanner",
    "ScanResult",
    "Snapshot",
    "SnapshotSource",
    "VolatilityAnalyzer",
    "VolatilityMetrics",
    "updated_watchlist",
]
