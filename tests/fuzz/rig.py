"""The good answers to start from, recorded from the simulator, and the server that mutates one of them.

This room changes when good answers come about in another way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from kis_sync import KISError
from kis_sync.api.domestic_stock.cash_order import Receipt, cash_order_call
from kis_sync.api.domestic_stock.order_type import Limit, Market, OrderType, Side
from kis_sync.api.domestic_stock.price import get_price
from kis_sync.api.domestic_stock.reserved_order import ReservedReceipt, reserve_call
from kis_sync.catalog import Effect, Mode, find
from kis_sync.clock import ManualClock
from kis_sync.market.exchanges import Exchange
from kis_sync.sim import Simulator
from kis_sync.sim.door.wire import Request
from kis_sync.sim.oauth import Customer
from tests.fuzz import telltale
from tests.fuzz.answer_mutations import Draft, Header
from tests.fuzz.client import START, Client, client_on, settings
from tests.fuzz.memory import MemoryConnections, Plain
from tests.fuzz.operations import ARGUMENTS, Operation, calls_by_name, typed_calls
from tests.fuzz.records import put_on_record

TOKEN_PATH, REVOKE_PATH, HASH_PATH = "/oauth2/tokenP", "/oauth2/revokeP", "/uapi/hashkey"
_RIGHTS_PATH = "/uapi/domestic-stock/v1/trading/period-rights"
_RIGHT = (
    b'[{"rght_type_cd":"03","bass_dt":"20261110","shtn_pdno":"005930","prdt_name":"x","cblc_qty":"10",'
    b'"tot_alct_qty":"0","last_alct_amt":"3610","sbsc_unpr":"0.0000","cash_dfrm_dt":"20261120"}]'
)
_UNTIL_EVENING = 5.5 * 3600  # seconds from the start until reserved orders are taken
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n(.*)", re.DOTALL)


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
    def is_judged_by(self) -> bool:
        """Whether the mutated answer is one by which the desk may refuse an order that was to follow."""
        return self.operation.trades and self.operation.is_typed and not self.is_order

    @property
    def is_order(self) -> bool:
        """Whether the mutated answer is that to an order."""
        return sends_order(self.target)


@cache
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
    """Everything that can be fed a mutated answer: the typed calls and trading, and the calls by name."""
    sim = _traded()
    typed = [each for operation in typed_calls() for each in _recorded(_sim_for(operation), operation)]
    by_name = [_recorded(sim, operation)[-1] for operation in calls_by_name(Mode.LIVE)]
    issues = [each for each in typed if each.target == TOKEN_PATH]
    return (*(each for each in typed if each.target != TOKEN_PATH), *issues[:1]), tuple(by_name)


def _sim_for(operation: Operation) -> Simulator:
    return _traded(evening=operation.is_reserving)


def _traded(evening: bool = False) -> Simulator:
    """A simulator of its own, on which was traded: there are orders to change, to cancel and to find."""
    customer = Customer(telltale.APP_KEY, telltale.APP_SECRET, f"{telltale.ACCOUNT}-01")
    clock = ManualClock(START)
    sim = Simulator(mode="live", customers=[customer], clock=clock, limit=1e9, examples=True)
    known = settings()
    client = client_on(known, MemoryConnections(known, _Recorder(sim).script), has_token=False)
    quote = get_price(client, ARGUMENTS["code"])
    resting = quote.price - 20 * (quote.tick or 100)
    ARGUMENTS.update(
        price=quote.price,
        kind=Limit(quote.price),
        resting_price=resting,
        other_price=resting + (quote.tick or 100),
    )
    _ordered(client, Side.BUY, 30, Market())
    _ordered(client, Side.SELL, 3, Market())
    ours = _ordered(client, Side.BUY, ARGUMENTS["our_quantity"], Limit(resting))
    lost = _ordered(client, Side.BUY, ARGUMENTS["lost_quantity"], Limit(resting))
    theirs = _ordered(client, Side.BUY, 4, Limit(ARGUMENTS["other_price"]))
    ARGUMENTS.update(
        branch=ours.branch, our_number=ours.number, lost_number=lost.number, their_number=theirs.number
    )
    if evening:
        clock.advance(_UNTIL_EVENING)
        call = reserve_call(client.account, ARGUMENTS["code"], Side.BUY, 1, Limit(resting))
        ARGUMENTS["reservation"] = ReservedReceipt.read(client.caller.ask(call)).number
    sim.oauth.reset()  # so that an access token can be asked for within the minute
    return sim


def _ordered(client: Client, side: Side, quantity: int, kind: OrderType) -> Receipt:
    call = cash_order_call(client.account, ARGUMENTS["code"], side, quantity, kind, Exchange.KRX)
    return Receipt.read(client.caller.ask(call))


def _recorded(sim: Simulator, operation: Operation) -> list[Exercise]:
    sim.oauth.reset()
    recorder, known = _Recorder(sim), settings()
    client = client_on(known, MemoryConnections(known, recorder.script), has_token=operation.name == "revoke")
    if operation.trades:
        put_on_record(client)
    try:
        operation.ask(client)
    except KISError as error:
        if operation.is_typed or (error.http_status is None and error.code is None):
            raise LookupError(f"{operation.name} cannot be asked for: {error}") from error
    finally:
        client.close()
    seeds = recorder.seeds
    if TOKEN_PATH in seeds:
        seeds[TOKEN_PATH] = _with_our_token(seeds[TOKEN_PATH])
    if REVOKE_PATH in seeds:  # the simulator knows another access token
        seeds[REVOKE_PATH] = Seed(REVOKE_PATH, b"HTTP/1.1 200 x", (), b'{"code":200,"message":"ok"}')
    if _RIGHTS_PATH in seeds:  # the simulator has none
        seeds[_RIGHTS_PATH] = _with_a_right(seeds[_RIGHTS_PATH])
    return [Exercise(operation, path, seeds) for path in seeds]


def _with_a_right(seed: Seed) -> Seed:
    body = re.sub(rb'("output1?":)\[\]', rb"\1" + _RIGHT, seed.body)
    return Seed(seed.path, seed.status, seed.headers, body)


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
        return (self.exercise.seeds.get(path) or _some_seed(path)).draft()


@cache
def _some_seed(path: str) -> Seed:
    """The good answer of a path that an exercise asks for only after others have gone wrong."""
    return next(each.seeds[path] for each in exercises()[0] if path in each.seeds)
