"""One slot for each exchange, whatever it is for; held on where the server may still count the call."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from kis_sync import KISBroker, KISError, RetryPolicy
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import ManualClock, SkippingClock
from kis_sync.envelope import Envelope
from kis_sync.errors import AuthenticationError, BrokerClosedError, NetworkError
from kis_sync.transport import Transport
from tests.fake_kis import FakeKIS, access_token, ok, refusal
from tests.servers import Action, answer, close, reset, stall

ONCE = RetryPolicy(attempts=1)
WINDOW = 1.002  # seconds for which a slot cools: the window and the guard for clock drift
HELD = WINDOW + 2.0 + 1.0  # and longer by the time-out of these tests and a second


def standing(kis: FakeKIS, **changes: object) -> KISBroker:
    """A broker whose time stands still, ready to send: it has its access token, and its slots are free."""
    clock = ManualClock()
    kis.clock = clock
    broker = KISBroker(kis.settings(**{"burst": 1000, "retry": ONCE, **changes}), clock=clock)
    threads, raised = _start(1, lambda: broker.get_price("005930"))
    _advance_until_done(broker, threads[0])
    assert raised == []
    clock.advance(60)
    assert taken(broker) == (0, 0)
    return broker


def taken(broker: KISBroker) -> tuple[int, int]:
    """The slots that are in flight, and those that are not free yet."""
    stats = broker.bucket.stats
    return stats.in_flight, stats.cooling


def is_free_after(broker: KISBroker, seconds: float) -> None:
    """Check that the slots come free after just that time."""
    clock = broker.clock
    assert isinstance(clock, ManualClock)
    assert taken(broker) == (0, 1)
    clock.advance(seconds - 0.01)
    assert taken(broker) == (0, 1)
    clock.advance(0.02)
    assert taken(broker) == (0, 0)


class TestHolding:
    def test_an_answer_frees_the_slot_after_a_window(self) -> None:
        with FakeKIS() as kis, standing(kis) as broker:
            broker.get_price("005930")
            is_free_after(broker, WINDOW)

    @pytest.mark.parametrize("refused", [refusal("EGW00316"), answer(b"", 500), answer(b"<html>")])
    def test_so_does_an_answer_that_is_an_error(self, refused: Action) -> None:
        with FakeKIS() as kis, standing(kis) as broker:
            kis.next("inquire-price", refused)
            with pytest.raises(KISError):
                broker.get_price("005930")
            is_free_after(broker, WINDOW)

    @pytest.mark.parametrize("fault", [close, reset, answer(b"{", length=99, stays=False)])
    def test_no_answer_holds_it_for_its_time_out_and_a_second(self, fault: Action) -> None:
        with FakeKIS() as kis, standing(kis) as broker:
            kis.next("inquire-price", fault)
            with pytest.raises(NetworkError):
                broker.get_price("005930")
            is_free_after(broker, HELD)

    def test_so_does_silence(self) -> None:
        with FakeKIS() as kis, standing(kis, read_timeout=0.3) as broker:
            kis.next("inquire-price", stall)
            with pytest.raises(NetworkError):
                broker.get_price("005930")
            is_free_after(broker, HELD - 2.0 + 0.3)

    def test_an_order_too(self) -> None:
        with FakeKIS() as kis, standing(kis, use_hashkey=False, order_timeout=5) as broker:
            kis.next("order-cash", close)
            with pytest.raises(KISError):
                broker.send_order("005930", "BUY", 1)
            is_free_after(broker, HELD - 2.0 + 5.0)

    def test_a_connection_that_was_never_made_does_not_hold_it(self) -> None:
        with FakeKIS() as kis, standing(kis, use_hashkey=False) as broker:
            kis.listen_no_more()
            with pytest.raises(NetworkError):
                broker.send_order("005930", "BUY", 1)
            kis.listen()
            is_free_after(broker, WINDOW)

    def test_nor_does_a_broker_that_was_closed_meanwhile(self) -> None:
        with FakeKIS() as kis:
            broker = standing(kis)
            transport: Transport = broker._caller._transport
            transport.connections.close()
            with pytest.raises(BrokerClosedError):
                broker.get_price("005930")
            is_free_after(broker, WINDOW)

    def test_a_call_keeps_it_however_long_its_time_outs_let_it_last(self) -> None:
        arrived, go_on = threading.Event(), threading.Event()

        def late(connection: object) -> bool:
            arrived.set()
            return go_on.wait(20) and _price(connection)

        with FakeKIS() as kis, standing(kis, read_timeout=100) as broker:
            assert isinstance(broker.clock, ManualClock)
            kis.next("inquire-price", late)
            threads, raised = _start(1, lambda: broker.get_price("005930"))
            assert arrived.wait(20)
            broker.clock.advance(199)
            assert taken(broker) == (1, 0)
            go_on.set()
            threads[0].join(20)
            assert [str(error) for error in raised] == [
                "the answer took too long to arrive (domestic_stock.inquire_price)"
            ]

    def test_the_slots_of_the_ledger_are_held_as_long(self) -> None:
        with FakeKIS() as kis, standing(kis) as broker:
            kis.next("inquire-balance", close)
            with pytest.raises(NetworkError):
                broker.get_balance(complete=False)
            lanes = broker._lanes[:3]
            held = [bucket.stats.cooling for bucket in lanes]
            assert held == [1, 1, 1]
            assert isinstance(broker.clock, ManualClock)
            broker.clock.advance(HELD - 0.01)
            assert [bucket.stats.cooling for bucket in lanes] == [1, 1, 1]
            broker.clock.advance(2)
            assert [bucket.stats.cooling for bucket in lanes] == [0, 0, 0]

    @pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way there")
    def test_ctrl_c_holds_it_and_the_broker_goes_on(self, caplog: pytest.LogCaptureFixture) -> None:
        def interrupt(connection: object) -> bool:
            os.kill(os.getpid(), signal.SIGINT)
            return True

        with FakeKIS() as kis, standing(kis, read_timeout=20, order_timeout=20) as broker:
            kis.next("inquire-price", interrupt)
            with pytest.raises(KeyboardInterrupt):
                broker.get_price("005930")
            is_free_after(broker, WINDOW + 21)
            assert "interrupted" not in caplog.text
            assert broker.get_price("005930").price == 70_000
            kis.next("order-cash", interrupt)
            with pytest.raises(KeyboardInterrupt):
                broker.send_order("005930", "BUY", 1)
            assert "interrupted: the order may have reached the exchange" in caplog.text
            assert kis.count("order-cash") == 1


class TestCounting:
    def test_one_slot_for_each_exchange_of_any_kind(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            broker.get_price("005930")  # an access token, a price
            broker.send_order("005930", "BUY", 1, 70_000)  # a price, a hash key, an order
            kis.next("inquire-price", refusal("EGW00201"), close, answer(b"", 500))
            broker.get_price("005930")  # four tries
            kis.dead.add(access_token(1))
            broker.get_price("005930")  # refused, an access token, a price
            page = {"output1": [], "ctx_area_fk100": "f", "ctx_area_nk100": "n"}
            kis.next("inquire-balance", ok("M", **page))
            broker.get_balance(complete=False)  # two pages
            kis.next("order-cash", refusal("APBK0952"))
            with pytest.raises(KISError):
                broker.send_order("005930", "BUY", 1)  # a hash key, an order
            broker.revoke_access_token()
            assert len(kis.requests) == 2 + 3 + 4 + 3 + 2 + 2 + 1
            issued = broker._lanes.oauth.stats.granted
            assert issued == 2
            assert broker.bucket.stats.granted + issued == len(kis.requests) == broker.traffic.calls
            assert broker.traffic.over_the_limit == 1

    def test_account_reads_take_a_slot_of_the_ledger_too_and_orders_only_after_a_refusal(self) -> None:
        def granted(broker: KISBroker) -> tuple[int, ...]:
            return tuple(bucket.stats.granted for bucket in broker._lanes[:3])

        with FakeKIS() as kis, kis.broker(clock=SkippingClock(), use_hashkey=False) as broker:
            broker.get_price("005930")
            assert granted(broker) == (1, 0, 0)
            broker.get_balance(complete=False)
            assert granted(broker) == (2, 1, 1)
            broker.send_order("005930", "BUY", 1)
            assert granted(broker) == (3, 1, 1)
            kis.next("order-cash", refusal("EGW00215"))
            with pytest.raises(KISError):
                broker.send_order("005930", "BUY", 1)
            broker.send_order("005930", "BUY", 1)
            assert granted(broker) == (5, 2, 1)

    @pytest.mark.parametrize(("code", "lowered"), [("EGW00201", (1, 2, 2)), ("EGW00215", (2, 1, 2))])
    def test_a_refusal_slows_the_bucket_that_it_is_about(self, code: str, lowered: tuple[int, ...]) -> None:
        rates = {"rate_limit_rps": 2, "ledger_rate_limit_rps": 4.2}
        with FakeKIS() as kis, kis.broker(clock=SkippingClock(), **rates) as broker:
            kis.next("inquire-balance", refusal(code), refusal(code))
            broker.get_balance(complete=False)
            usable = [bucket.stats.usable for bucket in broker._lanes[:3]]
            slots = [bucket.stats.slots for bucket in broker._lanes[:3]]
            assert slots == [2, 4, 2]
            assert usable == [slots[place] // (2 if lowered[place] == 1 else 1) for place in range(3)]


class TestQueueing:
    def test_a_call_takes_its_access_token_when_its_slot_is_granted(self) -> None:
        """The token is replaced while a call stands in the queue: the call leaves with the new one."""
        with FakeKIS() as kis, standing(kis, rate_limit_rps=1) as broker:
            clock, tokens = broker.clock, broker._caller._access_token
            assert isinstance(clock, ManualClock)
            assert broker.bucket.acquire()
            waiting = threading.Thread(target=lambda: broker.get_price("005930"), daemon=True)
            waiting.start()
            clock.await_waiters(1)
            first = access_token(1)
            tokens.drop(first)
            kis.dead.add(first)
            replaced = tokens.ensure(lambda: _issued(kis, clock))
            clock.advance(2)
            waiting.join(10)
            assert not waiting.is_alive()
            assert [request.header("authorization") for request in kis.named("inquire-price")] == [
                f"Bearer {first}",  # the one of standing()
                f"Bearer {replaced}",
            ]

    def test_a_call_whose_access_token_was_dropped_in_the_queue_gets_another_first(self) -> None:
        with FakeKIS() as kis, standing(kis, rate_limit_rps=1) as broker:
            clock, tokens = broker.clock, broker._caller._access_token
            assert isinstance(clock, ManualClock)
            assert broker.bucket.acquire()
            waiting = threading.Thread(target=lambda: broker.get_price("005930"), daemon=True)
            waiting.start()
            clock.await_waiters(1)
            tokens.drop(access_token(1))
            kis.dead.add(access_token(1))
            _advance_until_done(broker, waiting)
            assert kis.count("tokenP") == 2
            assert kis.named("inquire-price")[-1].header("authorization") == f"Bearer {access_token(2)}"
            assert (
                kis.count("inquire-price") == 2
            )  # the first one is standing()'s: none left with the dead one


def _issued(kis: FakeKIS, clock: ManualClock) -> Envelope:
    kis.issued += 1
    ends = f"{clock.now() + kis.life:%Y-%m-%d %H:%M:%S}"
    return Envelope(
        "oauth2.tokenP", {"access_token": access_token(kis.issued), "access_token_token_expired": ends}
    )


class TestClosing:
    def test_wakes_those_who_wait_for_a_slot_at_once(self) -> None:
        """At one call in 1,000 seconds nobody would live to see his turn."""
        with FakeKIS() as kis, kis.broker(rate_limit_rps=0.001) as broker:
            assert broker.bucket.acquire()
            threads, raised = _start(5, lambda: broker.get_price("005930"))
            _await_waiters(broker, 1)
            broker.close()
            broker.close()
            for thread in threads:
                thread.join(20)
                assert not thread.is_alive()
            assert {type(error) for error in raised} == {BrokerClosedError}
            assert len(raised) == 5
            with pytest.raises(BrokerClosedError):
                broker.get_price("005930")
            with pytest.raises(BrokerClosedError):
                broker.send_order("005930", "BUY", 1)
            assert len(kis.requests) == 1  # the access token's

    def test_leaves_the_other_brokers_of_the_app_key_waiting(self) -> None:
        with FakeKIS() as kis, kis.broker(rate_limit_rps=0.001) as closed:
            other = KISBroker(closed.settings)
            assert other.bucket is closed.bucket
            assert other.bucket.acquire()
            threads, raised = _start(1, lambda: other.get_price("005930"))
            _await_waiters(closed, 1)
            closed.close()
            threads[0].join(0.1)
            assert threads[0].is_alive()
            other.close()
            threads[0].join(20)
            assert [type(error) for error in raised] == [BrokerClosedError]

    def test_an_answer_that_is_on_its_way_arrives(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")

            def close_first(connection: object) -> bool:
                broker.close()
                return True

            kis.next("inquire-price", lambda connection: close_first(connection) and _price(connection))
            assert broker.get_price("005930").price == 123

    def test_does_not_count_as_a_failed_renewal_of_the_keys(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("tokenP", answer({"error_code": "EGW00103", "error_description": "no"}, 403))
            with pytest.raises(AuthenticationError, match="Check app_key and app_secret"):
                broker.get_price("005930")
            broker.close()
            with pytest.raises(BrokerClosedError):
                broker.get_price("005930")


def _advance_until_done(broker: KISBroker, thread: threading.Thread) -> None:
    """Let time pass whenever the thread waits for a slot, and only then."""
    assert isinstance(broker.clock, ManualClock)
    while thread.is_alive():
        if any(bucket.stats.waiting for bucket in broker._lanes):
            broker.clock.advance(1.1)
        thread.join(0.002)


def _price(connection: object) -> bool:
    return ok(output={"stck_prpr": "123"})(connection)  # type: ignore[arg-type]


def _start(count: int, work: Callable[[], object]) -> tuple[list[threading.Thread], list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (returned)
            raised.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, raised


def _await_waiters(broker: KISBroker, count: int) -> None:
    pause = threading.Event()
    for _ in range(20_000):
        if broker.bucket.stats.waiting >= count:
            return
        pause.wait(0.001)
    raise TimeoutError(f"{broker.bucket.stats.waiting} of {count} threads wait")


def test_the_hash_key_and_the_token_take_their_slots_from_the_same_bucket_as_any_call() -> None:
    """At one call a second in a time that stands still, an order needs its slots one after the other."""
    with FakeKIS() as kis, standing(kis, rate_limit_rps=1) as broker:
        clock = broker.clock
        assert isinstance(clock, ManualClock)
        threads, raised = _start(1, lambda: broker.send_order("005930", "BUY", 1))
        clock.await_waiters(1)
        assert (kis.count("hashkey"), kis.count("order-cash")) == (1, 0)
        clock.advance(1.1)
        threads[0].join(10)
        assert raised == []
        assert (kis.count("hashkey"), kis.count("order-cash")) == (1, 1)


def test_the_catalogue_has_the_balance_that_the_buckets_are_about() -> None:
    assert endpoint("domestic_stock.inquire_balance").ledger
    assert Call(endpoint("domestic_stock.order_cash"), {}).endpoint.ledger
