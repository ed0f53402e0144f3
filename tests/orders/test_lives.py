"""One wish, one order: from many threads, many processes, and after kill -9 in every state."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kis_sync import (
    InvalidRequestError,
    KISBroker,
    Limit,
    Market,
    OrderUncertainError,
)
from kis_sync.orders.entry import State
from kis_sync.orders.order import Order
from tests.fake_kis import in_threads, refusal
from tests.orders.desk_parts import (
    Arrival,
    ListingKIS,
    entries_of,
    journalling,
    other_process,
    states_in,
    world,
)
from tests.orders.journal_parts import go, line_of
from tests.servers import pause, stall, then

needs_kill = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
BUY = "broker.buy('005930', 1, Market(), 'mine')"


@pytest.fixture
def kis() -> Iterator[ListingKIS]:
    with ListingKIS() as started:
        yield started


class TestThreads:
    def test_of_thirty_two_that_send_one_wish_one_sends_it(self, tmp_path: Path, kis: ListingKIS) -> None:
        orders: list[Order] = []
        with journalling(kis, tmp_path) as broker:
            kis.next("order-cash", then(pause(0.1), kis.script_of_order))
            raised = in_threads(32, lambda: orders.append(broker.buy("005930", 1, Market(), "mine")))
            assert raised == []
            assert {order.number for order in orders} == {"0000038601"}
            assert len(orders) == 32
            assert kis.count("order-cash") == 1
            assert [entry.state for entry in entries_of(broker)] == [State.ACCEPTED]

    def test_of_several_brokers_too(self, tmp_path: Path, kis: ListingKIS) -> None:
        numbers: list[str] = []
        settings = kis.settings(keep_journal=True, data_dir=tmp_path)
        with ExitStack() as stack:
            brokers = [stack.enter_context(KISBroker(settings)) for _ in range(4)]
            works = [
                lambda broker=broker: numbers.append(broker.buy("005930", 1, Market(), "mine").number)
                for broker in brokers
            ]
            assert in_threads(3, *works) == []
        assert set(numbers) == {"0000038601"}
        assert kis.count("order-cash") == 1

    def test_different_wishes_do_not_hold_each_other_up(self, tmp_path: Path, kis: ListingKIS) -> None:
        with journalling(kis, tmp_path) as broker:
            names = iter(range(16))
            works = in_threads(16, lambda: broker.buy("005930", 1, Market(), f"wish {next(names)}"))
            assert works == []
            assert kis.count("order-cash") == 16
            assert len({entry.number for entry in entries_of(broker)}) == 16


class TestProcesses:
    def test_of_four_that_send_one_wish_one_sends_it(self, tmp_path: Path, kis: ListingKIS) -> None:
        settings = kis.settings(data_dir=tmp_path)
        kis.next("order-cash", then(pause(0.2), kis.script_of_order))
        script = f"say('ready')\nwait()\nsay({BUY}.number)"
        with ExitStack() as stack:
            started = [stack.enter_context(other_process(settings, script)) for _ in range(4)]
            assert {line_of(each) for each in started} == {"ready"}
            for each in started:
                go(each)
            assert [line_of(each) for each in started] == ["0000038601"] * 4
        assert kis.count("order-cash") == 1
        assert states_in(tmp_path) == ["accepted"]

    def test_keep_to_the_most_won_a_day_together(self, tmp_path: Path, kis: ListingKIS) -> None:
        settings = kis.settings(data_dir=tmp_path)
        script = """
say("ready")
wait()
sent = 0
for number in range(4):
    try:
        sent += bool(broker.buy("005930", 1, Limit(70_000)).number)
    except InvalidRequestError as error:
        assert "of the day's most of 350,000 won" in error.message, error
say(sent)
"""
        with ExitStack() as stack:
            started = [
                stack.enter_context(other_process(settings, script, most_won_a_day=350_000)) for _ in range(2)
            ]
            assert {line_of(each) for each in started} == {"ready"}
            for each in started:
                go(each)
            sent = [int(line_of(each)) for each in started]
        assert sum(sent) == len(kis.accepted) == 5
        assert states_in(tmp_path) == ["accepted"] * 5


def arrived_and_taken(kis: ListingKIS) -> None:
    """Wait until the order that arrived is carried out."""
    until = time.monotonic() + 20
    while not kis.taken and time.monotonic() < until:
        time.sleep(0.001)
    assert kis.taken


@needs_kill
class TestKill:
    """Killed on the way, and then the same wish again from another process: this one."""

    def killed(self, kis: ListingKIS, folder: Path, script: str) -> None:
        with other_process(kis.settings(data_dir=folder), f"{script}\n{BUY}\nsay('alive')") as started:
            assert line_of(started) == ""
            started.wait(20)

    def test_before_it_left_it_is_sent_anew(self, tmp_path: Path, kis: ListingKIS) -> None:
        self.killed(kis, tmp_path, "die_after(Journal, 'open')")
        assert states_in(tmp_path) == ["intended"]
        with journalling(kis, tmp_path) as broker:
            assert broker.buy("005930", 1, Market(), "mine").state is State.ACCEPTED
            first, second = entries_of(broker)
            assert (first.state, first.reason) == (
                State.NOT_EXECUTED,
                "its process ended before the order left",
            )
            assert (second.state, second.client_order_id) == (State.ACCEPTED, "mine")
        assert kis.count("order-cash") == 1

    def test_while_it_asks_for_what_comes_before_the_order(self, tmp_path: Path, kis: ListingKIS) -> None:
        kis.next("hashkey", stall)
        kis.at_request = arrival = Arrival("hashkey")
        with other_process(kis.settings(data_dir=tmp_path), BUY) as started:
            arrival.wait()
            assert states_in(tmp_path) == ["intended"]
            started.kill()
            started.wait(20)
        with journalling(kis, tmp_path) as broker:
            broker.buy("005930", 1, Market(), "mine")
        assert kis.count("order-cash") == 1
        assert states_in(tmp_path) == ["not executed", "accepted"]

    def test_just_before_its_bytes_it_is_uncertain(self, tmp_path: Path, kis: ListingKIS) -> None:
        self.killed(
            kis, tmp_path, "broker.get_price('005930')\nhashkey = broker._caller._hashkey\n"
            "def then_die(body):\n    die_before(Transport, '_exchange')\n    return '0' * 64\n"
            "broker._caller._hashkey = then_die",
        )  # fmt: skip
        assert states_in(tmp_path) == ["sent"]
        assert kis.count("order-cash") == 0
        with journalling(kis, tmp_path) as broker:
            with pytest.raises(OrderUncertainError, match="these lists may lack orders"):
                broker.buy("005930", 1, Market(), "mine")
            (entry,) = entries_of(broker)
            assert entry.state is State.UNCERTAIN
            settled = broker.settle_order("mine", number=None)
            assert settled.state is State.NOT_EXECUTED
            broker.buy("005930", 1, Market(), "mine")
        assert kis.count("order-cash") == 1

    @pytest.mark.parametrize("way", ["while it waits for the answer", "before it keeps the answer"])
    def test_after_it_ran_it_is_found_by_the_repeat(self, tmp_path: Path, kis: ListingKIS, way: str) -> None:
        if way == "before it keeps the answer":
            self.killed(kis, tmp_path, "die_before(Journal, 'close')")
        else:
            kis.next("order-cash", then(kis.take_last, stall))
            kis.at_request = arrival = Arrival("order-cash")
            with other_process(kis.settings(data_dir=tmp_path), BUY) as started:
                arrival.wait()
                arrived_and_taken(kis)
                started.kill()
                started.wait(20)
        assert states_in(tmp_path) == ["sent"]
        with journalling(kis, tmp_path) as broker:
            kis.hides = True
            with pytest.raises(OrderUncertainError):
                broker.buy("005930", 1, Market(), "mine")
            kis.hides = False
            order = broker.buy("005930", 1, Market(), "mine")
            assert (order.number, order.state) == ("0000038601", State.ACCEPTED)
        assert kis.count("order-cash") == 1
        assert states_in(tmp_path) == ["accepted"]

    def test_after_the_answer_is_kept_the_repeat_asks_nobody(self, tmp_path: Path, kis: ListingKIS) -> None:
        self.killed(kis, tmp_path, "die_after(Journal, 'close')")
        assert states_in(tmp_path) == ["accepted"]
        before = len(kis.requests)
        with journalling(kis, tmp_path) as broker:
            assert broker.buy("005930", 1, Market(), "mine").number == "0000038601"
        assert len(kis.requests) == before

    def test_after_a_refusal_the_id_is_free(self, tmp_path: Path, kis: ListingKIS) -> None:
        kis.next("order-cash", refusal("APBK0952", status=200))
        self.killed(kis, tmp_path, "die_after(Journal, 'close')")
        with journalling(kis, tmp_path) as broker:
            broker.buy("005930", 1, Market(), "mine")
        assert kis.count("order-cash") == 2
        assert states_in(tmp_path) == ["refused", "accepted"]

    def test_one_that_lives_is_waited_for(self, tmp_path: Path, kis: ListingKIS) -> None:
        """Its entry stands at sent, and is neither adopted nor sent a second time."""
        kis.next("order-cash", then(pause(0.5), kis.script_of_order))
        kis.at_request = arrival = Arrival("order-cash")
        with other_process(kis.settings(data_dir=tmp_path), f"say({BUY}.number)") as started:
            arrival.wait()
            with journalling(kis, tmp_path) as broker:
                assert broker.buy("005930", 1, Market(), "mine").number == "0000038601"
            assert line_of(started) == "0000038601"
        assert kis.count("order-cash") == 1


class TestAnotherWish:
    @pytest.mark.parametrize(
        "other",
        [
            ("buy", "005930", 2, Limit(70_000), "KRX"),
            ("buy", "005930", 1, Limit(70_100), "KRX"),
            ("buy", "005930", 1, Limit(70_000, "IOC"), "KRX"),
            ("buy", "005930", 1, Market(), "KRX"),
            ("buy", "000660", 1, Limit(70_000), "KRX"),
            ("buy", "005930", 1, Limit(70_000), "NXT"),
            ("sell", "005930", 1, Limit(70_000), "KRX"),
        ],
    )
    def test_under_a_known_id_is_refused_and_nothing_is_sent(
        self, tmp_path: Path, kis: ListingKIS, other: tuple[str, str, int, Market, str]
    ) -> None:
        way, code, quantity, kind, exchange = other
        with journalling(kis, tmp_path, mode="live", allow_live_orders=True) as broker:
            broker.buy("005930", 1, Limit(70_000), "mine")
            before = len(kis.requests)
            with pytest.raises(InvalidRequestError, match="'mine' already names another order"):
                getattr(broker, way)(code, quantity, kind, "mine", exchange=exchange)
            assert len(kis.requests) == before
            assert states_in(tmp_path) == ["accepted"]

    def test_that_comes_in_the_same_moment_too(self, tmp_path: Path, kis: ListingKIS) -> None:
        kis.next("order-cash", then(pause(0.1), kis.script_of_order))
        with journalling(kis, tmp_path) as broker:
            raised = in_threads(
                1,
                lambda: broker.buy("005930", 1, Market(), "mine"),
                lambda: broker.buy("005930", 2, Market(), "mine"),
            )
        assert [type(error) for error in raised] == [InvalidRequestError]
        assert kis.count("order-cash") == 1


class TestOnTheExchange:
    """The same over the simulator: one client dies with its order under way, the next one finds it."""

    @pytest.mark.parametrize("mode", ["live", "paper"])
    @pytest.mark.parametrize("fault", ["drop_after", "half_body", "status_500_after", "EGW00302_after"])
    def test_an_order_that_ran_is_found(self, tmp_path: Path, mode: str, fault: str) -> None:
        with world(tmp_path, mode) as made:
            broker = made.client()
            made.sim.faults.next("domestic_stock.order_cash", fault)
            with pytest.raises(OrderUncertainError):
                broker.buy("005930", 1, Market(), "mine")
            order = made.client().buy("005930", 1, Market(), "mine")
            assert [int(order.number)] == [each.number for each in made.orders()]
            assert order.filled == 1

    def test_one_that_did_not_run_is_sent_again_when_that_is_certain(self, tmp_path: Path) -> None:
        with world(tmp_path) as made:
            broker = made.client()
            made.sim.faults.next("domestic_stock.order_cash", "drop_before")
            with pytest.raises(OrderUncertainError):
                broker.buy("005930", 1, Market(), "mine")
            with pytest.raises(OrderUncertainError, match="complete lists lack it"):
                broker.buy("005930", 1, Market(), "mine")
            recovery = broker.recover(wait=True)
            assert [order.state for order in recovery.settled] == [State.NOT_EXECUTED]
            assert made.orders() == []
            assert broker.buy("005930", 1, Market(), "mine").state is State.ACCEPTED
            assert len(made.orders()) == 1
