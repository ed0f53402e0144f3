"""What is said aloud while a case runs: log records and warnings, kept as text.

This room changes when the client says things in another way.
"""

from __future__ import annotations

import logging
import traceback
import warnings
from types import TracebackType
from typing import Any

_LOGGERS = ("kis_sync", "urllib3")


class Ear(logging.Handler):
    """As a context manager: hears the client's and urllib3's loggers at every level, and all warnings."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._heard: list[str] = []
        self._before: list[tuple[logging.Logger, int, bool]] = []
        self._caught: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self._heard.append(text)

    def _warned(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self._heard.append(str(message))

    def heard(self) -> list[str]:
        """What was said since the last time of asking."""
        said, self._heard = self._heard, []
        return said

    def listen_from(self, level: int) -> None:
        """Hear urllib3 from that level on."""
        logging.getLogger("urllib3").setLevel(level)

    def __enter__(self) -> Ear:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._before.append((logger, logger.level, logger.propagate))
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
            logger.propagate = False
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caught.__exit__(kind, error, trace)
        for logger, level, propagate in self._before:
            logger.removeHandler(self)
            logger.setLevel(level)
            logger.propagate = propagate
