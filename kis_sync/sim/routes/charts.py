"""The rows of the charts: one-minute bars of today, and daily to yearly bars.

This room changes when KIS changes what its charts hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import zip_longest

from kis_sync.market.hours import is_trading_day, regular_session
from kis_sync.sim.formats import clock_time, day, sign
from kis_sync.sim.prices.history import DailyBar, aggregate
from kis_sync.sim.prices.market import Market, Phase, Quote
from kis_sync.sim.prices.tape import MinuteBar
from kis_sync.sim.question import input_refused

MINUTE_ROWS = 30
PAST_MINUTE_ROWS = 120
PERIOD_ROWS = 100
NEWEST = "000000"
"""The hour that asks for the newest rows, as a blank one does."""

_MINUTE = timedelta(minutes=1)
_YEAR = timedelta(days=365)
_DAYS_IN = {"D": 1, "W": 7, "M": 31, "Y": 366}

Row = dict[str, str]


def parse_hour(text: str, on: datetime) -> datetime:
    """HHMMSS on the date of ``on``; raises OPSQ2001 for anything else."""
    if len(text) == 6 and text.isascii() and text.isdecimal():
        hour, minute, second = int(text[:2]), int(text[2:4]), int(text[4:])
        if hour < 24 and minute < 60 and second < 60:
            return on.replace(hour=hour, minute=minute, second=second, microsecond=0)
    raise input_refused("OPSQ2001", "ERROR INPUT FIELD NOT FOUND [FID_INPUT_HOUR_1]")


def parse_day(text: str, name: str) -> date:
    """YYYYMMDD; what lies before any calendar (00000101) is its beginning. Raises OPSQ2001 otherwise."""
    if len(text) == 8 and text.isascii() and text.isdecimal():
        if text < "19000101":
            return date(1900, 1, 1)
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            pass
    raise input_refused("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{name}]")


def minute_rows(market: Market, quote: Quote, asked: datetime) -> list[Row]:
    """At most 30 rows at and before ``asked``, newest first; the newest of all when ``asked`` is midnight.

    Minutes to come, up to the close, hold the present price. The running minute shows the volume of the one
    before it until its own first trade. That 000000 stands for the present is not documented: python-kis
    asks so for the newest rows, and its users get them.
    """
    bars = market.minute_bars(quote.code, quote.at)
    if clock_time(asked) == NEWEST:
        asked = quote.at if quote.at.date() == quote.day else asked.replace(hour=23, minute=59)
    present = quote.at.replace(second=0, microsecond=0)
    rows: list[Row] = []
    if asked.date() == quote.day and quote.volume:
        minute = min(asked, regular_session(quote.day).close).replace(second=0, microsecond=0)
        while minute > present and len(rows) < MINUTE_ROWS:
            rows.append(_flat_row(minute, quote, 0))
            minute -= _MINUTE
        if quote.phase is Phase.OPEN and bars[-1].start < present <= minute:
            rows.append(_flat_row(present, quote, bars[-1].volume))
    past = [bar for bar in bars if clock_time(bar.start) <= clock_time(asked)]
    rows += [_bar_row(bar) for bar in reversed(past[-MINUTE_ROWS:])]
    return rows[:MINUTE_ROWS]


def past_minute_rows(
    market: Market, code: str, until: datetime, at: datetime, *, back: bool, filled: bool
) -> list[Row]:
    """At most 120 rows at and before ``until``, newest first, over as many days as it takes.

    ``back`` goes on to the days before, a year at most; ``filled`` adds flat rows for minutes without trades.
    """
    rows: list[Row] = []
    listing = market.listing(code)
    if listing is None or listing.halted:
        return rows
    day, oldest = min(until.date(), market.session_day(at)), market.session_day(at) - _YEAR
    while day >= oldest and len(rows) < PAST_MINUTE_ROWS:
        bars = market.past_minute_bars(code, day, at) if is_trading_day(day) else []
        known = [bar for bar in bars if bar.start <= until]
        made = _filled(known, min(until, at)) if filled else [_bar_row(bar) for bar in known]
        rows += reversed(made)
        if not back:
            break
        day -= timedelta(days=1)
    return rows[:PAST_MINUTE_ROWS]


def _filled(bars: Sequence[MinuteBar], until: datetime) -> list[Row]:
    """The rows of a day's bars, oldest first, with a flat one for every minute that none traded in."""
    rows: list[Row] = []
    for bar, after in zip_longest(bars, bars[1:]):
        rows.append(_bar_row(bar))
        minute = bar.start + _MINUTE
        end = after.start if after else min(until, regular_session(bar.start.date()).close)
        while minute < end or (after is None and minute == end):
            rows.append(_minute_row(minute, (bar.close,) * 4, 0, bar.total_value))
            minute += _MINUTE
    return rows


def _flat_row(minute: datetime, quote: Quote, volume: int) -> Row:
    return _minute_row(minute, (quote.price,) * 4, volume, quote.value)


def _bar_row(bar: MinuteBar) -> Row:
    return _minute_row(bar.start, (bar.close, bar.open, bar.high, bar.low), bar.volume, bar.total_value)


def _minute_row(minute: datetime, prices: Sequence[int], volume: int, total_value: int) -> Row:
    close, opened, high, low = prices
    return {
        "stck_bsop_date": day(minute),
        "stck_cntg_hour": clock_time(minute),
        "stck_prpr": str(close),
        "stck_oprc": str(opened),
        "stck_hgpr": str(high),
        "stck_lwpr": str(low),
        "cntg_vol": str(volume),
        "acml_tr_pbmn": str(total_value),
    }


def period_bars(
    market: Market, code: str, start: date, end: date, period: str, at: datetime
) -> list[DailyBar]:
    """At most 100 bars of a period (D, W, M or Y) between two days, newest first."""
    end = min(end, market.session_day(at))
    reach = timedelta(days=_DAYS_IN[period] * (PERIOD_ROWS + 1))  # one more, so that the last is whole
    if period == "D":
        reach *= 2  # weekends and holidays
    start = max(start, end - min(reach, end - date(1900, 1, 1)))
    bars = market.daily_bars_between(code, start, end, at)
    return aggregate(bars, period)[: -PERIOD_ROWS - 1 : -1]


def period_row(bar: DailyBar) -> Row:
    """One bar of inquire-daily-itemchartprice."""
    return {
        "stck_bsop_date": day(bar.day),
        "stck_clpr": str(bar.close),
        "stck_oprc": str(bar.open),
        "stck_hgpr": str(bar.high),
        "stck_lwpr": str(bar.low),
        "acml_vol": str(bar.volume),
        "acml_tr_pbmn": str(bar.value),
        "flng_cls_code": "00",
        "prtt_rate": "0.00",
        "mod_yn": "N" if bar.volume else "Y",
        "prdy_vrss_sign": sign(bar.close - bar.base),
        "prdy_vrss": str(bar.close - bar.base),
    }
