from __future__ import annotations

import threading

import pytest

from kis_sync import catalog
from kis_sync.clock import ManualClock
from kis_sync.sim import Fault, Simulator
from kis_sync.sim.door.wire import Response
from kis_sync.sim.question import Question
from tests.sim.desk import SAMSUNG, Desk
from tests.sim.visitor import Visitor

ORDER, CHANGE = "domestic_stock.order_cash", "domestic_stock.order_rvsecncl"
DAILY, OPEN = "domestic_stock.inquire_daily_ccld", "domestic_stock.inquire_psbl_rvsecncl"


def numbers(desk: Desk, **filters: str) -> list[str]:
    return [row["odno"] for row in desk.history(**filters).json()["output1"]]


def open_numbers(desk: Desk) -> list[str]:
    return [row["odno"] for row in desk.open_orders().json()["output"]]


def test_an_order_is_missing_from_both_lists_for_its_time() -> None:
    desk = Desk()
    before = desk.placed("buy", 1, desk.quote.lower)
    desk.sim.faults.next(ORDER, "unlisted", seconds=30)
    hidden, after = desk.placed("buy", 2, desk.quote.lower), desk.placed("buy", 4, desk.quote.lower)
    assert numbers(desk) == open_numbers(desk) == [after, before]
    assert numbers(desk, ODNO=hidden) == []
    assert desk.history().json()["output2"]["tot_ord_qty"] == "5"
    desk.clock.advance(29.999)
    assert numbers(desk) == open_numbers(desk) == [after, before]
    desk.clock.advance(0.001)
    assert numbers(desk) == open_numbers(desk) == [after, hidden, before]
    assert desk.history().json()["output2"]["tot_ord_qty"] == "7"


def test_it_lives_and_fills_as_usual() -> None:
    desk = Desk()
    desk.sim.faults.next(ORDER, "unlisted", seconds=30)
    hidden = desk.placed("buy", 3, kind="01")
    body = desk.history().json()
    assert body["output1"] == []
    assert (body["msg_cd"], body["output2"]["tot_ccld_qty"]) == ("KIOK0560", "0")
    assert body["output2"]["prsm_tlex_smtl"] == "0"
    assert desk.holding["hldg_qty"] == "3"
    desk.clock.advance(30)
    assert (desk.row(hidden)["tot_ccld_qty"], desk.row(hidden)["ord_tmd"]) == ("3", "103000")
    assert desk.history().json()["output2"]["prsm_tlex_smtl"] != "0"


@pytest.mark.parametrize("action", ["01", "02"])
def test_a_change_and_a_cancellation_are_missing_too(action: str) -> None:
    desk = Desk()
    original = desk.placed("buy", 5, desk.quote.lower)
    desk.sim.faults.next(CHANGE, "unlisted", seconds=30)
    made = desk.change(original, action, ORD_UNPR=str(desk.quote.lower)).json()["output"]["ODNO"]
    assert numbers(desk) == [original]
    assert desk.row(original)["rmn_qty"] == "0"
    assert open_numbers(desk) == []
    desk.clock.advance(30)
    assert numbers(desk) == [made, original]
    assert desk.row(made)["orgn_odno"] == original
    assert open_numbers(desk) == ([made] if action == "01" else [])


def test_paper_over_a_socket_with_the_answer_lost_as_well() -> None:
    clock = ManualClock()
    with Simulator(mode="paper", limit=10_000, clock=clock) as sim:
        visitor = Visitor(sim, sim.base_url)
        sim.faults.next(ORDER, "unlisted", seconds=30)
        sim.faults.next(ORDER, "status_500_after")
        assert visitor.order("buy", SAMSUNG, 1, kind="01").status_code == 500
        assert sim.log[-1].faults == (Fault.UNLISTED, Fault.STATUS_500_AFTER)
        assert visitor.history().json()["output1"] == []
        clock.advance(30)
        assert len(visitor.history().json()["output1"]) == 1
    assert list(sim.errors) == []


def test_clear_leaves_it_its_time_and_reset_does_not() -> None:
    desk = Desk()
    desk.sim.faults.next(ORDER, "unlisted", seconds=30)
    first = desk.placed("buy", 1, desk.quote.lower)
    desk.sim.faults.clear()
    assert numbers(desk) == []
    desk.sim.reset()
    desk.app_key, desk.token = desk.sim.app_key, ""
    assert desk.placed("buy", 1, desk.quote.lower) == first  # numbers begin anew
    assert numbers(desk) == [first]


def test_no_list_shows_it_between_its_making_and_its_hiding() -> None:
    desk = Desk()
    desk.token  # noqa: B018
    place, seen = desk.sim.app.routes[ORDER], []
    reader = threading.Thread(target=lambda: seen.extend(numbers(desk)))

    def placed_while_somebody_reads(question: Question) -> Response:
        response = place(question)
        reader.start()
        reader.join(0.3)  # ends at once if nothing keeps the reader out
        return response

    desk.sim.app.routes = {**desk.sim.app.routes, ORDER: placed_while_somebody_reads}
    other = Visitor(desk.sim)
    other.token = desk.token
    desk.sim.faults.next(ORDER, "unlisted", seconds=30)
    assert other.order("buy", SAMSUNG, 1, desk.quote.lower).json()["rt_cd"] == "0"
    reader.join()
    assert seen == []


# -- a list that comes empty ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [DAILY, OPEN])
def test_planned_on_a_list_it_comes_empty_that_once(name: str) -> None:
    desk = Desk()
    made = [desk.placed("buy", n, desk.quote.lower) for n in (1, 2)][::-1]
    desk.sim.faults.next(name, "unlisted")
    read, other = (numbers, open_numbers) if name == DAILY else (open_numbers, numbers)
    assert other(desk) == made
    assert desk.sim.faults.left == 1
    assert read(desk) == []
    assert desk.sim.log[-1].faults == (Fault.UNLISTED,)
    assert read(desk) == made
    assert desk.sim.faults.struck == {Fault.UNLISTED: 1}


def test_the_empty_list_says_that_there_is_nothing() -> None:
    desk = Desk()
    desk.placed("buy", 3, kind="01")
    for name, read in ((DAILY, desk.history), (OPEN, desk.open_orders)):
        none = read(PDNO="000660") if name == DAILY else read(INQR_DVSN_2="1")
        desk.sim.faults.next(name, "unlisted")
        empty = read()
        assert (empty.json()["rt_cd"], empty.json()["msg_cd"]) == ("0", none.json()["msg_cd"])
        assert empty.headers["tr_cont"] == none.headers["tr_cont"]
    desk.sim.faults.next(DAILY, "unlisted")
    assert set(desk.history().json()["output2"].values()) == {"0", "0.0000"}


def test_on_paper_as_often_as_is_said_or_at_random() -> None:
    desk = Desk("paper")
    made = desk.placed("buy", 3, kind="01")
    desk.sim.faults.next(DAILY, "unlisted", 2)
    assert [numbers(desk) for _ in range(3)] == [[], [], [made]]
    assert desk.holding["hldg_qty"] == "3"
    desk.sim.faults.at_random(DAILY, {"unlisted": 1.0})
    assert numbers(desk) == []


def test_an_order_needs_seconds_and_a_list_none() -> None:
    faults = Simulator().faults
    for target in (ORDER, CHANGE, "*"):
        with pytest.raises(ValueError, match="how many seconds"):
            faults.next(target, "unlisted")
    for target in (DAILY, OPEN, catalog.endpoint(DAILY).path):
        faults.next(target, "unlisted")
