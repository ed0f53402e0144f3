"""The journal's file: how it is opened, and transactions on it that are on the disk when they end.

SQLite with a write-ahead log, synced at each commit, readable by its owner only; without a folder the same
in memory. SQLite must not be carried over a fork: the connection is closed before one and opened again in
parent and child at their next use. This room changes when the file is kept or shared in another way.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

from kis_sync.errors import JournalError, KISError, Reach
from kis_sync.orders.journal_rows import SCHEMA, VERSION

_RETRY_SECONDS = 0.02

_opening = threading.Lock()  # closing a handle of a file drops every lock that this process has on it


class JournalFile:
    """One SQLite file for all threads of this process. It is opened at the first use, again after a close.

    A transaction waits up to ``busy_seconds`` (of real time) for other processes. Whoever knew a file goes on
    with that one or not at all: in another, every id would be free again, and a repeat a second order.
    """

    def __init__(self, path: Path | None, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._inside = False
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._mark: int | None = None  # a file that is made anew can have the same identity
        _all.add(self)

    @contextlib.contextmanager
    def transaction(
        self, consequence: str, reach: Reach = Reach.NOT_EXECUTED
    ) -> Iterator[sqlite3.Connection]:
        """One immediate transaction: synced when the block ends, undone when it raises.

        ``JournalError`` begins with ``consequence``; ``reach`` is how far the order got.
        """
        with self._lock, self._told(consequence, reach):
            if self._inside:  # a signal's handler came in between
                raise JournalError(
                    f"{consequence}: this thread is in the midst of another entry", reach=reach
                )
            try:
                self._inside = True
                connection = self._ready()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    self._undo(connection)
                    raise
            finally:
                self._inside = False

    @contextlib.contextmanager
    def reading(self, consequence: str) -> Iterator[sqlite3.Connection]:
        """The connection for one question."""
        with self._lock, self._told(consequence, Reach.NOT_EXECUTED):
            yield self._opened()

    def close(self) -> None:
        """Close the connection; one in memory forgets all."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def hold(self) -> None:
        """Before a fork: nobody is in a transaction and nothing is open until ``let_go``."""
        self._lock.acquire()
        if self._path is not None:
            self.close()

    def let_go(self) -> None:
        """After a fork, in parent and child."""
        self._lock.release()

    def _ready(self) -> sqlite3.Connection:
        connection = self._opened()
        if connection.in_transaction:  # Ctrl-C fell between two lines of ours
            connection.execute("ROLLBACK")
        return connection

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()  # closing undoes too

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None and self._identity not in (None, _identity(self._path)):
            self.close()
            raise FileNotFoundError(_GONE)
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            return self._prepared(":memory:")
        with _opening:
            if self._identity is None:
                _make_private(self._path)
            identity = _identity(self._path)
            deadline = time.monotonic() + self._busy_seconds
            while True:
                try:
                    connection = self._prepared(self._path)
                    self._recognise(connection, identity)
                    return connection
                except sqlite3.OperationalError as error:
                    # several that open a new file at once can be refused without the wait asked for
                    if "locked" not in str(error) or time.monotonic() >= deadline:
                        raise
                time.sleep(_RETRY_SECONDS)

    def _recognise(self, connection: sqlite3.Connection, identity: tuple[int, int] | None) -> None:
        """Know the file from now on; ``FileNotFoundError`` for another than the one that was known."""
        mark: int = connection.execute("PRAGMA application_id").fetchone()[0]
        if self._mark not in (None, mark):
            connection.close()
            raise FileNotFoundError(_GONE)
        self._identity, self._mark = identity, mark

    def _prepared(self, place: Path | str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            place, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode not in ("wal", "memory"):
                raise sqlite3.NotSupportedError("its file system cannot keep a write-ahead log")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # macOS: to the disk, not to its cache
            _make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _told(self, consequence: str, reach: Reach) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            if isinstance(error, KISError):
                raise
            where = "" if self._path is None else f" ({self._path})"
            raise JournalError(
                f"{consequence}: the order journal{where} cannot be used: {self._cause(error)}", reach=reach
            ) from error

    def _cause(self, error: Exception) -> str:
        told = str(error)
        for sign, meaning in _CAUSES.items():
            if sign in told:
                return meaning.format(seconds=self._busy_seconds)
        if isinstance(error, OSError) and error.strerror:
            return f"{error.strerror} ({type(error).__name__})"
        return told


_GONE = (
    "it was moved, removed or replaced since this process first used it, and what is on record there is not "
    "known any more; put it back, or look at the account's orders and then begin a new journal with a new "
    "process or a new KISBroker"
)
_CAUSES = {
    "database is locked": "another program has kept it locked for {seconds:g} seconds",
    "is full": "the disk is full",
    "disk I/O error": "the disk is full or failed",
    "readonly": "it cannot be written",
    "unable to open": "it cannot be opened",
    "not a database": "it is damaged; look at the account's orders, then move it away",
    "malformed": "it is damaged; look at the account's orders, then move it away",
}


def _make_tables(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been faster
    if version > VERSION:
        raise sqlite3.NotSupportedError(f"a newer kis-sync wrote it (version {version}, this one: {VERSION})")
    if version == 0:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {secrets.randbelow(2**31 - 1) + 1}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    """Make folder and file for the owner only; SQLite gives its other files the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


_all: WeakSet[JournalFile] = WeakSet()
_held: list[JournalFile] = []
_forking = threading.RLock()


def _hold_all() -> None:
    _forking.acquire()
    for each in sorted(_all, key=id):
        each.hold()
        _held.append(each)
    _opening.acquire()


def _let_all_go() -> None:
    _opening.release()
    while _held:
        _held.pop().let_go()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_all, after_in_parent=_let_all_go, after_in_child=_let_all_go)
