"""The simulated market's listings: real codes and names of the Korea Exchange with plausible figures.

Codes, names, ISINs, par values and listing dates are facts of the exchange (summer 2026); the price is a
base price of that time around which the simulation moves. This room changes when a listing is added or
the table gets a column.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from datetime import date
from importlib import resources

from kis_sync.market.ticks import Listing


@dataclass(frozen=True)
class ListingInfo:
    """What is known of one listing, whatever the time."""

    code: str
    """Six characters, digits or (new codes, some preferred shares) capital letters among them."""
    isin: str
    name: str
    """Korean name as the exchange spells it."""
    market: str
    """KOSPI or KOSDAQ."""
    kind: Listing
    sector: str
    """Korean name of the sector (업종); for a fund ETF."""
    price: int
    """Reference price in won: the simulation's prices hover around it for ever."""
    par: int
    """Par value in won; 0 for a fund."""
    listed_shares: int
    average_volume: int
    """Shares on an ordinary day."""
    listed_on: date
    beta: float
    """How far it follows the simulated market as a whole: 1 fully, -1 against it."""
    volatility: float
    """Standard deviation of its own daily change, percent."""
    halted: bool
    """Trading is halted, always: no trades, no book, the price stands at ``price``."""
    newly_listed: bool
    """Listed for at most two weeks, whenever one looks: see ``Market.listed_on``."""


@functools.cache
def load_listings() -> tuple[ListingInfo, ...]:
    """All listings of the simulation, the famous large caps first; read once."""
    text = resources.files("kis_sync.sim").joinpath("data/listings.csv").read_text(encoding="utf-8")
    return tuple(_read(row) for row in csv.DictReader(text.splitlines()))


def _read(row: dict[str, str]) -> ListingInfo:
    return ListingInfo(
        code=row["code"],
        isin=row["isin"],
        name=row["name"],
        market=row["market"],
        kind=Listing(row["kind"]),
        sector=row["sector"],
        price=int(row["price"]),
        par=int(row["par"]),
        listed_shares=int(row["listed_shares"]),
        average_volume=int(row["average_volume"]),
        listed_on=date.fromisoformat(row["listed_on"]),
        beta=float(row["beta"]),
        volatility=float(row["volatility"]),
        halted=row["state"] == "halted",
        newly_listed=row["state"] == "new",
    )
