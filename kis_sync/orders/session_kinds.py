"""Which session takes which order types.

An order type that the exchange takes at no time is another matter (``order_type.type_fault``). Known are the
exchanges' own rules and the texts of KIS's refusals; nobody documents the whole table. Assumed: auctions
take no IOC and FOK orders, the sessions of NXT that take limit and best orders take them with either
condition too, NXT takes stop and midpoint orders in its main session only, and paper trading keeps KRX's
hours. This room changes when a session takes other orders.
"""

from __future__ import annotations

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    SinglePrice,
    StopLimit,
)
from kis_sync.market.hours import SessionName

_AUCTION = frozenset({Limit, Market, ConditionalLimit})
_CONTINUOUS = frozenset({Limit, Market, ConditionalLimit, Best, First, Midpoint, StopLimit})
_TAKEN: dict[SessionName, frozenset[type[OrderType]]] = {
    SessionName.BEFORE_OPEN: frozenset({BeforeOpen}),
    SessionName.OPENING_AUCTION: _AUCTION,
    SessionName.REGULAR: _CONTINUOUS,
    SessionName.CLOSING_AUCTION: _AUCTION,
    SessionName.AFTER_CLOSE: frozenset({AfterClose}),
    SessionName.SINGLE_PRICE: frozenset({SinglePrice}),
    SessionName.AFTER_MARKET: frozenset(),  # KIS's documents know no order for it
    SessionName.NXT_PRE: frozenset({Limit, Best, First}),
    SessionName.NXT_MAIN: _CONTINUOUS,
    SessionName.NXT_AFTER: frozenset({Limit, Best, First}),
}
_WITHOUT_CONDITIONS = frozenset({SessionName.OPENING_AUCTION, SessionName.CLOSING_AUCTION})


def takes(session: SessionName, kind: OrderType) -> bool:
    """Whether a session takes orders of a type.

    >>> takes(SessionName.NXT_AFTER, Limit(70_000)), takes(SessionName.NXT_AFTER, Market())
    (True, False)
    """
    if session in _WITHOUT_CONDITIONS and getattr(kind, "condition", None) is not None:
        return False
    return type(kind) in _TAKEN[session]
