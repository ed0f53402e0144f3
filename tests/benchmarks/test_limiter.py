"""The arithmetic of the limiter's benchmark: a wrong sum there would prove anything."""

from __future__ import annotations

import pytest

from tests.benchmarks.cell import Cell, Result, phases, utilisation
from tests.benchmarks.limiter import cells, short_cells, table, verdict


def test_even_arrivals_at_the_limit_use_all_of_it() -> None:
    assert utilisation([number / 18 for number in range(600)], 18) == pytest.approx(1)


def test_bursts_that_come_late_use_so_much_less() -> None:
    arrivals = [turn * 1.04 for turn in range(30) for _ in range(18)]
    assert utilisation(arrivals, 18) == pytest.approx(1 / 1.04)


def test_a_rush_at_the_start_is_not_counted() -> None:
    rush = [0.0] * 18
    assert utilisation(rush + [5 + number / 9 for number in range(180)], 18) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result(600, 0, 18, 0.04, 0.955, 0.958), "ok"),
        (Result(600, 1, 18, 0.04, 0.955, 0.958), "MISSED: over the limit"),
        (Result(600, 0, 19, 0.04, 0.955, 0.958), "MISSED: over the limit"),
        (Result(600, 0, 18, 0.04, 0.9, 0.958), "MISSED: below 0.97"),
        (Result(54, 0, 18), "ok"),
    ],
)
def test_a_bar_that_is_missed_is_said(result: Result, said: str) -> None:
    assert verdict(Cell("spaced", 18), result) == said


def test_a_rival_is_measured_and_not_judged() -> None:
    assert verdict(Cell("condition", 20), Result(600, 90, 40, 0.04, 0.955, 0.958)) == ""


def test_the_table_has_a_line_for_each_cell() -> None:
    result = Result(600, 0, 18, 0.04, 0.955, 0.958)
    lines = list(table([(cell, result) for cell in cells()]))
    assert len(lines) == 1 + len(list(cells()))
    assert "0.997" in lines[1]


def test_a_full_cell_has_600_calls_and_60_at_the_lowest_limits() -> None:
    steady = [cell for cell in cells() if cell.pattern == "steady"]
    assert {(cell.limit > 2, sum(calls for _, calls in phases(cell))) for cell in steady} == {
        (True, 600),
        (False, 60),
    }


def test_the_short_cells_are_short() -> None:
    assert sum(cell.calls / cell.limit for cell in short_cells() if cell.pattern == "steady") < 60
