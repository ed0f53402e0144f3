from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from kis_sync import catalog
from kis_sync.clock import ManualClock
from kis_sync.errors import InvalidRequestError
from kis_sync.sim import Fault, Simulator
from kis_sync.sim.faults import Faults
from tests.sim.visitor import Visitor

ORDER = "domestic_stock.order_cash"
TIMEOUTS = {
    "EGW00301": "연결 시간이 초과되었습니다. 직전 거래를 반드시 확인하세요.",
    "EGW00302": "거래시간이 초과되었습니다. 직전 거래를 반드시 확인하세요.",
}
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


def market_buy(visitor: Visitor) -> requests.Response:
    return visitor.order("buy", "005930", 1, kind="01")


def listed(visitor: Visitor) -> int:
    return len(visitor.history().json()["output1"])


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.RESET, Fault.DROP_AFTER, Fault.RESET_AFTER])
def test_an_order_that_breaks_off_may_or_may_not_have_run(visitor: Visitor, fault: Fault) -> None:
    token = visitor.token
    visitor.sim.faults.next("domestic_stock.order_cash", fault)
    with pytest.raises(requests.ConnectionError):
        visitor.order("buy", "005930", 1, kind="01")
    assert visitor.token == token
    ran = len(visitor.history().json()["output1"])
    assert ran == (1 if fault in (Fault.DROP_AFTER, Fault.RESET_AFTER) else 0)
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


def test_status_500_may_come_after_the_work(visitor: Visitor) -> None:
    visitor.sim.faults.next(ORDER, "status_500_after")
    response = market_buy(visitor)
    assert (response.status_code, response.content) == (500, b"")
    assert listed(visitor) == 1


@pytest.mark.parametrize("code", ["EGW00301", "EGW00302"])
@pytest.mark.parametrize(("ending", "ran"), [("", 0), ("_after", 1)])
def test_a_gateway_time_out_tells_nothing_of_the_order(
    visitor: Visitor, code: str, ending: str, ran: int
) -> None:
    visitor.sim.faults.next(ORDER, code + ending)
    assert refused_body(market_buy(visitor)) == {"rt_cd": "1", "msg_cd": code, "msg1": TIMEOUTS[code]}
    assert listed(visitor) == ran


def test_garbage_comes_after_the_work(visitor: Visitor) -> None:
    visitor.sim.faults.next(ORDER, "garbage")
    response = market_buy(visitor)
    assert response.status_code == 200
    with pytest.raises(UnicodeDecodeError):
        response.content.decode()
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    assert listed(visitor) == 1


def on_the_wire(visitor: Visitor, fault: str) -> tuple[bytes, bool]:
    """What a market buy is answered with byte by byte, and whether the connection was reset."""
    sim = visitor.sim
    url = f"{sim.base_url}{catalog.endpoint(ORDER).path}"
    fields = visitor.account | {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    request = requests.Request("POST", url, json=fields, headers=visitor.headers("TTTC0012U")).prepare()
    head = [
        f"POST {request.path_url} HTTP/1.1",
        *(f"{name}: {value}" for name, value in request.headers.items()),
    ]
    assert isinstance(request.body, bytes)
    sim.faults.next(ORDER, fault)
    host, port = sim.base_url.removeprefix("http://").split(":")
    answered = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode() + request.body)
        try:
            while chunk := connection.recv(65536):
                answered += chunk
        except ConnectionResetError:
            return answered, True
    return answered, False


def test_what_stands_on_the_wire_after_an_order_has_run() -> None:
    with Simulator(limit=10_000) as sim:
        visitor = Visitor(sim, sim.base_url)
        assert on_the_wire(visitor, "drop_after") == (b"", False)
        assert on_the_wire(visitor, "reset_after") == (b"", True)
        head, _, body = on_the_wire(visitor, "half_body")[0].partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert head.startswith(b"HTTP/1.1 200 ")
        assert 0 < len(body) == length // 2
        head, _, body = on_the_wire(visitor, "status_500_after")[0].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 500 ")
        assert body == b""
        assert len(on_the_wire(visitor, "garbage")[0].partition(b"\r\n\r\n")[2]) > 10
        assert listed(visitor) == 5
    assert list(sim.errors) == []


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


class Slept(ManualClock):
    """A clock that moves on by what it is asked to sleep, and keeps what was seen before each sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[tuple[float, int]] = []
        self.look: Callable[[], int] = lambda: 0

    def sleep(self, seconds: float) -> None:
        self.slept.append((seconds, self.look()))
        self.advance(seconds)


def test_a_delay_passes_on_the_simulator_s_clock() -> None:
    clock = Slept()
    visitor = Visitor(Simulator(clock=clock))
    visitor.token  # noqa: B018
    visitor.sim.faults.next("domestic_stock.inquire_price", "delay", 2, seconds=2.5)
    assert [visitor.price().status_code for _ in range(3)] == [200] * 3
    assert clock.slept == [(2.5, 0)] * 2


@pytest.mark.parametrize(("fault", "ran"), [("delay", 0), ("delay_after", 1)])
def test_an_order_is_delayed_before_or_after_it_runs(fault: str, ran: int) -> None:
    clock = Slept()
    sim = Simulator(clock=clock, limit=10_000)
    visitor = Visitor(sim)
    account = sim.brokerage.account(sim.app_key, *sim.account_no.split("-"))
    clock.look = lambda: len(sim.brokerage.orders_of(account))
    sim.faults.next(ORDER, fault, seconds=30)
    assert market_buy(visitor).json()["rt_cd"] == "0"
    assert clock.slept == [(30, ran)]


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
    with pytest.raises(ValueError, match="how many seconds"):
        faults.next(ORDER, "unlisted")
    for seconds in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="seconds"):
            faults.next(ORDER, "delay", seconds=seconds)
    with pytest.raises(InvalidRequestError, match="inquire_prize"):
        faults.next("inquire_prize", "delay")
