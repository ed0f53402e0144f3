"""A cash order in KIS's words: its fields, and the receipt that comes back.

Whether an order goes out, and when, is decided elsewhere; here it is only spelled. This room changes when
KIS changes order-cash or its receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.market.exchanges import Exchange
from kis_sync.settings import Account
from kis_sync.values import time_of_day


def cash_order_call(
    account: Account, code: str, side: Side, quantity: int, kind: OrderType, exchange: Exchange
) -> Call:
    """The call that places an order.

    Source: order-cash, TTTC0012U to buy, TTTC0011U to sell (paper VTTC0012U, VTTC0011U).
    """
    return Call(
        endpoint("domestic_stock.order_cash"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "PDNO": code,
            "SLL_TYPE": "01" if side is Side.SELL else "",
            "ORD_DVSN": kind.code,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(kind.won or 0),
            "CNDT_PRIC": str(kind.trigger_won or ""),
            "EXCG_ID_DVSN_CD": exchange.value,
        },
        variant=side.value.lower(),
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What KIS answers to an order that it accepted: not yet a fill.

    ``number`` is the order number as KIS wrote it, ``branch`` the office that a later change must name,
    ``accepted_at`` the time of day (``None`` when it cannot be read).
    """

    number: str
    branch: str
    accepted_at: time | None

    @classmethod
    def read(cls, envelope: Envelope) -> Receipt:
        """The receipt; ``ValueError`` or ``ServerError`` when there is no order number in the answer."""
        receipt = envelope.row("output")
        number = receipt.text("ODNO")
        if not (number.isascii() and number.isdigit()):
            raise ValueError("there is no order number in it")
        return cls(number, receipt.text("KRX_FWDG_ORD_ORGNO"), _time(receipt.text("ORD_TMD")))


def _time(text: str) -> time | None:
    try:
        return time_of_day(text)
    except ValueError:
        return None  # the number is what counts; an odd time must not make the order uncertain
