from __future__ import annotations

import contextlib
import http.client
import io
import json
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.door.chunks import BadChunkError, TooLongError, read_chunks
from kis_sync.sim.door.server import BODY_LIMIT, Server
from kis_sync.sim.door.wire import Request, Response
from tests.sim.visitor import Visitor
from tests.thoroughness import examples


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(limit=100_000) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_inside(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever was sent: the server still answers, no thread died, nothing was printed."""
    yield
    assert requests.get(f"{sim.base_url}/", timeout=5).status_code == 404
    assert list(sim.errors) == []
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def address(sim: Simulator) -> tuple[str, int]:
    host, port = sim.base_url.removeprefix("http://").split(":")
    return host, int(port)


def send(sim: Simulator, data: bytes, *, finish: bool = True) -> bytes:
    """What comes back for raw bytes, until the server closes."""
    with socket.create_connection(address(sim), timeout=5) as connection:
        answered = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answered += chunk
    return answered


def status_and_body(answered: bytes) -> tuple[int, dict[str, str]]:
    head, _, body = answered.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


# -- what no polite client sends -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/x.y\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nh: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", 413),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), 413),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}abc", 400),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 411),
        (b"POST /oauth2/tokenP HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_unreadable_requests_get_an_envelope_and_a_closed_connection(
    sim: Simulator, data: bytes, status: int
) -> None:
    answered, body = status_and_body(send(sim, data, finish=False))
    assert answered == status
    assert (body["rt_cd"], body["msg_cd"]) == ("1", "EGW00101")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x",
        b'POST /oauth2/tokenP HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"half":',
    ],
)
def test_half_a_request_is_dropped_or_answered(sim: Simulator, data: bytes) -> None:
    assert send(sim, data) == b"" or send(sim, data).startswith(b"HTTP/1.1 ")


def test_a_post_without_a_length_has_no_body(sim: Simulator) -> None:
    data = b"POST /oauth2/tokenP HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, body = status_and_body(send(sim, data))
    assert (status, body["error_code"]) == (403, "EGW00101")


def test_a_body_of_the_limit_is_read(sim: Simulator) -> None:
    answer = requests.post(f"{sim.base_url}/oauth2/tokenP", data=b"x" * BODY_LIMIT, timeout=5)
    assert answer.status_code == 403


def test_an_old_client_gets_an_answer_and_a_close(sim: Simulator) -> None:
    assert send(sim, b"GET / HTTP/1.0\r\n\r\n", finish=False).startswith(b"HTTP/1.1 404 ")


def test_head_sends_no_body(sim: Simulator) -> None:
    answered = send(sim, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 404 ")
    assert answered.endswith(b"\r\n\r\n")


def test_a_client_may_ask_before_it_sends(sim: Simulator) -> None:
    head = b"POST /oauth2/tokenP HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
    data = head + b"Connection: close\r\n\r\n{}"
    answered = send(sim, data)
    assert answered.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 ")


def test_a_folded_header_cannot_write_into_the_answer(sim: Simulator) -> None:
    data = b"GET / HTTP/1.1\r\nHost: x\r\ntr_id: a\r\n b: injected\r\nConnection: close\r\n\r\n"
    head = send(sim, data).partition(b"\r\n\r\n")[0]
    assert b"\r\ntr_id: a b: injected\r\n" in head
    assert b"\r\nb:" not in head


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://[x/oauth2/tokenP", 405),
        (b"HTTPS://host:9443//oauth2/tokenP?a#b", 405),
        (b"//[::1/oauth2/tokenP", 404),
        (b"http:", 404),
        (b"?a=%ED%A0%80&b=%zz", 404),
        (b"/%EC%82%BC%EC%84%B1", 404),
    ],
)
def test_any_target_is_read_as_a_path(sim: Simulator, target: bytes, status: int) -> None:
    answered = send(sim, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status_and_body(answered)[0] == status


def test_half_a_surrogate_pair_is_no_json_text(sim: Simulator) -> None:
    body = {"grant_type": "client_credentials", "appkey": "\ud800" * 36, "appsecret": "s" * 180}
    answer = requests.post(f"{sim.base_url}/oauth2/tokenP", json=body, timeout=5)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "EGW00101")
    visitor = Visitor(Simulator(limit=100))
    assert visitor.ask("hashkey", a="\ud800").json()["msg_cd"] == "IGW00007"
    assert visitor.ask("hashkey", a="\U0001f600").json()["BODY"] == {"a": "\U0001f600"}


@settings(max_examples=examples(30), deadline=None)
@given(st.binary(max_size=300))
def test_garbage_never_kills_the_server(sim: Simulator, garbage: bytes) -> None:
    answered = send(sim, garbage)
    assert answered == b"" or answered.startswith(b"HTTP/1.1 ")


@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_damaged_requests_never_kill_the_server(sim: Simulator, data: st.DataObject) -> None:
    whole = (
        "GET /uapi/domestic-stock/v1/quotations/inquire-price?FID_COND_MRKT_DIV_CODE=J&FID_INPUT_ISCD=005930"
        f" HTTP/1.1\r\nHost: x\r\nappkey: {sim.app_key}\r\nappsecret: {sim.app_secret}\r\n"
        f"authorization: Bearer x\r\ntr_id: FHKST01010100\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + 1] = data.draw(st.binary(max_size=3))
    answered = send(sim, bytes(damaged))
    assert answered == b"" or answered.startswith(b"HTTP/1.1 ")


# -- chunks --------------------------------------------------------------------------------------------

CHUNKED = b"POST /oauth2/tokenP HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n"


def in_chunks(body: bytes, *sizes: int) -> bytes:
    """A body cut at these sizes, and the rest in one chunk."""
    made = b""
    for size in [*sizes, len(body)]:
        part, body = body[:size], body[size:]
        if part:
            made += b"%X\r\n%b\r\n" % (len(part), part)
    return made + b"0\r\n\r\n"


def test_a_client_that_sends_in_chunks_logs_in(sim: Simulator) -> None:
    body = {"grant_type": "client_credentials", "appkey": "C" * 36, "appsecret": sim.app_secret}
    parts = iter([json.dumps(body)[:50].encode(), json.dumps(body)[50:].encode()])
    answer = requests.post(f"{sim.base_url}/oauth2/tokenP", data=parts, timeout=5)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"


def test_a_connection_goes_on_after_chunks(sim: Simulator) -> None:
    one = CHUNKED + b"\r\n" + in_chunks(b'{"a": "b"}', 1, 3)
    last = CHUNKED + b"Connection: close\r\n\r\n3;note=x\r\n{}\n\r\n0\r\n\r\n"
    assert send(sim, one + one + last, finish=False).count(b"HTTP/1.1 403 ") == 3


def test_chunks_up_to_the_limit_are_read(sim: Simulator) -> None:
    head = CHUNKED + b"Connection: close\r\n\r\n"
    whole = in_chunks(b"x" * BODY_LIMIT, 1000, BODY_LIMIT // 2)
    assert status_and_body(send(sim, head + whole, finish=False))[0] == 403
    first = b"%X\r\n%b\r\n" % (BODY_LIMIT, b"x" * BODY_LIMIT)
    assert status_and_body(send(sim, head + first + b"1\r\n", finish=False))[0] == 413
    assert status_and_body(send(sim, head + b"FFFFFFFFFFFFFFFF\r\n", finish=False))[0] == 413


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
        b"2\n{}\r\n0\r\n\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"0" * 17 + b"\r\n\r\n",
        b"2;" + b"x" * 300 + b"\r\n{}\r\n0\r\n\r\n",
        b"1" * 300,
        b"2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
def test_what_is_no_chunk_is_refused(sim: Simulator, chunks: bytes) -> None:
    answered = send(sim, CHUNKED + b"\r\n" + chunks, finish=False)
    assert answered.count(b"HTTP/1.1 ") == 1
    status, body = status_and_body(answered)
    assert (status, body["msg_cd"]) == (400, "EGW00101")


def test_chunks_that_end_early_close_the_connection(sim: Simulator) -> None:
    whole = in_chunks(b'{"a": "b"}', 4)
    for length in range(len(whole)):
        assert send(sim, CHUNKED + b"\r\n" + whole[:length]) == b""


@settings(max_examples=examples(30), deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 60), max_size=5))
def test_chunks_are_put_together_again(body: bytes, sizes: list[int]) -> None:
    source = io.BytesIO(in_chunks(body, *sizes) + b"GET")
    assert read_chunks(source, 200) == body
    assert source.read() == b"GET"


@settings(max_examples=examples(80), deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(["2\r\n", "{}", "\r\n", "0", ";", "a"])).map("".join).map(str.encode)
)
def test_any_bytes_are_chunks_or_refused(garbage: bytes) -> None:
    with contextlib.suppress(BadChunkError, TooLongError):
        read = read_chunks(io.BytesIO(garbage), 20)
        assert read is None or len(read) <= 20


# -- connections ---------------------------------------------------------------------------------------


def test_a_connection_is_kept_for_many_calls(sim: Simulator) -> None:
    connection = http.client.HTTPConnection(*address(sim), timeout=5)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        assert (response.status, response.version) == (404, 11)
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_two_requests_in_one_write_get_two_answers(sim: Simulator) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert send(sim, one + last).count(b"HTTP/1.1 404 ") == 2


def test_headers_are_spelled_as_clients_expect(sim: Simulator) -> None:
    head = send(sim, b"GET / HTTP/1.1\r\nHost: x\r\ntr_id: T\r\nConnection: close\r\n\r\n")
    names = [line.split(b":")[0] for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    assert names == [
        b"Content-Type", b"tr_id", b"tr_cont", b"gt_uid", b"Connection", b"Content-Length", b"Date"
    ]  # fmt: skip


def test_the_date_is_the_simulator_s(sim: Simulator) -> None:
    sent = requests.get(f"{sim.base_url}/", timeout=5).headers["Date"]
    assert sent.endswith(" GMT")
    assert f"{sim.clock.now():%Y}" in sent
    with Simulator(clock=ManualClock()) as still:
        sent = requests.get(f"{still.base_url}/", timeout=5).headers["Date"]
    assert sent == "Tue, 24 Nov 2026 01:30:00 GMT"


def test_stopping_is_prompt_with_connections_open() -> None:
    sim = Simulator()
    sim.start()
    sim.start()
    idle = [socket.create_connection(address(sim)) for _ in range(5)]
    session = requests.Session()
    session.get(f"{sim.base_url}/", timeout=5)
    before = time.monotonic()
    sim.stop()
    sim.stop()
    assert time.monotonic() - before < 1
    for connection in idle:
        connection.settimeout(5)
        assert connection.recv(1) == b""
        connection.close()
    session.close()
    with pytest.raises(RuntimeError, match="does not run"):
        sim.base_url  # noqa: B018
    with sim:
        assert requests.get(f"{sim.base_url}/", timeout=5).status_code == 404


def test_a_taken_port_is_said_clearly(sim: Simulator) -> None:
    port = address(sim)[1]
    with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be opened"):
        Simulator(port=port).start()


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Simulator(host="0.0.0.0")


def test_a_fault_inside_is_kept_and_closes_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/fault":
            raise ZeroDivisionError("inside")
        return Response(200, b"{}")

    server = Server(answer, ManualClock())
    server.start()
    try:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.base_url}/fault", timeout=5)
        assert requests.get(f"{server.base_url}/", timeout=5).status_code == 200
    finally:
        server.stop()
    assert [str(error) for error in server.errors] == ["inside"]
    assert capsys.readouterr().err == ""


def test_a_reset_is_a_reset_and_a_drop_is_a_close(sim: Simulator) -> None:
    sim.faults.next("/x", "reset")
    sim.faults.next("/y", "drop_before")
    with socket.create_connection(address(sim), timeout=5) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert send(sim, b"GET /y HTTP/1.1\r\nHost: x\r\n\r\n", finish=False) == b""


def test_a_client_that_leaves_is_no_fault(sim: Simulator) -> None:
    for _ in range(20):
        with socket.create_connection(address(sim)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * random.Random(1).randint(1, 5))


def test_many_threads_are_answered_each_with_its_own(sim: Simulator) -> None:
    codes = sim.market.codes()[:8]
    visitor = Visitor(sim, sim.base_url)
    token = visitor.token
    wrong: list[str] = []

    def ask(code: str) -> None:
        own = Visitor(sim, sim.base_url)
        own.token = token
        for _ in range(10):
            body = own.price(code).json()
            if body["output"]["stck_shrn_iscd"] != code:
                wrong.append(code)

    threads = [threading.Thread(target=ask, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
