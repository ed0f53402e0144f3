"""How the main job feels: seconds to the first row, seconds in all, seconds from Ctrl-C to the end.

    python -m tests.benchmarks.main_job [--short] [--json]

Whole processes of ``kis-sync scan --sim``. Bars: first row within 2 s, 100 stocks within 15 s, the end
within 1 s of Ctrl-C. This room changes when another side of the main job is measured.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from tests.benchmarks.report import Figure, options, report

BARS = {"first row": 2.0, "whole scan of 100 stocks": 15.0, "end after Ctrl-C": 1.0}


def main() -> int:
    """Measure, print, and say by the exit code whether every bar was met."""
    asked = options(__doc__)
    runs = 1 if asked.short else 3
    worst: dict[str, float] = {}
    for _ in range(runs):
        for name, seconds in [*_scan().items(), ("end after Ctrl-C", _interrupted())]:
            worst[name] = max(worst.get(name, 0.0), seconds)
    figures = [Figure(name, seconds, BARS[name], "s") for name, seconds in worst.items()]
    return report(f"the worst of {runs} runs", figures, asked.json)


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kis_sync", "scan", "--sim"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", bufsize=1
    )


def _read_first_row(process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        if line[:6].isalnum() and any(letter.isdigit() for letter in line[:6]):
            return
    raise RuntimeError("the scan ended without a row")


def _scan() -> dict[str, float]:
    began = time.perf_counter()
    with _started() as process:
        _read_first_row(process)
        first = time.perf_counter() - began
        for _ in process.stdout or ():
            pass
    if process.returncode:
        raise RuntimeError(f"the scan ended with {process.returncode}")
    return {"first row": first, "whole scan of 100 stocks": time.perf_counter() - began}


def _interrupted() -> float:
    with _started() as process:
        _read_first_row(process)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        began = time.perf_counter()
        process.communicate()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
