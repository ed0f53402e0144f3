"""The present price of a stock, the day's range and limits.

This room changes when KIS changes inquire-price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.stock_code import checked_code, checked_division, priced
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope

_HALTED = "58"


@dataclass(frozen=True, slots=True)
class Quote:
    """A stock's quote: prices in won, ``volume`` in shares, ``value`` in won, percentages in percent.

    ``open``, ``high`` and ``low`` are ``None`` before the day's first trade. ``base`` is the price that
    ``upper_limit`` and ``lower_limit`` are reckoned from, ``tick`` the tick size at the last price.
    ``halted`` tells a trading halt. ``raw`` is the whole output as it came.
    """

    code: str
    price: int
    change: int | None
    change_percent: float | None
    open: int | None
    high: int | None
    low: int | None
    volume: int | None
    value: int | None
    base: int | None
    upper_limit: int | None
    lower_limit: int | None
    tick: int | None
    sector: str
    halted: bool
    answered_at: datetime | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, code: str, envelope: Envelope) -> Quote:
        """The quote from an answer of inquire-price."""
        row = envelope.row("output")
        return cls(
            code=code,
            price=priced(code, row.whole("stck_prpr"), envelope.endpoint),
            change=row.whole("prdy_vrss"),
            change_percent=row.percent("prdy_ctrt"),
            open=row.amount("stck_oprc") or None,
            high=row.amount("stck_hgpr") or None,
            low=row.amount("stck_lwpr") or None,
            volume=row.amount("acml_vol"),
            value=row.amount("acml_tr_pbmn"),
            base=row.amount("stck_sdpr"),
            upper_limit=row.amount("stck_mxpr"),
            lower_limit=row.amount("stck_llam"),
            tick=row.amount("aspr_unit"),
            sector=row.text("bstp_kor_isnm"),
            halted=row.text("iscd_stat_cls_code") == _HALTED or row.text("temp_stop_yn").upper() == "Y",
            answered_at=envelope.answered_at,
            raw=row.raw,
        )


def get_price(caller: Asker, code: str, *, market: str = "J") -> Quote:
    """The present quote of a stock. ``market``: ``J`` KRX, ``NX`` NXT, ``UN`` both (live only).

    Raises ``InvalidRequestError`` before the call, ``RequestRefusedError`` for a stock without a price.

    Source: inquire-price, FHKST01010100 (live and paper).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     quote = broker.get_price("005930")
    >>> quote.lower_limit <= quote.price <= quote.upper_limit
    True
    """
    code = checked_code(code)
    call = Call(
        endpoint("domestic_stock.inquire_price"),
        {"FID_COND_MRKT_DIV_CODE": checked_division(market, caller.mode), "FID_INPUT_ISCD": code},
    )
    return Quote.read(code, caller.ask(call))
