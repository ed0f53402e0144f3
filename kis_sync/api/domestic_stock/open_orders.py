"""The orders that can still be changed or cancelled, as KIS lists them on live.

This room changes when KIS changes inquire-psbl-rvsecncl.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_row import (
    listed_once,
    read_code,
    read_number,
    read_number_if_any,
    read_side,
    tells_of_cancelling,
)
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import KST
from kis_sync.values import Row


def read_open_orders(caller: Asker) -> tuple[ListedOrder, ...]:
    """Every open order of the account, in KIS's order: newest first. All pages, or an error.

    ``remaining`` is what can be changed or cancelled (psbl_qty), ``average_price`` the filled amount by the
    filled shares. The list tells a time but no date: ``ordered_at`` is that time of today, by the server's
    clock. What was cancelled is not told (``cancelled`` is ``None``), and nothing here was rejected. A row
    that cannot be read is an error.

    Raises ``NotOnPaperError``: paper has no such list; see ``get_executions`` for what is left there.

    Source: inquire-psbl-rvsecncl, TTTC0084R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     low = broker.get_price("005930").lower_limit
    ...     order = broker.send_order("005930", "BUY", 3, low)
    ...     (resting,) = read_open_orders(broker)
    >>> resting.remaining, resting.price == low
    (3, True)
    """
    account = caller.account
    call = Call(
        endpoint("domestic_stock.inquire_psbl_rvsecncl"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
            "INQR_DVSN_1": "0",
            "INQR_DVSN_2": "0",
        },
    )
    pages, today = caller.ask_pages(call), caller.now().date()
    rows = (page.rows("output") for page in pages)
    return tuple(listed_once(rows, lambda row: _read(row, today), lambda row: today))


def _read(row: Row, today: date) -> ListedOrder:
    original, filled = read_number_if_any(row, "orgn_odno"), row.needed("tot_ccld_qty")
    at = row.time_of_day("ord_tmd")
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
        exchange=row.text("excg_id_dvsn_cd"),
        ordered_at=None if at is None else datetime.combine(today, at, KST),
        filled=filled,
        average_price=_average(row.amount("tot_ccld_amt"), filled),
        remaining=row.needed("psbl_qty"),
        cancelled=None,
        rejected=0,
        is_cancellation=tells_of_cancelling(row.text("rvse_cncl_dvsn_name"), original, filled),
        raw=row.raw,
    )


def _average(amount: int | None, filled: int) -> Decimal | None:
    return Decimal(amount) / filled if amount and filled else None
