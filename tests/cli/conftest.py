"""The command line on a running simulator, and prices at which nothing fills there."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kis_sync import KISBroker, Simulator
from kis_sync.cli import run
from kis_sync.clock import set_default_clock
from tests.cli.ordering import CODE, Cli, Terminal, Told, variables


@pytest.fixture
def cli(
    kis_sim: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """The command line on the simulator; ``answer`` is what is typed, ``None`` without a terminal."""

    def said(*arguments: str, answer: str | None = None) -> Told:
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n") if answer is None else Terminal(answer))
        code = run(list(arguments))
        shown = capsys.readouterr()
        told = Told(shown.out + shown.err)
        told.code, told.out, told.err = code, shown.out, shown.err
        return told

    for name, value in variables(kis_sim, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    before = set_default_clock(kis_sim.clock)  # its day may not be the machine's
    yield said
    set_default_clock(before)


@pytest.fixture(scope="session")
def prices() -> tuple[int, int]:
    """A price far below the market, and one a little above that: nothing fills there."""
    with KISBroker.simulated(limit=10_000) as broker:
        quote = broker.get_price(CODE)
        assert quote.lower_limit is not None
        assert quote.tick is not None
        low = quote.price * 8 // 10 // 1000 * 1000
        return low, low + 1000


@pytest.fixture
def low(prices: tuple[int, int]) -> str:
    return str(prices[0])


@pytest.fixture
def higher(prices: tuple[int, int]) -> str:
    return str(prices[1])
