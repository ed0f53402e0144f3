"""One case after the other: an answer is mutated, asked for, and what came out is judged.

A case is a function of the seed and its index alone, so that a finding can be run again. This room changes
when a case is made, or judged, in another way.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from kis_sync import KISError, Settings
from kis_sync.connections import Connections
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.trading import Cancellations
from tests.fuzz import judging
from tests.fuzz.answer_mutations import Draft, generic, mutated
from tests.fuzz.client import Client, StepClock, client_on, settings
from tests.fuzz.listening import Ear
from tests.fuzz.memory import MemoryConnections
from tests.fuzz.records import Books, put_on_record
from tests.fuzz.rig import HASH_PATH, TOKEN_PATH, Exercise, Server, exercises, sends_order

_BY_NAME = 0.15  # of the cases go to an API by its name, the others to the typed calls
_ALL_OF_THE_TRACE = 0.02  # of the errors are printed with their whole traceback
_MOST_KEPT = 50
_LATER = 3600.0  # seconds after which the same client is asked again


@dataclass(frozen=True)
class Case:
    """What is asked for, and the answer that is given."""

    seed: int
    index: int
    exercise: Exercise
    draft: Draft
    follow_up: Exercise | None
    retries: bool
    whole_trace: bool


def make_case(seed: int, index: int) -> Case:
    """The case of that number."""
    rng = random.Random(f"{seed}:{index}")
    typed, by_name = exercises()
    exercise = rng.choice(by_name if rng.random() < _BY_NAME else typed)
    good = exercise.seeds[exercise.target]
    start = rng.random()
    if start < 0.7:
        body = good.body
    elif start < 0.9:
        body = generic(rng)
    else:
        other = rng.choice(typed)
        body = other.seeds[other.target].body
    draft = mutated(rng, body, list(good.headers), good.status)
    asks_again = "headers" in draft.kinds and rng.random() < 0.5
    return Case(
        seed,
        index,
        exercise,
        draft,
        rng.choice(typed) if asks_again else None,
        rng.random() < 0.05,
        rng.random() < _ALL_OF_THE_TRACE,
    )


@dataclass(frozen=True)
class Finding:
    """A promise that was not kept; ``replay`` runs the case again."""

    seed: int
    index: int
    name: str
    what: str

    @property
    def replay(self) -> str:
        return f"python -m tests.fuzz.answers --replay {self.seed}:{self.index}"


@dataclass
class Tally:
    """What came of many cases."""

    cases: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    found: int = 0

    def add(self, other: Tally) -> None:
        """Take in another tally."""
        self.cases += other.cases
        self.outcomes += other.outcomes
        self.mutations += other.mutations
        self.findings += other.findings[: _MOST_KEPT - len(self.findings)]
        self.found += other.found


class Runner:
    """Runs cases in process."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self._server = Server()
        self._connections: Connections = MemoryConnections(
            settings(), self._server.script, self._server.shortcut
        )
        self._base_url = "http://127.0.0.1:1"
        self.tally = Tally()

    def run(self, case: Case) -> list[str]:
        """The findings of one case, which are counted too."""
        outcome, findings = self.judge(case)
        tally = self.tally
        tally.cases += 1
        tally.outcomes[case.exercise.name if case.exercise.operation.is_typed else "call NAME", outcome] += 1
        tally.mutations.update(case.draft.kinds)
        for what in findings:
            self.find(case, what)
        return findings

    def find(self, case: Case, what: str) -> None:
        """Count a finding, and keep it if there is room."""
        self.tally.found += 1
        if len(self.tally.findings) < _MOST_KEPT:
            self.tally.findings.append(Finding(case.seed, case.index, case.exercise.name, what))

    def _client(self, case: Case, clock: StepClock) -> Client:
        known = settings_of(case.retries, case.exercise.target == HASH_PATH, self._base_url)
        has_token = case.exercise.target != TOKEN_PATH
        return client_on(known, self._connections, has_token=has_token, clock=clock)

    def judge(self, case: Case) -> tuple[str, list[str]]:
        """How the case ended, and its findings."""
        self._ear.listen_from(logging.DEBUG if case.index % 8 == 0 else logging.WARNING)
        self._server.set(case.exercise, case.draft)
        clock = StepClock()
        client = self._client(case, clock)
        try:
            outcome, findings = ask(case, client, lambda: self._server.requests)
            for text in self._ear.heard():
                findings += judging.leaks("what was logged", text, case.exercise.unknown)
            clock.sleep(_LATER)
            findings += self._poisoned(case, client)
        finally:
            client.close()
        return outcome, findings

    def _poisoned(self, case: Case, client: Client) -> Iterator[str]:
        """What is wrong with the same client afterwards, when all answers are good again."""
        follow_up = case.follow_up
        try:
            client.now()
            if follow_up is not None:
                self._server.set(follow_up, None)
                follow_up.operation.ask(client)
        except KISError as error:
            if follow_up is None or not follow_up.operation.trades:  # the hour may be another by now
                yield from judging.refused_by_us(error)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
            yield f"after that answer the client raised {type(error).__name__}: {error}"


@cache
def settings_of(retries: bool, hashed: bool, base_url: str) -> Settings:
    """Settings for a case; a hash key costs a call more, so it is asked for only where it is mutated."""
    return settings(base_url, attempts=3 if retries else 1, hashed=hashed, timeout=0.5)


def ask(case: Case, client: Client, requests: Callable[[], Sequence[str]]) -> tuple[str, list[str]]:
    """Ask for what the case asks for; how it ended, and what was wrong with it and with the journal then.

    ``requests`` are the paths that were asked for so far.
    """
    exercise = case.exercise
    books = None
    if exercise.operation.trades:
        if exercise.operation.is_typed:
            put_on_record(client)
        books = Books(client)
    outcome: object
    try:
        outcome = exercise.operation.ask(client)
        findings = _findings_of_value(case, outcome, requests)
    except Exception as error:  # noqa: BLE001  (every error is judged)
        outcome = error
        findings = _findings_of_error(case, error, requests)
    if books is not None:
        orders = sum(map(sends_order, requests()))
        may_repeat = exercise.is_order and judging.may_repeat(case.draft.body)
        findings += books.findings(
            outcome,
            orders,
            may_repeat=may_repeat,
            by_hand=exercise.operation.is_by_hand,
            unknown=exercise.unknown,
        )
    if isinstance(outcome, BaseException):
        outcome.__traceback__ = None
        return type(outcome).__name__, findings
    return "success", findings


def _findings_of_error(case: Case, error: Exception, requests: Callable[[], Sequence[str]]) -> list[str]:
    exercise = case.exercise
    findings = list(judging.error_findings(error, exercise.unknown))
    if exercise.is_judged_by and isinstance(error, InvalidRequestError):
        # The desk may refuse for what it read, and tells the numbers of it.
        findings = [each for each in findings if not each.startswith("the account number")]
    else:
        findings += judging.refused_by_us(error)
    if exercise.is_order:
        findings += judging.order_findings(error, requests().count(exercise.target), case.draft.body)
    if case.whole_trace:
        trace = "".join(traceback.format_exception(error))
        findings += judging.leaks("the traceback", trace, exercise.unknown)
    return findings


def _findings_of_value(case: Case, value: object, requests: Callable[[], Sequence[str]]) -> list[str]:
    findings = [*judging.value_findings(value), *judging.raw_findings(value)]
    failed = value.failed if isinstance(value, Cancellations) else ()
    for _, error in failed:
        findings += judging.error_findings(error, case.exercise.unknown)
        if case.exercise.is_order:
            findings += judging.order_error_findings(error, case.draft.body)
    if case.exercise.is_order and not isinstance(value, Cancellations):  # which sends several orders
        findings += judging.sent_findings(requests().count(case.exercise.target), case.draft.body)
    return findings
