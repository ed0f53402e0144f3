"""The fuzzer of the simulator's door finds what is planted, and finds nothing in a short run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest

from kis_sync.sim.app import App
from kis_sync.sim.door.log import Log
from kis_sync.sim.door.server import Server
from kis_sync.sim.door.wire import Request, Response, encode, success
from kis_sync.sim.question import Question
from tests.fuzz import door, knocks, telltale
from tests.fuzz.knocks import answer_faults, answered, besiege
from tests.fuzz.visits import Visitor, Visits, body_faults, visit

ENVELOPE = encode({"rt_cd": "1", "msg_cd": "EGW00101", "msg1": "no"})


def told(visits: Visits) -> str:
    return "\n".join(fault.what for fault in visits.faults)


def in_process(count: int = 40) -> str:
    visits = Visits()
    visit(1, 1, count, visits)
    return told(visits)


def over_sockets(count: int = 15) -> str:
    visits = Visits()
    besiege(1, 1, count, visits)
    return told(visits)


class TestPlantedInProcess:
    def test_nothing_is_found_without(self) -> None:
        assert in_process() == ""

    def test_a_route_that_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object) -> Question:
            raise KeyError("nothing")

        monkeypatch.setattr(App, "_question", broken)
        assert "KeyError: 'nothing' at test_door.py" in in_process()

    @pytest.mark.parametrize(
        ("response", "found"),
        [
            (Response(200, b"{"), "the body is no JSON"),
            (Response(200, b"[]"), "the body is no object"),
            (Response(200, b"{}"), "the body is no envelope"),
            (Response(200, encode({"rt_cd": "0"})), "the envelope is not whole"),
            (Response(302, ENVELOPE), "HTTP 302"),
            (success({"secret": telltale.APP_SECRET}, "", ""), "the answer tells the secret"),
        ],
    )
    def test_an_answer_that_is_none(
        self, response: Response, found: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(App, "_judge", lambda *_: (response, False))
        assert found in in_process()

    def test_a_log_that_tells_the_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Log.add
        monkeypatch.setattr(
            Log, "add", lambda self, entry, bad: real(self, entry._replace(app_key=telltale.APP_SECRET), bad)
        )
        assert "the log tells the secret in 43 entries" in in_process()

    def test_an_answer_that_takes_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ticks = iter(range(0, 10_000, 6))
        monkeypatch.setattr(time, "thread_time", lambda: float(next(ticks)))
        assert "it took 6.0 s" in in_process(3)


class TestPlantedBehindTheSocket:
    def test_nothing_is_found_without(self) -> None:
        assert over_sockets() == ""

    def test_an_app_that_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(self: App, request: Request) -> Response:
            raise RuntimeError("a door that dies")

        monkeypatch.setattr(App, "answer", broken)
        found = over_sockets()
        assert "an error in a thread that answers: RuntimeError: a door that dies" in found
        assert "a normal call is not answered" in found

    def test_an_app_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        go_on, real = threading.Event(), answered

        def hanging(self: App, request: Request) -> Response:
            if threading.current_thread() is not threading.main_thread():
                go_on.wait(20)
            return Response(200, ENVELOPE)

        monkeypatch.setattr(App, "answer", hanging)
        monkeypatch.setattr(knocks, "answered", lambda address, pieces: real(address, pieces, 0.3))
        monkeypatch.setattr(Server, "stop", _then(go_on, Server.stop))
        assert "the server neither answers nor closes" in over_sockets(2)

    def test_a_thread_that_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        go_on, real = threading.Event(), App.answer

        def leaving(self: App, request: Request) -> Response:
            threading.Thread(target=go_on.wait, args=(20,), name="left", daemon=True).start()
            return real(self, request)

        monkeypatch.setattr(App, "answer", leaving)
        monkeypatch.setattr(knocks, "_PATIENCE", 0.3)
        found = over_sockets(3)
        go_on.set()
        assert "threads are left: ['left'" in found


def _then(event: threading.Event, real: Callable[[Server], None]) -> Callable[[Server], None]:
    def stop(self: Server) -> None:
        event.set()
        real(self)

    return stop


class TestJudging:
    def test_answers_one_after_the_other_are_whole(self) -> None:
        one = b"HTTP/1.1 500 x\r\nContent-Length: %d\r\n\r\n" % len(ENVELOPE) + ENVELOPE
        assert list(answer_faults(one * 3, [])) == []
        assert list(answer_faults(b"HTTP/1.1 100 Continue\r\n\r\n" + one, [])) == []
        assert "no HTTP" in next(answer_faults(one + b"more", []))
        assert "no JSON" in next(answer_faults(one[:-1], []))
        assert "HTTP 302" in next(answer_faults(one.replace(b"500", b"302"), []))

    def test_every_envelope_of_kis_s_is_one(self) -> None:
        for content in ({"error_code": "EGW00103", "error_description": ""}, {"HASH": "", "BODY": {}}):
            assert list(body_faults(json.dumps(content).encode())) == []


class TestShort:
    def test_every_route_is_visited(self) -> None:
        visits = Visits()
        for chunk in range(4):
            visit(5, chunk, 120, visits)
        assert told(visits) == ""
        routes = set(Visitor(5, 0).sim.app.routes)
        assert len(routes & visits.names.keys()) > len(routes) * 0.9
        assert {200, 404, 405, 500} <= visits.statuses.keys()

    def test_the_script_tells_what_it_did(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert door.main(["--short", "--count", "500", "--knocks", "1", "--seed", "3"]) == 0
        shown = capsys.readouterr().out
        assert "in process: 500 requests" in shown
        assert "over sockets: 300 connections" in shown
        assert "findings: 0" in shown

    def test_the_script_fails_on_a_finding_and_replays_it(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(App, "_headed", lambda self, request, response: Response(200, b"{"))
        assert door.main(["--short", "--count", "500", "--knocks", "0", "--seed", "3"]) == 1
        replay = capsys.readouterr().out.partition("--replay ")[2].split()[0]
        assert door.main(["--replay", replay]) == 1
        assert "the body is no JSON" in capsys.readouterr().out
