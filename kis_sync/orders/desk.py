"""The desk: takes an order request, gathers the facts, hears the guards, and sends it once.

This room changes when the way of an order from wish to exchange changes.
"""

from __future__ import annotations

import threading
from datetime import date

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.cash_order import Order, cash_order
from kis_sync.api.domestic_stock.price import get_price
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.guards import PriceFacts, refusals
from kis_sync.orders.request import OrderRequest


class OrderDesk:
    """Sends the orders of one broker. Limits and ticks are asked once for each stock and session date."""

    def __init__(self, caller: Asker) -> None:
        self._caller = caller
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._facts: dict[str, tuple[date, PriceFacts]] = {}

    def place(self, request: OrderRequest) -> Order:
        """Send an order, or raise ``InvalidRequestError`` with every reason not to; nothing was sent then."""
        self._caller.check_orders_allowed()
        _ = self._caller.account  # a missing one is told before anything is asked
        if request.price is not None:
            reasons = refusals(request, self._price_facts(request.code))
            if reasons:
                raise InvalidRequestError("the order was not sent: " + "; ".join(reasons))
        return cash_order(
            self._caller, request.code, request.side, request.quantity, request.kind, request.price
        )

    def _price_facts(self, code: str) -> PriceFacts:
        today = self._caller.now().date()
        known = self._facts.get(code)
        if known is not None and known[0] == today:
            return known[1]
        with self._lock:
            asking = self._asking.setdefault(code, threading.Lock())
        with asking:  # one thread asks, the others of the same stock wait for its answer
            known = self._facts.get(code)
            if known is None or known[0] != today:
                known = self._facts[code] = (today, PriceFacts.of(get_price(self._caller, code)))
            return known[1]
