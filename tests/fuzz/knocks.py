"""Knocks at the simulator's socket: raw bytes of all kinds; each ends in envelopes or a closed connection.

Every knock closes its sending side, so that the server has no reason to wait. This room changes when more,
or less, is promised of the simulator's server.
"""

from __future__ import annotations

import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator

from kis_sync.sim.door.server import BODY_LIMIT
from tests.fuzz import telltale
from tests.fuzz.answer_mutations import odd_chunks
from tests.fuzz.request_mutations import Shot
from tests.fuzz.visits import STATUSES, Visitor, Visits, body_faults

_PATIENCE = 5.0  # seconds; a server that says nothing, and does not close, hangs
_PAUSE = 0.001
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"(?im)^content-length: (\d+)\r$")

_VERSIONS = (
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2",
    "HTTP/9.9",
    "HTTP/1.1 x",
    "",
    "http/1.1",
    "HTTP/1.²",
    "HTTP/" + "1" * 40,
)
_LENGTHS = (
    "0",
    "-1",
    "+5",
    "5, 5",
    "x",
    "",
    "1_0",
    "²",
    "9" * 9,
    "9" * 30,
    "0x10",
    "00000005",
    " 5",
    str(BODY_LIMIT + 1),
)
_ENCODINGS = ("chunked", "gzip", "identity", "", "chunked, chunked", "x" * 300)
_LINES = (
    "no colon", ": no name", " folded", "\tfolded", "x y: z", "x:", "\x00: \x00", "x: \xff\xfe", "x\r: y",
    "Expect: 100-continue", "Expect: x", "Connection: close", "Connection: keep-alive",
    "Connection: upgrade", "Upgrade: websocket", "Host:", "Host: a\r\nHost: b", "Cookie: " + "a=b;" * 3000,
    "Range: bytes=0-", "Accept-Encoding: gzip;q=x", "Content-Type: multipart/form-data",
    "x: " + "y" * 70_000, "tr_id : x", "appkey:", "Forwarded: for=\"", "Authorization: Bearer \xb0\xa1",
)  # fmt: skip
_NONSENSE = (
    b"", b"\r\n", b"\r\n\r\n", b"\n\n\n", b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET", b"GET /", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nx: y\r\n",
    b"\xff\xfe\xfd", b"A" * 70_000, b"A" * 70_000 + b"\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n",
    b"GET  /  HTTP/1.1\r\n\r\n", b"GET\t/\tHTTP/1.1\r\n\r\n", b" GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\n\n", b"GET / HTTP/1.1\n\n",
    b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"{}",
    b"GET / HTTP/1.1\r\n\r\n" * 20,
)  # fmt: skip


def written(rng: random.Random, shot: Shot) -> bytes:
    """A request as bytes, its framing bent now and then."""
    way, body = rng.random(), shot.body
    version = rng.choice(_VERSIONS) if way < 0.06 else "HTTP/1.1"
    headers = [f"{name}: {value}" for name, value in shot.headers]
    if shot.body or shot.method == "POST" or rng.random() < 0.05:
        headers.append(f"Content-Length: {len(shot.body)}")
    if 0.06 <= way < 0.16:
        headers.append(f"Content-Length: {rng.choice(_LENGTHS)}")
        if rng.random() < 0.5:
            headers = [each for each in headers if each != f"Content-Length: {len(shot.body)}"]
    elif way < 0.2:
        headers.append(f"Transfer-Encoding: {rng.choice(_ENCODINGS)}")
        if rng.random() < 0.8:
            headers = [each for each in headers if not each.startswith("Content-Length")]
            body = odd_chunks(rng, body)
    elif way < 0.35:
        headers.insert(rng.randrange(len(headers) + 1), rng.choice(_LINES))
    elif way < 0.37:
        headers += [f"x-{number}: y" for number in range(rng.choice((90, 200)))]
    end = "\n" if rng.random() < 0.02 else "\r\n"
    text = end.join([f"{shot.method} {shot.target} {version}".rstrip(), *headers, "", ""])
    return text.encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace") + body


def knock(visitor: Visitor, shots: list[Shot]) -> list[bytes]:
    """The bytes of one connection, in pieces: a request or several, whole or bent, or nonsense."""
    rng = visitor.rng
    if rng.random() < 0.05:
        return [rng.choice(_NONSENSE)]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 8))):
        shots.append(visitor.next()[1])
    data = b"".join(written(rng, shot) for shot in shots)
    way = rng.random()
    if way < 0.08:
        data = data[: rng.randrange(len(data) + 1)]
    elif way < 0.16:
        bent = bytearray(data)
        for _ in range(rng.choice((1, 3, 20))):
            bent[rng.randrange(len(bent))] = rng.randrange(256)
        data = bytes(bent)
    elif way < 0.2:
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(4))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return [data]


def answered(address: tuple[str, int], pieces: list[bytes], patience: float = _PATIENCE) -> bytes | None:
    """All that comes back until the server closes; ``None`` when it does not within ``patience`` seconds."""
    received = bytearray()
    with socket.create_connection(address, patience) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(_PAUSE)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has seen enough
        until = time.monotonic() + patience
        try:
            while data := connection.recv(65536):
                received += data
                if time.monotonic() > until:
                    return None
        except TimeoutError:
            return None
        except ConnectionResetError:
            pass  # it closed with some of ours unread
    return bytes(received)


def answer_faults(data: bytes, shots: list[Shot]) -> Iterator[str]:
    """What is wrong with the bytes that came back; the last answer may be cut short by a reset."""
    has_head = any(shot.method.upper() == "HEAD" for shot in shots)
    while data:
        head = _HEAD.match(data)
        if head is None:
            yield f"the answer is no HTTP: {data[:100]!r}"
            return
        status, data = int(head[1]), data[head.end() :]
        if status == 100:
            continue
        length = _LENGTH.search(head[2])
        if status not in STATUSES or length is None:
            yield f"HTTP {status}, length {length}"
            return
        body, rest = data[: int(length[1])], data[int(length[1]) :]
        if has_head and (not data or data.startswith(b"HTTP/1.1 ")):
            continue
        yield from body_faults(body)
        data = rest
    yield from ()


def tells_secret(data: bytes, shots: list[Shot]) -> bool:
    """Whether an answer tells the secret, which came in its proper place only."""
    if any(shot.tells or "hashkey" in shot.path for shot in shots):
        return False
    return "app secret" in telltale.told(data.decode("utf-8", "replace"))


def besiege(seed: int, chunk: int, count: int, visits: Visits) -> None:
    """Knock ``count`` times at the socket of a simulator, then see that it serves still, and left nothing."""
    before = set(threading.enumerate())
    visitor = Visitor(seed, chunk)
    with visitor.sim as sim:
        host, _, port = sim.base_url.removeprefix("http://").partition(":")
        address = (host, int(port))
        for index in range(count):
            replay = f"python -m tests.fuzz.door --replay {visitor.where}:{index} --socket"
            shots: list[Shot] = []
            pieces = knock(visitor, shots)
            data = answered(address, pieces)
            visits.requests += 1
            name = shots[0].path if shots else "nonsense"
            if data is None:
                visits.find(
                    replay, name, f"the server neither answers nor closes\n{b''.join(pieces)[:300]!r}"
                )
                continue
            visits.codes["answered" if data else "closed"] += 1
            for what in answer_faults(data, shots):
                visits.find(replay, name, f"{what}\n{b''.join(pieces)[:300]!r}")
            if tells_secret(data, shots):
                visits.find(replay, name, f"the answer tells the secret\n{data[:300]!r}")
            if b'"code":200' in data:
                visitor.renew()
        for what in _aftermath(visitor, address):
            visits.find(f"chunk {visitor.where} over sockets", "server", what)
    for what in _left_behind(before):
        visits.find(f"chunk {visitor.where} over sockets", "server", what)


def _aftermath(visitor: Visitor, address: tuple[str, int]) -> Iterator[str]:
    """What is wrong with the server after all that."""
    sim = visitor.sim
    visitor.renew()
    started = time.perf_counter()
    data = answered(address, [written(random.Random(0), visitor.normal())])
    took = time.perf_counter() - started
    if data is None or b"HTTP/1.1 200 " not in data[:13] or took > 2.0:
        yield f"a normal call is not answered: {took:.2f} s, {data and data[:200]!r}"
    else:
        content = json.loads(data.partition(b"\r\n\r\n")[2])
        if content.get("rt_cd") != "0":
            yield f"a normal call is refused: {content}"
    for error in sim.errors:
        yield f"an error in a thread that answers: {type(error).__name__}: {str(error)[:200]}"
    kept = sum(1 for entry in sim.log if telltale.APP_SECRET in repr(entry._replace(tr_id="")))
    if kept:
        yield f"the log tells the secret in {kept} entries"


def _left_behind(before: set[threading.Thread]) -> Iterator[str]:
    until = time.monotonic() + _PATIENCE
    while (left := set(threading.enumerate()) - before) and time.monotonic() < until:
        time.sleep(0.01)
    if left:
        yield f"threads are left: {sorted(each.name for each in left)}"
