"""The stock indices of the simulated market: what their members are worth together, against a fixed day.

An index's high and low are its members' own highs and lows added up, so that they never shrink again during
a day (KRX takes the extremes of the index itself, which lie closer together). This room changes when an
index is added, or reckoned in another way.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from kis_sync.market.ticks import Listing
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Phase, Quote

_REACH = timedelta(days=730)
_SETTLED = date(2022, 1, 1)  # members are as old as this, so that none enters on the way
_LARGE = 80


class IndexInfo(NamedTuple):
    """An index: its code (업종코드), the name and market that KIS gives it, its level at reference prices."""

    code: str
    name: str
    market: str
    level: float
    large_only: bool = False


INDICES = {
    info.code: info
    for info in (
        IndexInfo("0001", "종합", "KOSPI", 7300.0),
        IndexInfo("1001", "종합", "KOSDAQ", 920.0),
        IndexInfo("2001", "KOSPI200", "KOSPI", 1090.0, large_only=True),
    )
}
"""Of KIS's many sector codes these are simulated."""


class IndexBar(NamedTuple):
    """One day (or longer) of an index: its levels, shares and won traded by the members."""

    day: date
    open: float
    high: float
    low: float
    close: float
    volume: int
    value: int
    base: float


class Counts(NamedTuple):
    """How many members stand above, at or below yesterday's close; the limits are counted apart too."""

    up: int
    at_upper: int
    flat: int
    down: int
    at_lower: int


@dataclass(frozen=True)
class IndexQuote:
    """An index at an instant; levels with two decimals."""

    info: IndexInfo
    at: datetime
    bar: IndexBar
    previous: IndexBar
    traded: bool
    counts: Counts


class Indices:
    """Every index of a market, at any instant; safe to ask from many threads."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._month = functools.lru_cache(maxsize=256)(self._read_month)
        self.members = functools.cache(self._choose)
        """``members(code)``: the stocks of an index, the large caps first."""

    def _choose(self, code: str) -> tuple[ListingInfo, ...]:
        info = INDICES[code]
        listings = [listing for each in self._market.codes() if (listing := self._market.listing(each))]
        stocks = [
            each
            for each in listings
            if each.kind is Listing.STOCK
            and each.market == info.market
            and not each.newly_listed
            and each.listed_on < _SETTLED
        ]
        stocks.sort(key=lambda each: -each.price * each.listed_shares)
        return tuple(stocks[:_LARGE] if info.large_only else stocks)

    def quote(self, code: str, at: datetime) -> IndexQuote:
        """The index at an instant. Raises KeyError for an index that is not simulated."""
        info, quotes = INDICES[code], self._quotes(code, at)
        day = quotes[0].day
        bar = self._bar(code, day, [_running(quote) for quote in quotes])
        before = [quote.previous or _flat(quote) for quote in quotes]
        return IndexQuote(
            info=info,
            at=at,
            bar=bar,
            previous=self._bar(code, before[0].day, before),
            traded=bool(bar.volume),
            counts=_counted(quotes),
        )

    def daily_bars(self, code: str, start: date, end: date, at: datetime) -> list[IndexBar]:
        """Daily bars of a range, oldest first, as known at ``at``; none from more than two years before."""
        today = self._market.session_day(at)
        start, end = max(start, today - _REACH), min(end, today)
        bars: list[IndexBar] = []
        month = start.replace(day=1)
        while month <= end:
            is_past = (month.year, month.month) < (today.year, today.month)
            read = self._month if is_past else self._read_month
            bars += [bar for bar in read(code, month, None if is_past else at) if start <= bar.day <= end]
            month = (month + timedelta(days=32)).replace(day=1)
        return bars

    def _quotes(self, code: str, at: datetime) -> list[Quote]:
        return [self._market.quote(each.code, at) for each in self.members(code)]

    def _read_month(self, code: str, month: date, at: datetime | None) -> list[IndexBar]:
        """The daily bars of a month: a past one whole, the running one (``at`` is given) up to now."""
        last = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        today = None if at is None else self._market.session_day(at)
        until = last if today is None else today - timedelta(days=1)
        columns = [self._market.past_bars(each.code, month, until) for each in self.members(code)]
        bars = [self._bar(code, row[0].day, row) for row in zip(*columns, strict=True)]
        if at is not None and today is not None and self._market.phase(at) is not Phase.PRE_OPEN:
            bars.append(self._bar(code, today, [_running(quote) for quote in self._quotes(code, at)]))
        return bars

    def _bar(self, code: str, day: date, bars: Sequence[DailyBar]) -> IndexBar:
        members = self.members(code)
        scale = INDICES[code].level / sum(each.price * each.listed_shares for each in members)

        def level(prices: Sequence[int]) -> float:
            worth = sum(price * each.listed_shares for price, each in zip(prices, members, strict=True))
            return round(worth * scale, 2)

        return IndexBar(
            day,
            level([bar.open for bar in bars]),
            level([bar.high for bar in bars]),
            level([bar.low for bar in bars]),
            level([bar.close for bar in bars]),
            sum(bar.volume for bar in bars),
            sum(bar.value for bar in bars),
            level([bar.base for bar in bars]),
        )


def aggregate_index(bars: Sequence[IndexBar], keys: Sequence[object]) -> list[IndexBar]:
    """Daily bars as longer ones: neighbours with the same key become one."""
    joined: list[IndexBar] = []
    last: object = None
    for bar, key in zip(bars, keys, strict=True):
        if joined and key == last:
            so_far = joined[-1]
            joined[-1] = so_far._replace(
                day=bar.day,
                high=max(so_far.high, bar.high),
                low=min(so_far.low, bar.low),
                close=bar.close,
                volume=so_far.volume + bar.volume,
                value=so_far.value + bar.value,
            )
        else:
            joined.append(bar)
        last = key
    return joined


def _running(quote: Quote) -> DailyBar:
    if not quote.volume:
        return _flat(quote)
    return DailyBar(
        quote.day, quote.open, quote.high, quote.low, quote.price, quote.volume, quote.value, quote.base
    )


def _flat(quote: Quote) -> DailyBar:
    return DailyBar(quote.day, *(quote.base,) * 4, 0, 0, quote.base)


def _counted(quotes: Sequence[Quote]) -> Counts:
    traded = [quote for quote in quotes if quote.volume]
    return Counts(
        up=sum(quote.change > 0 for quote in quotes),
        at_upper=sum(quote.price == quote.upper for quote in traded),
        flat=sum(quote.change == 0 for quote in quotes),
        down=sum(quote.change < 0 for quote in quotes),
        at_lower=sum(quote.price == quote.lower for quote in traded),
    )
