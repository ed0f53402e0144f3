"""The README tells the truth: its Python runs, its commands exist, its table is the project's own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kis_sync.cli import run
from kis_sync.settings import _VARIABLES
from kis_sync.testing import no_waits
from tests.pages import python_blocks, run_block

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is not beside these tests")


@pytest.mark.parametrize("block", python_blocks(README))
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    assert len(run_block(block, tmp_path)) == 4


def commands() -> list[str]:
    """The commands on the simulator that end by themselves."""
    text = README.read_text(encoding="utf-8")
    wanted = r"^    (kis-sync (?:apis|call|buy|sell|orders|cancel|recover) .*)$"
    found = re.findall(wanted, text, re.MULTILINE)
    assert len(found) >= 9
    return found


@pytest.mark.parametrize("command", commands() if README.exists() else [])
def test_commands_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with no_waits():
        code = run(shlex.split(command)[1:])
    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "")
    assert shown.out


def test_the_two_commands_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    assert "    pip install . && kis-sync scan --sim\n" in text
    assert "    pip install '.[test]' && pytest\n" in text


def test_every_variable_named_is_read_and_every_one_read_is_named() -> None:
    named = set(
        re.findall(r"\b(?:KIS_[A-Z_]+|MODE|(?:LEDGER_)?RATE_LIMIT_RPS)\b", README.read_text(encoding="utf-8"))
    )
    assert named == {variable for variable, _ in _VARIABLES.values()}


def test_files_named_exist() -> None:
    for name in re.findall(r"`((?:docs|kis_sync|tests)/[\w/.]+)`", README.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name
    for module in re.findall(r"python -m ([\w.]+)", README.read_text(encoding="utf-8")):
        if module != "venv":
            assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"^[A-Z]+_[A-Z]+$", README.read_text(encoding="utf-8"), re.MULTILINE)
