"""Settling orders that nobody could tell about, and waiting for those that somebody will.

What lists prove is judged in ``recovery``; here they are read at the right moment, and the verdicts written
down. This room changes when uncertain orders are settled in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.open_orders import read_open_orders
from kis_sync.api.domestic_stock.stock_code import is_code
from kis_sync.catalog import Mode
from kis_sync.clock import Clock
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.journal import Journal
from kis_sync.orders.likeness import agrees
from kis_sync.orders.order import Order
from kis_sync.orders.recovery import Evidence, Outcome, Verdict, claimed, settle
from kis_sync.orders.sending import OrderAsker

_FEW_CODES = 5  # up to so many stocks are asked for one by one, more with one reading of the whole day
_LOOK_AGAIN = 1.0  # seconds between two looks at an order
_UNSETTLED = (State.INTENDED, State.SENT, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the uncertain orders: ``settled`` are known now, ``uncertain`` are not, and say why."""

    settled: tuple[Order, ...]
    uncertain: tuple[Order, ...]


class Recoverer:
    """Settles the orders of one account."""

    def __init__(
        self, caller: OrderAsker, journal: Journal, blotter: Blotter, clock: Clock, settling: timedelta
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._blotter = blotter
        self._clock = clock
        self._settling = settling

    def current(self, order: Order) -> Order:
        """An order as it stands now, by what KIS lists; one that was changed stands for its last change.

        Without a number yet it is settled if it can be; what the list does not show is as the journal has it.
        """
        if not order.number:
            if order.client_order_id is not None and order.state is State.UNCERTAIN:
                self.recover(only=order.client_order_id)
            entry = None if order.client_order_id is None else self._journal.find(order.client_order_id)
            if entry is None or not entry.number:
                return order if entry is None else self._blotter.order_of(entry)
            order = self._blotter.order_of(entry)
        day = (order.ordered_at or self._caller.now()).date()
        return self._blotter.order(int(order.number), day) or order

    def wait_for_fill(self, order: Order, timeout: float) -> Order:
        """The order as soon as nothing more can happen to it, or as it stands after ``timeout`` seconds."""
        deadline = self._clock.monotonic() + timeout
        while True:
            order = self.current(order)
            left = deadline - self._clock.monotonic()
            if order.is_done or left <= 0:
                return order
            self._clock.sleep(min(_LOOK_AGAIN, left))

    def uncertain(self) -> tuple[Order, ...]:
        """The orders that nobody can tell about yet, of any day; no call."""
        return tuple(self._blotter.order_of(entry) for entry in self._uncertain(None))

    def recover(self, *, only: str | None = None, wait: bool = False) -> Recovery:
        """Settle the uncertain orders (``only`` the one of that id) by what KIS lists now.

        With ``wait`` the lists are read again until the settling time has shown what they lack, too.
        """
        deadline = self._clock.monotonic() + 2 * self._settling.total_seconds() + 2 * _LOOK_AGAIN
        if self._journal.entries(states=_UNSETTLED):
            self._caller.know_the_time()
        self._journal.adopt(self._caller.now())
        begun = self._uncertain(only)
        verdicts = self._settle(only)
        while wait and verdicts and self._clock.monotonic() < deadline:
            if not any(verdict.outcome is Outcome.MISSING for verdict in verdicts):
                break
            self._clock.sleep(_LOOK_AGAIN)
            verdicts = self._settle(only)
        left = {
            each.entry.id: each for each in verdicts if each.outcome in (Outcome.MISSING, Outcome.UNCERTAIN)
        }
        stand = [self._journal.entry(each.id) for each in begun]
        entries = [each for each in stand if each is not None]
        return Recovery(
            settled=tuple(self._blotter.order_of(each) for each in entries if each.id not in left),
            uncertain=tuple(self._blotter.order_of(each) for each in entries if each.id in left),
        )

    def settle_by_hand(self, client_order_id: str, number: int | None) -> Order:
        """Settle an uncertain order by what the user has seen: its number, or ``None``: it did not run."""
        entry = self._journal.find(client_order_id)
        if entry is None or entry.state is not State.UNCERTAIN:
            state = "unknown" if entry is None else entry.state.value
            raise InvalidRequestError(
                f"only an uncertain order is settled by hand; {client_order_id} is {state}"
            )
        now = self._caller.now()
        if number is None:
            # What KIS's lists can still tell is heard first.
            (found,) = (*self.recover(only=client_order_id).settled, None)[:1]
            if found is not None:
                return found
            closed = self._journal.close(
                entry, State.NOT_EXECUTED, now, reason="settled by hand: it did not run"
            )
            return self._blotter.order_of(closed)
        day = (entry.sent_at or entry.intended_at).date()
        row = next((row for row in get_executions(self._caller, day, day, number=number)), None)
        owner = self._journal.by_number(number, day)
        if owner is not None and (row is None or agrees(row, owner)):
            raise InvalidRequestError(f"order number {number} is that of {owner.client_order_id}")
        if row is not None:
            claimed(entry, row)
        elif self._caller.mode is Mode.LIVE:
            raise InvalidRequestError(f"KIS lists no order {number} on {day}")
        closed = self._journal.close(
            entry,
            State.ACCEPTED,
            max(now, (row and row.ordered_at) or now),
            number=row.written_number if row else str(number),
            branch=row.branch if row else "",
            reason="settled by hand",
        )
        if row is not None:
            self._blotter.note([row], day)
        return self._blotter.order_of(self._journal.find(client_order_id) or closed)

    def _uncertain(self, only: str | None) -> list[Entry]:
        entries = self._journal.entries(states=(State.UNCERTAIN,))
        return [each for each in entries if only in (None, each.client_order_id)]

    def _settle(self, only: str | None) -> list[Verdict]:
        verdicts = []
        for day, entries in _entries_by_day(self._uncertain(only)).items():
            verdicts += self._settle_day(day, entries)
        return verdicts

    def _settle_day(self, day: date, asked: list[Entry]) -> list[Verdict]:
        """Read the day's lists, then judge by the journal as it is after that.

        Whatever a list shows was on its way before, and so in the journal: an order that is still being sent
        is seen there as a claim, and never takes its row from it.
        """
        began = self._clock.monotonic()
        rows = self._rows(day, asked)
        # By the server's clock, which is known after its answer; the machine's may be off by any time.
        read_at = self._caller.now() - timedelta(seconds=self._clock.monotonic() - began)
        self._journal.learn((row.number for row in rows), day)
        same_day = self._journal.entries(day=day)
        ids = {each.id for each in asked}
        uncertain = [each for each in same_day if each.id in ids and each.state is State.UNCERTAIN]
        claiming = [
            each
            for each in same_day
            if each.state is State.SENT or (each.state is State.UNCERTAIN and each.id not in ids)
        ]
        owners = self._journal.owners(
            day
        )  # after the entries: who is accepted meanwhile is seen once, not never
        marks = {each.known_until for each in uncertain + claiming}
        known = {mark: self._journal.known_before(mark, day) for mark in marks}
        evidence = Evidence(
            listed=rows,
            owned=frozenset(),
            owners=owners,
            known={each.id: known[each.known_until] for each in uncertain + claiming},
            read_at=read_at,
            is_complete=self._caller.mode is Mode.LIVE,
            settling=self._settling,
            in_flight=claiming,
        )
        verdicts = settle(uncertain, evidence)
        for verdict in verdicts:
            self._apply(verdict, read_at, day)
        return verdicts

    def _apply(self, verdict: Verdict, at: datetime, day: date) -> None:
        entry, journal = verdict.entry, self._journal
        if verdict.outcome is Outcome.FOUND and verdict.listed is not None:
            row = verdict.listed
            ended_at = max(at, row.ordered_at or at)  # a slow reading shows what came in meanwhile
            journal.close(
                entry,
                State.ACCEPTED,
                ended_at,
                number=row.written_number,
                branch=row.branch,
                reason=verdict.reason,
            )
            self._blotter.note([row], day)
        elif verdict.outcome is Outcome.NOT_EXECUTED:
            journal.close(entry, State.NOT_EXECUTED, at, reason=verdict.reason)
        else:
            if verdict.outcome is Outcome.MISSING:
                journal.mark_missing([entry], at)
            else:
                journal.clear_missing([entry])
            journal.close(entry, State.UNCERTAIN, at, reason=verdict.reason)

    def _rows(self, day: date, entries: Iterable[Entry]) -> tuple[ListedOrder, ...]:
        """The day's orders of the stocks that the entries are about; of all where one does not say."""
        codes = {entry.wish.code for entry in entries}
        if len(codes) > _FEW_CODES or not all(is_code(code) for code in codes):
            codes = {""}
        rows = [row for code in sorted(codes) for row in get_executions(self._caller, day, day, code=code)]
        if self._caller.mode is Mode.LIVE and day == self._caller.now().date():
            rows += read_open_orders(self._caller)  # a second witness; it has only today's
        return tuple(rows)


def _entries_by_day(entries: Iterable[Entry]) -> Mapping[date, list[Entry]]:
    days: dict[date, list[Entry]] = {}
    for entry in entries:
        days.setdefault((entry.sent_at or entry.intended_at).date(), []).append(entry)
    return days
