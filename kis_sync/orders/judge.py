"""The judge: gathers the facts about an order, hears every guard, and adds up what the day has cost.

This room changes when orders are judged by something else than guards and sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kis_sync.errors import ConfigurationError, InvalidRequestError
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.facts import FactsDesk
from kis_sync.orders.guards import Facts, refusals, worth
from kis_sync.orders.journal import Journal
from kis_sync.orders.request import OrderRequest


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an order is worth at most in won (``None`` where nobody knows), and every reason against it."""

    won: int | None
    reasons: tuple[str, ...]
    orders_allowed: bool

    def check(self) -> int:
        """The won (0 where nobody knows); ``InvalidRequestError`` with every reason against the order.

        ``ConfigurationError`` where live orders were not allowed.
        """
        if self.reasons:
            kind = InvalidRequestError if self.orders_allowed else ConfigurationError
            raise kind("the order was not sent: " + "; ".join(self.reasons))
        return self.won or 0


class Judge:
    """Judges the orders of one account."""

    def __init__(self, facts: FactsDesk, journal: Journal, limits: OrderLimits) -> None:
        self._facts = facts
        self._journal = journal
        self._limits = limits

    def new(self, request: OrderRequest, *, is_quote_needed: bool = False) -> Judgement:
        """Of a new order."""
        facts = self._facts.about(request, is_quote_needed=is_quote_needed)
        won = worth(request, facts)
        return self._judgement(request, facts, self._limits, won, won)

    def change(self, request: OrderRequest, before: int) -> Judgement:
        """Of a change of an order that was worth ``before`` won; its cash and shares are freed by it."""
        facts = self._facts.about(request, is_change=True)
        won = worth(request, facts)
        more = None if won is None else max(0, won - before)
        return self._judgement(request, facts, self._limits, won, more)

    def reserved(self, request: OrderRequest) -> Judgement:
        """Of an order for another day: that day's hours, cash, shares and price limits are not known yet."""
        facts = self._facts.about(request, is_change=True)
        won = worth(request, facts)
        facts = replace(facts, prices=facts.prices._replace(lower_limit=None, upper_limit=None))
        limits = replace(self._limits, check_hours=False, check_funds=False)
        return self._judgement(request, facts, limits, won, won)

    def _judgement(
        self, request: OrderRequest, facts: Facts, limits: OrderLimits, won: int | None, more: int | None
    ) -> Judgement:
        reasons = (*refusals(request, facts, limits), *self._beyond_the_day(facts, more or 0))
        return Judgement(more, reasons, facts.orders_allowed)

    def _beyond_the_day(self, facts: Facts, won: int) -> list[str]:
        """Why the day's orders are worth too much with this one; the journal looks again as it opens."""
        most = self._limits.most_won_a_day
        if most is None or won > most:  # one order alone above it is told by the guards
            return []
        taken = self._journal.worth_of(facts.now.date())
        if taken + won <= most:
            return []
        return [f"it is worth {won:,} won, and {taken:,} of the day's most of {most:,} won are taken already"]
