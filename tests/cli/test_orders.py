"""Orders on the command line: what leaves, what is listed, changed, halted, recovered, and what is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kis_sync import KISBroker, Limit, Simulator
from kis_sync.clock import default_clock
from kis_sync.display.table import columns
from tests.cli.ordering import CHANGE, CODE, Cli, Told, sent, subprocess_of, variables
from tests.cli.test_cli import environment


class TestNewOrders:
    def test_a_repeat_with_an_id_sends_nothing_and_asks_nothing(
        self, cli: Cli, kis_sim: Simulator, low: str
    ) -> None:
        first = cli("buy", CODE, "1", "--price", low, "--id", "a", "--yes")
        for more in (("--yes",), ()):
            again = cli("buy", CODE, "1", "--price", low, "--id", "a", *more, answer="")
            assert again.code == 0
            assert again.out == f"this id was sent before; nothing was sent now\n{first.out}"
            assert again.err == ""
        other = cli("buy", CODE, "2", "--price", low, "--id", "a", answer="y\n")
        assert other.code == 2
        assert "'a' already names another order" in other.err
        assert sent(kis_sim) == 1

    def test_a_key_makes_the_id_that_it_makes_in_python(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        cli("buy", CODE, "1", "--price", low, "--key", "monday", "--yes")
        again = cli("buy", CODE, "1", "--price", low, "--key", "monday", answer="")
        assert again.out.startswith("this id was sent before")
        with KISBroker.from_env() as broker:
            broker.buy(CODE, 1, Limit(int(low)), key="monday")
        assert sent(kis_sim) == 1

    def test_a_dry_run_shows_and_sends_nothing(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        told = cli("buy", CODE, "10", "--price", low, "--exchange", "nxt", "--dry-run")
        assert told.code == 0
        assert "nothing is sent" in told.out
        assert f"BUY 10 shares of 005930, limit {int(low):,} won, on NXT" in told.out
        assert "TTTC0012U" in told.out
        told = cli("buy", CODE, "10", "--price", "1001", "--dry-run", "--json")
        assert told.code == 2
        shown = json.loads(told.out)
        assert shown["won"] == 10_010
        assert len(shown["refusals"]) >= 2
        assert shown["request"]["kind"] == {"type": "Limit", "price": 1001, "condition": None}
        assert sent(kis_sim) == 0

    def test_json_is_one_document_filled_or_not(self, cli: Cli) -> None:
        order = json.loads(cli("buy", CODE, "1", "--market", "--yes", "--json", "--wait", "30").out)
        assert (order["state"], order["filled"], order["side"]) == ("filled", 1, "BUY")

    def test_what_was_sent_is_told_although_the_wait_fails(
        self, cli: Cli, kis_sim: Simulator, low: str
    ) -> None:
        kis_sim.faults.next("domestic_stock.inquire_daily_ccld", "reset", count=10)
        told = cli("buy", CODE, "1", "--price", low, "--yes", "--wait", "1", "--json")
        assert told.code == 1
        assert json.loads(told.out)["state"] == "accepted"
        assert told.err.startswith("error: ")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ("--price 200,000", "limit 200,000 won"),
            ("--price 200000 --condition IOC", "limit 200,000 won IOC"),
            ("--market --condition fok", "market FOK"),
            ("--type market", "market"),
            ("--type conditional --price 200000", "conditional limit 200,000 won"),
            ("--type best --condition ioc", "best IOC"),
            ("--type first", "first"),
            ("--type after-close", "after close"),
            ("--type midpoint", "midpoint"),
            ("--type stop-limit --price 200000 --trigger 210000", "stop limit 200,000 won at 210,000 won"),
        ],
    )
    def test_every_type_can_be_asked_for(self, options: str, words: str, cli: Cli) -> None:
        told = cli("buy", CODE, "1", *options.split(), "--dry-run")
        assert f"BUY 1 share of 005930, {words}, on KRX\n" in told.out

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ("", "at which price?"),
            ("--price 0", "'0' is not a whole number of at least 1"),
            ("--price 70000.5", "is not a whole number"),
            ("--price 70,00", "is not a whole number"),
            ("--price nan", "is not a whole number"),
            ("--market --price 1000", "market orders take no --price; limit,"),
            ("--market --type best", "two types"),
            ("--type conditional", "conditional orders need --price"),
            ("--price 1000 --trigger 900", "limit orders take no --trigger; stop-limit orders do"),
            ("--type first --condition ioc", "first orders take no --condition; limit, market,"),
            ("--market --exchange NYSE", "NYSE"),
            ("--market --id a --key b", "not both"),
            ("--market --wait -1", "--wait"),
        ],
    )
    def test_nothing_is_guessed(self, options: str, told: str, cli: Cli, kis_sim: Simulator) -> None:
        for side in ("buy", "sell"):
            said = cli(side, CODE, "1", *options.split(), "--yes")
            assert said.code == 2
            assert told in said.err
            assert len(said.err.splitlines()) == 1
        assert kis_sim.stats.calls == 0

    @pytest.mark.parametrize(("code", "quantity"), [("5930", "1"), (CODE, "0"), (CODE, "1.5"), (CODE, "-1")])
    def test_nor_are_stock_and_quantity(self, code: str, quantity: str, cli: Cli, kis_sim: Simulator) -> None:
        assert cli("buy", "--market", "--yes", "--", code, quantity).code == 2
        assert kis_sim.stats.calls == 0


class TestLists:
    def test_the_journal_s(self, cli: Cli, low: str) -> None:
        assert cli("orders").out.splitlines()[-1] == "no orders"
        cli("buy", CODE, "3", "--price", low, "--id", "a", "--yes")
        cli("buy", CODE, "2", "--market", "--yes", "--wait", "30")
        account, titles, _, first, second, identity = cli("orders").out.splitlines()
        assert account.startswith("LIVE, Account(")
        assert titles.split() == ["number", "code", "side", "shares", "type", "state", "filled", "average"]
        assert first.split()[1:] == [
            CODE,
            "BUY",
            "3",
            "limit",
            f"{int(low):,}",
            "accepted",
            "0",
            "-",
            "id",
            "a",
        ]
        assert second.split()[1:7] == [CODE, "BUY", "2", "market", "filled", "2"]
        assert len(identity.split()[1]) == 32
        assert all(columns(line) <= 80 for line in (titles, first, second, identity))

    def test_kis_s_own(self, cli: Cli, low: str) -> None:
        cli("buy", CODE, "3", "--price", low, "--id", "a", "--yes")
        cli("buy", CODE, "2", "--market", "--yes", "--wait", "30")
        pending = json.loads(cli("orders", "--pending", "--json").out)
        assert [(each["client_order_id"], each["remaining"]) for each in pending] == [("a", 3)]
        rows = cli("orders", "--executions").out.splitlines()[3:]
        assert [row.split()[-1] for row in rows] == ["삼성전자", "삼성전자"]
        assert [row.split()[-2] for row in rows] == ["0", "3"]

    def test_of_another_day(self, cli: Cli) -> None:
        cli("buy", CODE, "1", "--market", "--yes")
        assert cli("orders", "--date", "20200102").out.splitlines()[-1] == "no orders"
        today = f"{default_clock().now():%Y%m%d}"
        assert len(json.loads(cli("orders", "--date", today, "--json").out)) == 1

    @pytest.mark.parametrize("options", ["--date 2026112", "--date 20261340", "--pending --executions"])
    def test_wrong_use(self, options: str, cli: Cli, kis_sim: Simulator) -> None:
        assert cli("orders", *options.split()).code == 2
        assert kis_sim.stats.calls == 0


class TestChanging:
    def test_a_changed_order_is_found_by_its_id_and_its_first_number(
        self, cli: Cli, kis_sim: Simulator, low: str, higher: str
    ) -> None:
        first = json.loads(cli("buy", CODE, "4", "--price", low, "--id", "a", "--yes", "--json").out)
        changed = cli("modify", "a", "--price", higher, answer="y\n")
        assert changed.code == 0
        assert f"limit {int(higher):,} won, on KRX (was {int(first['number'])})" in changed.out
        cancelled = cli("cancel", str(int(first["number"])), answer="y\n")
        assert "4 shares of it left" in cancelled.err
        assert f"cancelled: BUY what is left of 005930, limit {int(higher):,} won" in cancelled.out
        assert json.loads(cli("orders", "--pending", "--json").out) == []
        gone = cli("cancel", "a", answer="y\n")
        assert gone.code == 2
        assert "nothing is left of order" in gone.err

    def test_a_part_of_one_makes_two_and_nobody_guesses(
        self, cli: Cli, kis_sim: Simulator, low: str, higher: str
    ) -> None:
        cli("buy", CODE, "4", "--price", low, "--id", "a", "--yes")
        cli("modify", "a", "--price", higher, "--yes")
        assert cli("modify", "a", "--price", low, "--quantity", "1", "--yes").code == 0
        before = sent(kis_sim, CHANGE)
        told = cli("cancel", "a", "--yes")
        assert told.code == 2
        assert "was changed into several" in told.err
        assert sent(kis_sim, CHANGE) == before
        numbers = [each["number"] for each in json.loads(cli("orders", "--pending", "--json").out)]
        assert [cli("cancel", number, "--yes").code for number in numbers] == [0, 0]

    def test_one_without_a_price_gets_none(self, cli: Cli, kis_sim: Simulator) -> None:
        cli("buy", CODE, "1", "--market", "--id", "a", "--yes", "--wait", "30")
        assert "nothing is left" in cli("modify", "a", "--price", "1000", "--yes").err
        assert "there is no order 'b'" in cli("modify", "b", "--price", "1000", "--yes").err
        assert sent(kis_sim, CHANGE) == 0

    def test_cancel_all_shows_how_many_and_cancels_them(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        assert cli("cancel", "--all", answer="").out == "no open orders\n"
        (other,) = json.loads(cli("price", "000660", "--json").out)
        for code, price in ((CODE, low), (CODE, low), ("000660", str(other["base"] - 100 * other["tick"]))):
            cli("buy", code, "1", "--price", price, "--yes")
        assert "cancel 3 open orders, worth " in cli("cancel", "--all", answer="n\n").err
        assert "cancel 2 open orders of 005930, " in cli("cancel", "--all", "--code", CODE, answer="n\n").err
        assert sent(kis_sim, CHANGE) == 0
        done = json.loads(cli("cancel", "--all", "--code", CODE, "--yes", "--json").out)
        assert [each["state"] for each in done["cancelled"]] == ["cancelled", "cancelled"]
        assert done["failed"] == []
        assert [each["code"] for each in json.loads(cli("orders", "--pending", "--json").out)] == ["000660"]
        assert cli("cancel", "--all", answer="y\n").out.splitlines()[-1] == "1 order cancelled, 0 failed"
        assert sent(kis_sim, CHANGE) == 3

    def test_cancel_all_says_what_could_not_be_told(self, cli: Cli, kis_sim: Simulator, low: str) -> None:
        for _ in range(2):
            cli("buy", CODE, "1", "--price", low, "--yes")
        kis_sim.faults.next("domestic_stock.order_rvsecncl", "drop_after")
        told = cli("cancel", "--all", answer="y\n")
        assert told.code == 3
        assert "cancel 2 open orders, worth " in told.err
        assert told.out.splitlines()[-1] == "1 order cancelled, 1 failed"

    @pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("1", "--code", CODE)])
    def test_wrong_use(self, arguments: tuple[str, ...], cli: Cli, kis_sim: Simulator) -> None:
        assert cli("cancel", *arguments, "--yes").code == 2
        assert kis_sim.stats.calls == 0


class TestHalting:
    def test_another_process_is_halted_too(
        self, cli: Cli, kis_sim: Simulator, tmp_path: Path, low: str
    ) -> None:
        cli("buy", CODE, "1", "--price", low, "--id", "a", "--yes")
        halted = subprocess_of(kis_sim, tmp_path, "halt", "strange fills")
        assert halted.returncode == 0, halted.stderr
        assert "orders are halted" in halted.stdout
        for more, answer in ((("--yes",), None), ((), "y\n")):
            told = cli("buy", CODE, "1", "--price", low, *more, answer=answer)
            assert told.code == 2
            assert "strange fills" in told.err
        assert sent(kis_sim) == 1
        assert cli("cancel", "a", "--yes").code == 0
        assert "(they were halted: strange fills)" in cli("resume").out
        assert cli("buy", CODE, "1", "--price", low, "--yes").code == 0
        assert json.loads(cli("resume", "--json").out) == {"halted": False, "reason": None}

    def test_without_a_journal_too(self, cli: Cli, low: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KIS_KEEP_JOURNAL", "false")
        assert cli("halt").code == 0
        monkeypatch.delenv("KIS_KEEP_JOURNAL")
        assert "halted" in cli("buy", CODE, "1", "--price", low, "--yes").err


class TestRecovering:
    @pytest.fixture
    def lost(self, cli: Cli, kis_sim: Simulator, low: str) -> Callable[[str], Told]:
        """Send the order ``a`` so that its answer, or the order itself, is lost."""

        def lose(fault: str) -> Told:
            kis_sim.faults.next("domestic_stock.order_cash", fault)
            return cli("buy", CODE, "2", "--price", low, "--id", "a", "--yes")

        return lose

    def test_one_line_tells_id_and_what_to_do(self, lost: Callable[[str], Told], cli: Cli) -> None:
        told = lost("drop_after")
        assert told.code == 3
        (line,) = told.err.splitlines()
        assert "its id is a; kis-sync recover" in line
        lines = cli("orders").out.splitlines()
        assert "UNCERTAIN" in lines[3]
        assert lines[-1] == "1 order has no known outcome and may have run: kis-sync recover"
        assert all(columns(each) <= 80 for each in lines[1:])

    def test_an_order_that_ran_is_found_by_another_process(
        self, lost: Callable[[str], Told], cli: Cli, kis_sim: Simulator, tmp_path: Path, low: str
    ) -> None:
        lost("drop_after")
        found = subprocess_of(kis_sim, tmp_path, "recover")
        assert found.returncode == 0, found.stderr
        assert found.stdout.startswith("1 order settled:\n")
        assert "accepted" in found.stdout
        assert "nothing was sent now" in cli("buy", CODE, "2", "--price", low, "--id", "a", answer="").out
        assert cli("recover").out == "no uncertain orders\n"
        assert sent(kis_sim) == 1

    def test_an_uncertain_id_is_looked_up_and_neither_asked_about_nor_sent(
        self,
        lost: Callable[[str], Told],
        cli: Cli,
        kis_sim: Simulator,
        monkeypatch: pytest.MonkeyPatch,
        low: str,
    ) -> None:
        """A second look would settle it, and the desk would then send it without anybody's yes."""
        monkeypatch.setenv("KIS_SETTLING_SECONDS", "0.0001")
        lost("drop_before")
        told = cli("buy", CODE, "2", "--price", low, "--id", "a", answer="y\n")
        assert told.code == 3
        assert "[y/N]" not in told.err
        assert "its id is a; kis-sync recover" in told.err
        assert sent(kis_sim) == 1

    def test_what_stays_uncertain_says_why(self, lost: Callable[[str], Told], cli: Cli) -> None:
        lost("drop_before")
        told = cli("recover")
        assert told.code == 3
        assert told.out.startswith("1 order stays uncertain:\n")
        assert "complete lists lack it" in told.out
        assert [
            each["client_order_id"] for each in json.loads(cli("recover", "--json").out)["uncertain"]
        ] == ["a"]

    def test_waiting_shows_that_it_did_not_run(
        self, lost: Callable[[str], Told], cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KIS_SETTLING_SECONDS", "0.1")
        lost("drop_before")
        done = json.loads(cli("recover", "--wait", "--json").out)
        assert [each["state"] for each in done["settled"]] == ["not executed"]

    def test_by_hand_after_a_yes_only(
        self, lost: Callable[[str], Told], cli: Cli, kis_sim: Simulator, low: str
    ) -> None:
        lost("drop_before")
        settle = ("recover", "--settle", "a", "--did-not-run")
        asked = cli(*settle, answer="n\n")
        assert asked.code == 1
        assert f"a: BUY 2 shares of 005930, limit {int(low):,} won, on KRX" in asked.err
        assert "it did not run, its id is free again" in asked.err
        assert cli("recover").code == 3
        assert "not executed" in cli(*settle, answer="y\n").out
        assert cli("buy", CODE, "2", "--price", low, "--id", "a", answer="y\n").code == 0
        assert sent(kis_sim) == 2
        late = cli(*settle, answer="y\n")
        assert late.code == 2
        assert "only an uncertain order is settled by hand" in late.err

    def test_by_hand_with_its_number(self, lost: Callable[[str], Told], cli: Cli) -> None:
        lost("drop_before")
        told = cli("recover", "--settle", "a", "--number", "99", "--yes", "--json")
        assert (told.code, told.out) == (2, "")
        assert "KIS lists no order 99" in told.err

    @pytest.mark.parametrize(
        "options", ["--settle a", "--number 1", "--did-not-run", "--settle a --number 1 --did-not-run"]
    )
    def test_wrong_use(self, options: str, cli: Cli, kis_sim: Simulator) -> None:
        assert cli("recover", *options.split(), "--yes").code == 2
        assert kis_sim.stats.calls == 0


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_any_console_can_show_orders(encoding: str, kis_sim: Simulator, tmp_path: Path) -> None:
    env = environment(**variables(kis_sim, tmp_path), PYTHONUTF8="0") | {"PYTHONIOENCODING": encoding}
    for arguments in (("buy", CODE, "1", "--market", "--yes"), ("orders", "--executions")):
        done = subprocess.run(
            [sys.executable, "-m", "kis_sync", *arguments], capture_output=True, cwd=tmp_path, env=env,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    name = done.stdout.decode(encoding).split()[-1]
    assert name == ("삼성전자" if encoding == "cp949" else "????")
