"""Whatever callers do and whenever the server counts. This room changes when the promise changes."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from math import floor, inf

from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import ManualClock
from kis_sync.errors import RateLimitError
from kis_sync.ratelimit import Slot, TokenBucket
from tests.ratelimit.clocks import end_all, take_all
from tests.thoroughness import examples

RATES = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 18.0])
DELAYS = st.one_of(
    st.floats(0, 0.05),
    st.floats(0.9, 1.1),
    st.floats(0, 3),
    st.sampled_from([0.002, 1.0, 1.002, 1.055, 61.0]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["enter", "acquire"]), st.just(0.0)),
        st.tuples(st.sampled_from(["exit", "pause", "advance", "advance", "hold"]), DELAYS),
        st.tuples(st.just("refused"), st.just(0.0)),
    ),
    max_size=120,
)


@dataclass
class Sent:
    """A call: the server may count it at any time from ``began`` to ``ended``."""

    began: float
    ended: float = inf


class Play:
    """One bucket, and the calls that it let pass."""

    def __init__(self, rate: float, burst: int | None) -> None:
        self.clock = ManualClock()
        self.bucket = TokenBucket(rate, burst=burst, clock=self.clock)
        self.slots = max(1, floor(rate))
        self.window = self.slots / rate
        self.sent: list[Sent] = []
        self.open: list[tuple[Slot, Sent, float]] = []

    def step(self, kind: str, seconds: float) -> None:
        if kind == "advance":
            self.clock.advance(seconds)
        elif kind == "pause":
            self.bucket.pause(seconds)
        elif kind == "refused":
            self.bucket.refused()
        elif kind == "acquire":
            if self.bucket.acquire(timeout=0):
                self.note().ended = self.clock.monotonic() + 0.05
        elif kind == "enter":
            slot = self.bucket.slot(timeout=0, lease=inf)
            try:
                slot.__enter__()
            except RateLimitError:
                return
            self.open.append((slot, self.note(), 0.0))
        elif self.open:
            self.end(kind, seconds)

    def end(self, kind: str, seconds: float) -> None:
        slot, sent, held = self.open.pop(int(seconds * 1000) % len(self.open))
        if kind == "hold":
            slot.hold(seconds)
            self.open.append((slot, sent, max(held, seconds)))
            return
        slot.__exit__(None, None, None)
        sent.ended = self.clock.monotonic() + held

    def note(self) -> Sent:
        stats = self.bucket.stats
        assert stats.in_flight + stats.cooling <= stats.usable
        self.sent.append(Sent(self.clock.monotonic()))
        return self.sent[-1]

    def most_in_a_window(self) -> int:
        """The most calls that a server can count in one window if it counts each at the worst moment."""
        starts = [sent.ended for sent in self.sent if sent.ended < inf] + [sent.began for sent in self.sent]
        return max(
            (
                sum(sent.began < start + self.window and sent.ended >= start for sent in self.sent)
                for start in starts
            ),
            default=0,
        )


@given(RATES, st.sampled_from([None, 1, 2, 18]), STEPS)
@settings(max_examples=examples(100), deadline=None)
def test_no_window_holds_more_calls_than_slots_at_the_worst_counting(
    rate: float, burst: int | None, steps: list[tuple[str, float]]
) -> None:
    play = Play(rate, burst)
    for kind, seconds in steps:
        play.step(kind, seconds)
        stats = play.bucket.stats
        assert stats.in_flight == len(play.open)
        assert 1 <= stats.usable <= stats.slots == play.slots
    assert play.most_in_a_window() <= play.slots


@given(RATES, STEPS, st.randoms(use_true_random=False))
@settings(max_examples=examples(60), deadline=None)
def test_no_server_refuses_wherever_its_windows_begin(
    rate: float, steps: list[tuple[str, float]], chance: random.Random
) -> None:
    play = Play(rate, max(1, floor(rate)))
    for kind, seconds in steps:
        play.step(kind, seconds)
    stamps = sorted(
        chance.choice([sent.began, last, chance.uniform(sent.began, last)])
        for sent in play.sent
        for last in [min(sent.ended, play.clock.monotonic())]
    )
    for first, later in zip(stamps, stamps[play.slots :], strict=False):
        assert later - first >= play.window  # sliding
    for phase in [chance.uniform(0, play.window) for _ in range(5)]:
        windows = [floor((stamp - phase) / play.window) for stamp in stamps]
        assert all(windows.count(window) <= play.slots for window in set(windows))  # fixed


@given(RATES, st.sampled_from([None, 1, 2, 18]), STEPS)
@settings(max_examples=examples(60), deadline=None)
def test_no_slot_is_ever_lost(rate: float, burst: int | None, steps: list[tuple[str, float]]) -> None:
    play = Play(rate, burst)
    for kind, seconds in steps:
        play.step(kind, seconds)
    end_all([slot for slot, _, _ in play.open])
    play.clock.advance(3600)
    taken: list[Slot] = []
    for _ in range(play.slots):
        taken += take_all(play.bucket)
        play.clock.advance(play.window / play.slots)
    assert len(taken) == play.slots


@given(st.integers(1, 18), st.lists(st.tuples(st.booleans(), st.floats(0, 0.4)), max_size=150))
@settings(max_examples=examples(60), deadline=None)
def test_a_slot_is_refused_only_while_that_many_calls_need_it(
    slots: int, steps: list[tuple[bool, float]]
) -> None:
    play = Play(slots, slots)
    for enter, seconds in steps:
        play.clock.advance(seconds)
        now = play.clock.monotonic()
        taken = sum(sent.ended + 1.002 > now for sent in play.sent)
        before = len(play.sent)
        play.step("enter" if enter else "exit", seconds)
        if enter and abs(min((s.ended + 1.002 - now for s in play.sent), key=abs, default=1)) > 1e-9:
            assert (len(play.sent) > before) == (taken < slots)


@given(st.integers(0, 2**32), st.sampled_from([1.0, 3.0, 6.0]), st.sampled_from([None, 1, 6]))
@settings(max_examples=examples(12), deadline=None)
def test_threads_keep_the_limit_under_any_steps_of_time(seed: int, rate: float, burst: int | None) -> None:
    chance = random.Random(seed)
    clock = ManualClock()
    bucket = TokenBucket(rate, burst=burst, clock=clock)
    play = Play(rate, burst)
    lock = threading.Lock()

    def caller(travel: float) -> None:
        for _ in range(4):
            with bucket.slot():
                sent = Sent(clock.monotonic())
                clock.sleep(travel)
                sent.ended = clock.monotonic()
            with lock:
                play.sent.append(sent)

    threads = [threading.Thread(target=caller, args=(chance.uniform(0, 0.3),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    give_up_at = time.monotonic() + 30
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() < give_up_at, f"threads are stuck: {bucket!r}"
        clock.advance(chance.choice([0.001, 0.05, 0.3, 1.0]))
        time.sleep(0.0001)
    assert len(play.sent) == 20
    assert play.most_in_a_window() <= rate
