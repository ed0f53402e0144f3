"""Today's one-minute bars of a stock, with its price and the day's volume at the same instant.

This room changes when KIS changes inquire-time-itemchartprice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.bar import Bar, read_bar
from kis_sync.api.domestic_stock.stock_code import checked_code, checked_division, priced
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.market.hours import is_trading_day, nxt_close, regular_session


@dataclass(frozen=True, slots=True)
class MinuteChart:
    """Up to 30 one-minute bars, oldest first, and the quote of the same instant.

    ``price`` in won, ``volume`` in shares since the session opened, ``change_percent`` against the
    previous close, ``answered_at`` the server's own time (KST, ``None`` if it sent none). The label of a
    bar is the start of its minute. Rows that KIS fills for minutes without trades are kept as they came.
    """

    code: str
    name: str
    price: int
    volume: int | None
    change_percent: float | None
    bars: tuple[Bar, ...]
    answered_at: datetime | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, code: str, envelope: Envelope) -> MinuteChart:
        """The chart from an answer of inquire-time-itemchartprice."""
        quote = envelope.row("output1")
        bars = []
        for row in envelope.rows("output2"):
            start = row.moment("stck_bsop_date", "stck_cntg_hour")
            if start is not None:
                bars.append(read_bar(row, start, close="stck_prpr", volume="cntg_vol"))
        return cls(
            code=code,
            name=quote.text("hts_kor_isnm"),
            price=priced(code, quote.whole("stck_prpr"), envelope.endpoint),
            volume=quote.amount("acml_vol"),
            change_percent=quote.percent("prdy_ctrt"),
            bars=tuple(sorted(bars, key=lambda bar: bar.time)),
            answered_at=envelope.answered_at,
            raw=envelope.body,
        )


def get_minute_chart(
    caller: Asker, code: str, until: time | datetime | None = None, *, market: str = "J"
) -> MinuteChart:
    """The last 30 one-minute bars of the session at and before ``until`` (default: now, at most the close).

    A time to come makes KIS fill the gap with the present price; so a later ``until`` is cut to now. On a
    day without trading the bars are those of the last session.
    Raises ``InvalidRequestError`` before the call, ``RequestRefusedError`` for a stock without a price.

    Source: inquire-time-itemchartprice, FHKST03010200 (live and paper).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     len(broker.get_minute_chart("005930").bars)
    30
    """
    code = checked_code(code)
    market = checked_division(market, caller.mode)
    last = _last_minute(caller.now(), market)
    if until is not None:
        last = min(last, until.time() if isinstance(until, datetime) else until)
    call = Call(
        endpoint("domestic_stock.inquire_time_itemchartprice"),
        {
            "FID_COND_MRKT_DIV_CODE": market,
            "FID_INPUT_ISCD": code,
            "FID_INPUT_HOUR_1": last.strftime("%H%M%S"),
            "FID_PW_DATA_INCU_YN": "N",
            "FID_ETC_CLS_CODE": "",
        },
    )
    return MinuteChart.read(code, caller.ask(call))


def _last_minute(now: datetime, market: str) -> time:
    """The latest time that it makes sense to ask for: now, at most the close; a day off, the close."""
    close = (regular_session(now.date()).close if market == "J" else nxt_close(now.date())).time()
    return min(now.time(), close) if is_trading_day(now.date()) else close
