"""Reserved orders as users ask for them: kept by KIS for the next opening. Live only.

They pass the desk and its journal as every order does; no list settles an uncertain one by itself. This room
changes when users are to say it in another way.
"""

from __future__ import annotations

from datetime import date

from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.api.domestic_stock.reserved_order import (
    ReservedReceipt,
    amend_reserved_call,
    cancel_reserved_call,
    read_reserved_change,
    reserve_call,
)
from kis_sync.envelope import Envelope
from kis_sync.errors import RequestRefusedError
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.trading import Trader, order_id


def reserve_order(
    trader: Trader,
    code: str,
    side: Side | str,
    quantity: int,
    kind: OrderType,
    until: date | None = None,
    client_order_id: str | None = None,
    *,
    key: object = None,
) -> int:
    """Reserve a cash order for the next opening, or for each one up to ``until``; its sequence number.

    KIS takes it from 15:40 to 07:30 of the next trading day, but not from 23:40 to 00:10; price, cash and
    shares are looked at when it is sent. Here what it is worth, its tick and its distance from the last price
    are looked at; ids and errors are as for ``buy``. ``NotOnPaperError`` on paper.

    Source: order-resv, CTSC0008U (live only).
    """
    request = OrderRequest.checked(code, side, quantity, kind)
    desk = trader.order_desk()
    call = reserve_call(desk.account, request.code, request.side, request.quantity, kind, until)
    name = order_id(client_order_id, key, "reserve", request.side.value, request.code)
    return int(desk.reserve(request, call, ReservedReceipt.read, name).number)


def amend_reserved_order(
    trader: Trader,
    number: int,
    code: str,
    side: Side | str,
    quantity: int,
    kind: OrderType,
    until: date | None = None,
    *,
    day: date | None = None,
) -> None:
    """Replace all that a reserved order asks for; ``RequestRefusedError`` when KIS did not. Guards as above.

    Source: order-resv-rvsecncl, CTSC0013U (live only).
    """
    request = OrderRequest.checked(code, side, quantity, kind)
    desk = trader.order_desk()
    call = amend_reserved_call(
        desk.account, number, request.code, request.side, request.quantity, kind, until, day=day
    )
    desk.reserve(request, call, _read_done, None)


def cancel_reserved_order(trader: Trader, number: int, *, day: date | None = None) -> None:
    """End a reserved order; ``RequestRefusedError`` when KIS did not. What was sent before stays an order.

    Source: order-resv-rvsecncl, CTSC0009U (live only).
    """
    desk = trader.order_desk()
    desk.send(cancel_reserved_call(desk.account, number, day=day), _read_done)


def _read_done(envelope: Envelope) -> None:
    if not read_reserved_change(envelope):
        raise RequestRefusedError("KIS did not change the reserved order", endpoint=envelope.endpoint)
