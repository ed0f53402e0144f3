"""The order book of a stock: ten levels a side, and the price expected of an auction.

This room changes when KIS changes inquire-asking-price-exp-ccn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import NamedTuple

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.stock_code import checked_code, checked_division
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import RequestRefusedError
from kis_sync.values import Row

_LEVELS = range(1, 11)


class Level(NamedTuple):
    """One level of an order book: its price in won and the shares waiting there."""

    price: int
    size: int


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Asks and bids, best first; empty levels are left out.

    ``price`` is the last price in won (``None`` when KIS sends none), ``ask_total`` and ``bid_total`` the
    shares on each side, ``expected_price`` and ``expected_volume`` what an auction would give (``None``
    outside one), ``accepted_at`` the time of day of the last change. ``raw`` is the answer as it came.
    """

    code: str
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    ask_total: int | None
    bid_total: int | None
    price: int | None
    expected_price: int | None
    expected_volume: int | None
    accepted_at: time | None
    answered_at: datetime | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask."""
        return self.asks[0] if self.asks else None

    @property
    def best_bid(self) -> Level | None:
        """The highest bid."""
        return self.bids[0] if self.bids else None

    @property
    def spread(self) -> int | None:
        """Best ask less best bid, in won; ``None`` when a side is empty."""
        return self.asks[0].price - self.bids[0].price if self.asks and self.bids else None

    @classmethod
    def read(cls, code: str, envelope: Envelope) -> OrderBook:
        """The order book from an answer of inquire-asking-price-exp-ccn."""
        book, quote = envelope.row("output1"), envelope.row("output2")
        price = quote.amount("stck_prpr") or None
        asks, bids = _side(book, "askp"), _side(book, "bidp")
        if price is None and not asks and not bids:
            raise RequestRefusedError(
                f"KIS has no order book of {code!r}: no such stock?", endpoint=envelope.endpoint
            )
        return cls(
            code=code,
            asks=asks,
            bids=bids,
            ask_total=book.amount("total_askp_rsqn"),
            bid_total=book.amount("total_bidp_rsqn"),
            price=price,
            expected_price=quote.amount("antc_cnpr") or None,
            expected_volume=quote.amount("antc_vol") or None,
            accepted_at=book.time_of_day("aspr_acpt_hour"),
            answered_at=envelope.answered_at,
            raw=envelope.body,
        )


def get_order_book(caller: Asker, code: str, *, market: str = "J") -> OrderBook:
    """The order book of a stock. ``market``: ``J`` KRX, ``NX`` NXT, ``UN`` both (live only).

    Raises ``InvalidRequestError`` before the call, ``RequestRefusedError`` for a stock without a book.

    Source: inquire-asking-price-exp-ccn, FHKST01010200 (live and paper).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     book = broker.get_order_book("005930")
    >>> book.best_bid.price < book.best_ask.price
    True
    """
    code = checked_code(code)
    call = Call(
        endpoint("domestic_stock.inquire_asking_price_exp_ccn"),
        {"FID_COND_MRKT_DIV_CODE": checked_division(market, caller.mode), "FID_INPUT_ISCD": code},
    )
    return OrderBook.read(code, caller.ask(call))


def _side(book: Row, name: str) -> tuple[Level, ...]:
    levels = []
    for number in _LEVELS:
        price, size = book.amount(f"{name}{number}"), book.amount(f"{name}_rsqn{number}")
        if price:
            levels.append(Level(price, size or 0))
    return tuple(levels)
