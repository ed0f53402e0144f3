"""The journal's tables, and an entry as a row of them.

Times are texts in KST (ISO 8601), days their dates, prices exact texts; ``VERSION`` counts the schema's
versions. This room changes when the schema does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.clock import KST
from kis_sync.orders.entry import CASH_ORDER, CHANGE_ORDER, Entry, State, Wish
from kis_sync.orders.progress import FREED, number_value

VERSION = 1
MOST = 2**63 - 1  # the largest integer that SQLite holds

_FREED = ", ".join(f"'{state.value}'" for state in sorted(FREED))
LIVING = f"state NOT IN ({_FREED})"

# Order numbers of these come from one series, the one that the lists of domestic stocks show.
_SERIES = (CASH_ORDER, CHANGE_ORDER, "domestic_stock.order_credit")
IN_SERIES = "endpoint IN ({})".format(", ".join(f"'{each}'" for each in _SERIES))

SCHEMA = (
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        client_order_id TEXT NOT NULL,
        endpoint TEXT NOT NULL, variant TEXT NOT NULL, fields TEXT NOT NULL,
        code TEXT NOT NULL, side TEXT, amount INTEGER NOT NULL, original INTEGER,
        state TEXT NOT NULL, owner TEXT NOT NULL, day TEXT NOT NULL, counted INTEGER NOT NULL,
        intended_at TEXT NOT NULL, sent_at TEXT, ended_at TEXT,
        number TEXT NOT NULL, number_value INTEGER, branch TEXT NOT NULL,
        filled INTEGER NOT NULL, average_price TEXT, remaining INTEGER,
        reason TEXT NOT NULL, known_until INTEGER NOT NULL, missing_since TEXT)""",
    f"CREATE UNIQUE INDEX one_living ON entries (client_order_id) WHERE {LIVING}",
    "CREATE INDEX by_id ON entries (client_order_id)",
    "CREATE INDEX won_a_day ON entries (day, counted)",
    "CREATE INDEX numbers_a_day ON entries (day, endpoint, number_value) WHERE number_value IS NOT NULL",
    "CREATE INDEX by_state ON entries (state)",
    "CREATE INDEX by_number ON entries (number_value, day)",
    "CREATE INDEX by_original ON entries (original, day) WHERE original IS NOT NULL",
    """CREATE TABLE events (
        entry INTEGER NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL)""",
    "CREATE INDEX events_of ON events (entry)",
    """CREATE TABLE seen (day TEXT NOT NULL, number INTEGER NOT NULL, mark INTEGER NOT NULL,
        PRIMARY KEY (day, number)) WITHOUT ROWID""",
    "CREATE INDEX by_mark ON seen (mark)",
)

_FIXED = (
    "client_order_id", "endpoint", "variant", "fields", "code", "side", "amount", "original",
    "owner", "intended_at",
)  # fmt: skip
_MOVING = (
    "state", "day", "counted", "sent_at", "ended_at", "number", "number_value", "branch",
    "filled", "average_price", "remaining", "reason", "known_until", "missing_since",
)  # fmt: skip
_INSERT = "INSERT INTO entries ({}) VALUES ({})".format(
    ", ".join(_FIXED + _MOVING), ", ".join(f":{each}" for each in _FIXED + _MOVING)
)
_UPDATE = "UPDATE entries SET {} WHERE id = :id".format(", ".join(f"{each} = :{each}" for each in _MOVING))


class Event(NamedTuple):
    """A change of an entry: when, to which state, and why."""

    at: datetime
    state: State
    reason: str


def insert(connection: sqlite3.Connection, entry: Entry) -> int:
    """Write a new entry; its id comes back."""
    made = connection.execute(_INSERT, _fixed(entry) | _moving(entry)).lastrowid
    assert made is not None
    _log(connection, made, entry.intended_at, entry)
    return made


def update(connection: sqlite3.Connection, entry: Entry, at: datetime | None) -> None:
    """Write an entry over itself; with ``at`` the change goes into the log of events too."""
    connection.execute(_UPDATE, {"id": entry.id, **_moving(entry)})
    if at is not None:
        _log(connection, entry.id, at, entry)


def select(connection: sqlite3.Connection, rest: str, *values: object) -> list[Entry]:
    """The entries that ``rest`` (what follows FROM entries) picks."""
    return [_entry(row) for row in connection.execute(f"SELECT * FROM entries {rest}", values)]


def events(connection: sqlite3.Connection, entry: Entry) -> list[Event]:
    """All that happened to an entry, in order."""
    rows = connection.execute("SELECT * FROM events WHERE entry = ? ORDER BY rowid", (entry.id,))
    return [Event(datetime.fromisoformat(row["at"]), State(row["state"]), row["reason"]) for row in rows]


def worth_of(connection: sqlite3.Connection, day: date) -> int:
    """What the living entries of a day are worth, in won."""
    question = "SELECT coalesce(sum(counted), 0) FROM entries WHERE day = ?"
    taken: int = connection.execute(question, (day.isoformat(),)).fetchone()[0]
    return taken


def is_in_series(entry: Entry) -> bool:
    """Whether its order number is of the series that lists of domestic stocks show."""
    return entry.wish.endpoint in _SERIES


def places(values: Iterable[object]) -> str:
    """As many question marks, for an IN of SQL."""
    return "(" + ", ".join("?" for _ in values) + ")"


def korean(at: datetime) -> datetime:
    """The moment in KST; ``ValueError`` for one without its zone."""
    if at.tzinfo is None:
        raise ValueError("a time in the journal needs its zone")
    return at.astimezone(KST)


def _log(connection: sqlite3.Connection, entry_id: int, at: datetime, entry: Entry) -> None:
    values = (entry_id, at.isoformat(), entry.state.value, _text(entry.reason))
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", values)


def _fixed(entry: Entry) -> dict[str, object]:
    wish = entry.wish
    return {
        "client_order_id": entry.client_order_id,
        "endpoint": wish.endpoint,
        "variant": wish.variant,
        "fields": json.dumps(dict(wish.fields)),
        "code": wish.code,
        "side": None if wish.side is None else wish.side.value,
        "amount": wish.amount,
        "original": None if wish.original is None else number_value(str(wish.original)),
        "owner": entry.owner,
        "intended_at": entry.intended_at.isoformat(),
    }


def _moving(entry: Entry) -> dict[str, object]:
    day: date = (entry.sent_at or entry.intended_at).date()  # an order belongs to the day it was sent on
    return {
        "state": entry.state.value,
        "day": day.isoformat(),
        "counted": 0 if entry.state.frees_its_id else entry.wish.amount,  # toward the most a day
        "sent_at": _iso(entry.sent_at),
        "ended_at": _iso(entry.ended_at),
        "number": _text(entry.number),
        "number_value": number_value(entry.number),
        "branch": _text(entry.branch),
        "filled": entry.filled,
        "average_price": None if entry.average_price is None else str(entry.average_price),
        "remaining": entry.remaining,
        "reason": _text(entry.reason),
        "known_until": entry.known_until,
        "missing_since": _iso(entry.missing_since),
    }


def _entry(row: sqlite3.Row) -> Entry:
    try:
        return Entry(
            id=row["id"],
            client_order_id=row["client_order_id"],
            wish=_wish(row),
            state=State(row["state"]),
            owner=row["owner"],
            intended_at=datetime.fromisoformat(row["intended_at"]),
            sent_at=_moment(row["sent_at"]),
            ended_at=_moment(row["ended_at"]),
            number=row["number"],
            branch=row["branch"],
            filled=row["filled"],
            average_price=None if row["average_price"] is None else Decimal(row["average_price"]),
            remaining=row["remaining"],
            reason=row["reason"],
            known_until=row["known_until"],
            missing_since=_moment(row["missing_since"]),
        )
    except (ValueError, TypeError, InvalidOperation) as error:
        raise sqlite3.DatabaseError(f"entry {row['id']} is malformed") from error


def _wish(row: sqlite3.Row) -> Wish:
    side = None if row["side"] is None else Side(row["side"])
    fields = json.loads(row["fields"])
    return Wish(row["endpoint"], row["variant"], fields, row["code"], side, row["amount"])


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(KST)


def _text(told: str) -> str:
    """What others wrote, without what cannot be stored: an outcome must not be lost for a broken letter."""
    return told.encode("utf-8", "replace").decode("utf-8")
