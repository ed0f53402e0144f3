"""Orders under faults and kill -9: what was wished, what the journal says, and what the exchange has.

    python -m tests.benchmarks.orders                    # 10,000 orders from 8 processes
    python -m tests.benchmarks.orders --short            # a few hundred from 4, well under a minute
    python -m tests.benchmarks.orders --sabotage retry   # a broken client, which the audit must find out

The exchange is a simulator in a process of its own, at a raised rate (the limits are another script's
matter). Some 42 of 100 orders meet a fault; workers are killed at random and started again. Then the faults
end, what is uncertain is settled, every worker begins its plan once more, and journal and ledger are
compared. The exit code is 1 when a figure that must be 0 is not, 2 when the campaign did not end in time.

This room changes when the campaign is run in another way.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kis_sync import KISBroker
from kis_sync.clock import default_clock
from kis_sync.errors import KISError
from kis_sync.orders.journal import Journal
from tests.benchmarks.audit import DAMAGES, REFUSED, Report, audit
from tests.benchmarks.order_plan import planned_orders, written
from tests.benchmarks.order_server import OrderServer
from tests.benchmarks.order_worker import SABOTAGE, Notes, Setup, look_first

STOCKS = 40
_ORDER_TIMEOUT = 1.0  # seconds
_DELAY = 1.6  # seconds: longer than the client waits
_UNLISTED = 1.5  # seconds for which an order is missing from the lists
_SETTLING = 3.0  # seconds: twice that is longer than both together
_ORDER_FAULTS = {
    "drop_before": 0.03,
    "reset": 0.03,
    "status_500": 0.03,
    "EGW00301": 0.01,
    "EGW00302": 0.01,
    "EGW00201": 0.01,
    "EGW00215": 0.01,
    "drop_after": 0.05,
    "reset_after": 0.03,
    "half_body": 0.03,
    "status_500_after": 0.03,
    "EGW00301_after": 0.01,
    "EGW00302_after": 0.01,
    "garbage": 0.02,
}
_DEAD = {"dead_token": 0.0002, "expired_token": 0.0002}  # each may cost the minute between two issues
_LATE = {"delay": 0.03, "delay_after": 0.03}
_HIDDEN = {"unlisted": 0.06}
_READ_FAULTS = {"drop_before": 0.01, "reset": 0.01, "status_500": 0.01, "half_body": 0.01, "garbage": 0.005}
_ORDERS = ("domestic_stock.order_cash", "domestic_stock.order_rvsecncl")
_READS = (
    "hashkey",
    "domestic_stock.inquire_price",
    "domestic_stock.inquire_psbl_order",
    "domestic_stock.inquire_psbl_sell",
    "domestic_stock.inquire_psbl_rvsecncl",
    "domestic_stock.inquire_daily_ccld",
)


@dataclass(frozen=True)
class Options:
    """How large the campaign is."""

    orders: int = 10_000
    processes: int = 8
    seed: int = 1
    mode: str = "live"
    kills: int = 60
    between_kills: float = 4.0
    minutes: float = 40.0
    patience: float = 45.0
    sabotage: str = ""


SHORT = {"orders": 240, "processes": 4, "kills": 6, "between_kills": 1.0, "minutes": 8.0}


@dataclass
class Result:
    """What came of the campaign."""

    report: Report
    kills: int
    seconds: float
    ended: bool
    refusals: Counter[str]
    seen: dict[str, Any]
    findings: list[str]


class Workers:
    """The workers' processes: started, killed at random, started again."""

    def __init__(self, folder: str, count: int, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._count = count
        self.kills = 0

    def run(self, *, kills: int, between: float, deadline: float) -> bool:
        """Start all, kill so many on the way, and wait; whether all came to their end by the deadline."""
        running = {number: self._started(number, "whole") for number in range(self._count)}
        next_kill = time.monotonic() + self._chance.uniform(0, 2 * between)
        try:
            while running and time.monotonic() < deadline:
                time.sleep(0.02)
                for number, process in list(running.items()):
                    if process.poll() is not None:
                        if process.returncode:
                            raise RuntimeError(f"worker {number} ended with {process.returncode}")
                        del running[number]
                if running and kills and time.monotonic() >= next_kill:
                    number = self._chance.choice(sorted(running))
                    running[number] = self._replaced(number, running[number])
                    kills -= 1
                    next_kill = time.monotonic() + self._chance.uniform(0, 2 * between)
            return not running
        finally:
            for process in running.values():
                process.kill()
                process.wait()

    def _replaced(self, number: int, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Kill one worker, in the midst of whatever it does, and start it again in one of two ways."""
        process.kill()
        process.wait()
        self.kills += 1
        return self._started(number, self._chance.choice(("whole", "mark")))

    def _started(self, number: int, begin: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.benchmarks.order_worker", self._folder, str(number), begin]
        return subprocess.Popen(command)


def run(options: Options, say: Callable[[str], None]) -> Result:
    """The whole campaign."""
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="orders-", ignore_cleanup_errors=True) as folder,
        OrderServer(options.mode, options.seed) as server,
    ):
        prices = server.prices(STOCKS)
        plan = planned_orders(options.seed, options.orders, options.processes, prices, options.mode)
        written(Path(folder, "plan.json"), plan)
        setup = _setup(server, options, folder)
        setup.write()
        workers = Workers(folder, options.processes, random.Random(options.seed))
        deadline = began + 60 * options.minutes
        with KISBroker(setup.settings(all_checks=True)) as broker:
            look_first(broker, plan[0].code)  # stores an access token: KIS issues one a minute, killed or not
        _fail(server, options)
        say(f"{len(plan)} orders from {options.processes} processes, faults on")
        ended = workers.run(kills=options.kills, between=options.between_kills, deadline=deadline)
        server.fail_no_more()
        time.sleep(_UNLISTED)  # what faults hid is listed from here on
        with KISBroker(setup.settings(all_checks=True)) as broker:
            look_first(broker, plan[0].code)
            say(f"faults off after {time.monotonic() - began:.0f} s and {workers.kills} kills; settling")
            _settle(broker, deadline)
            say("every plan once more from its beginning")
            ended &= workers.run(kills=0, between=1.0, deadline=deadline)
            _settle(broker, deadline)
            say("the audit")
            before = server.ledger()
            broker.get_executions()
        notes = dict(line for number in range(options.processes) for line in Notes(folder, number).lines())
        journal = Journal(Path(folder), setup.url, setup.account_no, default_clock())
        report = audit(plan, notes, journal.entries(), server.ledger(), before)
        findings = list(_told(report, journal))
        journal.close_file()
        seen = server.seen()
    seconds = time.monotonic() - began
    return Result(report, workers.kills, seconds, ended, _refusals(notes), seen, findings)


def _setup(server: OrderServer, options: Options, folder: str) -> Setup:
    return Setup(
        url=server.url,
        app_key=server.app_key,
        app_secret=server.app_secret,
        account_no=server.account_no,
        mode=options.mode,
        folder=folder,
        order_timeout=_ORDER_TIMEOUT,
        settling_seconds=_SETTLING,
        patience=options.patience,
        sabotage=options.sabotage,
    )


def _fail(server: OrderServer, options: Options) -> None:
    for target in _ORDERS:
        server.fail(target, _ORDER_FAULTS, options.seed)
        server.fail(target, _LATE, options.seed, _DELAY)
        server.fail(target, _HIDDEN, options.seed, _UNLISTED)
        server.fail(target, _DEAD, options.seed + 1)
    for target in _READS:
        server.fail(target, _READ_FAULTS, options.seed)


def _settle(broker: KISBroker, deadline: float) -> None:
    """Recover until nothing changes any more."""
    last: object = None
    while time.monotonic() < deadline:
        try:
            recovery = broker.recover(wait=True)
        except KISError:
            continue
        left = {order.client_order_id for order in recovery.uncertain}
        if not left or left == last:
            return
        last = left


def _told(report: Report, journal: Journal) -> Iterator[str]:
    """Each finding with all that the journal knows of its orders."""
    for finding in report.told:
        lines = [finding.text]
        for entry in finding.entries:
            lines += [f"    {entry}", *(f"        {event}" for event in journal.history(entry))]
        yield "\n".join(lines)


def _refusals(notes: dict[str, str]) -> Counter[str]:
    """What was refused in the end, by reason: wishes, and what was to be done with their orders."""
    refused: Counter[str] = Counter()
    for name, outcome in notes.items():
        if outcome.startswith(REFUSED):
            what = "follow-up" if name.startswith("then ") else "order"
            refused[f"{what} {outcome[:90]}"] += 1
    return refused


def table(options: Options, result: Result) -> Iterator[str]:
    """The figures for people."""
    report, seen = result.report, result.seen
    yield f"{options.mode}: {report.wishes} orders from {options.processes} processes, {result.kills} kills"
    yield f"{report.twins} of them twins; {result.seconds:.0f} s, {sum(seen['calls'].values())} calls"
    yield f"{seen['met']} of {seen['orders']} calls for a new order met a fault; faults that struck any call:"
    for fault, times in sorted(seen["struck"].items()):
        yield f"  {fault:18} {times:6}"
    yield f"{'orders at the exchange':46} {report.executed:6}"
    yield f"{'changes at the exchange':46} {report.changes:6}"
    yield f"{'cancellations at the exchange':46} {report.cancellations:6}"
    yield f"{'refused, in the journal':46} {report.refused:6}"
    yield f"{'not executed, in the journal':46} {report.not_executed:6}"
    for damage in DAMAGES:
        times = report.damage[damage]
        yield f"{damage:46} {times:6}  must be 0{'  MISSED' if times else ''}"
    yield f"{'still uncertain, by right':46} {report.uncertain.total():6}"
    for reason, times in report.uncertain.most_common(8):
        yield f"  {times:6}  {reason}"
    yield "refused in the end:"
    for reason, times in result.refusals.most_common(12):
        yield f"  {times:6}  {reason}"
    for error in seen["errors"]:
        yield f"inside the simulator: {error}"


def main() -> int:
    """Run the campaign and tell; the exit code."""
    options, most_told = _options()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    result = run(options, say)
    for line in table(options, result):
        print(line)
    for finding in result.findings[:most_told]:
        print(finding)
    if not result.ended:
        print(f"the campaign did not end within {options.minutes:g} minutes")
        return 2
    return 0 if result.report.is_clean else 1


def _options() -> tuple[Options, int]:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.orders", description=__doc__)
    usual = Options()
    parser.add_argument("--short", action="store_true", help="a few hundred orders, under a minute")
    parser.add_argument("--orders", type=int, help=f"wishes in all ({usual.orders})")
    parser.add_argument("--processes", type=int, help=f"workers ({usual.processes})")
    parser.add_argument("--seed", type=int, help="another plan, other faults, other kills")
    parser.add_argument("--mode", choices=("live", "paper"))
    parser.add_argument("--kills", type=int, help=f"how often a worker is killed ({usual.kills})")
    parser.add_argument("--between-kills", type=float, help="seconds on average")
    parser.add_argument("--minutes", type=float, help=f"the longest it may take ({usual.minutes:g})")
    parser.add_argument("--patience", type=float, help="seconds a worker goes back to what is open")
    parser.add_argument("--sabotage", choices=SABOTAGE, help="break the client in this way")
    parser.add_argument("--tell", type=int, default=10, help="findings to describe (10)")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    is_short, tell = given.pop("short"), given.pop("tell")
    return Options(**{**(SHORT if is_short else {}), **given}), tell


if __name__ == "__main__":
    sys.exit(main())
