"""The arithmetic of the processes' benchmark, and that it can say no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.benchmarks.processes import Cell, Result, cells, table, unsafe, verdict

CELL = Cell(4, 18, "sliding", 600)
GOOD = Result([150, 151, 149, 150], 0, 18, 0.04, 0.955)


def test_what_the_round_trip_takes_is_no_loss() -> None:
    assert GOOD.ratio == pytest.approx(0.955 * 1.042)
    assert verdict(CELL, GOOD) == "ok"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rejections": 1}, "MISSED: over the limit"),
        ({"most": 19}, "MISSED: over the limit"),
        ({"utilisation": 0.9}, "MISSED: below 0.94"),
    ],
)
def test_what_is_missed_is_said(changed: dict[str, float], said: str) -> None:
    result = replace(GOOD, **changed)  # type: ignore[arg-type]
    assert verdict(CELL, result) == said
    assert unsafe(18, result) == ("over" in said)


def test_all_cells_have_a_line_and_enough_calls() -> None:
    chosen = list(cells(short=False))
    assert len(list(table([(cell, GOOD) for cell in chosen]))) == 1 + len(chosen)
    assert {(cell.processes, cell.limit, cell.window) for cell in chosen} == {
        (processes, limit, window)
        for processes in (2, 4, 8)
        for limit in (18, 2)
        for window in ("sliding", "fixed")
    }
    assert {(cell.limit, cell.calls) for cell in chosen} == {(18, 600), (2, 100)}


def test_the_spread_between_processes_is_told() -> None:
    assert "149-151" in "".join(table([(CELL, GOOD)]))
