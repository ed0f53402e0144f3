"""Opening a desk: the journal, the halt switch and the rest of one account, shared by a process's brokers.

This room changes when a desk is put together in another way.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from weakref import WeakValueDictionary

from kis_sync.clock import Clock
from kis_sync.orders.blotter import Blotter
from kis_sync.orders.desk import OrderDesk
from kis_sync.orders.facts import FactsDesk
from kis_sync.orders.halt import HaltSwitch
from kis_sync.orders.journal import Journal
from kis_sync.orders.judge import Judge
from kis_sync.orders.once import Once
from kis_sync.orders.recovering import Recoverer
from kis_sync.orders.sending import OrderAsker, Sender
from kis_sync.settings import Settings

_MARGIN = 10.0  # seconds beyond the time-outs of an order, for waiting in the limiter
_lock = threading.Lock()
_journals: WeakValueDictionary[tuple[str, str, str, int], Journal] = WeakValueDictionary()
_switches: WeakValueDictionary[tuple[str, str, str], HaltSwitch] = WeakValueDictionary()


def open_desk(caller: OrderAsker, settings: Settings, clock: Clock, *, in_memory: bool = False) -> OrderDesk:
    """The desk of the settings' account. Nothing is read from disk or sent before the first order.

    Without a journal on disk the halt switch still is there: it stops every process of the account. With
    ``in_memory`` neither is, for an account that ends with this process.
    """
    folder = None if in_memory else _folder(settings)
    journal = _shared_journal(folder if settings.keep_journal else None, settings, clock)
    limits, halt = settings.order_limits, _shared_switch(folder, settings)
    blotter = Blotter(caller, journal)
    settling = timedelta(seconds=settings.settling_seconds)
    recoverer = Recoverer(caller, journal, blotter, clock, settling)
    in_flight_seconds = settings.connect_timeout + 2 * settings.order_timeout + _MARGIN
    return OrderDesk(
        caller,
        journal=journal,
        blotter=blotter,
        recoverer=recoverer,
        halt=halt,
        sender=Sender(caller, journal, halt, limits.most_won_a_day),
        once=Once(caller, journal, blotter, recoverer, in_flight_seconds),
        judge=Judge(FactsDesk(caller, limits, halt, clock), journal, limits),
    )


def _shared_journal(folder: Path | None, settings: Settings, clock: Clock) -> Journal:
    """One journal for each account, server and folder of a process; clocks of their own keep their own."""
    account = "".join(settings.account)
    key = (str(folder), settings.server, account, id(clock))
    with _lock:
        journal = _journals.get(key)
        if journal is None:
            journal = _journals[key] = Journal(folder, settings.server, account, clock)
        return journal


def _shared_switch(folder: Path | None, settings: Settings) -> HaltSwitch:
    account = "".join(settings.account)
    key = (str(folder), settings.server, account)
    with _lock:
        switch = _switches.get(key)
        if switch is None:
            switch = _switches[key] = HaltSwitch(folder, settings.server, account)
        return switch


def _folder(settings: Settings) -> Path:
    """Where the journal and the halt file lie."""
    if settings.data_dir is not None:
        return Path(settings.data_dir)
    from platformdirs import user_data_path  # imported where used

    return user_data_path("kis-sync", appauthor=False)
