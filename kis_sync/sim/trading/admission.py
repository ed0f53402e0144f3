"""Which session of which exchange takes an order of some kind at some moment, and until when it stays.

This room changes when an exchange gets other sessions, or takes other kinds of orders in them.
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import NamedTuple

from kis_sync.catalog import Mode
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName, TradingSession, is_trading_day, regular_session, sessions
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.trading.reasons import Reason
from kis_sync.sim.trading.resting import (
    AFTER_CLOSE_KIND,
    AFTER_MARKET_KINDS,
    BEFORE_OPEN_KIND,
    CONDITIONAL_KIND,
    KIND_NAMES,
    MARKET_KINDS,
    MIDPOINT_KINDS,
    SINGLE_PRICE_KIND,
    STOP_KIND,
)

CALL = timedelta(minutes=10)
"""How often the evening's single prices are made."""

_PAPER_KINDS = frozenset({"00", "01", "02", "03", "04"})
_NOT_TAKEN = {
    Exchange.KRX: frozenset[str](),
    Exchange.NXT: frozenset({"01", "02", "05", "06", "07"}) | AFTER_MARKET_KINDS,
    Exchange.SOR: frozenset({"02", "05", "06", "07", "21", "22", "23", "24"}) | AFTER_MARKET_KINDS,
}
_DAYTIME = (SessionName.OPENING_AUCTION, SessionName.REGULAR, SessionName.CLOSING_AUCTION)
_OF_NXT = (SessionName.NXT_MAIN, SessionName.NXT_PRE, SessionName.NXT_AFTER)
_OWN_HOURS: dict[str, tuple[SessionName, ...]] = {
    BEFORE_OPEN_KIND: (SessionName.BEFORE_OPEN,),
    AFTER_CLOSE_KIND: (SessionName.AFTER_CLOSE,),
    SINGLE_PRICE_KIND: (SessionName.SINGLE_PRICE,),
    **dict.fromkeys(("00", "01", CONDITIONAL_KIND), _DAYTIME),
    **dict.fromkeys(AFTER_MARKET_KINDS, ()),
}
"""The sessions of KRX that take a kind; whatever is not named is for continuous trading only."""
_IN_NXT_EVENING = frozenset({"00", "03", "04"})
_NOT_IN_NXT_MORNING = MIDPOINT_KINDS | {STOP_KIND}


class Admission(NamedTuple):
    """Where an order is taken: the exchange, the session, what it waits for (if it does), when it lapses."""

    venue: Exchange
    session: SessionName
    joins_at: datetime | None
    lapses_at: datetime


def admit(
    kind: str, exchange: Exchange, now: datetime, mode: Mode, choices: Assumptions
) -> Admission | Reason:
    """The session that takes such an order now, or why none does.

    SOR is KRX as long as KRX takes such orders for the day's trading, and NXT otherwise.
    """
    if mode is Mode.PAPER and exchange is not Exchange.KRX:
        return Reason.KIND
    known = _PAPER_KINDS if mode is Mode.PAPER else KIND_NAMES.keys() | set(choices.krx_after_market_kinds)
    if kind not in known or kind in _NOT_TAKEN[exchange]:
        return Reason.KIND
    closed = closed_at(now, mode, exchange)
    if closed is not None:
        return closed
    running = {each.name: each for each in _running(exchange, now)}
    for name in _wanted(kind, exchange, choices):
        if name in running:
            return _refused_by_nxt(kind, name) or _admission(running[name], now, choices)
    return _out_of_hours(now)


def admit_before_open(kind: str, now: datetime, choices: Assumptions) -> Admission | Reason:
    """The same for what is sent to KRX before the day's first session: it waits for that."""
    wanted = SessionName.BEFORE_OPEN if kind == BEFORE_OPEN_KIND else SessionName.OPENING_AUCTION
    if wanted not in _OWN_HOURS.get(kind, ()):
        return Reason.KIND
    for session in _sessions(Exchange.KRX, now.date()):
        if session.name is wanted:
            found = _admission(session, now, choices)
            return found._replace(joins_at=found.joins_at or session.open)
    return Reason.HOLIDAY


def closed_at(now: datetime, mode: Mode, exchange: Exchange) -> Reason | None:
    """Why an exchange takes nothing at all now, cancellations included; ``None`` when it does."""
    if not is_trading_day(now.date()):
        return Reason.HOLIDAY
    if mode is Mode.PAPER:
        session = regular_session(now.date())
        is_open = session.open <= now < session.close
    else:
        is_open = bool(_running(exchange, now))
    return None if is_open else _out_of_hours(now)


_sessions = functools.lru_cache(maxsize=64)(sessions)  # asked at every order


def _running(exchange: Exchange, now: datetime) -> list[TradingSession]:
    return [each for each in _sessions(exchange, now.date()) if each.open <= now < each.close]


def _out_of_hours(now: datetime) -> Reason:
    return Reason.BEFORE_OPEN if now < regular_session(now.date()).open else Reason.AFTER_CLOSE


def _wanted(kind: str, exchange: Exchange, choices: Assumptions) -> tuple[SessionName, ...]:
    """The sessions for such orders, the preferred first."""
    if exchange is Exchange.NXT:
        return _OF_NXT
    named = _OWN_HOURS.get(kind, (SessionName.REGULAR,))
    if exchange is Exchange.SOR:
        return named + _OF_NXT
    return (*named, SessionName.AFTER_MARKET) if kind in choices.krx_after_market_kinds else named


def _refused_by_nxt(kind: str, session: SessionName) -> Reason | None:
    """Why NXT does not take an order before or after its main session; ``None`` when it does."""
    if session is SessionName.NXT_PRE:
        if kind in MARKET_KINDS:
            return Reason.NXT_MORNING_MARKET
        return Reason.BEFORE_OPEN if kind in _NOT_IN_NXT_MORNING else None
    if session is SessionName.NXT_AFTER:
        if kind in MARKET_KINDS:
            return Reason.MARKET_PRICE
        return None if kind in _IN_NXT_EVENING else Reason.NXT_EVENING
    return None


def _admission(session: TradingSession, now: datetime, choices: Assumptions) -> Admission:
    venue = Exchange.NXT if session.name in _OF_NXT else Exchange.KRX
    day = regular_session(now.date())
    joins_at: datetime | None = None
    lapses_at = session.close
    if session.name in _DAYTIME:
        waits_for = {SessionName.OPENING_AUCTION: day.open, SessionName.CLOSING_AUCTION: day.close}
        joins_at, lapses_at = waits_for.get(session.name), day.close
    elif session.name is SessionName.SINGLE_PRICE:
        joins_at = session.open + ((now - session.open) // CALL + 1) * CALL
    elif venue is Exchange.NXT and choices.nxt_orders_carry_over:
        lapses_at = _sessions(Exchange.NXT, now.date())[-1].close
    return Admission(venue, session.name, joins_at, lapses_at)
