"""The audit: what was wished, what the journal says of it, and what the exchange's own ledger has.

Pure: rows in, report out. The ledger is the truth; the plan says how often each thing may stand in it; the
journal must say the same of every order. Orders that ask for the same are told apart by count only: twins
are interchangeable. This room changes when another kind of damage is to be found.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from kis_sync.orders.entry import Action, Entry, State
from tests.benchmarks.order_plan import Key, PlannedOrder

_RAN = frozenset({State.ACCEPTED, State.PARTLY_FILLED, State.FILLED, State.CANCELLED})
_OPEN = frozenset({State.INTENDED, State.SENT, State.UNCERTAIN})
_ROUNDING = Decimal("0.0001")  # won; the lists tell an average price to four places


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One order as the exchange has it: shares and won; ``original`` is 0 for a new order."""

    number: int
    original: int
    side: str
    code: str
    kind: str
    quantity: int
    price: int | None
    exchange: str
    filled: int
    filled_value: int
    remaining: int
    rejected: int
    is_cancellation: bool

    @property
    def group(self) -> Group:
        """With which others it is interchangeable."""
        if self.original:
            return Group("cancel" if self.is_cancellation else "change", self.original)
        return Group("new", Key(self.side, self.code, self.quantity, self.kind, self.price))

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.is_cancellation:
            return State.CANCELLED
        if self.rejected:
            return State.REFUSED
        if self.remaining:
            return State.PARTLY_FILLED if self.filled else State.ACCEPTED
        return State.FILLED if self.filled == self.quantity else State.CANCELLED


class Group(NamedTuple):
    """Orders that nobody could tell apart: new ones that ask for the same, changes of the same order."""

    action: str
    of: Key | int | None


class Finding(NamedTuple):
    """One finding in words, and the journal's entries that it is about."""

    text: str
    entries: tuple[Entry, ...]


@dataclass
class Report:
    """What the audit found. ``damage`` must be all zeros; ``told`` has each, and what stays uncertain."""

    wishes: int = 0
    twins: int = 0
    executed: int = 0
    changes: int = 0
    cancellations: int = 0
    refused: int = 0
    not_executed: int = 0
    damage: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    told: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing that must be 0 is not."""
        return not any(self.damage.values())

    def count(self, damage: str, times: int, about: str, *entries: Entry) -> None:
        """Note a damage that was found so many times, and in which entries."""
        if times > 0:
            self.damage[damage] += times
            self.told.append(Finding(f"{damage} ({times}): {about}", entries))


DOUBLED = "orders doubled"
LOST = "orders lost"
WRONG = "wrong state"
BELIEVED = "believed not executed but executed"
LEFT = "left uncertain although the lists show them"
UNDONE = "wishes without an outcome"
DAMAGES = (DOUBLED, LOST, WRONG, BELIEVED, LEFT, UNDONE)

DONE, REFUSED = "done", "refused"


def audit(
    plan: Iterable[PlannedOrder],
    outcomes: Mapping[str, str],
    entries: Iterable[Entry],
    rows: Iterable[LedgerRow],
    before: Iterable[LedgerRow] = (),
) -> Report:
    """Compare plan, journal and ledger.

    ``outcomes`` is what the workers were told of each wish: ``done``, ``refused ...``, or anything else for
    one that is still open. ``before`` is the ledger as it was just before the journal last looked: an order
    that filled since may stand in the journal as it stood at any time between.
    """
    books = _Books(list(plan), list(entries), list(rows), {row.number: row for row in before})
    report = Report(damage=Counter(dict.fromkeys(DAMAGES, 0)))
    report.wishes = len(books.plan)
    report.twins = sum(bool(wish.twin_of) for wish in books.plan)
    for row in books.rows:
        report.executed += not row.original
        report.changes += bool(row.original) and not row.is_cancellation
        report.cancellations += row.is_cancellation
    for entry in books.entries:
        report.refused += entry.state is State.REFUSED
        report.not_executed += entry.state is State.NOT_EXECUTED
    _count_wishes(books, outcomes, report)
    _count_states(books, report)
    _count_groups(books, report)
    return report


class _Books:
    """The three books, laid open side by side."""

    def __init__(
        self,
        plan: list[PlannedOrder],
        entries: list[Entry],
        rows: list[LedgerRow],
        before: dict[int, LedgerRow],
    ) -> None:
        self.plan, self.entries, self.rows, self.before = plan, entries, rows, before
        self.by_number = {row.number: row for row in rows}
        self.by_id: dict[str, list[Entry]] = defaultdict(list)
        self.owners: dict[int, list[Entry]] = defaultdict(list)
        for entry in entries:
            self.by_id[entry.client_order_id].append(entry)
            if entry.number:
                self.owners[int(entry.number)].append(entry)


def _count_wishes(books: _Books, outcomes: Mapping[str, str], report: Report) -> None:
    """Every wish must have ended, and what its worker believes done must stand in the journal as it was."""
    for wish in books.plan:
        outcome, entries = outcomes.get(wish.client_order_id, ""), books.by_id[wish.client_order_id]
        alive = [entry for entry in entries if not entry.state.frees_its_id]
        told = f"{wish} was told as {outcome or 'nothing'!r}"
        if outcome.startswith(REFUSED):
            report.count(WRONG, len(alive), f"{told}, and lives", *entries)
        elif not alive:
            report.count(LOST if outcome == DONE else UNDONE, 1, f"{told}, and nothing lives", *entries)
        for entry in entries:
            other = group_of(entry) != Group("new", wish.key)
            report.count(WRONG, int(other), f"not what was wished: {wish}", entry)


def _count_states(books: _Books, report: Report) -> None:
    """Every entry must say of its order what the ledger says."""
    for entry in books.entries:
        fault = None
        if entry.number:
            fault = _fault(entry, books)
        elif entry.state in _RAN:
            fault = "it ran, and has no number"
        if fault:
            row = books.by_number.get(int(entry.number)) if entry.number else None
            report.count(WRONG, 1, f"{fault}; the ledger has {row}", entry)


def _fault(entry: Entry, books: _Books) -> str | None:
    """What is wrong in an entry that names an order, ``None`` when nothing is."""
    row = books.by_number.get(int(entry.number))
    if row is None:
        return "the ledger has no such order"
    if row.group != group_of(entry):
        return "the order of that number is another"
    if books.owners[row.number][0] is not entry:
        return "the order of that number has an owner already"
    then = books.before.get(row.number, row)
    if entry.state not in _states_between(then, row):
        return f"the state should be {row.state.value}"
    if entry.wish.action is Action.CANCEL:
        return None
    if not then.filled <= entry.filled <= row.filled:
        return "the filled shares are wrong"
    if entry.filled and entry.filled in (then.filled, row.filled):
        known = row if entry.filled == row.filled else then
        exact = Decimal(known.filled_value) / known.filled
        if entry.average_price is None or abs(entry.average_price - exact) > _ROUNDING:
            return f"the average price should be {exact:.4f}"
    return None


def _states_between(then: LedgerRow, now: LedgerRow) -> set[State]:
    """The states that an order had while the journal looked, or may have gone through."""
    if now.is_cancellation:  # a cancellation is over as soon as it is taken, by whichever name
        return {State.ACCEPTED, State.CANCELLED, State.FILLED}
    moved = {State.PARTLY_FILLED} if then.filled < now.filled else set()
    return {then.state, now.state} | moved


def _count_groups(books: _Books, report: Report) -> None:
    """Orders that nobody owns are counted against what the journal still has open, denies, or never had."""
    wished = Counter(Group("new", wish.key) for wish in books.plan)
    rows: dict[Group, list[LedgerRow]] = defaultdict(list)
    entries: dict[Group, list[Entry]] = defaultdict(list)
    for row in books.rows:
        rows[row.group].append(row)
    for entry in books.entries:
        entries[group_of(entry)].append(entry)
    for group in sorted(rows.keys() | entries.keys(), key=repr):
        mine, here = rows.get(group, []), entries.get(group, [])
        owned = [entry for entry in here if entry.number and int(entry.number) in books.by_number]
        free = [row for row in mine if row.number not in books.owners]
        about = f"{group.action} {group.of}: the ledger has {mine}"
        wanted = wished[group] if group.action == "new" else len(here)
        report.count(DOUBLED, _doubled(len(mine), wanted, owned), about, *here)
        still_open = [entry for entry in here if entry.state in _OPEN and not entry.number]
        denied = [entry for entry in here if entry.state.frees_its_id and not entry.number]
        left = min(len(free), len(still_open))
        believed = min(len(free) - left, len(denied))
        report.count(LEFT, left, about, *here)
        report.count(BELIEVED, believed, about, *here)
        report.count(LOST, len(free) - left - believed, about, *here)
        _count_open(
            still_open[left:], [row for row in books.rows if group.of in (row.number, row.original)], report
        )


def _doubled(there: int, wanted: int, owned: list[Entry]) -> int:
    """How many orders are there beyond what was wanted, in all or under one id."""
    ids = Counter(entry.client_order_id for entry in owned)
    return max(0, there - wanted, sum(times - 1 for times in ids.values()))


def _count_open(entries: Iterable[Entry], about: list[LedgerRow], report: Report) -> None:
    """What has no order in the ledger and is still open: uncertain by right, or forgotten."""
    for entry in entries:
        if entry.state is State.UNCERTAIN:
            report.uncertain[re.sub(r"\d[\d:.,+-]*", "N", entry.reason) or "no reason given"] += 1
            report.told.append(Finding(f"uncertain by right; the ledger has {about}", (entry,)))
        else:
            report.count(WRONG, 1, "it was forgotten", entry)


def group_of(entry: Entry) -> Group:
    """With which others the order of an entry is interchangeable."""
    wish = entry.wish
    if wish.action in (Action.CHANGE, Action.CANCEL):
        return Group(wish.action.value, wish.original)
    side = wish.side.value if wish.side else ""
    return Group("new", Key(side, wish.code, wish.quantity or 0, wish.kind_code, wish.price))
