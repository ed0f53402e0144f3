"""The fuzzer of answers finds what is planted, and finds nothing in a short run."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from kis_sync import KISError, ServerError
from kis_sync.api.domestic_stock.price import Quote
from kis_sync.envelope import Envelope
from kis_sync.errors import Reach
from kis_sync.orders import recovering, sending
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order
from kis_sync.orders.recovery import Evidence, Outcome, Verdict
from kis_sync.transport import Transport
from kis_sync.values import Row
from tests.fuzz import answers, operations, telltale
from tests.fuzz.cases import Case, Runner, make_case
from tests.fuzz.listening import Ear
from tests.fuzz.loopback import STALLS, SocketRunner
from tests.fuzz.operations import Operation
from tests.fuzz.readers import readers, unreached
from tests.fuzz.rig import Exercise, exercises

BUYING = "trading.buy <order"
TRADED = {
    f"trading.{each}"
    for each in (
        "buy", "sell", "send_order", "modify_order", "cancel_order", "cancel_all", "recover",
        "get_pending_orders", "get_executions", "get_order", "settle_order", "wait_for_fill",
    )
}  # fmt: skip


@pytest.fixture
def runner() -> Iterator[Runner]:
    exercises()
    with Ear() as ear:
        yield Runner(ear)


def exercise(name: str) -> Exercise:
    return next(each for each in exercises()[0] if each.name.startswith(name))


def findings(runner: Runner, name: str, count: int = 40) -> str:
    """What is found in cases of one exercise, their answers good or as a case of some number has them."""
    found: list[str] = []
    for index in range(count):
        other = make_case(1, index)
        known = exercise(name)
        draft = known.seeds[known.target].draft() if index % 2 else other.draft
        found += runner.run(Case(1, index, known, draft, None, False, True))
    return "\n".join(found)


class TestPlanted:
    """Each breaks something of the client's, and sees that it is found."""

    def test_nothing_is_found_without(self, runner: Runner) -> None:
        assert findings(runner, "get_price") == ""

    def test_a_foreign_error(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Row, "percent", lambda self, name: self.raw[name + "!"])
        assert "a foreign error came out: KeyError" in findings(runner, "get_price")

    def test_a_secret_in_a_message(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        def percent(self: Row, name: str) -> float:
            raise ServerError(f"unreadable: {telltale.APP_SECRET[20:40]}")

        monkeypatch.setattr(Row, "percent", percent)
        assert "the app secret is told by ServerError" in findings(runner, "get_price")

    def test_a_secret_in_a_suppressed_context(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        def whole(self: Row, name: str) -> int:
            try:
                return int(telltale.ACCOUNT + "x")
            except ValueError:
                raise ServerError("unreadable") from None

        monkeypatch.setattr(Row, "whole", whole)
        assert "the account number is told by ServerError" in findings(runner, "get_price")

    def test_secrets_that_are_not_concealed(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(KISError, "conceal", lambda self, hide: None)
        assert "is told by" in findings(runner, "get_price", 600)

    def test_a_secret_in_a_log(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        real: Callable[..., Any] = Transport._opened

        def logged(self: Transport, *args: Any) -> Envelope:
            logging.getLogger("kis_sync").info("the key is %s", self._settings.app_key)
            return real(self, *args)  # type: ignore[no-any-return]

        monkeypatch.setattr(Transport, "_opened", logged)
        assert "the app key is told by what was logged" in findings(runner, "get_price")

    @pytest.mark.parametrize(
        ("value", "told"), [(True, "is bool"), (float("nan"), "is float"), ("1", "is str")]
    )
    def test_a_value_of_another_type(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch, value: object, told: str
    ) -> None:
        monkeypatch.setattr(Row, "amount", lambda self, name: value)
        assert f"Quote.volume {told}" in findings(runner, "get_price")

    def test_a_negative_amount(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Row, "amount", lambda self, name: -5)
        assert "Quote.volume is negative" in findings(runner, "get_price")

    def test_a_raw_answer_in_a_repr(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Quote, "__repr__", lambda self: f"Quote({telltale.APP_KEY})")
        assert "the app key is told by the repr of Quote" in findings(runner, "get_price")

    def test_an_order_that_counts_as_refused(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ServerError, "default_reach", Reach.REFUSED)
        assert "counts as not executed for no reason" in findings(runner, BUYING, 100)

    def test_an_order_that_is_sent_again(self, runner: Runner) -> None:
        known = exercise(BUYING)
        ask = known.operation.ask
        twice = Operation("buy", lambda client: (ask(client), ask(client))[1])
        draft = known.seeds[known.target].draft()
        case = Case(1, 1, Exercise(twice, known.target, known.seeds), draft, None, False, False)
        assert runner.judge(case)[1] == ["the order was sent 2 times"]

    def test_an_order_that_left_without_a_record(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Journal, "leaving", lambda self, entry, at: entry)
        assert "1 orders left, but 0 are on record as sent" in findings(runner, BUYING, 2)

    def test_an_uncertain_order_on_record_as_refused(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "_state_after", lambda error: State.REFUSED)
        found = findings(runner, BUYING, 40)
        assert "1 orders were told to be uncertain, 0 are on record as such" in found
        assert "(maybe executed) was raised, but the order is on record as refused" in found

    def test_a_refused_order_on_record_as_uncertain(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "_state_after", lambda error: State.UNCERTAIN)
        assert "(refused) was raised, but the order is on record as uncertain" in findings(
            runner, BUYING, 100
        )

    def test_an_order_that_is_left_as_sent(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Journal, "close", lambda self, entry, *_, **__: entry)
        assert "an order was left on record as sent" in findings(runner, BUYING, 2)

    def test_another_state_than_came_out(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Order.journalled

        def filled(*args: Any, **more: Any) -> Order:
            return replace(real(*args, **more), state=State.FILLED)

        monkeypatch.setattr(Order, "journalled", filled)
        assert "an order came out as filled with number" in findings(runner, BUYING, 2)

    def test_a_resting_order_that_is_believed_not_to_have_run(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_ran(entries: list[Entry], evidence: Evidence) -> list[Verdict]:
            return [Verdict(each, Outcome.NOT_EXECUTED, None, "not seen") for each in entries]

        monkeypatch.setattr(recovering, "settle", none_ran)
        assert "an order that rests became 'not executed'" in findings(runner, "trading.recover <", 2)

    def test_a_secret_on_record(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ServerError, "__str__", lambda self: telltale.APP_SECRET)
        assert "the app secret is told by the journal" in findings(runner, BUYING)

    def test_a_client_that_is_poisoned(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Transport, "server_offset", lambda self: 1 / 0)
        assert "after that answer the client raised ZeroDivisionError" in findings(runner, "get_price")

    def test_a_client_that_hangs_on_a_head(self) -> None:
        """That one costs its time-out: the cases over sockets hold answers whose head never ends."""
        known = exercise("get_price")  # which gives up
        with Ear() as ear, SocketRunner(ear) as runner:
            drips = next(index for index in range(5000) if _drips(index))
            case = Case(1, drips, known, known.seeds[known.target].draft(), None, False, False)
            assert runner.judge(case) == ("NetworkError", [])


def _drips(index: int) -> bool:
    return random.Random(f"1:{index}:manner").random() < STALLS


class TestDiscovery:
    def test_every_typed_call_and_every_api_is_exercised(self) -> None:
        typed, by_name = exercises()
        names = {each.operation.name for each in typed}
        assert TRADED | {"get_price", "get_order_book", "get_balance", "revoke"} <= names
        assert {"tokenP", "hashkey"} <= {each.target.rpartition("/")[2] for each in typed}
        assert len(by_name) > 250

    def test_every_reader_is_reached(self) -> None:
        assert "kis_sync.api.domestic_stock.price.Quote.read" in readers().values()
        assert unreached([*exercises()[0], exercises()[1][0]]) == []

    def test_a_reader_that_is_not_reached_is_told(self) -> None:
        assert "kis_sync.api.domestic_stock.price.Quote.read" in unreached(exercises()[1][:1])

    def test_a_call_with_an_unknown_argument_is_told(self) -> None:
        def get_something(caller: object, colour: str) -> None:
            """Not of the API."""

        with pytest.raises(LookupError, match="no argument for"):
            operations._arguments(get_something)


class TestShort:
    def test_no_finding_in_process(self, runner: Runner) -> None:
        for index in range(500):
            assert runner.run(make_case(99, index)) == [], f"99:{index}"
        assert runner.tally.cases == 500
        assert {kind for _, kind in runner.tally.outcomes} >= {
            "success",
            "ServerError",
            "OrderUncertainError",
        }

    def test_no_finding_over_sockets(self) -> None:
        with Ear() as ear, SocketRunner(ear) as runner:
            for index in range(60):
                assert runner.run(make_case(98, index)) == [], f"98:{index}"

    def test_the_script_tells_what_it_did(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert answers.main(["--short", "--count", "120", "--sockets", "10", "--seed", "3"]) == 0
        told = capsys.readouterr().out
        assert "120 mutated answers" in told
        assert "findings: 0" in told

    def test_the_script_fails_on_a_finding(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Row, "percent", lambda self, name: self.raw[name + "!"])
        assert answers.main(["--short", "--count", "60", "--sockets", "0", "--seed", "3"]) == 1
        told = capsys.readouterr().out
        assert "a foreign error came out: KeyError" in told
        replay = told.partition("--replay ")[2].split()[0]
        assert answers.main(["--replay", replay]) == 1
