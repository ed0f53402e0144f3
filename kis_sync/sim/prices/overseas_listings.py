"""Exchanges abroad, and the few dozen shares and funds that the simulator knows there.

Symbols, names and ISINs are those of the exchanges; prices are reference prices around which the simulation
moves. Opening hours are as KIS's documents give them (Vietnam's are not given: assumed), holidays are not
known and so weekends only. This room changes when an exchange or a listing is added.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from importlib import resources
from typing import NamedTuple

Hours = tuple[tuple[time, time], ...]
_NEW_YORK: Hours = ((time(9, 30), time(16)),)
_TOKYO: Hours = ((time(9), time(11, 30)), (time(12, 30), time(15)))
_HONG_KONG: Hours = ((time(9, 30), time(12)), (time(13), time(16)))
_CHINA: Hours = ((time(9, 30), time(15)),)
_VIETNAM: Hours = ((time(9), time(11, 30)), (time(13), time(15)))


class Exchange(NamedTuple):
    """What KIS calls an exchange in its various calls, and how it trades."""

    code: str
    """In quotations (EXCD)."""
    order_code: str
    """In orders and balances (OVRS_EXCG_CD)."""
    product_type: str
    """In searches (PRDT_TYPE_CD)."""
    name: str
    country: str
    """ISO 3166 number."""
    country_name: str
    market: str
    """Number of the market within its country (TR_MKET_CD)."""
    currency: str
    currency_name: str
    decimals: int
    """How many decimals KIS writes (zdiv). Four in the US is documented, the others are assumed."""
    tick: int
    """In points: a cent in the US. Elsewhere one tick for all prices (assumed)."""
    utc_offset: int
    """Hours, in winter."""
    hours: Hours
    """Opening hours, local time."""
    delay: timedelta
    """How much later KIS's free quotes are."""
    lot: int = 1
    day_code: str = ""
    """EXCD of the day market."""

    @property
    def is_american(self) -> bool:
        """Whether summer time, ten-level books and a day market exist."""
        return self.currency == "USD"

    def zone(self, on: date) -> timezone:
        """The local time of a date: an hour later in the American summer."""
        start, end = _second_sunday_of_march(on.year), _first_sunday_of_november(on.year)
        summer = self.is_american and start <= on < end
        return timezone(timedelta(hours=self.utc_offset + summer))

    def sessions(self, on: date) -> list[tuple[datetime, datetime]]:
        """When it trades on a date."""
        zone = self.zone(on)
        return [
            (datetime.combine(on, start, zone), datetime.combine(on, end, zone)) for start, end in self.hours
        ]


class _Money(NamedTuple):
    """The currency of a place, and how prices are written in it."""

    code: str
    name: str
    decimals: int
    tick: int


class _Place(NamedTuple):
    """A country: its number and name, currency, difference to UTC and hours."""

    country: str
    name: str
    money: _Money
    utc_offset: int
    hours: Hours


_USA = _Place("840", "미국", _Money("USD", "미국 달러", 4, 100), -5, _NEW_YORK)
_HK = _Place("344", "홍콩", _Money("HKD", "홍콩 달러", 3, 100), 8, _HONG_KONG)
_JAPAN = _Place("392", "일본", _Money("JPY", "일본 엔", 1, 10), 9, _TOKYO)
_PRC = _Place("156", "중화인민공화국", _Money("CNY", "중국 위안", 3, 10), 8, _CHINA)
_VN = _Place("704", "베트남", _Money("VND", "베트남 동", 0, 100), 7, _VIETNAM)


def _exchange(codes: str, name: str, market: str, place: _Place) -> Exchange:
    """``codes``: EXCD, OVRS_EXCG_CD and PRDT_TYPE_CD, then the EXCD of a day market if there is one."""
    code, order_code, product_type, *day_code = codes.split()
    is_american = place is _USA
    return Exchange(
        code=code,
        order_code=order_code,
        product_type=product_type,
        name=name,
        country=place.country,
        country_name=place.name,
        market=market,
        currency=place.money.code,
        currency_name=place.money.name,
        decimals=place.money.decimals,
        tick=place.money.tick,
        utc_offset=place.utc_offset,
        hours=place.hours,
        delay=timedelta(minutes=0 if is_american else 15),
        lot=1 if is_american else 100,
        day_code="".join(day_code),
    )


EXCHANGES = {
    each.code: each
    for each in (
        _exchange("NAS NASD 512 BAQ", "나스닥", "01", _USA),
        _exchange("NYS NYSE 513 BAY", "뉴욕거래소", "02", _USA),
        _exchange("AMS AMEX 529 BAA", "아멕스", "05", _USA),
        _exchange("HKS SEHK 501", "홍콩거래소", "01", _HK),
        _exchange("TSE TKSE 515", "일본", "01", _JAPAN),
        _exchange("SHS SHAA 551", "중국상해A", "03", _PRC),
        _exchange("SZS SZAA 552", "중국심천A", "04", _PRC),
        _exchange("HNX HASE 507", "하노이거래소", "01", _VN),
        _exchange("HSX VNSE 508", "호치민거래소", "02", _VN),
    )
}
"""By EXCD. The two Chinese index boards (SHI, SZI) are documented but have no simulated listings."""

DAY_MARKETS = {each.day_code: each for each in EXCHANGES.values() if each.day_code}
"""The American exchanges by the EXCD of their day market."""

KNOWN_CODES = frozenset(EXCHANGES) | frozenset(DAY_MARKETS) | {"SHI", "SZI"}
"""Every EXCD that the documents list."""

WON_PER = {"USD": 1400.0, "HKD": 180.0, "CNY": 195.0, "JPY": 9.3, "VND": 0.055}
"""Won for one unit of a currency: nobody documents the day's rates, so these are assumed and never move."""


@dataclass(frozen=True)
class OverseasListing:
    """One share or fund abroad; prices are whole numbers of the exchange's last decimal ("points")."""

    exchange: Exchange
    symbol: str
    isin: str
    name: str
    english_name: str
    is_fund: bool
    price: int
    shares: int
    average_volume: int
    volatility: float
    """Standard deviation of a day's change, percent."""

    def written(self, points: int) -> str:
        """A price as KIS writes it."""
        return f"{points / 10**self.exchange.decimals:.{self.exchange.decimals}f}"


@functools.cache
def load_overseas() -> dict[tuple[str, str], OverseasListing]:
    """Every listing by EXCD and symbol; read once."""
    text = resources.files("kis_sync.sim").joinpath("data/overseas.csv").read_text(encoding="utf-8")
    listings = [_read(row) for row in csv.DictReader(text.splitlines())]
    return {(each.exchange.code, each.symbol): each for each in listings}


def _read(row: dict[str, str]) -> OverseasListing:
    exchange = EXCHANGES[row["exchange"]]
    return OverseasListing(
        exchange=exchange,
        symbol=row["symbol"],
        isin=row["isin"],
        name=row["name"],
        english_name=row["english_name"],
        is_fund=row["kind"] == "etf",
        price=round(float(row["price"]) * 10**exchange.decimals),
        shares=int(row["shares"]),
        average_volume=int(row["average_volume"]),
        volatility=float(row["volatility"]),
    )


def _second_sunday_of_march(year: int) -> date:
    return date(year, 3, 14) - timedelta(days=(date(year, 3, 14).weekday() + 1) % 7)


def _first_sunday_of_november(year: int) -> date:
    return date(year, 11, 7) - timedelta(days=(date(year, 11, 7).weekday() + 1) % 7)
