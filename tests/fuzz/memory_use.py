"""How much memory this process holds, and whether that stays the same.

This room changes when memory is to be measured in another way.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_MEBIBYTE = 1 << 20


class Growth(NamedTuple):
    """What was held before and after, in MiB, and the most that may be held more."""

    what: str
    before: float
    after: float
    bound: float

    @property
    def is_flat(self) -> bool:
        """Whether memory grew by no more than it may."""
        return self.after - self.before <= self.bound

    def __str__(self) -> str:
        verdict = "flat" if self.is_flat else "GROWS"
        return (
            f"{self.what}: {self.before:.1f} -> {self.after:.1f} MiB (at most {self.bound:g} more): {verdict}"
        )


def allow(mebibytes: int) -> None:
    """Let this process ask for no more than that; a ``MemoryError`` is then a finding, not a dead machine."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))


def resident() -> float | None:
    """The memory of this process in MiB, what is free given back first; ``None`` where nobody tells."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other C libraries keep what is free
        ctypes.CDLL(None).malloc_trim(0)
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text(encoding="ascii").split()[1]) * 4096 / _MEBIBYTE


def traced(work: Callable[[], None], bound: float) -> Growth:
    """What Python holds after doing some work twice, against after doing it once: a leak leaves it twice."""
    tracemalloc.start()
    try:
        held = []
        for _ in range(2):
            work()
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0] / _MEBIBYTE)
    finally:
        tracemalloc.stop()
    return Growth("traced by tracemalloc, the same cases twice", held[0], held[1], bound)
