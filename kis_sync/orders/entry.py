"""What the journal holds of an order: the wish as it was sent, its state, and what is known of its fate.

Values only; nothing here reads or writes. This room changes when an order can be in another state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kis_sync.api.domestic_stock.order_type import Side

CASH_ORDER = "domestic_stock.order_cash"
CHANGE_ORDER = "domestic_stock.order_rvsecncl"
_CANCEL, _ALL = "02", "Y"
_CANCELLATIONS = frozenset({"overseas_stock.order_resv_ccnl"})  # which does nothing else


class State(str, enum.Enum):
    """Where an order stands.

    intended -> sent -> accepted -> partly filled -> filled | cancelled; or refused, not executed, uncertain.
    """

    INTENDED = "intended"  # on record, nothing has left
    SENT = "sent"  # it is leaving, or has left; no answer yet
    ACCEPTED = "accepted"  # KIS gave it a number
    PARTLY_FILLED = "partly filled"
    FILLED = "filled"
    CANCELLED = "cancelled"  # by us, by a change that took all of it, or at the close; parts may have filled
    REFUSED = "refused"  # KIS said no
    NOT_EXECUTED = "not executed"  # it provably never ran: it did not leave, or complete lists lack it
    UNCERTAIN = "uncertain"  # it may have run; nobody can tell yet

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in (State.FILLED, State.CANCELLED, State.REFUSED, State.NOT_EXECUTED)

    @property
    def frees_its_id(self) -> bool:
        """Whether the order left no trace at the exchange, so that its id may be used again."""
        return self in (State.REFUSED, State.NOT_EXECUTED)


class Action(str, enum.Enum):
    """What a call of effect order does."""

    NEW = "new"
    CHANGE = "change"
    CANCEL = "cancel"
    OTHER = "other"  # an order of another market, a reserved order: journalled, but no list settles it


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of KIS: the call without the account, and what the fields do not say.

    ``code`` and ``side`` are those of the order that a change or cancellation is about. ``amount`` is what
    the order is worth at most, in won (0 for a cancellation).
    """

    endpoint: str
    variant: str
    fields: Mapping[str, str]
    code: str = ""
    side: Side | None = None
    amount: int = 0

    @property
    def action(self) -> Action:
        """What the call does."""
        if self.endpoint == CASH_ORDER:
            return Action.NEW
        if self.endpoint == CHANGE_ORDER:
            return Action.CANCEL if self.is_cancellation else Action.CHANGE
        return Action.OTHER

    @property
    def is_cancellation(self) -> bool:
        """Whether it takes an order back, on whatever market: that is let go even while orders are halted."""
        is_one = self.endpoint in _CANCELLATIONS or self.variant == "cancel"
        return is_one or self._field("RVSE_CNCL_DVSN_CD") == _CANCEL

    @property
    def quantity(self) -> int | None:
        """Shares; ``None`` for a change of all that is left."""
        if self._field("QTY_ALL_ORD_YN").upper() == _ALL:
            return None
        return _number(self._field("ORD_QTY"))

    @property
    def kind_code(self) -> str:
        """KIS's order type (ORD_DVSN)."""
        return self._field("ORD_DVSN")

    @property
    def price(self) -> int | None:
        """The price in won, ``None`` for an order without one."""
        return _number(self._field("ORD_UNPR")) or None

    @property
    def trigger(self) -> int | None:
        """The price in won that wakes a stop order."""
        return _number(self._field("CNDT_PRIC")) or None

    @property
    def exchange(self) -> str:
        """KRX, NXT or SOR."""
        return self._field("EXCG_ID_DVSN_CD").upper() or "KRX"

    @property
    def original(self) -> int | None:
        """The number of the order to change or cancel."""
        return _number(self._field("ORGN_ODNO"))

    def is_same(self, other: Wish) -> bool:
        """Whether both ask for the same; what an order is worth by today's prices does not matter."""
        mine = (self.endpoint, self.variant, dict(self.fields), self.code, self.side)
        return mine == (other.endpoint, other.variant, dict(other.fields), other.code, other.side)

    def _field(self, name: str) -> str:
        return self.fields.get(name, "").strip()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One order in the journal. Times are aware, in KST, by the server's clock as well as it is known.

    ``id`` counts up in the order of the intents. ``number`` is the order number as KIS wrote it, ``branch``
    the office that a change must name. ``sent_at`` is the moment just before the order left the last time,
    ``ended_at`` when its outcome was known or given up. ``known_until`` marks which order numbers were
    known before it was sent. ``missing_since`` is when complete lists were first seen to lack it.
    """

    id: int
    client_order_id: str
    wish: Wish
    state: State
    owner: str
    intended_at: datetime
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    number: str = ""
    branch: str = ""
    filled: int = 0
    average_price: Decimal | None = None
    remaining: int | None = None
    reason: str = ""
    known_until: int = 0
    missing_since: datetime | None = None
