"""The halt switch of an account: a file beside its journal that stops the orders of every process.

Nothing is remembered: the file is looked at before each order, and anybody may make or remove it by hand.
This room changes when orders are halted in another way.
"""

from __future__ import annotations

from pathlib import Path

from kis_sync.errors import JournalError
from kis_sync.orders.account_files import account_file

_MOST_BYTES = 4_000  # of a reason


class HaltSwitch:
    """Halts the orders of one account on one server. ``None`` as folder: those of this process only."""

    def __init__(self, folder: Path | None, server: str, account_no: str) -> None:
        self._path = None if folder is None else account_file(folder, "halt", server, account_no)
        self._reason: str | None = None  # only where there is no file

    @property
    def path(self) -> Path | None:
        """The file that halts while it is there, ``None`` without a folder; an empty one halts, too."""
        return self._path

    def halt(self, reason: str = "") -> None:
        """Let no order leave until ``resume()``, whatever process it comes from.

        ``JournalError`` when the file cannot be made: then this process alone is halted.
        """
        if self._path is None:
            self._reason = reason.strip()
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.write_bytes(reason.encode("utf-8", "replace"))  # half of it halts as well
            self._reason = None
        except OSError as error:
            self._reason = reason.strip()
            raise JournalError(
                f"the orders of this process are halted, those of others are not: the file {self._path} "
                f"could not be written ({_told(error)})"
            ) from error

    def resume(self) -> None:
        """Let orders leave again. ``JournalError`` when the file cannot be removed: they stay halted."""
        if self._path is not None:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                raise JournalError(
                    f"orders stay halted: the file {self._path} could not be removed ({_told(error)})"
                ) from error
        self._reason = None

    def reason(self) -> str | None:
        """Why orders are halted (empty when nobody said), ``None`` when they are not.

        What cannot be read counts as a halt.
        """
        if self._path is None:
            return self._reason
        try:
            with self._path.open("rb") as file:
                said = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return self._reason
        except OSError as error:
            return f"the file {self._path} cannot be read ({_told(error)})"
        return said.decode("utf-8-sig", "replace").strip()


def _told(error: OSError) -> str:
    return error.strerror or type(error).__name__
