"""An order as users hold it: what was asked, where it stands, and how it is known.

Made from the journal's entry, from a row of KIS's lists, or from both. This room changes when users are to
see something new of an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import OrderType, Side, order_type
from kis_sync.orders.entry import Action, Entry, State
from kis_sync.orders.recovery import state_of


@dataclass(frozen=True, slots=True)
class Order:
    """An order at one moment; it does not change by itself. Shares and won, times aware in KST.

    ``client_order_id`` names it in the journal (``None`` for an order that was not sent from here),
    ``number`` is KIS's order number as it was written (compare numbers as integers; blank while there is
    none), ``branch`` the office that a change must name. ``quantity`` is ``None`` for a change of all that
    was left, ``kind`` for an order type that is not documented. ``filled`` shares cost ``average_price``
    each; ``remaining`` is what can still fill, ``None`` where nobody has said. ``action`` tells a new order,
    a change, a cancellation and any other call apart; ``original`` is the number of the order that this one
    changed or cancelled, ``chain`` all of them from the first to this. ``reason`` says why it was
    refused or is uncertain. ``source`` is ``"journal"`` for what only the journal says so far, ``"list"``
    for what KIS's lists have shown.
    """

    client_order_id: str | None
    number: str
    branch: str
    code: str
    side: Side | None
    quantity: int | None
    kind: OrderType | None
    exchange: str
    state: State
    filled: int
    average_price: Decimal | None
    remaining: int | None
    ordered_at: datetime | None
    action: Action
    original: str = ""
    chain: tuple[int, ...] = ()
    reason: str = ""
    source: str = "journal"
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def price(self) -> int | None:
        """The price in won that the order names, ``None`` for one without."""
        return self.kind.won if self.kind else None

    @property
    def is_done(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.state.is_final

    @classmethod
    def journalled(
        cls, entry: Entry, *, chain: tuple[int, ...] = (), raw: Mapping[str, object] | None = None
    ) -> Order:
        """The order of an entry; ``chain`` the numbers before its own, ``raw`` its row in KIS's list."""
        wish = entry.wish
        is_cancellation = wish.action is Action.CANCEL
        own = (int(entry.number),) if entry.number else ()
        return cls(
            client_order_id=entry.client_order_id,
            number=entry.number,
            branch=entry.branch,
            code=wish.code,
            side=wish.side,
            quantity=wish.quantity,
            kind=None if is_cancellation else order_type(wish.kind_code, wish.price, wish.trigger),
            exchange=wish.exchange,
            state=entry.state,
            filled=entry.filled,
            average_price=entry.average_price,
            remaining=entry.remaining,
            ordered_at=entry.sent_at or entry.intended_at,
            action=wish.action,
            original=str(wish.original or ""),
            chain=(*chain, *own),
            reason=entry.reason,
            source="journal" if entry.remaining is None else "list",
            raw=raw or {},
        )

    @classmethod
    def listed(cls, listed: ListedOrder) -> Order:
        """An order that KIS's lists show and the journal does not know."""
        return cls(
            client_order_id=None,
            number=listed.written_number,
            branch=listed.branch,
            code=listed.code,
            side=listed.side,
            quantity=listed.quantity,
            kind=listed.kind,
            exchange=listed.exchange,
            state=state_of(listed),
            filled=listed.filled,
            average_price=listed.average_price,
            remaining=listed.remaining,
            ordered_at=listed.ordered_at,
            action=_action(listed),
            original=str(listed.original or ""),
            chain=tuple(each for each in (listed.original, listed.number) if each is not None),
            source="list",
            raw=listed.raw,
        )


def _action(listed: ListedOrder) -> Action:
    if listed.is_cancellation:
        return Action.CANCEL
    return Action.NEW if listed.original is None else Action.CHANGE
