"""What the tests of orders on the command line share: a simulator's settings, and what a command said."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kis_sync import Simulator
from tests.cli.test_cli import environment

ORDER, CHANGE = (f"/uapi/domestic-stock/v1/trading/order-{name}" for name in ("cash", "rvsecncl"))
CODE = "005930"
Cli = Callable[..., "Told"]


class Told(str):
    """Everything that a command said; ``code`` is its exit code."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A standard input on which somebody types."""

    def isatty(self) -> bool:
        return True


def variables(sim: Simulator, folder: Path) -> dict[str, str]:
    """The settings for a simulator, with journal and access token in a folder of their own."""
    return {
        "KIS_BASE_URL": sim.base_url,
        "KIS_APP_KEY": sim.app_key,
        "KIS_APP_SECRET": sim.app_secret,
        "KIS_ACCOUNT_NO": sim.account_no,
        "MODE": sim.mode.value,
        "KIS_CACHE_DIR": str(folder / "cache"),
        "KIS_DATA_DIR": str(folder / "data"),
        "KIS_ALLOW_LIVE_ORDERS": "true",
        "RATE_LIMIT_RPS": "1000",
        "LEDGER_RATE_LIMIT_RPS": "1000",
        "COLUMNS": "80",
    }


def sent(sim: Simulator, path: str = ORDER) -> int:
    """How many calls of a path arrived."""
    return sim.stats.calls_by_path[path]


def subprocess_of(sim: Simulator, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "kis_sync", *arguments], capture_output=True, encoding="utf-8", cwd=folder,
        env=environment(**variables(sim, folder)), stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
