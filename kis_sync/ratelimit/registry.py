"""One bucket per app key and server: the server counts by app key, not by object or process.

This room changes when what shares a limit changes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from collections import OrderedDict
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from kis_sync.clock import Clock, ShiftedClock, SystemClock
from kis_sync.ratelimit.bucket import TokenBucket

_PREFIX = "limit-3"  # the form of the file's content
_MACHINES_OWN = 0
_KEPT = 64  # buckets; more only while all of them are in use
_log = logging.getLogger("kis_sync")
_lock = threading.Lock()
_buckets: OrderedDict[tuple[str, int], TokenBucket] = OrderedDict()
_held: WeakValueDictionary[tuple[str, int], TokenBucket] = WeakValueDictionary()
"""Every bucket that somebody still holds, kept or not: a second one for its key would double the limit."""


def shared_bucket(
    app_key: str,
    server: str,
    rate: float,
    *,
    name: str = "calls",
    burst: int | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
) -> TokenBucket:
    """The process's one bucket for this app key (kept as a hash only), server and ``name`` of limit.

    Making a second client, or running a notebook cell again, finds the bucket with its recent grants.
    When the rates asked for differ, the lowest holds until the process ends, and each time that this
    decides a warning is logged: two clients of one key share one limit, and the more careful must not be
    overruled by the other. ``burst`` is that of the first who asked, and so is the ``folder`` with the files
    in which all processes of the machine count together (``None``: this process counts alone). A ``clock``
    other than the machine's own has buckets of its own, in this process. A bucket outlives its users; of
    idle ones the 64 last asked for are kept, and each that a client still holds.
    """
    digest, time = _digest(app_key, _host(server), name), _time_of(clock)
    key = (digest, time)
    # By the machine's name, too: a folder may be seen by several, and each has a clock of its own.
    here = _digest(digest, socket.gethostname())[:32]
    file = None if folder is None or time != _MACHINES_OWN else folder / f"{_PREFIX}-{here}"
    with _lock:
        bucket = _buckets.get(key) or _held.get(key)
        if bucket is None:
            bucket = _held[key] = TokenBucket(rate, burst=burst, clock=clock, file=file)
        if key not in _buckets:
            _buckets[key] = bucket
            _forget_idle()
        _buckets.move_to_end(key)
        had, counts_in = bucket.rate, bucket.file
        bucket.lower(rate)
    if counts_in != file:
        _log.warning(
            "%s of this app key are counted %s: that was asked for first, and holds until this process ends",
            name,
            "by this process alone" if counts_in is None else f"in {counts_in.parent}",
        )
    if had != rate:
        _log.warning(
            "%s of this app key: limited to %g a second before, asked for at %g now; the lower rate holds",
            name,
            had,
            rate,
        )
    return bucket


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def _host(server: str) -> str:
    """Host and port, so that a slash or a path more makes no other server."""
    return (urlsplit(server).netloc or server).lower()


def _time_of(clock: Clock | None) -> int:
    """Clocks on which the same seconds pass are one; a bucket keeps its clock, so an id is not used twice."""
    while isinstance(clock, ShiftedClock):
        clock = clock.base
    return _MACHINES_OWN if clock is None or isinstance(clock, SystemClock) else id(clock)


def _forget_idle() -> None:
    """Drop the least recently asked for among the idle buckets while there are too many."""
    for key in list(_buckets)[:-1]:
        if len(_buckets) <= _KEPT:
            return
        stats = _buckets[key].stats
        if not (stats.in_flight or stats.cooling or stats.waiting):
            del _buckets[key]


def _begin_in_child() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
