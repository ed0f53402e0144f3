"""A journal that cannot be used refuses the order before it is sent, and says why."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kis_sync.errors import InvalidRequestError, JournalError, Reach
from kis_sync.orders import journal_file
from kis_sync.orders.entry import State
from kis_sync.orders.journal import Journal
from kis_sync.orders.journal_file import JournalFile
from tests.orders.journal_parts import NOW, TODAY, accepted, journal_in, line_of, path_in, process, sent, wish

BUSY = 0.05


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = journal_in(tmp_path, busy_seconds=BUSY)
    yield made
    made.close_file()


def fill_the_disk(journal: Journal) -> Callable[[], object]:
    """From now on the file cannot grow; what comes back ends that."""
    with journal._file.reading("") as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return lambda: connection.execute("PRAGMA max_page_count = 1000000")


def use_until_full(journal: Journal) -> JournalError:
    for _ in range(500):
        try:
            journal.open(None, wish(), NOW)
        except JournalError as error:
            return error
    raise AssertionError("it never became full")


class TestFullDisk:
    def test_the_order_is_not_sent_and_nothing_is_half_written(self, journal: Journal) -> None:
        before = accepted(journal, "5", "first")
        make_room = fill_the_disk(journal)
        error = use_until_full(journal)
        assert error.reach is Reach.NOT_EXECUTED
        assert error.message.startswith("the order was not sent: ")
        assert error.message.endswith("the disk is full")
        count = len(journal.entries())
        assert [len(journal.history(entry)) for entry in journal.entries()[1:]] == [1] * (count - 1)
        make_room()
        assert journal.find("first") == before
        assert journal.open("second", wish(), NOW)[1]

    def test_an_order_that_cannot_be_noted_as_leaving_never_ran(self, journal: Journal) -> None:
        entries = [journal.open(None, wish(), NOW)[0] for _ in range(60)]
        make_room = fill_the_disk(journal)
        failed = [entry.id for entry in entries if self.fails(partial(journal.leaving, entry, NOW))]
        assert failed
        make_room()
        adopted = journal.adopt(NOW)
        assert [entry.id for entry in adopted] == failed
        assert {entry.state for entry in adopted} == {State.NOT_EXECUTED}

    def test_an_outcome_that_cannot_be_kept_is_told_and_found_later(self, journal: Journal) -> None:
        entries = [sent(journal) for _ in range(60)]
        make_room = fill_the_disk(journal)
        close = partial(journal.close, state=State.ACCEPTED, at=NOW, number="5")
        failed = [entry.id for entry in entries if self.fails(partial(close, entry))]
        assert failed
        make_room()
        adopted = journal.adopt(NOW)
        assert [entry.id for entry in adopted] == failed
        assert {entry.state for entry in adopted} == {State.UNCERTAIN}

    def fails(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except JournalError as error:
            told = error
        else:
            return False
        is_told = {
            Reach.NOT_EXECUTED: "the order was not sent: ",
            Reach.MAYBE_EXECUTED: "what became of the order could not be written down: ",
        }
        assert told.message.startswith(is_told[told.reach])
        return True

    @pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX's")
    def test_a_disk_that_fails_in_earnest(self, tmp_path: Path) -> None:
        script = """
import resource
journal.open("first", wish(), NOW)
size = sum(path.stat().st_size for path in folder.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
count = 1
try:
    while True:
        journal.open(None, wish(), NOW)
        count += 1
except JournalError as error:
    say(error.message.rpartition(": ")[2])
say(count, len(journal.entries()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
say(journal.open("second", wish(), NOW)[1])
journal.close_file()
"""
        with process(script, tmp_path) as started:
            assert "the disk is full" in line_of(started)
            written, found = line_of(started).split()
            assert written == found
            assert line_of(started) == "True"
        journal = journal_in(tmp_path)
        assert len(journal.entries()) == int(written) + 1
        journal.close_file()


class TestLocked:
    def test_the_order_is_not_sent_while_another_holds_the_file(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        entry, _ = journal.open("mine", wish(), NOW)
        holder = sqlite3.connect(path_in(tmp_path), isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        for refused in (lambda: journal.open("b", wish(), NOW), lambda: journal.leaving(entry, NOW)):
            with pytest.raises(JournalError, match=r"was not sent.*kept it locked for 0.05 seconds"):
                refused()
        with pytest.raises(JournalError, match="written down"):
            journal.close(entry, State.NOT_EXECUTED, NOW)
        assert journal.find("mine") == entry  # readers go on
        holder.execute("ROLLBACK")
        holder.close()
        assert journal.leaving(entry, NOW).state is State.SENT

    def test_a_file_that_is_locked_before_it_has_tables(self, journal: Journal, tmp_path: Path) -> None:
        before = journal_in(tmp_path)
        before.find("")
        path = path_in(tmp_path)
        before.close_file()
        path.unlink()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="locked"):
            journal.open("mine", wish(), NOW)
        holder.execute("ROLLBACK")
        holder.close()
        assert journal.open("mine", wish(), NOW)[1]

    def test_a_refusal_while_many_open_a_new_file_is_waited_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refusals = [sqlite3.OperationalError("database is locked")] * 2
        prepare = JournalFile._prepared

        def refusing(self: JournalFile, place: Path | str) -> sqlite3.Connection:
            if refusals:
                raise refusals.pop()
            return prepare(self, place)

        monkeypatch.setattr(JournalFile, "_prepared", refusing)
        journal = journal_in(tmp_path)
        assert journal.open("mine", wish(), NOW)[1]
        journal.close_file()

    def test_what_is_refused_keeps_nobody_waiting(self, journal: Journal, tmp_path: Path) -> None:
        other = journal_in(tmp_path, busy_seconds=BUSY)
        with pytest.raises(InvalidRequestError):
            journal.open("mine", wish(), NOW, most_won_a_day=1)
        assert other.open("mine", wish(), NOW)[1]
        other.close_file()

    def test_a_call_in_the_midst_of_another_is_refused_and_harms_nothing(self, journal: Journal) -> None:
        with journal._file.transaction("outer") as connection:
            connection.execute("INSERT INTO seen VALUES (?, 1, 1)", (TODAY.isoformat(),))
            with pytest.raises(JournalError, match="in the midst"):
                journal.open("mine", wish(), NOW)
        assert journal.known_before(1, TODAY) == {1}
        assert journal.open("mine", wish(), NOW)[1]

    def test_what_an_interruption_left_open_is_undone(self, journal: Journal) -> None:
        with journal._file.reading("") as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO seen VALUES (?, 1, 1)", (TODAY.isoformat(),))
        assert journal.open("mine", wish(), NOW)[1]
        assert journal.known_before(1, TODAY) == frozenset()


class TestDamaged:
    @pytest.mark.parametrize("content", [b"not a database at all, but a text" * 200, bytes(range(256)) * 40])
    def test_a_file_of_something_else(self, journal: Journal, tmp_path: Path, content: bytes) -> None:
        journal.find("")
        path = path_in(tmp_path)
        journal.close_file()
        path.write_bytes(content)
        with pytest.raises(JournalError, match=r"was not sent.*damaged"):
            journal.open("mine", wish(), NOW)
        assert path.read_bytes() == content

    def test_a_file_that_lost_its_middle(self, journal: Journal, tmp_path: Path) -> None:
        for _ in range(50):
            journal.open(None, wish(), NOW)
        journal.close_file()
        path = path_in(tmp_path)
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
        with pytest.raises(JournalError, match="damaged"):
            journal.open("mine", wish(), NOW)

    @pytest.mark.parametrize("column", ["state", "fields", "side", "average_price", "sent_at"])
    def test_a_row_that_makes_no_sense(self, journal: Journal, column: str) -> None:
        journal.open("mine", wish(), NOW)
        with journal._file.transaction("") as connection:
            connection.execute(f"UPDATE entries SET {column} = 'x'")
        with pytest.raises(JournalError, match=r"could not be read.*damaged"):
            journal.find("mine")

    def test_a_newer_version_is_left_alone(self, journal: Journal, tmp_path: Path) -> None:
        journal.open("mine", wish(), NOW)
        with journal._file.reading("") as connection:
            connection.execute("PRAGMA user_version = 99")
        journal.close_file()
        with pytest.raises(JournalError, match=r"was not sent.*newer kis-sync"):
            journal.open("other", wish(), NOW)

    def test_a_file_that_goes_while_it_is_used(self, journal: Journal, tmp_path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("Windows keeps an open file")
        entry, _ = journal.open("mine", wish(), NOW)
        for path in tmp_path.glob("*.sqlite3*"):
            path.unlink()
        for refused in (
            lambda: journal.leaving(entry, NOW),
            lambda: journal.open("mine", wish(), NOW),
            lambda: journal.open("mine", wish(), NOW),
        ):
            with pytest.raises(JournalError, match=r"was not sent.*removed or replaced.* new KISBroker"):
                refused()
        with pytest.raises(JournalError, match="could not be read"):
            journal.find("mine")
        journal.close_file()
        with pytest.raises(JournalError, match="was not sent"):
            journal.open("mine", wish(), NOW)
        assert not list(tmp_path.glob("*.sqlite3*"))
        another = journal_in(tmp_path)
        assert another.open("mine", wish(), NOW)[1]
        another.close_file()

    @pytest.mark.parametrize("is_closed", [False, True])
    def test_a_new_file_in_the_place_of_the_known_one(
        self, journal: Journal, tmp_path: Path, is_closed: bool
    ) -> None:
        if sys.platform == "win32":
            pytest.skip("Windows keeps an open file")
        accepted(journal, "5", "mine")
        path = path_in(tmp_path)
        if is_closed:
            journal.close_file()  # its place on the disk may be given to the next file
        elsewhere = path.with_suffix(".kept")
        shutil.copy(path, elsewhere)
        path.unlink()
        another = journal_in(tmp_path)
        another.open("theirs", wish(), NOW)
        for _ in range(2):
            with pytest.raises(JournalError, match=r"was not sent.*replaced"):
                journal.open("mine", wish(), NOW)
        assert [entry.client_order_id for entry in another.entries()] == ["theirs"]
        another.close_file()

    @pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved")
    def test_a_file_that_comes_back_is_used_again(self, journal: Journal, tmp_path: Path) -> None:
        entry = accepted(journal, "5", "mine")
        journal.close_file()
        path = path_in(tmp_path)
        path.rename(tmp_path / "away")
        with pytest.raises(JournalError, match="put it back"):
            journal.open("mine", wish(), NOW)
        (tmp_path / "away").rename(path)
        assert journal.open("mine", wish(), NOW) == (entry, False)

    def test_a_file_made_anew_is_known_by_more_than_its_place(
        self, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal_file, "_identity", lambda path: (1, 1))
        accepted(journal, "5", "mine")
        journal.close_file()
        path_in(tmp_path).unlink()
        for _ in range(2):
            with pytest.raises(JournalError, match=r"was not sent.*replaced"):
                journal.open("mine", wish(), NOW)


class TestRights:
    def test_only_the_owner_can_read(self, tmp_path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("no such rights")
        old = os.umask(0)
        try:
            journal = journal_in(tmp_path / "a" / "journal")
            accepted(journal, "5")
            names = {path.name.partition(".")[2] for path in (tmp_path / "a" / "journal").iterdir()}
            assert names == {"sqlite3", "sqlite3-wal", "sqlite3-shm", "owner"}
            for path in (tmp_path / "a" / "journal").iterdir():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            assert stat.S_IMODE((tmp_path / "a" / "journal").stat().st_mode) == 0o700
            journal.close_file()
        finally:
            os.umask(old)

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        journal = journal_in(tmp_path / "file" / "journal")
        with pytest.raises(JournalError, match=r"was not sent.*cannot be used"):
            journal.open("mine", wish(), NOW)

    @pytest.mark.skipif(sys.platform == "win32", reason="no such rights")
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        script = """
folder.chmod(0o500)
if os.geteuid() == 0:
    os.setuid(65534)  # the superuser may write anywhere
try:
    journal.open("mine", wish(), NOW)
except JournalError as error:
    say(error.message)
"""
        with process(script, tmp_path) as started:
            told = line_of(started)
        tmp_path.chmod(0o700)
        assert told.startswith("the order was not sent: ")
        assert told.endswith("Permission denied (PermissionError)")

    def test_a_folder_in_the_place_of_the_file(self, journal: Journal, tmp_path: Path) -> None:
        journal.find("")
        path = path_in(tmp_path)
        journal.close_file()
        path.unlink()
        path.mkdir()
        with pytest.raises(JournalError, match=r"was not sent.*(replaced|cannot be opened)"):
            journal.open("mine", wish(), NOW)
        another = journal_in(tmp_path)
        with pytest.raises(JournalError, match=r"was not sent.*cannot be opened"):
            another.open("mine", wish(), NOW)

    def test_a_folder_that_goes_before_the_first_order(self, journal: Journal, tmp_path: Path) -> None:
        if sys.platform == "win32":
            pytest.skip("Windows keeps an open file")
        journal.find("")
        shutil.rmtree(tmp_path)
        with pytest.raises(JournalError, match="was not sent"):
            journal.open("mine", wish(), NOW)
        tmp_path.mkdir(exist_ok=True)


class TestInterrupted:
    def test_an_intent_whose_writing_was_interrupted_is_given_up(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transaction = JournalFile.transaction

        @contextlib.contextmanager
        def interrupted(file: JournalFile, consequence: str) -> Iterator[sqlite3.Connection]:
            with transaction(file, consequence) as connection:
                yield connection
            raise KeyboardInterrupt  # it is on the disk already

        with monkeypatch.context() as patch:
            patch.setattr(JournalFile, "transaction", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.open("mine", wish(), NOW)
        stands = journal.find("mine")
        assert stands is not None
        assert stands.state is State.INTENDED
        assert journal.wait_for(stands, 0).state is State.NOT_EXECUTED
        assert journal.open("mine", wish(), NOW)[1]

    def test_one_that_was_not_written_gives_up_nobody(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object) -> int:
            raise KeyboardInterrupt

        others = [journal.open("first", wish(), NOW)[0], sent(journal)]
        with monkeypatch.context() as patch:
            patch.setattr("kis_sync.orders.journal.insert", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.open("mine", wish(), NOW)
        with pytest.raises(InvalidRequestError):
            journal.open("mine", wish(), NOW, most_won_a_day=1)
        assert journal.find("mine") is None
        assert journal.adopt(NOW) == []
        assert journal.entries() == others
        assert journal.open("mine", wish(), NOW)[1]
        assert journal.adopt(NOW) == []


class TestWhatWasTried:
    """An error of the journal never speaks of an order's fate where none was sent."""

    def test_each_says_what_it_was(self, journal: Journal, tmp_path: Path) -> None:
        entry = accepted(journal, "5")
        waiting = sent(journal)
        holder = sqlite3.connect(path_in(tmp_path), isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        tried: dict[str, Callable[[], object]] = {
            "what KIS lists of an order": lambda: journal.note(entry, NOW, filled=1),
            "the order numbers that KIS lists": lambda: journal.learn([7], TODAY),
            "the orders that a sender left behind": lambda: journal.adopt(NOW),
            "the orders that a sender left behind could": lambda: journal.wait_for(waiting, 0),
            "which orders KIS's lists lack": lambda: journal.mark_missing([entry], NOW),
        }
        for said, attempt in tried.items():
            with pytest.raises(JournalError, match=said) as told:
                attempt()
            assert told.value.reach is Reach.NOT_EXECUTED
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.usefixtures("synced")
def test_every_commit_is_synced(journal: Journal) -> None:
    with journal._file.reading("") as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
