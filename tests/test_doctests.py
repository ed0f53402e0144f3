"""Every example in a docstring runs."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

from kis_sync.testing import no_waits
from tests.test_imports import MODULES

NAMES = [name.removesuffix(".__init__") for name in MODULES if not name.endswith("__main__")]


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name: str) -> None:
    with no_waits():
        result = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_the_broker_has_examples() -> None:
    with no_waits():
        assert doctest.testmod(import_module("kis_sync.broker")).attempted >= 1
