"""One order for each id: a repeat gives the first, whoever asks and whenever.

This room changes when an id means something else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from kis_sync.errors import InvalidRequestError, OrderUncertainError
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order
from kis_sync.orders.recovering import Recoverer
from kis_sync.orders.sending import OrderAsker, told


class Once:
    """Knows what became of the orders of one account that have an id."""

    def __init__(
        self,
        caller: OrderAsker,
        journal: Journal,
        blotter: Blotter,
        recoverer: Recoverer,
        in_flight_seconds: float,
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._blotter = blotter
        self._recoverer = recoverer
        self._in_flight_seconds = in_flight_seconds

    def order(
        self,
        client_order_id: str | None,
        wish: Wish,
        send: Callable[[], Order | None],
        day: date | None = None,
    ) -> Order:
        """The order that an id already names, or what ``send`` makes of it.

        ``send`` gives ``None`` when another thread or process took the id in the same moment. What changes
        or cancels an order is about the number of a ``day``: the same number of another is another order.
        """
        while True:
            known = None if client_order_id is None else self._journal.find(client_order_id)
            if known is not None and not known.state.frees_its_id:
                if not known.wish.is_same(wish) or day not in (None, _day(known)):
                    raise InvalidRequestError(
                        f"{client_order_id!r} already names another order ({told(known.wish)}, "
                        f"{known.state.value}); this one asks for {told(wish)}. Nothing was sent"
                    )
                settled = self._settled(known)
                if not settled.state.frees_its_id:
                    return self._blotter.order_of(settled)
            order = send()
            if order is not None:
                return order

    def _settled(self, entry: Entry) -> Entry:
        """An entry sent before, once it is known what became of it; ``OrderUncertainError`` if not."""
        self._journal.adopt(self._caller.now())
        entry = self._journal.wait_for(entry, self._in_flight_seconds, self._caller.now)
        if entry.state is State.UNCERTAIN:
            self._recoverer.recover(only=entry.client_order_id)
            entry = self._journal.find(entry.client_order_id) or entry
        if entry.state in (State.UNCERTAIN, State.SENT, State.INTENDED):
            raise OrderUncertainError(
                "an order of this id was sent before, and it is not known yet whether it ran: "
                f"{entry.reason or entry.state.value}",
                order_request=told(entry.wish),
                order=self._blotter.order_of(entry),
                endpoint=entry.wish.endpoint,
            )
        return entry


def _day(entry: Entry) -> date:
    return (entry.sent_at or entry.intended_at).date()
