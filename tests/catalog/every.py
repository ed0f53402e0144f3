"""A check of each record in one test, which tells all the records that fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kis_sync.catalog import Endpoint, endpoints
from kis_sync.errors import InvalidRequestError


def every(check: Callable[[Any, Endpoint], None]) -> Callable[[Any], None]:
    """Make a test of a check that takes an endpoint; thousands of tests would take ten times as long."""

    def test(self: Any) -> None:
        faults = []
        for each in endpoints().values():
            try:
                check(self, each)
            except (AssertionError, InvalidRequestError) as fault:
                faults.append(f"{each.name}: {fault}")
        assert not faults, "\n".join(faults)

    functools.update_wrapper(test, check)
    del test.__wrapped__  # type: ignore[attr-defined]  # pytest would take its second argument for a fixture
    return test
