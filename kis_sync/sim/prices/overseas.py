"""The simulated markets abroad: prices as a pure function of time, like the Korean one but coarser.

A day's close comes from slow waves around the reference price, its course from a walk with a knot every
five minutes; in between prices go straight. Only regular hours move them. This room changes when another
question is asked of these markets, or their days are drawn in another way.
"""

from __future__ import annotations

import functools
import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from kis_sync.sim.prices.overseas_listings import OverseasListing

FIRST_DAY = date(2000, 1, 3)
"""Nothing is quoted before it."""

_DAY = timedelta(days=1)
_DAY_BEGINS = timedelta(hours=1)  # before the open, as at home (assumed)
_KNOT_MINUTES = 5
_WAVES = ((2, 0.8), (9, 1.6), (47, 3.4), (260, 6.0))  # days, and the height in daily standard deviations


class OverseasBar(NamedTuple):
    """One day (or longer) of a listing: points, shares, and turnover in the currency."""

    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    base: int


class MinuteBar(NamedTuple):
    """So many minutes of trading, labelled by their start in local time."""

    start: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int


@dataclass(frozen=True)
class OverseasQuote:
    """One listing at an instant; prices in points, 0 before the day's first trade."""

    listing: OverseasListing
    at: datetime
    """The instant that the quote tells of: the delay is taken off. Local time."""
    bar: OverseasBar
    """The day so far; without a volume its prices are yesterday's close."""
    previous: OverseasBar

    @property
    def price(self) -> int:
        """The last price."""
        return self.bar.close

    @property
    def change(self) -> int:
        """Against yesterday's close."""
        return self.bar.close - self.bar.base


class OverseasMarket:
    """Seeded markets abroad; safe to ask from many threads, and every answer is pure in ``at``."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._course = functools.lru_cache(maxsize=128)(self._draw_course)
        self._day = functools.lru_cache(maxsize=20_000)(self._draw_day)
        self._close = functools.lru_cache(maxsize=50_000)(self._draw_close)
        self._knot = functools.lru_cache(maxsize=50_000)(self._draw_knot)

    def quote(self, listing: OverseasListing, at: datetime) -> OverseasQuote:
        """The listing at an instant, as late as KIS's free quotes are."""
        known, day = self._known(listing, at)
        return OverseasQuote(
            listing, known, self._bar_until(listing, day, known), self._day(listing, _before(day))
        )

    def daily_bars(self, listing: OverseasListing, end: date, count: int, at: datetime) -> list[OverseasBar]:
        """The last ``count`` daily bars up to ``end``, newest first, as known at ``at``."""
        known, today = self._known(listing, at)
        day = min(end, today)
        bars: list[OverseasBar] = []
        while len(bars) < count and day >= FIRST_DAY:
            if _trades(day) and day < today:
                bars.append(self._day(listing, day))
            elif _trades(day):
                running = self._bar_until(listing, day, known)
                bars += [running] if running.volume else []
            day -= _DAY
        return bars

    def minute_bars(
        self, listing: OverseasListing, at: datetime, minutes: int, *, until: datetime | None, count: int
    ) -> list[MinuteBar]:
        """Bars of so many minutes that begin at or before ``until`` (now, if not given), newest first."""
        known, day = self._known(listing, at)
        until = known if until is None else min(until, known)
        bars: list[MinuteBar] = []
        oldest = day - timedelta(days=31)
        day = min(day, until.date())
        while len(bars) < count and day >= oldest:
            if _trades(day):
                course = self._course(listing, day)
                bars += [bar for bar in reversed(course.bars(minutes, known)) if bar.start <= until]
            day -= _DAY
        return bars[:count]

    def _known(self, listing: OverseasListing, at: datetime) -> tuple[datetime, date]:
        """The instant that is told of, in local time, and the date of the session it belongs to."""
        exchange = listing.exchange
        zone = exchange.zone(at.astimezone(exchange.zone(at.date())).date())
        known = at.astimezone(zone) - exchange.delay
        day = known.date()
        if not _trades(day) or known < exchange.sessions(day)[0][0] - _DAY_BEGINS:
            day = _before(day)
        return known, day

    def _bar_until(self, listing: OverseasListing, day: date, known: datetime) -> OverseasBar:
        course = self._course(listing, day)
        base = self._close(listing, _before(day))
        place = course.place(known)
        if place < 0:
            return OverseasBar(day, base, base, base, base, 0, 0, base)
        return course.bar(day, base, place)

    def _draw_day(self, listing: OverseasListing, day: date) -> OverseasBar:
        course = self._draw_course(listing, day)
        return course.bar(day, self._close(listing, _before(day)), float(len(course.prices) - 1))

    def _draw_course(self, listing: OverseasListing, day: date) -> Course:
        exchange, tick = listing.exchange, listing.exchange.tick
        rng = random.Random(f"{self._seed}:{exchange.code}:{listing.symbol}:{day}")
        base, close = self._close(listing, _before(day)), self._close(listing, day)
        sessions = exchange.sessions(day)
        steps = int(sum((end - start).total_seconds() for start, end in sessions) // 60 // _KNOT_MINUTES)
        spread = base * listing.volatility / 100
        opened = _on_tick(base + (close - base) * rng.uniform(0, 0.5) + rng.gauss(0, spread / 4), tick)
        walk = list(accumulate(rng.gauss(0, spread * 0.8 / math.sqrt(steps)) for _ in range(steps)))
        inner = [
            _on_tick(opened + (close - opened) * n / steps + walk[n - 1] - walk[-1] * n / steps, tick)
            for n in range(1, steps)
        ]
        weights = [
            (1 + 1.6 * math.exp(-n / 6) + 1.2 * math.exp((n - steps) / 4)) * rng.uniform(0.5, 1.5)
            for n in range(steps)
        ]
        scale = listing.average_volume * math.exp(rng.gauss(0, 0.3)) / sum(weights)
        volumes = [max(1, int(weight * scale)) for weight in weights]
        return Course(listing, sessions, [opened, *inner, close], volumes)

    def _draw_close(self, listing: OverseasListing, day: date) -> int:
        """A day's close, known without the days before."""
        height = 0.0
        for span, share in _WAVES:
            knot, beyond = divmod(day.toordinal(), span)
            left, right = (self._knot(listing.symbol, span, number) for number in (knot, knot + 1))
            height += share * (left + (right - left) * beyond / span)
        return _on_tick(listing.price * math.exp(height * listing.volatility / 100), listing.exchange.tick)

    def _draw_knot(self, symbol: str, span: int, number: int) -> float:
        return random.Random(f"{self._seed}:{symbol}:{span}:{number}").gauss(0, 1)


@dataclass(frozen=True)
class Course:
    """How one day goes: a price at every knot, and the shares traded from each knot to the next."""

    listing: OverseasListing
    sessions: Sequence[tuple[datetime, datetime]]
    prices: Sequence[int]
    volumes: Sequence[int]

    def place(self, at: datetime) -> float:
        """How many knots have passed at an instant, the running one in part; below 0 before the open."""
        if at < self.sessions[0][0]:
            return -1.0
        traded = sum(
            max(0.0, (min(at, end) - start).total_seconds()) for start, end in self.sessions if at > start
        )
        return traded / 60 / _KNOT_MINUTES

    def price(self, place: float) -> int:
        """The price at a place: on the straight way between two knots, on the tick."""
        knot = min(int(place), len(self.prices) - 2)
        left, right = self.prices[knot], self.prices[knot + 1]
        return _on_tick(left + (right - left) * (place - knot), self.listing.exchange.tick)

    def traded(self, place: float) -> tuple[int, int]:
        """Shares and turnover up to a place."""
        knot = min(int(place), len(self.volumes) - 1)
        part = int(self.volumes[knot] * (place - knot))
        volume, points = self._sums[knot]
        points += part * (self.prices[knot] + self.price(place)) // 2
        return volume + part, points // 10**self.listing.exchange.decimals

    @functools.cached_property
    def _sums(self) -> list[tuple[int, int]]:
        """Shares and turnover in points before each stretch."""
        sums = [(0, 0)]
        for n, volume in enumerate(self.volumes):
            mean = volume * (self.prices[n] + self.prices[n + 1]) // 2
            sums.append((sums[-1][0] + volume, sums[-1][1] + mean))
        return sums

    def bar(self, day: date, base: int, place: float) -> OverseasBar:
        """The day up to a place (0 or more)."""
        here = self.price(place)
        passed = [*self.prices[: int(place) + 1], here]
        volume, value = self.traded(place)
        return OverseasBar(day, self.prices[0], max(passed), min(passed), here, max(1, volume), value, base)

    def bars(self, minutes: int, known: datetime) -> list[MinuteBar]:
        """Bars of so many minutes that have begun at ``known``, oldest first; each session begins anew."""
        found: list[MinuteBar] = []
        for start, end in self.sessions:
            while start < min(end, known):
                stop = min(start + timedelta(minutes=minutes), end)
                found.append(self._minute_bar(start, min(stop, known)))
                start = stop
        return found

    def _minute_bar(self, start: datetime, until: datetime) -> MinuteBar:
        first, last = self.place(start), self.place(until)
        knots = self.prices[bisect_right(range(len(self.prices)), first) : int(last) + 1]
        ends = (self.price(first), self.price(last))
        before, after = self.traded(first), self.traded(last)
        return MinuteBar(
            start, ends[0], max(*ends, *knots), min(*ends, *knots), ends[1],
            after[0] - before[0], after[1] - before[1],
        )  # fmt: skip


def _trades(day: date) -> bool:
    return day.weekday() < 5


def _before(day: date) -> date:
    """The last trading day before a date."""
    day -= _DAY
    while not _trades(day):
        day -= _DAY
    return day


def _on_tick(points: float, tick: int) -> int:
    return max(tick, round(points / tick) * tick)
