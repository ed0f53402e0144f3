"""The question before an order leaves: what it shows, when it is put, and that nothing leaves without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kis_sync import Simulator
from tests.cli.ordering import CHANGE, CODE, Cli, sent, variables
from tests.cli.test_cli import environment


class TestTheQuestion:
    def test_shows_mode_account_order_and_amount(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        told = cli("buy", CODE, "10", "--price", low, answer="y\n")
        assert told.code == 0
        account = f"******{kis_sim.account_no[6:8]}-01"
        assert told.err.splitlines()[:3] == [
            f"LIVE, Account({account}) at {kis_sim.base_url}:",
            f"  BUY 10 shares of 005930, limit {int(low):,} won, on KRX",
            f"  worth {int(low) * 10:,} won at most",
        ]
        assert kis_sim.account_no[:6] not in told
        assert sent(kis_sim) == 1

    def test_says_what_a_market_order_is_worth(self, cli: Cli, kis_sim: Simulator) -> None:
        (quote,) = json.loads(cli("price", CODE, "--json").out)
        limit = quote["upper_limit"]
        assert f"worth {limit:,} won at most" in cli("buy", CODE, "1", "--market", answer="n\n").err
        cli("buy", CODE, "1", "--market", "--yes")
        assert "worth about " in cli("sell", CODE, "1", "--market", answer="n\n").err
        assert sent(kis_sim) == 1

    def test_tells_paper_from_live(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, low: str
    ) -> None:
        with Simulator(mode="paper", limit=10_000) as sim:
            for name, value in variables(sim, tmp_path / "paper").items():
                monkeypatch.setenv(name, value)
            told = cli("buy", CODE, "1", "--price", low, answer="n\n")
            assert told.err.startswith("PAPER, Account(")
            assert sent(sim) == 0

    @pytest.mark.parametrize("answer", ["n\n", "\n", "nein\nno\n", ""])
    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_nothing_leaves_without_a_yes(
        self, side: str, answer: str, cli: Cli, kis_sim: Simulator, low: str
    ) -> None:
        cli("buy", CODE, "1", "--market", "--yes", "--wait", "30")
        told = cli(side, CODE, "1", "--price", low, answer=answer)
        assert "Send it? [y/N]:" in told.err
        assert told.code == (1 if answer else 130)
        assert sent(kis_sim) == 1

    def test_stands_before_changing_and_cancelling_too(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        cli("buy", CODE, "3", "--price", low, "--id", "a", "--yes")
        asked = cli("modify", "a", "--price", f"{int(low) - 1000:,}", answer="n\n")
        assert f"BUY 3 shares of 005930, limit {int(low):,} won, on KRX" in asked.err
        assert f"to limit {int(low) - 1000:,} won, 3 shares, worth {(int(low) - 1000) * 3:,} won" in asked.err
        for arguments in (("cancel", "a"), ("cancel", "--all")):
            told = cli(*arguments, answer="n\n")
            assert told.code == 1
            assert told.err.startswith("LIVE, Account(")
            assert f"worth {int(low) * 3:,} won" in told.err
            assert told.err.endswith("nothing was sent\n")
        assert sent(kis_sim, CHANGE) == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ("buy", CODE, "1", "--market"),
            ("sell", CODE, "1", "--market"),
            ("cancel", "1"),
            ("cancel", "--all"),
            ("modify", "1", "--price", "1000"),
            ("recover", "--settle", "a", "--did-not-run"),
        ],
    )
    def test_without_a_terminal_there_is_none(
        self, arguments: tuple[str, ...], cli: Cli, kis_sim: Simulator
    ) -> None:
        told = cli(*arguments)
        assert (told.code, told.out) == (2, "")
        assert told.err.startswith("error: there is no terminal to ask on: add --yes; nothing was sent")
        told = cli(*arguments, "--json", answer="y\n")
        assert (told.code, told.out) == (2, "")
        assert told.err.startswith("error: with --json nobody is asked: add --yes; nothing was sent")
        assert kis_sim.stats.calls == 0

    def test_is_not_put_for_an_order_that_would_be_refused(self, cli: Cli, kis_sim: Simulator) -> None:
        told = cli("buy", CODE, "1", "--price", "1,001", answer="y\n")
        assert told.code == 2
        (line,) = told.err.splitlines()
        assert "% away from the last price" in line
        assert "below the day's lower limit" in line
        assert sent(kis_sim) == 0

    def test_comes_after_the_opt_in(
        self, cli: Cli, kis_sim: Simulator, monkeypatch: pytest.MonkeyPatch, low: str
    ) -> None:
        monkeypatch.delenv("KIS_ALLOW_LIVE_ORDERS")
        for arguments in (
            ("buy", CODE, "1", "--price", low),
            ("cancel", "1"),
            ("modify", "1", "--price", "9"),
        ):
            told = cli(*arguments, answer="y\n")
            assert told.code == 2
            assert "live orders are switched off" in told
            assert "[y/N]" not in told
        assert sent(kis_sim) + sent(kis_sim, CHANGE) == 0

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
    @pytest.mark.parametrize(("answer", "count"), [("y", 1), ("n", 0)])
    def test_on_a_real_terminal(
        self, answer: str, count: int, kis_sim: Simulator, tmp_path: Path, low: str
    ) -> None:
        ours, theirs = os.openpty()
        command = [sys.executable, "-m", "kis_sync", "buy", CODE, "1", "--price", low]
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, cwd=tmp_path, encoding="utf-8",
            env=environment(**variables(kis_sim, tmp_path)),
        ) as process:  # fmt: skip
            os.close(theirs)
            os.write(ours, f"{answer}\n".encode())
            _, told = process.communicate(timeout=60)
        os.close(ours)
        assert "LIVE, Account(" in told
        assert sent(kis_sim) == count

    def test_is_not_put_on_an_embedded_simulator(self, cli: Cli, kis_sim: Simulator) -> None:
        told = cli("buy", CODE, "1", "--market", "--sim", "--wait", "20")
        assert told.code == 0
        accepted, filled = told.out.splitlines()
        assert accepted.endswith(" accepted: BUY 1 share of 005930, market, on KRX")
        assert " filled at " in filled
        assert kis_sim.stats.calls == 0
