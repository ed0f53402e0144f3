"""The simulated market: a pure function of time that answers any question about any instant.

This room changes when a new question is asked of the market.
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kis_sync.clock import KST
from kis_sync.market.hours import is_trading_day, previous_trading_day, regular_session
from kis_sync.market.price_limits import PriceLimits, price_limits
from kis_sync.market.ticks import floor_to_tick, tick_size
from kis_sync.sim.prices.book import Book, Centre, Level, draw_sides
from kis_sync.sim.prices.history import FIRST_DAY, DailyBar, History, aggregate
from kis_sync.sim.prices.listings import ListingInfo, load_listings
from kis_sync.sim.prices.quote import Phase, Quote, phase_of
from kis_sync.sim.prices.tape import MinuteBar, Tape, Trade
from kis_sync.sim.prices.walk import CLOSING_AUCTION, draw_tape

__all__ = [
    "Book", "DailyBar", "Level", "ListingInfo", "Market", "MinuteBar", "Phase", "Quote", "Trade", "aggregate",
]  # fmt: skip

DAY_BEGINS = timedelta(hours=1)
"""How long before the open the new day is quoted instead of the last one (assumed)."""
OPENING_AUCTION = timedelta(minutes=30)
"""How long before the open orders are taken."""

_FASTEST, _SLOWEST = timedelta(milliseconds=500), timedelta(seconds=10)  # between two changes of a book
_TAPES = 256  # days of listings kept in memory, 300 KB each at most


class Market:
    """A seeded Korean stock market that moves with time, safe to ask from many threads.

    Every question is pure in ``at`` (an aware datetime; one after the present is as good): asked again, also
    of another object or process with the same seed and listings, it has the same answer. Questions about an
    unknown code raise KeyError. Quotes do not look at listing dates, bars do.
    """

    def __init__(self, seed: int = 1, listings: Sequence[ListingInfo] | None = None) -> None:
        self.seed = seed
        self._listings = {info.code: info for info in (load_listings() if listings is None else listings)}
        self._history = History(seed)
        self._tape = functools.lru_cache(maxsize=_TAPES)(self._draw_tape)
        self._key = functools.cache(self._draw_key)

    def codes(self) -> list[str]:
        """All codes, the large caps first."""
        return list(self._listings)

    def listing(self, code: str) -> ListingInfo | None:
        """What is known of a listing; None for an unknown code."""
        return self._listings.get(code)

    def listed_on(self, code: str, at: datetime) -> date:
        """The first trading day of a listing; of a newly listed one the first of the current half month."""
        info = self._listings[code]
        if not info.newly_listed:
            return info.listed_on
        day = self.session_day(at)
        day = day.replace(day=1 if day.day < 16 else 16)
        while not is_trading_day(day):
            day += timedelta(days=1)
        return day

    def session_day(self, at: datetime) -> date:
        """The date of the session that a question at ``at`` is about."""
        at = _in_korea(at)
        day = at.date()
        if is_trading_day(day) and at >= regular_session(day).open - DAY_BEGINS:
            return day
        return previous_trading_day(day)

    def phase(self, at: datetime) -> Phase:
        """Where that session stands."""
        return phase_of(regular_session(self.session_day(at)), _in_korea(at))

    def quote(self, code: str, at: datetime) -> Quote:
        """The listing at an instant."""
        at, day, info = _in_korea(at), self.session_day(at), self._listings[code]
        base, limits = self._base(info, day)
        tape = self._tape(code, day)
        count = tape.count(at)
        last = count - 1
        price = tape.prices[last] if count else base
        return Quote(
            code=code,
            at=at,
            day=day,
            phase=phase_of(tape.session, at),
            halted=info.halted,
            price=price,
            base=base,
            open=tape.prices[0] if count else 0,
            high=tape.highs[last] if count else 0,
            low=tape.lows[last] if count else 0,
            volume=tape.volumes[last] if count else 0,
            value=tape.values[last] if count else 0,
            lower=limits.lower,
            upper=limits.upper,
            tick=tick_size(price, info.kind),
            previous=self._previous(code, day, at),
            last_trade_at=tape.time(last) if count else None,
        )

    def book(self, code: str, at: datetime) -> Book:
        """The order book at an instant: around the last price, frozen at the close.

        Empty from the day's begin until the opening auction takes orders, and for a halted listing.
        """
        at, day, info = _in_korea(at), self.session_day(at), self._listings[code]
        tape = self._tape(code, day)
        at = min(at, tape.session.close)
        base, limits = self._base(info, day)
        count = tape.count(at)
        if info.halted or at < tape.session.open - OPENING_AUCTION:
            return Book((), (), 0, 0, 0, 0, tape.session.open - DAY_BEGINS)
        price = tape.prices[count - 1] if count else base
        centre = Centre(price, bool(count and tape.bought[count - 1]), limits)
        period = max(_FASTEST, min(_SLOWEST, timedelta(seconds=500_000 / info.average_volume)))
        periods = (at - tape.session.open) // period
        begun = tape.session.open + periods * period
        asks, bids = draw_sides(info, centre, self._key(code), day.toordinal() * 1_000_000 + periods)
        expected = _expect(info, tape, count, price, at)
        return Book(
            asks=asks,
            bids=bids,
            total_ask=sum(level.size for level in asks),
            total_bid=sum(level.size for level in bids),
            expected_price=expected.price,
            expected_volume=expected.size,
            changed_at=max(begun, tape.time(count - 1)) if count else begun,
        )

    def board(self, at: datetime) -> list[tuple[ListingInfo, Quote]]:
        """Every listing with its quote at an instant, the large caps first."""
        return [(info, self.quote(code, at)) for code, info in self._listings.items()]

    def extreme_times(self, code: str, at: datetime) -> tuple[datetime, datetime] | None:
        """When the session's high and low so far first happened; None before the first trade."""
        tape = self._tape(code, self.session_day(at))
        count = tape.count(at)
        return (tape.high_at(count), tape.low_at(count)) if count else None

    def trades(
        self, code: str, at: datetime, count: int = 30, *, until: datetime | None = None
    ) -> list[Trade]:
        """The latest trades of the session of ``at``, newest first: at and before ``at`` and ``until``."""
        tape = self._tape(code, self.session_day(at))
        happened = tape.count(at if until is None else min(at, until))
        return [tape.trade(n) for n in range(happened - 1, max(-1, happened - 1 - count), -1)]

    def tape(self, code: str, day: date) -> Tape:
        """All trades of a trading day, in columns: those still to come too."""
        return self._tape(code, day)

    def minute_bars(self, code: str, at: datetime) -> list[MinuteBar]:
        """The session's one-minute bars up to and including the running one, oldest first.

        They add up to the quote. A minute without trades has no bar; the closing auction's is labelled with
        the close (15:30).
        """
        tape = self._tape(code, self.session_day(at))
        return tape.minute_bars(tape.count(at))

    def past_minute_bars(self, code: str, day: date, at: datetime) -> list[MinuteBar]:
        """The minute bars of any day, oldest first, as known at ``at``.

        Of the session's own day up to ``at``; none of a day after it, before the listing or without trading.
        """
        today = self.session_day(at)
        if day == today:
            return self.minute_bars(code, at)
        if day > today or day < self._first_day(code, at) or not is_trading_day(day):
            return []
        tape = self._tape(code, day)
        return tape.minute_bars(len(tape.times))

    def daily_bars(self, code: str, end: date, count: int, at: datetime) -> list[DailyBar]:
        """The last ``count`` daily bars up to ``end``, oldest first; else as ``daily_bars_between``."""
        end, first = min(end, self.session_day(at)), self._first_day(code, at)
        bars: list[DailyBar] = []
        while len(bars) < count and end >= first:
            start = end.replace(day=1)
            bars = self.daily_bars_between(code, start, end, at) + bars
            end = start - timedelta(days=1)
        return bars[-count:] if count > 0 else []

    def daily_bars_between(self, code: str, start: date, end: date, at: datetime) -> list[DailyBar]:
        """Daily bars of a range, both ends included, oldest first, as known at ``at``.

        Today's bar is the running one, missing before the open; there are none after it and none before the
        listing. No splits and no dividends: adjusted prices are the unadjusted ones.
        """
        info, today = self._listings[code], self.session_day(at)
        start, end = max(start, self._first_day(code, at)), min(end, today)
        bars: list[DailyBar] = []
        month = start.replace(day=1)
        while month <= end:
            bars += [b for b in self._history.month(info, month.year, month.month) if start <= b.day <= end]
            month = (month + timedelta(days=32)).replace(day=1)
        if bars and bars[-1].day == today:
            bars[-1:] = self._running_bar(code, at)
        return bars

    def past_bars(self, code: str, start: date, end: date) -> list[DailyBar]:
        """The whole daily bars of a range within one month, oldest first, whenever and however new."""
        month = self._history.month(self._listings[code], start.year, start.month)
        return [bar for bar in month if start <= bar.day <= end]

    def _running_bar(self, code: str, at: datetime) -> list[DailyBar]:
        """Today's bar so far; flat until the first trade, none before the open."""
        quote = self.quote(code, at)
        if quote.phase is Phase.PRE_OPEN:
            return []
        prices = (quote.open, quote.high, quote.low) if quote.volume else (quote.price,) * 3
        return [DailyBar(quote.day, *prices, quote.price, quote.volume, quote.value, quote.base)]

    def _first_day(self, code: str, at: datetime) -> date:
        return max(FIRST_DAY, self.listed_on(code, at))

    def _base(self, info: ListingInfo, day: date) -> tuple[int, PriceLimits]:
        base = self._history.day(info, day).base
        return base, price_limits(base, info.kind)

    def _previous(self, code: str, day: date, at: datetime) -> DailyBar | None:
        before = previous_trading_day(day)
        if before < self._first_day(code, at):
            return None
        return self._history.day(self._listings[code], before)

    def _draw_tape(self, code: str, day: date) -> Tape:
        info = self._listings[code]
        rng = random.Random(f"{self.seed}:{code}:{day}")
        return draw_tape(info, self._history.day(info, day), regular_session(day), rng)

    def _draw_key(self, code: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{code}".encode()).digest()[:8], "big")


def _in_korea(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"an aware datetime is needed, not {at}")
    return at.astimezone(KST)


def _expect(info: ListingInfo, tape: Tape, count: int, price: int, at: datetime) -> Level:
    """Expected price and volume of the auction that runs at ``at``; it closes in on what will be traded."""
    session = tape.session
    opening = at < session.open and tape.times and tape.times[0] == 0
    closing = session.close - CLOSING_AUCTION <= at < session.close and count < len(tape.times)
    if not opening and not closing:
        return Level(0, 0)
    length, end = (OPENING_AUCTION, session.open) if opening else (CLOSING_AUCTION, session.close)
    done = 1 - (end - at) / length
    settled = floor_to_tick(int(price + (tape.prices[count] - price) * done), info.kind)
    return Level(settled, int(tape.sizes[count] * (0.2 + 0.8 * done)))
