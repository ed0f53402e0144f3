"""Sending: what is on the disk before anything leaves, and what each end of a sending makes of an entry."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kis_sync import (
    InvalidRequestError,
    JournalError,
    KISBroker,
    KISError,
    Limit,
    Market,
    OrderUncertainError,
    RequestRefusedError,
    RetryPolicy,
)
from kis_sync.clock import SkippingClock
from kis_sync.errors import Reach
from kis_sync.orders import journal as journal_room
from kis_sync.orders.entry import Entry, State
from kis_sync.orders.order import Order
from tests.fake_kis import FakeKIS, ok, refusal
from tests.orders.desk_parts import (
    ListingKIS,
    entries_of,
    journal_of,
    journalling,
    locked,
    states_in,
)
from tests.servers import Action, Request, close, reset, stall, then
from tests.test_caller import REFUSED, UNCERTAIN

ONCE = RetryPolicy(attempts=1)


def buy(broker: KISBroker, name: str | None = "mine") -> Order:
    """A market order: nothing is asked before it."""
    return broker.buy("005930", 1, Market(), name)


class TestOrderOfEvents:
    def test_the_intent_is_on_the_disk_before_anything_is_asked_for_the_order(self, tmp_path: Path) -> None:
        seen: list[tuple[str, list[str]]] = []
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.at_request = lambda request: seen.append((request.name, states_in(tmp_path)))
            order = buy(broker)
            assert seen == [("hashkey", ["intended"]), ("tokenP", ["intended"]), ("order-cash", ["sent"])]
            assert states_in(tmp_path) == ["accepted"]
            assert order.state is State.ACCEPTED
            (entry,) = entries_of(broker)
            assert [event.state.value for event in journal_of(broker).history(entry)] == [
                "intended",
                "sent",
                "accepted",
            ]

    def test_that_it_leaves_is_on_the_disk_before_its_first_byte(self, tmp_path: Path) -> None:
        seen: list[list[str]] = []

        def look_at_first_byte(connection: socket.socket) -> bool:
            connection.recv(1, socket.MSG_PEEK)
            seen.append(states_in(tmp_path))
            return True

        with ListingKIS() as kis, journalling(kis, tmp_path, use_hashkey=False) as broker:
            broker.get_price("005930")
            kis.at_accept.append(look_at_first_byte)
            buy(broker)
        assert seen == [["sent"]]

    def test_a_change_and_a_cancellation_go_the_same_way(self, tmp_path: Path) -> None:
        seen: list[list[str]] = []

        def look(request: Request) -> None:
            if request.name == "order-rvsecncl":
                seen.append(states_in(tmp_path))

        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.at_request = look
            order = broker.buy("005930", 1, Limit(70_000))
            kis.next("order-rvsecncl", ok(output={"ODNO": "0000039001", "KRX_FWDG_ORD_ORGNO": "06010"}))
            kis.next("order-rvsecncl", ok(output={"ODNO": "0000039002", "KRX_FWDG_ORD_ORGNO": "06010"}))
            changed = broker.modify_order(order, price=70_100)
            broker.cancel_order(changed)
        assert seen == [["accepted", "sent"], ["accepted", "accepted", "sent"]]

    def test_what_is_faulty_leaves_no_entry(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            with pytest.raises(InvalidRequestError):
                broker.call("domestic_stock.order_cash", variant="buy", PDNO="005930")
            assert entries_of(broker) == []
            assert kis.requests == []

    def test_each_sending_of_one_order_is_noted(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal("EGW00201"), refusal("EGW00121"))
            buy(broker)
            (entry,) = entries_of(broker)
            states = [event.state for event in journal_of(broker).history(entry)]
        assert kis.count("order-cash") == 3
        assert states == [State.INTENDED, State.SENT, State.SENT, State.SENT, State.ACCEPTED]


class TestEnds:
    @pytest.mark.parametrize("end", UNCERTAIN)
    def test_an_order_that_may_have_run_is_uncertain_and_not_sent_again(
        self, tmp_path: Path, end: str
    ) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=SkippingClock()) as broker:
            kis.next("order-cash", UNCERTAIN[end])
            with pytest.raises(OrderUncertainError) as caught:
                buy(broker)
            (entry,) = entries_of(broker)
            assert (entry.state, entry.number) == (State.UNCERTAIN, "")
            assert entry.reason
            assert caught.value.order is not None
            assert (caught.value.order.client_order_id, caught.value.order.state) == ("mine", State.UNCERTAIN)
            with pytest.raises(OrderUncertainError, match="was sent before"):
                buy(broker)
            assert kis.count("order-cash") == 1
            assert [each.state for each in entries_of(broker)] == [State.UNCERTAIN]

    @pytest.mark.parametrize("code", [*REFUSED, "EGW00304", "EGW00215"])
    def test_a_refusal_is_one_and_frees_the_id(self, tmp_path: Path, code: str) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal(code, "안 됩니다", 200, "7"))
            with pytest.raises(KISError) as caught:
                buy(broker)
            assert caught.value.reach is Reach.REFUSED
            (entry,) = entries_of(broker)
            assert entry.state is State.REFUSED
            assert "안 됩니다" in entry.reason
            assert buy(broker).state is State.ACCEPTED
            assert [each.state for each in entries_of(broker)] == [State.REFUSED, State.ACCEPTED]
            assert kis.count("order-cash") == 2

    @pytest.mark.parametrize(
        ("name", "ends"),
        [
            ("order-cash", [refusal("EGW00201")]),
            ("order-cash", [refusal("EGW00121")] * 2),
            ("hashkey", [reset]),
            ("tokenP", [reset]),
        ],
    )
    def test_what_provably_did_not_run_frees_the_id(
        self, tmp_path: Path, name: str, ends: list[Action]
    ) -> None:
        clock = SkippingClock()
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=clock, retry=ONCE) as broker:
            kis.next(name, *ends)
            with pytest.raises(KISError) as caught:
                buy(broker)
            clock.sleep(100)  # after a refused access token no other is asked for at once
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert [each.state for each in entries_of(broker)] == [State.NOT_EXECUTED]
            assert buy(broker).number == "0000038601"
            assert len(kis.accepted) == 1
            assert [each.state for each in entries_of(broker)] == [State.NOT_EXECUTED, State.ACCEPTED]

    def test_a_connection_that_was_never_made(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, use_hashkey=False, retry=ONCE) as broker:
            broker.get_price("005930")
            kis.listen_no_more()
            with pytest.raises(KISError):
                buy(broker)
            assert [each.state for each in entries_of(broker)] == [State.NOT_EXECUTED]
            kis.listen()
            buy(broker)
            assert kis.count("order-cash") == 1

    def test_one_try_that_did_not_run_proves_nothing_of_the_next(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path, clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal("EGW00201"), reset)
            with pytest.raises(OrderUncertainError):
                buy(broker)
            assert [each.state for each in entries_of(broker)] == [State.UNCERTAIN]

    def test_an_order_whose_answer_was_lost_is_found_by_the_repeat(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.next("order-cash", then(kis.take_last, close))
            with pytest.raises(OrderUncertainError):
                buy(broker)
            kis.hides = True
            with pytest.raises(OrderUncertainError):
                buy(broker)
            kis.hides = False
            order = buy(broker)
            assert (order.number, order.state, kis.count("order-cash")) == (
                "0000038601",
                State.ACCEPTED,
                1,
            )


def interrupt_main_thread(_: object) -> bool:
    """Ctrl-C, while the main thread waits for an answer."""
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)
    return True


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal can be aimed at a thread here")
class TestCtrlC:
    def test_before_it_left_it_never_ran(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.next("hashkey", then(interrupt_main_thread, stall))
            with pytest.raises(KeyboardInterrupt):
                buy(broker)
            (entry,) = entries_of(broker)
            assert (entry.state, kis.count("order-cash")) == (State.NOT_EXECUTED, 0)
            assert "interrupted (KeyboardInterrupt)" in entry.reason
            buy(broker)
            assert kis.count("order-cash") == 1

    def test_after_it_left_it_may_run(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            kis.next("order-cash", then(kis.take_last, interrupt_main_thread, stall))
            with pytest.raises(KeyboardInterrupt):
                buy(broker)
            (entry,) = entries_of(broker)
            assert entry.state is State.UNCERTAIN
            assert "interrupted (KeyboardInterrupt)" in entry.reason
            assert buy(broker).number == "0000038601"
            assert kis.count("order-cash") == 1

    def test_again_while_the_outcome_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody sends this any more, though its process lives: the next look settles it."""
        save = journal_room._save

        def interrupted(connection: object, before: object, after: Entry, at: object) -> None:
            if after.state is State.ACCEPTED:
                monkeypatch.undo()
                raise KeyboardInterrupt
            save(connection, before, after, at)  # type: ignore[arg-type]

        with ListingKIS() as kis, journalling(kis, tmp_path) as broker:
            monkeypatch.setattr(journal_room, "_save", interrupted)
            with pytest.raises(KeyboardInterrupt):
                buy(broker)
            assert states_in(tmp_path) == ["sent"]
            assert [order.number for order in broker.recover().settled] == ["0000038601"]
            assert buy(broker).number == "0000038601"
            assert kis.count("order-cash") == 1


BUSY = 0.05


@contextlib.contextmanager
def impatient(kis: FakeKIS, folder: Path, **changes: Any) -> Iterator[KISBroker]:
    """A broker whose journal waits for no other program to speak of."""
    with journalling(kis, folder, **changes) as broker:
        journal_of(broker)._file._busy_seconds = BUSY
        journal_of(broker).entries()
        yield broker


def fill_the_disk(broker: KISBroker) -> None:
    with journal_of(broker)._file.reading("") as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")


def buy_often(broker: KISBroker) -> None:
    for count in range(200):
        buy(broker, f"{count:0>120}")


def make_room(broker: KISBroker) -> None:
    with journal_of(broker)._file.reading("") as connection:
        connection.execute("PRAGMA max_page_count = 1000000")


class TestAJournalThatFails:
    def test_locked_when_the_intent_is_to_be_written(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, impatient(kis, tmp_path) as broker:
            with locked(tmp_path), pytest.raises(JournalError, match="the order was not sent"):
                buy(broker)
            assert kis.requests == []
            assert entries_of(broker) == []
            buy(broker)
            assert kis.count("order-cash") == 1

    def test_a_full_disk_when_the_intent_is_to_be_written(self, tmp_path: Path) -> None:
        with ListingKIS() as kis, impatient(kis, tmp_path, use_hashkey=False) as broker:
            fill_the_disk(broker)
            with pytest.raises(JournalError, match="the disk is full") as caught:
                buy_often(broker)
            assert caught.value.reach is Reach.NOT_EXECUTED
            count = kis.count("order-cash")
            assert 0 < count < 200
            make_room(broker)
            assert [each.state for each in entries_of(broker)] == [State.ACCEPTED] * count

    def test_locked_when_it_is_about_to_leave(self, tmp_path: Path) -> None:
        with contextlib.ExitStack() as lock, ListingKIS() as kis, impatient(kis, tmp_path) as broker:
            broker.get_price("005930")
            kis.at_request = lambda request: (
                lock.enter_context(locked(tmp_path)) if request.name == "hashkey" else None
            )
            before = kis.connections
            with pytest.raises(JournalError, match="the order was not sent") as caught:
                buy(broker)
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert kis.count("order-cash") == 0
            assert kis.connections == before  # the one of the hash key was there; the order's was never made
            lock.close()
            kis.at_request = lambda request: None
            assert buy(broker).state is State.ACCEPTED
            assert kis.count("order-cash") == 1

    def test_locked_when_the_outcome_is_known(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with contextlib.ExitStack() as lock, ListingKIS() as kis, impatient(kis, tmp_path) as broker:
            kis.at_request = lambda request: (
                lock.enter_context(locked(tmp_path)) if request.name == "order-cash" else None
            )
            with caplog.at_level(logging.WARNING, "kis_sync"):
                order = buy(broker)
            assert (order.number, order.state) == ("0000038601", State.ACCEPTED)
            assert "the order 0000038601 is accepted, but the journal could not be written" in caplog.text
            lock.close()
            kis.at_request = lambda request: None
            assert states_in(tmp_path) == ["sent"]
            recovery = broker.recover()
            assert [each.number for each in recovery.settled] == ["0000038601"]
            assert states_in(tmp_path) == ["accepted"]
            assert buy(broker).number == "0000038601"
            assert kis.count("order-cash") == 1

    def test_locked_when_the_refusal_is_known(self, tmp_path: Path) -> None:
        with contextlib.ExitStack() as lock, ListingKIS() as kis, impatient(kis, tmp_path) as broker:
            kis.next("order-cash", refusal("APBK0952", status=200))
            kis.at_request = lambda request: (
                lock.enter_context(locked(tmp_path)) if request.name == "order-cash" else None
            )
            with pytest.raises(RequestRefusedError):
                buy(broker)
            lock.close()
            kis.at_request = lambda request: None
            with pytest.raises(OrderUncertainError):  # what the journal missed it does not know
                buy(broker)
            assert kis.count("order-cash") == 1
