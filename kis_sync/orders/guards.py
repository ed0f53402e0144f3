"""Reasons not to send an order, as pure functions of the order and of what the market says.

This room changes when there is a new reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from kis_sync.api.domestic_stock.price import Quote
from kis_sync.market.ticks import Listing, ceil_to_tick, floor_to_tick, is_on_tick, tick_size
from kis_sync.orders.request import OrderRequest


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """What a day's prices of a stock must keep to: its limits in won, and the tick tables it may follow."""

    lower_limit: int | None
    upper_limit: int | None
    listings: tuple[Listing, ...]

    @classmethod
    def of(cls, quote: Quote) -> PriceFacts:
        """The facts in a quote. Whether a code is a fund is not said; its tick tells it where they differ."""
        kinds = (Listing.STOCK, Listing.FUND)
        fitting = tuple(kind for kind in kinds if tick_size(quote.price, kind) == quote.tick)
        return cls(quote.lower_limit or None, quote.upper_limit or None, fitting or kinds)


def refusals(request: OrderRequest, facts: PriceFacts) -> list[str]:
    """Every reason not to send a limit order; empty when there is none.

    Where the kind of stock is not known, a price that is valid for either kind is accepted.
    """
    price = request.price
    if price is None:
        return []
    reasons = []
    if facts.upper_limit is not None and price > facts.upper_limit:
        reasons.append(f"{price:,} won is above the day's upper limit of {facts.upper_limit:,} won")
    if facts.lower_limit is not None and price < facts.lower_limit:
        reasons.append(f"{price:,} won is below the day's lower limit of {facts.lower_limit:,} won")
    if not any(is_on_tick(price, listing) for listing in facts.listings):
        finest = min(facts.listings, key=lambda listing: tick_size(price, listing))
        below, above = floor_to_tick(price, finest), ceil_to_tick(price, finest)
        reasons.append(
            f"{price:,} won is not on the tick of {tick_size(price, finest):,} won: "
            f"the valid prices next to it are {below:,} and {above:,} won"
        )
    return reasons
