"""Several processes on one journal: races, kill -9 in every state, and forks."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import pytest

from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import State
from tests.orders.journal_parts import NOW, TODAY, go, journal_in, line_of, process, wish
from tests.sleeping_clock import SleepingClock

needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


class TestKill:
    @pytest.mark.parametrize(
        ("state", "steps", "after"),
        [
            (State.INTENDED, "", State.NOT_EXECUTED),
            (State.SENT, "entry = journal.leaving(entry, NOW)", State.UNCERTAIN),
            *[
                (state, f"journal.close(journal.leaving(entry, NOW), State.{state.name}, NOW)", state)
                for state in State
                if state not in (State.INTENDED, State.SENT)
            ],
        ],
    )
    def test_in_every_state(self, tmp_path: Path, state: State, steps: str, after: State) -> None:
        script = f"entry, _ = journal.open('mine', wish(), NOW)\n{steps}\nsay('ready')\nwait()"
        journal = journal_in(tmp_path)
        with process(script, tmp_path) as started:
            assert line_of(started) == "ready"
            assert journal.adopt(NOW) == []  # it lives
            assert [entry.state for entry in journal.entries()] == [state]
            started.kill()
            started.wait()
            adopted = journal.adopt(NOW)
        assert [entry.state for entry in adopted] == ([after] if after is not state else [])
        assert [entry.state for entry in journal.entries()] == [after]
        assert journal.open("mine", wish(), NOW)[1] is after.frees_its_id
        assert journal.adopt(NOW) == []
        journal.close_file()
        assert not list(tmp_path.glob("*.owner"))

    def test_in_the_midst_of_writing(self, tmp_path: Path) -> None:
        script = """
say("ready")
for number in range(100_000):
    say(accepted(journal, "5").id)
"""
        for _ in range(4):
            with process(script, tmp_path) as started:
                last = [line_of(started) for _ in range(20)][-1]
                started.kill()
                assert started.stdout is not None
                last = ([last, *started.stdout.read().split()])[-1]
            journal = journal_in(tmp_path)
            found = {entry.id: entry for entry in journal.entries()}
            assert found[int(last)].state is State.ACCEPTED  # what was told is there
            assert len(journal.adopt(NOW)) <= 1
            assert all(entry.state not in (State.INTENDED, State.SENT) for entry in journal.entries())
            with journal._file.reading("") as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            journal.close_file()

    def test_one_that_waits_for_it_is_told(self, tmp_path: Path) -> None:
        script = "journal.leaving(journal.open('mine', wish(), NOW)[0], NOW)\nsay('ready')\nwait()"
        with process(script, tmp_path) as started:
            assert line_of(started) == "ready"

            class Killing(SleepingClock):
                def sleep(self, seconds: float) -> None:
                    super().sleep(seconds)
                    if len(self.slept) == 3:
                        started.kill()
                        started.wait()

            clock = Killing()
            journal = journal_in(tmp_path, clock=clock)
            entry, is_new = journal.open("mine", wish(), NOW)
            assert (is_new, entry.state) == (False, State.SENT)
            assert journal.wait_for(entry, 60).state is State.UNCERTAIN
            assert len(clock.slept) == 3
            journal.close_file()


class TestRaces:
    def test_one_id_is_one_entry(self, tmp_path: Path) -> None:
        script = """
say("ready")
wait()
new = []
def ask():
    for number in range(5):
        entry, is_new = journal.open(f"id {number}", wish(), NOW)
        if is_new:
            new.append(entry.id)
threads = [threading.Thread(target=ask) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
say(*new)
journal.close_file()
"""
        won = self.raced(script, tmp_path, 8)
        journal = journal_in(tmp_path)
        entries = journal.entries()
        assert sorted(entry.client_order_id for entry in entries) == [f"id {number}" for number in range(5)]
        assert sorted(int(each) for line in won for each in line.split()) == [entry.id for entry in entries]
        journal.close_file()

    def test_together_they_never_pass_the_days_most(self, tmp_path: Path) -> None:
        script = """
say("ready")
wait()
passed = []
def ask(price):
    for _ in range(4):
        try:
            passed.append(journal.open(None, wish(1, price), NOW, most_won_a_day=1000)[0].wish.amount)
        except InvalidRequestError:
            continue
threads = [threading.Thread(target=ask, args=(price,)) for price in (70, 90, 110)]
for each in threads: each.start()
for each in threads: each.join()
say(sum(passed))
journal.close_file()
"""
        won = self.raced(script, tmp_path, 6)
        journal = journal_in(tmp_path)
        total = sum(entry.wish.amount for entry in journal.entries(day=TODAY))
        assert total == sum(map(int, won))
        assert 930 < total <= 1000
        with pytest.raises(InvalidRequestError):
            journal.open(None, wish(1, 71), NOW, most_won_a_day=1000)
        journal.close_file()

    def raced(self, script: str, folder: Path, count: int) -> list[str]:
        with contextlib.ExitStack() as stack:
            all_of_them = [stack.enter_context(process(script, folder)) for _ in range(count)]
            for each in all_of_them:
                assert line_of(each) == "ready"
            for each in all_of_them:
                go(each)
            return [line_of(each) for each in all_of_them]

    def test_a_new_file_opened_by_many_at_once(self, tmp_path: Path) -> None:
        journals = [journal_in(tmp_path) for _ in range(16)]
        barrier = threading.Barrier(len(journals))
        failures = []

        def use(number: int) -> None:
            barrier.wait()
            try:
                journals[number].open(f"{number}", wish(), NOW)
            except Exception as error:  # noqa: BLE001  counted below
                failures.append(error)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(len(journals))]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failures == []
        assert len(journals[0].entries()) == len(journals)
        for journal in journals:
            journal.close_file()


@needs_fork
class TestFork:
    def test_a_child_is_not_its_parent_and_does_not_keep_it_alive(self, tmp_path: Path) -> None:
        script = """
parents = journal.leaving(journal.open("parent's", wish(), NOW)[0], NOW)
from_parent, to_child = os.pipe()
child = os.fork()
if child == 0:
    os.read(from_parent, 1)  # who reads our line kills the parent, which must not be at its work still
    entry, is_new = journal.open("child's", wish(), NOW)
    try:
        journal.leaving(parents, NOW)
    except JournalError as error:
        say(is_new, entry.owner != parents.owner, "another process's" in error.message, journal.adopt(NOW))
    wait()
    os._exit(0)
accepted(journal, "5", "parent's later")
os.write(to_child, b"x")
os.waitpid(child, 0)
"""
        journal = journal_in(tmp_path)
        with process(script, tmp_path) as started:
            assert line_of(started) == "True True True []"
            assert journal.adopt(NOW) == []
            started.kill()
            started.wait()
            (adopted,) = journal.adopt(NOW)  # the child lives on, with what it inherited
            assert (adopted.client_order_id, adopted.state) == ("parent's", State.UNCERTAIN)
            childs = journal.find("child's")
            assert childs is not None
            assert childs.state is State.INTENDED
            go(started)
            assert started.stdout is not None
            started.stdout.read()  # ends with the child
        (adopted,) = journal.adopt(NOW)
        assert (adopted.client_order_id, adopted.state) == ("child's", State.NOT_EXECUTED)
        journal.close_file()

    def test_no_connection_is_carried_over(self, tmp_path: Path) -> None:
        script = """
accepted(journal, "5", "before")
from_child, to_parent = os.pipe()
from_parent, to_child = os.pipe()
child = os.fork()
if child == 0:
    accepted(journal, "6", "child's first")
    os.write(to_parent, b"x")
    os.read(from_parent, 1)
    accepted(journal, "7", "child's last")
    os._exit(0)
os.read(from_child, 1)
journal.close_file()  # as if the last one here, it would take the child's write-ahead log away
os.write(to_child, b"x")
os.waitpid(child, 0)
say("done")
"""
        with process(script, tmp_path) as started:
            assert line_of(started) == "done"
        journal = journal_in(tmp_path)
        assert [entry.client_order_id for entry in journal.entries()] == [
            "before",
            "child's first",
            "child's last",
        ]
        journal.close_file()

    def test_forks_in_the_midst_of_other_threads_transactions(self, tmp_path: Path) -> None:
        script = """
import warnings
warnings.simplefilter("ignore")  # forking beside threads is what is tried here
stop = threading.Event()
def work():
    while not stop.is_set():
        accepted(journal, "5")
        time.sleep(0.005)  # a lock that is let go and taken at once starves who wants to fork
threads = [threading.Thread(target=work) for _ in range(2)]
for each in threads: each.start()
codes = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        for turn in range(3):
            accepted(journal, "5", f"child {os.getpid()} {turn}")
        journal.close_file()
        os._exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for each in threads: each.join()
say(codes.count(7))
journal.close_file()
"""
        with process(script, tmp_path) as started:
            assert line_of(started) == "4"
            started.wait()
        journal = journal_in(tmp_path)
        entries = journal.entries()
        assert {entry.state for entry in entries} == {State.ACCEPTED}
        assert sum(entry.client_order_id.startswith("child") for entry in entries) == 12
        with journal._file.reading("") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        journal.close_file()
        assert not list(tmp_path.glob("*.owner"))

    def test_in_memory_a_child_has_a_copy_and_is_another_owner(self, tmp_path: Path) -> None:
        script = """
journal = journal_in(None)
entry = journal.leaving(journal.open("mine", wish(), NOW)[0], NOW)
child = os.fork()
if child == 0:
    say(journal.find("mine") == entry, [each.state.name for each in journal.adopt(NOW)])
    os._exit(0)
os.waitpid(child, 0)
say(journal.adopt(NOW), journal.close(entry, State.ACCEPTED, NOW).state.name)
"""
        with process(script, tmp_path) as started:
            assert line_of(started) == "True ['UNCERTAIN']"
            assert line_of(started) == "[] ACCEPTED"


def test_threads_share_one_journal(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)

    def work(number: int) -> None:
        for turn in range(5):
            name = f"{number} {turn}"
            entry = journal.leaving(journal.open(name, wish(), NOW)[0], NOW)
            journal.close(entry, State.ACCEPTED, NOW, number=str(1000 + number * 10 + turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(journal.owners(TODAY)) == 40
    assert {entry.state for entry in journal.entries()} == {State.ACCEPTED}
    journal.close_file()
