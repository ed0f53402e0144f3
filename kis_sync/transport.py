"""One HTTP round trip under one slot: a request goes out, an envelope or an error comes back.

Only this room knows HTTP. It waits for nothing but a slot, never tries again, and never learns what a
call means. This room changes when the way of sending changes.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from kis_sync.catalog import Call, Effect
from kis_sync.clock import Clock
from kis_sync.connections import Connections
from kis_sync.envelope import Envelope, concealed, opened
from kis_sync.errors import KISError, NetworkError, RateLimitError, Reach, ServerError
from kis_sync.ratelimit import TokenBucket
from kis_sync.server_clock import ServerClock
from kis_sync.settings import Settings
from kis_sync.traffic import Traffic

_MOST_BYTES = 16 * 1024 * 1024  # the largest documented answer has some 100 kB
_CHUNK = 64 * 1024
_GRACE = 1.0  # seconds beyond its time-out for which a call without an answer keeps its slot
_LEASE_MARGIN = 30.0  # seconds

Headers = Callable[[], Mapping[str, str]]


class Lanes(NamedTuple):
    """The buckets of an app key. Every call takes a slot of ``main``; account reads take one of ``ledger``
    before it, and the slow ones among them one of ``slow`` before that: always in this order, so that
    nobody waits in a ring. Issuing an access token takes one of ``oauth`` and no other, as KIS counts it.
    """

    main: TokenBucket
    ledger: TokenBucket
    slow: TokenBucket
    oauth: TokenBucket


class Transport:
    """The sender, shared by all threads of a broker."""

    def __init__(self, settings: Settings, lanes: Lanes, clock: Clock) -> None:
        self._settings = settings
        self._server = settings.server
        self._lanes = lanes
        self._clock = clock
        self.connections = Connections(settings)
        self.traffic = Traffic()
        self._closed = threading.Event()
        self._orders_share_the_ledger = False
        self._server_clock = ServerClock(clock)

    def send(self, call: Call, headers: Headers, body: bytes | None = None) -> Envelope:
        """The envelope of one exchange; raises the error that any other end of it stands for.

        The headers are asked for when the slot is granted, so that no call carries an access token that
        died while it stood in the queue.
        """
        with ExitStack() as stack:
            slots = [
                stack.enter_context(bucket.slot(lease=self._lease(call), owner=self._closed))
                for bucket in self._waits_in(call)
            ]
            try:
                request = self._request(call, headers(), body)
            except BaseException:
                for slot in slots:
                    slot.unused()
                raise
            asked = self._clock.monotonic()
            self.traffic.sent(asked)
            try:
                answer = self._exchange(call, request)
            except BaseException as error:
                certain = isinstance(error, KISError) and error.reach is Reach.NOT_EXECUTED
                if not certain and not call.endpoint.apart:  # whose refusal costs a second and nothing else
                    # The server may count it at any time until it has given up on it.
                    for slot in slots:
                        slot.hold(self._timeouts(call)[1] + _GRACE)
                raise
            try:
                return self._opened(call, answer, asked)
            except KISError as error:
                secrets = self._secrets(call, request)
                error.conceal(lambda text: concealed(text, secrets))
                raise

    def _secrets(self, call: Call, request: requests.PreparedRequest) -> list[str]:
        """What no error may tell, even where the server repeats it."""
        settings = self._settings
        bearer = str(request.headers.get("authorization", "")).removeprefix("Bearer ")
        account = (settings.account_no or "").strip()[:8]
        revoked = str(call.params.get("token", ""))
        known = (settings.app_secret, settings.app_key, bearer, account, revoked)
        return [each for each in known if each]

    def server_offset(self) -> timedelta | None:
        """How far the server's clock is ahead of ours, by the ``Date`` of its answers."""
        return self._server_clock.offset()

    def close(self) -> None:
        """Close the connections and wake this sender's waiters with ``BrokerClosedError``."""
        self.connections.close()
        for bucket in self._lanes:
            bucket.cancel(self._closed)

    def _waits_in(self, call: Call) -> list[TokenBucket]:
        """The buckets of a call, in the order in which their slots are taken."""
        lanes, endpoint = self._lanes, call.endpoint
        if endpoint.apart:
            return [lanes.oauth]
        if not endpoint.ledger:
            return [lanes.main]
        if endpoint.effect is Effect.ORDER:
            return [lanes.ledger, lanes.main] if self._orders_share_the_ledger else [lanes.main]
        return [lanes.slow, lanes.ledger, lanes.main] if endpoint.slow else [lanes.ledger, lanes.main]

    def _opened(self, call: Call, answer: _Answer, asked: float) -> Envelope:
        date = answer.headers.get("Date")
        self._server_clock.hear(date, asked, self._clock.monotonic())
        try:
            return opened(
                call.endpoint.name,
                answer.status,
                answer.content,
                tr_cont=answer.headers.get("tr_cont") or "",
                date=date,
                quotes=bool(call.endpoint.tr_ids),  # without one, the answer itself is a secret
            )
        except RateLimitError as error:
            by_ledger = error.reach is Reach.REFUSED
            self.traffic.refused()
            lane = self._lanes.oauth if call.endpoint.apart else self._lanes.main
            (self._lanes.ledger if by_ledger else lane).refused()
            self._orders_share_the_ledger |= by_ledger and call.endpoint.effect is Effect.ORDER
            raise

    def _timeouts(self, call: Call) -> tuple[float, float]:
        settings = self._settings
        is_order = call.endpoint.effect is Effect.ORDER
        return settings.connect_timeout, settings.order_timeout if is_order else settings.read_timeout

    def _lease(self, call: Call) -> float:
        """Longer than the call can last: the first byte may take one read time-out, the last one more."""
        connect, read = self._timeouts(call)
        return connect + 2 * read + _LEASE_MARGIN

    def _request(
        self, call: Call, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        """The request that ``prepare`` would make; what it would check again costs a sixth of a call."""
        url = self._server + call.endpoint.path
        if call.endpoint.method == "GET" and call.params:
            url += "?" + urlencode(call.params)
        request = requests.PreparedRequest()
        request.method, request.url, request.body = call.endpoint.method, url, body
        request.headers = CaseInsensitiveDict(headers)
        request.prepare_content_length(body)
        return request

    def _exchange(self, call: Call, request: requests.PreparedRequest) -> _Answer:
        if call.endpoint.effect is Effect.READ:
            return self._round_trip(self.connections.kept(), call, request)
        fresh = self.connections.fresh()
        with _closing(fresh):
            return self._round_trip(fresh, call, request)

    def _round_trip(self, adapter: BaseAdapter, call: Call, request: requests.PreparedRequest) -> _Answer:
        timeouts = self._timeouts(call)
        give_up_at = self._clock.monotonic() + sum(timeouts)
        try:
            response = adapter.send(
                request, stream=True, timeout=timeouts, verify=True, proxies=self.connections.proxies
            )
            with response:
                return _Answer(
                    response.status_code, response.headers, self._content(response, call, give_up_at)
                )
        except NetworkError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _network_error(error, call)
        raise failure  # out here, so that the foreign error, which holds the headers, is not its context

    def _content(self, response: requests.Response, call: Call, give_up_at: float) -> bytes:
        """The body, bounded in size and in time however slowly it drips."""
        raw, is_packed = response.raw, "content-encoding" in response.headers
        content = bytearray()
        while chunk := raw.read1(_CHUNK, decode_content=is_packed):
            content += chunk
            if len(content) > _MOST_BYTES:
                raise ServerError(
                    f"the answer is larger than {_MOST_BYTES >> 20} MiB",
                    endpoint=call.endpoint.name,
                    http_status=response.status_code,
                    can_retry=False,
                )
            if self._clock.monotonic() > give_up_at:
                raise NetworkError("the answer took too long to arrive", endpoint=call.endpoint.name)
            if raw.length_remaining == 0 and not is_packed:
                break  # nothing follows; to ask for it would cost as much again
        return bytes(content)


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


class _closing(AbstractContextManager[None]):  # noqa: N801  (as contextlib.closing, without its type's demands)
    def __init__(self, adapter: BaseAdapter) -> None:
        self._adapter = adapter

    def __exit__(self, *_: object) -> None:
        self._adapter.close()


def _network_error(error: Exception, call: Call) -> NetworkError:
    """What broke, in our words: the foreign error's text may hold the URL, and the URL the account number."""
    reach, can_retry = Reach.NOT_EXECUTED, True
    if _came_from(error, ssl.SSLCertVerificationError):
        what = "the server's certificate could not be verified; a private authority is named by ca_bundle"
        can_retry = False
    elif isinstance(error, (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL)):
        what = f"the proxy's address cannot be used ({type(error).__name__})"
        can_retry = False
    elif _came_from(error, urllib3.exceptions.NewConnectionError):
        what = "no connection: is the server's address right, and is it up?"
    elif isinstance(error, requests.ConnectTimeout):
        what = "no connection within the time-out"
    else:
        reach = Reach.MAYBE_EXECUTED
        if _came_from(error, urllib3.exceptions.ReadTimeoutError) or isinstance(error, TimeoutError):
            what = "no answer within the time-out"
        elif isinstance(error, requests.exceptions.ProxyError):
            what = "the proxy failed"
        else:
            what = f"the connection broke ({type(error).__name__})"
    return NetworkError(what, endpoint=call.endpoint.name, reach=reach, can_retry=can_retry)


def _came_from(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether ``error`` is, wraps, or was raised from an error of that kind.

    Its context is not looked at: that may be the error of an earlier try, or one that the caller of ours is
    handling, and would prove of a call that ran that it did not.
    """
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        each = pending.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, kind):
            return True
        seen.add(id(each))
        pending += [each.__cause__, getattr(each, "reason", None), *each.args]
    return False


def json_body(params: Mapping[str, object]) -> bytes:
    """The body of a POST, byte for byte the same for its hash key and for the order."""
    return json.dumps(dict(params), ensure_ascii=False).encode()
