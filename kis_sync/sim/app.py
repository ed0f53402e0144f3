"""The server's answer to a request: a function of the request, the clock and what was asked before.

The order of the checks: path, call limit, keys, access token, TR id, fields, hash key, the API's own.
Two doors lead here, a socket (``server``) and an adapter in process (``adapter``). This room changes when
that order changes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from kis_sync import catalog
from kis_sync.catalog import Endpoint, Mode
from kis_sync.clock import Clock
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.gate import Gate
from kis_sync.sim.door.log import Entry, Log, masked
from kis_sync.sim.door.network import Network
from kis_sync.sim.door.wire import JSON_TYPE, OAuthRefusalError, RefusalError, Request, Response, encode
from kis_sync.sim.failures import after_the_work, before_the_work
from kis_sync.sim.faults import Fault, Faults, Struck
from kis_sync.sim.oauth import OAuth, body_hash
from kis_sync.sim.question import (
    Question,
    body_fields,
    body_unmappable,
    meant_by,
    query_fields,
    variant_of,
)
from kis_sync.sim.unlisted import ENLISTED, LISTS

_RATE_LIMIT = ("EGW00201", "초당 거래건수를 초과하였습니다.")
_LEDGER_LIMIT = ("EGW00215", "원장에서 허용 가능한 초당 거래건수를 초과하였습니다.")
_HASHKEY = "hashkey"

Route = Callable[[Question], Response]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the app is put together from."""

    mode: Mode
    clock: Clock
    assumptions: Assumptions
    gate: Gate
    ledger_gate: Gate | None
    network: Network
    oauth: OAuth
    faults: Faults
    log: Log


class App:
    """Answers requests; safe to use from many threads.

    ``routes`` holds one function for each API by name; ``otherwise`` answers the APIs without one, which are
    refused when there is none.
    """

    def __init__(self, parts: Parts, routes: Mapping[str, Route], otherwise: Route | None = None) -> None:
        self._parts = parts
        self.routes = routes
        self._otherwise = otherwise
        self._oauth_calls = {
            "/oauth2/tokenP": parts.oauth.issue,
            "/oauth2/revokeP": parts.oauth.revoke,
            "/oauth2/Approval": parts.oauth.approve,
        }
        self._served = itertools.count(1)

    def answer(self, request: Request) -> Response:
        """The answer to one request, after the way here and with the way back spent."""
        parts = self._parts
        parts.network.cross()
        arrival, time = parts.clock.monotonic(), parts.clock.now()
        struck = parts.faults.take(request.path)
        if (seconds := struck.seconds(Fault.DELAY)) > 0:
            parts.clock.sleep(seconds)
        response, counted = self._judge(request, struck)
        sent = self._headed(request, after_the_work(struck, response))
        late = struck.seconds(Fault.DELAY_AFTER)
        parts.faults.count(struck)
        parts.log.add(
            Entry(
                time,
                arrival,
                request.method,
                request.path,
                request.header("tr_id"),
                masked(request.header("appkey")),
                response.status,
                response.msg_cd,
                counted,
                tuple(struck.felt),
            ),
            response.is_refusal,
        )
        if late > 0:
            parts.clock.sleep(late)
        parts.network.cross()
        return sent

    def _judge(self, request: Request, struck: Struck) -> tuple[Response, bool]:
        """The answer, and whether the call took room at the gate."""
        early, counted = before_the_work(struck), False
        if early is not None:
            return early, counted
        try:
            if request.path in self._oauth_calls:
                return self._answer_oauth(request, struck), counted
            endpoint = catalog.find(request.path)
            if endpoint is None:
                raise RefusalError("EGW00101", "유효하지 않은 요청입니다.", status=404)
            counted = self._pass_gate(request, struck)
            return self._answer_rest(endpoint, request, struck), counted
        except RefusalError as refusal:
            return refusal.response(), counted

    def _answer_oauth(self, request: Request, struck: Struck) -> Response:
        if struck.by(Fault.RATE_LIMIT):
            raise OAuthRefusalError(*_RATE_LIMIT)
        if request.method != "POST":
            raise RefusalError("EGW00101", "유효하지 않은 요청입니다.", status=405)
        return Response(200, encode(self._oauth_calls[request.path](request.json_object())))

    def _pass_gate(self, request: Request, struck: Struck) -> bool:
        if struck.by(Fault.RATE_LIMIT) or not self._parts.gate.admit(request.header("appkey")):
            raise RefusalError(*_RATE_LIMIT)
        return True

    def _answer_rest(self, endpoint: Endpoint, request: Request, struck: Struck) -> Response:
        oauth = self._parts.oauth
        app_key = oauth.check_keys(request)
        if endpoint.name == _HASHKEY:
            return self._answer_hashkey(request)
        killed = struck.by_one_of((Fault.EXPIRED_TOKEN, Fault.DEAD_TOKEN))
        if killed is not None:
            oauth.kill(app_key, expired=killed is Fault.EXPIRED_TOKEN)
        oauth.check_token(request, app_key)
        question = self._question(endpoint, request, app_key)
        if question.endpoint.ledger:
            self._pass_ledger_gate(app_key, struck)
        route = self.routes.get(question.endpoint.name, self._otherwise)
        if route is None:
            told = f"(not simulated: {question.endpoint.name}; start with --examples)"
            raise RefusalError("OPSQ0002", f"없는 서비스 코드 입니다.{told}")
        if Fault.UNLISTED in struck and question.endpoint.name in ENLISTED:
            return self._work_unlisted(route, question, struck)
        if question.endpoint.name in LISTS and struck.by(Fault.UNLISTED):
            question = replace(question, shows_nothing=True)
        return route(question)

    def _work_unlisted(self, route: Route, question: Question, struck: Struck) -> Response:
        """Make an order, a change or a cancellation that the lists leave out for a while."""
        unlisted = self._parts.faults.unlisted
        with unlisted.held():
            response = route(question)
            seconds = struck.seconds(Fault.UNLISTED)
            number = int(json.loads(response.body)["output"]["ODNO"])
            unlisted.add(number, self._parts.clock.now() + timedelta(seconds=seconds))
        return response

    def _pass_ledger_gate(self, app_key: str, struck: Struck) -> None:
        gate = self._parts.ledger_gate
        if struck.by(Fault.LEDGER_LIMIT) or (gate is not None and not gate.admit(app_key)):
            raise RefusalError(*_LEDGER_LIMIT)

    def _question(self, endpoint: Endpoint, request: Request, app_key: str) -> Question:
        parts = self._parts
        tr_id = request.header("tr_id")
        endpoint = meant_by(endpoint, tr_id, parts.mode, parts.assumptions)
        variant = variant_of(endpoint, tr_id, parts.mode, parts.assumptions)
        if endpoint.method == "GET" and request.method in ("GET", "POST"):
            fields = query_fields(endpoint, request)
        elif endpoint.method == request.method:
            body = request.json_object()
            if body is None:
                raise body_unmappable()
            parts.oauth.check_hash(request, body)
            fields = body_fields(endpoint, variant, body, parts.assumptions)
        else:
            raise RefusalError("EGW00101", "유효하지 않은 요청입니다.", status=405)
        return Question(endpoint, variant, tr_id, app_key, fields, request.header("tr_cont").strip())

    def _answer_hashkey(self, request: Request) -> Response:
        body = request.json_object()
        if request.method != "POST" or body is None:
            raise body_unmappable()
        return Response(200, encode({"BODY": body, "HASH": body_hash(body)}))

    def _headed(self, request: Request, response: Response) -> Response:
        serial = f"{next(self._served):032x}"
        headers = (
            ("Content-Type", JSON_TYPE),
            ("tr_id", request.header("tr_id")),
            ("tr_cont", response.tr_cont),
            ("gt_uid", request.header("gt_uid") or serial),
            *response.headers,
        )
        return replace(response, headers=headers)
