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
from kis_sync.orders.sending import OrderAsker
from kis_sync.settings import Settings

_MARGIN = 10.0  # seconds beyond the time-outs of an order, for waiting in the limiter
_lock = threading.Lock()
_journals: WeakValueDictionary[tuple[str, str, str, int], Journal] = WeakValueDictionary()
_switches: WeakValueDictionary[tuple[str, str, str], HaltSwitch] = WeakValueDictionary()


def open_desk(caller: OrderAsker, settings: Settings, clock: Clock) -> OrderDesk:
    """The desk of the settings' account. Nothing is read from disk or sent before the first order."""
    folder = _folder(settings)
    journal = _shared_journal(folder, settings, clock)
    limits, halt = settings.order_limits, _shared_switch(folder, settings)
    return OrderDesk(
        caller,
        journal=journal,
        blotter=Blotter(caller, journal, clock, timedelta(seconds=settings.settling_seconds)),
        halt=halt,
        facts=FactsDesk(caller, limits, halt, clock),
        limits=limits,
        in_flight_seconds=settings.connect_timeout + 2 * settings.order_timeout + _MARGIN,
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


def _folder(settings: Settings) -> Path | None:
    """Where the journal and the halt file lie; ``None``: in memory."""
    if not settings.keep_journal:
        return None
    if settings.data_dir is not None:
        return Path(settings.data_dir)
    from platformdirs import user_data_path  # imported where used

    return user_data_path("kis-sync", appauthor=False)
