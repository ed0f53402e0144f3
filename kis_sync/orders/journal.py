"""The journal: what is to be sent is on the disk before it leaves, and what became of it after.

One file for each account and server. One living entry for each client order id, whoever asks: threads,
processes, and those that come after a crash. This room changes when something else is kept of orders.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from sqlite3 import Connection

from kis_sync.clock import Clock
from kis_sync.errors import InvalidRequestError, JournalError, Reach
from kis_sync.orders import progress
from kis_sync.orders.account_files import account_file
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.journal_file import JournalFile
from kis_sync.orders.journal_lookup import JournalLookup
from kis_sync.orders.journal_rows import (
    IN_SERIES,
    LIVING,
    MOST,
    insert,
    is_in_series,
    korean,
    places,
    select,
    update,
    worth_of,
)
from kis_sync.orders.likeness import SKEW, same_stock, side_of
from kis_sync.orders.ownership import Ownership
from kis_sync.orders.progress import SENDING, number_value

_NOT_SENT = "the order was not sent"
_NOT_KEPT = "what became of the order could not be written down"
_NOT_NOTED = "what KIS lists of an order could not be written down"
_NOT_LEARNT = "the order numbers that KIS lists could not be written down"
_NOT_ADOPTED = "the orders that a sender left behind could not be settled"
_NOT_MARKED = "which orders KIS's lists lack could not be written down"
_POLL_SECONDS = 0.05
_LONGEST_ID = 200


class Journal(JournalLookup):
    """The orders of one account on one server; ``None`` as folder: in memory, for this process only.

    ``longest_sending`` seconds after it left, an order without an outcome counts as abandoned though its
    process lives: longer than any time-out, it is for a sender that was stopped in a way nobody noticed.
    Every method raises ``JournalError`` when the file cannot be used. Times must be aware.
    """

    def __init__(
        self,
        folder: Path | None,
        server: str,
        account_no: str,
        clock: Clock,
        *,
        busy_seconds: float = 5.0,
        longest_sending: float = 900.0,
    ) -> None:
        account = account_no.replace("-", "").strip()
        stem = account_file(Path(), "orders", server, account).name
        self._clock = clock
        self._longest = timedelta(seconds=longest_sending)
        super().__init__(JournalFile(None if folder is None else folder / f"{stem}.sqlite3", busy_seconds))
        self._ownership = Ownership(folder, stem)
        self._given_up: set[int] = set()  # entries of ours whose next state could not be written
        self._finalizer = weakref.finalize(self, _shut, self._file, self._ownership)

    def open(
        self, client_order_id: str | None, wish: Wish, at: datetime, *, most_won_a_day: int | None = None
    ) -> tuple[Entry, bool]:
        """A new entry, on the disk when it comes back, and ``True``; or the id's living one and ``False``.

        ``None``: an id is made. ``InvalidRequestError``, and nothing is written, when the id stands for
        another wish, or when the day's living entries and this one are worth more than ``most_won_a_day``.
        """
        name = uuid.uuid4().hex if client_order_id is None else _checked_id(client_order_id)
        if not 0 <= wish.amount <= MOST:
            raise InvalidRequestError(f"{_NOT_SENT}: it cannot be worth {wish.amount:,} won")
        new = Entry(0, name, wish, State.INTENDED, "", korean(at))
        try:
            with self._file.transaction(_NOT_SENT) as connection:
                living = select(connection, f"WHERE client_order_id = ? AND {LIVING}", name)
                if living:
                    _check_same(living[0], wish)
                    return living[0], False
                if most_won_a_day is not None:
                    _check_day(connection, korean(at).date(), wish.amount, most_won_a_day)
                new = replace(new, owner=self._ownership.mine())
                new = replace(new, id=insert(connection, new))
        except BaseException:  # Ctrl-C while it was synced: it may stand there, and nobody will send it
            self._given_up.add(new.id)
            raise
        return new, True

    def leaving(self, entry: Entry, at: datetime) -> Entry:
        """Note that the bytes leave, just before they do, and before each repeat; if it fails, none may."""

        def leave(connection: Connection, stands: Entry) -> Entry:
            if stands.owner != self._ownership.mine():
                raise ValueError("its entry is another process's")
            return progress.leaving(stands, korean(at), _mark(connection))

        return self._change(entry, at, leave, _NOT_SENT, Reach.NOT_EXECUTED)

    def close(
        self,
        entry: Entry,
        state: State,
        at: datetime,
        *,
        number: str = "",
        branch: str = "",
        reason: str = "",
    ) -> Entry:
        """Note the outcome of the sending, as KIS answered it or as lists settled an uncertain one later.

        An entry that was settled meanwhile keeps what is further on. No order number settles two entries:
        one that another owns leaves an uncertain entry as it is, unless that one is of another stock or
        side, or had ended before this one was sent: then the number was given out twice. ``JournalError``
        when the outcome contradicts what stands there.
        """

        def conclude(connection: Connection, stands: Entry) -> Entry:
            is_taken = _is_taken(connection, stands, number)
            return progress.concluded(stands, state, korean(at), number, branch, reason, is_taken=is_taken)

        return self._change(entry, at, conclude, _NOT_KEPT, Reach.MAYBE_EXECUTED)

    def note(
        self,
        entry: Entry,
        at: datetime,
        *,
        state: State | None = None,
        filled: int | None = None,
        average_price: Decimal | None = None,
        remaining: int | None = None,
        number: str = "",
        branch: str = "",
        reason: str = "",
    ) -> Entry:
        """Note what lists showed. What is behind the entry changes nothing: states and shares never go back.

        ``JournalError`` for another order number than the entry's.
        """

        def report(_: Connection, stands: Entry) -> Entry:
            return progress.reported(
                stands,
                korean(at),
                state=state,
                filled=filled,
                average_price=average_price,
                remaining=remaining,
                number=number,
                branch=branch,
                reason=reason,
            )

        return self._change(entry, at, report, _NOT_NOTED, Reach.NOT_EXECUTED)

    def mark_missing(self, entries: Iterable[Entry], at: datetime) -> list[Entry]:
        """Note when complete lists were first seen to lack them; an earlier moment of this sending stays."""
        return self._set_missing(entries, korean(at))

    def clear_missing(self, entries: Iterable[Entry]) -> list[Entry]:
        """Forget that lists lacked them."""
        return self._set_missing(entries, None)

    def adopt(self, at: datetime) -> list[Entry]:
        """Settle what senders left behind that are gone; the entries that it changed come back.

        What had not begun to leave is not executed, what had is uncertain.
        """
        with self._file.transaction(_NOT_ADOPTED) as connection:
            states = [state.value for state in SENDING]
            open_ones = select(connection, f"WHERE state IN {places(states)} ORDER BY id", *states)
            adopted = [self._adopted(connection, each, korean(at)) for each in open_ones]
            self._ownership.sweep()
        return [after for after, before in zip(adopted, open_ones, strict=True) if after is not before]

    def wait_for(self, entry: Entry, seconds: float, now: Callable[[], datetime] | None = None) -> Entry:
        """The entry as it stands when it is no longer being sent, or after ``seconds`` of the clock.

        That of a sender that is gone is settled as by ``adopt``, by the time that ``now`` tells (the
        clock's own when not given).
        """
        deadline = self._clock.monotonic() + seconds
        while True:
            stands = self.entry(entry.id)
            if stands is None:
                raise JournalError(f"this journal has no entry {entry.id}")
            if stands.state in SENDING:
                with self._file.transaction(_NOT_ADOPTED) as connection:
                    stands = self._adopted(
                        connection, _standing(connection, entry), (now or self._clock.now)()
                    )
            left = deadline - self._clock.monotonic()
            if stands.state not in SENDING or left <= 0:
                return stands
            self._clock.sleep(min(_POLL_SECONDS, left))

    def learn(self, numbers: Iterable[int], day: date) -> None:
        """Keep order numbers that were seen at the exchange, so that entries sent later cannot be theirs."""
        told = {number for number in numbers if 0 <= number <= MOST}
        if not told - self.known_before(MOST, day):
            return  # nothing to sync: lists are read again and again
        with self._file.transaction(_NOT_LEARNT) as connection:
            mark = _mark(connection) + 1
            rows = [(day.isoformat(), number, mark) for number in sorted(told)]
            connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)

    def close_file(self) -> None:
        """Let go of the file: our entries without an outcome are abandoned. A later use opens it again."""
        _shut(self._file, self._ownership)

    def _change(
        self,
        entry: Entry,
        at: datetime,
        step: Callable[[Connection, Entry], Entry],
        consequence: str,
        reach: Reach,
    ) -> Entry:
        try:
            with self._file.transaction(consequence, reach) as connection:
                before = _standing(connection, entry)
                after = step(connection, before)
                _save(connection, before, after, korean(at))
        except ValueError as error:
            raise JournalError(f"{consequence}: {error}", reach=reach) from error
        except BaseException:  # Ctrl-C, too: nobody will note it any more
            self._given_up.add(entry.id)
            raise
        self._given_up.discard(entry.id)
        return after

    def _adopted(self, connection: Connection, entry: Entry, at: datetime) -> Entry:
        why = self._is_abandoned(entry, at)
        if why is None:
            return entry
        after = progress.abandoned(entry, at, why)
        _save(connection, entry, after, at)
        return after

    def _is_abandoned(self, entry: Entry, at: datetime) -> str | None:
        if entry.state not in SENDING:
            return None
        if not self._ownership.is_alive(entry.owner):
            return "its process ended"
        if entry.id in self._given_up and entry.owner == self._ownership.mine():
            return "its journal failed"
        if entry.sent_at is not None and at - entry.sent_at > self._longest:
            return f"nothing was heard for {self._longest.total_seconds():g} seconds"
        return None

    def _set_missing(self, entries: Iterable[Entry], at: datetime | None) -> list[Entry]:
        changed = []
        with self._file.transaction(_NOT_MARKED) as connection:
            for entry in entries:
                before = _standing(connection, entry)
                changed.append(replace(before, missing_since=_missing_since(before, at)))
                _save(connection, before, changed[-1], None)
        return changed


def _shut(file: JournalFile, ownership: Ownership) -> None:
    file.close()
    ownership.release()


def _missing_since(entry: Entry, at: datetime | None) -> datetime | None:
    earlier = entry.missing_since
    if at is None or earlier is None or earlier < (entry.sent_at or entry.intended_at):
        return at
    return earlier


def _save(connection: Connection, before: Entry, after: Entry, at: datetime | None) -> None:
    if after != before:
        told = (after.state, after.sent_at, after.reason) != (before.state, before.sent_at, before.reason)
        update(connection, after, at if told else None)


def _standing(connection: Connection, entry: Entry) -> Entry:
    found = select(connection, "WHERE id = ?", entry.id)
    if not found:
        raise ValueError(f"this journal has no entry {entry.id}")
    return found[0]


def _is_taken(connection: Connection, entry: Entry, number: str) -> bool:
    value = number_value(number)
    if value is None or not is_in_series(entry):
        return False
    day = (entry.sent_at or entry.intended_at).date().isoformat()
    rest = f"WHERE number_value = ? AND day = ? AND id <> ? AND {IN_SERIES}"
    return any(_is_rival(each, entry) for each in select(connection, rest, value, day, entry.id))


def _is_rival(owner: Entry, entry: Entry) -> bool:
    """Whether the owner's order can be the entry's, too; the branch does not count, see ``agrees``."""
    sent_at = entry.sent_at or entry.intended_at
    if owner.ended_at is not None and owner.ended_at < sent_at - SKEW:
        return False
    codes, sides = (owner.wish.code, entry.wish.code), {side_of(owner.wish), side_of(entry.wish)}
    return (not all(codes) or same_stock(*codes)) and len(sides - {None}) < 2


def _mark(connection: Connection) -> int:
    found: int = connection.execute("SELECT coalesce(max(mark), 0) FROM seen").fetchone()[0]
    return found


def _checked_id(name: str) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= _LONGEST_ID:
        raise InvalidRequestError(
            f"{_NOT_SENT}: client_order_id must be 1 to {_LONGEST_ID} printable letters, not {name!r}"
        )
    return name


def _check_same(entry: Entry, wish: Wish) -> None:
    if not entry.wish.is_same(wish):
        raise InvalidRequestError(
            f"{_NOT_SENT}: client_order_id {entry.client_order_id!r} stands for another one already; "
            f"on record: {_told(entry.wish)}; asked for now: {_told(wish)}"
        )


def _check_day(connection: Connection, day: date, amount: int, most: int) -> None:
    taken = worth_of(connection, day)
    if taken + amount > most:
        raise InvalidRequestError(
            f"{_NOT_SENT}: it is worth {amount:,} won, and of the day's most of {most:,} won "
            f"{taken:,} are taken already"
        )


def _told(wish: Wish) -> str:
    what = wish.side.value if wish.side is not None else wish.action.value
    fields = " ".join(f"{name}={value}" for name, value in wish.fields.items() if value)
    return f"{what} {wish.code} ({wish.endpoint} {wish.variant}: {fields})"
