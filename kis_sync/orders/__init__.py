"""Orders: what is asked for, what is checked, what is written down, the one sending, and what became of it.

The order types are here for users: ``from kis_sync.orders import Best, StopLimit``.
"""

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    Condition,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    Side,
    SinglePrice,
    StopLimit,
)
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.entry import State

__all__ = [
    "AfterClose",
    "BeforeOpen",
    "Best",
    "Condition",
    "ConditionalLimit",
    "Exchange",
    "First",
    "Limit",
    "Market",
    "Midpoint",
    "OrderType",
    "Side",
    "SinglePrice",
    "State",
    "StopLimit",
]
