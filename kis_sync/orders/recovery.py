"""What became of uncertain orders, judged by one reading of KIS's lists. Pure: no clock, no file, no network.

KIS has no key of our own on an order, so that an order is known again by what it asks for and when. Hence
orders of equal intent cannot be told apart, and need not be: they are settled by count. A *look-alike* is an
order of somebody else's, or an unlike one of ours, whose row fits an entry all the same.

Always true, and tested by shuffling, doubling, delaying and dropping rows:

1. The order of rows, and how often one comes, change nothing.
2. No number is given to two entries, and none that the journal owns, that was known before the sending, or
   that an order being sent could still hear.
3. An order that ran and is shown is found. Where look-alikes are too many to say whose it is, it stays
   uncertain, and their numbers are told.
4. Of equal entries as many are found as there are orders for them: the largest set of pairs.
5. None is believed to have run that did not, unless somebody else's look-alike is shown.
6. None whose order is shown is believed not to have run, however that row has changed since, as long as it
   tells stock and side (of a change: its original); and none at all on lists that may lack orders.
7. Without look-alikes, fewer rows turn found into uncertain, never the other way.
8. Without look-alikes, and if orders run while they are waited for, reading again what was lacking at first
   ends as if one reading had shown all.

What no list can tell: somebody else's look-alike within the same minute, while ours did not run, is taken
for ours.

This room changes when another conclusion can be drawn from what KIS lists.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import Action, Entry, State
from kis_sync.orders.likeness import fits, is_about_the_same, is_rejected, newest, resembles
from kis_sync.orders.sharing import Shares, share_out, told

_NO_LIST = "no list is read for this kind of order; look at the account, then say what became of it"
_MAY_LACK = (
    "no listed order is it, but these lists may lack orders that ran, as paper's do; recover again later, or "
    "look at the account and say what became of it"
)

_ALIKE = (
    "could be it, though not quite as sent, and nobody else's here; say whether it is, or that it did not run"
)


class Outcome(str, enum.Enum):
    """What one reading says of an uncertain order."""

    FOUND = "found"  # it ran: it has a number now
    NOT_EXECUTED = "not executed"  # it provably did not run
    MISSING = "missing"  # complete lists lack it, but not yet for the settling time
    UNCERTAIN = "uncertain"  # nobody can tell yet; the reason says what would help


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reading of the orders of a day, and what the journal knew right after it.

    In this order: ``read_at`` is when the reading began; then ``listed`` is read (open and filled orders,
    in any order, twice or not); then everything of the journal in one look, since an order that a list shows
    is by then in the journal, as one that is being sent, is uncertain, or owns its number. Taken earlier, an
    order sent meanwhile would look like nobody's.

    ``owned`` are the order numbers of that day which entries own. ``known`` are, for each entry (by its
    ``id``), the numbers that were known before it was sent. ``is_complete`` says that the lists are live's,
    of the entries' day and stocks, read to the end; paper's lists never are, since they are seen to lack
    orders that ran. ``settling`` is how long lists may lag behind, at least ``SLACK`` outside of tests.
    ``in_flight`` are the entries that claim orders too, but are not judged: those being sent by a living
    sender, and uncertain ones that nobody asks about now.
    """

    listed: Sequence[ListedOrder]
    owned: AbstractSet[int]
    known: Mapping[int, AbstractSet[int]]
    read_at: datetime
    is_complete: bool
    settling: timedelta
    in_flight: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an entry: ``listed`` is its order if it was found; ``reason`` is for a person."""

    entry: Entry
    outcome: Outcome
    listed: ListedOrder | None
    reason: str


def settle(uncertain: Sequence[Entry], evidence: Evidence) -> list[Verdict]:
    """One verdict on each uncertain entry, in the order of their ids.

    *Found.* Entries are paired with the new orders that fit them, as many as can be; of equal ones the
    latest sent are served first, since an earlier one can also own what is listed later. Three things keep
    an order from being given away:

    - There are more orders than entries for them. Then somebody else's is among them and nobody can say
      which, nor whether ours ran: all those entries stay uncertain (a wrong number would let us cancel
      another's order), until the user names the number.
    - An order that is being sent right now could own it. Its sender will hear its number, and a number that
      was given away by count would then be owned twice.
    - Unlike orders of ours compete for too few (all shares and five shares of one order are being cancelled,
      and one cancellation is listed): they are not interchangeable. If there is one for each, all ran.

    *Not executed* needs all of this: complete lists; nothing new in them that resembles the order in the
    least; that they lacked it before (``missing_since``), ``settling`` ago or more; and that it was given up
    twice that long ago, so that both what runs late and what is listed late would have shown by now. Until
    then it is *missing*.
    """
    asked = sorted({entry.id: entry for entry in uncertain}.values(), key=lambda entry: entry.id)
    reading = _Reading.of(asked, evidence)
    return [reading.verdict(entry) for entry in asked]


def state_of(listed: ListedOrder) -> State:
    """Where a listed order stands; a cancellation's record is CANCELLED once it took shares away.

    An order with nothing left that is not filled is CANCELLED, whoever ended it: we, a change that took all
    of it, or the close.
    """
    if is_rejected(listed):
        return State.REFUSED
    if listed.is_cancellation:
        return State.CANCELLED if listed.cancelled or listed.remaining == 0 else State.ACCEPTED
    if listed.filled >= listed.quantity > 0:
        return State.FILLED
    gone = listed.filled + (listed.cancelled or 0) + listed.rejected
    if listed.remaining == 0 or (listed.remaining is None and gone >= listed.quantity):
        return State.CANCELLED
    return State.PARTLY_FILLED if listed.filled else State.ACCEPTED


def claimed(entry: Entry, listed: ListedOrder, owned: Container[int] = ()) -> Verdict:
    """The verdict when a user says that a listed order is the entry's.

    Raises ``InvalidRequestError`` when it cannot be: the number is another entry's, or what was done, stock
    or side differ. Quantity, price and time are the user's to judge.
    """
    number = told([listed.number])
    if listed.number in owned:
        raise InvalidRequestError(f"{number} is that of another order in the journal")
    if entry.wish.action is not Action.OTHER and not is_about_the_same(listed, entry.wish):
        raise InvalidRequestError(
            f"{number} is another stock, side or kind of action than {entry.client_order_id}"
        )
    return Verdict(entry, Outcome.FOUND, listed, f"{number} was named by hand")


@dataclass(frozen=True, slots=True)
class _Reading:
    """The evidence put in order.

    ``rows`` has one row a number. Of those that no entry owns or gets: ``awaited`` fit an order that is
    being sent, ``rejected`` did not run, ``left`` are the rest. ``taken`` is how many shares the listed
    changes and cancellations took from each order.
    """

    evidence: Evidence
    rows: Mapping[int, ListedOrder]
    shares: Shares
    awaited: Mapping[int, ListedOrder]
    rejected: Mapping[int, ListedOrder]
    left: Mapping[int, ListedOrder]
    taken: Mapping[int, int]

    @classmethod
    def of(cls, asked: Sequence[Entry], evidence: Evidence) -> _Reading:
        rows = newest(evidence.listed)
        free = {number: row for number, row in rows.items() if number not in evidence.owned}
        shares = share_out(asked, evidence.in_flight, free, evidence.known)
        for number in shares.given.values():
            del free[number]
        awaited = {number: free.pop(number) for number in shares.awaited}
        rejected = {number: row for number, row in free.items() if is_rejected(row)}
        left = {number: row for number, row in free.items() if number not in rejected}
        taken: Counter[int] = Counter()
        for row in rows.values():
            if row.original is not None and not is_rejected(row):
                taken[row.original] += row.quantity
        return cls(evidence, rows, shares, awaited, rejected, left, taken)

    def verdict(self, entry: Entry) -> Verdict:
        """What became of an entry."""
        number, withheld = self.shares.given.get(entry.id), self.shares.withheld.get(entry.id)
        counted = self.shares.counted.get(entry.id)
        if number is not None:
            outcome, reason = Outcome.FOUND, f"{told([number])} is listed as it was sent"
        elif withheld is not None:
            outcome, reason = Outcome.UNCERTAIN, withheld
        else:
            outcome, reason = self._unlisted(entry)
        listed = None if number is None else self.rows[number]
        return Verdict(entry, outcome, listed, f"{reason} ({counted})" if counted else reason)

    def _unlisted(self, entry: Entry) -> tuple[Outcome, str]:
        """What to say of an entry that gets no order."""
        if entry.wish.action is Action.OTHER:
            return Outcome.UNCERTAIN, _NO_LIST
        if alike := self._alike(entry, self.left):
            return Outcome.UNCERTAIN, f"{told(alike)} {_ALIKE}"
        if entry.wish.action is not Action.NEW and (doubt := self._doubt_of_original(entry)):
            return Outcome.UNCERTAIN, doubt
        rejected = [number for number in self.rejected if fits(self.rejected[number], entry)]
        also = f"; {told(rejected)} looks like it and was rejected" if rejected else ""
        if not self.evidence.is_complete:
            return Outcome.UNCERTAIN, _MAY_LACK + also
        outcome, reason = self._missing(entry)
        return outcome, reason + also

    def _missing(self, entry: Entry) -> tuple[Outcome, str]:
        """What complete lists say that lack an entry: who was missing was uncertain, so given up by then."""
        read_at, settling = self.evidence.read_at, self.evidence.settling
        since = entry.missing_since
        if since is not None and since < (entry.sent_at or entry.intended_at):
            since = None  # from before it was sent again
        first = since or read_at
        given_up = first if entry.ended_at is None else min(first, entry.ended_at)
        due = max(first + settling, given_up + 2 * settling)
        if since is None or read_at < due:
            return (
                Outcome.MISSING,
                f"complete lists lack it; if they still do at {due:%H:%M:%S}, it did not run",
            )
        if awaited := self._alike(entry, self.awaited):
            return Outcome.MISSING, f"complete lists lack it, but {told(awaited)} first has to find its owner"
        return Outcome.NOT_EXECUTED, (
            f"it did not run: complete lists lacked it at {first:%H:%M:%S} and at {read_at:%H:%M:%S}"
        )

    def _alike(self, entry: Entry, rows: Mapping[int, ListedOrder]) -> list[int]:
        """Numbers among ``rows`` that fit nobody to the letter, and may be the entry's all the same.

        What was done to an order that is listed itself, or known, is no sign of another new order.
        """
        known, original = self.evidence.known.get(entry.id, frozenset()), entry.wish.original
        if entry.wish.action is not Action.NEW:
            return [n for n, row in rows.items() if n not in known and row.original == original]
        return [
            number
            for number, row in rows.items()
            if number not in known
            and resembles(row, entry)
            and not (
                row.original in self.rows or row.original in self.evidence.owned or row.original in known
            )
        ]

    def _doubt_of_original(self, entry: Entry) -> str | None:
        """Why a change or cancellation may have run by what is left of the order that it is about."""
        original = entry.wish.original
        if original is None or original not in self.rows:
            return "the order that it is about is not listed, so that the list does not say what became of it"
        row = self.rows[original]
        gone = row.cancelled or 0
        if row.remaining is not None:
            gone = row.quantity - row.filled - row.rejected - row.remaining
        if gone <= self.taken.get(original, 0):
            return None
        over = "" if row.remaining else ", but nothing of it is left in any case"
        return f"more of {told([original])} is gone than the listed changes and cancellations took{over}"
