"""Answers that break off, drip, are no JSON, or are no answers: a read recovers or fails clearly."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from kis_sync import KISBroker, NetworkError, RequestRefusedError, RetryPolicy, ServerError
from kis_sync.errors import Reach
from tests.fake_kis import FakeKIS, ok
from tests.servers import Action, answer, close, dripping, reset, sent, stall

ONCE = RetryPolicy(attempts=1)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HALF = b'{"rt_cd":"0","output":{"stck_pr'

BROKEN: dict[str, Action] = {
    "closed": close,
    "reset": reset,
    "half a body": answer(HALF, length=1000, stays=False),
    "half a head": sent(b"HTTP/1.1 200 OK\r\nContent-Le", stays=False),
    "no status": sent(b"good morning\r\n\r\n", stays=False),
    "a status without a number": sent(b"HTTP/1.1 fine\r\n\r\n", stays=False),
    "half a chunk": sent(CHUNKED + b"ff\r\n" + HALF, stays=False),
    "no further chunk": sent(CHUNKED + b"2\r\n{}\r\n", stays=False),
    "a chunk of no size": sent(CHUNKED + b"zz\r\n{}\r\n", stays=False),
    "a chunk of a negative size": sent(CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n", stays=False),
    "two lengths": answer(b"{}", headers={"content-length": "7"}, stays=False),
    "headers without end": sent(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500 + b"\r\n", stays=False),
    "a header too long": sent(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", stays=False),
    "not packed as said": answer(b"{}", headers={"content-encoding": "gzip"}),
}
UNUSABLE: dict[str, tuple[Action, str]] = {
    "empty": (answer(b""), "the server sent nothing"),
    "blank": (answer(b" \r\n "), "the server sent nothing"),
    "a page": (answer("<html>점검 중</html>".encode()), "not JSON: '<html>점검 중</html>'"),
    "truncated": (answer(HALF), "not JSON"),
    "a list": (answer([1, 2]), r"not an object: '\[1, 2\]'"),
    "a word": (answer(b'"yes"'), "not an object"),
    "another encoding": (answer('{"rt_cd":"가"}'.encode("cp949")), "not JSON"),
    "a nest": (answer(b"[" * 100_000), "not JSON"),
    "a nest of objects": (answer(b'{"a":' * 100_000), "not JSON"),
    "a huge number": (answer(b'{"rt_cd":' + b"9" * 100_000 + b"}"), "not JSON"),
    "no output": (ok(), "output is not an object"),
    "a list for an output": (ok(output=[{}, {}]), "output is not an object"),
    "a word for a price": (ok(output={"stck_prpr": "many"}), "field stck_prpr"),
    "a list for a price": (ok(output={"stck_prpr": ["70000"]}), "field stck_prpr is list"),
    "a 500 that says success": (answer({"rt_cd": "0", "msg1": "정상"}, 500), "정상"),
}


class TestBroken:
    @pytest.mark.parametrize("fault", BROKEN)
    def test_a_read_is_tried_again(self, fault: str) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", BROKEN[fault])
            assert broker.get_price("005930").price == 70_000
            assert kis.count("inquire-price") == 2

    @pytest.mark.parametrize("fault", BROKEN)
    def test_and_fails_with_a_network_error_in_the_end(self, fault: str) -> None:
        with FakeKIS() as kis, kis.broker(retry=RetryPolicy(attempts=2, first_wait=0)) as broker:
            kis.next("inquire-price", BROKEN[fault], BROKEN[fault])
            with pytest.raises(ServerError if fault == "half a head" else NetworkError) as caught:
                broker.get_price("005930")
            assert (caught.value.reach, caught.value.can_retry) == (Reach.MAYBE_EXECUTED, True)
            assert caught.value.endpoint == "domestic_stock.inquire_price"
            assert kis.count("inquire-price") == 2
            assert broker.get_price("005930").price == 70_000


class TestSlow:
    @pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
    def test_silence_ends_in_a_time_out(self, start: bytes) -> None:
        def say_nothing_more(connection: socket.socket) -> bool:
            connection.sendall(start)
            return stall(connection)

        with FakeKIS() as kis, kis.broker(retry=ONCE, read_timeout=0.3) as broker:
            kis.next("inquire-price", say_nothing_more)
            with pytest.raises(NetworkError, match="no answer within the time-out") as caught:
                broker.get_price("005930")
            assert caught.value.reach is Reach.MAYBE_EXECUTED

    @pytest.mark.parametrize(
        ("head", "drop"),
        [(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" "), (CHUNKED, b"1\r\n \r\n")],
    )
    def test_a_dripping_body_ends_in_a_time_out_too(self, head: bytes, drop: bytes) -> None:
        with FakeKIS() as kis, kis.broker(retry=ONCE, connect_timeout=0.1, read_timeout=0.3) as broker:
            kis.next("inquire-price", dripping(head, drop, 0.01))
            with pytest.raises(NetworkError, match="took too long to arrive"):
                broker.get_price("005930")

    @pytest.mark.parametrize(
        "drop", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 x\r\nx: y\r\n\r\n"]
    )
    def test_a_head_that_never_ends_does_too(self, drop: bytes) -> None:
        with FakeKIS() as kis, kis.broker(retry=ONCE, read_timeout=0.3) as broker:
            kis.next("inquire-price", dripping(b"", drop, 0.01))
            with pytest.raises(NetworkError, match="no answer within the time-out") as caught:
                broker.get_price("005930")
            assert caught.value.reach is Reach.MAYBE_EXECUTED

    def test_a_slow_answer_in_time_is_read(self) -> None:
        content = json.dumps({"rt_cd": "0", "output": {"stck_prpr": "123"}}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()

        def in_pieces(connection: socket.socket) -> bool:
            for each in (head + content)[:-1], content[-1:]:
                connection.sendall(each)
            return True

        with FakeKIS() as kis, kis.broker(retry=ONCE) as broker:
            kis.next("inquire-price", in_pieces)
            assert broker.get_price("005930").price == 123


class TestLarge:
    def test_an_answer_of_some_mebibytes_is_read(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", ok(output={"stck_prpr": "123", "more": "x" * 4_000_000}))
            assert broker.get_price("005930").price == 123

    @pytest.mark.parametrize("size", [0, 400_000])
    def test_a_packed_one_is_read_whole(self, size: int) -> None:
        """Nobody asks for one; some hundred bytes become more than is unpacked at a time."""
        body = json.dumps({"rt_cd": "0", "output": {"stck_prpr": "123", "more": "x" * size}}).encode()
        with FakeKIS() as kis, kis.broker(retry=ONCE) as broker:
            kis.next("inquire-price", answer(gzip.compress(body), headers={"Content-Encoding": "gzip"}))
            assert broker.get_price("005930").price == 123
            assert broker.get_price("005930").price == 70_000
            assert kis.connections == 1

    def test_a_packed_one_of_twenty_is_refused(self) -> None:
        packed = answer(gzip.compress(b" " * (20 << 20)), headers={"Content-Encoding": "gzip"})
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", packed)
            with pytest.raises(ServerError, match="larger than 16 MiB"):
                broker.get_price("005930")

    @pytest.mark.parametrize("framing", ["length", "chunks"])
    def test_one_of_twenty_is_refused_and_not_asked_for_again(self, framing: str) -> None:
        content = b" " * (20 << 20)
        chunk = f"{len(content):x}\r\n".encode() + content + b"\r\n0\r\n\r\n"
        with FakeKIS() as kis, kis.broker() as broker:
            broker.get_price("005930")
            kis.next("inquire-price", answer(content) if framing == "length" else sent(CHUNKED + chunk))
            with pytest.raises(ServerError, match="larger than 16 MiB"):
                broker.get_price("005930")
            assert kis.count("inquire-price") == 2
            assert broker.get_price("005930").price == 70_000


class TestUnusable:
    @pytest.mark.parametrize("kind", UNUSABLE)
    def test_is_a_server_error_that_says_what_came(self, kind: str) -> None:
        action, told = UNUSABLE[kind]
        with FakeKIS() as kis, kis.broker(retry=ONCE) as broker:
            kis.next("inquire-price", action)
            with pytest.raises(ServerError, match=told) as caught:
                broker.get_price("005930")
            assert len(str(caught.value)) < 350
            assert caught.value.endpoint == "domestic_stock.inquire_price"

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 502, 503])
    def test_whatever_its_status(self, status: int) -> None:
        with FakeKIS() as kis, kis.broker(retry=ONCE) as broker:
            kis.next("inquire-price", answer(b"<html>", status))
            with pytest.raises(ServerError, match="not JSON") as caught:
                broker.get_price("005930")
            assert caught.value.http_status == status

    def test_a_path_that_the_server_does_not_know_is_not_tried_again(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", answer(b"<html>Not Found", 404))
            with pytest.raises(RequestRefusedError, match="does not know this path"):
                broker.get_price("005930")
            assert kis.count("inquire-price") == 1

    def test_an_empty_answer_is_tried_again(self) -> None:
        with FakeKIS() as kis, kis.broker() as broker:
            kis.next("inquire-price", answer(b"", 500), answer({"rt_cd": "1", "msg_cd": "", "msg1": ""}, 500))
            assert broker.get_price("005930").price == 70_000


def test_bytes_after_an_answer_do_not_become_the_next_one() -> None:
    first = json.dumps({"rt_cd": "0", "output": {"stck_prpr": "123"}}).encode()
    second = first.replace(b"123", b"456").ljust(100_000)  # more than is read ahead
    both = b"".join(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(each), each) for each in (first, second)
    )

    def price(broker: KISBroker) -> int:
        return broker.get_price("005930").price

    with FakeKIS() as kis, kis.broker(retry=ONCE) as broker:
        kis.next("inquire-price", sent(both))
        assert [price(broker), price(broker)] == [123, 70_000]
