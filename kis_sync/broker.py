"""The index: everything that a user can call, one line each, pointing to the room where it lives.

This room changes when there is something new to call.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from kis_sync.auth import TokenStore, shared_access_token
from kis_sync.caller import Caller
from kis_sync.catalog import Call, Mode
from kis_sync.clock import Clock, default_clock
from kis_sync.envelope import Envelope
from kis_sync.first_use import OnFirstUse
from kis_sync.market.rates import ISSUES_PER_SECOND, LEDGER_CALLS_PER_SECOND, SLOW_CALL_SECONDS
from kis_sync.ratelimit import TokenBucket, shared_bucket
from kis_sync.settings import Account, Settings
from kis_sync.traffic import Traffic
from kis_sync.transport import Lanes, Transport

if TYPE_CHECKING:
    from kis_sync.api.any_endpoint import call
    from kis_sync.api.domestic_stock.balance import get_balance
    from kis_sync.api.domestic_stock.cash_order import Order
    from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
    from kis_sync.api.domestic_stock.minute_chart import get_minute_chart
    from kis_sync.api.domestic_stock.order_book import get_order_book
    from kis_sync.api.domestic_stock.price import get_price
    from kis_sync.orders.desk import OrderDesk
    from kis_sync.sim import Simulator
else:
    call = OnFirstUse("kis_sync.api.any_endpoint", "call")
    get_balance = OnFirstUse("kis_sync.api.domestic_stock.balance", "get_balance")
    get_daily_chart = OnFirstUse("kis_sync.api.domestic_stock.daily_chart", "get_daily_chart")
    get_minute_chart = OnFirstUse("kis_sync.api.domestic_stock.minute_chart", "get_minute_chart")
    get_order_book = OnFirstUse("kis_sync.api.domestic_stock.order_book", "get_order_book")
    get_price = OnFirstUse("kis_sync.api.domestic_stock.price", "get_price")


class KISBroker:
    """A blocking client of KIS, safe to share between any number of threads.

    Nothing is read from disk or sent before the first call. All brokers of one app key and server in a
    process share one limit and one access token. Close it, or use it as a context manager.

    >>> with KISBroker.simulated() as broker:
    ...     broker.get_price("005930").code
    '005930'
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = default_clock() if clock is None else clock
        self._lanes = _lanes(settings, self.clock)
        folder = _store_folder(settings)
        store = TokenStore(folder, settings.app_key, settings.server)
        self._caller = Caller(
            settings,
            Transport(settings, self._lanes, self.clock),
            shared_access_token(settings.app_key, settings.server, folder, store, self.clock),
            self.clock,
        )
        self._desk: OrderDesk | None = None
        self._simulator: Simulator | None = None
        self._owns_simulator = False
        self._lock = threading.Lock()

    @classmethod
    def from_env(cls, env_file: str | os.PathLike[str] | None = ".env", **overrides: object) -> KISBroker:
        """A broker from ``KIS_APP_KEY``, ``KIS_APP_SECRET``, ``KIS_ACCOUNT_NO``, ``MODE`` or ``.env``."""
        return cls(Settings.from_env(env_file, **overrides))

    @classmethod
    def simulated(cls, simulator: Simulator | None = None, **options: object) -> KISBroker:
        """A broker on an embedded simulator: no account, no key, nothing leaves this machine.

        Without ``simulator`` one is started with ``options`` (see ``kis_sync.sim.Simulator``) and stopped
        by ``close()``. It is reachable as ``broker.simulator``.
        """
        from kis_sync.sim import Simulator  # only when asked for

        own = simulator is None
        if simulator is None:
            simulator = Simulator(**options)  # type: ignore[arg-type]
            simulator.start()
        broker = cls(
            Settings(
                app_key=simulator.app_key,
                app_secret=simulator.app_secret,
                account_no=simulator.account_no,
                mode=simulator.mode,
                base_url=simulator.base_url,
                rate_limit_rps=simulator.gate.limit,
                allow_live_orders=True,  # nothing of it is real
                store_access_token=False,
                proxies={},  # the environment's proxy is not on this machine, and the simulator is
            ),
            clock=simulator.clock,
        )
        broker._simulator = simulator
        broker._owns_simulator = own
        return broker

    # any API that KIS documents
    call = call

    # quotes
    get_price = get_price
    get_order_book = get_order_book
    get_orderbook = get_order_book  # the original's name; its dict is .raw
    get_minute_chart = get_minute_chart
    get_daily_chart = get_daily_chart

    # account
    get_balance = get_balance

    def send_order(self, stock_code: str, order_type: str, quantity: int, price: int = 0) -> Order:
        """Send a cash order on KRX: a limit order at ``price`` won, or at market when it is 0.

        ``order_type`` is ``"BUY"`` or ``"SELL"``, ``quantity`` in shares. Form, tick and the day's limits
        are checked before anything is sent (``InvalidRequestError``). Raises ``RequestRefusedError`` when
        KIS says no, ``OrderUncertainError`` when the order may have run; it is never sent twice.

        Source: order-cash, TTTC0012U / TTTC0011U (paper VTTC0012U / VTTC0011U).

        >>> with KISBroker.simulated() as broker:
        ...     order = broker.send_order("005930", "BUY", 1)
        >>> order.side.value, order.price
        ('BUY', None)
        """
        from kis_sync.orders.request import OrderRequest  # on first use, as the calls above

        return self._order_desk().place(OrderRequest.checked(stock_code, order_type, quantity, price))

    def _order_desk(self) -> OrderDesk:
        from kis_sync.orders.desk import OrderDesk

        with self._lock:
            if self._desk is None:
                self._desk = OrderDesk(self._caller)
            return self._desk

    # the inner door, which the functions of kis_sync.api use
    @property
    def mode(self) -> Mode:
        """Live or paper."""
        return self._caller.mode

    @property
    def account(self) -> Account:
        """The account; ``ConfigurationError`` when the settings have none."""
        return self._caller.account

    def check_orders_allowed(self) -> None:
        """Raise ``ConfigurationError`` for live orders without their opt-in."""
        self._caller.check_orders_allowed()

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        """The answer to one call, or the error that it stands for."""
        return self._caller.ask(call, strict=strict)

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        """Every page of the answer, read to the end, or an error; with ``most`` so many at most."""
        return self._caller.ask_pages(call, most=most, strict=strict)

    def now(self) -> datetime:
        """The present in KST, by the server's clock where that is seen to differ from ours."""
        return self._caller.now()

    @property
    def bucket(self) -> TokenBucket:
        """The limiter that every call of this app key waits in."""
        return self._lanes.main

    @property
    def traffic(self) -> Traffic:
        """What this broker has sent so far."""
        return self._caller.traffic

    @property
    def simulator(self) -> Simulator | None:
        """The embedded simulator, ``None`` for a broker on a real server."""
        return self._simulator

    def revoke_access_token(self) -> None:
        """Revoke the access token at the server and forget it; the next call asks for another.

        Source: /oauth2/revokeP.
        """
        self._caller.revoke_access_token()

    def close(self) -> None:
        """Close the connections; calls that wait raise ``BrokerClosedError``. Can be called again."""
        self._caller.close()
        if self._owns_simulator and self._simulator is not None:
            self._simulator.stop()

    def __enter__(self) -> KISBroker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KISBroker {self.settings.server} {self.mode.value} {self._lanes.main.rate:g} a second>"


def _lanes(settings: Settings, clock: Clock) -> Lanes:
    """The buckets that every broker of this app key and server shares."""
    ledger = settings.ledger_calls_per_second
    slow = ledger / (SLOW_CALL_SECONDS * LEDGER_CALLS_PER_SECOND)
    key, server = settings.app_key, settings.server
    return Lanes(
        main=shared_bucket(key, server, settings.calls_per_second, burst=settings.burst, clock=clock),
        ledger=shared_bucket(key, server, ledger, name="account calls", clock=clock),
        slow=shared_bucket(key, server, slow, name="slow account calls", clock=clock),
        oauth=shared_bucket(key, server, ISSUES_PER_SECOND, name="access token issues", clock=clock),
    )


def _store_folder(settings: Settings) -> Path | None:
    if not settings.store_access_token:
        return None
    if settings.cache_dir is not None:
        return Path(settings.cache_dir)
    from platformdirs import user_cache_path  # imported where used

    return user_cache_path("kis-sync", appauthor=False)
