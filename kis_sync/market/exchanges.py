"""Where Korean stocks trade: the Korea Exchange, Nextrade, and KIS's order routing between them.

This room changes when a new exchange takes orders.
"""

from __future__ import annotations

import enum


class Exchange(str, enum.Enum):
    """An exchange that an order names: KRX, NXT (Nextrade), or SOR, which lets KIS choose between them."""

    KRX = "KRX"
    NXT = "NXT"
    SOR = "SOR"
