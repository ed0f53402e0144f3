"""The client under test, made anew for each case, and the good answers to start from.

Everything is real but the socket and the time: caller, access token, buckets, transport, urllib3. This room
changes when a caller is put together from other parts.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from kis_sync import KISError, RetryPolicy, Settings
from kis_sync.auth import AccessToken, TokenStore
from kis_sync.caller import Caller
from kis_sync.catalog import Effect, Mode, find
from kis_sync.clock import KST, ManualClock
from kis_sync.connections import Connections
from kis_sync.envelope import Envelope
from kis_sync.ratelimit import TokenBucket
from kis_sync.sim import Simulator
from kis_sync.sim.door.wire import Request
from kis_sync.sim.oauth import Customer
from kis_sync.transport import Lanes, Transport
from tests.fuzz import telltale
from tests.fuzz.answer_mutations import Draft, Header
from tests.fuzz.memory import MemoryConnections, Plain
from tests.fuzz.operations import ARGUMENTS, Operation, calls_by_name, typed_calls

START = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
TOKEN_PATH, REVOKE_PATH, HASH_PATH = "/oauth2/tokenP", "/oauth2/revokeP", "/uapi/hashkey"
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n(.*)", re.DOTALL)


class StepClock:
    """Time that moves a little whenever it is looked at, and by as much as somebody wants to wait."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 0.0001
        return self._seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def wait(self, condition: threading.Condition, timeout: float | None = None) -> None:
        if timeout is None:
            raise RuntimeError("a wait that nobody can end")
        self._seconds += max(0.0, timeout)

    def sleep(self, seconds: float) -> None:
        self._seconds += max(0.0, seconds)


def settings(
    base_url: str = "http://127.0.0.1:1", *, attempts: int = 1, hashed: bool = True, timeout: float = 10.0
) -> Settings:
    """Settings whose secrets give themselves away."""
    return Settings(
        app_key=telltale.APP_KEY,
        app_secret=telltale.APP_SECRET,
        account_no=f"{telltale.ACCOUNT}-01",
        mode=Mode.LIVE,
        base_url=base_url,
        allow_live_orders=True,
        retry=RetryPolicy(attempts=attempts),
        use_hashkey=hashed,
        store_access_token=False,
        proxies={},
        read_timeout=timeout,
        order_timeout=timeout,
    )


def caller_on(
    known: Settings, connections: Connections, *, has_token: bool, clock: StepClock | None = None
) -> Caller:
    """A caller with nothing behind it, its access token at hand or still to be asked for."""
    clock = StepClock() if clock is None else clock
    lanes = Lanes(*(TokenBucket(1000, clock=clock) for _ in Lanes._fields))
    transport = Transport(known, lanes, clock)
    transport.connections = connections
    access_token = AccessToken(TokenStore(None, "", ""), clock)
    if has_token:
        access_token.ensure(lambda: Envelope("oauth2.tokenP", _TOKEN_ANSWER))
    return Caller(known, transport, access_token, clock)


_TOKEN_ANSWER = {
    "access_token": telltale.ACCESS_TOKEN,
    "access_token_token_expired": f"{START + timedelta(days=1):%Y-%m-%d %H:%M:%S}",
}


@dataclass(frozen=True)
class Seed:
    """A good answer of the simulator's to one of our requests."""

    path: str
    status: bytes
    headers: tuple[Header, ...]
    body: bytes

    def draft(self) -> Draft:
        return Draft(self.body, self.status, list(self.headers))


@dataclass(frozen=True)
class Exercise:
    """An operation, the path whose answer is mutated, and the good answers of all its paths."""

    operation: Operation
    target: str
    seeds: dict[str, Seed]

    @property
    def name(self) -> str:
        last = self.target.rpartition("/")[2]
        return (
            self.operation.name
            if last in self.operation.name.replace("_", "-")
            else f"{self.operation.name} <{last}>"
        )

    @property
    def unknown(self) -> str:
        """The secret that the client does not hold, or send, when it gets the mutated answer."""
        known = find(self.target)
        needs_none = known is not None and not known.tr_ids and self.target != REVOKE_PATH
        return "access token" if needs_none else ""

    @property
    def is_of_the_desk(self) -> bool:
        """Whether the mutated answer is the quote by which the desk judges an order."""
        return self.operation.name == "desk" and self.target.endswith("/inquire-price")

    @property
    def is_order(self) -> bool:
        """Whether the mutated answer is that to an order."""
        return sends_order(self.target)


def sends_order(path: str) -> bool:
    """Whether a call of that path can change an account."""
    known = find(path)
    return known is not None and known.effect is Effect.ORDER


def split_request(sent: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body of a request as it left."""
    found = _REQUEST.fullmatch(sent)
    assert found is not None, sent[:200]
    lines = (line.partition(": ") for line in found[3].decode("latin-1").split("\r\n"))
    return found[1].decode(), found[2].decode(), {name: value for name, _, value in lines}, found[4]


def path_of(sent: bytes) -> str:
    """The path of a request as it left."""
    return sent.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")


@dataclass
class _Recorder:
    """Asks the simulator and keeps the last good answer of each path."""

    sim: Simulator
    seeds: dict[str, Seed] = field(default_factory=dict)

    def script(self, sent: bytes) -> tuple[bytes, str]:
        answered = self.sim.app.answer(Request.parse(*split_request(sent)))
        headers = (
            *((name.encode(), value.encode("latin-1", "replace")) for name, value in answered.headers),
            (b"Date", b"Tue, 24 Nov 2026 01:30:00 GMT"),
        )
        seed = Seed(path_of(sent), b"HTTP/1.1 %d x" % answered.status, headers, answered.body)
        self.seeds[seed.path] = seed
        return seed.draft().written(), "eof"


@cache
def exercises() -> tuple[tuple[Exercise, ...], tuple[Exercise, ...]]:
    """Everything that can be fed a mutated answer: the typed calls, and the calls by name."""
    customer = Customer(telltale.APP_KEY, telltale.APP_SECRET, f"{telltale.ACCOUNT}-01")
    sim = Simulator(mode="live", customers=[customer], clock=ManualClock(START), limit=1e9, examples=True)
    known = settings()
    _place_a_resting_order(sim, known)
    typed = [each for operation in typed_calls() for each in _recorded(sim, known, operation)]
    by_name = [_recorded(sim, known, operation)[-1] for operation in calls_by_name(Mode.LIVE)]
    issues = [each for each in typed if each.target == TOKEN_PATH]
    return (*(each for each in typed if each.target != TOKEN_PATH), *issues[:1]), tuple(by_name)


def _place_a_resting_order(sim: Simulator, known: Settings) -> None:
    """So that there is an order to change, to cancel and to find."""
    from kis_sync.api.domestic_stock.cash_order import OrderKind, Side, cash_order
    from kis_sync.api.domestic_stock.price import get_price

    caller = caller_on(known, MemoryConnections(known, _Recorder(sim).script), has_token=False)
    quote = get_price(caller, ARGUMENTS["code"])
    ARGUMENTS["price"] = quote.price
    cash_order(caller, ARGUMENTS["code"], Side.BUY, 10, OrderKind.MARKET, None)
    rests = cash_order(caller, ARGUMENTS["code"], Side.BUY, 10, OrderKind.LIMIT, quote.lower_limit)
    ARGUMENTS.update(number=rests.number, order_number=rests.number, branch=rests.branch)


def _recorded(sim: Simulator, known: Settings, operation: Operation) -> list[Exercise]:
    sim.oauth.reset()  # so that an access token can be asked for within the minute
    recorder = _Recorder(sim)
    caller = caller_on(known, MemoryConnections(known, recorder.script), has_token=operation.name == "revoke")
    try:
        operation.ask(caller)
    except KISError as error:
        if error.http_status is None and error.code is None:
            raise LookupError(f"{operation.name} cannot be asked for: {error}") from error
    if TOKEN_PATH in recorder.seeds:
        recorder.seeds[TOKEN_PATH] = _with_our_token(recorder.seeds[TOKEN_PATH])
    if REVOKE_PATH in recorder.seeds:  # the simulator knows another access token
        recorder.seeds[REVOKE_PATH] = Seed(REVOKE_PATH, b"HTTP/1.1 200 x", (), b'{"code":200,"message":"ok"}')
    return [Exercise(operation, path, recorder.seeds) for path in recorder.seeds]


def _with_our_token(seed: Seed) -> Seed:
    body = re.sub(
        rb'"access_token":"[^"]*"', b'"access_token":"%s"' % telltale.ACCESS_TOKEN.encode(), seed.body
    )
    return Seed(seed.path, seed.status, seed.headers, body)


class Server:
    """Answers the target of an exercise with a draft, every other path with its good answer."""

    def __init__(self) -> None:
        self.exercise: Exercise | None = None
        self.draft: Draft | None = None
        self.requests: list[str] = []

    def set(self, exercise: Exercise, draft: Draft | None) -> None:
        """What comes next; without a draft, good answers only."""
        self.exercise, self.draft, self.requests = exercise, draft, []

    def script(self, sent: bytes) -> tuple[bytes, str]:
        """The answer to a request as bytes, and its end."""
        path = path_of(sent)
        self.requests.append(path)
        draft = self._draft(path)
        return draft.written(), draft.end

    def shortcut(self, path: str) -> Plain | None:
        """The answer to a request without its framing; ``None`` where that is what is odd."""
        draft = self._draft(path)
        if not draft.is_plain:
            return None
        self.requests.append(path)
        return draft.plain()

    def is_mutated(self, path: str) -> bool:
        """Whether the answer of that path is the one that was mutated."""
        return self.draft is not None and self.exercise is not None and path == self.exercise.target

    def _draft(self, path: str) -> Draft:
        assert self.exercise is not None
        if self.draft is not None and path == self.exercise.target:
            return self.draft
        return (self.exercise.seeds.get(path) or _token_seed()).draft()


@cache
def _token_seed() -> Seed:
    return next(each.seeds[TOKEN_PATH] for each in exercises()[0] if TOKEN_PATH in each.seeds)
