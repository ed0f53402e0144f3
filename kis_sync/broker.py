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
from kis_sync.catalog import Call, Effect, Mode
from kis_sync.clock import Clock, default_clock
from kis_sync.envelope import Envelope
from kis_sync.first_use import OnFirstUse
from kis_sync.market.rates import (
    ISSUES_PER_SECOND,
    LEDGER_CALLS_PER_SECOND,
    SLOW_CALL_SECONDS,
    call_limits,
)
from kis_sync.ratelimit import TokenBucket, shared_bucket
from kis_sync.settings import Account, Settings
from kis_sync.traffic import Traffic
from kis_sync.transport import Lanes, Transport

if TYPE_CHECKING:
    from kis_sync.api.any_endpoint import call
    from kis_sync.api.domestic_stock.assets import get_assets, get_margin
    from kis_sync.api.domestic_stock.balance import get_balance
    from kis_sync.api.domestic_stock.buyable import get_buyable
    from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
    from kis_sync.api.domestic_stock.minute_chart import get_minute_chart
    from kis_sync.api.domestic_stock.order_book import get_order_book
    from kis_sync.api.domestic_stock.price import get_price
    from kis_sync.api.domestic_stock.profits import get_daily_profit, get_realized_profit
    from kis_sync.api.domestic_stock.reserved_order import get_reserved_orders
    from kis_sync.api.domestic_stock.rights import get_rights
    from kis_sync.api.domestic_stock.sellable import get_sellable
    from kis_sync.orders.desk import OrderDesk
    from kis_sync.orders.reserving import amend_reserved_order, cancel_reserved_order, reserve_order
    from kis_sync.orders.trading import (
        buy,
        cancel_all,
        cancel_order,
        get_executions,
        get_order,
        get_orders,
        get_pending_orders,
        halt,
        modify_order,
        recover,
        resume,
        sell,
        send_order,
        settle_order,
        wait_for_fill,
    )
    from kis_sync.sim import Simulator
else:
    _TRADING, _RESERVING = "kis_sync.orders.trading", "kis_sync.orders.reserving"
    _STOCK = "kis_sync.api.domestic_stock"
    call = OnFirstUse("kis_sync.api.any_endpoint", "call")
    get_price = OnFirstUse(f"{_STOCK}.price", "get_price")
    get_order_book = OnFirstUse(f"{_STOCK}.order_book", "get_order_book")
    get_minute_chart = OnFirstUse(f"{_STOCK}.minute_chart", "get_minute_chart")
    get_daily_chart = OnFirstUse(f"{_STOCK}.daily_chart", "get_daily_chart")
    get_balance = OnFirstUse(f"{_STOCK}.balance", "get_balance")
    get_buyable = OnFirstUse(f"{_STOCK}.buyable", "get_buyable")
    get_sellable = OnFirstUse(f"{_STOCK}.sellable", "get_sellable")
    get_assets = OnFirstUse(f"{_STOCK}.assets", "get_assets")
    get_margin = OnFirstUse(f"{_STOCK}.assets", "get_margin")
    get_realized_profit = OnFirstUse(f"{_STOCK}.profits", "get_realized_profit")
    get_daily_profit = OnFirstUse(f"{_STOCK}.profits", "get_daily_profit")
    get_rights = OnFirstUse(f"{_STOCK}.rights", "get_rights")
    get_reserved_orders = OnFirstUse(f"{_STOCK}.reserved_order", "get_reserved_orders")
    buy = OnFirstUse(_TRADING, "buy")
    sell = OnFirstUse(_TRADING, "sell")
    send_order = OnFirstUse(_TRADING, "send_order")
    modify_order = OnFirstUse(_TRADING, "modify_order")
    cancel_order = OnFirstUse(_TRADING, "cancel_order")
    cancel_all = OnFirstUse(_TRADING, "cancel_all")
    get_pending_orders = OnFirstUse(_TRADING, "get_pending_orders")
    get_order = OnFirstUse(_TRADING, "get_order")
    get_orders = OnFirstUse(_TRADING, "get_orders")
    get_executions = OnFirstUse(_TRADING, "get_executions")
    wait_for_fill = OnFirstUse(_TRADING, "wait_for_fill")
    recover = OnFirstUse(_TRADING, "recover")
    settle_order = OnFirstUse(_TRADING, "settle_order")
    halt = OnFirstUse(_TRADING, "halt")
    resume = OnFirstUse(_TRADING, "resume")
    reserve_order = OnFirstUse(_RESERVING, "reserve_order")
    amend_reserved_order = OnFirstUse(_RESERVING, "amend_reserved_order")
    cancel_reserved_order = OnFirstUse(_RESERVING, "cancel_reserved_order")


class KISBroker:
    """A blocking client of KIS, safe to share between any number of threads.

    Nothing is read from disk or sent before the first call. All brokers of one app key and server, in all
    processes of a user on a machine, share one limit and one access token. Close it, or use it as a context
    manager.

    >>> with KISBroker.simulated() as broker:
    ...     broker.get_price("005930").code
    '005930'
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = default_clock() if clock is None else clock
        self._lanes = _lanes(settings, self.clock)
        folder = _cache_folder(settings) if settings.store_access_token else None
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
                ledger_rate_limit_rps=LEDGER_CALLS_PER_SECOND  # a raised limit raises both
                * max(1.0, simulator.gate.limit / call_limits().live),
                shared="process",  # as the simulator is
                allow_live_orders=True,  # nothing of it is real
                store_access_token=False,
                keep_journal=False,  # in memory, as long as the simulator
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
    get_buyable = get_buyable
    get_sellable = get_sellable
    get_assets = get_assets
    get_margin = get_margin
    get_realized_profit = get_realized_profit
    get_daily_profit = get_daily_profit
    get_rights = get_rights

    # orders
    buy = buy
    sell = sell
    send_order = send_order  # the original's
    modify_order = modify_order
    cancel_order = cancel_order
    cancel_all = cancel_all
    get_pending_orders = get_pending_orders
    get_order = get_order
    get_orders = get_orders
    get_executions = get_executions
    wait_for_fill = wait_for_fill
    reserve_order = reserve_order
    amend_reserved_order = amend_reserved_order
    cancel_reserved_order = cancel_reserved_order
    get_reserved_orders = get_reserved_orders

    # when something went wrong
    recover = recover
    settle_order = settle_order
    halt = halt
    resume = resume

    def order_desk(self) -> OrderDesk:
        """The desk that every order of this broker passes, with the journal behind it."""
        with self._lock:
            if self._desk is None:
                from kis_sync.orders.opening import open_desk  # on first use, as the calls above

                in_memory = self._simulator is not None
                self._desk = open_desk(self._caller, self.settings, self.clock, in_memory=in_memory)
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
        """The answer to one call, or the error that it stands for; an order goes under the journal."""
        if call.endpoint.effect is Effect.ORDER:
            return self.order_desk().ask(call, strict=strict)
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
    folder = _cache_folder(settings) if settings.shared == "machine" else None

    def lane(name: str, rate: float, burst: int | None = None) -> TokenBucket:
        return shared_bucket(key, server, rate, name=name, burst=burst, clock=clock, folder=folder)

    return Lanes(
        main=lane("calls", settings.calls_per_second, settings.burst),
        ledger=lane("account calls", ledger),
        slow=lane("slow account calls", slow),
        oauth=lane("access token issues", ISSUES_PER_SECOND),
    )


def _cache_folder(settings: Settings) -> Path:
    if settings.cache_dir is not None:
        return Path(settings.cache_dir)
    from platformdirs import user_cache_path  # imported where used

    return user_cache_path("kis-sync", appauthor=False)
