"""Which stocks to watch next: those that still move stay, leaders of a scan replace the others.

This room changes when the rule of replacement changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kis_sync.scanner.result import ScanResult


def updated_watchlist(
    current: Sequence[str],
    scan_result: ScanResult,
    max_replacements: int = 2,
    *,
    protected: Iterable[str] = (),
    grow: bool = False,
) -> list[str]:
    """The next watchlist, as long as ``current`` (without its duplicates).

    Kept, in their order: codes among the top movers, codes that the scan could not see (failed or not
    reached: not seen is not weak), and ``protected`` ones, such as stocks that are held. Then at most
    ``max_replacements`` new top movers by rank, then the old codes again until the length is reached.

    An empty ``current`` yields the first ``max_replacements`` top movers. ``grow=True`` lets new ones in
    even when the list has no room for them. Top movers are the most *active* stocks, rising or falling.
    ``ValueError`` for a negative ``max_replacements`` and for a string in place of a list.
    """
    if max_replacements < 0:
        raise ValueError(f"max_replacements must be at least 0, not {max_replacements}")
    if isinstance(current, str) or isinstance(protected, str):
        raise ValueError("current and protected are lists of codes, not one string")
    current = list(dict.fromkeys(current))
    top = [metrics.stock_code for metrics in scan_result.top_movers]
    kept = {*top, *scan_result.failures, *scan_result.unscanned, *protected}
    keepers = [code for code in current if code in kept]
    room = max_replacements if grow or not current else min(max_replacements, len(current) - len(keepers))
    leaders = [code for code in top if code not in current][:room]
    rest = [code for code in current if code not in kept]
    chosen = keepers + leaders
    return chosen + rest[: max(0, len(current) - len(chosen))]
