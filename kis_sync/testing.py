"""For the tests of those who use kis-sync: a simulator as a pytest fixture, and time that does not pass.

The fixtures are there wherever kis-sync is installed beside pytest. This room changes when such tests need
something new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kis_sync.broker import KISBroker
    from kis_sync.clock import Clock
    from kis_sync.sim import Simulator


@pytest.fixture(scope="session")
def _kis_simulator() -> Iterator[Simulator]:
    from kis_sync.sim import Simulator

    with Simulator(limit=10_000) as simulator:
        yield simulator


@pytest.fixture
def kis_sim(_kis_simulator: Simulator) -> Iterator[Simulator]:
    """A running live simulator without a call limit worth waiting for, as new for each test.

    A fault inside the simulator fails the test that met it.
    """
    _kis_simulator.reset()
    yield _kis_simulator
    errors = list(_kis_simulator.errors)
    assert not errors, f"the simulator failed: {errors[0]!r}"


@pytest.fixture
def kis_broker(kis_sim: Simulator) -> Iterator[KISBroker]:
    """A broker on ``kis_sim``."""
    from kis_sync.broker import KISBroker

    with KISBroker.simulated(kis_sim) as broker:
        yield broker


@contextlib.contextmanager
def no_waits() -> Iterator[Clock]:
    """Brokers made inside do not wait: neither for a slot nor before a retry. Everything else is as ever.

    >>> with no_waits() as clock:
    ...     clock.sleep(3600)
    """
    from kis_sync.clock import SkippingClock, set_default_clock

    clock = SkippingClock()
    before = set_default_clock(clock)
    try:
        yield clock
    finally:
        set_default_clock(before)
