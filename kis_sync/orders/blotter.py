"""The blotter: reads what KIS lists of the orders, and brings the journal up to date by it.

This room changes when KIS's lists are to be read in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.open_orders import read_open_orders
from kis_sync.catalog import Mode
from kis_sync.orders.entry import Action, Entry, State
from kis_sync.orders.journal import Journal
from kis_sync.orders.likeness import agrees, row_of
from kis_sync.orders.order import Order
from kis_sync.orders.recovery import state_of

_OPEN = (State.ACCEPTED, State.PARTLY_FILLED)


class Blotter:
    """Follows the orders of one account: KIS's lists on one side, the journal on the other."""

    def __init__(self, caller: Asker, journal: Journal) -> None:
        self._caller = caller
        self._journal = journal

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
            self.note(listed, day)
        return rows

    def order(self, number: int, day: date) -> Order | None:
        """The order that stands for a number now, as KIS lists it; ``None`` when nobody knows it."""
        entry = self._journal.by_number(number, day)
        # By stock where it is known: older logs show paper's numbers unpadded, which a filter may not match.
        code = "" if entry is None else entry.wish.code
        rows = self.executions(day, day, code=code) if code else self.executions(day, day, number=number)
        entry = self._journal.by_number(number, day)
        if entry is not None:
            living = self.living(entry, day)
            row = row_of(
                living, [each for each in rows if living.number and each.number == int(living.number)]
            )
            return self.order_of(living, raw=None if row is None else row.raw)
        row = _row_of(number, rows)
        return None if row is None else Order.listed(row)

    def order_of(self, entry: Entry, *, raw: Mapping[str, object] | None = None) -> Order:
        """The order of a journal entry, with the numbers of the orders that it changed."""
        return Order.journalled(entry, chain=self._chain(entry), raw=raw)

    def seen(self, order: Order, rows: Iterable[ListedOrder]) -> Order:
        """An order with what rows that were just read say of it; as it was when they do not show it."""
        row = _row_of(int(order.number), rows) if order.number else None
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
            self.note(rows, now.date())
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

    # -- the journal's side ------------------------------------------------------------------------

    def _day(self, row: ListedOrder) -> date:
        return (row.ordered_at or self._caller.now()).date()

    def _known(self, row: ListedOrder, day: date) -> Order:
        entry = self._entry_of(row, day)
        return Order.listed(row) if entry is None else self.order_of(entry, raw=row.raw)

    def note(self, rows: Sequence[ListedOrder], day: date) -> None:
        """Take into the journal what rows say of orders of ours; of any, that its number is taken."""
        self._journal.learn([row.number for row in rows], day)
        for same in _by_number(rows).values():
            entries = {entry.id: entry for row in same if (entry := self._entry_of(row, day)) is not None}
            for entry in entries.values():
                row = row_of(entry, same)  # of several orders with its number the one that looks most like it
                if row is not None and entry.wish.action in (Action.NEW, Action.CHANGE):
                    self._note_one(entry, row)

    def _note_one(self, entry: Entry, row: ListedOrder) -> None:
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

    def _entry_of(self, row: ListedOrder, day: date) -> Entry | None:
        """The entry that a row is about; none for another order that happens to have its number."""
        entry = self._journal.by_number(row.number, day, branch=row.branch, code=row.code, side=row.side)
        return entry if entry is not None and agrees(row, entry) else None

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
        took_all = (each for each in changes if each.number and each.wish.quantity is None)
        return next((each for each in took_all if not each.state.frees_its_id), None)


def _by_day(rows: Iterable[ListedOrder], today: date) -> Mapping[date, list[ListedOrder]]:
    days: dict[date, list[ListedOrder]] = {}
    for row in rows:
        days.setdefault(row.ordered_at.date() if row.ordered_at else today, []).append(row)
    return days


def _row_of(number: int, rows: Iterable[ListedOrder]) -> ListedOrder | None:
    return next((row for row in rows if row.number == number), None)


def _by_number(rows: Iterable[ListedOrder]) -> Mapping[int, list[ListedOrder]]:
    numbers: dict[int, list[ListedOrder]] = {}
    for row in rows:
        numbers.setdefault(row.number, []).append(row)
    return numbers
