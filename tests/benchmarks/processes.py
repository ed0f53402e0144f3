"""One budget for a machine, measured: processes that share a limit, over real sockets.

    python -m tests.benchmarks.processes            # all cells, some 6 minutes with the default 3 jobs
    python -m tests.benchmarks.processes --short    # under a minute
    python -m tests.benchmarks.processes --json     # for programs

Every process has a few threads and waits in a bucket of the same file. The exit code is 1 when the server
refused a call or saw more than its limit in a second, when more than one access token was issued, or when
processes that were killed held up the others for longer than a lease; a figure that misses its bar otherwise
is marked as missed.

This room changes when another question is asked of shared limits.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from kis_sync.ratelimit.slots import GUARD
from tests.benchmarks.cell import utilisation
from tests.benchmarks.figures import shared_and_own_slot_microseconds
from tests.benchmarks.process_worker import Task, argument
from tests.benchmarks.report import options
from tests.benchmarks.server import ServerProcess

BAR = 0.94
"""The share of the anchored bound that all processes together are to reach."""
SLOT_BAR = 25.0
_THREADS = 4
_LEASE = 3.0  # seconds, for those that are to be killed: calls take some 30 ms, and a window is a second
_JOBS = 3


@dataclass(frozen=True)
class Cell:
    """So many processes against a server of one limit and way of counting, for about so many calls."""

    processes: int
    limit: int
    window: str
    calls: int


@dataclass(frozen=True)
class Result:
    """What came out; ``calls`` of each process, the round trip in seconds, shares of the limit."""

    calls: list[int]
    rejections: int
    most: int
    round_trip: float
    utilisation: float
    longest_gap: float = 0.0

    @property
    def ratio(self) -> float:
        """Utilisation as a share of what a limiter anchored at completion can reach."""
        return self.utilisation * (1 + self.round_trip + GUARD)


def cells(short: bool) -> Iterator[Cell]:
    """The cells that are measured."""
    if short:
        yield Cell(4, 18, "sliding", 150)
        yield Cell(8, 18, "fixed", 150)
        yield Cell(2, 2, "sliding", 16)
        return
    for processes, limit, window in product((2, 4, 8), (18, 2), ("sliding", "fixed")):
        yield Cell(processes, limit, window, 600 if limit == 18 else 100)


def measure(cell: Cell) -> Result:
    """Run the processes of a cell against a server of its own."""
    with tempfile.TemporaryDirectory() as folder, _server(cell.limit, cell.window) as server:
        task = _task("call", server, folder, cell.limit)
        told = _run([task] * cell.processes, cell.calls / cell.limit * 1.08)
        seen = _seen(server)
    calls = [each["calls"] for each in told]
    round_trip = sum(each["seconds"] for each in told) / sum(calls)
    used = utilisation(seen["arrivals"], cell.limit)
    return Result(calls, seen["rejections"], seen["most"], round_trip, used)


def issues_on_a_cold_start(processes: int = 8, threads: int = 8) -> int:
    """How many access tokens are issued when so many threads of so many processes ask at once."""
    with tempfile.TemporaryDirectory() as folder, _server(18, "sliding") as server:
        task = _task("start_cold", server, folder, 18, threads=threads)
        if sum(each["calls"] for each in _run([task] * processes, 0.0)) != processes * threads:
            raise RuntimeError("a process did not get its prices")
        issues: int = _seen(server)["issues"]
        return issues


def kill(kills: int, processes: int = 8, limit: int = 18) -> Result:
    """Kill one of the processes at random, and start another, again and again."""
    chance = random.Random(5)
    with tempfile.TemporaryDirectory() as folder, _server(limit, "sliding") as server:
        task = _task("call", server, folder, limit, threads=2, asks_when=False, lease=_LEASE)
        running = [_start(task) for _ in range(processes)]
        try:
            time.sleep(_LEASE)
            for _ in range(kills):
                time.sleep(chance.uniform(0.1, 0.5))
                place = chance.randrange(processes)
                _kill(running[place])
                running[place] = _start(task)
            time.sleep(2 * _LEASE)
            seen = _seen(server)
        finally:
            for each in running:
                _kill(each)
    arrivals = seen["arrivals"]
    gap = max(later - earlier for earlier, later in pairwise(arrivals))
    return Result([len(arrivals)], seen["rejections"], seen["most"], 0.0, utilisation(arrivals, limit), gap)


def _server(limit: int, window: str) -> ServerProcess:
    return ServerProcess(mode="live", limit=limit, window=window, latency=0.01, jitter=0.02, seed=11)


def _task(does: str, server: ServerProcess, folder: str, limit: float, **changes: Any) -> Task:
    given: dict[str, Any] = {"threads": _THREADS, **changes}
    return Task(does, server.url, server.app_key, server.app_secret, folder, limit, **given)


def _run(tasks: list[Task], seconds: float) -> list[dict[str, Any]]:
    """Let a process for each task begin at the same moment, and end so many seconds later; what they tell."""
    running = [_start(task) for task in tasks]
    for each in running:
        assert each.stdout is not None
        each.stdout.readline()
    begins_at = time.monotonic() + 0.2
    for each in running:
        assert each.stdin is not None
        each.stdin.write(json.dumps((begins_at, begins_at + seconds)) + "\n")
        each.stdin.flush()
    return [_end(each) for each in running]


def _start(task: Task) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.process_worker", argument(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a process ended with {process.returncode}; see its message above")
    found: dict[str, Any] = json.loads(told)
    return found


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _seen(server: ServerProcess) -> dict[str, Any]:
    seen = server.seen()
    if seen["others"] or seen["errors"]:
        raise RuntimeError(f"the server did not answer as it should: {seen['others']} {seen['errors']}")
    return seen


def unsafe(limit: int, result: Result) -> bool:
    """Whether the server saw more than its limit."""
    return result.rejections > 0 or result.most > limit


def verdict(cell: Cell, result: Result) -> str:
    """``ok``, or what was missed."""
    if unsafe(cell.limit, result):
        return "MISSED: over the limit"
    return "ok" if result.ratio >= BAR else f"MISSED: below {BAR}"


def table(measured: list[tuple[Cell, Result]]) -> Iterator[str]:
    """The cells for people."""
    yield (
        f"{'processes':>9} {'window':8}{'limit':>5}{'calls':>7}{'each':>10}{'refused':>9}{'most/s':>8}"
        f"{'trip ms':>9}{'used':>7}{'ratio':>7}  verdict"
    )
    for cell, each in measured:
        spread = f"{min(each.calls)}-{max(each.calls)}"
        yield (
            f"{cell.processes:9} {cell.window:8}{cell.limit:5}{sum(each.calls):7}{spread:>10}"
            f"{each.rejections:9}{each.most:8}{each.round_trip * 1e3:9.1f}{each.utilisation:7.3f}"
            f"{each.ratio:7.3f}  {verdict(cell, each)}"
        )


def main() -> int:
    """Measure and tell; the exit code."""
    chosen = options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        batches = 20 if chosen.short else 100
        slot, own_slot = shared_and_own_slot_microseconds(Path(folder) / "limit", batches)
    issues = issues_on_a_cold_start()
    kills = 10 if chosen.short else 100
    killed = kill(kills)
    with ThreadPoolExecutor(_JOBS) as pool:
        wanted = list(cells(chosen.short))
        measured = list(zip(wanted, pool.map(measure, wanted), strict=True))
    if chosen.json:
        rows = [{**asdict(c), **asdict(r), "ratio": r.ratio, "verdict": verdict(c, r)} for c, r in measured]
        print(
            json.dumps(
                {
                    "slot": slot,
                    "own_slot": own_slot,
                    "issues": issues,
                    "killed": asdict(killed),
                    "cells": rows,
                }
            )
        )
    else:
        for line in table(measured):
            print(line)
        print(
            f"{kills} kill -9 of 8 processes: {killed.calls[0]} calls, {killed.rejections} refused, at most "
            f"{killed.most} a second, longest pause {killed.longest_gap:.2f} s (lease {_LEASE:g} s)"
        )
        print(f"access tokens issued on a cold start of 8 processes x 8 threads: {issues} (must be 1)")
        missed = "  MISSED" if slot > SLOT_BAR else ""
        print(f"a shared slot, uncontended: {slot:.1f} microseconds (at most {SLOT_BAR:g}){missed}")
        print(f"one of this process alone, measured in turn: {own_slot:.1f} microseconds")
    is_over = any(unsafe(cell.limit, result) for cell, result in measured) or unsafe(18, killed)
    return int(is_over or issues != 1 or killed.longest_gap > _LEASE)


if __name__ == "__main__":
    sys.exit(main())
