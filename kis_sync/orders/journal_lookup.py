"""What can be asked of the journal; asking changes nothing.

This room changes when there is something else to ask of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.journal_file import JournalFile
from kis_sync.orders.journal_rows import (
    IN_SERIES,
    LIVING,
    MOST,
    Event,
    events,
    is_in_series,
    places,
    select,
    worth_of,
)
from kis_sync.orders.likeness import same_stock, side_of
from kis_sync.orders.progress import number_value

_NOT_READ = "the orders on record could not be read"


class JournalLookup:
    """The entries of one file; ``JournalError`` when it cannot be read."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def find(self, client_order_id: str) -> Entry | None:
        """The living entry of that id, else the latest that had it, else ``None``."""
        rest = f"WHERE client_order_id = ? ORDER BY ({LIVING}) DESC, id DESC LIMIT 1"
        return self._first(rest, client_order_id)

    def by_number(
        self, number: int, day: date, *, branch: str = "", code: str = "", side: Side | None = None
    ) -> Entry | None:
        """The entry with that order number on that day (of its sending); domestic stock orders first.

        Of several the one that agrees in what else is known of the order: stock, side, then branch; else the
        latest. Whether it is that order at all is for ``likeness.agrees`` to say.
        """

        def merit(entry: Entry) -> tuple[bool, ...]:
            wish = entry.wish
            return (
                is_in_series(entry),
                not (code and wish.code) or same_stock(code, wish.code),
                side is None or side_of(wish) in (None, side),
                not branch or entry.branch == branch,
                not entry.state.frees_its_id,
            )

        if not 0 <= number <= MOST:
            return None
        with self._file.reading(_NOT_READ) as connection:
            rest = "WHERE number_value = ? AND day = ? ORDER BY id DESC"
            return max(select(connection, rest, number, day.isoformat()), key=merit, default=None)

    def owners(self, day: date) -> dict[int, list[Entry]]:
        """The entries of a day that own order numbers, of the series that lists of domestic stocks show."""
        with self._file.reading(_NOT_READ) as connection:
            rest = f"WHERE day = ? AND number_value IS NOT NULL AND {IN_SERIES} ORDER BY id"
            return owners_of(select(connection, rest, day.isoformat()))

    def worth_of(self, day: date) -> int:
        """What the living entries of a day are worth in won: what counts toward the most a day."""
        with self._file.reading(_NOT_READ) as connection:
            return worth_of(connection, day)

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

    def entry(self, entry_id: int) -> Entry | None:
        """The entry with that id (``Entry.id``) as it stands now."""
        return self._first("WHERE id = ?", entry_id)

    def _first(self, rest: str, *values: object) -> Entry | None:
        with self._file.reading(_NOT_READ) as connection:
            return next(iter(select(connection, rest, *values)), None)

    def _numbers(self, question: str, *values: object) -> frozenset[int]:
        with self._file.reading(_NOT_READ) as connection:
            return frozenset(row[0] for row in connection.execute(question, values))


def owners_of(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    """Those of the entries that own order numbers of the domestic series, by these."""
    owners: dict[int, list[Entry]] = {}
    for entry in entries:
        number = number_value(entry.number)
        if number is not None and is_in_series(entry):
            owners.setdefault(number, []).append(entry)
    return owners
