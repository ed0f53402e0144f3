"""Daily, weekly, monthly and yearly bars of a stock, over any span of dates.

This room changes when KIS changes inquire-daily-itemchartprice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.bar import Bar, read_bar
from kis_sync.api.domestic_stock.stock_code import checked_code, checked_division, priced
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import KST
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError

_ROWS_A_PAGE = 100
_DAYS_OF_ONE_PAGE = {"D": 140, "W": 690, "M": 3_000, "Y": 36_000}  # at most 100 bars fit into so many days


@dataclass(frozen=True, slots=True)
class DailyChart:
    """Bars oldest first, and the present price in won.

    The last bar is the running one while its period has not ended. ``adjusted`` tells whether prices
    before a split were adjusted to it. ``raw`` is the newest page as it came.
    """

    code: str
    name: str
    price: int
    period: str
    adjusted: bool
    bars: tuple[Bar, ...]
    raw: Mapping[str, object] = field(repr=False, compare=False)


def get_daily_chart(
    caller: Asker,
    code: str,
    start: date | None = None,
    end: date | None = None,
    *,
    period: str = "D",
    adjusted: bool = True,
    market: str = "J",
) -> DailyChart:
    """Bars from ``start`` to ``end`` (both included; default: one page of up to 100 bars until today).

    ``period`` is D, W, M or Y. One call for each 100 bars, newest first; the result is oldest first.
    Raises ``InvalidRequestError`` before the call, ``RequestRefusedError`` for a stock without a price.

    Source: inquire-daily-itemchartprice, FHKST03010100 (live and paper).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     chart = broker.get_daily_chart("005930")
    >>> chart.bars[0].date < chart.bars[-1].date
    True
    """
    code = checked_code(code)
    if period not in _DAYS_OF_ONE_PAGE:
        raise InvalidRequestError(f"period must be D, W, M or Y, not {period!r}")
    last = _date(end, "end") if end is not None else caller.now().date()
    first = _date(start, "start") if start is not None else last - timedelta(_DAYS_OF_ONE_PAGE[period])
    if first > last:
        raise InvalidRequestError(f"start {first} lies after end {last}")
    asked = {
        "FID_COND_MRKT_DIV_CODE": checked_division(market, caller.mode),
        "FID_INPUT_ISCD": code,
        "FID_PERIOD_DIV_CODE": period,
        "FID_ORG_ADJ_PRC": "0" if adjusted else "1",  # the reverse of inquire-daily-price
    }
    newest, bars = _read_span(caller, asked, first, last)
    quote = newest.row("output1")
    return DailyChart(
        code=code,
        name=quote.text("hts_kor_isnm"),
        price=priced(code, quote.whole("stck_prpr"), newest.endpoint),
        period=period,
        adjusted=adjusted,
        bars=tuple(bars[each] for each in sorted(bars)),
        raw=newest.body,
    )


def _read_span(
    caller: Asker, asked: Mapping[str, str], first: date, last: date
) -> tuple[Envelope, dict[date, Bar]]:
    """The newest page, and every bar of the span by date."""
    chart = endpoint("domestic_stock.inquire_daily_itemchartprice")
    bars: dict[date, Bar] = {}
    newest: Envelope | None = None
    while True:
        span = {"FID_INPUT_DATE_1": f"{first:%Y%m%d}", "FID_INPUT_DATE_2": f"{last:%Y%m%d}"}
        envelope = caller.ask(Call(chart, {**asked, **span}))
        newest = newest or envelope
        page = _read_bars(envelope)
        bars = page | bars
        if len(page) < _ROWS_A_PAGE or min(page) <= first:
            return newest, bars
        if min(page) > last:
            raise ServerError("the server repeats a page of the chart", endpoint=chart.name)
        last = min(page) - timedelta(1)


def _read_bars(envelope: Envelope) -> dict[date, Bar]:
    page = {}
    for row in envelope.rows("output2"):
        on = row.day("stck_bsop_date")
        if on is not None:
            start = datetime.combine(on, time(), KST)
            page[on] = read_bar(row, start, close="stck_clpr", volume="acml_vol")
    return page


def _date(value: date, name: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise InvalidRequestError(f"{name} must be a date, not {value!r}")
    return value
