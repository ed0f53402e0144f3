"""docs/simulator.md tells the truth: its Python and its commands run, its tables are the simulator's own."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kis_sync import catalog
from kis_sync.catalog.labels import describe
from kis_sync.cli.sim import command as sim_command
from kis_sync.sim import Assumptions, Fault, Simulator, examples
from tests.pages import python_blocks, run_block

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "simulator.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
ROW = re.compile(r"\| `([\w.]+)` \| ([^|]+) \| (yes|no) \| (simulated|example|shape) \| ([^|]*) ?\|")
BEYOND_ROUTES = {"oauth2.tokenP", "oauth2.revokeP", "oauth2.Approval", "hashkey"}
SIMULATED = BEYOND_ROUTES | set(Simulator().app.routes)

pytestmark = pytest.mark.skipif(not TEXT, reason="the page is not beside these tests")


class Line(NamedTuple):
    """One line of the table of endpoints."""

    name: str
    label: str
    paper: str
    answer: str
    rests_on: str


LINES = {found[1]: Line(*(part.strip() for part in found.groups())) for found in ROW.finditer(TEXT)}


def answer_of(name: str) -> str:
    if name in SIMULATED:
        return "simulated"
    return examples.kind_of(catalog.endpoint(name)).removeprefix("documented ")


def on_paper(name: str) -> str:
    ids = catalog.endpoint(name).tr_ids
    return "yes" if not ids or any(paper is not None for _, paper in ids.values()) else "no"


def section(title: str) -> str:
    """The text of the section whose heading begins so."""
    found = re.search(rf"^## {re.escape(title)}.*?$(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"the page has no section {title}"
    return found[1]


def named_in_tables(title: str) -> dict[str, str]:
    """What the tables of a section name in their first column, with the line."""
    named = {}
    for line in section(title).splitlines():
        if line.startswith("| `"):
            first = line.split("|")[1]
            named.update(dict.fromkeys(re.findall(r"`([^`]+)`", first), line))
    return named


def commands() -> list[str]:
    return re.findall(r"^    (kis-sync .+)$", TEXT, re.MULTILINE)


class TestEndpoints:
    def test_every_endpoint_has_its_line(self) -> None:
        missing = [
            f"| `{name}` | ... | {on_paper(name)} | {answer_of(name)} | {'...' * (name in SIMULATED)} |"
            for name in catalog.endpoints()
            if name not in LINES
        ]
        assert not missing, "docs/simulator.md lacks:\n" + "\n".join(missing)
        assert LINES.keys() <= set(catalog.endpoints()), LINES.keys() - set(catalog.endpoints())
        assert len(LINES) == len(ROW.findall(TEXT)), "a line stands there twice"

    def test_every_line_says_how_the_endpoint_is_answered(self) -> None:
        wrong = [
            f"{line.name}: the page says {line.answer}, the simulator {answer_of(line.name)}"
            for line in LINES.values()
            if line.answer != answer_of(line.name)
        ]
        assert not wrong, "docs/simulator.md:\n" + "\n".join(wrong)

    def test_what_is_simulated_says_what_it_rests_on(self) -> None:
        bare = [
            line.name
            for line in LINES.values()
            if bool(re.search(r"\b(documented|seen|assumed)\b", line.rests_on)) != (line.name in SIMULATED)
        ]
        assert not bare, "say documented, seen or assumed, and only for what is simulated: " + ", ".join(bare)

    def test_the_korean_names_are_kiss_own(self) -> None:
        wrong = [line for line in LINES.values() if line.label != describe(line.name).label.replace("|", "/")]
        assert not wrong

    def test_paper_is_the_catalogues(self) -> None:
        assert {line.name: line.paper for line in LINES.values()} == {name: on_paper(name) for name in LINES}


class TestSwitches:
    def test_every_assumption_is_named_with_its_default(self) -> None:
        named = named_in_tables("Switches")
        for field in dataclasses.fields(Assumptions):
            assert field.name in named, f"the page does not name the switch {field.name}"
            shown = '"' + field.default + '"' if isinstance(field.default, str) else repr(field.default)
            assert f"| `{shown}` |" in named[field.name], f"{field.name} is {shown} by default"

    def test_every_argument_is_named(self) -> None:
        named = named_in_tables("Switches")
        for name in inspect.signature(Simulator).parameters:
            assert name in named, f"the page does not name the argument {name}"

    def test_every_option_is_named(self) -> None:
        named = named_in_tables("Switches")
        for parameter in sim_command.params:
            assert parameter.opts[0] in named, f"the page does not name {parameter.opts[0]}"

    def test_nothing_else_is_named(self) -> None:
        known = {field.name for field in dataclasses.fields(Assumptions)}
        known |= set(inspect.signature(Simulator).parameters)
        known |= {parameter.opts[0] for parameter in sim_command.params}
        assert named_in_tables("Switches").keys() == known

    def test_the_faults_are_the_simulators(self) -> None:
        assert named_in_tables("Faults").keys() == {fault.value for fault in Fault}


@pytest.mark.parametrize("block", python_blocks(PAGE))
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    assert len(run_block(block, tmp_path)) == 1


def on_any_port(line: str) -> Iterator[str]:
    """The arguments of a command, with a port that is surely free."""
    words = iter(shlex.split(line)[1:])
    for word in words:
        yield word
        if word == "--port":
            assert next(words).isdecimal()
            yield "0"


@pytest.mark.parametrize("line", commands())
def test_commands_run(line: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "kis_sync", *on_any_port(line)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = []
        for said in process.stdout:
            told.append(said)
            if said.startswith("Ctrl-C"):
                break
        process.terminate()
        _, failed = process.communicate(timeout=60)
    assert told, failed
    assert told[0].startswith("KIS simulator (")
    assert told[-1].startswith("Ctrl-C"), failed


def test_there_are_blocks_and_commands_to_run() -> None:
    assert len(python_blocks(PAGE)) >= 3
    assert any("--examples" in line for line in commands())


def test_names_in_the_text_exist() -> None:
    assert examples.MARK in TEXT
    assert {examples.EXAMPLE, examples.SHAPE} <= set(re.findall(r"`(documented \w+)`", TEXT))
    for name in re.findall(r"`((?:docs|kis_sync|tests)/[\w/.]+)`", TEXT):
        assert (ROOT / name).exists(), name
    assert not re.search(r"\?\?|@@|\.\.\. \|", TEXT), "something is left to fill in"
