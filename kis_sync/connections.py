"""The connections to the server: one session for all threads, TLS, proxies, and one apart for each order.

Nothing is opened, and no certificate is read, before the first call. This room changes when the way of
connecting changes.
"""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from kis_sync.errors import BrokerClosedError, ConfigurationError
from kis_sync.settings import Settings

_OUR_PATHS = re.compile("/uapi/|/oauth2/")
_KEPT = 32  # connections kept open; more threads than that still work, over connections made for them


class Connections:
    """The ``requests.Session`` of a broker: made on first use, never changed after it.

    The environment's proxies and certificate bundle are read once, as requests would read them; a
    ``.netrc`` never, since an entry in it would replace our bearer. Redirects and cookies do not occur:
    requests leave by ``HTTPAdapter.send``, which knows neither. From the first call on, what urllib3 logs of
    KIS's paths leaves out the query, which holds the account number.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server = settings.server
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False
        self.proxies: Mapping[str, str] = {}
        _all.add(self)

    def kept(self) -> BaseAdapter:
        """The session's adapter, whose connections are kept alive between calls."""
        session = self._session or self._opened()
        return session.get_adapter(self._server)

    def fresh(self) -> HTTPAdapter:
        """An adapter without any connection yet, for one call; the caller closes it.

        A kept-alive connection that dies under a POST proves nothing about the order in it.
        """
        if self._session is None:
            self._opened()
        return self._adapter(kept=1)

    def close(self) -> None:
        """Close every kept connection; later calls raise ``BrokerClosedError``."""
        with self._lock:
            self._closed = True
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def start_anew(self) -> None:
        """Forget the session without closing it: a forked child must not share its parent's sockets."""
        self._lock = threading.Lock()
        self._session = None

    def _opened(self) -> requests.Session:
        with self._lock:
            if self._closed:
                raise BrokerClosedError("the broker is closed; make a new one")
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> requests.Session:
        settings = self._settings
        self.proxies = dict(
            get_environ_proxies(self._server, no_proxy=None) if settings.proxies is None else settings.proxies
        )
        if self._server.startswith("https:"):
            self._tls = _tls_context(settings.ca_bundle)
        for name in ("urllib3.connection", "urllib3.connectionpool"):
            logging.getLogger(name).addFilter(_tell_no_secret)
        session = requests.Session()
        session.trust_env = False
        adapter = self._adapter(_KEPT)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def _adapter(self, kept: int) -> HTTPAdapter:
        return _Adapter(kept) if self._tls is None else _SharedContextAdapter(self._tls, kept)


_all: WeakSet[Connections] = WeakSet()


def _start_anew_in_child() -> None:
    for each in list(_all):
        each.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)


class _PunctualStream(io.RawIOBase):
    """What arrives on a connection, by a deadline while there is one; else each read has the time-out."""

    def __init__(self, connection: socket.socket, stream: io.RawIOBase) -> None:
        self._connection = connection
        self._stream = stream
        self.deadline: float | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The connection's."""
        return self._stream.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        """As many bytes as there are; ``TimeoutError`` past the deadline."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the head of the answer did not arrive in time")
            self._connection.settimeout(left)
        return cast("int | None", self._stream.readinto(buffer))

    def close(self) -> None:
        """Close the stream, not the connection."""
        self._stream.close()
        super().close()


class _PunctualResponse(HTTPResponse):
    """An answer whose head arrives within the time-out as a whole.

    A socket's time-out begins anew with each byte, and http.client reads any number of interim answers
    (1xx): by either of them a server could keep a call waiting for ever.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._connection = sock
        self._stream = _PunctualStream(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        """Read the head."""
        seconds = self._connection.gettimeout()
        if seconds is not None:
            self._stream.deadline = time.monotonic() + seconds
        try:
            super().begin()
        finally:
            self._stream.deadline = None
            self._connection.settimeout(seconds)


class _Connection(HTTPConnection):
    response_class = _PunctualResponse


class _TLSConnection(HTTPSConnection):
    response_class = _PunctualResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """An adapter of one server, whose answers are punctual.

    What HTTPAdapter works out anew for each request, since it may be to anywhere, is worked out once here, or
    left out where nobody looks at it: together a tenth of a call.
    """

    def __init__(self, kept: int) -> None:
        self._pool: Any = None
        super().__init__(pool_connections=1, pool_maxsize=kept, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The server's pool: server, proxies and certificates never change."""
        pool = self._pool  # read once: another thread may close the adapter
        if pool is None:
            pool = self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """What to ask for: the path, or what a proxy wants to be told."""
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The answer without cookies and encoding."""
        response = requests.Response()
        response.status_code, response.reason = resp.status, resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw, response.url = resp, str(req.url)
        response.request, response.connection = req, self
        return response

    def close(self) -> None:
        """Let go of the pool, which closes its connections when nobody uses it any more."""
        super().close()
        self._pool = None

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools of punctual connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Pools of punctual connections behind a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _TLSPool}


class _SharedContextAdapter(_Adapter):
    """An adapter whose connections share one TLS context: reading the certificates costs 13 ms each time."""

    def __init__(self, context: ssl.SSLContext, kept: int) -> None:
        self._context = context
        super().__init__(kept)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools that use the shared context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Pools behind a proxy that use the shared context."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context verifies, always, with the certificates it was made with."""


def _tls_context(ca_bundle: str | os.PathLike[str] | None) -> ssl.SSLContext:
    bundle = Path(
        ca_bundle
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or os.environ.get("CURL_CA_BUNDLE")
        or DEFAULT_CA_BUNDLE_PATH
    )
    try:
        if bundle.is_dir():
            return ssl.create_default_context(capath=str(bundle))
        return ssl.create_default_context(cafile=str(bundle))
    except OSError as error:  # an SSLError is one
        raise ConfigurationError(
            f"no certificates can be read from {str(bundle)!r}; it is named by ca_bundle (KIS_CA_BUNDLE), "
            f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE ({type(error).__name__})"
        ) from None


def _tell_no_secret(record: logging.LogRecord) -> bool:
    """Take what may be secret out of a record of urllib3's about one of our URLs; log it all the same."""
    args = record.args
    if isinstance(args, tuple) and any(isinstance(each, str) and _OUR_PATHS.search(each) for each in args):
        record.args = tuple(_harmless(each) for each in args)
        record.exc_info = None  # its text quotes the answer
    return True


def _harmless(value: object) -> object:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value.partition("?")[0] if isinstance(value, str) else value
