"""The simulator as its users hold it: parts put together, started, read and reset.

This room changes when the simulator gets another part or another door.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kis_sync.catalog import Mode
from kis_sync.clock import KST, Clock, ShiftedClock, default_clock
from kis_sync.market.hours import is_trading_day, previous_trading_day
from kis_sync.market.rates import call_limits
from kis_sync.sim.app import App, Parts, Route
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.adapter import make_adapter
from kis_sync.sim.door.gate import Gate, Window
from kis_sync.sim.door.log import Log, Stats
from kis_sync.sim.door.network import Network
from kis_sync.sim.door.server import Server, http_date
from kis_sync.sim.examples import Examples
from kis_sync.sim.faults import Faults
from kis_sync.sim.oauth import Customer, OAuth, sample_customer
from kis_sync.sim.prices.indices import Indices
from kis_sync.sim.prices.market import Market
from kis_sync.sim.prices.overseas import OverseasMarket
from kis_sync.sim.routes.account import AccountReads
from kis_sync.sim.routes.calendar import Calendar
from kis_sync.sim.routes.executions import Executions
from kis_sync.sim.routes.funds import Funds
from kis_sync.sim.routes.index_quotes import IndexQuotes
from kis_sync.sim.routes.listing import Listings
from kis_sync.sim.routes.means import Means
from kis_sync.sim.routes.orders import OrderDesk
from kis_sync.sim.routes.overseas_account import OverseasAccount
from kis_sync.sim.routes.overseas_charts import OverseasCharts
from kis_sync.sim.routes.overseas_listing import OverseasListings
from kis_sync.sim.routes.overseas_quotes import OverseasQuotes
from kis_sync.sim.routes.profits import Profits
from kis_sync.sim.routes.quotations import Quotations, divisions_of
from kis_sync.sim.routes.rankings import Rankings
from kis_sync.sim.routes.reservations import ReservedOrders
from kis_sync.sim.routes.traders import Traders
from kis_sync.sim.routes.watchlist import Watchlist
from kis_sync.sim.trading.brokerage import Brokerage

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_serial = itertools.count(1)


def mid_session() -> ShiftedClock:
    """A running clock that now says 10:30 KST of today, or of the latest trading day."""
    today = default_clock().now().date()
    day = today if is_trading_day(today) else previous_trading_day(today)
    return running_from(datetime(day.year, day.month, day.day, 10, 30, tzinfo=KST))


def running_from(at: datetime) -> ShiftedClock:
    """A running clock that now says ``at``, in KST when it names no time zone.

    Raises ``ValueError`` for a year that is not between 2000 and 2100: the market knows no other.
    """
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError(f"the market can be shown from {_FIRST_YEAR} to {_LAST_YEAR}, not in {at.year}")
    base = default_clock()
    start = at.replace(tzinfo=KST) if at.tzinfo is None else at
    return ShiftedClock(base, start - base.now())


class Simulator:
    """A faithful small KIS on the loopback address, or in process.

    ``mode`` is ``"live"`` or ``"paper"``; ``port`` 0 takes any free one; ``limit`` is the number of calls a
    second (the newest that KIS announced when not given), counted over a ``window`` of a sliding or a fixed
    second; ``ledger_limit`` adds the limit of account calls (EGW00215). Each leg of a call lasts ``latency
    + U(0, jitter)`` seconds, ``tail=(share, mean)`` draws some longer. The simulator's time runs on from
    ``at`` (KST; mid-session of the latest trading day when not given), but access tokens end by the
    machine's time, which other programs compare with; ``clock`` sets the time of both, and ``ValueError``
    is raised when both are given. ``cash`` is what each account starts with in won. ``customers`` closes
    the door to all others; without it any well-formed key is a customer. With ``examples`` an API that is
    not simulated is answered with KIS's documented example, or in the documented shape.
    Everything undocumented is a field of ``Assumptions`` and can also be given by name.

    >>> with Simulator(mode="paper") as sim:
    ...     sim.base_url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        *,
        mode: Mode | str = Mode.LIVE,
        host: str = "127.0.0.1",
        port: int = 0,
        limit: float | None = None,
        window: Window = "sliding",
        ledger_limit: float | None = None,
        latency: float = 0.0,
        jitter: float = 0.0,
        tail: tuple[float, float] | None = None,
        seed: int = 1,
        at: datetime | None = None,
        clock: Clock | None = None,
        cash: int = 100_000_000,
        customers: Iterable[Customer] | None = None,
        market: Market | None = None,
        examples: bool = False,
        assumptions: Assumptions | None = None,
        **switches: Any,
    ) -> None:
        self.mode = Mode(mode)
        if at is not None and clock is not None:
            raise ValueError("give at or clock, not both: a clock has a time of its own")
        shifted = mid_session() if at is None else running_from(at)
        self.clock: Clock = shifted if clock is None else clock
        self.assumptions = replace(assumptions if assumptions is not None else Assumptions(), **switches)
        self.market = market if market is not None else Market(seed)
        self.faults = Faults()
        self.log = Log()
        self.gate = Gate(
            self._limit(limit),
            window,
            self.clock,
            refused_calls_count=self.assumptions.refused_calls_count,
        )
        self.stats = Stats(self.log, self.gate)
        self._customers = None if customers is None else list(customers)
        self._customer = self._customers[0] if self._customers else sample_customer(next(_serial))
        self.oauth = OAuth(shifted.base if clock is None else clock, self.assumptions, self._customers, seed)
        self._parts = Parts(
            mode=self.mode,
            clock=self.clock,
            assumptions=self.assumptions,
            gate=self.gate,
            ledger_gate=None if ledger_limit is None else Gate(ledger_limit, window, self.clock),
            network=Network(self.clock, latency=latency, jitter=jitter, tail=tail, seed=seed),
            oauth=self.oauth,
            faults=self.faults,
            log=self.log,
        )
        self.brokerage = Brokerage(
            self.market,
            self.clock,
            self.mode,
            self.assumptions,
            cash=cash,
            account_nos=None
            if self._customers is None
            else {each.app_key: each.account_no for each in self._customers},
        )
        self._by_example = Examples(self.assumptions, self.brokerage.account)
        self.app = App(self._parts, self._routes(), self._by_example.answer if examples else None)
        self._server = Server(self.app.answer, self.clock, host, port)

    def _limit(self, limit: float | None) -> float:
        announced = call_limits()
        default = announced.paper if self.mode is Mode.PAPER else announced.live
        return default if limit is None else limit

    def _routes(self) -> dict[str, Route]:
        world = (self.brokerage, self.market, self.mode, self.assumptions)
        divisions = divisions_of(self.mode, self.assumptions)
        indices, abroad = Indices(self.market), OverseasMarket(self.market.seed)
        return {
            **Quotations(self.market, self.clock, divisions).routes,
            **Watchlist(self.market, indices, self.clock, divisions).routes,
            **Funds(self.market, self.clock, divisions).routes,
            **IndexQuotes(self.market, indices, self.clock).routes,
            **Rankings(self.market, indices, self.clock).routes,
            **Traders(self.market, self.clock, divisions).routes,
            **OverseasQuotes(abroad, self.clock).routes,
            **OverseasCharts(abroad, self.clock).routes,
            **OverseasListings(abroad, self.clock).routes,
            **OverseasAccount(self.brokerage, self.mode, self.assumptions).routes,
            **Listings(self.market, self.clock).routes,
            **Calendar(self.clock).routes,
            **AccountReads(*world).routes,
            **Means(*world).routes,
            **Profits(*world).routes,
            **OrderDesk(*world).routes,
            **Executions(*world, unlisted=self.faults.unlisted).routes,
            **ReservedOrders(*world).routes,
        }

    # -- doors -------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where the simulator is reached; raises ``RuntimeError`` while it does not run."""
        return self._server.base_url

    def start(self) -> Simulator:
        """Serve on the port in a thread of its own; raises ``OSError`` when the port is taken."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; can be called twice."""
        self._server.stop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def adapter(self) -> BaseAdapter:
        """A transport adapter for ``requests`` that asks this simulator in process, without a socket."""
        return make_adapter(self.app.answer, lambda: http_date(self.clock.now()))

    # -- what tests and users look at --------------------------------------------------------------

    @property
    def app_key(self) -> str:
        """The app key of a ready customer."""
        return self._customer.app_key

    @property
    def app_secret(self) -> str:
        """The app secret of that customer."""
        return self._customer.app_secret

    @property
    def account_no(self) -> str:
        """The account number of that customer, ``12345678-01``."""
        return self._customer.account_no

    @property
    def errors(self) -> deque[BaseException]:
        """What went wrong inside the simulator while it answered over its socket: empty when all is well."""
        return self._server.errors

    def reset(self) -> None:
        """Forget accounts, orders, faults, the log and the limits; market and living access tokens stay.

        The ready customer is another one from now on, so that nothing remembered of the old one matters.
        """
        if not self._customers:
            self._customer = sample_customer(next(_serial))
        self.oauth.reset()
        self.brokerage.reset()
        self._by_example.reset()
        self.gate.reset()
        if self._parts.ledger_gate is not None:
            self._parts.ledger_gate.reset()
        self.faults.reset()
        self.log.clear()
        self.errors.clear()
