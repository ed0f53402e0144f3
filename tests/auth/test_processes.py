"""All processes of a user share one access token: together they ask for it once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fake_kis import FakeKIS, access_token

_PROGRAM = """
import json, sys
from kis_sync import KISBroker, Settings

given = json.loads(sys.argv[1])
with KISBroker(Settings(**given)) as broker:
    sys.stdin.readline()
    print(broker.get_price("005930").price)
"""


def run_together(count: int, given: dict[str, Any]) -> list[str]:
    """Start processes, let all of them call at once; what each printed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate(timeout=60)[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait(20)


def test_four_processes_issue_one_access_token(tmp_path: Path) -> None:
    with FakeKIS(issue_takes=0.2) as kis:
        mine = kis.settings()
        given = {
            "app_key": mine.app_key,
            "app_secret": mine.app_secret,
            "base_url": kis.url,
            "cache_dir": str(tmp_path),
            "rate_limit_rps": 1000,
            "proxies": {},
        }
        assert run_together(4, given) == ["70000"] * 4
        assert (kis.count("tokenP"), kis.count("inquire-price")) == (1, 4)
        assert len({request.connection for request in kis.named("inquire-price")}) == 4
        # and one that comes later finds it on disk, as does this process
        with kis.broker(app_key=mine.app_key, store_access_token=True, cache_dir=tmp_path) as broker:
            broker.get_price("005930")
        assert kis.count("tokenP") == 1
        assert kis.named("inquire-price")[-1].header("authorization") == f"Bearer {access_token(1)}"
