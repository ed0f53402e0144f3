"""Trying again: how often, how long in all, and with what waits in between. A value, without state.

Whether an error is worth another try is said by the error itself. This room changes when the policy of
trying again changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from kis_sync.errors import KISError, Reach

if TYPE_CHECKING:
    from kis_sync.clock import Clock

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """At most ``attempts`` tries and ``total_seconds`` in all, waiting longer each time.

    The wait before try n + 1 is a random time up to ``first_wait`` * 2 ** (n - 1), at most ``longest_wait``
    seconds. ``RetryPolicy(attempts=1)`` never tries again.
    """

    attempts: int = 4
    total_seconds: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 8.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.total_seconds, self.first_wait, self.longest_wait) < 0:
            raise ValueError("a retry policy needs at least 1 attempt and waits of at least 0 seconds")

    def run(
        self,
        call: Callable[[], Answer],
        *,
        clock: Clock,
        worth_it: Callable[[KISError], bool],
        on_wait: Callable[[KISError, float], None],
    ) -> Answer:
        """The answer of ``call``, tried again while the error is worth it and the bounds allow.

        The first try goes straight through; only after it failed does the ring begin. The error of the
        last try is raised.
        """
        deadline = clock.monotonic() + self.total_seconds
        try:
            return call()
        except KISError as error:
            if self.attempts == 1 or not worth_it(error):
                raise
            first = error
        return self._again(call, first, deadline, clock, worth_it, on_wait)  # not while handling the first

    def _again(
        self,
        call: Callable[[], Answer],
        first: KISError,
        deadline: float,
        clock: Clock,
        worth_it: Callable[[KISError], bool],
        on_wait: Callable[[KISError, float], None],
    ) -> Answer:
        import tenacity  # after a first failure only: it costs 7 ms to import, 7 µs a call

        pending = [first]

        def next_try() -> Answer:
            if pending:  # the first try already failed: the ring begins with its error
                raise pending.pop()
            return call()

        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, KISError) and state.next_action:
                on_wait(error, state.next_action.sleep)

        last_attempt = tenacity.stop_after_attempt(self.attempts)

        def enough(state: tenacity.RetryCallState) -> bool:
            return last_attempt(state) or clock.monotonic() + state.upcoming_sleep > deadline

        ring = tenacity.Retrying(
            stop=enough,
            wait=tenacity.wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, KISError) and worth_it(error)),
            sleep=clock.sleep,
            before_sleep=tell,
            reraise=True,
        )
        return ring(next_try)


def read_is_worth_it(error: KISError) -> bool:
    """A read is tried again when the error can pass by itself."""
    return error.can_retry


def order_is_worth_it(error: KISError) -> bool:
    """An order is tried again only when it provably did not run, and trying again can help."""
    return error.reach is Reach.NOT_EXECUTED and error.can_retry
