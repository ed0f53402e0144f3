"""What every measuring script has in common: its options, and its rows against their bars.

This room changes when the scripts show their figures in another way.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure and the most that it may be (``None``: told for its own sake)."""

    figure: str
    value: float
    bar: float | None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the bar was met."""
        return self.bar is None or self.value <= self.bar


def options(doc: str | None) -> argparse.Namespace:
    """``--short`` and ``--json``."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def report(title: str, figures: list[Figure], as_json: bool) -> int:
    """Print the figures; 0 when every bar was met, else 1."""
    if as_json:
        rows = [{**asdict(each), "met": each.met} for each in figures]
        print(json.dumps({"title": title, "rows": rows}, indent=2))
    else:
        print(title)
        for each in figures:
            verdict = "" if each.bar is None else f"at most {each.bar:g}  {'met' if each.met else 'MISSED'}"
            print(f"{each.figure:38} {each.value:7.3f} {each.unit:2} {verdict}".rstrip())
    return 0 if all(each.met for each in figures) else 1
