"""Who shares a bucket. This room changes when what shares a limit changes."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
import weakref
from datetime import timedelta
from pathlib import Path

import pytest

from kis_sync.clock import Clock, ManualClock, ShiftedClock, SystemClock
from kis_sync.ratelimit import TokenBucket, registry, shared_bucket

SERVER = "https://openapi.example:9443"


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_buckets", registry._buckets.__class__())
    monkeypatch.setattr(registry, "_held", registry._held.__class__())


def test_one_key_on_one_server_has_one_bucket_with_its_recent_grants() -> None:
    shared_bucket("key", SERVER, 18).acquire()
    again = shared_bucket("key", SERVER, 18, clock=SystemClock())
    assert again.stats.granted == 1


@pytest.mark.parametrize("address", [SERVER + "/", SERVER.upper(), SERVER + "/uapi"])
def test_the_spelling_of_an_address_makes_no_other_server(address: str) -> None:
    assert shared_bucket("key", address, 18) is shared_bucket("key", SERVER, 18)


def test_another_key_server_or_limit_has_another_bucket() -> None:
    buckets = [
        shared_bucket("key", SERVER, 18),
        shared_bucket("other", SERVER, 18),
        shared_bucket("key", "https://openapivts.example:29443", 18),
        shared_bucket("key", SERVER, 1, name="ledger calls"),
    ]
    assert len(set(map(id, buckets))) == 4


def test_another_clock_has_another_bucket() -> None:
    clock = ManualClock()
    bucket = shared_bucket("key", SERVER, 18, clock=clock)
    assert shared_bucket("key", SERVER, 18, clock=clock) is bucket
    assert shared_bucket("key", SERVER, 18, clock=ManualClock()) is not bucket
    assert shared_bucket("key", SERVER, 18) is not bucket


@pytest.mark.parametrize(("first", "second"), [(18, 5), (5, 18)])
def test_the_lower_of_two_rates_holds_and_is_said(
    caplog: pytest.LogCaptureFixture, first: float, second: float
) -> None:
    shared_bucket("key", SERVER, first)
    with caplog.at_level(logging.WARNING, logger="kis_sync"):
        assert shared_bucket("key", SERVER, second).rate == 5
        assert shared_bucket("key", SERVER, 5).rate == 5
    assert len(caplog.records) == 1
    assert "lower rate holds" in caplog.records[0].getMessage()


def test_no_key_is_kept_in_plain_text() -> None:
    bucket = shared_bucket("PSsecretsecret", SERVER, 18)
    assert "PSsecret" not in repr(registry._buckets) + repr(bucket)


def test_idle_buckets_are_forgotten_oldest_first_and_busy_ones_kept() -> None:
    busy = shared_bucket("busy", SERVER, 18)
    slot = busy.slot()
    slot.__enter__()
    first = weakref.ref(shared_bucket("key 0", SERVER, 18))
    kept = shared_bucket("asked for again", SERVER, 18)
    for number in range(1, 200):
        shared_bucket(f"key {number}", SERVER, 18)
        shared_bucket("asked for again", SERVER, 18)
    assert len(registry._buckets) == 64
    assert shared_bucket("asked for again", SERVER, 18) is kept
    assert shared_bucket("busy", SERVER, 18) is busy
    assert shared_bucket("key 199", SERVER, 18) in registry._buckets.values()
    gc.collect()
    assert first() is None


def test_one_that_a_client_holds_is_found_whatever_else_there_is() -> None:
    held = shared_bucket("held", SERVER, 18)
    busy = [shared_bucket(f"busy {number}", SERVER, 18) for number in range(100)]
    for bucket in busy:
        bucket.slot().__enter__()
    assert shared_bucket("held", SERVER, 18) is held


def test_many_threads_asking_at_once_get_the_same_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[TokenBucket] = []

    def slow_bucket(rate: float, burst: int | None, clock: Clock | None, file: Path | None) -> TokenBucket:
        time.sleep(0.02)  # the others ask meanwhile
        return TokenBucket(rate, burst=burst, clock=clock, file=file)

    monkeypatch.setattr(registry, "TokenBucket", slow_bucket)
    threads = [
        threading.Thread(target=lambda: got.append(shared_bucket("key", SERVER, 18))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_who_shares_a_bucket_shares_a_file_named_by_no_key(tmp_path: Path) -> None:
    def file_of(key: str, server: str = SERVER, name: str = "calls") -> Path | None:
        registry._buckets.clear()
        registry._held.clear()  # as in another process
        return shared_bucket(key, server, 18, name=name, folder=tmp_path).file

    file = file_of("PSsecret")
    assert file is not None
    assert (file.parent, file.name[:8], len(file.name)) == (tmp_path, "limit-3-", 40)
    assert "PSsecret" not in file.name
    assert file_of("PSsecret", SERVER + "/uapi") == file
    others = {file_of("other"), file_of("PSsecret", "https://other:1"), file_of("PSsecret", name="oauth")}
    assert len(others - {file}) == 3
    assert list(tmp_path.iterdir()) == []


def test_only_the_machines_own_time_is_shared_with_other_processes(tmp_path: Path) -> None:
    assert shared_bucket("key", SERVER, 18, clock=ManualClock(), folder=tmp_path).file is None
    shifted = ShiftedClock(SystemClock(), timedelta(hours=9))
    bucket = shared_bucket("key", SERVER, 18, clock=shifted, folder=tmp_path)
    assert bucket.file is not None
    assert shared_bucket("key", SERVER, 18, folder=tmp_path) is bucket


def test_where_it_counts_is_what_the_first_asked_for_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = shared_bucket("key", SERVER, 18, folder=tmp_path / "a")
    assert shared_bucket("key", SERVER, 18, folder=tmp_path / "a") is first
    assert caplog.records == []
    assert shared_bucket("key", SERVER, 18, folder=tmp_path / "b") is first
    assert shared_bucket("key", SERVER, 18) is first
    alone = shared_bucket("other", SERVER, 18)
    assert shared_bucket("other", SERVER, 18, folder=tmp_path) is alone
    told = [record.getMessage() for record in caplog.records]
    assert [str(tmp_path / "a") in text for text in told] == [True, True, False]
    assert "by this process alone" in told[2]
    assert all("asked for first" in text for text in told)


def test_another_machine_that_sees_the_folder_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def file_on(name: str) -> Path | None:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "gethostname", lambda: name)
            patch.setattr(registry, "_buckets", registry._buckets.__class__())
            patch.setattr(registry, "_held", weakref.WeakValueDictionary())
            return shared_bucket("key", SERVER, 18, folder=tmp_path).file

    assert file_on("here") == file_on("here") != file_on("there")
