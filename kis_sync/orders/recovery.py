"""What became of uncertain orders, judged by one reading of KIS's lists. Pure: no clock, no file, no network.

KIS has no key of our own on an order, so that an order is known again by what it asks for and when. Hence
orders of equal intent cannot be told apart, and need not be: they are settled by count. A *look-alike* is an
order of somebody else's, or an unlike one of ours, whose row fits an entry all the same.

Always true, and tested by shuffling, doubling, delaying and dropping rows:

1. The order of rows, and how often one comes, change nothing.
2. No order is given to two entries, and none that an entry in the journal owns, that was known before the
   sending, or whose number an order being sent could still hear.
3. An order that ran and is shown is found. Where look-alikes are too many to say whose it is, it stays
   uncertain, and their numbers are told.
4. Of equal entries as many are found as there are orders for them: the largest set of pairs.
5. None is believed to have run that did not, unless somebody else's look-alike is shown.
6. None whose order is shown is believed not to have run, however that row has changed since, as long as it
   tells stock and side (of a change: its original); and none at all on lists that may lack orders.
7. Without look-alikes, fewer rows turn found into uncertain, never the other way.
8. Without look-alikes, and if orders run while they are waited for, reading again what was lacking at first
   ends as if one reading had shown all.

An order number says little by itself: KIS numbers by day and branch, nobody documents whether an account sees
two branches, and a server can begin its numbers anew on the same day. So a number that is owned explains one
row that is like its owner's order and of his time, and one that was known before explains what was ordered
before; whatever else has that number is judged like any other.

What no list can tell: somebody else's look-alike within the same minute, while ours did not run, is taken
for ours. And where an account sees two branches, an order of ours whose number was known before, from the
other branch and the same seconds, is left to one of ours that is not unlike it.

This room changes when another conclusion can be drawn from what KIS lists.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import Action, Entry, State, Wish
from kis_sync.orders.likeness import (
    came_before,
    fits,
    is_about_the_same,
    is_of_stock,
    is_rejected,
    newest,
    resembles,
    stock_of,
)
from kis_sync.orders.sharing import Shares, explained, share_out, told

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

    ``owners`` are the entries of that day that own order numbers, by these; ``owned`` are numbers that are
    owned by whom nobody says: all rows of them are. ``known`` are, for each entry (by its ``id``), the
    numbers that were known before it was sent. ``is_complete`` says that the lists are live's,
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
    owners: Mapping[int, Sequence[Entry]] = field(default_factory=dict)


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
    number = told([listed])
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

    ``rows`` has one row an order; orders are named by their places in it, and ``of_number`` has those of one
    number. Of those that no entry owns or gets: ``awaited`` fit an order that is being sent, ``rejected`` did
    not run, ``left`` are the rest.
    """

    evidence: Evidence
    rows: Mapping[int, ListedOrder]
    of_number: Mapping[int, Sequence[ListedOrder]]
    shares: Shares
    awaited: Mapping[int, ListedOrder]
    rejected: Mapping[int, ListedOrder]
    left: Mapping[int, ListedOrder]

    @classmethod
    def of(cls, asked: Sequence[Entry], evidence: Evidence) -> _Reading:
        rows = dict(enumerate(newest(evidence.listed)))
        of_number = defaultdict(list)
        for row in rows.values():
            of_number[row.number].append(row)
        others = explained(rows, evidence.owned, evidence.owners)
        free = {place: row for place, row in rows.items() if place not in others}
        unclear = {
            entry.id
            for entry in (*asked, *evidence.in_flight)
            if entry.state is State.UNCERTAIN and len(_originals(entry.wish, of_number)) > 1
        }
        shares = share_out(asked, evidence.in_flight, free, evidence.known, unclear)
        for place in shares.given.values():
            del free[place]
        awaited = {place: free.pop(place) for place in shares.awaited}
        rejected = {place: row for place, row in free.items() if is_rejected(row)}
        left = {place: row for place, row in free.items() if place not in rejected}
        return cls(evidence, rows, of_number, shares, awaited, rejected, left)

    def verdict(self, entry: Entry) -> Verdict:
        """What became of an entry."""
        place, withheld = self.shares.given.get(entry.id), self.shares.withheld.get(entry.id)
        counted = self.shares.counted.get(entry.id)
        listed = None if place is None else self.rows[place]
        if listed is not None:
            outcome, reason = Outcome.FOUND, f"{told([listed])} is listed as it was sent"
        elif withheld is not None:
            outcome, reason = Outcome.UNCERTAIN, withheld
        else:
            outcome, reason = self._unlisted(entry)
        return Verdict(entry, outcome, listed, f"{reason} ({counted})" if counted else reason)

    def _unlisted(self, entry: Entry) -> tuple[Outcome, str]:
        """What to say of an entry that gets no order."""
        if entry.wish.action is Action.OTHER:
            return Outcome.UNCERTAIN, _NO_LIST
        if alike := self._alike(entry, self.left):
            return Outcome.UNCERTAIN, f"{told(alike)} {_ALIKE}"
        if entry.wish.action is not Action.NEW and (doubt := self._doubt_of_original(entry)):
            return Outcome.UNCERTAIN, doubt
        rejected = [row for row in self.rejected.values() if fits(row, entry)]
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

    def _alike(self, entry: Entry, rows: Mapping[int, ListedOrder]) -> list[ListedOrder]:
        """What of ``rows`` fits nobody to the letter, and may be the entry's all the same.

        A number that was known before the sending only speaks against a row that was ordered before it.
        """
        known, wish = self.evidence.known.get(entry.id, frozenset()), entry.wish
        new = [row for row in rows.values() if row.number not in known or not came_before(row, entry)]
        if wish.action is not Action.NEW:
            return [row for row in new if row.original == wish.original]
        return [row for row in new if resembles(row, entry) and not self._is_of_another(row, known)]

    def _is_of_another(self, row: ListedOrder, known: AbstractSet[int]) -> bool:
        """Whether it is what was done to an order that is listed itself, owned or was known.

        That is no sign of another new order.
        """
        number = row.original
        if number is None:
            return False
        owners = self.evidence.owners.get(number)
        if number in known or (owners is None and number in self.evidence.owned):
            return True
        return any(stock_of(each) == stock_of(row) for each in self.of_number.get(number, ())) or any(
            is_of_stock(row, owner.wish) for owner in owners or ()
        )

    def _doubt_of_original(self, entry: Entry) -> str | None:
        """Why a change or cancellation may have run by what is left of the order that it is about."""
        found = _originals(entry.wish, self.of_number)
        if not found:
            return "the order that it is about is not listed, so that the list does not say what became of it"
        if len(found) > 1:
            return f"{told(found)} could be the order that it is about"
        (row,) = found
        gone = row.cancelled or 0
        if row.remaining is not None:
            gone = row.quantity - row.filled - row.rejected - row.remaining
        if gone <= self._taken(row):
            return None
        over = "" if row.remaining else ", but nothing of it is left in any case"
        return f"more of {told(found)} is gone than the listed changes and cancellations took{over}"

    def _taken(self, original: ListedOrder) -> int:
        """How many shares the listed changes and cancellations took from an order, surely from that one."""
        return sum(
            row.quantity
            for row in self.rows.values()
            if row.original == original.number
            and stock_of(row) == stock_of(original)
            and (row.branch == original.branch or not (row.branch and original.branch))
            and not is_rejected(row)
        )


def _originals(wish: Wish, of_number: Mapping[int, Sequence[ListedOrder]]) -> list[ListedOrder]:
    """The listed orders that a change or cancellation can be about."""
    number = wish.original
    return [] if number is None else [row for row in of_number.get(number, ()) if is_of_stock(row, wish)]
