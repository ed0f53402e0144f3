"""The command line as a user meets it: real processes, real answers, one clear line for an error."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from kis_sync.cli import group, run
from kis_sync.cli.options import plain
from kis_sync.display.table import cell, columns, table
from kis_sync.testing import no_waits

KEYS = ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_ACCOUNT_NO", "KIS_BASE_URL", "MODE", "RATE_LIMIT_RPS")
FIGURES = ["stocks", "failures", "calls", "seconds", "calls_per_second"]
FIGURES += ["most_calls_in_any_second", "egw00201", "results"]


def kis_sync(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of the command line in an empty folder, with no settings but those given."""
    return subprocess.run(
        [sys.executable, "-m", "kis_sync", *arguments],
        capture_output=True,
        encoding=variables.pop("encoding", "utf-8"),
        cwd=cwd,
        env=environment(**variables),
        check=False,
    )


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in KEYS}
    root = str(Path(__file__).parents[2])
    return {**kept, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8", **variables}


def one_error_line(done: subprocess.CompletedProcess[str] | Done) -> str:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


Run = Callable[..., "Done"]


class Done(NamedTuple):
    """How a run in this process ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """The command line in this process, in an empty folder, with no settings but those given and no waits."""
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)

    def ran(*arguments: str, **variables: str) -> Done:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = run(list(arguments))
        return Done(code, *capsys.readouterr())

    with no_waits():
        yield ran


class TestScan:
    def test_prints_figures_for_programs(self, tmp_path: Path) -> None:
        done = kis_sync("scan", "--sim", "--stocks", "12", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert list(figures) == FIGURES
        assert figures["stocks"] == len(figures["results"]) == 12
        assert figures["failures"] == {}
        assert figures["calls"] >= 24
        assert figures["egw00201"] == 0
        assert figures["most_calls_in_any_second"] <= 18
        ranks = [each["rank"] for each in figures["results"]]
        assert ranks == list(range(1, 13))
        scores = [each["momentum_score"] for each in figures["results"] if each["momentum_score"] is not None]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) > 1

    def test_shows_rows_a_ranking_and_a_line_of_figures(self, here: Run) -> None:
        done = here("scan", "--sim", "--stocks", "5", "--top", "3")
        assert done.returncode == 0, done.stderr
        assert "삼성전자" in done.stdout
        assert "The 3 most active of 5" in done.stdout
        assert "EGW00201: 0" in done.stdout.splitlines()[-1]

    def test_paper_at_one_a_second(self, here: Run) -> None:
        done = here("scan", "--sim", "--mode", "paper", "--stocks", "2", "--json")
        assert json.loads(done.stdout)["most_calls_in_any_second"] == 1
        assert json.loads(done.stdout)["egw00201"] == 0

    def test_a_bad_code_fails_alone(self, here: Run) -> None:
        done = here("scan", "005930", "5930", "--sim", "--json")
        figures = json.loads(done.stdout)
        assert list(figures["failures"]) == ["5930"]
        assert [each["stock_code"] for each in figures["results"]] == ["005930"]

    def test_a_scan_in_which_all_fail_has_failed(self, tmp_path: Path) -> None:
        done = kis_sync("scan", "5930", "--sim", cwd=tmp_path)
        assert done.returncode == 1
        assert "1 stocks, 1 failed" in done.stdout

    def test_codes_from_a_file(self, here: Run, tmp_path: Path) -> None:
        (tmp_path / "codes.txt").write_text("﻿005930  # 삼성전자\n\n000660\n005930\n", encoding="utf-8")
        done = here("scan", "--codes-from", "codes.txt", "--sim", "--json")
        assert {each["stock_code"] for each in json.loads(done.stdout)["results"]} == {"005930", "000660"}

    def test_more_stocks_than_there_are(self, here: Run) -> None:
        done = here("scan", "--sim", "--stocks", "100000")
        assert done.returncode == 2
        assert "the simulator lists" in done.stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="a process gets no SIGINT from another on Windows")
    def test_ctrl_c_prints_what_is_done(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "kis_sync", "scan", "--sim"]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment(),
        ) as process:
            assert process.stdout is not None
            head = [process.stdout.readline() for _ in range(4)]
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "삼성전자" in "".join(head)
        assert "most active of" in out
        assert "stocks were not scanned" in err
        assert "Traceback" not in err


class TestOtherCommands:
    def test_price(self, here: Run) -> None:
        done = here("price", "005930", "000660", "--sim", "--json")
        first, second = json.loads(done.stdout)
        assert (first["code"], second["code"]) == ("005930", "000660")
        assert first["lower_limit"] <= first["price"] <= first["upper_limit"]
        assert "raw" not in first

    def test_order_book(self, here: Run) -> None:
        done = here("order-book", "005930", "--sim")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1 + 2 + 20 + 1

    def test_balance(self, here: Run) -> None:
        done = here("balance", "--sim")
        assert "no positions" in done.stdout
        assert "deposit 100,000,000 won" in done.stdout

    @pytest.mark.skipif(sys.platform == "win32", reason="a process gets no SIGINT from another on Windows")
    def test_sim_serves_another_process_until_ctrl_c(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "kis_sync", "sim", "--port", "0", "--mode", "live"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, encoding="utf-8", env=environment(PYTHONUNBUFFERED="1")
        ) as process:
            assert process.stdout is not None
            known = {}
            for line in process.stdout:
                name, _, value = line.strip().partition("=")
                if value:
                    known[name] = value
                if name == "MODE":
                    break
            done = kis_sync("price", "005930", "--json", cwd=tmp_path, KIS_CACHE_DIR=str(tmp_path), **known)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["code"] == "005930"
        assert "2 calls" in out

    def test_sim_on_a_port_that_is_taken(self, here: Run) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = here("sim", "--port", str(port))
        assert done.returncode == 2
        assert (
            done.stderr.count(f"port {port} of 127.0.0.1 cannot be opened: ")
            == done.stderr.count("cannot")
            == 1
        )


class TestErrors:
    def test_no_settings_says_what_is_missing_and_what_to_do(self, here: Run) -> None:
        done = here("price", "005930")
        line = one_error_line(done)
        assert done.returncode == 2
        assert "KIS_APP_KEY" in line
        assert "KIS_APP_SECRET" in line
        assert "--sim" in line

    def test_a_bad_code(self, here: Run) -> None:
        done = here("price", "5930", "--sim")
        assert done.returncode == 2
        assert "'5930' is not a stock code" in one_error_line(done)

    def test_an_unknown_stock(self, here: Run) -> None:
        done = here("price", "999999", "--sim")
        assert done.returncode == 1
        assert "no such stock" in one_error_line(done)

    def test_a_closed_port(self, here: Run, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        done = here(
            "price", "005930", KIS_APP_KEY="k" * 36, KIS_APP_SECRET="s" * 180,
            KIS_BASE_URL=f"http://127.0.0.1:{port}", KIS_CACHE_DIR=str(tmp_path),
        )  # fmt: skip
        assert done.returncode == 1
        line = one_error_line(done)
        assert "no connection" in line
        assert "s" * 20 not in line

    def test_stocks_must_be_named_without_a_simulator(self, here: Run) -> None:
        done = here("scan", KIS_APP_KEY="k" * 36, KIS_APP_SECRET="s" * 180)
        assert done.returncode == 2
        assert "which stocks?" in done.stderr

    def test_debug_shows_where(self, tmp_path: Path) -> None:
        done = kis_sync("price", "5930", "--sim", "--debug", cwd=tmp_path)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert "InvalidRequestError" in done.stderr

    @pytest.mark.parametrize(
        "arguments", [["frobnicate"], ["price"], ["scan", "--stocks", "0"], ["sim", "--limit", "0"]]
    )
    def test_wrong_use_is_2(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(arguments) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_any_console_can_show_it(encoding: str, tmp_path: Path) -> None:
    done = kis_sync(
        "scan",
        "--sim",
        "--stocks",
        "3",
        cwd=tmp_path,
        PYTHONIOENCODING=encoding,
        PYTHONUTF8="0",
        encoding=encoding,
    )
    assert done.returncode == 0, done.stderr
    assert ("삼성전자" in done.stdout) is (encoding == "cp949")


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: kis-sync")
    assert "kis-sync scan --sim" in shown.out
    assert shown.err == ""


def test_help_tells_of_every_command() -> None:
    told = CliRunner().invoke(group, ["--help"]).output
    for name in ("scan", "sim", "price", "order-book", "balance", "--sim"):
        assert name in told
    for name in group.list_commands(None):  # type: ignore[arg-type]
        assert CliRunner().invoke(group, [name, "--help"]).exit_code == 0


def test_tables_line_up_in_korean() -> None:
    text = table(("name", "n"), [("삼성전자", "1"), ("NAVER", "20")], "<>")
    assert len({columns(line) for line in text.splitlines()}) == 1
    assert cell("삼성전자", 5) == "삼성 "


def test_plain_leaves_out_raw() -> None:
    assert plain({"a": (1, None)}) == {"a": [1, None]}
