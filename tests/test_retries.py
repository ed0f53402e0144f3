"""Trying again, as a function of an error, a policy and a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.errors import KISError, NetworkError, RateLimitError, Reach, ServerError
from kis_sync.retries import RetryPolicy, order_is_worth_it, read_is_worth_it
from tests.sleeping_clock import SleepingClock


class Tries:
    """Fails as planned, each try taking so many seconds; then gives an answer."""

    def __init__(self, clock: SleepingClock, *errors: BaseException, takes: float = 0.0) -> None:
        self.clock = clock
        self.errors = list(errors)
        self.takes = takes
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        self.clock.advance(self.takes)
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def run(policy: RetryPolicy, tries: Tries, told: list[tuple[KISError, float]] | None = None) -> str:
    return policy.run(
        tries,
        clock=tries.clock,
        worth_it=read_is_worth_it,
        on_wait=lambda error, seconds: (told if told is not None else []).append((error, seconds)),
    )


def down() -> NetworkError:
    return NetworkError("down")


class TestAttempts:
    def test_an_answer_is_given_through(self) -> None:
        tries = Tries(SleepingClock())
        assert run(RetryPolicy(), tries) == "answer"
        assert (tries.count, tries.clock.slept) == (1, [])

    @pytest.mark.parametrize("failures", [1, 2, 3])
    def test_four_tries_by_default(self, failures: int) -> None:
        tries = Tries(SleepingClock(), *[down() for _ in range(failures)])
        assert run(RetryPolicy(), tries) == "answer"
        assert (tries.count, len(tries.clock.slept)) == (failures + 1, failures)

    def test_the_last_error_is_raised_as_it_is(self) -> None:
        errors = [down() for _ in range(4)]
        with pytest.raises(NetworkError) as caught:
            run(RetryPolicy(), Tries(SleepingClock(), *errors))
        assert caught.value is errors[3]

    @given(st.integers(1, 8), st.integers(0, 10))
    def test_any_number(self, attempts: int, failures: int) -> None:
        tries = Tries(SleepingClock(), *[down() for _ in range(failures)])
        try:
            run(RetryPolicy(attempts=attempts, total_seconds=1e9), tries)
        except NetworkError:
            assert failures >= attempts
        assert tries.count == min(attempts, failures + 1)

    def test_one_means_never_again(self) -> None:
        tries = Tries(SleepingClock(), down())
        with pytest.raises(NetworkError):
            run(RetryPolicy(attempts=1), tries)
        assert tries.count == 1

    @pytest.mark.parametrize("error", [KISError("no"), KeyError("no"), KeyboardInterrupt()])
    @pytest.mark.parametrize("before", [0, 1])
    def test_what_is_not_worth_it_is_raised_at_once(self, error: BaseException, before: int) -> None:
        tries = Tries(SleepingClock(), *[down() for _ in range(before)], error)
        with pytest.raises(type(error)) as caught:
            run(RetryPolicy(), tries)
        assert caught.value is error
        assert tries.count == before + 1

    def test_a_later_try_does_not_run_while_the_first_error_is_handled(self) -> None:
        """Else the errors of later tries would have those of earlier ones as their context."""
        second = down()
        with pytest.raises(NetworkError):
            run(RetryPolicy(attempts=2), Tries(SleepingClock(), down(), second))
        assert not isinstance(second.__context__, NetworkError)


class TestWaits:
    @given(st.floats(0, 4), st.floats(0, 20))
    def test_they_are_random_and_bounded_and_the_bound_doubles(self, first: float, longest: float) -> None:
        clock = SleepingClock()
        policy = RetryPolicy(attempts=8, total_seconds=1e9, first_wait=first, longest_wait=longest)
        run(policy, Tries(clock, *[down() for _ in range(7)]))
        for place, slept in enumerate(clock.slept):
            assert 0 <= slept <= min(longest, first * 2**place)

    def test_they_differ(self) -> None:
        clock = SleepingClock()
        run(RetryPolicy(attempts=8, total_seconds=1e9), Tries(clock, *[down() for _ in range(7)]))
        assert len(set(clock.slept)) == 7

    def test_each_is_told_with_its_error(self) -> None:
        errors = [down(), ServerError("later")]
        told: list[tuple[KISError, float]] = []
        tries = Tries(SleepingClock(), *errors)
        run(RetryPolicy(), tries, told)
        assert [error for error, _ in told] == errors
        assert [seconds for _, seconds in told] == tries.clock.slept


class TestTotal:
    def test_no_wait_ends_after_it(self) -> None:
        clock = SleepingClock()
        policy = RetryPolicy(attempts=1000, total_seconds=20, first_wait=4, longest_wait=4)
        with pytest.raises(NetworkError):
            run(policy, Tries(clock, *[down() for _ in range(1000)]))
        assert 0 < clock.monotonic() <= 20

    def test_the_time_of_the_tries_counts(self) -> None:
        tries = Tries(SleepingClock(), *[down() for _ in range(9)], takes=13)
        with pytest.raises(NetworkError):
            run(RetryPolicy(attempts=9, total_seconds=60, first_wait=0), tries)
        assert tries.count == 5  # the fifth begins at 52 s and ends at 65

    def test_so_does_the_first_try(self) -> None:
        tries = Tries(SleepingClock(), down(), takes=61)
        with pytest.raises(NetworkError):
            run(RetryPolicy(first_wait=0), tries)
        assert tries.count == 1


class TestPolicy:
    @pytest.mark.parametrize(
        "wrong", [{"attempts": 0}, {"total_seconds": -1.0}, {"first_wait": -0.1}, {"longest_wait": -5.0}]
    )
    def test_what_cannot_be_is_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="at least 1 attempt"):
            RetryPolicy(**wrong)  # type: ignore[arg-type]

    def test_it_is_a_value(self) -> None:
        assert RetryPolicy() == RetryPolicy()
        assert hash(RetryPolicy(attempts=2)) == hash(RetryPolicy(attempts=2))


@pytest.mark.parametrize("reach", Reach)
@pytest.mark.parametrize("can_retry", [True, False])
def test_only_an_order_that_did_not_run_is_worth_another_try(reach: Reach, can_retry: bool) -> None:
    error = RateLimitError("no", reach=reach, can_retry=can_retry)
    assert read_is_worth_it(error) is can_retry
    assert order_is_worth_it(error) is (can_retry and reach is Reach.NOT_EXECUTED)
