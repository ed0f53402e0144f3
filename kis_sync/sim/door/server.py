"""The door with a socket: HTTP/1.1 with kept-alive connections on the loopback address.

A request that no one can read gets an answer in KIS's envelope or a closed connection, never a dead
thread. This room changes when the way of serving HTTP changes.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kis_sync.clock import Clock
from kis_sync.sim.door.chunks import BadChunkError, TooLongError, read_chunks
from kis_sync.sim.door.wire import JSON_TYPE, Cut, Request, Response, encode

BODY_LIMIT = 1024 * 1024
"""The longest body in bytes that is read; a longer one is answered with HTTP 413."""

_IDLE_SECONDS = 120.0
_POLL_SECONDS = 0.05
# SO_LINGER: on, 0 seconds, so that close() sends a reset; Windows counts in shorter numbers.
_DROP_NOW = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

Answer = Callable[[Request], Response]


class Server:
    """Serves ``answer`` on ``host:port`` in a thread of its own between ``start`` and ``stop``.

    Port 0 takes any free one. Raises ``ValueError`` for an address that others can reach; ``start`` raises
    ``OSError`` with a clear text when the port is taken. ``errors`` keeps what went wrong in the threads
    that answer.
    """

    def __init__(self, answer: Answer, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the simulator serves loopback addresses only, not {host}")
        self.errors: deque[BaseException] = deque(maxlen=100)
        self._answer = answer
        self._clock = clock
        self._address = (host, port)
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where the server is reached; raises ``RuntimeError`` when it does not run."""
        if self._listener is None:
            raise RuntimeError("the simulator does not run: start() it, or use it as a context manager")
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Open the port and serve; does nothing when it serves already."""
        if self._listener is not None:
            return
        host, port = self._address
        try:
            self._listener = _Listener((host, port), self._answer, self._clock, self.errors)
        except OSError as error:
            raise OSError(error.errno, f"port {port} of {host} cannot be opened: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            kwargs={"poll_interval": _POLL_SECONDS},
            name="kis-sim",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection; does nothing when it does not serve."""
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._listener.close_connections()
        self._listener = self._thread = None


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # Elsewhere the option lets a restarted server take its port at once; on Windows it would let two
    # servers share one.
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self, address: tuple[str, int], answer: Answer, clock: Clock, errors: deque[BaseException]
    ) -> None:
        self.answer = answer
        self.clock = clock
        self.errors = errors
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service, which HTTPServer would do."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the fault for whoever looks; a client that went away is none."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self.errors.append(error)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed meanwhile by its own thread


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Listener

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        request = Request.parse(self.command, self.path, dict(self.headers.items()), body)
        self._send(self.server.answer(request))

    def _read_body(self) -> bytes | None:
        """The body, or ``None`` after an answer that it cannot be read."""
        if self.headers.get("Transfer-Encoding"):
            return self._read_encoded()
        lengths = self.headers.get_all("Content-Length", ["0"])
        stated = lengths[0]
        if not (stated.isascii() and stated.isdigit()) or len(set(lengths)) > 1:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return None
        if len(stated) > 9 or int(stated) > BODY_LIMIT:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        body = self.rfile.read(int(stated))
        if len(body) < int(stated):
            self.close_connection = True
            return None
        return body

    def _read_encoded(self) -> bytes | None:
        codings = [coding.strip().lower() for coding in self.headers.get_all("Transfer-Encoding", [])]
        if codings != ["chunked"]:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return None
        if "Content-Length" in self.headers:  # which of the two holds is how requests are smuggled
            self.send_error(HTTPStatus.BAD_REQUEST)
            return None
        try:
            body = read_chunks(self.rfile, BODY_LIMIT)
        except BadChunkError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return None
        except TooLongError:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        if body is None:
            self.close_connection = True
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what cannot be read as a request, and close the connection."""
        del message, explain
        self.close_connection = True
        body = encode({"rt_cd": "1", "msg_cd": "EGW00101", "msg1": "유효하지 않은 요청입니다."})
        self._send(Response(code, body, (("Content-Type", JSON_TYPE), ("tr_cont", ""))))

    def _send(self, response: Response) -> None:
        if response.cut in (Cut.DROP, Cut.RESET):
            self._break_off(response.cut)
            return
        body = b"" if self.command == "HEAD" else response.body
        if response.cut is Cut.HALF:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(self._head(response) + body)

    def _head(self, response: Response) -> bytes:
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if self.close_connection:
            lines.append("Connection: close")
        lines += [f"Content-Length: {len(response.body)}", f"Date: {http_date(self.server.clock.now())}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _break_off(self, cut: Cut) -> None:
        self.close_connection = True
        if cut is Cut.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_NOW)
            self.connection.close()
        else:
            _shut(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests stand in the log."""
        del format, args


for _method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler._serve)  # the app judges the method, not the door


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def http_date(now: datetime) -> str:
    """An instant as the ``Date`` header writes it, in GMT."""
    return format_datetime(now.astimezone(timezone.utc), usegmt=True)
