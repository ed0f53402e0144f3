"""Changing or cancelling an order in KIS's words: only the fields; who sends them is decided elsewhere.

This room changes when KIS changes order-rvsecncl.
"""

from __future__ import annotations

from kis_sync.api.domestic_stock.order_type import OrderType
from kis_sync.catalog import Call, endpoint
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange
from kis_sync.settings import Account

_CHANGE, _CANCEL = "01", "02"


def change_call(
    account: Account, original: str, branch: str, exchange: Exchange, kind: OrderType, quantity: int | None
) -> Call:
    """The call that moves ``quantity`` open shares of an order (``None``: all) to ``kind``, on its exchange.

    KIS answers with a new order number; those shares of the original can no longer be changed. ``original``
    is the order's number and ``branch`` its office, both as KIS wrote them. Nothing is sent; raises
    ``InvalidRequestError`` for a quantity below 1.

    Source: order-rvsecncl, TTTC0013U (paper VTTC0013U).

    >>> from kis_sync.api.domestic_stock.order_type import Limit
    >>> call = change_call(
    ...     Account("12345678", "01"), "0001569157", "06010", Exchange.KRX, Limit(70_000), None
    ... )
    >>> call.params["ORD_UNPR"], call.params["QTY_ALL_ORD_YN"], call.params["RVSE_CNCL_DVSN_CD"]
    ('70000', 'Y', '01')
    """
    fields = _fields(account, original, branch, exchange, kind.code, quantity, _CHANGE)
    fields["ORD_UNPR"] = str(kind.won or 0)
    fields["CNDT_PRIC"] = str(kind.trigger_won or "")
    return Call(endpoint("domestic_stock.order_rvsecncl"), fields)


def cancel_call(
    account: Account, original: str, branch: str, exchange: Exchange, kind_code: str, quantity: int | None
) -> Call:
    """The call that cancels ``quantity`` open shares of an order, ``None`` for all that is left of it.

    ``kind_code`` is the order's own type (ORD_DVSN), the rest as for ``change_call``. The cancellation gets
    a number of its own. Nothing is sent; raises ``InvalidRequestError`` for a quantity below 1.

    Source: order-rvsecncl, TTTC0013U (paper VTTC0013U).

    >>> call = cancel_call(Account("12345678", "01"), "0001569157", "06010", Exchange.KRX, "00", 3)
    >>> call.params["ORD_QTY"], call.params["QTY_ALL_ORD_YN"], call.params["RVSE_CNCL_DVSN_CD"]
    ('3', 'N', '02')
    """
    fields = _fields(account, original, branch, exchange, kind_code, quantity, _CANCEL)
    return Call(endpoint("domestic_stock.order_rvsecncl"), fields)


def _fields(
    account: Account,
    original: str,
    branch: str,
    exchange: Exchange,
    kind_code: str,
    quantity: int | None,
    action: str,
) -> dict[str, str]:
    """Every field, those that the action does not use blank or 0: KIS is known to miss absent ones."""
    if quantity is not None and quantity < 1:
        raise InvalidRequestError(
            f"quantity must be at least 1, or None for all that is left, not {quantity!r}"
        )
    return {
        "CANO": account.number,
        "ACNT_PRDT_CD": account.product,
        "KRX_FWDG_ORD_ORGNO": branch,
        "ORGN_ODNO": original,
        "ORD_DVSN": kind_code,
        "RVSE_CNCL_DVSN_CD": action,
        "ORD_QTY": str(quantity or 0),
        "ORD_UNPR": "0",
        "QTY_ALL_ORD_YN": "Y" if quantity is None else "N",
        "CNDT_PRIC": "",
        "EXCG_ID_DVSN_CD": exchange.value,
    }
