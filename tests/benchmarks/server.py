"""The simulator in a process of its own, so that neither side's threads hold up the other's.

This room changes when a benchmark needs to ask more of the server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any

from kis_sync.sim import Simulator


class ServerProcess:
    """A running simulator: ``url``, ``app_key`` and ``app_secret`` to reach it, ``seen()`` to read it."""

    def __init__(self, **options: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        told = self._read()
        self.url: str = told["url"]
        self.app_key: str = told["app_key"]
        self.app_secret: str = told["app_secret"]

    def seen(self) -> dict[str, Any]:
        """Rejections, the most calls in any second, access tokens, and when each call taken arrived."""
        assert self._process.stdin is not None
        self._process.stdin.write("seen\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulator's process ended; see its message above")
        told: dict[str, Any] = json.loads(line)
        return told

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its standard input, which ends it


def serve(options: dict[str, Any]) -> None:
    """Serve until standard input ends; answer each line on it with what was seen so far."""
    if options.get("tail"):
        options["tail"] = tuple(options["tail"])
    with Simulator(**options) as sim:
        _tell({"url": sim.base_url, "app_key": sim.app_key, "app_secret": sim.app_secret})
        for _ in sys.stdin:
            _tell(
                {
                    "rejections": sim.stats.egw00201,
                    "most": sim.stats.most_calls_in_any_second,
                    "arrivals": sorted(entry.arrival for entry in sim.log if entry.counted),
                    "others": {code: n for code, n in sim.stats.rejections.items() if code != "EGW00201"},
                    "issues": sum(entry.path.endswith("/tokenP") for entry in sim.log),
                    "errors": [repr(error) for error in sim.errors],
                }
            )


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
