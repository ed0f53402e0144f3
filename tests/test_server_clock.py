from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from kis_sync.clock import KST, ManualClock
from kis_sync.server_clock import ServerClock

START = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
steps = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1.5), st.floats(0, 1.5)), min_size=1, max_size=30)


def header(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0))


@given(steps, st.floats(-1e6, 1e6))
def test_the_truth_is_narrowed_down_and_never_left(
    calls: list[tuple[float, float, float]], ahead: float
) -> None:
    clock = ManualClock(START)
    server = ServerClock(clock)
    offsets = []
    for pause, there, back in calls:
        clock.advance(pause)
        asked = clock.monotonic()
        clock.advance(there)
        date = header(clock.now() + timedelta(seconds=ahead))
        clock.advance(back)
        server.hear(date, asked, clock.monotonic())
        offset = server.offset()
        assert offset is not None
        offsets.append(offset.total_seconds())
        assert offsets[-1] <= ahead + 1e-5
    assert offsets == sorted(offsets)
    assert ahead - offsets[-1] <= min(1 + back for _, _, back in calls) + 1e-5


def test_a_clock_that_is_set_begins_anew() -> None:
    clock = ManualClock(START)
    server = ServerClock(clock)
    for hours in (0, 5, -3):
        clock.advance(1)
        server.hear(header(clock.now() + timedelta(hours=hours)), clock.monotonic(), clock.monotonic())
        offset = server.offset()
        assert offset is not None
        assert abs(offset - timedelta(hours=hours)) <= timedelta(seconds=1)


def test_nothing_is_known_before_a_header_that_can_be_read() -> None:
    server = ServerClock(ManualClock(START))
    for date in (None, "", "yesterday"):
        server.hear(date, 0.0, 0.0)
    assert server.offset() is None
