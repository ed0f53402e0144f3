"""An order as KIS lists it: what was asked, what was filled, what is left.

This room changes when KIS lists something new of an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from kis_sync.api.domestic_stock.order_type import OrderType, Side, order_type


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """One row of a list of orders, as of the moment it was read. Shares and won; times aware, in KST.

    ``number`` and ``original`` (the order that this one changed or cancelled) are integers, since KIS pads
    them with zeros or not. ``price`` is ``None`` for an order without one, ``average_price`` what the filled
    shares cost on average, ``remaining`` what can still fill, ``cancelled`` what was cancelled, changed away
    or left at the close, ``rejected`` what the exchange did not take; ``None`` where the list does not say.
    ``is_cancellation`` marks the record of a cancellation, which is no order of its own.
    """

    number: int
    original: int | None
    branch: str
    code: str
    name: str
    side: Side
    quantity: int
    kind_code: str
    price: int | None
    trigger: int | None
    exchange: str
    ordered_at: datetime | None
    filled: int
    average_price: Decimal | None
    remaining: int | None
    cancelled: int | None
    rejected: int
    is_cancellation: bool
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @property
    def written_number(self) -> str:
        """The order number as KIS wrote it, zeros and all, for a later call about it."""
        return str(self.raw.get("odno") or self.number).strip()

    @property
    def kind(self) -> OrderType | None:
        """The order type, ``None`` for a code that is not in the documents."""
        return order_type(self.kind_code, self.price, self.trigger)
