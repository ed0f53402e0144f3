"""The blotter: reads what KIS lists of the orders, and brings the journal up to date by it.

This room changes when KIS's lists are to be read in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.open_orders import read_open_orders
from kis_sync.catalog import Mode
from kis_sync.clock import Clock
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import Action, Entry, State
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order
from kis_sync.orders.recovery import Evidence, Outcome, Verdict, claimed, settle, state_of
from kis_sync.orders.sending import OrderAsker

_FEW_CODES = 5  # up to so many stocks are asked for one by one, more with one reading of the whole day
_LOOK_AGAIN = 1.0  # seconds between two looks at an order
_OPEN = (State.ACCEPTED, State.PARTLY_FILLED)
_UNSETTLED = (State.INTENDED, State.SENT, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the uncertain orders: ``settled`` are known now, ``uncertain`` are not, and say why."""

    settled: tuple[Order, ...]
    uncertain: tuple[Order, ...]


class Blotter:
    """Follows the orders of one account: KIS's lists on one side, the journal on the other."""

    def __init__(self, caller: OrderAsker, journal: Journal, clock: Clock, settling: timedelta) -> None:
        self._caller = caller
        self._journal = journal
        self._clock = clock
        self._settling = settling

    # -- reading -----------------------------------------------------------------------------------

    def orders(self, day: date | None = None) -> tuple[Order, ...]:
        """Every order that left from here on a day (default: today), as the journal has it; no call."""
        wanted = self._caller.now().date() if day is None else day
        return tuple(self.order_of(entry) for entry in self._journal.entries(day=wanted))

    def executions(self, start: date | None, end: date | None, **wanted: object) -> tuple[ListedOrder, ...]:
        """KIS's list of orders of a range of days, newest first; the journal takes note of it."""
        rows = get_executions(self._caller, start, end, **wanted)  # type: ignore[arg-type]
        today = self._caller.now().date()
        for day, listed in _by_day(rows, today).items():
            self._note(listed, day)
        return rows

    def order(self, number: int, day: date) -> Order | None:
        """An order by its number, with what KIS lists of it now; ``None`` when nobody knows it."""
        entry = self._journal.by_number(number, day)
        # By stock where it is known: older logs show paper's numbers unpadded, which a filter may not match.
        code = "" if entry is None else entry.wish.code
        rows = self.executions(day, day, code=code) if code else self.executions(day, day, number=number)
        row = next((row for row in rows if row.number == number), None)
        entry = self._journal.by_number(number, day)
        if entry is not None:
            return self.order_of(entry, row)
        return None if row is None else Order.listed(row)

    def order_of(self, entry: Entry, row: ListedOrder | None = None) -> Order:
        """The order of a journal entry, with the numbers of the orders that it changed."""
        chain = self._chain(entry)
        if row is None:
            return Order.journalled(entry, chain=chain)
        return Order.journalled(entry, chain=chain, raw=row.raw)

    def seen(self, order: Order, rows: Iterable[ListedOrder]) -> Order:
        """An order with what rows that were just read say of it; as it was when they do not show it."""
        row = next((row for row in rows if order.number and row.number == int(order.number)), None)
        return order if row is None else self._known(row, self._day(row))

    def pending(self, code: str = "") -> tuple[Order, ...]:
        """The orders that can still fill, newest first.

        On live from KIS's list of open orders. Paper has no such list: there the day's executions say what
        is left, and what they do not show although KIS accepted it is taken from the journal
        (``Order.source`` tells which), since paper's lists are known to lack orders.
        """
        now = self._caller.now()
        if self._caller.mode is Mode.LIVE:
            rows = [row for row in read_open_orders(self._caller) if row.remaining]
            self._note(rows, now.date())
        else:
            rows = list(self.executions(now.date(), now.date()))
        shown = {row.number for row in rows}
        found = [self._known(row, now.date()) for row in rows if row.remaining and not row.is_cancellation]
        if self._caller.mode is Mode.PAPER:
            found += [
                self.order_of(entry)
                for entry in reversed(self._journal.entries(day=now.date(), states=_OPEN))
                if entry.wish.action in (Action.NEW, Action.CHANGE)
                and entry.number
                and int(entry.number) not in shown
                and self._successor(entry, now.date()) is None
            ]
        return tuple(order for order in found if code in ("", order.code))

    def wait_for_fill(self, number: int, day: date, timeout: float) -> Order | None:
        """The order as soon as nothing more can happen to it, or as it stands after ``timeout`` seconds."""
        deadline = self._clock.monotonic() + timeout
        while True:
            order = self.order(number, day)
            left = deadline - self._clock.monotonic()
            if order is None or order.is_done or left <= 0:
                return order
            self._clock.sleep(min(_LOOK_AGAIN, left))

    def living(self, entry: Entry, day: date, until: int | None = None) -> Entry:
        """The entry that stands for an order now: itself, or the last that a change of all of it made.

        With ``until`` no further than the order of that number.
        """
        passed = {entry.id}
        while (later := self._successor(entry, day)) is not None and until != int(entry.number):
            # A cancellation's number is that of a record, and a receipt that repeats one leads in a circle.
            if later.wish.action is Action.CANCEL or later.id in passed:
                return entry
            passed.add(later.id)
            entry = later
        return entry

    # -- settling what is uncertain ----------------------------------------------------------------

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
            settled=tuple(self.order_of(each) for each in entries if each.id not in left),
            uncertain=tuple(self.order_of(each) for each in entries if each.id in left),
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
            closed = self._journal.close(
                entry, State.NOT_EXECUTED, now, reason="settled by hand: it did not run"
            )
            return self.order_of(closed)
        day = (entry.sent_at or entry.intended_at).date()
        owner = self._journal.by_number(number, day)
        if owner is not None:
            raise InvalidRequestError(f"order number {number} is that of {owner.client_order_id}")
        row = next((row for row in get_executions(self._caller, day, day, number=number)), None)
        if row is not None:
            claimed(entry, row)
        closed = self._journal.close(
            entry,
            State.ACCEPTED,
            now,
            number=row.written_number if row else str(number),
            branch=row.branch if row else "",
            reason="settled by hand",
        )
        if row is not None:
            self._note([row], day)
        return self.order_of(self._journal.find(client_order_id) or closed)

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
        marks = {each.known_until for each in uncertain + claiming}
        known = {mark: self._journal.known_before(mark, day) for mark in marks}
        evidence = Evidence(
            listed=rows,
            owned=self._journal.owned(day),
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
            journal.close(
                entry, State.ACCEPTED, at, number=row.written_number, branch=row.branch, reason=verdict.reason
            )
            self._note([row], day)
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
        if "" in codes or len(codes) > _FEW_CODES:
            codes = {""}
        rows = [row for code in sorted(codes) for row in get_executions(self._caller, day, day, code=code)]
        if self._caller.mode is Mode.LIVE and day == self._caller.now().date():
            rows += read_open_orders(self._caller)  # a second witness; it has only today's
        return tuple(rows)

    # -- the journal's side ------------------------------------------------------------------------

    def _day(self, row: ListedOrder) -> date:
        return (row.ordered_at or self._caller.now()).date()

    def _known(self, row: ListedOrder, day: date) -> Order:
        entry = self._journal.by_number(row.number, day)
        return Order.listed(row) if entry is None else self.order_of(entry, row)

    def _note(self, rows: Sequence[ListedOrder], day: date) -> None:
        """Take into the journal what rows say of orders of ours; of any, that its number is taken."""
        self._journal.learn([row.number for row in rows], day)
        for row in rows:
            entry = self._journal.by_number(row.number, day)
            if entry is None or entry.wish.action not in (Action.NEW, Action.CHANGE):
                continue
            state = state_of(row)
            if (row.filled, row.remaining, state) != (entry.filled, entry.remaining, entry.state):
                self._journal.note(
                    entry,
                    self._caller.now(),
                    state=state,
                    filled=row.filled,
                    average_price=row.average_price,
                    remaining=row.remaining,
                )

    def _chain(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of the orders before this one, the first of all at the front."""
        day, numbers = (entry.sent_at or entry.intended_at).date(), []
        original = entry.wish.original
        while original is not None and original not in numbers:
            numbers.append(original)
            before = self._journal.by_number(original, day)
            original = before.wish.original if before else None
        return tuple(reversed(numbers))

    def _successor(self, entry: Entry, day: date) -> Entry | None:
        """The order that a change of all that was left made of this one."""
        if not entry.number:
            return None
        changes = self._journal.changes_of(int(entry.number), day)
        return next((each for each in changes if each.number and each.wish.quantity is None), None)


def _entries_by_day(entries: Iterable[Entry]) -> Mapping[date, list[Entry]]:
    days: dict[date, list[Entry]] = {}
    for entry in entries:
        days.setdefault((entry.sent_at or entry.intended_at).date(), []).append(entry)
    return days


def _by_day(rows: Iterable[ListedOrder], today: date) -> Mapping[date, list[ListedOrder]]:
    days: dict[date, list[ListedOrder]] = {}
    for row in rows:
        days.setdefault(row.ordered_at.date() if row.ordered_at else today, []).append(row)
    return days
