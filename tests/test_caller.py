"""An order is sent once: again only when it provably did not run, and what became of it is never guessed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from urllib3.exceptions import NewConnectionError

from kis_sync import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    KISBroker,
    KISError,
    NetworkError,
    NotOnPaperError,
    OrderUncertainError,
    RateLimitError,
    RequestRefusedError,
    RetryPolicy,
    ServerError,
)
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import SkippingClock, SystemClock
from kis_sync.errors import AccessTokenError, Reach
from tests.fake_kis import RECEIPT, FakeKIS, access_token, oauth_refusal, ok, refusal
from tests.servers import Action, answer, close, first_byte, reset, stall, then
from tests.transport.test_broken_answers import BROKEN

UNCERTAIN: dict[str, Action] = {
    **BROKEN,
    "empty, 500": answer(b"", 500),
    "empty, 200": answer(b""),
    "a blank failure": answer({"rt_cd": "1", "msg_cd": "", "msg1": ""}, 500),
    "look at your orders": refusal("EGW00301", "연결 시간이 초과되었습니다. 직전 거래를 반드시 확인하세요."),
    "look at your orders, 200": refusal("EGW00302", status=200),
    "trouble": refusal("EGW00316"),
    "paper is late": refusal("90020000", status=200),
    "database trouble": refusal("APBK1630", status=200, rt_cd="7"),
    "an unknown code": refusal("APBK9999", status=200, rt_cd="7"),
    "an unknown gateway code": refusal("EGW99999"),
    "no code": answer({"rt_cd": "7", "msg1": "모름"}),
    "success under 500": answer({"rt_cd": "0", "output": RECEIPT}, 500),
    "a redirect": answer(b"", 307, {"Location": "/uapi/domestic-stock/v1/trading/order-cash"}),
    "not found": answer(b"<html>", 404),
    "not allowed": answer(b"<html>", 405),
    "too many": answer(b"", 429),
    "too many, json": answer({"msg1": "slow down"}, 429),
    "not known": answer(b"", 401),
    "not known, json": answer({"msg1": "who?"}, 401),
    "a bad gateway": answer(b"<html>502", 502),
    "a page": answer(b"<html>", 200),
    "a list": answer([1]),
    "no receipt": ok(),
    "a receipt without a number": ok(output={"ORD_TMD": "103000"}),
    "a receipt with a blank number": ok(output={**RECEIPT, "ODNO": "   "}),
    "a receipt with words for a number": ok(output={**RECEIPT, "ODNO": "none"}),
    "a receipt that is a list": ok(output=[RECEIPT, RECEIPT]),
    "a receipt that is text": ok(output="0001569157"),
    "a success that says nothing": answer({}),
}

REFUSED = [
    "APBK0918", "APBK0919", "APBK0952", "APBK0400", "APBK0506", "APBK0406", "APBK0656", "APBK0066",
    "APBK0344", "APBK0927", "APBK0963", "APBK1943", "APBK3013", "APBK1664", "APBK1744", "APAC0081",
    "APAC0489", "40030000", "40070000", "40100000", "40240000", "40250000", "40270000", "40330000",
    "40570000", "40580000", "40650000", "40910000", "90000000", "IGW00007", "EGW00131", "EGW02005",
    "EGW02006", "OPSQ2000", "OPSQ0002",
]  # fmt: skip


def buy(broker: KISBroker) -> object:
    """A market order: nothing is asked before it."""
    return broker.send_order("005930", "BUY", 1)


class TestUncertain:
    @pytest.mark.parametrize("end", UNCERTAIN)
    def test_an_order_that_may_have_run_is_not_sent_again(self, end: str) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", UNCERTAIN[end])
            with pytest.raises(OrderUncertainError, match="look at the account before anything") as caught:
                buy(broker)
            assert kis.count("order-cash") == 1
            assert caught.value.reach is Reach.MAYBE_EXECUTED
            assert not caught.value.can_retry
            assert isinstance(caught.value.__cause__, (KISError, ValueError))

    def test_silence(self) -> None:
        with FakeKIS() as kis, kis.broker(order_timeout=0.2, use_hashkey=False) as broker:
            kis.next("order-cash", stall)
            with pytest.raises(OrderUncertainError, match="no answer within the time-out"):
                buy(broker)
            assert kis.count("order-cash") == 1

    def test_a_connection_that_dies_before_the_order_is_read(self) -> None:
        with FakeKIS() as kis, kis.broker(use_hashkey=False) as broker:
            broker.get_price("005930")
            kis.at_accept.append(then(first_byte, close))
            with pytest.raises(OrderUncertainError):
                buy(broker)
            assert (kis.connections, kis.count("order-cash")) == (2, 0)

    def test_the_answer_is_told(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("order-cash", refusal("EGW00301", "직전 거래를 반드시 확인하세요."))
            with pytest.raises(OrderUncertainError, match="직전 거래를 반드시 확인하세요") as caught:
                buy(broker)
            assert (caught.value.code, caught.value.http_status) == ("EGW00301", 500)
            assert caught.value.endpoint == "domestic_stock.order_cash"


class TestRefused:
    @pytest.mark.parametrize("code", REFUSED)
    def test_a_listed_no_is_a_refusal(self, code: str) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("order-cash", refusal(code, "안 됩니다", 200, "7"))
            with pytest.raises(RequestRefusedError, match="안 됩니다") as caught:
                buy(broker)
            assert (caught.value.code, caught.value.reach) == (code, Reach.REFUSED)
            assert kis.count("order-cash") == 1

    def test_keys_that_are_not_accepted(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("order-cash", refusal("EGW00304"))
            with pytest.raises(AuthenticationError):
                buy(broker)
            assert kis.count("order-cash") == 1

    def test_the_limit_of_the_ledger_is_left_to_the_caller(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal("EGW00215"))
            with pytest.raises(RateLimitError) as caught:
                buy(broker)
            assert caught.value.reach is Reach.REFUSED
            assert kis.count("order-cash") == 1


class ReopeningClock(SystemClock):
    """Lets the server listen again when somebody sleeps before another try."""

    def __init__(self, kis: FakeKIS) -> None:
        super().__init__()
        self.kis = kis
        self.slept = 0

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.kis.listen()


class TestSentAgain:
    def test_over_the_gateways_limit(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal("EGW00201"), refusal("EGW00201", status=200))
            buy(broker)
            assert (kis.count("order-cash"), len(kis.accepted)) == (3, 1)
            first, second, third = kis.named("order-cash")
            assert first.body == second.body == third.body
            assert len({request.connection for request in kis.named("order-cash")}) == 3
            assert kis.count("hashkey") == 1

    @pytest.mark.parametrize("code", ["EGW00121", "EGW00122", "EGW00123"])
    @pytest.mark.parametrize("status", [500, 200])
    def test_once_when_the_access_token_was_not_known(self, code: str, status: int) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal(code, status=status))
            buy(broker)
            assert (kis.count("order-cash"), len(kis.accepted), kis.count("tokenP")) == (2, 1, 2)
            assert kis.accepted[0].header("authorization") == f"Bearer {access_token(2)}"

    def test_but_not_twice(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", refusal("EGW00121"), refusal("EGW00121"))
            with pytest.raises(AccessTokenError) as caught:
                buy(broker)
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert (kis.count("order-cash"), kis.accepted) == (2, [])

    def test_when_the_connection_was_never_made(self) -> None:
        with FakeKIS() as kis:
            clock = ReopeningClock(kis)
            with kis.broker(clock=clock, use_hashkey=False) as broker:
                broker.get_price("005930")
                kis.listen_no_more()
                buy(broker)
                assert (clock.slept, kis.count("order-cash"), len(kis.accepted)) == (1, 1, 1)

    def test_until_the_attempts_are_used_up(self) -> None:
        twice = RetryPolicy(attempts=2, first_wait=0)
        with FakeKIS() as kis, kis.broker(clock=SkippingClock(), retry=twice) as broker:
            kis.next("order-cash", refusal("EGW00201"), refusal("EGW00201"))
            with pytest.raises(RateLimitError) as caught:
                buy(broker)
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert (kis.count("order-cash"), kis.accepted) == (2, [])


class TestNeverTwice:
    """A try that provably did not run proves nothing of the next one."""

    @pytest.mark.parametrize("end", ["reset", "closed", "half a body", "an unknown code", "empty, 500"])
    def test_a_connection_refused_and_then_an_unknown_end(self, end: str) -> None:
        with FakeKIS() as kis:
            clock = ReopeningClock(kis)
            with kis.broker(clock=clock, use_hashkey=False) as broker:
                broker.get_price("005930")
                kis.listen_no_more()
                kis.next("order-cash", UNCERTAIN[end])
                with pytest.raises(OrderUncertainError):
                    buy(broker)
                assert (clock.slept, kis.count("order-cash"), kis.accepted) == (1, 1, [])

    @pytest.mark.parametrize("first", [refusal("EGW00201"), refusal("EGW00121")])
    def test_a_refusal_and_then_an_unknown_end(self, first: Action) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("order-cash", first, reset)
            with pytest.raises(OrderUncertainError):
                buy(broker)
            assert kis.count("order-cash") == 2

    def test_an_order_placed_while_another_failure_is_handled(self) -> None:
        """What the user is handling at the moment is no part of what happens to this order."""
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("order-cash", reset)
            try:
                raise NewConnectionError(None, "refused")  # type: ignore[arg-type]
            except NewConnectionError:
                with pytest.raises(OrderUncertainError):
                    buy(broker)
            assert kis.count("order-cash") == 1

    def test_an_order_that_was_accepted_is_not_sent_again_by_the_next(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            for count in (1, 2, 3):
                buy(broker)
                assert kis.count("order-cash") == len(kis.accepted) == count


BEFORE: dict[str, Action] = {
    "reset": reset,
    "empty": answer(b"", 500),
    "a page": answer(b"<html>"),
    "nothing in it": answer({}),
    "of another shape": answer({"access_token": [1], "HASH": [1]}),
    "not text": answer({"access_token": "토큰", "access_token_token_expired": "", "HASH": "해시"}),
    "without an end": answer({"access_token": "x" * 300, "HASH": ""}),
    "ended": answer(
        {"access_token": "x", "access_token_token_expired": "2020-01-01 00:00:00", "HASH": "a b"}
    ),
    "refused": oauth_refusal("EGW00103"),
    "trouble": refusal("EGW00301"),
    "an unknown code": refusal("XYZ", status=200),
}


class TestWhatComesBefore:
    @pytest.mark.parametrize("name", ["tokenP", "hashkey"])
    @pytest.mark.parametrize("end", BEFORE)
    def test_when_it_fails_no_order_was_sent_and_that_is_said(self, name: str, end: str) -> None:
        with FakeKIS() as kis, kis.broker(retry=RetryPolicy(attempts=1)) as broker:
            if name == "hashkey":
                broker.get_price("005930")
            kis.next(name, BEFORE[end])
            with pytest.raises(KISError) as caught:
                buy(broker)
            assert not isinstance(caught.value, OrderUncertainError)
            assert (caught.value.reach, caught.value.can_retry) == (Reach.NOT_EXECUTED, False)
            assert kis.count("order-cash") == 0
            assert kis.count(name) == 1

    @pytest.mark.parametrize("end", ["reset", "empty", "trouble"])
    @pytest.mark.parametrize("name", ["tokenP", "hashkey"])
    def test_it_has_tries_of_its_own_but_the_call_does_not_multiply_them(self, name: str, end: str) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next(name, *[BEFORE[end]] * 4)
            with pytest.raises(KISError):
                buy(broker)
            assert (kis.count(name), kis.count("order-cash")) == (4, 0)
            buy(broker)
            assert len(kis.accepted) == 1

    def test_live_orders_need_their_switch(self) -> None:
        with FakeKIS() as kis, kis.broker(mode="live") as broker:
            with pytest.raises(ConfigurationError, match="KIS_ALLOW_LIVE_ORDERS"):
                buy(broker)
            assert kis.requests == []
            with pytest.raises(ConfigurationError, match="KIS_ALLOW_LIVE_ORDERS"):
                broker.send_order("005930", "BUY", 1, 70_000)
            assert {request.name for request in kis.requests} <= {"tokenP", "inquire-price"}
            assert kis.accepted == []

    def test_a_word_for_pages_that_there_is_not(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(InvalidRequestError, match="N for a next one"):
                broker.ask(Call(endpoint("domestic_stock.inquire_price"), {}, tr_cont="N\r\n"))
            assert kis.requests == []

    def test_what_paper_lacks_is_not_asked(self) -> None:
        params = {"CANO": "1", "ACNT_PRDT_CD": "1", "PDNO": "005930"}
        with FakeKIS() as kis, kis.broker() as broker:
            with pytest.raises(NotOnPaperError):
                broker.ask(Call(endpoint("inquire_psbl_sell"), params))
            assert kis.requests == []


class TestReads:
    @pytest.mark.parametrize("fault", [refusal("EGW00201"), refusal("EGW00316"), answer(b"", 429), close])
    def test_are_tried_again_four_times_at_most(self, fault: Action) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("inquire-price", *[fault] * 3)
            assert broker.get_price("005930").price == 70_000
            kis.next("inquire-price", *[fault] * 4)
            with pytest.raises((RateLimitError, ServerError, NetworkError)):
                broker.get_price("005930")
            assert kis.count("inquire-price") == 8

    @pytest.mark.parametrize("code", ["OPSQ2001", "EGW02006", "EGW00304", "APBK0656"])
    def test_are_not_when_kis_said_no_for_good(self, code: str) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", refusal(code))
            with pytest.raises((RequestRefusedError, AuthenticationError)):
                broker.get_price("005930")
            assert kis.count("inquire-price") == 1

    def test_the_waits_are_told(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("inquire-price", refusal("EGW00316"))
            broker.get_price("005930")
        assert (
            "trying again in 0.0 s: 안됩니다. (domestic_stock.inquire_price, EGW00316, HTTP 500)"
            in caplog.text
        )


class TestServersTime:
    @pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(seconds=1), timedelta(minutes=10)])
    def test_now_follows_the_server_when_the_clocks_differ(self, ahead: timedelta) -> None:
        def dated(body: Callable[[dict[str, str]], Action]) -> Action:
            return body({"Date": format_datetime(datetime.now(timezone.utc) + ahead, usegmt=True)})

        with FakeKIS() as kis, kis.broker() as broker:
            content = {"rt_cd": "0", "output": {"stck_prpr": "1"}}
            kis.next("inquire-price", dated(lambda headers: answer(content, headers=headers)))
            before = broker.now()
            broker.get_price("005930")
            shown = broker.now() - before
            if abs(ahead) <= timedelta(seconds=2):
                assert shown < timedelta(minutes=1)
            else:
                assert abs(shown - ahead) < timedelta(minutes=1)

    @pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 01:30:20 GMT", "0", "-", "a, b c d"])
    def test_a_date_that_cannot_be_read_is_ignored(self, date: str) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            content = {"rt_cd": "0", "output": {"stck_prpr": "1"}}
            kis.next("inquire-price", answer(content, headers={"Date": date}))
            quote = broker.get_price("005930")
            assert quote.answered_at is None
            assert abs(broker.now() - broker.clock.now()) < timedelta(seconds=5)


class TestRevoking:
    def test_the_access_token_is_gone_at_the_server_and_here(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            broker.get_price("005930")
            broker.revoke_access_token()
            (request,) = kis.named("revokeP")
            assert request.json()["token"] == access_token(1)
            broker.revoke_access_token()
            assert kis.count("revokeP") == 1
            assert broker.get_price("005930").price == 70_000
            assert kis.named("inquire-price")[-1].header("authorization") == f"Bearer {access_token(2)}"

    def test_one_that_the_server_no_longer_knows_is_forgotten(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            kis.next("revokeP", reset, oauth_refusal("EGW00121", 500))
            broker.revoke_access_token()
            assert kis.count("revokeP") == 2
            broker.revoke_access_token()
            assert kis.count("revokeP") == 2

    def test_when_nobody_knows_whether_it_worked_it_can_be_done_again(self) -> None:
        with FakeKIS() as kis, kis.broker(retry=RetryPolicy(attempts=1)) as broker:
            broker.get_price("005930")
            kis.next("revokeP", reset)
            with pytest.raises(NetworkError) as caught:
                broker.revoke_access_token()
            assert caught.value.reach is Reach.MAYBE_EXECUTED
            broker.revoke_access_token()
            assert kis.dead == {access_token(1)}
