"""The door without a socket: a transport adapter for ``requests`` that asks the app in process.

This room changes when requests changes what it expects of an adapter.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kis_sync.sim.door.wire import Cut, Request, Response

if TYPE_CHECKING:
    from requests import PreparedRequest
    from requests.adapters import BaseAdapter


def make_adapter(answer: Callable[[Request], Response], date: Callable[[], str]) -> BaseAdapter:
    """An adapter to mount on a ``requests.Session``; time-outs have no effect, nothing can block."""
    import requests
    from requests.adapters import BaseAdapter as Base
    from requests.structures import CaseInsensitiveDict

    class InProcessAdapter(Base):
        """Hands every request of a session to the simulator's app."""

        def send(
            self,
            request: PreparedRequest,
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
        ) -> requests.Response:
            """The app's answer as ``requests`` would have read it from a socket."""
            del stream, timeout, verify, cert, proxies
            answered = answer(_read(request))
            if answered.cut in (Cut.DROP, Cut.RESET):
                raise requests.ConnectionError(f"the simulator broke off: {answered.cut}", request=request)
            if answered.cut is Cut.HALF:
                raise requests.exceptions.ChunkedEncodingError("half a body", request=request)
            response = requests.Response()
            response.status_code = answered.status
            response.headers = CaseInsensitiveDict(
                [*answered.headers, ("Content-Length", str(len(answered.body))), ("Date", date())]
            )
            response.encoding = "utf-8"
            response.raw = io.BytesIO(answered.body)
            response.url = request.url or ""
            response.request = request
            return response

        def close(self) -> None:
            """Nothing is held open."""

    return InProcessAdapter()


def _read(request: PreparedRequest) -> Request:
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    headers = {str(name): str(value) for name, value in request.headers.items()}
    return Request.parse(request.method or "GET", request.url or "", headers, content)
