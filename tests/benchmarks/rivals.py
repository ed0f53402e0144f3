"""Other ways of limiting, to measure beside ours. This room changes when another rival is worth measuring."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from kis_sync.ratelimit import TokenBucket

Turn = Callable[[], AbstractContextManager[object]]
"""Entering what it returns waits for permission to send one call; leaving it says that the call ended."""


def spaced(limit: int) -> Turn:
    """Ours, as it comes."""
    return TokenBucket(limit).slot


def burst(limit: int) -> Turn:
    """Ours, all slots at once."""
    return TokenBucket(limit, burst=limit).slot


def pyrate(limit: int) -> Turn:
    """pyrate-limiter as its README shows it; raises ``ImportError`` where it is not installed."""
    from pyrate_limiter import Duration, Limiter, Rate

    limiter = Limiter(Rate(limit, Duration.SECOND))
    return _before(lambda: limiter.try_acquire("call"))


def condition(limit: int) -> Turn:
    """The textbook: a bucket of ``limit`` tokens that refills at ``limit`` a second, on one Condition."""
    lock = threading.Condition()
    tokens = float(limit)
    filled = time.monotonic()

    def wait() -> None:
        nonlocal tokens, filled
        with lock:
            while True:
                now = time.monotonic()
                tokens = min(limit, tokens + (now - filled) * limit)
                filled = now
                if tokens >= 1:
                    tokens -= 1
                    return
                lock.wait((1 - tokens) / limit)

    return _before(wait)


def reset_window(limit: int) -> Turn:
    """As python-kis behaves: count sendings, after so many sleep out the second, start from nothing.

    It is given one call less than KIS's limit, as there, where the limit allows it, and sleeps 50 ms more.
    """
    most = limit - 1 if limit > 2 else limit
    lock = threading.Lock()
    began = 0.0
    count = 0

    def wait() -> None:
        nonlocal began, count
        with lock:
            rest = began + 1 - time.monotonic()
            if rest > 0 and count >= most:
                time.sleep(rest + 0.05)
                rest = 0.0
            if rest <= 0:
                began, count = time.monotonic(), 0
            count += 1

    return _before(wait)


def _before(wait: Callable[[], object]) -> Turn:
    """A turn of a limiter that counts when a call is sent and never hears that it ended."""

    @contextlib.contextmanager
    def turn() -> Iterator[None]:
        wait()
        yield

    return turn


TURNS: dict[str, Callable[[int], Turn]] = {
    "spaced": spaced,
    "burst": burst,
    "pyrate": pyrate,
    "condition": condition,
    "reset window": reset_window,
}
OURS = ("spaced", "burst")
