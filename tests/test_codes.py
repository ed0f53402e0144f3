"""KIS's codes, listed here a second time from what KIS documents and its clients report."""

from __future__ import annotations

import pytest

from kis_sync.catalog.codes import Meaning, meaning
from kis_sync.envelope import opened
from kis_sync.errors import KISError, Reach
from kis_sync.retries import order_is_worth_it, read_is_worth_it
from tests.test_caller import REFUSED

# For the retry of reads: what KIS's page calls gateway, routing and service trouble.
TROUBLE = [
    "EGW00001", "EGW00002", "EGW00202", "EGW00203", "EGW00300", "EGW00301", "EGW00302", "EGW00316",
    "IGW00009", "OPSQ0001", "OPSQ0003", "OPSQ0007", "OPSQ0011", "OPSQ1002", "90020000", "APBK1630",
]  # fmt: skip
NEVER = [
    "EGW00003", "EGW00004", "EGW00101", "EGW00115", "EGW00116", "EGW00131", "EGW00132", "EGW00204",
    "EGW00205", "EGW00206", "EGW00207", "EGW00208", "EGW00210", "EGW00213", "EGW00303", "EGW02004",
    "EGW02005", "EGW02006", "EGW02007", "IGW00007", "OPSQ0002", "OPSQ2000", "OPSQ2001", "OPSQ2002",
    "OPSQ2003", "OPSQ9995", "OPSQ9999",
]  # fmt: skip


def failure(code: str, status: int = 500) -> KISError:
    content = f'{{"rt_cd":"1","msg_cd":"{code}","msg1":"no"}}'.encode()
    with pytest.raises(KISError) as caught:
        opened("x", status, content)
    return caught.value


@pytest.mark.parametrize("code", TROUBLE)
@pytest.mark.parametrize("status", [200, 500])
def test_trouble_at_kis_is_worth_another_read_and_never_another_order(code: str, status: int) -> None:
    error = failure(code, status)
    assert error.reach is Reach.MAYBE_EXECUTED
    assert (read_is_worth_it(error), order_is_worth_it(error)) == (True, False)


@pytest.mark.parametrize("code", NEVER + REFUSED)
@pytest.mark.parametrize("status", [200, 500])
def test_a_no_is_final(code: str, status: int) -> None:
    error = failure(code, status)
    assert error.reach is Reach.REFUSED
    assert (read_is_worth_it(error), order_is_worth_it(error)) == (False, False)


@pytest.mark.parametrize("code", ["EGW00121", "EGW00122", "EGW00123"])
def test_an_access_token_that_is_not_known_proves_that_nothing_ran(code: str) -> None:
    error = failure(code)
    assert (error.reach, error.can_retry) == (Reach.NOT_EXECUTED, False)  # another access token comes first
    assert meaning(code) is Meaning.BAD_ACCESS_TOKEN


@pytest.mark.parametrize("code", ["EGW00102", "EGW00103", "EGW00104", "EGW00105", "EGW00304"])
def test_wrong_keys(code: str) -> None:
    assert meaning(code) is Meaning.BAD_KEYS
    assert "keys of this mode" in str(failure(code))


def test_limits() -> None:
    gateway, ledger = failure("EGW00201"), failure("EGW00215")
    assert (read_is_worth_it(gateway), order_is_worth_it(gateway)) == (True, True)
    assert (read_is_worth_it(ledger), order_is_worth_it(ledger)) == (True, False)


def test_a_lost_page() -> None:
    assert meaning("SYDB0050") is Meaning.STALE_PAGE
    assert not read_is_worth_it(failure("SYDB0050", 200))  # reading begins at the first page instead


@pytest.mark.parametrize(
    "code", [None, "", "EGW00133", "APBK0500", "MKSC0001", "EGW99999", "apbk0952", "100"]
)
def test_what_is_not_listed_proves_nothing(code: str | None) -> None:
    assert meaning(code) is Meaning.UNKNOWN
    for status in (200, 400, 401, 403, 404, 429, 500, 503):
        error = failure(code or "", status)
        assert error.reach is Reach.MAYBE_EXECUTED
        assert not order_is_worth_it(error)
