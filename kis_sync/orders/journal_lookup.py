"""What can be asked of the journal; asking changes nothing.

This room changes when there is something else to ask of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kis_sync.orders.entry import Entry, State
from kis_sync.orders.journal_file import JournalFile
from kis_sync.orders.journal_rows import IN_SERIES, LIVING, MOST, Event, events, places, select

_NOT_READ = "the orders on record could not be read"


class JournalLookup:
    """The entries of one file; ``JournalError`` when it cannot be read."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def find(self, client_order_id: str) -> Entry | None:
        """The living entry of that id, else the latest that had it, else ``None``."""
        rest = f"WHERE client_order_id = ? ORDER BY ({LIVING}) DESC, id DESC LIMIT 1"
        return self._first(rest, client_order_id)

    def by_number(self, number: int, day: date) -> Entry | None:
        """The entry with that order number on that day (of its sending); domestic stock orders first."""
        if not 0 <= number <= MOST:
            return None
        order = f"ORDER BY ({IN_SERIES}) DESC, ({LIVING}) DESC, id DESC LIMIT 1"
        return self._first(f"WHERE number_value = ? AND day = ? {order}", number, day.isoformat())

    def changes_of(self, number: int, day: date) -> list[Entry]:
        """The changes and cancellations that were meant for that order number on that day, in order."""
        if not 0 <= number <= MOST:
            return []
        with self._file.reading(_NOT_READ) as connection:
            rest = "WHERE original = ? AND day = ? ORDER BY id"
            return select(connection, rest, number, day.isoformat())

    def entries(self, *, day: date | None = None, states: Iterable[State] | None = None) -> list[Entry]:
        """All entries in the order of their intents; of one day of sending (KST), in these states."""
        wanted, values = [], []
        if day is not None:
            wanted.append("day = ?")
            values.append(day.isoformat())
        if states is not None:
            names = sorted({State(state).value for state in states})
            wanted.append(f"state IN {places(names)}")
            values += names
        where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
        with self._file.reading(_NOT_READ) as connection:
            return select(connection, f"{where}ORDER BY id", *values)

    def history(self, entry: Entry) -> list[Event]:
        """Every change of an entry, in order."""
        with self._file.reading(_NOT_READ) as connection:
            return events(connection, entry)

    def known_before(self, mark: int, day: date) -> frozenset[int]:
        """The order numbers of a day that had been seen up to a mark (``Entry.known_until``)."""
        return self._numbers("SELECT number FROM seen WHERE day = ? AND mark <= ?", day.isoformat(), mark)

    def owned(self, day: date) -> frozenset[int]:
        """The order numbers of a day that entries own, of the series that lists of domestic stocks show."""
        return self._numbers(
            f"SELECT number_value FROM entries WHERE day = ? AND number_value IS NOT NULL AND {IN_SERIES}",
            day.isoformat(),
        )

    def entry(self, entry_id: int) -> Entry | None:
        """The entry with that id (``Entry.id``) as it stands now."""
        return self._first("WHERE id = ?", entry_id)

    def _first(self, rest: str, *values: object) -> Entry | None:
        with self._file.reading(_NOT_READ) as connection:
            return next(iter(select(connection, rest, *values)), None)

    def _numbers(self, question: str, *values: object) -> frozenset[int]:
        with self._file.reading(_NOT_READ) as connection:
            return frozenset(row[0] for row in connection.execute(question, values))
