"""The client under test, made anew for each case: a caller and, above it, the desk of its account.

Put together as a broker does it, but for what a broker shares with others. Everything is real but the socket
and the time. This room changes when a broker is put together from other parts.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from kis_sync import RetryPolicy, Settings
from kis_sync.auth import AccessToken, TokenStore
from kis_sync.caller import Caller
from kis_sync.catalog import Call, Effect, Mode
from kis_sync.clock import KST
from kis_sync.connections import Connections
from kis_sync.envelope import Envelope
from kis_sync.orders.desk import OrderDesk
from kis_sync.orders.journal import Journal
from kis_sync.orders.opening import open_desk
from kis_sync.ratelimit import TokenBucket
from kis_sync.settings import Account
from kis_sync.transport import Lanes, Transport
from tests.fuzz import telltale

START = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
_SETTLING = 2.0  # seconds: few readings of the lists until nothing more can come
_TOKEN_ANSWER = {
    "access_token": telltale.ACCESS_TOKEN,
    "access_token_token_expired": f"{START + timedelta(days=1):%Y-%m-%d %H:%M:%S}",
}


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
        shared="process",
        proxies={},
        read_timeout=timeout,
        order_timeout=timeout,
        settling_seconds=_SETTLING,
        keep_journal=False,
    )


class Client:
    """Asks and trades as ``KISBroker`` does: every call of effect order passes the desk and its journal."""

    def __init__(self, known: Settings, caller: Caller, clock: StepClock) -> None:
        self.caller = caller
        self._settings = known
        self._clock = clock
        self._desk: OrderDesk | None = None

    def order_desk(self) -> OrderDesk:
        """The desk, opened at its first use."""
        if self._desk is None:
            self._desk = open_desk(self.caller, self._settings, self._clock)
        return self._desk

    @property
    def journal(self) -> Journal:
        """What the desk writes down."""
        return self.order_desk()._journal

    @property
    def mode(self) -> Mode:
        """Live."""
        return self.caller.mode

    @property
    def account(self) -> Account:
        """The account."""
        return self.caller.account

    def check_orders_allowed(self) -> None:
        """They are."""
        self.caller.check_orders_allowed()

    def now(self) -> datetime:
        """The present as the caller knows it."""
        return self.caller.now()

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        """The answer to one call; an order goes under the journal."""
        if call.endpoint.effect is Effect.ORDER:
            return self.order_desk().ask(call, strict=strict)
        return self.caller.ask(call, strict=strict)

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        """Every page of the answer."""
        return self.caller.ask_pages(call, most=most, strict=strict)

    def close(self) -> None:
        """Let go of the journal, if there is one."""
        if self._desk is not None:
            self.journal.close_file()


def client_on(
    known: Settings, connections: Connections, *, has_token: bool, clock: StepClock | None = None
) -> Client:
    """A client with nothing behind it, its access token at hand or still to be asked for."""
    clock = StepClock() if clock is None else clock
    lanes = Lanes(*(TokenBucket(1000, clock=clock) for _ in Lanes._fields))
    transport = Transport(known, lanes, clock)
    transport.connections = connections
    access_token = AccessToken(TokenStore(None, "", ""), clock)
    if has_token:
        access_token.ensure(lambda: Envelope("oauth2.tokenP", _TOKEN_ANSWER))
    return Client(known, Caller(known, transport, access_token, clock), clock)
