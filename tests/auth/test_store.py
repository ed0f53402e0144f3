"""The access token on disk: private, whole, and never a reason to fail."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kis_sync.auth import Issued, TokenStore
from kis_sync.auth.store import AccessTokenStoreWarning
from kis_sync.clock import KST
from tests.fake_kis import FakeKIS, in_threads
from tests.thoroughness import examples

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
TOKEN = Issued("eyJ0b2tlbiI." + "x" * 300, NOW + timedelta(hours=24), NOW)
GOOD = {"access_token": TOKEN.value, "expires": TOKEN.expires.isoformat(), "issued": TOKEN.issued.isoformat()}

DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)),
    "truncated": json.dumps(GOOD).encode()[:-20],
    "another encoding": json.dumps({**GOOD, "note": "한글"}, ensure_ascii=False).encode("cp949"),
    "a list": b"[1, 2]",
    "a word": b'"token"',
    "nothing in it": b"{}",
    "a number for a token": json.dumps({**GOOD, "access_token": 5}).encode(),
    "no token": json.dumps({**GOOD, "access_token": ""}).encode(),
    "a token with a line end": json.dumps({**GOOD, "access_token": "a\r\nx: y"}).encode(),
    "a number for an end": json.dumps({**GOOD, "expires": 5}).encode(),
    "no date for an end": json.dumps({**GOOD, "expires": "tomorrow"}).encode(),
    "an end without its zone": json.dumps({**GOOD, "expires": "2026-11-25T10:30:00"}).encode(),
    "the first day of all": json.dumps({**GOOD, "issued": "0001-01-01T00:00:00+14:00"}).encode(),
    "the last day of all": json.dumps({**GOOD, "expires": "9999-12-31T23:59:59-12:00"}).encode(),
    "a nest": b"[" * 100_000,
    "a huge number": b'{"access_token":' + b"9" * 10_000 + b"}",
}


def path_of(folder: Path) -> Path:
    (path,) = folder.glob("access-token-*.json")
    return path


def store_at(folder: Path) -> TokenStore:
    return TokenStore(folder, "key", "https://server")


class TestFile:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        store_at(tmp_path).write(TOKEN)
        assert store_at(tmp_path).read() == TOKEN

    def test_nothing_there_is_nothing_and_no_warning(self, tmp_path: Path) -> None:
        assert store_at(tmp_path).read() is None
        assert store_at(tmp_path / "not" / "yet").read() is None

    def test_without_a_folder_nothing_is_kept(self) -> None:
        store = TokenStore(None, "key", "server")
        store.write(TOKEN)
        store.forget(TOKEN.value)
        assert store.read() is None
        with store.locked():
            pass

    def test_keys_and_servers_have_files_of_their_own_that_do_not_tell_them(self, tmp_path: Path) -> None:
        key = "PSkey" * 7
        for app_key, server in ((key, "https://a"), (key, "https://b"), ("other", "https://a")):
            TokenStore(tmp_path, app_key, server).write(TOKEN)
        names = sorted(each.name for each in tmp_path.iterdir())
        assert len(names) == 3
        assert "PSkey" not in str(names)

    def test_only_one_of_the_same_value_is_forgotten(self, tmp_path: Path) -> None:
        store = store_at(tmp_path)
        store.write(TOKEN)
        store.forget("another")
        assert store.read() == TOKEN
        store.forget(TOKEN.value)
        assert store.read() is None
        store.forget(TOKEN.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
    def test_is_its_owners_only(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            folder = tmp_path / "new"
            store = store_at(folder)
            with store.locked():
                store.write(TOKEN)
        finally:
            os.umask(before)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
        assert len(modes) == 2  # the file and its lock
        assert set(modes.values()) == {0o600}

    @pytest.mark.skipif(sys.platform == "win32", reason="there a file that is being read cannot be replaced")
    def test_is_whole_whenever_it_is_read(self, tmp_path: Path) -> None:
        """Eight threads write access tokens of many lengths while eight read."""
        ends = NOW + timedelta(hours=24)
        store_at(tmp_path).write(TOKEN)

        def write() -> None:
            for length in range(1, 40):
                store_at(tmp_path).write(Issued("x" * length * 100, ends, NOW))

        def read() -> None:
            for _ in range(200):
                found = store_at(tmp_path).read()  # a damaged one would warn, and warnings are errors here
                assert found is not None
                assert found.expires == ends

        assert in_threads(8, write, read) == []
        assert [each.name for each in tmp_path.iterdir()] == [path_of(tmp_path).name]


class TestDamaged:
    @pytest.mark.parametrize("damage", DAMAGED)
    def test_is_a_warning_and_is_replaced(
        self, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        store_at(tmp_path).write(TOKEN)
        path_of(tmp_path).write_bytes(DAMAGED[damage])
        with pytest.warns(AccessTokenStoreWarning, match=r"damaged|could not be read"):
            assert store_at(tmp_path).read() is None
        assert "the access token store cannot be used" in caplog.text
        store_at(tmp_path).write(TOKEN)
        assert store_at(tmp_path).read() == TOKEN

    def test_does_not_keep_a_call_from_its_answer(self, tmp_path: Path) -> None:
        with FakeKIS() as kis, kis.broker(store_access_token=True, cache_dir=tmp_path) as broker:
            TokenStore(tmp_path, broker.settings.app_key, broker.settings.server).write(TOKEN)
            path_of(tmp_path).write_bytes(b"\0\1\2")
            with pytest.warns(AccessTokenStoreWarning):
                assert broker.get_price("005930").price == 70_000
            assert kis.count("tokenP") == 1

    @settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.binary()
        | st.fixed_dictionaries(
            {name: st.text() | st.integers() | st.none() for name in GOOD},
        ).map(lambda content: json.dumps(content).encode())
        | st.tuples(
            st.sampled_from(["expires", "issued"]),
            st.datetimes(timezones=st.just(KST)).map(datetime.isoformat) | st.text(),
        ).map(lambda change: json.dumps({**GOOD, change[0]: change[1]}).encode())
    )
    @pytest.mark.filterwarnings("ignore::kis_sync.auth.store.AccessTokenStoreWarning")
    def test_whatever_lies_there_is_one_or_none(self, tmp_path: Path, content: bytes) -> None:
        store_at(tmp_path).write(TOKEN)
        path_of(tmp_path).write_bytes(content)
        found = store_at(tmp_path).read()
        assert found is None or (found.value.isascii() and found.expires.tzinfo is not None)


class TestUnusable:
    """Modes do not stop a superuser, so the folder's parent is a file."""

    def test_reading_locking_and_writing_warn_and_go_on(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        store = store_at(tmp_path / "file" / "folder")
        with pytest.warns(AccessTokenStoreWarning, match="could not be read"):
            assert store.read() is None
        entered = False
        with pytest.warns(AccessTokenStoreWarning, match="folder could not be made"), store.locked():
            entered = True
        assert entered
        with pytest.warns(AccessTokenStoreWarning, match="could not be written"):
            store.write(TOKEN)
        with pytest.warns(AccessTokenStoreWarning, match="could not be read"):
            store.forget(TOKEN.value)

    def test_a_call_has_its_answer_all_the_same(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        (tmp_path / "file").write_text("", encoding="utf-8")
        with FakeKIS() as kis:
            with kis.broker(store_access_token=True, cache_dir=tmp_path / "file" / "folder") as broker:
                with pytest.warns(AccessTokenStoreWarning):
                    assert broker.get_price("005930").price == 70_000
                assert broker.get_price("005930").price == 70_000  # and from then on in silence
            assert kis.count("tokenP") == 1
        assert "the access token store cannot be used" in caplog.text

    def test_a_folder_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        store = store_at(tmp_path)
        store.write(TOKEN)
        path = path_of(tmp_path)
        path.unlink()
        path.mkdir()
        with pytest.warns(AccessTokenStoreWarning, match="could not be read"):
            assert store.read() is None
        with pytest.warns(AccessTokenStoreWarning, match="could not be written"):
            store.write(TOKEN)
        assert [each.name for each in tmp_path.iterdir()] == [path.name]  # no draft is left behind

    @pytest.mark.parametrize(
        "error", [OSError(37, "no locks"), NotImplementedError("no locks"), TimeoutError()]
    )
    def test_a_file_system_without_locks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        import filelock

        def fail(*args: object, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr(filelock.FileLock, "acquire", fail)
        entered = False
        with pytest.warns(AccessTokenStoreWarning, match="lock could not be taken"):
            with store_at(tmp_path).locked():
                entered = True
        assert entered


class TestLock:
    def test_one_holder_at_a_time(self, tmp_path: Path) -> None:
        inside, most = [0], [0]
        count = threading.Lock()
        pause = threading.Event()

        def hold() -> None:
            with store_at(tmp_path).locked():
                with count:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                pause.wait(0.005)
                with count:
                    inside[0] -= 1

        assert in_threads(4, hold) == []
        assert most == [1]

    def test_is_let_go_after_an_error(self, tmp_path: Path) -> None:
        for _ in range(2):
            with pytest.raises(KeyError), store_at(tmp_path).locked():
                raise KeyError


def test_a_token_is_not_shown() -> None:
    assert TOKEN.value not in repr(TOKEN)
