"""The measurement of what a call costs: that it compares like with like, and can say no."""

from __future__ import annotations

import itertools

import pytest

from tests.benchmarks import client_cost
from tests.benchmarks.client_cost import clients, grown_kibibytes, in_threads, median_ratio
from tests.benchmarks.recorded_server import ASKED, PATH
from tests.benchmarks.report import Figure
from tests.fake_kis import FakeKIS


def test_both_clients_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_cost, "_CALLS", 3)
    with clients() as (ours, bare):
        for calls in (ours, bare, in_threads(ours), in_threads(bare)):
            calls(2)


def test_bare_asks_for_the_same_with_the_same_headers() -> None:
    with FakeKIS(issues_again=True) as kis, kis.broker() as broker:
        broker.get_price("005930")
        (ours,) = kis.named("inquire-price")
        headers = client_cost.headers_as_ours(kis.url, broker.settings.app_key, broker.settings.app_secret)
    assert (ours.path, ours.query) == (PATH, ASKED)
    automatic = {"host", "accept-encoding", "user-agent"}
    assert {name: value for name, value in ours.headers if name.lower() not in automatic} == headers


def test_the_ratio_is_the_median_of_pairs_that_take_turns() -> None:
    seconds = {"ours": itertools.cycle([1.0, 2.0, 9.0]), "bare": itertools.repeat(4.0)}
    order: list[str] = []

    def measured(calls: object) -> float:
        name = "ours" if calls is ours else "bare"
        order.append(name)
        return next(seconds[name])

    def ours(count: int) -> None: ...

    def bare(count: int) -> None: ...

    assert median_ratio(3, ours, bare, measured) == 0.5
    assert order == ["ours", "bare", "bare", "ours", "ours", "bare"]


@pytest.mark.parametrize(("bytes_a_call", "grows"), [(0, False), (1_000, True)])
def test_memory_that_grows_with_the_calls_is_seen(
    monkeypatch: pytest.MonkeyPatch, bytes_a_call: int, grows: bool
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    kept = []

    def calls(count: int) -> None:
        kept.append(bytes(bytes_a_call * count))

    assert (grown_kibibytes(calls, 1_000) > client_cost.MEMORY_BAR) is grows


@pytest.mark.parametrize(
    ("value", "at_least", "told"),
    [
        (1.5, True, "at least 1.4  met"),
        (1.3, True, "at least 1.4  MISSED"),
        (1.4, False, "at most 1.4  met"),
        (1.5, False, "at most 1.4  MISSED"),
    ],
)
def test_a_figure_is_held_against_its_bar(value: float, at_least: bool, told: str) -> None:
    assert Figure("speed", value, 1.4, at_least=at_least).verdict == told
