"""Which order types leave at which time of which day, and what is said about the rest."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    Side,
    SinglePrice,
    StopLimit,
    type_fault,
)
from kis_sync.catalog import Mode
from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange
from kis_sync.market.hours import SessionName, sessions
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.guards import Facts, refusals
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.session_kinds import takes

HOURS = OrderLimits(fat_finger_percent=None, check_price=False, check_funds=False)
KRX, NXT, SOR = Exchange.KRX, Exchange.NXT, Exchange.SOR
DAY, SUMMER = "2026-11-24", "2026-06-24"

# name: (order, the sessions that take it)
KINDS: dict[str, tuple[OrderType, str]] = {
    "00": (
        Limit(5),
        "OPENING_AUCTION REGULAR CLOSING_AUCTION NXT_PRE NXT_MAIN NXT_AFTER",
    ),
    "01": (Market(), "OPENING_AUCTION REGULAR CLOSING_AUCTION NXT_MAIN"),
    "02": (ConditionalLimit(5), "OPENING_AUCTION REGULAR CLOSING_AUCTION NXT_MAIN"),
    "03": (Best(), "REGULAR NXT_PRE NXT_MAIN NXT_AFTER"),
    "04": (First(), "REGULAR NXT_PRE NXT_MAIN NXT_AFTER"),
    "05": (BeforeOpen(5), "BEFORE_OPEN"),
    "06": (AfterClose(), "AFTER_CLOSE"),
    "07": (SinglePrice(5), "SINGLE_PRICE"),
    "11": (Limit(5, "IOC"), "REGULAR NXT_PRE NXT_MAIN NXT_AFTER"),
    "14": (Market("FOK"), "REGULAR NXT_MAIN"),
    "15": (Best("IOC"), "REGULAR NXT_PRE NXT_MAIN NXT_AFTER"),
    "21": (Midpoint(), "REGULAR NXT_MAIN"),
    "24": (Midpoint("FOK"), "REGULAR NXT_MAIN"),
    "22": (StopLimit(5, 5), "REGULAR NXT_MAIN"),
}


def told(kind: OrderType, exchange: Exchange, moment: str, mode: Mode = Mode.LIVE) -> list[str]:
    now = datetime.fromisoformat(moment).replace(tzinfo=KST)
    request = OrderRequest("005930", Side.BUY, 1, kind, exchange)
    return refusals(request, Facts(mode=mode, orders_allowed=True, now=now), HOURS)


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("session", SessionName)
def test_the_table(code: str, session: SessionName) -> None:
    kind, taking = KINDS[code]
    assert kind.code == code
    assert takes(session, kind) is (session.name in taking.split())


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("exchange", Exchange)
@pytest.mark.parametrize("day", [DAY, SUMMER])
def test_every_session_by_the_clock(code: str, exchange: Exchange, day: str) -> None:
    """At any time of the day an order passes just when one of the sessions that run takes it."""
    kind, taking = KINDS[code]
    if type_fault(kind, exchange, Mode.LIVE) is not None:
        return
    of_day = sessions(exchange, datetime.fromisoformat(day).date())
    for edge in {moment for each in of_day for moment in each[1:]}:
        for now in (edge - timedelta(seconds=1), edge):
            passes = any(
                each.name.name in taking.split() and each.open <= now < each.close for each in of_day
            )
            assert (told(kind, exchange, f"{now:%Y-%m-%dT%H:%M:%S}") == []) is passes


@pytest.mark.parametrize(
    ("kind", "exchange", "now", "expected"),
    [
        (
            Limit(5), KRX, "2026-11-24T08:29:59",
            "KRX takes no Limit orders at 2026-11-24 08:29 KST: the next session that does (opening auction) "
            "opens at 2026-11-24 08:30 KST",
        ),
        (Best(), KRX, "2026-11-24T08:45", "(regular) opens at 2026-11-24 09:00 KST"),
        (Limit(5), KRX, "2026-11-24T15:30", "(opening auction) opens at 2026-11-25 08:30 KST"),
        (Limit(5), KRX, "2026-11-20T21:00", "(opening auction) opens at 2026-11-23 08:30 KST"),  # a Friday
        (Limit(5), NXT, "2026-09-23T20:00", "(NXT pre-market) opens at 2026-09-28 08:00 KST"),  # holidays
        (Limit(5), NXT, "2026-11-19T09:30", "(NXT main) opens at 2026-11-19 10:00 KST"),
        (Limit(5), KRX, "2026-11-18T21:00", "(opening auction) opens at 2026-11-19 09:30 KST"),
        (Market(), SOR, "2026-11-24T19:00", "(opening auction) opens at 2026-11-25 08:30 KST"),
        (AfterClose(), KRX, "2026-11-24T15:35", "(after close) opens at 2026-11-24 15:40 KST"),
        (BeforeOpen(5), KRX, "2026-11-24T08:40", "(before open) opens at 2026-11-25 08:30 KST"),
        (SinglePrice(5), KRX, "2026-09-11T15:00", "(single price) opens at 2026-09-11 16:00 KST"),
        (SinglePrice(5), KRX, "2026-09-14T16:30", "and no session of the next 14 days does"),
    ],
)  # fmt: skip
def test_the_next_opening_is_named(kind: OrderType, exchange: Exchange, now: str, expected: str) -> None:
    (text,) = told(kind, exchange, now)
    assert text.endswith(expected)


def test_the_time_of_another_zone_is_told_in_kst() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
    known = Facts(mode=Mode.LIVE, orders_allowed=True, now=now)
    (text,) = refusals(OrderRequest("005930", Side.BUY, 1, Limit(5)), known, HOURS)
    assert text.startswith("KRX takes no Limit orders at 2026-11-24 21:00 KST")


def test_in_the_after_market_of_krx_it_says_who_takes_the_order() -> None:
    (text,) = told(Limit(5), KRX, f"{DAY}T17:00")
    assert text.endswith("no order for its after market, but NXT and SOR take this one now")
    assert told(Limit(5), NXT, f"{DAY}T17:00") == told(Limit(5), SOR, f"{DAY}T17:00") == []
    for other in (
        told(Market(), KRX, f"{DAY}T17:00"),
        told(Limit(5), KRX, f"{DAY}T17:00", Mode.PAPER),
        told(Limit(5), KRX, f"{SUMMER}T17:00"),
    ):
        assert "NXT" not in other[0]


def test_a_type_that_is_never_taken_does_not_hide_that_all_is_closed() -> None:
    during = told(Market(), NXT, f"{DAY}T10:00")
    closed = told(Market(), NXT, f"{DAY}T21:00")
    assert [text.split(";")[0] for text in during] == ["NXT takes no market orders"]
    assert len(closed) == 2
    assert closed[1].startswith(
        "NXT takes no orders at 2026-11-24 21:00 KST: the next session that does (NXT"
    )


def test_it_can_be_switched_off() -> None:
    now = datetime(2026, 11, 22, tzinfo=KST)
    request = OrderRequest("005930", Side.BUY, 1, Market())
    known = Facts(mode=Mode.LIVE, orders_allowed=True, now=now)
    assert refusals(request, known, OrderLimits(check_hours=False)) == []
    assert len(refusals(request, known, OrderLimits())) == 1


@given(
    st.sampled_from([kind for kind, _ in KINDS.values()]),
    st.sampled_from(Exchange),
    st.datetimes(datetime(2025, 6, 1), datetime(2026, 12, 15)),
)
def test_at_the_opening_that_is_named_the_order_passes(kind: OrderType, exchange: Exchange, now: Any) -> None:
    if type_fault(kind, exchange, Mode.LIVE) is not None:
        return
    for text in told(kind, exchange, now.isoformat()):
        if "opens at " in text:
            opening = text.split("opens at ")[1][:16]
            assert told(kind, exchange, opening) == []
            assert opening > f"{now:%Y-%m-%d %H:%M}"
