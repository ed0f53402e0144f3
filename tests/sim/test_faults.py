from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kis_sync.clock import ManualClock
from kis_sync.errors import InvalidRequestError
from kis_sync.sim import Fault, Simulator
from kis_sync.sim.faults import Faults
from tests.sim.visitor import Visitor

PRICE = "/uapi/domestic-stock/v1/quotations/inquire-price"


@pytest.fixture(params=["in process", "over a socket"])
def visitor(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    sim = Simulator(limit=10_000)
    if request.param == "in process":
        yield Visitor(sim)
        return
    with sim:
        yield Visitor(sim, sim.base_url)
    assert list(sim.errors) == []


def refusal(response: requests.Response) -> tuple[int, Any]:
    return response.status_code, response.json()["msg_cd"]


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.RESET, Fault.DROP_AFTER])
def test_an_order_that_breaks_off_may_or_may_not_have_run(visitor: Visitor, fault: Fault) -> None:
    token = visitor.token
    visitor.sim.faults.next("domestic_stock.order_cash", fault)
    with pytest.raises(requests.ConnectionError):
        visitor.order("buy", "005930", 1, kind="01")
    assert visitor.token == token
    ran = len(visitor.history().json()["output1"])
    assert ran == (1 if fault is Fault.DROP_AFTER else 0)
    assert visitor.order("buy", "005930", 1, kind="01").json()["rt_cd"] == "0"


def test_half_a_body_comes_after_the_work_is_done(visitor: Visitor) -> None:
    visitor.sim.faults.next("order_cash", "half_body")
    with pytest.raises(requests.RequestException):
        visitor.order("buy", "005930", 1, kind="01").json()
    assert len(visitor.history().json()["output1"]) == 1


def test_status_500_with_an_empty_body_does_nothing(visitor: Visitor) -> None:
    visitor.sim.faults.next("order_cash", "status_500")
    response = visitor.order("buy", "005930", 1, kind="01")
    assert (response.status_code, response.content) == (500, b"")
    assert visitor.history().json()["output1"] == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [("EGW00201", "EGW00201"), ("dead_token", "EGW00121"), ("expired_token", "EGW00123")],
)
def test_refusals_on_demand(visitor: Visitor, fault: str, code: str) -> None:
    visitor.sim.faults.next("domestic_stock.inquire_price", fault)
    assert visitor.price().status_code == 500
    after = visitor.price()
    if fault == "EGW00201":
        assert after.status_code == 200
    else:
        assert refusal(after) == (500, code)  # the token stays dead


@pytest.mark.parametrize(("fault", "is_new"), [("dead_token", False), ("expired_token", True)])
def test_what_is_issued_after_a_token_died(fault: str, is_new: bool) -> None:
    clock = ManualClock()
    visitor = Visitor(Simulator(clock=clock))
    before = visitor.token
    visitor.sim.faults.next("domestic_stock.inquire_price", fault)
    assert visitor.price().status_code == 500
    clock.advance(60)
    assert (visitor.issue().json()["access_token"] != before) is is_new


def test_the_texts_of_the_limits() -> None:
    visitor = Visitor(Simulator(clock=ManualClock()))
    visitor.token  # noqa: B018
    visitor.sim.faults.next("*", "EGW00201")
    assert refused_body(visitor.price()) == {
        "rt_cd": "1",
        "msg_cd": "EGW00201",
        "msg1": "초당 거래건수를 초과하였습니다.",
    }
    visitor.sim.faults.next("*", "EGW00215")
    assert refused_body(visitor.balance()) == {
        "rt_cd": "1",
        "msg_cd": "EGW00215",
        "msg1": "원장에서 허용 가능한 초당 거래건수를 초과하였습니다.",
    }


def refused_body(response: requests.Response) -> Any:
    assert response.status_code == 500
    return response.json()


def test_token_issues_can_fail_too(visitor: Visitor) -> None:
    visitor.sim.faults.next("oauth2.tokenP", "EGW00201")
    assert visitor.issue().json()["error_code"] == "EGW00201"
    visitor.sim.faults.next("/oauth2/tokenP", "status_500")
    assert visitor.issue().status_code == 500
    assert visitor.issue().status_code == 200


def test_a_delay_passes_on_the_simulator_s_clock() -> None:
    class Slept(ManualClock):
        total = 0.0

        def sleep(self, seconds: float) -> None:
            self.total += seconds
            self.advance(seconds)

    clock = Slept()
    visitor = Visitor(Simulator(clock=clock))
    visitor.token  # noqa: B018
    visitor.sim.faults.next("domestic_stock.inquire_price", "delay", 2, seconds=2.5)
    assert [visitor.price().status_code for _ in range(3)] == [200] * 3
    assert clock.total == 5.0


def test_faults_strike_the_named_api_so_many_times() -> None:
    faults = Faults()
    faults.next("domestic_stock.inquire_price", "EGW00201", 2)
    faults.next("*", "delay", seconds=1)
    assert faults.left == 3
    assert dict(faults.take("/other").faults) == {Fault.DELAY: 1}
    assert not faults.take("/other")
    for _ in range(2):
        assert Fault.RATE_LIMIT in faults.take(PRICE)
    assert not faults.take(PRICE)
    assert faults.left == 0


def test_faults_of_one_kind_queue_and_others_join() -> None:
    faults = Faults()
    faults.next(PRICE, "delay", seconds=1)
    faults.next(PRICE, "delay", seconds=2)
    faults.next(PRICE, "drop_after")
    assert dict(faults.take(PRICE).faults) == {Fault.DELAY: 1, Fault.DROP_AFTER: 0}
    assert dict(faults.take(PRICE).faults) == {Fault.DELAY: 2}
    faults.next(PRICE, "delay")
    faults.clear()
    assert not faults.take(PRICE)


def test_unknown_faults_and_apis_are_refused() -> None:
    faults = Faults()
    with pytest.raises(ValueError, match="explode"):
        faults.next(PRICE, "explode")
    with pytest.raises(ValueError, match="at least 1"):
        faults.next(PRICE, "delay", 0)
    with pytest.raises(InvalidRequestError, match="inquire_prize"):
        faults.next("inquire_prize", "delay")
