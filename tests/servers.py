"""Servers over raw sockets that do to their clients what a script says, and keep all that they were sent.

``RawServer`` speaks just enough HTTP to read a request; what goes back is bytes, a close, a reset or nothing.
``ForwardProxy`` passes on what it is asked for, and records it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import parse_qsl

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_PATIENCE = 20.0  # seconds; no test comes near it
S = TypeVar("S", bound="SocketServer")


@dataclass(frozen=True)
class Request:
    """A request as it arrived: header names as spelled, the number of the connection that it came over."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition("/")[2]

    @property
    def query(self) -> dict[str, str]:
        query = self.target.partition("?")[2]  # an empty one is an error to older Pythons
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}

    def header(self, name: str) -> str | None:
        return next((value for spelled, value in self.headers if spelled.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


Action = Callable[[socket.socket], bool]
"""What to do on a connection; says whether the connection may stay."""


def sent(data: bytes, *, stays: bool = True) -> Action:
    """Send these bytes."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(data)
        return stays

    return act


def answer(
    body: bytes | Mapping[str, object] | list[object] = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
    stays: bool = True,
) -> Action:
    """An HTTP answer; ``length`` states another one than the body has."""
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"HTTP/1.1 {status} whatever", f"Content-Length: {len(content) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return sent("\r\n".join([*lines, "", ""]).encode() + content, stays=stays)


def close(connection: socket.socket) -> bool:
    """Hang up."""
    return False


def reset(connection: socket.socket) -> bool:
    """Hang up with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    return False


def first_byte(connection: socket.socket) -> bool:
    """Wait until a request begins to arrive.

    A reset without it may meet the client still connecting; then nothing was sent, as it rightly concludes.
    """
    return bool(connection.recv(1))


def stall(connection: socket.socket) -> bool:
    """Say nothing until the client hangs up or the server stops."""
    connection.settimeout(_PATIENCE)
    with contextlib.suppress(OSError):
        while connection.recv(1024):
            pass
    return False


def pause(seconds: float) -> Action:
    """Let some time pass."""

    def act(connection: socket.socket) -> bool:
        time.sleep(seconds)
        return True

    return act


def then(*actions: Action) -> Action:
    """One after the other; the last one says whether the connection may stay."""

    def act(connection: socket.socket) -> bool:
        return [action(connection) for action in actions][-1]

    return act


def dripping(head: bytes, drop: bytes, pause: float) -> Action:
    """Send a head, then one drop after the other until the client hangs up."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(head)
        until = time.monotonic() + _PATIENCE
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                connection.sendall(drop)
                time.sleep(pause)
        return False

    return act


def tls_first(context: ssl.SSLContext | None, connection: socket.socket) -> socket.socket | None:
    """The connection after its TLS handshake, ``None`` when that failed."""
    if context is None:
        return connection
    try:
        return context.wrap_socket(connection, server_side=True)
    except (OSError, ssl.SSLError):
        return None


@dataclass
class SocketServer:
    """A listening socket on loopback; each connection is served in a thread of its own."""

    tls: ssl.SSLContext | None = None
    connections: int = 0
    faults: list[BaseException] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _open: dict[int, socket.socket] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self: S) -> S:
        self._port = 0
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listen_no_more()
        with self._lock:
            for connection in self._open.values():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE)
        if kind is None:
            assert not self.faults, self.faults

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self._port}"

    def await_silence(self) -> None:
        """Block until every connection so far is closed on this side."""
        until = time.monotonic() + _PATIENCE
        while self._open and time.monotonic() < until:
            time.sleep(0.001)

    def listen(self) -> None:
        """Take connections, at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = self._listener.getsockname()[1]
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def listen_no_more(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port), 1).close()  # wakes accept()
        self._accepting.join(_PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping:
                connection.close()
                return
            with self._lock:
                self.connections += 1
                self._open[self.connections] = connection
                thread = threading.Thread(
                    target=self._serve_one, args=(connection, self.connections), daemon=True
                )
                self._threads.append(thread)
            thread.start()

    def _serve_one(self, connection: socket.socket, number: int) -> None:
        try:
            self.serve(connection, number)
        except (ConnectionError, TimeoutError):
            pass  # a client that went away is what many of these tests are about
        except BaseException as error:  # noqa: BLE001  (told by __exit__)
            self.faults.append(error)
        finally:
            with self._lock:
                self._open.pop(number, None)
            connection.close()

    def serve(self, connection: socket.socket, number: int) -> None:
        raise NotImplementedError


@dataclass
class RawServer(SocketServer):
    """Reads requests and does with each what ``script`` says; ``at_accept`` acts before anything is read."""

    script: Callable[[Request], Action] = field(default=lambda request: answer({}))
    at_accept: deque[Action | None] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)

    def named(self, name: str) -> list[Request]:
        """The requests whose path ends so."""
        with self._lock:
            return [request for request in self.requests if request.name == name]

    def serve(self, connection: socket.socket, number: int) -> None:
        first = self.at_accept.popleft() if self.at_accept else None
        if first is not None and not first(connection):
            return
        secured = tls_first(self.tls, connection)
        if secured is None:
            return
        with contextlib.closing(secured):
            for request in _requests(secured, number):
                with self._lock:
                    self.requests.append(request)
                if not self.script(request)(secured) or request.header("connection") == "close":
                    return


def _requests(connection: socket.socket, number: int) -> Iterator[Request]:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            received = connection.recv(65536)
            if not received:
                return
            buffer += received
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        while len(buffer) < length:
            buffer += connection.recv(65536)
        yield Request(method, target, headers, buffer[:length], number)
        buffer = buffer[length:]


@dataclass
class ForwardProxy(SocketServer):
    """Passes on plain requests and CONNECT tunnels, one a connection, and records their first lines."""

    lines: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket, number: int) -> None:
        request = next(_requests(connection, number))
        self.lines.append(f"{request.method} {request.target}")
        self.heads.append("\n".join(f"{name}: {value}" for name, value in request.headers))
        if request.method == "CONNECT":
            host, _, port = request.target.rpartition(":")
            with socket.create_connection((host, int(port)), _PATIENCE) as onward:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _pass_on(connection, onward)
            return
        authority, _, path = request.target.removeprefix("http://").partition("/")
        host, _, port = authority.partition(":")
        lines = [f"{request.method} /{path} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in request.headers if name.lower() != "connection"]
        with socket.create_connection((host, int(port)), _PATIENCE) as onward:
            onward.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
            while received := onward.recv(65536):
                connection.sendall(received)


def _pass_on(left: socket.socket, right: socket.socket) -> None:
    """Both ways, until either side hangs up."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while received := source.recv(65536):
                target.sendall(received)
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(right, left), daemon=True)
    back.start()
    copy(left, right)
    back.join(_PATIENCE)
