"""kis-sync: a synchronous, thread-safe client for the Open API of Korea Investment & Securities.

    from kis_sync import KISBroker

    with KISBroker.from_env() as broker:
        print(broker.get_price("005930"))

Names are imported on first use, so that ``import kis_sync`` costs nothing that is not asked for. This
room changes when a name becomes public.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "kis_sync.broker": ("KISBroker",),
    "kis_sync.settings": ("Settings",),
    "kis_sync.retries": ("RetryPolicy",),
    "kis_sync.ratelimit": ("TokenBucket",),
    "kis_sync.scanner": ("MarketScanner", "ScanResult", "VolatilityAnalyzer", "VolatilityMetrics"),
    "kis_sync.sim": ("Simulator",),
    "kis_sync.api.domestic_stock.balance": ("Balance", "Position"),
    "kis_sync.api.domestic_stock.bar": ("Bar",),
    "kis_sync.api.domestic_stock.order_type": ("Limit", "Market"),
    "kis_sync.api.domestic_stock.order_book": ("OrderBook",),
    "kis_sync.api.domestic_stock.price": ("Quote",),
    "kis_sync.order_limits": ("OrderLimits",),
    "kis_sync.orders.order": ("Order",),
    "kis_sync.errors": (
        "AuthenticationError",
        "BrokerClosedError",
        "ConfigurationError",
        "InvalidRequestError",
        "JournalError",
        "KISError",
        "NetworkError",
        "NotOnPaperError",
        "OrderUncertainError",
        "RateLimitError",
        "RequestRefusedError",
        "ServerError",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AuthenticationError",
    "Balance",
    "Bar",
    "BrokerClosedError",
    "ConfigurationError",
    "InvalidRequestError",
    "JournalError",
    "KISBroker",
    "KISError",
    "Limit",
    "Market",
    "MarketScanner",
    "NetworkError",
    "NotOnPaperError",
    "Order",
    "OrderBook",
    "OrderLimits",
    "OrderUncertainError",
    "Position",
    "Quote",
    "RateLimitError",
    "RequestRefusedError",
    "RetryPolicy",
    "ScanResult",
    "ServerError",
    "Settings",
    "Simulator",
    "TokenBucket",
    "VolatilityAnalyzer",
    "VolatilityMetrics",
]

if TYPE_CHECKING:
    from kis_sync.api.domestic_stock.balance import Balance, Position
    from kis_sync.api.domestic_stock.bar import Bar
    from kis_sync.api.domestic_stock.order_book import OrderBook
    from kis_sync.api.domestic_stock.order_type import Limit, Market
    from kis_sync.api.domestic_stock.price import Quote
    from kis_sync.broker import KISBroker
    from kis_sync.errors import (
        AuthenticationError,
        BrokerClosedError,
        ConfigurationError,
        InvalidRequestError,
        JournalError,
        KISError,
        NetworkError,
        NotOnPaperError,
        OrderUncertainError,
        RateLimitError,
        RequestRefusedError,
        ServerError,
    )
    from kis_sync.order_limits import OrderLimits
    from kis_sync.orders.order import Order
    from kis_sync.ratelimit import TokenBucket
    from kis_sync.retries import RetryPolicy
    from kis_sync.scanner import MarketScanner, ScanResult, VolatilityAnalyzer, VolatilityMetrics
    from kis_sync.settings import Settings
    from kis_sync.sim import Simulator


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'kis_sync' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
