from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.clock import ManualClock
from kis_sync.errors import InvalidRequestError
from kis_sync.sim import Fault, Simulator
from kis_sync.sim.faults import Faults
from tests.sim.visitor import Visitor
from tests.thoroughness import examples

ORDER = "domestic_stock.order_cash"
PATH = "/uapi/domestic-stock/v1/trading/order-cash"
PASSING = [Fault.DELAY, Fault.UNLISTED, Fault.DELAY_AFTER]
ENDING = [fault for fault in Fault if fault not in PASSING]

Met = tuple[Fault, ...]


def draws(faults: Faults, count: int, path: str = PATH) -> list[Met]:
    return [tuple(faults.take(path).faults) for _ in range(count)]


def planned(shares: dict[str, float], seed: int = 1, target: str = ORDER) -> Faults:
    faults = Faults()
    faults.at_random(target, shares, seed=seed, seconds=1)
    return faults


shares_of_all = st.builds(
    lambda ending, passing: {**{fault: share / len(ENDING) for fault, share in ending.items()}, **passing},
    st.dictionaries(st.sampled_from(ENDING), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(PASSING), st.floats(0, 1)),
)


@given(shares_of_all, st.integers(0, 10_000))
@settings(max_examples=examples(30), deadline=None)
def test_at_most_one_fault_ends_a_call_and_a_seed_says_which(shares: dict[str, float], seed: int) -> None:
    first = draws(planned(shares, seed), 50)
    assert first == draws(planned(dict(reversed(shares.items())), seed), 50)
    for met in first:
        assert sum(fault.ends_call for fault in met) <= 1
        assert all(shares[fault] > 0 for fault in met)


def test_each_fault_strikes_its_share_of_the_calls() -> None:
    shares: dict[str, float] = {
        "drop_after": 0.2,
        "EGW00301_after": 0.1,
        "reset": 0.3,
        "delay": 0.5,
        "unlisted": 0.4,
    }
    count = 4_000
    met = Counter(fault for each in draws(planned(shares, seed=3), count) for fault in each)
    assert met.keys() == {Fault(fault) for fault in shares}
    for fault, share in shares.items():
        deviation = (count * share * (1 - share)) ** 0.5
        assert abs(met[Fault(fault)] - count * share) < 4 * deviation, fault


def test_a_share_of_1_strikes_always_and_one_of_0_never() -> None:
    assert set(draws(planned({"reset": 1.0, "drop_after": 0}), 200)) == {(Fault.RESET,)}
    halves = draws(planned({"reset": 0.5, "drop_after": 0.5}), 200)
    assert set(halves) == {(Fault.RESET,), (Fault.DROP_AFTER,)}


def test_other_seeds_and_targets_draw_otherwise() -> None:
    shares: dict[str, float] = {"reset": 0.5}
    first = draws(planned(shares), 100)
    assert draws(planned(shares, seed=2), 100) != first
    assert draws(planned(shares, target="*"), 100) != first
    assert set(draws(planned(shares), 100, "/other")) == {()}


def test_what_is_planned_first_wins_and_the_rest_comes_on_top() -> None:
    faults = planned({"reset": 1.0, "delay": 1.0})
    faults.at_random("*", {"drop_after": 1.0, "delay": 1.0, "unlisted": 1.0}, seconds=9)
    assert faults.take(PATH).faults == {Fault.DELAY: 1, Fault.RESET: 1, Fault.UNLISTED: 9}
    faults.next(PATH, "garbage")
    assert faults.left == 1
    assert faults.take(PATH).faults == {Fault.GARBAGE: 0, Fault.DELAY: 1, Fault.UNLISTED: 9}
    faults.clear()
    assert not faults.take(PATH)


def test_threads_share_one_series_of_calls() -> None:
    shares: dict[str, float] = {"reset": 0.3, "drop_after": 0.3, "delay": 0.5}
    alone = Counter(draws(planned(shares), 1_600))
    faults, met = planned(shares), Counter[Met]()
    threads = [threading.Thread(target=lambda: met.update(draws(faults, 200))) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert met == alone


def test_what_does_not_fit_is_refused() -> None:
    faults = Faults()
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="share of reset"):
            faults.at_random(ORDER, {"reset": share})
    with pytest.raises(ValueError, match="at most 1 together"):
        faults.at_random(ORDER, {"reset": 0.6, "drop_after": 0.6})
    with pytest.raises(ValueError, match="how many seconds"):
        faults.at_random(ORDER, {"unlisted": 0.1})
    with pytest.raises(ValueError, match="explode"):
        faults.at_random(ORDER, {"explode": 0.1})
    with pytest.raises(InvalidRequestError, match="order_cache"):
        faults.at_random("order_cache", {"reset": 0.1})
    assert not faults.take(PATH)


# -- counting --------------------------------------------------------------------------------------------


@pytest.fixture(params=["in process", "over a socket"])
def visitor(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    sim = Simulator(limit=10_000, clock=ManualClock())
    if request.param == "in process":
        yield Visitor(sim)
        return
    with sim:
        yield Visitor(sim, sim.base_url)
    assert list(sim.errors) == []


def place(visitor: Visitor) -> None:
    try:
        visitor.order("buy", "005930", 1, kind="01")
    except requests.RequestException:
        return  # broken off, as planned


def test_the_sums_and_the_log_tell_what_struck(visitor: Visitor) -> None:
    visitor.token  # noqa: B018
    shares: dict[str, float] = {
        "drop_before": 0.1,
        "EGW00301_after": 0.1,
        "EGW00302": 0.1,
        "EGW00201": 0.1,
        "EGW00215": 0.1,
        "drop_after": 0.1,
        "reset_after": 0.1,
        "status_500_after": 0.1,
        "half_body": 0.1,
        "garbage": 0.05,
        "unlisted": 0.3,
    }
    sim = visitor.sim
    sim.faults.at_random(ORDER, shares, seed=5, seconds=60)
    for _ in range(120):
        place(visitor)
    sim.faults.clear()
    orders = [entry for entry in sim.log if entry.path == PATH]
    assert len(orders) == 120
    assert sim.faults.struck == Counter(fault for entry in orders for fault in entry.faults)
    assert sim.faults.struck.keys() == {Fault(fault) for fault in shares}
    nothing_done = {
        Fault.DROP_BEFORE: (0, ""),
        Fault.TIMEOUT: (500, "EGW00302"),
        Fault.RATE_LIMIT: (500, "EGW00201"),
        Fault.LEDGER_LIMIT: (500, "EGW00215"),
    }
    for entry in orders:
        ended = [fault for fault in entry.faults if fault in nothing_done]
        assert (entry.status, entry.msg_cd) == (nothing_done[ended[0]] if ended else (200, "APBK0013"))
    account = sim.brokerage.account(sim.app_key, *sim.account_no.split("-"))
    ran = [entry for entry in orders if entry.msg_cd == "APBK0013"]
    assert len(sim.brokerage.orders_of(account)) == len(ran)
    hidden = sum(Fault.UNLISTED in entry.faults for entry in ran)
    assert 0 < hidden == sim.faults.struck[Fault.UNLISTED]
    assert len(visitor.history().json()["output1"]) == min(100, len(ran) - hidden)


def test_a_fault_that_had_no_effect_is_not_counted(visitor: Visitor) -> None:
    sim = visitor.sim
    visitor.token  # noqa: B018
    for fault in ("EGW00215", "unlisted"):
        sim.faults.next("*", fault, seconds=1)
    assert visitor.price().status_code == 200  # no account call, no order
    sim.faults.next(ORDER, "unlisted", seconds=60)
    assert visitor.order("buy", "QQQ", 1, kind="01").json()["msg_cd"] == "APBK0656"
    sim.faults.next(ORDER, "drop_before")
    sim.faults.next(ORDER, "drop_after")
    place(visitor)
    assert sim.faults.left == 0
    assert sim.faults.struck == {Fault.DROP_BEFORE: 1}
    sim.reset()
    assert sim.faults.struck == {}
