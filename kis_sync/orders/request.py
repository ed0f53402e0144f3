"""What somebody wants to trade, checked for its form before anything is asked or sent.

This room changes when there is a new thing to ask of an order.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

from kis_sync.api.domestic_stock.cash_order import OrderKind, Side
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.errors import InvalidRequestError

_MOST_DIGITS = 10  # of ORD_QTY


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish to buy or sell ``quantity`` shares of ``code``: at ``price`` won, or at market (``None``)."""

    code: str
    side: Side
    quantity: int
    price: int | None

    @property
    def kind(self) -> OrderKind:
        """KIS's order kind."""
        return OrderKind.MARKET if self.price is None else OrderKind.LIMIT

    @classmethod
    def checked(cls, code: str, side: str, quantity: int, price: int) -> OrderRequest:
        """The request, or ``InvalidRequestError`` with every fault. A price of exactly 0 is at market."""
        faults: list[str] = []
        checked: dict[str, object] = {}
        for name, check in (
            ("code", lambda: checked_code(code)),
            ("side", lambda: _side(side)),
            ("quantity", lambda: _shares(quantity)),
            ("price", lambda: _won(price)),
        ):
            try:
                checked[name] = check()
            except ValueError as error:
                faults.append(error.message if isinstance(error, InvalidRequestError) else str(error))
        if faults:
            raise InvalidRequestError("the order was not sent: " + "; ".join(faults))
        return cls(**checked)  # type: ignore[arg-type]


def _side(side: str) -> Side:
    try:
        return Side(side.strip().upper())
    except (ValueError, AttributeError):
        raise ValueError(f"order_type must be 'BUY' or 'SELL', not {side!r}") from None


def _shares(quantity: int) -> int:
    try:
        shares = operator.index(quantity)
    except TypeError:
        shares = 0
    if isinstance(quantity, bool) or not 0 < shares < 10**_MOST_DIGITS:
        raise ValueError(f"quantity must be a whole number of shares of at least 1, not {quantity!r}")
    return shares


def _won(price: int) -> int | None:
    try:
        won = operator.index(price)
    except TypeError:
        won = -1
    if isinstance(price, bool) or won < 0:
        raise ValueError(f"price must be whole won (an int; 0 is at market), not {price!r}")
    return won or None
