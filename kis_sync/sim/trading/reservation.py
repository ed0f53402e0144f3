"""Reserved orders: given while the market is closed, sent to it before the next opening.

A reservation with a last day is sent again before each opening until it is filled. This room changes when
KIS keeps reserved orders in another way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from kis_sync.sim.question import input_refused
from kis_sync.sim.trading.ledger import Account, next_trading_day
from kis_sync.sim.trading.reasons import Reason
from kis_sync.sim.trading.reserving_hours import first_day, is_initialising, is_possible_end, sending_time
from kis_sync.sim.trading.resting import RestingOrder, Ticket
from kis_sync.sim.trading.rules import Rules

_FIRST_NUMBER = 39_601


class Sending(NamedTuple):
    """One day's order from a reservation; ``refusal`` says why the market did not take it."""

    order: RestingOrder
    refusal: str = ""


@dataclass(slots=True)
class Reservation:
    """One reserved order; ``end`` is the last day of a period order, ``None`` for one day only."""

    seq: int
    ticket: Ticket
    received_at: datetime
    end: date | None = None
    sendings: list[Sending] = field(default_factory=list)
    cancelled_at: datetime | None = None

    @property
    def remaining(self) -> int:
        """Shares that no sending has bought or sold so far."""
        return self.ticket.quantity - sum(sending.order.filled for sending in self.sendings)

    @property
    def next_day(self) -> date | None:
        """The day before whose opening it is sent next, ``None`` when it is over."""
        return None if self.cancelled_at is not None else self.would_be_next_day

    @property
    def would_be_next_day(self) -> date | None:
        """The same as if it had not been cancelled."""
        if not self.remaining:
            return None
        if not self.sendings:
            return first_day(self.received_at)
        day = next_trading_day(self.sendings[-1].order.day)
        return day if self.end is not None and day <= self.end else None


class Reservations:
    """All reserved orders; not locked: the brokerage calls it one at a time."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._kept: dict[int, Reservation] = {}

    def add(self, ticket: Ticket, end: date | None, now: datetime) -> Reservation:
        """Keep an order for the next opening, until ``end`` for each one; raises the refusal."""
        self._check(ticket, end, now)
        reservation = Reservation(next(self._numbers), ticket, now, end)
        self._kept[reservation.seq] = reservation
        return reservation

    def amend(self, seq: int, ticket: Ticket, end: date | None, given_on: date | None, now: datetime) -> None:
        """Replace what a reservation that was not sent yet asks for; raises the refusal."""
        self._check(ticket, end, now)
        reservation = self._living(ticket.account, seq, given_on)
        if reservation.sendings:
            raise self._rules.refusal(Reason.NOTHING_LEFT)
        reservation.ticket, reservation.end = ticket, end

    def cancel(self, account: Account, seq: int, given_on: date | None, now: datetime) -> None:
        """Send a reservation no more; what was sent already stays an order. Raises the refusal."""
        if is_initialising(now):
            self._rules.check_reserving(now)
        self._living(account, seq, given_on).cancelled_at = now

    def of(self, account: Account) -> list[Reservation]:
        """Every reserved order of an account, cancelled ones too, in the order they were given."""
        return [each for each in self._kept.values() if each.ticket.account is account]

    def next_sending(self, now: datetime) -> datetime | None:
        """When reserved orders are sent next, if that is not after now."""
        days = {day for each in self._kept.values() if (day := each.next_day) is not None}
        return min((at for day in days if (at := sending_time(day)) <= now), default=None)

    def due(self, day: date) -> Iterator[Reservation]:
        """What is to be sent for a day, in the order it was given."""
        return (each for each in self._kept.values() if each.next_day == day)

    def _check(self, ticket: Ticket, end: date | None, now: datetime) -> None:
        self._rules.check_product(ticket.account.product)
        self._rules.check_reserving(now)
        if end is not None and not is_possible_end(end, now):
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_RSVN_ORD_END_DT")

    def _living(self, account: Account, seq: int, given_on: date | None) -> Reservation:
        """The living reservation of that number; ``given_on`` is the day it was given or is sent."""
        reservation = self._kept.get(seq)
        if reservation is None or reservation.ticket.account is not account:
            raise self._rules.refusal(Reason.NO_SUCH_ORDER)
        next_day = reservation.next_day
        if next_day is None:
            raise self._rules.refusal(Reason.NOTHING_LEFT)
        if given_on not in (None, reservation.received_at.date(), next_day):
            raise self._rules.refusal(Reason.NO_SUCH_ORDER)
        return reservation
