"""What somebody wants to trade, checked for its form before anything is asked or sent.

This room changes when there is a new thing to ask of an order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from kis_sync.api.domestic_stock.order_type import Limit, Market, OrderType, Side
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange

_MOST_DIGITS = 10  # of ORD_QTY
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish to buy or sell ``quantity`` shares of ``code`` in the way of ``kind`` on ``exchange``."""

    code: str
    side: Side
    quantity: int
    kind: OrderType
    exchange: Exchange = Exchange.KRX

    @classmethod
    def checked(
        cls, code: str, side: str, quantity: int, kind: OrderType, exchange: str = Exchange.KRX
    ) -> OrderRequest:
        """The request, or ``InvalidRequestError`` with every fault of its form."""
        form = _Form()
        request = cls(
            form.of(lambda: checked_code(code)),
            form.of(lambda: checked_side(side)),
            form.of(lambda: checked_shares(quantity)),
            form.of(lambda: checked_kind(kind)),
            form.of(lambda: checked_exchange(exchange)),
        )
        form.check()
        return request

    def __str__(self) -> str:
        """As people say it: ``BUY 10 shares of 005930, limit 70,000 won, on KRX``."""
        shares = "share" if self.quantity == 1 else "shares"
        return (
            f"{self.side.value} {self.quantity:,} {shares} of {self.code}, {self.kind}, "
            f"on {self.exchange.value}"
        )


def request_at(code: str, side: str, quantity: int, price: int) -> OrderRequest:
    """The request for a limit order at ``price`` won, or at market when it is exactly 0; else every fault.

    >>> str(request_at("005930", "buy", 1, 0))
    'BUY 1 share of 005930, market, on KRX'
    """
    form = _Form()
    request = OrderRequest(
        form.of(lambda: checked_code(code)),
        form.of(lambda: checked_side(side)),
        form.of(lambda: checked_shares(quantity)),
        form.of(lambda: _kind_at(price)),
    )
    form.check()
    return request


class _Form:
    """Collects the faults of a form, so that all of them are told at once."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def of(self, check: Callable[[], Value]) -> Value:
        """What the check gives; nothing to use when it found a fault, which ``check()`` then raises."""
        try:
            return check()
        except ValueError as error:
            self._faults.append(error.message if isinstance(error, InvalidRequestError) else str(error))
            return cast(Value, None)

    def check(self) -> None:
        """``InvalidRequestError`` with every fault."""
        if self._faults:
            raise InvalidRequestError("the order was not sent: " + "; ".join(self._faults))


def checked_side(side: str) -> Side:
    """Buy or sell, in whatever case it is written; ``ValueError`` for anything else."""
    try:
        return Side(side.strip().upper())
    except (ValueError, AttributeError):
        raise ValueError(f"order_type must be 'BUY' or 'SELL', not {side!r}") from None


def checked_shares(quantity: int) -> int:
    """A whole number of shares of at least 1; ``ValueError`` for anything else."""
    try:
        shares = operator.index(quantity)
    except TypeError:
        shares = 0
    if isinstance(quantity, bool) or not 0 < shares < 10**_MOST_DIGITS:
        raise ValueError(f"quantity must be a whole number of shares of at least 1, not {quantity!r}")
    return shares


def checked_kind(kind: OrderType) -> OrderType:
    """An order type; ``ValueError`` for a number, which could be a price that came out by accident."""
    if not isinstance(kind, OrderType) or type(kind) is OrderType:
        raise ValueError(f"kind must be an order type such as Limit(70_000) or Market(), not {kind!r}")
    return kind


def checked_exchange(exchange: str) -> Exchange:
    """KRX, NXT or SOR, in whatever case it is written; ``ValueError`` for anything else."""
    try:
        return Exchange(str(getattr(exchange, "value", exchange)).strip().upper())
    except ValueError:
        raise ValueError(f"exchange must be 'KRX', 'NXT' or 'SOR', not {exchange!r}") from None


def _kind_at(price: int) -> OrderType:
    try:
        won = operator.index(price)
    except TypeError:
        won = -1
    if isinstance(price, bool) or won < 0:
        raise ValueError(f"price must be whole won (an int; 0 is at market), not {price!r}")
    return Limit(won) if won else Market()
