"""Counting what was sent."""

from __future__ import annotations

import os
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.traffic import Traffic


@given(st.lists(st.floats(0, 5), max_size=40).map(sorted))
def test_the_most_in_any_second(times: list[float]) -> None:
    traffic = Traffic()
    for at in times:
        traffic.sent(at)
    assert traffic.calls == len(times)
    windows = [sum(1 for other in times[: place + 1] if other > at - 1) for place, at in enumerate(times)]
    assert traffic.most_in_any_second == max(windows, default=0)


def test_refusals_are_counted_apart() -> None:
    traffic = Traffic()
    traffic.sent(1.0)
    traffic.refused()
    assert (traffic.calls, traffic.over_the_limit) == (1, 1)


def test_no_count_is_lost_between_threads() -> None:
    traffic = Traffic()

    def count() -> None:
        for _ in range(2_000):
            traffic.sent(1.0)

    threads = [threading.Thread(target=count, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert traffic.calls == traffic.most_in_any_second == 8_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_forked_while_somebody_counts_can_count() -> None:
    traffic = Traffic()
    held, forked = threading.Event(), threading.Event()

    def count_for_long() -> None:
        with traffic._lock:
            held.set()
            forked.wait(20)

    thread = threading.Thread(target=count_for_long, daemon=True)
    thread.start()
    held.wait(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        counting = threading.Thread(target=lambda: traffic.sent(1.0), daemon=True)
        counting.start()
        counting.join(5)
        os._exit(1 if counting.is_alive() else 0)
    forked.set()
    thread.join(20)
    assert os.waitpid(child, 0)[1] == 0
