"""The orders of a day or a range of days, filled or not, as KIS lists them.

This room changes when KIS changes inquire-daily-ccld.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_row import (
    SIDE_CODES,
    listed_once,
    read_code,
    read_number,
    read_number_if_any,
    read_side,
    tells_of_cancelling,
)
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.api.domestic_stock.span import checked_span
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.catalog import Call, Mode, endpoint
from kis_sync.clock import KST
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError
from kis_sync.market.exchanges import Exchange
from kis_sync.values import Row

_ALL = "ALL"
_MONTHS = 3
_LONGEST_THREE_MONTHS = timedelta(days=92)
_SHORTEST_THREE_MONTHS = timedelta(days=89)
_MOST = 10**10  # ODNO has ten digits
_UNFILTERED = {
    "ORD_GNO_BRNO": "",
    "CCLD_DVSN": "00",
    "INQR_DVSN": "00",  # newest first: an order that comes in meanwhile pushes rows on, it hides none
    "INQR_DVSN_1": "",
    "INQR_DVSN_3": "00",
    "CTX_AREA_FK100": "",
    "CTX_AREA_NK100": "",
}
_LONG_AGO = datetime.min.replace(tzinfo=KST)


def get_executions(
    caller: Asker,
    start: date | None = None,
    end: date | None = None,
    *,
    code: str = "",
    side: Side | str | None = None,
    number: int | None = None,
    exchange: Exchange | str | None = None,
) -> tuple[ListedOrder, ...]:
    """Every order given from ``start`` to ``end`` (both included; default: today), newest first.

    Changes and the records of cancellations are listed too (``original``, ``is_cancellation``). ``code``,
    ``side``, ``number`` and ``exchange`` narrow what is listed. All pages are read, or an error is raised; a
    row that cannot be read is an error as well. The day's last orders may be missing for a while, and paper's
    list is known to lack orders, filled ones too: that an order is not here proves nothing by itself.

    What is older than three months has another TR id. KIS's earlier documents counted whole months (the
    running one and three before it), the present ones only say "within 3 months": days that may lie on either
    side, from 89 days ago back to that month's first or 92 days, are asked for under both and listed once.

    A row records a cancellation when it names an original order, has nothing filled and is called one
    (sll_buy_dvsn_cd_name 매수취소 or 매도취소, by KIS's earlier documents with a ``*`` once it is done; its
    example of a list of bonds shows one, no example a list of stocks).

    Raises ``InvalidRequestError`` before any call, on paper also for another ``exchange`` than KRX.

    Source: inquire-daily-ccld, TTTC0081R and CTSC9215R (paper VTTC0081R, VTSC9215R).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     order = broker.send_order("005930", "BUY", 1)
    ...     (listed,) = get_executions(broker, number=int(order.number))
    >>> listed.side.value, listed.quantity, listed.kind
    ('BUY', 1, Market(condition=None))
    """
    first, last = checked_span(caller, start, end)
    wanted = _checked_number(number)
    asked = _UNFILTERED | {
        "CANO": caller.account.number,
        "ACNT_PRDT_CD": caller.account.product,
        "SLL_BUY_DVSN_CD": _side_code(side),
        "PDNO": checked_code(code) if code else "",
        "ODNO": "" if wanted is None else f"{wanted:010d}",
        "EXCG_ID_DVSN_CD": _exchange_code(exchange, caller.mode),
    }
    pages: list[Envelope] = []
    for variant, since, until in _spans(first, last, caller.now().date()):
        days = {"INQR_STRT_DT": f"{since:%Y%m%d}", "INQR_END_DT": f"{until:%Y%m%d}"}
        call = Call(endpoint("domestic_stock.inquire_daily_ccld"), {**asked, **days}, variant)
        pages += caller.ask_pages(call)
    if end is None and caller.now().date() != last:  # by the server's clock, which the answer told
        return get_executions(caller, start, code=code, side=side, number=number, exchange=exchange)
    rows = (page.rows("output1") for page in pages)
    orders = listed_once(rows, read_execution, lambda row: row.text("ord_dt"))
    listed = (order for order in orders if wanted in (None, order.number))
    return tuple(sorted(listed, key=lambda each: (each.ordered_at or _LONG_AGO, each.number), reverse=True))


def read_execution(row: Row) -> ListedOrder:
    """An order from a row of inquire-daily-ccld; ``ServerError`` for a row that cannot be read."""
    if row.day("ord_dt") is None:
        raise ServerError("the answer's field ord_dt is blank", endpoint=row.endpoint)
    original, filled = read_number_if_any(row, "orgn_odno"), row.needed("tot_ccld_qty")
    cancelled = row.amount("cncl_cfrm_qty")  # so the answers spell it, the layout says cnc_cfrm_qty
    return ListedOrder(
        number=read_number(row, "odno"),
        original=original,
        branch=row.text("ord_gno_brno"),
        code=read_code(row),
        name=row.text("prdt_name"),
        side=read_side(row),
        quantity=row.needed("ord_qty"),
        kind_code=row.text("ord_dvsn_cd"),
        price=row.amount("ord_unpr") or None,
        trigger=row.amount("stpm_cndt_pric") or None,
        exchange=_exchange(row),
        ordered_at=row.moment("ord_dt", "ord_tmd"),
        filled=filled,
        average_price=row.decimal("avg_prvs") or None if filled else None,
        remaining=row.amount("rmn_qty"),
        cancelled=row.amount("cnc_cfrm_qty") if cancelled is None else cancelled,
        rejected=row.amount("rjct_qty") or 0,
        is_cancellation=tells_of_cancelling(row.text("sll_buy_dvsn_cd_name"), original, filled),
        raw=row.raw,
    )


def _exchange(row: Row) -> str:
    """KRX, NXT or SOR, blank where KIS does not tell; the layout spells the field's last part as Cd."""
    return row.text("excg_id_dvsn_cd") or row.text("excg_id_dvsn_Cd")


def _spans(first: date, last: date, today: date) -> Iterator[tuple[str, date, date]]:
    """Which days to ask for under which TR id; days that may belong to either are asked for under both."""
    months = today.year * 12 + today.month - 1 - _MONTHS
    recent_since = min(date(months // 12, months % 12 + 1, 1), today - _LONGEST_THREE_MONTHS)
    older_until = today - _SHORTEST_THREE_MONTHS
    if last >= recent_since:
        yield "recent", max(first, recent_since), last
    if first <= older_until:
        yield "older", first, min(last, older_until)


def _checked_number(number: int | None) -> int | None:
    if number is None:
        return None
    try:
        wanted = operator.index(number)
    except TypeError:
        wanted = 0
    if isinstance(number, bool) or not 0 < wanted < _MOST:
        raise InvalidRequestError(f"number must be an order number above 0 (an int), not {number!r}")
    return wanted


def _side_code(side: Side | str | None) -> str:
    if side is None:
        return "00"
    try:
        return SIDE_CODES[Side(str(getattr(side, "value", side)).upper())]
    except ValueError:
        raise InvalidRequestError(f"side must be 'BUY', 'SELL' or None, not {side!r}") from None


def _exchange_code(exchange: Exchange | str | None, mode: Mode) -> str:
    if exchange is None:
        return Exchange.KRX.value if mode is Mode.PAPER else _ALL
    try:
        chosen = Exchange(str(getattr(exchange, "value", exchange)).upper())
    except ValueError:
        raise InvalidRequestError(
            f"exchange must be 'KRX', 'NXT', 'SOR' or None for all, not {exchange!r}"
        ) from None
    if mode is Mode.PAPER and chosen is not Exchange.KRX:
        raise InvalidRequestError(f"paper trading knows KRX only, not {chosen.value}")
    return chosen.value
