"""What the account can buy: cash, and shares of one stock.

This room changes when KIS changes inquire-psbl-order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.order_type import OrderType
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError

_LIMIT, _MARKET = "00", "01"


@dataclass(frozen=True, slots=True)
class Buyable:
    """Won and shares that can be bought now; ``None`` where KIS does not tell, or was not asked.

    ``amount`` and ``quantity`` are without margin: nothing is owed afterwards; size orders by them.
    ``most_amount`` and ``most_quantity`` use the account's margin, and what is bought beyond ``amount``
    must be paid in later. ``cash`` is what KIS reckons from the deposit. ``price`` is the price in won that
    the quantities are reckoned at. ``raw`` is the output as it came.
    """

    cash: int | None
    amount: int | None
    quantity: int | None
    most_amount: int | None
    most_quantity: int | None
    price: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, envelope: Envelope) -> Buyable:
        """What can be bought, from an answer of inquire-psbl-order."""
        row = envelope.row("output")
        return cls(
            cash=row.whole("ord_psbl_cash"),
            amount=row.whole("nrcvb_buy_amt"),
            quantity=row.whole("nrcvb_buy_qty"),
            most_amount=row.whole("max_buy_amt"),
            most_quantity=row.whole("max_buy_qty"),
            price=row.amount("psbl_qty_calc_unpr") or None,
            raw=row.raw,
        )


def get_buyable(caller: Asker, code: str | None = None, kind: OrderType | None = None) -> Buyable:
    """What can be bought: the amounts alone, or with ``code`` how many shares by an order of type ``kind``.

    Without ``kind`` an order at market is meant; KIS reckons it at the day's upper limit.

    A plain limit order is asked for as one at market, too: asked for as what it is (ORD_DVSN 00), KIS does
    not apply the stock's margin rate, and says that one must ask with 01. Its ``quantity`` and
    ``most_quantity`` are then the amounts divided by the limit, which is how KIS's own figures come about in
    its documented example; KIS's figures, at the upper limit, stay at ``raw``. Every other type is asked for
    as itself, as the documents want it, with its price if it names one. No document says whether the amounts
    leave room for fees.

    Money in a CMA and abroad is not counted. Raises ``InvalidRequestError`` before the call,
    ``RequestRefusedError`` for a stock that KIS does not know.

    Source: inquire-psbl-order, TTTC8908R (paper VTTC8908R).

    >>> from kis_sync import KISBroker
    >>> from kis_sync.api.domestic_stock.order_type import Limit
    >>> with KISBroker.simulated() as broker:
    ...     low = broker.get_price("005930").lower_limit
    ...     buyable = get_buyable(broker, "005930", Limit(low))
    >>> buyable.price == low, buyable.quantity == buyable.amount // low
    (True, True)
    """
    if code is None and kind is not None:
        raise InvalidRequestError(f"how much of what? {kind} needs a code")
    asked_at = "" if kind is None or kind.code == _LIMIT else str(kind.won or "")
    account = caller.account
    call = Call(
        endpoint("domestic_stock.inquire_psbl_order"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "PDNO": "" if code is None else checked_code(code),
            "ORD_UNPR": asked_at,
            "ORD_DVSN": _asked_kind(code, kind),
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        },
    )
    buyable = Buyable.read(caller.ask(call))
    if code is None:
        return replace(buyable, quantity=None, most_quantity=None, price=None)
    if kind is not None and kind.code == _LIMIT and kind.won:
        return _at(buyable, kind.won)
    return buyable


def _asked_kind(code: str | None, kind: OrderType | None) -> str:
    if code is None:
        return _LIMIT  # any will do when no quantity is asked for, say the documents
    return _MARKET if kind is None or kind.code == _LIMIT else kind.code


def _at(buyable: Buyable, price: int) -> Buyable:
    """The same with the quantities at a price of one's own."""
    return replace(
        buyable,
        quantity=_shares(buyable.amount, price),
        most_quantity=_shares(buyable.most_amount, price),
        price=price,
    )


def _shares(amount: int | None, price: int) -> int | None:
    return None if amount is None else max(amount, 0) // price
