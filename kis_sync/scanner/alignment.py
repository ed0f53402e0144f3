"""What the rows of a chart mean at an instant: which session, which bars count, the price k minutes ago.

Pure functions of bars and times. What KIS does not document is assumed here and nowhere else: a bar's label
is the start of its minute (A1), rows come in any order (A2), a minute without trades is absent or a row
without volume (A3), rows before the open belong to another day (A4), and the closing auction is in the bar
labelled with the close (A5). This room changes when one of these turns out otherwise.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite

from kis_sync.api.domestic_stock.bar import Bar
from kis_sync.market.hours import Session

SessionOf = Callable[[date], Session]
"""The session of a date, whether or not there is trading on it."""
VolumeAdjust = float | Callable[[datetime], float] | None
"""How much of a day's volume is usual by now: an exponent, a measured profile, or ``None``: all of it."""

MINUTES_BACK = 15
_MINUTE = timedelta(minutes=1)
_LEAST_SECONDS = 600.0  # the first minutes after the open are too short a share to divide by


class Phase(str, enum.Enum):
    """Where an instant lies in its session."""

    PRE_OPEN = "pre-open"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Moment:
    """An instant of a session: when, of which session, and whether it is before, in or after it.

    After the close ``at`` is one minute past the close, so that an evening or a holiday shows the end of the
    last session.
    """

    at: datetime
    session: Session
    phase: Phase

    @property
    def day(self) -> date:
        """The date of the session."""
        return self.session.open.date()


def instant(bars: Sequence[Bar], answered_at: datetime | None, local: datetime) -> datetime:
    """When the answer was given: by the server, else by our clock, moved on if a row shows it slow."""
    if answered_at is not None:
        return answered_at
    return max([local, *(bar.time for bar in bars)])


def moment(bars: Sequence[Bar], at: datetime, session_of: SessionOf) -> Moment:
    """The session that an answer given at ``at`` is about, as its rows show it."""
    today = session_of(at.date())
    if at.weekday() < 5 and at < today.open:
        return Moment(at, today, Phase.PRE_OPEN)
    day = max((bar.date for bar in rows_until(bars, at)), default=at.date())
    if day < at.date() or at >= today.close:
        session = session_of(day)
        return Moment(session.close + _MINUTE, session, Phase.CLOSED)
    return Moment(at, today, Phase.OPEN)


def rows_until(bars: Sequence[Bar], at: datetime) -> list[Bar]:
    """The rows whose minute has begun at ``at``: later ones were filled in, nobody traded there yet."""
    return [bar for bar in bars if bar.time <= at]


def session_rows(bars: Sequence[Bar], at: Moment) -> list[Bar]:
    """The rows of the moment's session, oldest first, one a minute; none before the open."""
    if at.phase is Phase.PRE_OPEN:
        return []
    of_minute = {bar.time: bar for bar in rows_until(bars, at.at) if bar.date == at.day}
    return [of_minute[time] for time in sorted(of_minute)]


def minute_bars(rows: Sequence[Bar], at: Moment, volume: int | None) -> list[Bar]:
    """The rows that a trade stands behind: those before the day's first trade are left out."""
    bars = [bar for bar in rows if bar.close is not None and bar.close > 0]
    if not bars or _traded_before(bars, at, volume):
        return bars
    first = next((place for place, bar in enumerate(bars) if bar.volume != 0), len(bars))
    return bars[first:]


def _traded_before(bars: Sequence[Bar], at: Moment, volume: int | None) -> bool:
    """Whether the day's first trade lies before the rows: then even a row without trades carries a price."""
    begin_after_open = bars[0].time > at.session.open
    return begin_after_open and volume is not None and volume > sum(bar.volume or 0 for bar in bars)


def closing_price(rows: Sequence[Bar], at: Moment) -> int | None:
    """After the close: the session's last price in won; ``None`` before, or without a row.

    What is traded after hours moves the quoted price, but not this one.
    """
    if at.phase is not Phase.CLOSED:
        return None
    closes = [bar.close for bar in rows if bar.close is not None and bar.time <= at.session.close]
    return closes[-1] if closes else None


def nearest_minute(at: datetime) -> datetime:
    """The instant rounded to whole minutes, half a minute up.

    >>> nearest_minute(datetime(2026, 11, 24, 10, 30, 30)).minute
    31
    """
    return (at + timedelta(seconds=30)).replace(second=0, microsecond=0)


def past_closes(bars: Sequence[Bar], at: datetime) -> list[float | None]:
    """Fifteen prices in won, element -k the price k minutes before ``at``.

    It is the close of the last bar that had ended by then, to half a minute. Before the first bar it is that
    bar's open; without any bar, ``None``.
    """
    now = nearest_minute(at)
    return [_past_close(bars, now - back * _MINUTE) for back in range(MINUTES_BACK, 0, -1)]


def _past_close(bars: Sequence[Bar], then: datetime) -> float | None:
    for bar in reversed(bars):
        if bar.time < then:
            return bar.close
    opened = bars[0].open if bars else None
    return opened if opened is not None and opened > 0 else None


def reaches_open(bars: Sequence[Bar], at: datetime) -> bool:
    """Whether the longest change is in truth the change since the first bar's open."""
    return bool(bars) and bars[0].time >= nearest_minute(at) - MINUTES_BACK * _MINUTE


def clean_days(bars: Sequence[Bar], before: date) -> tuple[Bar, ...]:
    """The days that had ended before a date and had trading, oldest first."""
    return tuple(
        sorted((bar for bar in bars if bar.date < before and _traded(bar)), key=lambda bar: bar.time)
    )


def _traded(bar: Bar) -> bool:
    high, low, close = bar.high or 0, bar.low or 0, bar.close or 0
    return high > 0 and low > 0 and close > 0 and high >= low


def volume_fraction(at: datetime, session: Session, adjust: VolumeAdjust) -> float:
    """The share of a whole day's volume that is usual at an instant, above 0.

    ``adjust`` is the exponent of the elapsed share of the session (1.0: linear), a callable of the instant,
    or ``None`` for 1.0 at any time. ``ValueError`` if a callable gives anything but a number above 0.
    """
    if adjust is None:
        return 1.0
    if callable(adjust):
        fraction = adjust(at)
        if not (isfinite(fraction) and fraction > 0):
            raise ValueError(f"volume_adjust gave {fraction!r} at {at:%H:%M:%S}: a number above 0 is needed")
        return float(fraction)
    elapsed = min(max((at - session.open).total_seconds(), _LEAST_SECONDS), session.seconds)
    return float((elapsed / session.seconds) ** adjust)
