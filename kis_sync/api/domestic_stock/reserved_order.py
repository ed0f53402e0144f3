"""Reserved orders: given while the market is closed, sent to it by KIS before the next opening. Live only.

The calls are only spelled here; who sends them is decided elsewhere. This room changes when KIS changes
order-resv, order-resv-rvsecncl or order-resv-ccnl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.order_row import (
    SIDE_CODES,
    read_code,
    read_number,
    read_number_if_any,
    read_side,
)
from kis_sync.api.domestic_stock.order_type import OrderType, Side, order_type
from kis_sync.api.domestic_stock.span import checked_span
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, ServerError
from kis_sync.settings import Account
from kis_sync.values import Row

_WITH_PRICE, _WITHOUT_PRICE = ("00", "02"), ("01", "05")
_CASH = "10"


def reserve_call(
    account: Account, code: str, side: Side, quantity: int, kind: OrderType, until: date | None = None
) -> Call:
    """The call that reserves a cash order for the next opening, or for each one up to ``until``.

    KIS takes it from 15:40 to 07:30 of the next trading day, but not from 23:40 to 00:10. ``kind`` is a
    plain limit or market order, a conditional limit, or ``BeforeOpen``, whose price KIS wants left at 0.
    ``until`` lies after today and at most 30 days after the next trading day; what is left is then sent anew
    before each opening. Cash, shares and price are looked at when the order is sent: look at
    ``get_reserved_orders`` before the opening. Nothing is sent here; raises ``InvalidRequestError`` for
    another order type or a quantity below 1.

    Source: order-resv, CTSC0008U (live only).

    >>> from kis_sync.api.domestic_stock.order_type import Market
    >>> call = reserve_call(Account("12345678", "01"), "005930", Side.BUY, 3, Market())
    >>> call.params["SLL_BUY_DVSN_CD"], call.params["ORD_DVSN_CD"], call.params["ORD_UNPR"]
    ('02', '01', '0')
    """
    wish = _wish(code, side, quantity, kind, until)
    return Call(endpoint("domestic_stock.order_resv"), {**_of(account), **wish, "LDNG_DT": ""})


def amend_reserved_call(
    account: Account,
    number: int,
    code: str,
    side: Side,
    quantity: int,
    kind: OrderType,
    until: date | None = None,
    *,
    day: date | None = None,
) -> Call:
    """The call that replaces all that a reserved order asks for; ``number`` is its sequence number.

    ``day`` is the day that ``get_reserved_orders`` gives for it; KIS takes the call without one. Otherwise as
    for ``reserve_call``; whether the reservation keeps its number is not documented.

    Source: order-resv-rvsecncl, CTSC0013U (live only).

    >>> from kis_sync.api.domestic_stock.order_type import Limit
    >>> call = amend_reserved_call(Account("12345678", "01"), 39453, "009150", Side.SELL, 10, Limit(140_000))
    >>> call.variant, call.params["RSVN_ORD_SEQ"], call.params["ORD_UNPR"]
    ('amend', '39453', '140000')
    """
    wish = _wish(code, side, quantity, kind, until)
    fields = {**_of(account), **wish, "CTAL_TLNO": "", **_reservation(number, day), "RSVN_ORD_ORGNO": ""}
    return Call(endpoint("domestic_stock.order_resv_rvsecncl"), fields, "amend")


def cancel_reserved_call(account: Account, number: int, *, day: date | None = None) -> Call:
    """The call that ends a reserved order; what was sent to the market before stays an order.

    ``number`` is its sequence number, ``day`` as for ``amend_reserved_call``. The office is named as in KIS's
    example, 00.

    Source: order-resv-rvsecncl, CTSC0009U (live only).

    >>> cancel_reserved_call(Account("12345678", "01"), 39447).variant
    'cancel'
    """
    fields = {**_of(account), **_reservation(number, day), "RSVN_ORD_ORGNO": "00"}
    return Call(endpoint("domestic_stock.order_resv_rvsecncl"), fields, "cancel")


@dataclass(frozen=True, slots=True)
class ReservedReceipt:
    """What KIS answers to a reserved order that it keeps: its sequence number. Not yet an order."""

    number: int
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, envelope: Envelope) -> ReservedReceipt:
        """The receipt; ``ServerError`` when there is no sequence number in the answer."""
        row = envelope.row("output")
        return cls(read_number(row, "rsvn_ord_seq"), envelope.body)


def read_reserved_change(envelope: Envelope) -> bool:
    """Whether KIS did what an amendment or a cancellation asked for; ``ServerError`` when it does not say."""
    word = envelope.row("output").text("nrml_prcs_yn").upper()
    if word not in ("Y", "N"):
        raise ServerError("the answer's field nrml_prcs_yn is neither Y nor N", endpoint=envelope.endpoint)
    return word == "Y"


@dataclass(frozen=True, slots=True)
class ReservedOrder:
    """A reserved order as of one day; one with a last day has a row for each day it was or will be sent.

    ``number`` is the reservation's sequence number, ``day`` the day it is sent, ``received_at`` when KIS took
    it, ``until`` its last day (``None``: it is sent once). ``order_number`` is the order it became, ``None``
    before. Shares and won: ``price`` is ``None`` for an order without one, ``filled_amount`` what the
    ``filled`` shares cost. ``result`` is KIS's word for where it stands (미처리 for not sent yet; the others
    are not documented), ``reason`` what KIS says of its sending, ``cancelled_on`` the day it was cancelled.
    """

    number: int
    day: date | None
    code: str
    name: str
    side: Side
    quantity: int
    kind_code: str
    price: int | None
    until: date | None
    received_at: datetime | None
    order_number: int | None
    filled: int
    filled_amount: int | None
    cancelled_on: date | None
    result: str
    reason: str
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @property
    def kind(self) -> OrderType | None:
        """The order type, ``None`` for a code that is not in the documents, or a price that is not told."""
        return order_type(self.kind_code, self.price)

    @classmethod
    def read(cls, row: Row) -> ReservedOrder:
        """A reserved order from a row of order-resv-ccnl; ``ServerError`` for one that cannot be read."""
        kind_code = row.text("ord_dvsn_cd")
        return cls(
            number=read_number(row, "rsvn_ord_seq"),
            day=row.day("rsvn_ord_ord_dt"),
            code=read_code(row),
            name=row.text("kor_item_shtn_name"),
            side=read_side(row),
            quantity=row.needed("ord_rsvn_qty"),
            kind_code=kind_code,
            price=None if kind_code == "01" else row.amount("ord_rsvn_unpr") or None,
            until=row.day("rsvn_end_dt"),
            received_at=row.moment("rsvn_ord_rcit_dt", "rsvn_ord_rcit_tmd"),
            order_number=read_number_if_any(row, "odno"),
            filled=row.needed("tot_ccld_qty"),
            filled_amount=row.amount("tot_ccld_amt"),
            cancelled_on=row.day("cncl_ord_dt"),
            result=row.text("prcs_rslt"),
            reason=row.text("rjct_rson2"),
            raw=row.raw,
        )


def get_reserved_orders(
    caller: Asker, start: date | None = None, end: date | None = None
) -> tuple[ReservedOrder, ...]:
    """The reserved orders from ``start`` to ``end`` (both included; default: today), in KIS's order.

    No document says whether a range of days means the day of sending or that of receipt: let it hold both
    (``end`` may lie ahead). Cancelled ones are left out, as in KIS's example. All pages are read, or an error
    is raised; a row that cannot be read is an error as well. From about 15:35 to 15:55 KIS may not answer.

    Raises ``NotOnPaperError`` on paper, ``InvalidRequestError`` before any call.

    Source: order-resv-ccnl, CTSC0004R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     get_reserved_orders(broker)
    ()
    """
    first, last = checked_span(caller, start, end)
    call = Call(
        endpoint("domestic_stock.order_resv_ccnl"),
        {
            **_of(caller.account),
            "RSVN_ORD_ORD_DT": f"{first:%Y%m%d}",
            "RSVN_ORD_END_DT": f"{last:%Y%m%d}",
            "RSVN_ORD_SEQ": "",
            "TMNL_MDIA_KIND_CD": "00",
            "PRCS_DVSN_CD": "0",
            "CNCL_YN": "Y",  # the living ones only; no document tells how to ask for the others
            "PDNO": "",
            "SLL_BUY_DVSN_CD": "",
            "CTX_AREA_FK200": "",
            "CTX_AREA_NK200": "",
        },
    )
    pages = caller.ask_pages(call)
    return tuple(ReservedOrder.read(row) for page in pages for row in page.rows("output"))


def _of(account: Account) -> dict[str, str]:
    return {"CANO": account.number, "ACNT_PRDT_CD": account.product}


def _reservation(number: int, day: date | None) -> dict[str, str]:
    return {"RSVN_ORD_SEQ": str(number), "RSVN_ORD_ORD_DT": "" if day is None else f"{day:%Y%m%d}"}


def _wish(code: str, side: Side, quantity: int, kind: OrderType, until: date | None) -> dict[str, str]:
    """The fields that a reservation and its amendment share."""
    if kind.code not in _WITH_PRICE + _WITHOUT_PRICE:
        raise InvalidRequestError(
            f"KIS reserves no {kind}: plain limit, market, conditional limit, before open"
        )
    if quantity < 1:
        raise InvalidRequestError(f"quantity must be at least 1, not {quantity!r}")
    return {
        "PDNO": code,
        "ORD_QTY": str(quantity),
        "ORD_UNPR": str(kind.won) if kind.code in _WITH_PRICE else "0",
        "SLL_BUY_DVSN_CD": SIDE_CODES[side],
        "ORD_DVSN_CD": kind.code,
        "ORD_OBJT_CBLC_DVSN_CD": _CASH,
        "LOAN_DT": "",
        "RSVN_ORD_END_DT": "" if until is None else f"{until:%Y%m%d}",
    }
