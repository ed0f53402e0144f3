"""Sending a cash order to KIS: its fields, and the receipt that comes back.

Whether an order should go out is decided elsewhere; here it is only spelled. This room changes when KIS
changes order-cash.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time

from kis_sync.api.asker import Asker
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import KISError, OrderUncertainError
from kis_sync.values import time_of_day


class Side(str, enum.Enum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"


class OrderKind(str, enum.Enum):
    """KIS's order kinds (ORD_DVSN) that can be sent so far."""

    LIMIT = "00"
    MARKET = "01"


@dataclass(frozen=True, slots=True)
class Order:
    """The receipt of an order that KIS accepted: not yet a fill.

    ``number`` is the order number as KIS wrote it (compare numbers as integers), ``branch`` the office
    that a later change must name, ``price`` the limit in won or ``None`` for an order at market,
    ``accepted_at`` the time of day (``None`` when it cannot be read).
    """

    number: str
    branch: str
    code: str
    side: Side
    quantity: int
    price: int | None
    accepted_at: time | None
    raw: Mapping[str, object] = field(repr=False, compare=False)


def cash_order(
    caller: Asker, code: str, side: Side, quantity: int, kind: OrderKind, price: int | None
) -> Order:
    """Send one order, once. ``OrderUncertainError`` when it may have run but nobody can say.

    Source: order-cash, TTTC0012U to buy, TTTC0011U to sell (paper VTTC0012U, VTTC0011U).
    """
    account = caller.account
    call = Call(
        endpoint("domestic_stock.order_cash"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "PDNO": code,
            "SLL_TYPE": "01" if side is Side.SELL else "",
            "ORD_DVSN": kind.value,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price or 0),
            "CNDT_PRIC": "",
            "EXCG_ID_DVSN_CD": "KRX",
        },
        variant=side.value.lower(),
    )
    envelope = caller.ask(call)
    try:
        return _read(envelope, code, side, quantity, price)
    except (KISError, ValueError) as error:
        raise OrderUncertainError(
            "KIS accepted the order, but its receipt cannot be read; look at the account before anything "
            f"else. What happened: {error}",
            order_request=f"{side.value} {quantity} {code} at {price or 'market'}",
            endpoint=envelope.endpoint,
        ) from error


def _read(envelope: Envelope, code: str, side: Side, quantity: int, price: int | None) -> Order:
    receipt = envelope.row("output")
    number = receipt.text("ODNO")
    if not (number.isascii() and number.isdigit()):
        raise ValueError("there is no order number in it")
    return Order(
        number=number,
        branch=receipt.text("KRX_FWDG_ORD_ORGNO"),
        code=code,
        side=side,
        quantity=quantity,
        price=price,
        accepted_at=_time(receipt.text("ORD_TMD")),
        raw=envelope.body,
    )


def _time(text: str) -> time | None:
    try:
        return time_of_day(text)
    except ValueError:
        return None  # the number is what counts; an odd time must not make the order uncertain
