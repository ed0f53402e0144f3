"""The journal against a model in memory, in any order of calls: nothing is doubled, lost, or goes back."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from kis_sync.errors import InvalidRequestError, JournalError
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.journal import Journal
from kis_sync.orders.likeness import SKEW
from tests.orders.journal_parts import NOW, TODAY, journal_in, wish
from tests.thoroughness import examples

MOST = 60
FREED = (State.REFUSED, State.NOT_EXECUTED)
OUTCOMES = [state for state in State if state not in (State.INTENDED, State.SENT)]

# Written a second time on purpose: what may follow what. Lists leave no final state but one: a cancellation
# that came too late.
AFTER: dict[State, set[State]] = {
    State.INTENDED: {State.SENT, *OUTCOMES},
    State.SENT: set(OUTCOMES),
    State.UNCERTAIN: set(OUTCOMES),
    State.ACCEPTED: {State.PARTLY_FILLED, State.FILLED, State.CANCELLED, State.REFUSED},
    State.PARTLY_FILLED: {State.FILLED, State.CANCELLED},
    State.FILLED: set(),
    State.CANCELLED: {State.FILLED},
    State.REFUSED: set(),
    State.NOT_EXECUTED: {State.ACCEPTED},  # by KIS's own answer only
}


@dataclass
class Known:
    name: str
    quantity: int
    sender: int
    state: State = State.INTENDED
    filled: int = 0
    number: str = ""


class JournalMachine(RuleBasedStateMachine):
    """Two processes' journals on one file; either may go at any moment, and another takes its place."""

    entries: Bundle[int] = Bundle("entries")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal-"))
        self.senders = [0, 1]
        self.started = 2
        self.journals = [journal_in(self.folder) for _ in self.senders]
        self.model: dict[int, Known] = {}
        self.seen: set[int] = set()
        self.now: datetime = NOW

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for journal in self.journals:
                journal.close_file()
            shutil.rmtree(self.folder)

    def living(self, name: str) -> int | None:
        found = [
            each for each, known in self.model.items() if known.name == name and known.state not in FREED
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def stands(self, entry_id: int) -> Entry:
        found = self.journals[0].entry(entry_id)
        assert found is not None
        return found

    def ended_before(self, other: int, entry_id: int) -> bool:
        """Whether the other's order had been answered when this one's was sent."""
        ended, entry = self.stands(other).ended_at, self.stands(entry_id)
        return ended is not None and ended < (entry.sent_at or entry.intended_at) - SKEW

    def journal_of(self, sender: int) -> Journal | None:
        return self.journals[self.senders.index(sender)] if sender in self.senders else None

    @rule(target=entries, at=st.integers(0, 1), name=st.sampled_from("abc"), quantity=st.integers(1, 2))
    def open(self, at: int, name: str, quantity: int) -> int:
        living = self.living(name)
        taken = sum(10 * each.quantity for each in self.model.values() if each.state not in FREED)
        self.now += timedelta(seconds=1)
        try:
            entry, is_new = self.journals[at].open(name, wish(quantity, 10), self.now, most_won_a_day=MOST)
        except InvalidRequestError:
            if living is None:
                assert taken + 10 * quantity > MOST
                return min(self.model)
            assert self.model[living].quantity != quantity
            return living
        assert is_new == (living is None)
        if is_new:
            assert taken + 10 * quantity <= MOST
            assert entry.id not in self.model
            self.model[entry.id] = Known(name, quantity, self.senders[at])
        else:
            assert living == entry.id
            assert self.model[entry.id].quantity == quantity
        return entry.id

    @rule(at=st.integers(0, 1), entry_id=entries)
    def leave(self, at: int, entry_id: int) -> None:
        known = self.model[entry_id]
        may = known.sender == self.senders[at] and known.state in (State.INTENDED, State.SENT)
        try:
            self.journals[at].leaving(self.stands(entry_id), self.now)
        except JournalError:
            assert not may
        else:
            assert may
            known.state = State.SENT

    @rule(
        at=st.integers(0, 1),
        entry_id=entries,
        state=st.sampled_from(OUTCOMES),
        number=st.sampled_from(["", "1", "002", "3"]),
    )
    def close(self, at: int, entry_id: int, state: State, number: str) -> None:
        known = self.model[entry_id]
        is_taken = any(
            number
            and each.number
            and int(each.number) == int(number)
            and not self.ended_before(other, entry_id)
            for other, each in self.model.items()
            if other != entry_id
        )
        try:
            after = self.journals[at].close(self.stands(entry_id), state, self.now, number=number)
        except JournalError:
            is_reused = self.living(known.name) not in (entry_id, None)
            assert state not in AFTER[known.state] or is_reused or (state in FREED and known.filled)
            return
        self.moved(known, after, state)
        if is_taken and known.number == "" and after.number:
            assert known.state in (State.INTENDED, State.SENT)
        known.state, known.number = after.state, after.number

    @rule(
        at=st.integers(0, 1),
        entry_id=entries,
        state=st.sampled_from([None, *OUTCOMES]),
        filled=st.integers(0, 3),
        number=st.sampled_from(["", "1", "2"]),
    )
    def note(self, at: int, entry_id: int, state: State | None, filled: int, number: str) -> None:
        known = self.model[entry_id]
        before = self.stands(entry_id)
        try:
            after = self.journals[at].note(before, self.now, state=state, filled=filled, number=number)
        except JournalError:
            is_other = bool(number and known.number and int(number) != int(known.number))
            assert is_other or (state in FREED and max(filled, known.filled))
            return
        if before.state.is_final:
            assert after.state in (before.state, *AFTER[before.state])
        self.moved(known, after, state or known.state)
        assert after.filled == max(known.filled, filled)
        known.state, known.number, known.filled = after.state, after.number, after.filled

    def moved(self, known: Known, after: Entry, told: State) -> None:
        assert after.state in (known.state, told)
        assert after.state is known.state or after.state in AFTER[known.state]
        if known.number:
            assert after.number == known.number

    @precondition(lambda self: bool(self.started < 6))
    @rule(at=st.integers(0, 1))
    def restart(self, at: int) -> None:
        self.journals[at].close_file()
        self.journals[at] = journal_in(self.folder)
        self.senders[at] = self.started
        self.started += 1

    @rule(at=st.integers(0, 1))
    def adopt(self, at: int) -> None:
        expected = {}
        for entry_id, known in self.model.items():
            if known.sender not in self.senders and known.state in (State.INTENDED, State.SENT):
                is_sent = known.state is State.SENT
                expected[entry_id] = known.state = State.UNCERTAIN if is_sent else State.NOT_EXECUTED
        assert {entry.id: entry.state for entry in self.journals[at].adopt(self.now)} == expected

    @rule(at=st.integers(0, 1), numbers=st.sets(st.integers(0, 9), max_size=3))
    def learn(self, at: int, numbers: set[int]) -> None:
        self.journals[at].learn(numbers, TODAY)
        self.seen |= numbers

    @rule(entry_id=consumes(entries))
    def forget(self, entry_id: int) -> None:
        """So that later rules see younger entries more often."""

    @invariant()
    def both_see_the_same_as_the_model(self) -> None:
        if not hasattr(self, "folder"):
            return
        for journal in self.journals:
            found = {
                each.id: (each.client_order_id, each.state, each.filled, each.number)
                for each in journal.entries()
            }
            worth = sum(10 * each.quantity for each in self.model.values() if each.state not in FREED)
            assert journal.worth_of(TODAY) == worth
            assert found == {
                entry_id: (known.name, known.state, known.filled, known.number)
                for entry_id, known in self.model.items()
            }
            assert set(journal.owners(TODAY)) == {
                int(each.number) for each in self.model.values() if each.number
            }
            assert journal.known_before(10**9, TODAY) == self.seen
        for name in "abc":
            living, entry = self.living(name), self.journals[0].find(name)
            assert living is None or (entry is not None and entry.id == living)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=examples(12), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
