"""A server without a socket: raw bytes go through the real http.client, urllib3 and requests, in process.

Only ``connect`` is replaced. What a request says is kept, what comes back is any bytes at all and then an
end: of the stream, by a reset, or by a time-out. This room changes when urllib3 changes how it connects.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection

from kis_sync.connections import Connections
from kis_sync.settings import Settings

Script = Callable[[bytes], tuple[bytes, str]]
"""From a request's bytes to the answer's, and its end: ``eof``, ``reset`` or ``timeout``."""

Plain = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of an answer in whose framing nothing is odd."""

Shortcut = Callable[[str], Plain | None]
"""From a request's path to its answer; ``None`` when it must go through http.client."""

_ENDS: dict[str, type[OSError]] = {"reset": ConnectionResetError, "timeout": TimeoutError}


class _Stream(io.BytesIO):
    """What arrives: the bytes, then the end."""

    def __init__(self, content: bytes, end: str) -> None:
        super().__init__(content)
        self._size = len(content)
        self._failure = _ENDS.get(end)

    def _ended(self) -> None:
        if self._failure is not None and self.tell() >= self._size:
            raise self._failure

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if size is None or size < 0 or len(content) < size:
            self._ended()
        return content

    def read1(self, size: int | None = -1, /) -> bytes:
        content = super().read1(size)
        if not content and size:
            self._ended()
        return content

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and (size is None or size < 0 or len(line) < size):
            self._ended()
        return line

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        if not count and len(buffer):
            self._ended()
        return count


class _Socket:
    """As much of a socket as http.client asks for; the answer is made when the first reader comes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, *_: object, **__: object) -> _Stream:
        return _Stream(*self._script(bytes(self._sent)))

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def shutdown(self, how: int) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


def _no_shortcut(path: str) -> Plain | None:
    return None


def _adapter(script: Script, shortcut: Shortcut) -> HTTPAdapter:
    class Connection(HTTPConnection):
        def connect(self) -> None:
            self.sock = _Socket(script)

        @property
        def is_connected(self) -> bool:
            return False  # so that every request makes its own

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": Pool}

        def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
            plain = shortcut(request.path_url.partition("?")[0])
            if plain is None:
                return super().send(request, *args, **kwargs)
            status, headers, body = plain
            answer = HTTPResponse(io.BytesIO(body), HTTPHeaderDict(headers), status, preload_content=False)
            return self.build_response(request, answer)

        def close(self) -> None:
            """Kept for the next order, which would make all of this anew."""

    return Adapter(max_retries=0)


class MemoryConnections(Connections):
    """The connections of a broker, to a script, past http.client where ``shortcut`` has an answer."""

    def __init__(self, settings: Settings, script: Script, shortcut: Shortcut = _no_shortcut) -> None:
        super().__init__(settings)
        self._to_script = _adapter(script, shortcut)

    def _adapter(self, kept: int) -> HTTPAdapter:
        return self._to_script
