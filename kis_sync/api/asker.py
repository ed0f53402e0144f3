"""What a typed call needs of the one who asks: an envelope for a call, the account, the time.

This room changes when typed calls need something new of their caller.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from kis_sync.catalog import Call, Mode
from kis_sync.envelope import Envelope
from kis_sync.settings import Account


class Asker(Protocol):
    """The one who asks: ``KISBroker``, or a stand-in in a test."""

    @property
    def mode(self) -> Mode:
        """Live or paper."""
        ...

    @property
    def account(self) -> Account:
        """The account; ``ConfigurationError`` when the settings have none."""
        ...

    def check_orders_allowed(self) -> None:
        """Raise ``ConfigurationError`` when orders may not leave at all."""
        ...

    def now(self) -> datetime:
        """The present at the server, as well as it is known, in KST."""
        ...

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        """The answer to one call, or the error that it stands for."""
        ...

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        """Every page of the answer, read to the end, or an error; with ``most`` so many at most."""
        ...
