"""What an order meets in the market: the levels of the book at once, later the trades that pass its price.

The model: an order that crosses takes the shown levels, best first, at their prices. What rests is filled
whole, at its own price, by the first trade strictly beyond that price, and by an auction at the auction's
price. There is no queue and no effect of our orders on the market, except that a level taken once is not
there again until the book changes. This room changes when that model becomes richer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kis_sync.market.hours import regular_session
from kis_sync.sim.prices.book import Book, Level
from kis_sync.sim.prices.market import Market
from kis_sync.sim.prices.tape import Trade
from kis_sync.sim.trading.ledger import Side

_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(milliseconds=1)
_CHUNK = 64


class Match(NamedTuple):
    """So many shares at a price in won."""

    price: int
    quantity: int


def reaches(side: Side, limit: int | None, price: int) -> bool:
    """Whether an order with that limit (``None``: at market) accepts a price."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


def passes(side: Side, limit: int, price: int) -> bool:
    """Whether a trade at that price is strictly beyond an order's limit."""
    return price < limit if side is Side.BUY else price > limit


def walk(levels: Iterable[Level], side: Side, limit: int | None, quantity: int) -> Iterator[Match]:
    """What an order takes of the other side's levels, best first."""
    for level in levels:
        if quantity <= 0 or not reaches(side, limit, level.price):
            return
        taken = min(quantity, level.size)
        if taken:
            quantity -= taken
            yield Match(level.price, taken)


class Taken:
    """What our own orders took of each book, so that the same shares are not sold twice."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, Side], tuple[datetime, dict[int, int]]] = {}

    def left(self, code: str, side: Side, book: Book) -> Sequence[Level]:
        """The levels that an order of ``side`` meets now."""
        levels = book.asks if side is Side.BUY else book.bids
        changed_at, gone = self._taken.get((code, side), (book.changed_at, {}))
        if changed_at != book.changed_at:
            return levels
        return [Level(price, max(0, size - gone.get(price, 0))) for price, size in levels]

    def take(self, code: str, side: Side, book: Book, match: Match) -> None:
        """Note that shares of a level are gone."""
        changed_at, gone = self._taken.get((code, side), (book.changed_at, {}))
        if changed_at != book.changed_at:
            gone = {}
        gone[match.price] = gone.get(match.price, 0) + match.quantity
        self._taken[code, side] = (book.changed_at, gone)


def auction_trade(market: Market, code: str, at: datetime) -> Trade | None:
    """The trade of an auction that ends at that instant, if it came about."""
    latest = market.trades(code, at, 1)
    return latest[0] if latest and latest[0].at == at else None


class FillingTrade(NamedTuple):
    """When a resting order is filled, and at what price in won."""

    at: datetime
    price: int


def first_filling_trade(
    market: Market, code: str, side: Side, limit: int | None, since: datetime, until: datetime
) -> FillingTrade | None:
    """What fills a resting order in ``(since, until]``, ``None`` when nothing does.

    Between the auctions a trade must pass the limit; the closing auction's needs to reach it only.
    """
    close = regular_session(since.date()).close
    for trade in _trades_between(market, code, side, limit, since, until):
        if trade.at >= close:
            if reaches(side, limit, trade.price):
                return FillingTrade(trade.at, trade.price)
        elif limit is not None and passes(side, limit, trade.price):
            return FillingTrade(trade.at, limit)
    return None


def _trades_between(
    market: Market, code: str, side: Side, limit: int | None, since: datetime, until: datetime
) -> Iterator[Trade]:
    """Trades in ``(since, until]``, oldest first, without the minutes that stayed short of the limit."""
    for bar in market.minute_bars(code, until):
        best = bar.low if side is Side.BUY else bar.high
        if bar.start + _MINUTE <= since or not reaches(side, limit, best):
            continue
        end, count = min(until, bar.start + _MINUTE - _INSTANT), _CHUNK
        latest = market.trades(code, end, count)
        while len(latest) == count and latest[-1].at > max(since, bar.start):
            count *= 4
            latest = market.trades(code, end, count)
        yield from (trade for trade in reversed(latest) if trade.at > since and trade.at >= bar.start)
