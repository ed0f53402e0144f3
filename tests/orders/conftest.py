"""Fixtures of the tests that send many orders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orders.desk_parts import World, world


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, "paper") as made:
        yield made


@pytest.fixture(params=["live", "paper"])
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with world(tmp_path, request.param) as made:
        yield made
