"""The limiter measured over real sockets: never refused, and close to what can be reached at all.

    python -m tests.benchmarks.limiter            # all cells, some 17 minutes with the default 4 jobs
    python -m tests.benchmarks.limiter --short    # under a minute
    python -m tests.benchmarks.limiter --json     # for programs

Each cell has a process for its 32 calling threads and one for its server. The exit code is 1 when a call
through our limiter was refused or more calls than the limit arrived in any second; a figure that misses
its bar otherwise is marked as missed.

This room changes when another question is asked of the limiter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import product
from typing import NamedTuple

from tests.benchmarks.cell import Cell, Result
from tests.benchmarks.figures import inversions, slot_microseconds, waiting_milliseconds
from tests.benchmarks.rivals import OURS

BARS = {"spaced": 0.97, "burst": 0.98}
"""The share of the anchored bound that each way of using the bucket is to reach."""

_WAYS = ((0.005, False), (0.02, False), (0.05, False), (0.02, True))
_WINDOWS = ("sliding", "fixed")
_RIVALS = ("pyrate", "condition", "reset window")
_BESIDE_RIVALS = (
    Cell("", 20, "sliding", 0.02),
    Cell("", 20, "sliding", 0.02, tail=True),
    Cell("", 20, "fixed", 0.05),
    Cell("", 2, "sliding", 0.02, calls=60),
    Cell("", 18, pattern="lone"),
)


class Figure(NamedTuple):
    """A figure of the bucket alone, and the most that it may be."""

    name: str
    value: float
    bar: float

    @property
    def missed(self) -> bool:
        return self.value > self.bar


def cells() -> Iterator[Cell]:
    """All cells."""
    for limit, window, (jitter, tail), limiter in product((18, 1, 20, 2), _WINDOWS, _WAYS, OURS):
        yield Cell(limiter, limit, window, jitter, tail, calls=600 if limit > 2 else 60)
    for pattern, limit, window, limiter in product(("cold", "idle", "lone"), (18, 2), _WINDOWS, OURS):
        yield Cell(limiter, limit, window, pattern=pattern)
    yield from _rival_cells(_BESIDE_RIVALS)


def short_cells() -> Iterator[Cell]:
    """A few cells that together take less than a minute."""
    yield Cell("spaced", 18, calls=144)
    yield Cell("burst", 18, "fixed", 0.05, calls=144)
    yield Cell("burst", 18, jitter=0.05, tail=True, calls=144)
    yield Cell("spaced", 2, tail=True, calls=16)
    yield Cell("burst", 1, "fixed", calls=8)
    yield Cell("burst", 18, pattern="lone")
    yield from _rival_cells((Cell("", 20, calls=120),))


def _rival_cells(beside: tuple[Cell, ...]) -> Iterator[Cell]:
    for cell, rival in product(beside, _RIVALS):
        if rival != "pyrate" or find_spec("pyrate_limiter"):
            yield replace(cell, limiter=rival)


def run(cell: Cell) -> Result:
    """Measure one cell in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.cell", json.dumps(asdict(cell))]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True)
    return Result(**json.loads(told.stdout))


def run_all(chosen: list[Cell], jobs: int, say: Callable[[str], None]) -> list[tuple[Cell, Result]]:
    """Measure the cells, so many at a time; the longest first, told in their own order."""
    results: dict[int, Result] = {}

    def one(number: int) -> None:
        results[number] = run(chosen[number])
        say(f"{len(results)} of {len(chosen)} cells")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, sorted(range(len(chosen)), key=lambda number: -_seconds(chosen[number]))))
    return [(cell, results[number]) for number, cell in enumerate(chosen)]


def _seconds(cell: Cell) -> float:
    return cell.calls / cell.limit if cell.pattern == "steady" else 12.0


def figures(short: bool) -> list[Figure]:
    """The bucket alone."""
    seconds = 2.0 if short else 6.0
    return [
        Figure("uncontended slot, microseconds", slot_microseconds(60 if short else 200), 3.0),
        Figure("FIFO inversions in 400 calls of 32 threads", inversions(), 0),
        Figure("processor ms a second, 32 threads waiting, spaced", waiting_milliseconds(None, seconds), 6.0),
        Figure("processor ms a second, 32 threads waiting, burst", waiting_milliseconds(18, seconds), 6.0),
    ]


def unsafe(cell: Cell, result: Result) -> bool:
    """Whether the server saw more than its limit."""
    return result.rejections > 0 or result.most > cell.limit


def verdict(cell: Cell, result: Result) -> str:
    """``ok``, what was missed, or nothing for a rival."""
    if cell.limiter not in OURS:
        return ""
    if unsafe(cell, result):
        return "MISSED: over the limit"
    if result.ratio is not None and result.ratio < BARS[cell.limiter]:
        return f"MISSED: below {BARS[cell.limiter]}"
    return "ok"


def table(measured: list[tuple[Cell, Result]]) -> Iterator[str]:
    """The cells for people."""
    yield (
        f"{'limiter':13}{'window':9}{'limit':>5} {'one way, ms':16}{'pattern':8}{'calls':>6}{'refused':>8}"
        f"{'most/s':>7}{'trip ms':>8}{'used':>7}{'bound':>7}{'ratio':>7}  verdict"
    )
    for cell, result in measured:
        way = f"{cell.latency * 1e3:.0f}+U(0,{cell.jitter * 1e3:.0f}){' tail' if cell.tail else ''}"
        shares = (result.utilisation, result.bound, result.ratio)
        trip = "" if result.round_trip is None else f"{result.round_trip * 1e3:.1f}"
        yield (
            f"{cell.limiter:13}{cell.window:9}{cell.limit:5} {way:16}{cell.pattern:8}{result.calls:6}"
            f"{result.rejections:8}{result.most:7}{trip:>8}"
            + "".join("       " if share is None else f"{share:7.3f}" for share in shares)
            + f"  {verdict(cell, result)}"
        )


def summary(measured: list[tuple[Cell, Result]]) -> Iterator[str]:
    """One line for each way of using the bucket."""
    for limiter in OURS:
        ours = [(cell, result) for cell, result in measured if cell.limiter == limiter]
        ratios = [result.ratio for _, result in ours if result.ratio is not None]
        yield (
            f"{limiter}: {sum(result.calls for _, result in ours)} calls in {len(ours)} cells, "
            f"{sum(result.rejections for _, result in ours)} refused, "
            f"{sum(result.most > cell.limit for cell, result in ours)} cells over the limit; "
            f"ratio to the anchored bound {min(ratios):.3f} to {max(ratios):.3f} (bar {BARS[limiter]})"
        )


def main() -> int:
    """Measure and tell; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.limiter", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few cells only, under a minute")
    parser.add_argument("--json", action="store_true", help="results for programs")
    parser.add_argument("--jobs", type=int, default=4, help="cells measured at a time")
    chosen = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    alone = figures(chosen.short)
    measured = run_all(list(short_cells() if chosen.short else cells()), chosen.jobs, say)
    if chosen.json:
        rows = [{**asdict(c), **asdict(r), "ratio": r.ratio, "verdict": verdict(c, r)} for c, r in measured]
        print(json.dumps({"figures": [{**f._asdict(), "missed": f.missed} for f in alone], "cells": rows}))
    else:
        for line in (*table(measured), "", *summary(measured)):
            print(line)
        for figure in alone:
            missed = "  MISSED" if figure.missed else ""
            print(f"{figure.name}: {figure.value:.2f} (at most {figure.bar:g}){missed}")
    return int(any(cell.limiter in OURS and unsafe(cell, result) for cell, result in measured))


if __name__ == "__main__":
    sys.exit(main())
