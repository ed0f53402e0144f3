"""What every measuring script has in common: its options, and its rows against their bars.

This room changes when the scripts show their figures in another way.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure and the most, or with ``at_least`` the least, that it may be (``None``: any)."""

    figure: str
    value: float
    bar: float | None
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the bar was met."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    @property
    def verdict(self) -> str:
        """The bar, and whether it was met."""
        if self.bar is None:
            return ""
        return f"at {'least' if self.at_least else 'most'} {self.bar:g}  {'met' if self.met else 'MISSED'}"


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
            print(f"{each.figure:41} {each.value:7.3f} {each.unit:3} {each.verdict}".rstrip())
    return 0 if all(each.met for each in figures) else 1
