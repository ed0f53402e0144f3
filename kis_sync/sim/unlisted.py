"""Order numbers that the lists of orders leave out for a while, though the orders live and fill.

Paper's lists were seen to do that, and to come empty though there are orders. This room changes when a list
leaves something out in another way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

ENLISTED = ("domestic_stock.order_cash", "domestic_stock.order_rvsecncl")
"""The APIs whose orders, changes and cancellations stand in the lists of orders."""

LISTS = ("domestic_stock.inquire_daily_ccld", "domestic_stock.inquire_psbl_rvsecncl")
"""The APIs that list orders."""


class Unlisted:
    """Which order numbers are left out, and until when; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._until: dict[int, datetime] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else come in: an order that is made and noted inside is never listed in between.

        Taken before the brokerage's lock, never under it.
        """
        with self._lock:
            yield

    def add(self, number: int, until: datetime) -> None:
        """Leave an order out of the lists until that moment."""
        with self._lock:
            self._until[number] = until

    def numbers(self, now: datetime) -> frozenset[int]:
        """The order numbers that are left out at that moment."""
        with self._lock:
            for number in [number for number, until in self._until.items() if until <= now]:
                del self._until[number]
            return frozenset(self._until)

    def clear(self) -> None:
        """Leave nothing out any more."""
        with self._lock:
            self._until.clear()
