"""Over which connections calls go: kept ones for reads, new ones for orders, proxies, TLS, none at all."""

from __future__ import annotations

import os
import socket
import ssl
import warnings
from base64 import b64encode
from pathlib import Path

import pytest
import requests
import trustme

from kis_sync import (
    ConfigurationError,
    KISBroker,
    NetworkError,
    OrderUncertainError,
    RetryPolicy,
    ServerError,
    Settings,
)
from kis_sync.clock import SkippingClock
from kis_sync.connections import Connections
from kis_sync.errors import Reach
from tests.fake_kis import SECRET, FakeKIS, in_threads
from tests.servers import ForwardProxy, RawServer, answer, close, first_byte, reset, then

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
AUTHORITY = trustme.CA()


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "private authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class TestReads:
    def test_share_one_kept_connection(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            for _ in range(5):
                broker.get_price("005930")
            assert kis.connections == 1

    def test_go_over_a_new_connection_when_the_server_closed_the_kept_one(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            kis.next("inquire-price", answer({"rt_cd": "0", "output": {"stck_prpr": "1"}}, stays=False))
            broker.get_price("005930")
            kis.await_silence()
            assert broker.get_price("005930").price == 70_000
            assert (kis.connections, kis.count("inquire-price")) == (
                2,
                3,
            )  # noticed beforehand: nothing was retried

    @pytest.mark.parametrize("death", [close, reset])
    def test_are_tried_again_when_the_connection_dies_under_them(self, death: object) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            kis.next("inquire-price", death)  # type: ignore[arg-type]
            assert broker.get_price("005930").price == 70_000
            assert (kis.connections, kis.count("inquire-price")) == (2, 3)

    def test_are_tried_again_when_the_connection_dies_before_they_are_read(self) -> None:
        with FakeKIS() as kis, kis.broker(clock=SkippingClock()) as broker:
            kis.at_accept.append(then(first_byte, reset))
            assert broker.get_price("005930").price == 70_000
            assert kis.connections == 2

    def test_go_over_a_new_connection_after_the_session_was_closed(self) -> None:
        with FakeKIS() as kis, kis.broker(retry=RetryPolicy(attempts=1)) as broker:
            broker.get_price("005930")
            connections = broker._caller._transport.connections
            connections.kept().close()
            assert broker.get_price("005930").price == 70_000
            assert kis.connections == 2

    def test_bring_no_cookies_back(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            cookie = {"Set-Cookie": "session=1; Path=/"}
            kis.next("inquire-price", answer({"rt_cd": "0", "output": {"stck_prpr": "1"}}, headers=cookie))
            broker.get_price("005930")
            broker.get_price("005930")
            assert [request.header("cookie") for request in kis.named("inquire-price")] == [None, None]

    def test_know_what_was_asked_and_answered(self) -> None:
        """The response is one of requests', of which everything but cookies and encoding can be read."""
        with RawServer(script=lambda _: answer(b"{}", 203, {"tr_cont": "M"})) as server:
            connections = Connections(Settings("key", "secret", base_url=server.url, proxies={}))
            request = requests.Request("GET", f"{server.url}/uapi/x?y=1", headers={"z": "1"}).prepare()
            response = connections.kept().send(request, stream=True, timeout=5)
            assert isinstance(response, requests.Response)
            assert (response.status_code, response.reason, response.ok) == (203, "whatever", True)
            assert (response.headers["TR_CONT"], response.json()) == ("M", {})
            assert (response.url, response.request) == (request.url, request)
            connections.close()

    def test_of_two_brokers_do_not_mix(self) -> None:
        with FakeKIS() as kis, kis.broker() as one, kis.broker() as other:
            errors = in_threads(4, lambda: one.get_price("005930"), lambda: other.get_price("000660"))
            assert errors == []
            keys = {one.settings.app_key: "005930", other.settings.app_key: "000660"}
            asked = kis.named("inquire-price")
            assert {
                request.connection for request in asked if request.header("appkey") == one.settings.app_key
            }
            for request in asked:
                assert request.query["FID_INPUT_ISCD"] == keys[str(request.header("appkey"))]
            tokens = {(request.header("appkey"), request.header("authorization")) for request in asked}
            assert len(tokens) == 2
            of_one, of_other = (
                {request.connection for request in asked if request.header("appkey") == key} for key in keys
            )
            assert not of_one & of_other


class TestOrders:
    def test_go_over_a_connection_of_their_own_each(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            for _ in range(3):
                broker.send_order("005930", "BUY", 1)
            orders = {request.connection for request in kis.named("order-cash")}
            others = {request.connection for request in kis.requests if request.name != "order-cash"}
            assert (len(orders), len(others), kis.connections) == (3, 1, 4)

    def test_do_not_leave_when_the_connection_cannot_be_made_at_once_or_later(self) -> None:
        with FakeKIS() as kis, kis.broker(use_hashkey=False) as broker:
            broker.get_price("005930")
            kis.listen_no_more()
            with pytest.raises(NetworkError, match="is the server's address right") as caught:
                broker.send_order("005930", "BUY", 1)
            assert caught.value.reach is Reach.NOT_EXECUTED
            kis.listen()
            assert kis.accepted == []

    @pytest.mark.parametrize("when", ["before it was read", "after it was read"])
    def test_are_uncertain_after_a_reset_and_not_sent_again(self, when: str) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            if when == "before it was read":
                kis.at_accept.append(then(first_byte, reset))
            else:
                kis.next("order-cash", reset)
            with pytest.raises(OrderUncertainError):
                broker.send_order("005930", "BUY", 1)
            assert kis.connections == 2
            assert kis.accepted == []


class TestUnreachable:
    def test_a_closed_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with (
            FakeKIS() as kis,
            kis.broker(base_url=f"http://127.0.0.1:{port}", clock=SkippingClock()) as broker,
        ):
            with pytest.raises(NetworkError) as caught:
                broker.get_price("005930")
        assert (
            str(caught.value) == "no connection: is the server's address right, and is it up? (oauth2.tokenP)"
        )
        assert caught.value.reach is Reach.NOT_EXECUTED
        assert isinstance(caught.value, ConnectionError)

    def test_a_name_that_does_not_exist(self) -> None:
        once = RetryPolicy(attempts=1)
        with FakeKIS() as kis, kis.broker(base_url="https://kis.invalid", retry=once) as broker:
            with pytest.raises(NetworkError, match="is the server's address right") as caught:
                broker.get_price("005930")
        assert caught.value.reach is Reach.NOT_EXECUTED


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_are_not_followed(self, status: int) -> None:
        with RawServer() as elsewhere, FakeKIS() as kis, kis.broker(retry=RetryPolicy(attempts=1)) as broker:
            away = answer(b"", status, {"Location": f"{elsewhere.url}/uapi/elsewhere"})
            kis.next("inquire-price", away)
            with pytest.raises(ServerError, match="redirect, which is not followed"):
                broker.get_price("005930")
            kis.next("order-cash", away)
            with pytest.raises(OrderUncertainError, match="redirect"):
                broker.send_order("005930", "BUY", 1)
            assert (elsewhere.connections, kis.count("order-cash")) == (0, 1)


class TestEnvironment:
    def test_a_netrc_entry_does_not_replace_the_access_token(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password something\n", encoding="utf-8")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        with FakeKIS() as kis, kis.broker(proxies=None) as broker:
            broker.get_price("005930")
            broker.send_order("005930", "BUY", 1)
            basic = b64encode(b"somebody:something").decode()
            assert all(basic not in str(request.headers) for request in kis.requests)
            assert str(kis.accepted[0].header("authorization")).startswith("Bearer ")

    def test_its_proxy_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ForwardProxy() as proxy, FakeKIS() as kis:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            with kis.broker(proxies=None) as broker:
                broker.get_price("005930")
            assert proxy.lines[0] == f"POST {kis.url}/oauth2/tokenP"
            assert len(proxy.lines) == len(kis.requests) == 2

    @pytest.mark.parametrize("exception", ["127.0.0.1", "example.com,127.0.0.1", "*"])
    def test_its_exceptions_from_the_proxy_hold(
        self, monkeypatch: pytest.MonkeyPatch, exception: str
    ) -> None:
        with ForwardProxy() as proxy, FakeKIS() as kis:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("NO_PROXY", exception)
            with kis.broker(proxies=None) as broker:
                broker.get_price("005930")
            assert (proxy.lines, len(kis.requests)) == ([], 2)

    def test_it_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ForwardProxy() as proxy, FakeKIS() as kis, kis.broker(proxies=None) as broker:
            broker.get_price("005930")
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            broker.get_price("005930")
            broker.send_order("005930", "BUY", 1)
            assert proxy.lines == []

    def test_a_proxy_that_is_set_goes_before_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ForwardProxy() as theirs, ForwardProxy() as ours, FakeKIS() as kis:
            monkeypatch.setenv("HTTP_PROXY", theirs.url)
            address = ours.url.replace("//", "//me:passw0rd@")
            with kis.broker(proxies={"http": address}) as broker:
                broker.get_price("005930")
                broker.send_order("005930", "BUY", 1)
                assert "passw0rd" not in repr(broker.settings)
            assert (len(theirs.lines), len(ours.lines)) == (0, 4)
            told = f"Proxy-Authorization: Basic {b64encode(b'me:passw0rd').decode()}"
            assert all(told in head for head in ours.heads)

    @pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "http://", "http://[", "::"])
    def test_a_proxy_address_that_cannot_be_used_is_told_and_no_order_is_uncertain(
        self, address: str
    ) -> None:
        with FakeKIS() as kis, kis.broker(proxies={"http": address}) as broker:
            with pytest.raises(NetworkError, match="the proxy's address cannot be used") as caught:
                broker.send_order("005930", "BUY", 1)
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert (kis.requests, broker.traffic.calls) == ([], 1)  # another try would not help

    def test_the_simulator_is_asked_without_a_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with ForwardProxy() as proxy, socket.create_server(("127.0.0.1", 0)):
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            with KISBroker.simulated() as broker:
                broker.get_price("005930")
            assert proxy.lines == []


class TestTLS:
    def test_a_private_authority_is_named_by_the_settings(self, ca_file: Path) -> None:
        with FakeKIS(tls=tls_context()) as kis, kis.broker(ca_bundle=ca_file) as broker:
            broker.get_price("005930")
            broker.send_order("005930", "BUY", 1)
            assert len(kis.accepted) == 1

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_or_by_the_environment(
        self, ca_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.setenv(variable, str(ca_file))
        with FakeKIS(tls=tls_context()) as kis, kis.broker() as broker:
            assert broker.get_price("005930").price == 70_000

    def test_an_unknown_authority_is_refused_at_once_and_nothing_is_sent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        with FakeKIS(tls=tls_context()) as kis, kis.broker() as broker:
            with pytest.raises(NetworkError, match=r"certificate could not be verified.*ca_bundle") as caught:
                broker.send_order("005930", "BUY", 1)
            assert caught.value.reach is Reach.NOT_EXECUTED
            assert (kis.requests, kis.connections) == ([], 1)

    def test_a_certificate_of_another_name_is_refused(self, ca_file: Path) -> None:
        with FakeKIS(tls=tls_context()) as kis:
            elsewhere = kis.url.replace("127.0.0.1", "localhost")
            with kis.broker(ca_bundle=ca_file, base_url=elsewhere) as broker:
                with pytest.raises(NetworkError, match="certificate could not be verified"):
                    broker.get_price("005930")
            assert kis.requests == []

    def test_capitals_in_the_scheme_do_not_lose_the_authority(self, ca_file: Path) -> None:
        with FakeKIS(tls=tls_context()) as kis:
            address = kis.url.replace("https", "HTTPS") + "/"
            with kis.broker(ca_bundle=ca_file, base_url=address) as broker:
                assert broker.get_price("005930").price == 70_000

    def test_a_bundle_that_is_none_is_a_fault_of_the_configuration(self, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("no certificate", encoding="utf-8")
        with FakeKIS(tls=tls_context()) as kis, kis.broker(ca_bundle=tmp_path / "empty.pem") as broker:
            with pytest.raises(ConfigurationError, match=r"no certificates can be read from .*empty\.pem"):
                broker.get_price("005930")
            assert kis.connections == 0

    def test_a_proxy_of_a_tunnel_learns_nothing(self, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with ForwardProxy() as proxy, FakeKIS(tls=tls_context()) as kis:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with kis.broker(proxies=None, ca_bundle=ca_file) as broker:
                broker.get_price("005930")
                broker.send_order("005930", "BUY", 1)
                key = broker.settings.app_key
            host = kis.url.removeprefix("https://")
            assert proxy.lines == [f"CONNECT {host}", f"CONNECT {host}"]
            assert all(secret not in str(proxy.heads) for secret in (SECRET, key, "Bearer"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_calls_over_connections_of_its_own() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        broker.get_price("005930")
        assert kis.connections == 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test's server exist
            child = os.fork()
        if child == 0:
            worked = False
            try:
                worked = broker.get_price("005930").price == 70_000
                broker.close()
            finally:
                os._exit(0 if worked else 1)
        assert os.waitpid(child, 0)[1] == 0
        broker.get_price("005930")
        first, of_child, of_parent = (request.connection for request in kis.named("inquire-price"))
        assert (first, of_child, of_parent) == (1, 2, 1)
        assert kis.count("tokenP") == 1
