"""Trading as users ask for it: buy, sell, change, cancel, look, wait, recover, halt.

These functions are methods of ``KISBroker``; the desk, the blotter and the halt switch do the work. This
room changes when users are to say it in another way.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeVar, overload

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.errors import InvalidRequestError, KISError
from kis_sync.orders.desk import OrderDesk, OrderPreview
from kis_sync.orders.order import Order
from kis_sync.orders.recovering import Recovery
from kis_sync.orders.request import OrderRequest, checked_kind, checked_shares, request_at

_LONGEST_ID = 128
_log = logging.getLogger("kis_sync")
Value = TypeVar("Value")


class Trader(Protocol):
    """The one who trades: ``KISBroker``."""

    def order_desk(self) -> OrderDesk:
        """The desk of its account."""
        ...


@dataclass(frozen=True, slots=True)
class Cancellations:
    """What became of several cancellations: the orders ``cancelled``, and those that ``failed`` with why.

    ``uncertain`` are orders that nobody can tell about yet: they may be open.
    """

    cancelled: tuple[Order, ...]
    failed: tuple[tuple[Order, KISError], ...]
    uncertain: tuple[Order, ...] = ()


# -- new orders ----------------------------------------------------------------------------------------


@overload
def buy(
    trader: Trader, code: str, quantity: int, kind: OrderType, client_order_id: str | None = None, *,
    key: object = None, exchange: str = "KRX", dry_run: Literal[False] = False,
) -> Order: ...  # fmt: skip
@overload
def buy(
    trader: Trader, code: str, quantity: int, kind: OrderType, client_order_id: str | None = None, *,
    key: object = None, exchange: str = "KRX", dry_run: Literal[True],
) -> OrderPreview: ...  # fmt: skip
def buy(
    trader: Trader,
    code: str,
    quantity: int,
    kind: OrderType,
    client_order_id: str | None = None,
    *,
    key: object = None,
    exchange: str = "KRX",
    dry_run: bool = False,
) -> Order | OrderPreview:
    """Buy ``quantity`` shares: ``kind`` is an order type such as ``Limit(70_000)`` or ``Market()``.

    Gives the ``Order`` as KIS accepted it, which is not yet a fill (see ``wait_for_fill``). The intent is
    in the journal before anything leaves, and the order leaves once. With ``client_order_id`` (any text),
    or one made from ``key`` (text, numbers, dates or a tuple of them) with the stock and the side, a repeat
    gives the first order and sends nothing, whichever thread, process or day it comes from; an id that
    names another wish is refused. An id is free again when its order was refused or provably did not run.

    ``exchange`` is ``"KRX"``, ``"NXT"`` or ``"SOR"``. With ``dry_run`` an ``OrderPreview`` tells what would
    be sent and every reason that would keep it back.

    Raises ``InvalidRequestError`` with all reasons of the guards (``Settings.order_limits``),
    ``ConfigurationError`` without the opt-in of live orders, ``RequestRefusedError`` when KIS says no,
    ``JournalError`` when the intent cannot be written down, ``OrderUncertainError`` when the order may have
    run: repeat it with the same id, or call ``recover()``; it is never sent twice.

    Source: order-cash, TTTC0012U (paper VTTC0012U).

    >>> from kis_sync import KISBroker, Market
    >>> with KISBroker.simulated() as broker:
    ...     first = broker.buy("005930", 1, Market(), "rebalance-1")
    ...     again = broker.buy("005930", 1, Market(), "rebalance-1")
    >>> first.number == again.number
    True
    """
    request = OrderRequest.checked(code, Side.BUY, quantity, kind, exchange)
    return _place(trader, request, client_order_id, key, dry_run)


@overload
def sell(
    trader: Trader, code: str, quantity: int, kind: OrderType, client_order_id: str | None = None, *,
    key: object = None, exchange: str = "KRX", dry_run: Literal[False] = False,
) -> Order: ...  # fmt: skip
@overload
def sell(
    trader: Trader, code: str, quantity: int, kind: OrderType, client_order_id: str | None = None, *,
    key: object = None, exchange: str = "KRX", dry_run: Literal[True],
) -> OrderPreview: ...  # fmt: skip
def sell(
    trader: Trader,
    code: str,
    quantity: int,
    kind: OrderType,
    client_order_id: str | None = None,
    *,
    key: object = None,
    exchange: str = "KRX",
    dry_run: bool = False,
) -> Order | OrderPreview:
    """Sell ``quantity`` shares; everything else is as for ``buy``.

    Source: order-cash, TTTC0011U (paper VTTC0011U).
    """
    request = OrderRequest.checked(code, Side.SELL, quantity, kind, exchange)
    return _place(trader, request, client_order_id, key, dry_run)


def send_order(trader: Trader, stock_code: str, order_type: str, quantity: int, price: int = 0) -> Order:
    """Send a cash order on KRX: a limit order at ``price`` won, or at market when it is 0.

    ``order_type`` is ``"BUY"`` or ``"SELL"``, ``quantity`` in shares. The same way as ``buy`` and ``sell``,
    with the same errors; without an id a repeat is a new order.

    Source: order-cash, TTTC0012U / TTTC0011U (paper VTTC0012U / VTTC0011U).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     order = broker.send_order("005930", "BUY", 1)
    >>> order.side.value, order.price
    ('BUY', None)
    """
    return trader.order_desk().place(request_at(stock_code, order_type, quantity, price))


def _place(
    trader: Trader, request: OrderRequest, client_order_id: str | None, key: object, dry_run: bool
) -> Order | OrderPreview:
    name = order_id(client_order_id, key, request.side.value, request.code)
    desk = trader.order_desk()
    return desk.preview(request) if dry_run else desk.place(request, name)


# -- changing and cancelling ---------------------------------------------------------------------------


def modify_order(
    trader: Trader,
    order: Order | str | int,
    *,
    price: int | None = None,
    quantity: int | None = None,
    kind: OrderType | None = None,
    client_order_id: str | None = None,
    key: object = None,
) -> Order:
    """Change an open order: its ``price``, or its whole ``kind``; ``quantity`` shares of it, or all.

    Gives the new order: KIS gives a change a number of its own, and what was left moves to it
    (``Order.chain`` keeps the numbers). ``order`` is an ``Order``, its number, or its ``client_order_id``;
    one that was changed before stands for its last change. Errors as for ``buy``; KIS refuses to change what
    was filled meanwhile.

    Source: order-rvsecncl, TTTC0013U (paper VTTC0013U).

    >>> from kis_sync import KISBroker, Limit
    >>> with KISBroker.simulated() as broker:
    ...     lowest = broker.get_price("005930").lower_limit
    ...     order = broker.buy("005930", 10, Limit(lowest))
    ...     changed = broker.modify_order(order, price=lowest + 500)
    >>> changed.chain == (int(order.number), int(changed.number))
    True
    """
    if price is not None and kind is not None:
        raise InvalidRequestError("give price or kind, not both: a kind has its own price")
    if price is None and kind is None and quantity is None:
        raise InvalidRequestError("say what is to change: price, kind or quantity")
    desk = trader.order_desk()
    known = _known(desk, order)
    new_kind = _at_another_price(known, price) if kind is None else _checked(lambda: checked_kind(kind))
    shares = None if quantity is None else _checked(lambda: checked_shares(quantity))
    about = ("change", known.number, str(desk.day_of(known)))
    return desk.changes.change(known, new_kind, shares, order_id(client_order_id, key, *about))


def cancel_order(
    trader: Trader,
    order: Order | str | int,
    *,
    quantity: int | None = None,
    client_order_id: str | None = None,
    key: object = None,
) -> Order:
    """Cancel an open order, or ``quantity`` shares of it; the order as KIS lists it right after.

    On live KIS only says that the cancellation was passed on: look at ``Order.state``.

    ``order`` is an ``Order``, its number, or its ``client_order_id``. Cancelling is let through while orders
    are halted. ``RequestRefusedError`` when nothing is left to cancel, ``OrderUncertainError`` when nobody
    can say.

    Source: order-rvsecncl, TTTC0013U (paper VTTC0013U).
    """
    desk = trader.order_desk()
    known = _known(desk, order)
    shares = None if quantity is None else _checked(lambda: checked_shares(quantity))
    about = ("cancel", known.number, str(desk.day_of(known)))
    cancelled = desk.changes.cancel(known, shares, order_id(client_order_id, key, *about))
    if shares is not None:
        return desk.blotter.order(int(cancelled.number), desk.day_of(cancelled)) or cancelled
    return desk.changes.look_after_cancelling([cancelled])[0]


def cancel_all(trader: Trader, code: str = "") -> Cancellations:
    """Cancel every open order of the account (of ``code`` only, when given), whoever sent it.

    Uncertain orders are settled first as far as can be. One that cannot be cancelled keeps none of the
    others; look at ``failed`` and ``uncertain``.
    """
    desk = trader.order_desk()
    try:
        desk.recoverer.recover()
    except KISError as error:  # whatever else is wrong: what is open is cancelled
        _log.warning("uncertain orders could not be settled before cancelling: %s", error)
    cancelled, failed = [], []
    for order in desk.blotter.pending(code):
        try:
            cancelled.append(desk.changes.cancel(order, is_listed=True))
        except KISError as error:
            failed.append((order, error))
    looked_at = desk.changes.look_after_cancelling(cancelled) if cancelled else ()
    return Cancellations(looked_at, tuple(failed), desk.recoverer.uncertain())


# -- looking -------------------------------------------------------------------------------------------


def get_pending_orders(trader: Trader, code: str = "") -> tuple[Order, ...]:
    """The orders that can still fill, newest first (of ``code`` only, when given), whoever sent them.

    On live KIS's own list. Paper has none: there it is derived from the day's executions, and what they do
    not show although KIS accepted it comes from the journal (``Order.source`` is ``"journal"`` then), since
    paper's lists are known to lack orders.

    Source: inquire-psbl-rvsecncl, TTTC0084R; on paper inquire-daily-ccld, VTTC0081R.
    """
    return trader.order_desk().blotter.pending(code)


def get_order(trader: Trader, order: Order | str | int) -> Order:
    """An order as it stands now, by itself, its number, or its ``client_order_id``.

    What KIS lists of it is read, and the journal is brought up to date. One that was changed stands for
    its last change (see ``Order.chain``), an uncertain one is settled if it can be, and one that the list
    does not show is given as the journal has it. ``InvalidRequestError`` when nobody knows it.

    Source: inquire-daily-ccld, TTTC0081R (paper VTTC0081R).
    """
    desk = trader.order_desk()
    return desk.recoverer.current(_known(desk, order))


def get_orders(trader: Trader, day: date | None = None) -> tuple[Order, ...]:
    """Every order that left from here on a day (default: today), as the journal has it; KIS is not asked."""
    return trader.order_desk().blotter.orders(day)


def get_executions(
    trader: Trader,
    start: date | None = None,
    end: date | None = None,
    *,
    code: str = "",
    side: Side | str | None = None,
) -> tuple[ListedOrder, ...]:
    """KIS's list of orders and what was filled of them, of a range of days (default: today), newest first.

    Every page, or an error; the journal is brought up to date by it. Paper's list is known to lack orders,
    even filled ones: what it does not show may have run.

    Source: inquire-daily-ccld, TTTC0081R within three months, CTSC9215R before (paper VTTC0081R, VTSC9215R).
    """
    return trader.order_desk().blotter.executions(start, end, code=code, side=side)


def wait_for_fill(trader: Trader, order: Order | str | int, timeout: float = 60.0) -> Order:
    """The order as soon as nothing more can happen to it, or as it stands after ``timeout`` seconds.

    KIS's list is read about once a second, within the call limits; look at ``Order.state``. An order that
    was changed stands for its last change.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < float("inf"):
        raise InvalidRequestError(f"timeout must be a number of seconds, not {timeout!r}")
    desk = trader.order_desk()
    return desk.recoverer.wait_for_fill(_known(desk, order), timeout)


# -- when something went wrong -------------------------------------------------------------------------


def recover(trader: Trader, *, wait: bool = False) -> Recovery:
    """Settle the orders that nobody could tell about, by what KIS lists now; nothing is sent.

    After a crash, call it once: what another process left behind is looked at too. What the lists show is
    found. That an order did *not* run is concluded on live only, from complete lists read again after
    ``Settings.settling_seconds`` (``wait=True`` waits for that); on paper never, see ``settle_order``.
    """
    return trader.order_desk().recoverer.recover(wait=wait)


def settle_order(trader: Trader, client_order_id: str, *, number: str | int | None) -> Order:
    """Settle an uncertain order by hand: its ``number``, or ``None`` when you have seen that it did not run.

    For what ``recover`` leaves, as on paper: look at the account first (HTS, MTS, holdings).
    """
    return trader.order_desk().recoverer.settle_by_hand(
        client_order_id, None if number is None else _order_number(number)
    )


def halt(trader: Trader, reason: str = "") -> None:
    """Stop every order and change of this account in every process at once; cancelling stays possible.

    A file in the data folder says so until ``resume()``: what waits for its turn does not leave either.
    """
    trader.order_desk().halt_switch.halt(reason)


def resume(trader: Trader) -> None:
    """Let orders leave again after ``halt()``."""
    trader.order_desk().halt_switch.resume()


def _known(desk: OrderDesk, order: Order | str | int) -> Order:
    """The order that is meant: itself, or the one of a ``client_order_id`` or an order number of today."""
    if isinstance(order, Order):
        return order
    found = desk.by_id(order) if isinstance(order, str) else None
    if found is None and str(order).isascii() and str(order).isdigit():
        found = desk.by_number(int(order))
    if found is None:
        raise InvalidRequestError(
            f"there is no order {order!r}: give an Order, its client_order_id or its number"
        )
    return found


def _order_number(number: str | int) -> int:
    text = str(number).strip()
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InvalidRequestError(f"number must be an order number, or None, not {number!r}")
    return int(text)


def _at_another_price(order: Order, price: int | None) -> OrderType:
    from dataclasses import replace

    if order.kind is None:
        raise InvalidRequestError("say which kind the order shall have: its own is not known")
    if price is None:
        return order.kind
    if order.kind.won is None:
        raise InvalidRequestError(
            f"a {order.kind} order has no price; give kind=Limit({price!r}) to make it one"
        )
    return replace(order.kind, price=price)  # type: ignore[call-arg]


def order_id(client_order_id: str | None, key: object, *about: str) -> str | None:
    """The id of an order: as given, or made from ``key`` and what the order is about."""
    if client_order_id is not None and key is not None:
        raise InvalidRequestError("give client_order_id or key, not both")
    if key is not None:
        try:
            text = json.dumps([_plain(key), *about], ensure_ascii=False)
        except (TypeError, ValueError):
            raise InvalidRequestError("key must be text, a number, a date, or a tuple of them") from None
        return f"key-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    if client_order_id is None:
        return None
    if (
        not isinstance(client_order_id, str)
        or not client_order_id.isprintable()
        or not client_order_id.strip()
    ):
        raise InvalidRequestError(f"client_order_id must be printable text, not {client_order_id!r}")
    if len(client_order_id) > _LONGEST_ID:
        raise InvalidRequestError(f"client_order_id may have {_LONGEST_ID} letters at most")
    return client_order_id


def _plain(key: object) -> object:
    if isinstance(key, (tuple, list)):
        return [_plain(each) for each in key]
    if isinstance(key, date):
        return key.isoformat()
    if key is None or isinstance(key, (str, int, float)):
        return key
    raise TypeError


def _checked(check: Callable[[], Value]) -> Value:
    try:
        return check()
    except ValueError as error:
        raise InvalidRequestError(f"the order was not sent: {error}") from None
