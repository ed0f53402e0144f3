"""A machine on whose file buckets count together. This room changes when more tests need the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ratelimit.machines import Machine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "limit"


@pytest.fixture
def machine(file: Path) -> Machine:
    return Machine(file)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, logger="kis_sync")
    return lambda: [record.getMessage() for record in caplog.records]
