"""The same cases over real sockets: bytes that trickle, connections that break, and stay open for nothing.

This room changes when there is another way for a connection to misbehave.
"""

from __future__ import annotations

import contextlib
import random
import socket
import socketserver
import struct
import sys
import threading
import time
from types import TracebackType
from typing import Any

from kis_sync.connections import Connections
from tests.fuzz import cases
from tests.fuzz.cases import Case
from tests.fuzz.listening import Ear
from tests.fuzz.rig import HASH_PATH, Server

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_MOST_PIECES = 6
_PATIENCE = 20.0  # seconds; no client comes near it
_PAUSE = 0.001  # seconds between the pieces of a trickle
STALLS = 0.002  # of the answers never end, which costs the client's time-out
_LIMIT = 100_000  # bytes of a request


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        connection = self.request
        connection.settimeout(_PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # a client that went away is what many of these cases are about
            while sent := _request(connection):
                answer, end = self.server.replies.script(sent)
                if not self._reply(connection, answer, end):
                    return

    def _reply(self, connection: socket.socket, answer: bytes, end: str) -> bool:
        """Send an answer as the server was told to; whether the connection stays open."""
        rng = self.server.manner
        if not self.server.replies.is_mutated(self.server.replies.requests[-1]):
            connection.sendall(answer)
            return True
        if rng.random() < STALLS:
            _drip(rng, connection)
        for piece in _pieces(rng, answer):
            connection.sendall(piece)
            if piece is not answer:
                time.sleep(_PAUSE)
        if end == "timeout" and rng.random() < STALLS * 10:
            connection.recv(1)  # until the client has had enough
        elif end == "reset" or rng.random() < 0.05:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return False


def _drip(rng: random.Random, connection: socket.socket) -> None:
    """Begin an answer, or many, and never end it, until the client has had enough."""
    drop = rng.choice((b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 x\r\nx: y\r\n\r\n"))
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        connection.sendall(drop)  # raises once the client has closed
        time.sleep(0.02)


def _pieces(rng: random.Random, answer: bytes) -> list[bytes]:
    if rng.random() < 0.8 or len(answer) > 50_000:
        return [answer]
    cuts = sorted(rng.randrange(len(answer) + 1) for _ in range(rng.randrange(1, _MOST_PIECES)))
    return [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]


def _request(connection: socket.socket) -> bytes:
    """The next request, empty when there is none."""
    received = b""
    while b"\r\n\r\n" not in received and len(received) < _LIMIT:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = Server()
        self.manner = random.Random()
        self.faults: list[BaseException] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self.faults.append(error)


class SocketRunner(cases.Runner):
    """Runs cases over loopback; a context manager."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(ear)
        self._listener = _Listener()
        self._server = self._listener.replies
        self._base_url = f"http://127.0.0.1:{self._listener.server_address[1]}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> SocketRunner:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        assert not self._listener.faults, self._listener.faults

    def judge(self, case: Case) -> tuple[str, list[str]]:
        """How the case ended over a connection of its own, and its findings."""
        self._listener.manner.seed(f"{case.seed}:{case.index}:manner")
        known = cases.settings_of(case.retries, case.exercise.target == HASH_PATH, self._base_url)
        self._connections = Connections(known)
        try:
            return super().judge(case)
        finally:
            self._connections.close()
