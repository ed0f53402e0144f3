"""The access token: issued once for all, renewed ahead, replaced when dead, asked for with patience."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.auth import AccessToken, Issued, TokenStore, shared_access_token
from kis_sync.clock import KST, SkippingClock
from kis_sync.envelope import Envelope
from kis_sync.errors import AuthenticationError, KISError, NetworkError, ServerError
from tests.fake_kis import FakeKIS, access_token, in_threads, new_app_key, oauth_refusal, refusal
from tests.servers import answer
from tests.sleeping_clock import SleepingClock
from tests.thoroughness import examples

NOWHERE = TokenStore(None, "key", "server")
TOO_SOON = AuthenticationError("접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)", code="EGW00133")
DOWN = NetworkError("no connection")


class Issuer:
    """What KIS does when an access token is asked for: the planned, then a new one each time."""

    def __init__(self, clock: SleepingClock, *planned: KISError | str) -> None:
        self.clock = clock
        self.planned = list(planned)
        self.asked_at: list[float] = []

    def __call__(self) -> Envelope:
        self.asked_at.append(self.clock.monotonic())
        planned = self.planned.pop(0) if self.planned else f"token-{len(self.asked_at)}"
        if isinstance(planned, KISError):
            raise planned
        return issued(planned, self.clock.now() + timedelta(hours=24))


def issued(value: str, ends: datetime, date: str | None = None, **more: object) -> Envelope:
    body = {"access_token": value, "access_token_token_expired": f"{ends:%Y-%m-%d %H:%M:%S}", **more}
    return Envelope("oauth2.tokenP", body, date=date)


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock()


@pytest.fixture
def token(clock: SleepingClock) -> AccessToken:
    return AccessToken(NOWHERE, clock)


class TestIssuing:
    def test_once_for_64_threads_that_start_together(self) -> None:
        with FakeKIS(issue_takes=0.05) as kis, kis.broker() as broker:
            errors = in_threads(64, lambda: broker.get_price("005930"))
            assert errors == []
            assert (kis.count("tokenP"), kis.count("inquire-price")) == (1, 64)

    def test_once_for_all_brokers_of_an_app_key(self) -> None:
        with FakeKIS(issue_takes=0.02) as kis, kis.broker() as one:
            with kis.broker(app_key=one.settings.app_key) as other:
                errors = in_threads(8, lambda: one.get_price("005930"), lambda: other.get_price("005930"))
            assert errors == []
            assert kis.count("tokenP") == 1

    def test_apart_for_each_app_key_and_server(self) -> None:
        with FakeKIS() as kis, FakeKIS() as another, kis.broker() as one, kis.broker() as other:
            with another.broker(app_key=one.settings.app_key) as elsewhere:
                for broker in (one, other, elsewhere):
                    broker.get_price("005930")
            assert (kis.count("tokenP"), another.count("tokenP")) == (2, 1)

    def test_the_first_issue_never_waits(self, clock: SleepingClock, token: AccessToken) -> None:
        assert token.ensure(Issuer(clock)) == "token-1"
        assert clock.slept == []

    def test_a_failure_is_raised_and_the_next_call_asks_again(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock, DOWN)
        with pytest.raises(NetworkError):
            token.ensure(issuer)
        assert token.value is None
        assert token.ensure(issuer) == "token-2"

    def test_after_the_first_failure_not_every_waiting_thread_is_lost(self) -> None:
        with FakeKIS(issue_takes=0.01) as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.next("tokenP", oauth_refusal("EGW00103"))
            errors = in_threads(8, lambda: broker.get_price("005930"))
            assert [type(error) for error in errors] == [AuthenticationError]
            assert kis.count("tokenP") == 2


class TestRenewing:
    def test_is_done_half_an_hour_ahead_and_not_earlier(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock)
        token.ensure(issuer)
        clock.advance(23.5 * 3600 - 1)
        assert token.ensure(issuer) == "token-1"
        clock.advance(1)
        assert token.ensure(issuer) == "token-2"
        assert len(issuer.asked_at) == 2

    def test_when_it_fails_the_old_one_goes_on_and_it_is_tried_once_a_minute(
        self, clock: SleepingClock, token: AccessToken, caplog: pytest.LogCaptureFixture
    ) -> None:
        issuer = Issuer(clock, "old", DOWN, DOWN, "new")
        token.ensure(issuer)
        clock.advance(23.6 * 3600)
        started = clock.monotonic()
        for _ in range(20):
            assert token.ensure(issuer) in ("old", "new")
            clock.advance(10)
        assert [at - started for at in issuer.asked_at[1:]] == [0, 70, 140]
        assert token.value == "new"
        assert caplog.text.count("could not be renewed ahead of its end, the old one goes on") == 2

    def test_once_the_old_one_has_ended_the_failure_is_raised(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock, "old", DOWN, DOWN)
        token.ensure(issuer)
        clock.advance(24 * 3600 - 31)
        assert token.ensure(issuer) == "old"
        clock.advance(1)
        with pytest.raises(NetworkError):
            token.ensure(issuer)

    def test_too_soon_for_another_does_not_wait_while_the_old_one_lives(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock, "old", TOO_SOON)
        token.ensure(issuer)
        clock.advance(23.6 * 3600)
        assert token.ensure(issuer) == "old"
        assert clock.slept == []

    def test_the_same_one_once_more_is_used_to_its_end(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        ends = clock.now() + timedelta(minutes=20)
        asked = []

        def issue() -> Envelope:
            asked.append(clock.monotonic())
            return issued("same", ends)

        for _ in range(10):
            assert token.ensure(issue) == "same"
            clock.advance(60)
        assert len(asked) == 5

    def test_one_that_lives_on_disk_is_good_enough_when_no_other_can_be_had(
        self, clock: SleepingClock, tmp_path: Path
    ) -> None:
        store = TokenStore(tmp_path, "key", "server")
        store.write(Issued("kept", clock.now() + timedelta(minutes=20), clock.now()))
        fresh_process = AccessToken(store, clock)
        assert fresh_process.ensure(Issuer(clock, DOWN)) == "kept"

    def test_over_the_wire(self) -> None:
        clock = SkippingClock()
        with FakeKIS(clock=clock) as kis, kis.broker() as broker:
            broker.get_price("005930")
            clock.sleep(23.6 * 3600)
            kis.next("tokenP", *[answer(b"", 500)] * 4)
            broker.get_price("005930")
            clock.sleep(62)
            broker.get_price("005930")
            used = [request.header("authorization") for request in kis.named("inquire-price")]
            assert used == [f"Bearer {access_token(number)}" for number in (1, 1, 2)]
            assert kis.count("tokenP") == 1 + 4 + 1


class TestDead:
    @pytest.mark.parametrize("code", ["EGW00121", "EGW00122", "EGW00123"])
    def test_is_replaced_once_and_the_call_succeeds(self, code: str) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            broker.get_price("005930")
            kis.next("inquire-price", refusal(code))
            assert broker.get_price("005930").price == 70_000
            assert (kis.count("tokenP"), kis.count("inquire-price")) == (2, 3)

    def test_is_replaced_once_when_many_threads_meet_it_together(self) -> None:
        with FakeKIS(issue_takes=0.02) as kis, kis.broker(clock=SkippingClock()) as broker:
            broker.get_price("005930")
            kis.dead.add(access_token(1))
            errors = in_threads(16, lambda: broker.get_price("005930"))
            assert errors == []
            assert kis.count("tokenP") == 2

    def test_handed_out_again_is_told_and_kis_is_left_in_peace(self) -> None:
        clock = SleepingClock()
        with FakeKIS(clock=clock, issues_again=True) as kis, kis.broker(burst=1000) as broker:
            broker.get_price("005930")
            kis.dead.add(access_token(1))
            with pytest.raises(AuthenticationError, match="the same access token that it has just refused"):
                broker.get_price("005930")
            assert (kis.count("tokenP"), kis.count("inquire-price")) == (2, 2)
            with pytest.raises(AuthenticationError, match="asking again makes sense in 61 s"):
                broker.get_price("005930")
            assert (kis.count("tokenP"), kis.count("inquire-price")) == (2, 2)
            asked = [2]
            for _ in range(60):  # an hour of a program that tries once a minute
                clock.advance(60)
                with pytest.raises(AuthenticationError):
                    broker.get_price("005930")
                asked.append(kis.count("tokenP"))
            assert kis.count("inquire-price") == 2  # the dead one is not tried again
            assert asked[-1] <= 2 + 7  # after 1, 2, 4, 8, 16 and then 30 minutes
            kis.issues_again = False
            clock.advance(1800)
            assert broker.get_price("005930").price == 70_000

    def test_new_ones_that_are_dead_at_once_back_off_too(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock)
        for expected in ("token-1", "token-2"):
            assert token.ensure(issuer) == expected
            token.drop(expected)
        with pytest.raises(AuthenticationError, match="asking again makes sense in 61 s"):
            token.ensure(issuer)
        clock.advance(61)
        assert token.ensure(issuer) == "token-3"
        token.confirm()  # it works: what came before no longer counts
        token.drop("token-3")
        assert token.ensure(issuer) == "token-4"

    def test_dropping_another_than_the_one_in_use_changes_nothing(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        issuer = Issuer(clock)
        token.ensure(issuer)
        token.drop("one from before")
        assert token.value == "token-1"

    def test_the_dead_one_on_disk_is_not_taken_again(self, clock: SleepingClock, tmp_path: Path) -> None:
        store = TokenStore(tmp_path, "key", "server")
        token, issuer = AccessToken(store, clock), Issuer(clock)
        token.ensure(issuer)
        token.drop("token-1")
        assert token.ensure(issuer) == "token-2"
        assert AccessToken(store, clock).ensure(issuer) == "token-2"

    def test_another_process_was_first_with_a_new_one(self, clock: SleepingClock, tmp_path: Path) -> None:
        store = TokenStore(tmp_path, "key", "server")
        one, other, issuer = AccessToken(store, clock), AccessToken(store, clock), Issuer(clock)
        one.ensure(issuer)
        assert other.ensure(issuer) == "token-1"
        one.drop("token-1")
        one.ensure(issuer)
        other.drop("token-1")
        assert other.ensure(issuer) == "token-2"
        assert len(issuer.asked_at) == 2


class TestMinuteRule:
    def test_the_minute_is_waited_out_and_that_is_said(
        self, clock: SleepingClock, token: AccessToken, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert token.ensure(Issuer(clock, TOO_SOON)) == "token-2"
        assert clock.slept == [61]
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "one access token a minute" in record.getMessage()
        assert "waiting 61 s" in record.getMessage()

    def test_only_its_rest_when_the_last_issue_is_known(self, clock: SleepingClock, tmp_path: Path) -> None:
        store = TokenStore(tmp_path, "key", "server")
        token, issuer = AccessToken(store, clock), Issuer(clock, "dead", TOO_SOON)
        token.ensure(issuer)
        clock.advance(20)
        token.drop("dead")
        assert token.ensure(issuer) == "token-3"
        assert clock.slept == [41]

    def test_it_is_not_waited_out_for_ever(self, clock: SleepingClock, token: AccessToken) -> None:
        issuer = Issuer(clock, TOO_SOON, TOO_SOON, TOO_SOON)
        with pytest.raises(AuthenticationError) as caught:
            token.ensure(issuer)
        assert caught.value.code == "EGW00133"
        assert clock.slept == [61, 61]

    def test_over_the_wire(self) -> None:
        clock = SleepingClock()
        with FakeKIS(clock=clock) as kis, kis.broker(burst=1000) as broker:
            kis.next("tokenP", oauth_refusal("EGW00133"))
            assert broker.get_price("005930").price == 70_000
            assert (clock.slept, kis.count("tokenP")) == ([61], 2)


class TestReading:
    def test_the_end_is_korean_time(self, clock: SleepingClock, token: AccessToken) -> None:
        """Read in another zone it would have ended long ago, or would last for hours more."""
        ends = clock.now().astimezone(KST) + timedelta(minutes=31)
        token.ensure(lambda: issued("x", ends))
        clock.advance(59)
        assert token.ensure(lambda: issued("y", ends)) == "x"
        clock.advance(2)
        assert token.ensure(lambda: issued("y", ends + timedelta(days=1))) == "y"

    @pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2)])
    def test_the_end_is_moved_to_our_clock(
        self, clock: SleepingClock, token: AccessToken, ahead: timedelta
    ) -> None:
        """The server's clock differs from ours: its access token lasts 24 hours all the same."""
        servers_now = clock.now() + ahead
        date = format_datetime(servers_now)
        token.ensure(lambda: issued("x", servers_now + timedelta(hours=24), date))
        clock.advance(23.5 * 3600 - 5)
        assert token.ensure(lambda: issued("y", servers_now)) == "x"
        clock.advance(10)
        assert token.ensure(lambda: issued("y", servers_now + timedelta(hours=48), date)) == "y"

    def test_without_an_end_it_lasts_as_long_as_is_said(
        self, clock: SleepingClock, token: AccessToken
    ) -> None:
        body = {"access_token": "x", "access_token_token_expired": "soon", "expires_in": 3600}
        token.ensure(lambda: Envelope("oauth2.tokenP", body))
        clock.advance(1799)
        assert token.ensure(Issuer(clock)) == "x"
        clock.advance(1)
        assert token.ensure(Issuer(clock)) == "token-1"

    def test_one_that_has_ended_is_refused(self, clock: SleepingClock, token: AccessToken) -> None:
        with pytest.raises(AuthenticationError, match="has ended or is about to"):
            token.ensure(lambda: issued("x", clock.now() + timedelta(seconds=30)))

    @pytest.mark.parametrize("year", [1, 9999])
    def test_the_first_and_the_last_of_all_days(
        self, clock: SleepingClock, token: AccessToken, year: int
    ) -> None:
        ends = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 23, 59, 59)
        date = format_datetime(clock.now() + timedelta(days=1 if year == 1 else -1))
        body = {"access_token": "x", "access_token_token_expired": f"{ends:%Y-%m-%d %H:%M:%S}".rjust(19, "0")}
        if year == 1:
            with pytest.raises(AuthenticationError):
                token.ensure(lambda: Envelope("oauth2.tokenP", body, date=date))
        else:
            assert token.ensure(lambda: Envelope("oauth2.tokenP", body, date=date)) == "x"

    @settings(max_examples=examples(100))
    @given(
        st.dictionaries(
            st.sampled_from(["access_token", "access_token_token_expired", "expires_in"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
        ),
        st.none() | st.text(),
    )
    def test_whatever_comes_is_an_access_token_or_an_error_of_ours(
        self, body: dict[str, object], date: str | None
    ) -> None:
        token = AccessToken(NOWHERE, SleepingClock())
        try:
            value = token.ensure(lambda: Envelope("oauth2.tokenP", body, date=date))
        except (ServerError, AuthenticationError):
            return
        assert value.isascii()
        assert value.isprintable()
        assert value == str(body["access_token"]).strip()


class TestForgetting:
    def test_here_and_on_disk(self, clock: SleepingClock, tmp_path: Path) -> None:
        store = TokenStore(tmp_path, "key", "server")
        token, issuer = AccessToken(store, clock), Issuer(clock)
        value = token.ensure(issuer)
        token.forget(value)
        assert (token.value, token.living(), store.read()) == (None, None, None)
        assert token.ensure(issuer) == "token-2"

    def test_one_that_only_the_disk_knows_can_be_revoked(self, tmp_path: Path) -> None:
        with FakeKIS() as kis:
            mine = kis.settings(store_access_token=True, cache_dir=tmp_path)
            store = TokenStore(tmp_path, mine.app_key, mine.server)
            now = datetime.now(KST)
            store.write(Issued(access_token(1), now + timedelta(hours=5), now))
            with kis.broker(app_key=mine.app_key, store_access_token=True, cache_dir=tmp_path) as broker:
                broker.revoke_access_token()
            assert [request.json()["token"] for request in kis.named("revokeP")] == [access_token(1)]
            assert store.read() is None
            assert kis.count("tokenP") == 0


class TestSharing:
    def test_one_for_each_app_key_server_and_folder(self, clock: SleepingClock) -> None:
        key = new_app_key()

        def shared(app_key: str = key, server: str = "https://a", folder: object = None) -> AccessToken:
            return shared_access_token(app_key, server, folder, NOWHERE, clock)

        assert shared() is shared()
        assert shared() is not shared(app_key=new_app_key())
        assert shared() is not shared(server="https://b")
        assert shared() is not shared(folder="elsewhere")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    def test_a_child_forked_while_an_access_token_is_issued_can_issue(self) -> None:
        clock = SleepingClock()
        token = shared_access_token(new_app_key(), "https://a", None, NOWHERE, clock)
        issuing, forked = threading.Event(), threading.Event()

        def slowly() -> Envelope:
            issuing.set()
            forked.wait(20)
            return issued("of the parent", clock.now() + timedelta(hours=24))

        thread = threading.Thread(target=lambda: token.ensure(slowly), daemon=True)
        thread.start()
        issuing.wait(20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            got: list[str] = []
            mine = threading.Thread(target=lambda: got.append(token.ensure(Issuer(clock))), daemon=True)
            mine.start()
            mine.join(5)
            os._exit(0 if got == ["token-1"] else 1)
        forked.set()
        thread.join(20)
        assert os.waitpid(child, 0)[1] == 0
        assert token.value == "of the parent"
