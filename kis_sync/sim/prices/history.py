"""The daily bars of a listing, for any day of any year, each month drawn from the seed by itself.

A month's closing prices are known without the month (``History.level``: slow waves around the reference
price), and its days walk from one month's end to the next. So a question about one day costs one month, and
no answer depends on what was asked before. This room changes when the daily walk is drawn in another way.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from kis_sync.market.hours import is_trading_day
from kis_sync.market.price_limits import PriceLimits, price_limits
from kis_sync.market.ticks import ceil_to_tick, floor_to_tick, tick_size
from kis_sync.sim.prices.listings import ListingInfo

FIRST_DAY = date(2000, 1, 1)
"""Nothing is quoted before it, however old the listing."""

_MARKET_VOLATILITY = 1.1  # percent a day, of what all listings share
_WAVES = ((1, 0.6), (4, 1.0), (16, 1.4))  # months, and the height in monthly standard deviations
_DAYS_A_MONTH = 21
_STEEPEST = 0.2  # an ordinary day moves no further, in logarithms
_UPPER_MOVE, _LOWER_MOVE = math.log(1.3), math.log(0.7)


class DailyBar(NamedTuple):
    """One day (or week, month, year) of a listing; won and shares. A day without trades is flat."""

    day: date
    """The trading day; of a longer bar the last one in it."""
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    """Turnover in won: exact for the session of ``at``; for earlier days volume times the mean of the four
    prices, a few percent off what the day's trades add up to."""
    base: int
    """The close before, from which the change is counted."""


@functools.lru_cache(maxsize=1024)
def trading_days(year: int, month: int) -> tuple[date, ...]:
    """The trading days of a month."""
    first = date(year, month, 1)
    days = (first + timedelta(days=n) for n in range(31))
    return tuple(day for day in days if day.month == month and is_trading_day(day))


class History:
    """Daily bars drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._knot = functools.lru_cache(maxsize=8192)(self._draw_knot)
        self._market_moves = functools.lru_cache(maxsize=1024)(self._draw_market_moves)
        self.month = functools.lru_cache(maxsize=4096)(self._draw_month)
        """``month(info, year, month)``: the daily bars of a month, a tuple, oldest first."""

    def day(self, info: ListingInfo, day: date) -> DailyBar:
        """The bar of one trading day. Raises KeyError if it is none."""
        for bar in self.month(info, day.year, day.month):
            if bar.day == day:
                return bar
        raise KeyError(day)

    def month_end(self, info: ListingInfo, year: int, month: int) -> int:
        """The last close of a month, won."""
        if info.halted:
            return info.price
        count = year * 12 + month - 1
        level = info.beta * self._level("market", _MARKET_VOLATILITY, count)
        level += self._level(info.code, info.volatility, count)
        return _nearest(info.price * math.exp(level), info)

    def _level(self, stem: str, volatility: float, month: int) -> float:
        """The height of the waves at the end of a month, in logarithms."""
        scale = volatility / 100 * math.sqrt(_DAYS_A_MONTH)
        height = 0.0
        for span, share in _WAVES:
            knot, beyond = divmod(month, span)
            left = self._knot(stem, span, knot)
            right = self._knot(stem, span, knot + 1) if beyond else left
            height += share * scale * (left + (right - left) * beyond / span)
        return height

    def _draw_knot(self, stem: str, span: int, number: int) -> float:
        drawn = random.Random(f"{self._seed}:{stem}:wave:{span}:{number}").gauss(0, 1)
        return max(-2.0, min(2.0, drawn))

    def _draw_market_moves(self, year: int, month: int) -> tuple[float, ...]:
        rng = random.Random(f"{self._seed}:market:{year}-{month}")
        return tuple(rng.gauss(0, _MARKET_VOLATILITY / 100) for _ in trading_days(year, month))

    def _draw_month(self, info: ListingInfo, year: int, month: int) -> tuple[DailyBar, ...]:
        days = trading_days(year, month)
        base = self.month_end(info, *((year, month - 1) if month > 1 else (year - 1, 12)))
        if info.halted:
            return tuple(_flat(day, info.price) for day in days)
        rng = random.Random(f"{self._seed}:{info.code}:{year}-{month}")
        end = self.month_end(info, year, month)
        moves = _moves_between(base, end, self._market_moves(year, month), info, rng)
        bars, level = [], math.log(base)
        for day, move in zip(days, moves, strict=True):
            level += move
            limits = price_limits(base, info.kind)
            close = max(limits.lower, min(limits.upper, _nearest(math.exp(level), info)))
            bars.append(_draw_bar(day, base, close, limits, info, rng))
            base = close
        return tuple(bars)


def _flat(day: date, price: int) -> DailyBar:
    return DailyBar(day, price, price, price, price, 0, 0, price)


def _nearest(price: float, info: ListingInfo) -> int:
    """The valid price nearest to a figure."""
    whole = max(1, round(price))
    return floor_to_tick(whole + tick_size(whole, info.kind) // 2, info.kind)


def _moves_between(
    start: int, end: int, market: Sequence[float], info: ListingInfo, rng: random.Random
) -> list[float]:
    """Each day's move in logarithms; together they lead from ``start`` to ``end``.

    Now and then a day runs to its limit. The last day is an ordinary one, so that the month's end is met.
    """
    shocks = [rng.gauss(0, info.volatility / 100) * (3 if rng.random() < 0.03 else 1) for _ in market]
    moves = [info.beta * shared + own for shared, own in zip(market, shocks, strict=True)]
    chance = 0.001 * max(0.0, info.volatility - 1) ** 2
    runs = {n for n in range(len(moves) - 1) if rng.random() < chance}
    for n in runs:
        moves[n] = _UPPER_MOVE if rng.random() < 0.7 else _LOWER_MOVE
    way = math.log(end / start)
    missing = (way - sum(moves)) / (len(moves) - len(runs))
    moves = [move if n in runs else move + missing for n, move in enumerate(moves)]
    if any(abs(move) > _STEEPEST for n, move in enumerate(moves) if n not in runs):
        return [way / len(moves)] * len(moves)  # too rough to be true: an even month instead
    return moves


def _draw_bar(
    day: date, base: int, close: int, limits: PriceLimits, info: ListingInfo, rng: random.Random
) -> DailyBar:
    """The day's other prices and its volume, around a given close."""
    spread = math.hypot(info.volatility, info.beta * _MARKET_VOLATILITY) / 100
    opened = _nearest(base * (close / base) ** rng.uniform(0, 0.5) * math.exp(rng.gauss(0, spread / 3)), info)
    opened = max(limits.lower, min(limits.upper, opened))
    top, bottom = max(opened, close), min(opened, close)
    high = min(limits.upper, ceil_to_tick(int(top * math.exp(abs(rng.gauss(0, spread * 0.6)))), info.kind))
    low = max(limits.lower, floor_to_tick(int(bottom / math.exp(abs(rng.gauss(0, spread * 0.6)))), info.kind))
    excitement = 1 + abs(math.log(close / base)) / spread + math.log(high / low) / spread / 2
    volume = max(4, int(info.average_volume * excitement / 2.4 * math.exp(rng.gauss(0, 0.35))))
    value = volume * (opened + high + low + close) // 4
    return DailyBar(day, opened, high, low, close, volume, value, base)


PERIOD_OF: dict[str, Callable[[date], object]] = {
    "D": lambda day: day,
    "W": lambda day: day.isocalendar()[:2],
    "M": lambda day: (day.year, day.month),
    "Y": lambda day: day.year,
}
"""Which period (D, W, M or Y) a day lies in: days of one period have equal values."""


def aggregate(bars: Sequence[DailyBar], period: str) -> list[DailyBar]:
    """Daily bars (oldest first) as bars of a period: D, W, M or Y. Raises KeyError for another letter.

    A bar at the edge holds only the days given, so a range should begin where a period begins.
    """
    key = PERIOD_OF[period]
    grouped: list[list[DailyBar]] = []
    for bar in bars:
        if grouped and key(grouped[-1][-1].day) == key(bar.day):
            grouped[-1].append(bar)
        else:
            grouped.append([bar])
    return [_joined(group) for group in grouped]


def _joined(group: Sequence[DailyBar]) -> DailyBar:
    traded = [bar for bar in group if bar.volume] or group
    return DailyBar(
        day=group[-1].day,
        open=traded[0].open,
        high=max(bar.high for bar in traded),
        low=min(bar.low for bar in traded),
        close=group[-1].close,
        volume=sum(bar.volume for bar in group),
        value=sum(bar.value for bar in group),
        base=group[0].base,
    )
