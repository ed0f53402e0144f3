"""A keep-alive server in a process of its own that costs its clients little: it sends recorded answers.

What it sends are the simulator's own answers, asked for once when it starts. This room changes when a client
is measured by another call.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from email.utils import formatdate
from types import TracebackType
from typing import Any, NamedTuple

import requests

from kis_sync.sim import Simulator

PATH = "/uapi/domestic-stock/v1/quotations/inquire-price"
TR_ID = "FHKST01010100"
ASKED = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
_END = b"\r\n\r\n"


class RecordedServer:
    """The running server: ``url``, and the ``app_key`` and ``app_secret`` that it was recorded with."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.url: str = told["url"]
        self.app_key: str = told["app_key"]
        self.app_secret: str = told["app_secret"]

    def __enter__(self) -> RecordedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its standard input, which ends it


class _Recorded(NamedTuple):
    """An answer but for its date, which is the present's."""

    head: bytes
    content: bytes

    def now(self) -> bytes:
        return b"%bDate: %b%b%b" % (
            self.head,
            formatdate(time.time(), usegmt=True).encode(),
            _END,
            self.content,
        )


def record(sim: Simulator) -> dict[str, _Recorded]:
    """The answers that a price takes, by method: the access token's to a POST, the price's to a GET."""
    keys = {"appkey": sim.app_key, "appsecret": sim.app_secret}
    body = {"grant_type": "client_credentials", **keys}
    issued = requests.post(f"{sim.base_url}/oauth2/tokenP", json=body, timeout=10)
    headers = {**keys, "authorization": f"Bearer {issued.json()['access_token']}", "tr_id": TR_ID}
    quoted = requests.get(sim.base_url + PATH, params=ASKED, headers=headers, timeout=10)
    assert len(quoted.json()["output"]) == 82, "the documented price answer has 82 fields"
    return {
        "POST": _recorded(issued.content, issued.headers),
        "GET": _recorded(quoted.content, quoted.headers),
    }


def _recorded(content: bytes, headers: Mapping[str, str]) -> _Recorded:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "date"]
    return _Recorded(("HTTP/1.1 200 OK\r\n" + "".join(lines)).encode("latin-1"), content)


def serve(answers: Mapping[str, _Recorded], listener: socket.socket) -> None:
    """Answer every connection in a thread of its own, as long as the process lives."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(answers, connection), daemon=True).start()


def _answer(answers: Mapping[str, _Recorded], connection: socket.socket) -> None:
    """One client's requests; a GET ends with its head, and the one POST is small enough to come at once."""
    second, sent = 0, b""
    with connection:
        while head := connection.recv(65536):
            if head.startswith(b"POST"):
                while not head.endswith(b"}"):
                    head += connection.recv(65536)
                connection.sendall(answers["POST"].now())
                continue
            while not head.endswith(_END):
                head += connection.recv(65536)
            if int(time.time()) != second:
                second, sent = int(time.time()), answers["GET"].now()
            connection.sendall(sent)


def main() -> None:
    """Record, serve, and tell where, until standard input ends."""
    with Simulator(mode="paper", limit=1000) as sim:
        answers = record(sim)
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=serve, args=(answers, listener), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        print(json.dumps({"url": url, "app_key": sim.app_key, "app_secret": sim.app_secret}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
