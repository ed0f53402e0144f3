"""Reasons not to send an order, as pure functions of the order, of the facts about it, and of the limits.

Each guard gives its reasons with the value that would be taken instead; a fact that is not known (or was not
asked for) gives none, but for the most an order may be worth: what cannot be valued is not below it. Prices
of KRX judge orders on NXT too. This room changes when there is a new reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

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
    Side,
    SinglePrice,
    StopLimit,
    type_fault,
)
from kis_sync.api.domestic_stock.price import Quote
from kis_sync.catalog import Mode
from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName, sessions_after, sessions_at
from kis_sync.market.ticks import Listing, ceil_to_tick, floor_to_tick, is_on_tick, tick_size
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.session_kinds import takes

_BOTH = (Listing.STOCK, Listing.FUND)
_DAYS_AHEAD = 14  # longer than any row of closures
_EACH_KIND: tuple[OrderType, ...] = (
    Limit(1), Market(), ConditionalLimit(1), Best(), First(), BeforeOpen(1), AfterClose(), SinglePrice(1),
    Midpoint(), StopLimit(1, 1),
)  # fmt: skip


class PriceFacts(NamedTuple):
    """A stock's prices in won: the last, the day's limits, and the tick tables that it may follow."""

    last: int | None = None
    lower_limit: int | None = None
    upper_limit: int | None = None
    listings: tuple[Listing, ...] = _BOTH

    @classmethod
    def of(cls, quote: Quote) -> PriceFacts:
        """The facts in a quote. Whether a code is a fund is not said; its tick tells it where they differ."""
        fitting = tuple(kind for kind in _BOTH if tick_size(quote.price, kind) == quote.tick)
        return cls(quote.price, quote.lower_limit or None, quote.upper_limit or None, fitting or _BOTH)

    def finest(self, price: int) -> Listing:
        """The tick table with the finest tick at ``price`` won."""
        return min(self.listings, key=lambda listing: tick_size(price, listing))

    def is_on_tick(self, price: int) -> bool:
        """Whether ``price`` won is valid for any kind of stock that this may be."""
        return any(is_on_tick(price, listing) for listing in self.listings)

    def is_within_limits(self, price: int) -> bool:
        """Whether ``price`` won lies within the day's limits, as far as they are known."""
        return (self.lower_limit or 1) <= price <= (self.upper_limit or price)


_NO_PRICES = PriceFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when an order is judged; ``None`` where it is not known or was not asked for.

    ``orders_allowed`` tells whether live orders were allowed (always on paper), ``now`` is an aware datetime,
    ``buyable`` and ``sellable`` are shares, ``halted`` is the reason of a halt (an empty one is a halt, too).
    """

    mode: Mode
    orders_allowed: bool
    now: datetime
    prices: PriceFacts = _NO_PRICES
    buyable: int | None = None
    sellable: int | None = None
    halted: str | None = None


def worth(request: OrderRequest, facts: Facts) -> int | None:
    """What an order is worth at most in won; ``None`` where no price is known to reckon with.

    At its own price, else a purchase at the day's upper limit (as KIS reserves cash), a sale at the last
    price.
    """
    price = request.kind.won
    if price is None:
        price = facts.prices.upper_limit if request.side is Side.BUY else facts.prices.last
    return None if price is None else price * request.quantity


def refusals(request: OrderRequest, facts: Facts, limits: OrderLimits) -> list[str]:
    """Every reason not to send an order, none twice; empty when there is none."""
    reasons = [*_halt(facts), *_opt_in(facts), *_order_type(request, facts)]
    reasons += _amount(request, facts, limits)
    if limits.fat_finger_percent is not None:
        reasons += _distance(request.kind.won, facts.prices, limits.fat_finger_percent)
    if limits.check_price:
        reasons += _price(request.kind.won, "", facts.prices)
        reasons += _price(request.kind.trigger_won, "the trigger of ", facts.prices)
    if limits.check_funds:
        reasons += _quantity(request, facts)
    if limits.check_hours:
        reasons += _hours(request, facts)
    return list(dict.fromkeys(reasons))


def _halt(facts: Facts) -> Iterable[str]:
    if facts.halted is not None:
        because = f" ({facts.halted})" if facts.halted else ""
        yield f"orders of this account are halted{because}: resume() lets them leave again"


def _opt_in(facts: Facts) -> Iterable[str]:
    if facts.mode is Mode.LIVE and not facts.orders_allowed:
        yield "live orders are switched off: set allow_live_orders=True (KIS_ALLOW_LIVE_ORDERS=true)"


def _order_type(request: OrderRequest, facts: Facts) -> Iterable[str]:
    fault = type_fault(request.kind, request.exchange, facts.mode)
    if fault is not None:
        taken = [kind for kind in _EACH_KIND if type_fault(kind, request.exchange, facts.mode) is None]
        names = ", ".join(type(kind).__name__ for kind in taken)
        yield f"{fault}; it takes {names}" if names else fault


def _amount(request: OrderRequest, facts: Facts, limits: OrderLimits) -> Iterable[str]:
    limited = [
        (most, words)
        for most, words in ((limits.most_won, "an order"), (limits.most_won_a_day, "a day"))
        if most is not None
    ]
    won = worth(request, facts)
    if limited and won is None:
        yield "what the order is worth is not known, and there is a limit on it: name a price with Limit(...)"
    for most, words in limited:
        if won is not None and won > most:
            each = won // request.quantity
            possible = f"at {each:,} won a share {most // each:,} shares at most"
            yield f"the order is worth {won:,} won, above the {most:,} won allowed {words}: {possible}"


def _distance(price: int | None, prices: PriceFacts, percent: float) -> Iterable[str]:
    """A price too far from the last one. Reckoned in fractions: a limit of 0.1 % is just that."""
    last = prices.last
    if price is None or last is None:
        return
    share = Fraction(repr(float(percent))) / 100
    if abs(price - last) <= share * last:
        return
    lowest, highest = max(1, math.ceil(last * (1 - share))), math.floor(last * (1 + share))
    lowest = ceil_to_tick(lowest, prices.finest(lowest))
    highest = floor_to_tick(highest, prices.finest(highest))
    near = f": {lowest:,} to {highest:,} won are near enough" if lowest <= highest else ""
    away = abs(price - last) / last * 100
    yield f"{price:,} won is {away:.4g} % away from the last price of {last:,} won, above {percent:g} %{near}"


def _price(price: int | None, what: str, prices: PriceFacts) -> Iterable[str]:
    if price is None:
        return
    told = f"{what}{price:,} won"
    if prices.upper_limit is not None and price > prices.upper_limit:
        yield f"{told} is above the day's upper limit of {prices.upper_limit:,} won"
    if prices.lower_limit is not None and price < prices.lower_limit:
        yield f"{told} is below the day's lower limit of {prices.lower_limit:,} won"
    if prices.is_on_tick(price):
        return
    finest = prices.finest(price)
    nearest = (floor_to_tick(price, finest), ceil_to_tick(price, finest))
    valid = [f"{each:,}" for each in nearest if prices.is_within_limits(each)]
    words = "the valid prices next to it are" if len(valid) == 2 else "the valid price next to it is"
    next_to_it = f": {words} {' and '.join(valid)} won" if valid else ""
    yield f"{told} is not on the tick of {tick_size(price, finest):,} won{next_to_it}"


def _quantity(request: OrderRequest, facts: Facts) -> Iterable[str]:
    possible, done = (facts.buyable, "bought") if request.side is Side.BUY else (facts.sellable, "sold")
    if possible is not None and request.quantity > possible:
        shares = "share" if request.quantity == 1 else "shares"
        yield f"{request.quantity:,} {shares} cannot be {done}: {possible:,} at most"


def _hours(request: OrderRequest, facts: Facts) -> Iterable[str]:
    """No session that takes such orders; of a type that the exchange never takes, no session at all."""
    exchange, kind, now = request.exchange, request.kind, facts.now.astimezone(KST)
    if type_fault(kind, exchange, facts.mode) is not None:
        kinds: tuple[OrderType, ...] = _EACH_KIND
    else:
        kinds = (kind,)
    running = [each.name for each in sessions_at(exchange, now)]
    if any(takes(name, each) for name in running for each in kinds):
        return
    what = f"{type(kind).__name__} orders" if kinds == (kind,) else "orders"
    told = f"{exchange.value} takes no {what} at {now:%Y-%m-%d %H:%M} KST"
    following = (
        each
        for each in sessions_after(exchange, now, _DAYS_AHEAD)
        if any(takes(each.name, one) for one in kinds)
    )
    opening = next(following, None)
    if opening is None:
        yield f"{told}, and no session of the next {_DAYS_AHEAD} days does"
        return
    yield (
        f"{told}: the next session that does ({opening.name.value}) opens at "
        f"{opening.open:%Y-%m-%d %H:%M} KST{_elsewhere(request, facts, running)}"
    )


def _elsewhere(request: OrderRequest, facts: Facts, running: list[SessionName]) -> str:
    """In the after market of KRX, for which KIS's documents know no order: who takes it instead."""
    is_possible = facts.mode is Mode.LIVE and takes(SessionName.NXT_AFTER, request.kind)
    if SessionName.AFTER_MARKET not in running or request.exchange is not Exchange.KRX or not is_possible:
        return ""
    return "; KIS's documents know no order for its after market, but NXT and SOR take this one now"
