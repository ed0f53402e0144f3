"""docs/trading.md tells the truth: its Python runs, its tables are the project's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kis_sync import OrderLimits, Settings
from kis_sync.settings import _LIMIT_VARIABLES, _VARIABLES
from tests.pages import python_blocks, run_block

PAGE = Path(__file__).parents[1] / "docs" / "trading.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is not beside these tests")

PRINTED = (
    ["accepted True", "True", "cancelled", r"filled 3 \d+(\.\d+)?"],
    [
        ".*from the last price.*",
        ".*lower limit.*",
        ".*not on the tick.*",
        ".*cannot be bought.*",
        ".*halted.*점심.*",
    ],
    ["uncertain", r"\['accepted'\] \(\)", "True", "1"],
)


def test_there_are_as_many_blocks_as_are_known() -> None:
    assert len(python_blocks(PAGE)) == len(PRINTED)


@pytest.mark.parametrize(("block", "lines"), list(zip(python_blocks(PAGE), PRINTED, strict=False)))
def test_python_blocks_run(block: str, lines: list[str], tmp_path: Path) -> None:
    printed = run_block(block, tmp_path)
    assert all(re.fullmatch(line, told) for line, told in zip(lines, printed, strict=True)), printed


def test_the_table_of_guards_names_every_limit_with_its_variable() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"\| `(\w+)` \| `(\w+)` \| [\w ]+ \|", text))
    assert set(rows) == {*OrderLimits.__dataclass_fields__, "allow_live_orders"}
    known = {name: variable.name for name, variable in {**_VARIABLES, **_LIMIT_VARIABLES}.items()}
    assert rows == {name: known[name] for name in rows}
    assert Settings.__dataclass_fields__["settling_seconds"].default == 60.0
