"""Imports go down only: no room knows a room above it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import kis_sync

PACKAGE = Path(kis_sync.__file__).parent

FLOORS: dict[str, int] = {
    "errors": 1, "clock": 1, "values": 1, "market": 1, "display": 1, "first_use": 1, "file_lock": 1,
    "catalog": 2, "ratelimit": 2, "retries": 2, "traffic": 2, "order_limits": 2, "environment": 2,
    "envelope": 3, "settings": 3,
    "connections": 4, "server_clock": 4, "transport": 5,
    "auth": 6, "paging": 6,
    "caller": 7,
    "api": 8,
    "orders": 9, "scanner": 9,
    "broker": 10,
    "cli": 11, "testing": 11, "__main__": 12,
}  # fmt: skip
WITHIN_A_FLOOR = {("values", "errors"), ("values", "clock"), ("market", "clock"), ("cli", "cli")}
MAY_USE_THE_SIMULATOR = {"broker", "cli", "testing", "__init__"}
THE_SIMULATOR_MAY_USE = {"catalog", "market", "clock", "sim"}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_of(path: Path) -> str:
    return ".".join(["kis_sync", *path.relative_to(PACKAGE).with_suffix("").parts])


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> list[tuple[str, int, bool]]:
    """(module, line, whether for type checkers only) of each import of ours."""
    tree = tree_of(path)
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found += [
            (name, node.lineno, id(node) in typing_only) for name in names if name.split(".")[0] == "kis_sync"
        ]
    return found


def faults(module: str, imported: list[tuple[str, int, bool]]) -> list[str]:
    here = room_of(module)
    told = []
    for name, line, typing_only in imported:
        there = room_of(name)
        if here == there or name == "kis_sync" or here == "__init__":
            continue
        where = f"{module}:{line} imports {name}"
        if here == "sim":
            if there not in THE_SIMULATOR_MAY_USE:
                told.append(f"{where}: the simulator reads the documents by itself")
        elif there == "sim":
            if here not in MAY_USE_THE_SIMULATOR:
                told.append(f"{where}: only {sorted(MAY_USE_THE_SIMULATOR)} may")
        elif FLOORS[there] >= FLOORS[here] and (here, there) not in WITHIN_A_FLOOR and not typing_only:
            told.append(f"{where}: floor {FLOORS[there]} from floor {FLOORS[here]}")
    return told


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    assert faults(module, imports_of(MODULES[module])) == []


def test_an_import_that_goes_up_is_named() -> None:
    assert faults("kis_sync.transport", [("kis_sync.broker", 7, False)]) == [
        "kis_sync.transport:7 imports kis_sync.broker: floor 10 from floor 5"
    ]
    assert faults("kis_sync.sim.app", [("kis_sync.api.asker", 3, False)])
    assert faults("kis_sync.api.x", [("kis_sync.sim", 3, False)])


@pytest.mark.parametrize("module", MODULES)
def test_a_room_says_when_it_changes(module: str) -> None:
    told = ast.get_docstring(tree_of(MODULES[module])) or ""
    assert told, f"{module} has no docstring"
    if not module.endswith("__init__"):
        assert "room changes when" in " ".join(told.split()), f"{module} does not say when it changes"


@pytest.mark.parametrize("module", MODULES)
def test_no_module_needs_posix(module: str) -> None:
    tree = tree_of(MODULES[module])
    names = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not names & {"fcntl", "pwd", "grp", "resource", "termios", "pty"}


@pytest.mark.parametrize("module", MODULES)
def test_texts_open_with_an_encoding(module: str) -> None:
    for node in ast.walk(tree_of(MODULES[module])):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("read_text", "write_text") or (ast.unparse(node.func) == "open"):
                assert any(each.arg == "encoding" for each in node.keywords), f"{module}:{node.lineno}"
