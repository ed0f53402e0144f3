"""Access tokens on disk, for all processes of a user: one file and one lock for each app key and server.

The file is readable by its owner only, replaced at once as a whole, and named by a hash. A store that
cannot be used is a warning, never a crash. This room changes when the form or the place of the file does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kis_sync.clock import KST

if TYPE_CHECKING:
    from filelock import BaseFileLock

_log = logging.getLogger("kis_sync")
_LOCK_SECONDS = 200.0  # longer than an issue that has to wait out its minute, twice


class AccessTokenStoreWarning(UserWarning):
    """The access token could not be kept on disk; other processes will ask for their own."""


class Issued(NamedTuple):
    """An access token as it was issued: its value, when it ends and when it was issued (aware, KST)."""

    value: str
    expires: datetime
    issued: datetime

    def __repr__(self) -> str:
        """Without the value."""
        return f"Issued(expires={self.expires!r}, issued={self.issued!r})"


class TokenStore:
    """The file of one app key and server. ``None`` as folder: nothing is kept."""

    def __init__(self, folder: Path | None, app_key: str, server: str) -> None:
        name = hashlib.sha256(f"{app_key}\0{server}".encode()).hexdigest()[:32]
        self._path = None if folder is None else folder / f"access-token-{name}.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that all processes share, so that only one of them issues."""
        lock = self._lock()
        if lock is None:
            yield
            return
        try:
            lock.acquire()
        except (OSError, TimeoutError, NotImplementedError) as error:  # some file systems know no locks
            self._warn("its lock could not be taken", error)
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def read(self) -> Issued | None:
        """The access token on disk; ``None`` when there is none that can be read."""
        if self._path is None:
            return None
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self._warn("its file could not be read", error)
            return None
        try:
            kept = json.loads(text)
            return Issued(
                value=_token(kept["access_token"]),
                expires=_moment(kept["expires"]),
                issued=_moment(kept["issued"]),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            self._warn("its file is damaged and will be replaced", error)
            return None

    def write(self, issued: Issued) -> None:
        """Keep an access token; the file is never half written."""
        if self._path is None:
            return
        content = {
            "access_token": issued.value,
            "expires": issued.expires.isoformat(),
            "issued": issued.issued.isoformat(),
        }
        draft: Path | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix=".draft-", dir=self._path.parent)  # 0600 from the start
            draft = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
            draft.replace(self._path)
        except OSError as error:
            self._warn("its file could not be written", error)
            if draft is not None:
                with contextlib.suppress(OSError):  # the warning above already tells of the failure
                    draft.unlink()

    def forget(self, value: str) -> None:
        """Remove the file if it holds that access token."""
        if self._path is None:
            return
        kept = self.read()
        if kept is not None and kept.value == value:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                self._warn("its file could not be removed", error)

    def _lock(self) -> BaseFileLock | None:
        if self._path is None:
            return None
        import filelock  # imported where used: it costs 10 ms, and a process with an access token needs none

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return filelock.FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS, mode=0o600)
        except OSError as error:
            self._warn("its folder could not be made", error)
            return None

    def _warn(self, what: str, error: Exception) -> None:
        message = f"the access token store cannot be used: {what} ({type(error).__name__})"
        _log.warning(message)
        warnings.warn(message, AccessTokenStoreWarning, stacklevel=4)


def _token(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ValueError("not an access token")
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(KST)
