"""What importing kis-sync, and its first answer, cost beside bare requests: whole processes, in turn.

    python -m tests.benchmarks.imports [--short] [--json]

Each figure is the median of the ratios of pairs run one after the other. Bars: ``import kis_sync`` at most
1.15 times ``import requests``; the first answer of a fresh process at most 1.5 times a bare requests
script's when an access token is issued, 1.3 times with a stored one. The server is a simulator in a process
of its own; what is measured is the installed package, compiled, not the source tree. The access token lies
where a user has it, below XDG_CACHE_HOME (so: on Linux). ``from kis_sync import KISBroker`` has no bar and
is told for its own sake. This room changes when another cost of starting is measured.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kis_sync.auth import TokenStore
from tests.benchmarks.report import Figure, options, report

BARS: dict[str, float | None] = {
    "import kis_sync": 1.15,
    "from kis_sync import KISBroker": None,
    "first answer, access token issued": 1.5,
    "first answer, access token stored": 1.3,
}

IMPORT_REQUESTS = "import requests"

BARE = """
import os, requests
base, key, secret = (os.environ[name] for name in ("KIS_BASE_URL", "KIS_APP_KEY", "KIS_APP_SECRET"))
session = requests.Session()
token = os.environ.get("BARE_TOKEN")
if not token:
    body = {"grant_type": "client_credentials", "appkey": key, "appsecret": secret}
    token = session.post(base + "/oauth2/tokenP", json=body, timeout=10).json()["access_token"]
headers = {"authorization": "Bearer " + token, "appkey": key, "appsecret": secret,
           "tr_id": "FHKST01010100", "custtype": "P"}
asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
url = base + "/uapi/domestic-stock/v1/quotations/inquire-price"
answer = session.get(url, params=asked, headers=headers, timeout=10).json()
assert answer["rt_cd"] == "0", answer
"""

OURS = """
from kis_sync import KISBroker
with KISBroker.from_env(None) as broker:
    broker.get_price("005930")
"""


def main() -> int:
    """Measure, print, and say by the exit code whether every bar was met."""
    asked = options(__doc__)
    pairs = 7 if asked.short else 25
    figures = [Figure(name, ratio, BARS[name], "x") for name, ratio in measured(pairs).items()]
    return report(f"medians of {pairs} ratios to the same done with bare requests", figures, asked.json)


def measured(pairs: int) -> dict[str, float]:
    """The median ratio of every figure."""
    ratios = {
        code: _ratio(pairs, lambda code=code: _run(code), lambda: _run(IMPORT_REQUESTS))  # type: ignore[misc]
        for code in ("import kis_sync", "from kis_sync import KISBroker")
    }
    with _server() as known, tempfile.TemporaryDirectory() as folder:
        # A new app key each time, so that each process is issued its own access token.
        keys = (f"PS{number:034d}" for number in range(10**6))

        def issued(code: str) -> Callable[[], float]:
            return lambda: _run(code, **(known | {"KIS_APP_KEY": next(keys), "XDG_CACHE_HOME": folder}))

        ratios["first answer, access token issued"] = _ratio(pairs, issued(OURS), issued(BARE))
        stored = {**known, "XDG_CACHE_HOME": folder}
        _run(OURS, **stored)
        token = _stored_token(folder, known["KIS_APP_KEY"], known["KIS_BASE_URL"])
        ratios["first answer, access token stored"] = _ratio(
            pairs, lambda: _run(OURS, **stored), lambda: _run(BARE, **stored, BARE_TOKEN=token)
        )
    return ratios


def _ratio(pairs: int, ours: Callable[[], float], theirs: Callable[[], float]) -> float:
    ours(), theirs()  # warm the file cache
    return statistics.median(ours() / theirs() for _ in range(pairs))


def _run(code: str, **variables: str) -> float:
    """The seconds of a fresh process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment | variables, cwd=tempfile.gettempdir()
    )
    return time.perf_counter() - began


@contextmanager
def _server() -> Iterator[dict[str, str]]:
    """A simulator in a process of its own; the variables that lead to it."""
    command = [sys.executable, "-m", "kis_sync", "sim", "--port", "0", "--mode", "live", "--limit", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            known: dict[str, str] = {}
            for line in process.stdout or ():
                name, _, value = line.strip().partition("=")
                if value:
                    known[name] = value
                if name == "MODE":
                    break
            yield known
        finally:
            process.terminate()


def _stored_token(folder: str, app_key: str, server: str) -> str:
    issued = TokenStore(Path(folder) / "kis-sync", app_key, server).read()
    assert issued is not None, "the access token was not stored"
    return issued.value


if __name__ == "__main__":
    sys.exit(main())
