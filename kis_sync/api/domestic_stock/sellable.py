"""How many shares of one stock can be sold now.

This room changes when KIS changes inquire-psbl-sell, or offers it on paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.balance import get_balance
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.catalog import Call, Mode, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import ServerError

_NAMES = ("output1", "output")  # the layout calls the answer the one, the text beside it the other


@dataclass(frozen=True, slots=True)
class Sellable:
    """One stock's holding: ``held`` shares, of which ``sellable`` can be sold now. Prices in won.

    ``average_price`` is what a share cost on average, ``price`` the last price (``None`` for a 0). ``raw``
    is the output, or the row of the balance, as it came; empty for a stock that the balance does not have.
    """

    code: str
    name: str
    held: int
    sellable: int
    average_price: Decimal | None
    price: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, code: str, envelope: Envelope) -> Sellable:
        """The holding from an answer of inquire-psbl-sell; ``ServerError`` without its quantities."""
        row = envelope.row(next((name for name in _NAMES if name in envelope.body), _NAMES[0]))
        return cls(
            code=code,
            name=row.text("prdt_name"),
            held=row.needed("cblc_qty"),
            sellable=row.needed("ord_psbl_qty"),
            average_price=row.decimal("pchs_avg_pric") or None,
            price=row.amount("now_pric") or None,
            raw=row.raw,
        )


def get_sellable(caller: Asker, code: str) -> Sellable:
    """How many shares of ``code`` can be sold now: what is held, less what resting orders to sell hold back.

    On paper, which has no such API, this is read from the balance (every page of it), where a stock that is
    not held has 0. Paper's holdings follow fills with a lag of seconds: what was bought just now may not be
    sellable yet, by this and by paper itself. What live answers for a stock that is not held is not
    documented; an answer without quantities is an error.

    Raises ``InvalidRequestError`` before the call, ``ServerError`` when KIS does not tell.

    Source: inquire-psbl-sell, TTTC8408R; on paper inquire-balance, VTTC8434R.

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated(mode="paper") as broker:
    ...     get_sellable(broker, "005930").sellable
    0
    """
    code = checked_code(code)
    if caller.mode is Mode.PAPER:
        return _from_balance(caller, code)
    account = caller.account
    call = Call(
        endpoint("domestic_stock.inquire_psbl_sell"),
        {"CANO": account.number, "ACNT_PRDT_CD": account.product, "PDNO": code},
    )
    return Sellable.read(code, caller.ask(call))


def _from_balance(caller: Asker, code: str) -> Sellable:
    positions = get_balance(caller, complete=False).positions
    position = next((each for each in positions if each.code == code), None)
    if position is None:
        return Sellable(code, "", 0, 0, None, None, MappingProxyType({}))
    if position.sellable is None:
        raise ServerError("the balance does not tell how many shares can be sold")
    return Sellable(
        code=code,
        name=position.name,
        held=position.quantity,
        sellable=position.sellable,
        average_price=position.average_price,
        price=position.price,
        raw=position.raw,
    )
