"""Entries, rows and evidence for tests of the recovery, with everything usual filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.clock import KST
from kis_sync.orders.entry import CASH_ORDER, CHANGE_ORDER, Entry, State, Wish
from kis_sync.orders.journal_lookup import owners_of
from kis_sync.orders.recovery import Evidence, Outcome, Verdict, settle

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=KST)
SETTLING = timedelta(seconds=90)
LATER = NOON + timedelta(hours=1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def second(moment: datetime) -> datetime:
    """As a list tells it."""
    return moment.replace(microsecond=0)


def new_wish(
    quantity: int = 10,
    price: int | None = 70_000,
    kind: str = "00",
    *,
    code: str = "005930",
    side: Side = Side.BUY,
    exchange: str = "KRX",
    trigger: int | None = None,
) -> Wish:
    fields = {
        "PDNO": code,
        "ORD_DVSN": kind,
        "ORD_QTY": str(quantity),
        "ORD_UNPR": str(price or 0),
        "CNDT_PRIC": str(trigger or ""),
        "EXCG_ID_DVSN_CD": exchange,
    }
    return Wish(CASH_ORDER, side.value.lower(), fields, code, side)


def change_wish(
    original: int, quantity: int | None = None, price: int = 71_000, *, is_cancellation: bool = False
) -> Wish:
    fields = {
        "ORGN_ODNO": f"{original:010d}",
        "ORD_DVSN": "00",
        "RVSE_CNCL_DVSN_CD": "02" if is_cancellation else "01",
        "ORD_QTY": str(quantity or 0),
        "ORD_UNPR": "0" if is_cancellation else str(price),
        "QTY_ALL_ORD_YN": "Y" if quantity is None else "N",
        "EXCG_ID_DVSN_CD": "KRX",
    }
    return Wish(CHANGE_ORDER, "", fields, "005930", Side.BUY)


def uncertain(
    entry_id: int = 1, wish: Wish | None = None, sent: float = 0, waited: float = 20, **other: Any
) -> Entry:
    known = {
        "client_order_id": f"order-{entry_id}",
        "state": State.UNCERTAIN,
        "owner": "somebody",
        "intended_at": at(sent),
        "sent_at": at(sent),
        "ended_at": at(sent + waited),
    }
    return Entry(id=entry_id, wish=new_wish() if wish is None else wish, **{**known, **other})


def row(number: int = 100, wish: Wish | None = None, ordered: float = 1, **other: Any) -> ListedOrder:
    """An open order as KIS lists it after a wish was carried out."""
    wish = new_wish() if wish is None else wish
    quantity = other.get("quantity", wish.quantity or 10)
    is_cancellation = wish.fields.get("RVSE_CNCL_DVSN_CD") == "02"
    known: dict[str, Any] = {
        "number": number,
        "original": wish.original,
        "branch": "06010",
        "code": wish.code,
        "name": "",
        "side": wish.side,
        "quantity": quantity,
        "kind_code": wish.kind_code,
        "price": wish.price,
        "trigger": wish.trigger,
        "exchange": wish.exchange,
        "ordered_at": second(at(ordered)),
        "filled": 0,
        "average_price": None,
        "remaining": 0 if is_cancellation else quantity,
        "cancelled": quantity if is_cancellation else 0,
        "rejected": 0,
        "is_cancellation": is_cancellation,
        "raw": {},
    }
    return ListedOrder(**{**known, **other})


def evidence(
    listed: Iterable[ListedOrder] = (),
    *,
    owned: Iterable[int] = (),
    known: Mapping[int, frozenset[int]] | None = None,
    read_at: datetime = LATER,
    is_complete: bool = True,
    in_flight: Iterable[Entry] = (),
    owners: Iterable[Entry] = (),
) -> Evidence:
    return Evidence(
        listed=tuple(listed),
        owned=frozenset(owned),
        known=known or {},
        read_at=read_at,
        is_complete=is_complete,
        settling=SETTLING,
        in_flight=tuple(in_flight),
        owners=owners_of(owners),
    )


def accepted(number: int, wish: Wish | None = None, sent: float = 0, **other: Any) -> Entry:
    """An entry of ours that KIS gave a number, a second after it was sent."""
    known: dict[str, Any] = {"state": State.ACCEPTED, "number": f"{number:010d}", "waited": 1}
    return uncertain(other.pop("entry_id", 1_000 + number), wish, sent, **{**known, **other})


def judge(entries: Entry | Iterable[Entry], seen: Evidence) -> list[Verdict]:
    return settle([entries] if isinstance(entries, Entry) else list(entries), seen)


def numbers(verdicts: Iterable[Verdict]) -> dict[int, int]:
    """Which number each found entry got."""
    return {each.entry.id: each.listed.number for each in verdicts if each.listed is not None}


def outcomes(verdicts: Iterable[Verdict]) -> list[Outcome]:
    return [verdict.outcome for verdict in verdicts]
