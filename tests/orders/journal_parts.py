"""What the tests of the journal share: wishes, a journal in a folder, and processes that use one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.clock import KST, Clock
from kis_sync.orders.entry import CASH_ORDER, CHANGE_ORDER, Entry, State, Wish
from kis_sync.orders.journal import Journal
from tests.sleeping_clock import SleepingClock

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
TODAY = NOW.date()
SERVER = "https://openapi.example:9443"
ACCOUNT = "12345678-01"
TOP = Path(__file__).parents[2]


def wish(quantity: int = 10, price: int = 70_000, endpoint: str = CASH_ORDER) -> Wish:
    fields = {
        "PDNO": "005930",
        "ORD_DVSN": "00",
        "ORD_QTY": str(quantity),
        "ORD_UNPR": str(price),
        "EXCG_ID_DVSN_CD": "KRX",
    }
    return Wish(endpoint, "buy", fields, "005930", Side.BUY, quantity * price)


def change_of(number: int) -> Wish:
    fields = {"ORGN_ODNO": f"{number:010}", "RVSE_CNCL_DVSN_CD": "01", "QTY_ALL_ORD_YN": "Y"}
    return Wish(CHANGE_ORDER, "", fields, "005930", Side.BUY, 0)


def journal_in(
    folder: Path | None,
    *,
    clock: Clock | None = None,
    busy_seconds: float = 60.0,
    longest_sending: float = 900.0,
) -> Journal:
    return Journal(
        folder,
        SERVER,
        ACCOUNT,
        clock or SleepingClock(),
        busy_seconds=busy_seconds,
        longest_sending=longest_sending,
    )


def sent(journal: Journal, name: str | None = None, what: Wish | None = None) -> Entry:
    entry, _ = journal.open(name, what or wish(), NOW)
    return journal.leaving(entry, NOW)


def accepted(journal: Journal, number: str, name: str | None = None, what: Wish | None = None) -> Entry:
    return journal.close(sent(journal, name, what), State.ACCEPTED, NOW, number=number)


def path_in(folder: Path) -> Path:
    (path,) = folder.glob("orders-*.sqlite3")
    return path


PRELUDE = """
import os, sys, threading, time
from pathlib import Path
from kis_sync.errors import *
from kis_sync.orders.entry import *
from tests.orders.journal_parts import *
folder = Path(sys.argv[1])
journal = journal_in(folder)
def say(*what):
    print(*what, flush=True)
def wait():
    os.read(0, 1)
"""


@contextlib.contextmanager
def process(script: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of Python that runs the script, with a ``journal`` in the folder; killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def line_of(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def go(started: subprocess.Popen[str]) -> None:
    assert started.stdin is not None
    started.stdin.write("\n")
    started.stdin.flush()
