"""The facts that guards judge by: asked when an order needs them, kept as long as they are good enough.

This room changes when guards need to know something new.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from kis_sync.api.domestic_stock.buyable import get_buyable
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.api.domestic_stock.price import Quote, get_price
from kis_sync.api.domestic_stock.sellable import get_sellable
from kis_sync.clock import Clock
from kis_sync.errors import ConfigurationError
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.guards import Facts, PriceFacts
from kis_sync.orders.halt import HaltSwitch
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.sending import OrderAsker

_FRESH = 5.0  # seconds for which a last price is good enough to judge an order by


class _Seen(NamedTuple):
    quote: Quote
    at: float


class FactsDesk:
    """Asks for the facts about orders of one account."""

    def __init__(self, caller: OrderAsker, limits: OrderLimits, halt: HaltSwitch, clock: Clock) -> None:
        self._caller = caller
        self._limits = limits
        self._halt = halt
        self._clock = clock
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._seen: dict[str, _Seen] = {}

    def about(
        self, request: OrderRequest, *, is_change: bool = False, is_quote_needed: bool = False
    ) -> Facts:
        """What the guards need to know of an order, and nothing that the limits do not ask for.

        Of a change the quantity is not asked: the shares and the cash that the order itself holds are freed.
        """
        if self._limits.check_hours:
            self._caller.know_the_time()
        prices = self._prices(request, is_quote_needed)
        possible = None if is_change else self._possible(request)
        is_sale = request.side is Side.SELL
        return Facts(
            mode=self._caller.mode,
            orders_allowed=self._are_orders_allowed(),
            now=self._caller.now(),
            prices=prices,
            buyable=None if is_sale else possible,
            sellable=possible if is_sale else None,
            halted=self._halt.reason(),
        )

    def _prices(self, request: OrderRequest, is_needed: bool) -> PriceFacts:
        """The stock's prices of the last seconds; none when no guard looks at them.

        Without a limit on what orders are worth, an order without a price is judged by none.
        """
        limits = self._limits
        names_a_price = request.kind.won is not None and (
            limits.check_price or limits.fat_finger_percent is not None
        )
        is_weighed = limits.most_won is not None or limits.most_won_a_day is not None
        if not (is_needed or names_a_price or is_weighed):
            return PriceFacts()
        return PriceFacts.of(self._quote(request.code))

    def _possible(self, request: OrderRequest) -> int | None:
        """How many shares can be bought (owing nothing) or sold; ``None`` when that is not checked."""
        if not self._limits.check_funds:
            return None
        if request.side is Side.SELL:
            return get_sellable(self._caller, request.code).sellable
        return get_buyable(self._caller, request.code, request.kind).quantity

    def _are_orders_allowed(self) -> bool:
        try:
            self._caller.check_orders_allowed()
        except ConfigurationError:
            return False
        return True

    def _quote(self, code: str) -> Quote:
        with self._lock:
            asking = self._asking.setdefault(code, threading.Lock())
        with asking:  # one thread asks, the others of the same stock wait for its answer
            seen = self._seen.get(code)
            if seen is None or self._clock.monotonic() - seen.at > _FRESH:
                seen = self._seen[code] = _Seen(get_price(self._caller, code), self._clock.monotonic())
            return seen.quote
