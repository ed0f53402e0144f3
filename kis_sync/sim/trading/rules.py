"""The checks of an order before it is accepted, in the words of one world.

This room changes when KIS checks something else.
"""

from __future__ import annotations

from datetime import datetime

from kis_sync.catalog import Mode
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName
from kis_sync.market.ticks import Listing, is_on_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Quote
from kis_sync.sim.trading.admission import Admission, admit, admit_before_open, closed_at
from kis_sync.sim.trading.reasons import Reason
from kis_sync.sim.trading.reserving_hours import hours_of, takes_reservations
from kis_sync.sim.trading.resting import BEFORE_OPEN_KIND, PRICED_KINDS, STOP_KIND, Ticket

_NO_STOCK_ORDERS = {"03", "08"}  # accounts for derivatives
_RETIREMENT = "29"


class Rules:
    """The checks of one world; each raises the refusal that KIS would send."""

    def __init__(self, mode: Mode, assumptions: Assumptions) -> None:
        self._mode = mode
        self._assumptions = assumptions

    def refusal(self, reason: Reason) -> RefusalError:
        """The refusal for a reason: ``rt_cd`` 7 on live, 1 on paper."""
        live, paper = reason.value
        if self._mode is Mode.PAPER:
            status = self._assumptions.paper_rejection_status
            return RefusalError(*paper, rt_cd="1", status=status, padded=True)
        return RefusalError(*live, rt_cd="7", status=200, padded=True)

    def check_product(self, product: str) -> None:
        """Whether an account of that product code orders stocks at all."""
        if product == _RETIREMENT:
            raise self.refusal(Reason.RETIREMENT_ACCOUNT)
        if product in _NO_STOCK_ORDERS:
            raise self.refusal(Reason.DERIVATIVES_ACCOUNT)

    def check_reserving(self, now: datetime) -> None:
        """Whether reserved orders are taken at the moment."""
        if not takes_reservations(now):
            begin, end = hours_of(now.date())
            text = f"예약주문 은 {begin:%H:%M}분 이후부터 익영업일 {end:%H:%M}분까지만 가능합니다."
            raise RefusalError("KIER3672", text, rt_cd="7", status=200, padded=True)

    def admit(
        self, ticket: Ticket, listing: ListingInfo, now: datetime, *, is_sent: bool = False
    ) -> Admission:
        """The session that takes the order; one that was reserved ``is_sent`` before the first of the day."""
        exchange = Exchange(ticket.exchange)
        if is_sent:
            found = admit_before_open(ticket.kind, now, self._assumptions)
        else:
            found = admit(ticket.kind, exchange, now, self._mode, self._assumptions)
        if isinstance(found, Reason):
            raise self.refusal(found)
        takes_it = listing.kind is Listing.STOCK or self._assumptions.krx_after_market_takes_funds
        if found.session is SessionName.AFTER_MARKET and not takes_it:
            raise self.refusal(Reason.AFTER_CLOSE)
        return found

    def check_open(self, exchange: str, now: datetime) -> None:
        """Whether the exchange takes changes and cancellations now."""
        closed = closed_at(now, self._mode, Exchange(exchange))
        if closed is not None:
            raise self.refusal(closed)

    def check_prices(self, ticket: Ticket, quote: Quote, listing: ListingInfo) -> None:
        """Price and trigger must lie within the day's limits and on a tick, 05's be the previous close."""
        if ticket.kind in PRICED_KINDS:
            self._check_price(ticket.price or 0, quote, listing)
        if ticket.kind == STOP_KIND:
            self._check_price(ticket.trigger or 0, quote, listing)
        if ticket.kind == BEFORE_OPEN_KIND and ticket.price != quote.base:
            raise self.refusal(Reason.TICK)

    def _check_price(self, price: int, quote: Quote, listing: ListingInfo) -> None:
        if price > quote.upper:
            raise self.refusal(Reason.ABOVE_LIMIT)
        if price < quote.lower:
            raise self.refusal(Reason.BELOW_LIMIT)
        if not is_on_tick(price, listing.kind):
            raise self.refusal(Reason.TICK)
