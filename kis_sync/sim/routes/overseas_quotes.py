"""Quotations of shares abroad: the price, its details, the order book.

An unknown symbol gets blanks. This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from kis_sync.clock import KST, Clock
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import clock_time, day, documented, rate, sign
from kis_sync.sim.prices.overseas import OverseasBar, OverseasMarket, OverseasQuote
from kis_sync.sim.prices.overseas_listings import WON_PER, OverseasListing
from kis_sync.sim.question import Question
from kis_sync.sim.routes.overseas_listing import realtime_symbol, wanted
from kis_sync.sim.routes.quotations import quoted

_YEAR_ROWS = 260
_LEVELS = 10


class OverseasQuotes:
    """Answers about markets abroad at the clock's present."""

    def __init__(self, market: OverseasMarket, clock: Clock) -> None:
        self._market = market
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "overseas_price.price": self.price,
            "overseas_price.price_detail": self.details,
            "overseas_price.inquire_asking_price": self.book,
        }

    def price(self, question: Question) -> Response:
        """overseas price (HHDFS00000300)."""
        name, found = question.endpoint.name, wanted(question)
        if found is None:
            return quoted({"output": documented(name, "output", {})})
        quote = self._market.quote(found, self._clock.now())
        fields = {
            "rsym": realtime_symbol(question, found),
            "zdiv": str(found.exchange.decimals),
            "base": found.written(quote.bar.base),
            "pvol": str(quote.previous.volume),
            "last": found.written(quote.price),
            "tvol": str(quote.bar.volume),
            "tamt": str(quote.bar.value),
            "ordy": "매도불가",  # so documented and seen, whatever it means
            **change_fields(found, quote.bar),
        }
        return quoted({"output": documented(name, "output", fields)})

    def details(self, question: Question) -> Response:
        """price-detail (HHDFS76200200)."""
        name, found = question.endpoint.name, wanted(question)
        if found is None:
            return quoted({"output": documented(name, "output", {})})
        now = self._clock.now()
        quote = self._market.quote(found, now)
        year = self._market.daily_bars(found, quote.bar.day, _YEAR_ROWS, now) or [quote.bar]
        fields = {
            "rsym": realtime_symbol(question, found),
            **_detail_fields(found, quote),
            **_won_fields(found, quote),
            **_year_fields(found, year),
            **_earnings(found, quote),
        }
        return quoted({"output": documented(name, "output", fields)})

    def book(self, question: Question) -> Response:
        """inquire-asking-price (HHDFS76200100): ten levels in the US, one elsewhere."""
        name, found = question.endpoint.name, wanted(question)
        last = documented(name, "output3", {})
        if found is None:
            blank = {f"output{n}": documented(name, f"output{n}", {}) for n in (1, 2)}
            return quoted(blank | {"output3": last})
        quote = self._market.quote(found, self._clock.now())
        levels = _levels(found, quote)
        moment = min(quote.at, found.exchange.sessions(quote.bar.day)[-1][1]).astimezone(KST)
        rates = {
            f"r{field}": signed_percent(price - quote.bar.base, quote.bar.base)
            for field, price in zip(_PRICES, _day_prices(quote), strict=True)
        }
        head = {
            "rsym": realtime_symbol(question, found),
            "zdiv": str(found.exchange.decimals),
            "curr": found.exchange.currency,
            "base": found.written(quote.bar.base),
            **dict(zip(_PRICES, (found.written(price) for price in _day_prices(quote)), strict=True)),
            "dymd": day(moment),
            "dhms": clock_time(moment),
            "bvol": str(sum(int(size) for field, size in levels.items() if field.startswith("vbid"))),
            "avol": str(sum(int(size) for field, size in levels.items() if field.startswith("vask"))),
            "bdvl": "0",
            "advl": "0",
            "code": found.symbol,
        }
        head |= {("rclose" if field == "rlast" else field): value for field, value in rates.items()}
        return quoted(
            {
                "output1": documented(name, "output1", head),
                "output2": documented(name, "output2", levels),
                "output3": last,
            }
        )


def signed_percent(change: float, whole: float) -> str:
    """A percentage with its sign in front, for zero a blank: ``+5.61``, ``-4.17``, `` 0.00``."""
    text = rate(change * 100 / whole if whole else 0.0)
    return text if text.startswith("-") else " 0.00" if text == "0.00" else f"+{text}"


def change_fields(found: OverseasListing, bar: OverseasBar) -> dict[str, str]:
    """sign, diff and rate: the difference itself is written without a sign."""
    change = bar.close - bar.base
    return {
        "sign": sign(change) if bar.volume else "0",
        "diff": found.written(abs(change)),
        "rate": signed_percent(change, bar.base),
    }


_PRICES = ("open", "high", "low", "last")


def _day_prices(quote: OverseasQuote) -> tuple[int, int, int, int]:
    bar = quote.bar
    return (bar.open, bar.high, bar.low, bar.close) if bar.volume else (0, 0, 0, bar.close)


def _detail_fields(found: OverseasListing, quote: OverseasQuote) -> dict[str, str]:
    exchange = found.exchange
    prices = {field: found.written(price) for field, price in zip(_PRICES, _day_prices(quote), strict=True)}
    return prices | {
        "base": found.written(quote.bar.base),
        "pvol": str(quote.previous.volume),
        "pamt": str(quote.previous.value),
        "tvol": str(quote.bar.volume),
        "tamt": str(quote.bar.value),
        "tomv": str(quote.price * found.shares // 10**exchange.decimals),
        "shar": str(found.shares),
        "mcap": "0",
        "uplp": found.written(0),  # no limits in the US, none simulated elsewhere
        "dnlp": found.written(0),
        "curr": exchange.currency,
        "zdiv": str(exchange.decimals),
        "vnit": str(exchange.lot),
        "e_ordyn": "매매 가능",
        "e_hogau": found.written(exchange.tick),
        "e_icod": "ETF" if found.is_fund else "",
        "e_parp": found.written(0),
        "etyp_nm": "ETF" if found.is_fund else "",
    }


def _won_fields(found: OverseasListing, quote: OverseasQuote) -> dict[str, str]:
    """The price in won, at an exchange rate that is assumed."""
    won = WON_PER[found.exchange.currency]
    unit = 10**found.exchange.decimals
    return {
        "t_xprc": str(int(quote.price * won / unit)),
        "t_xdif": str(int(abs(quote.change) * won / unit)),
        "t_xrat": signed_percent(quote.change, quote.bar.base),
        "p_xprc": "0",
        "p_xdif": "0",
        "p_xrat": " 0.00",
        "t_rate": rate(won),
        "p_rate": "",
        "t_xsgn": sign(quote.change),
        "p_xsng": "3",
    }


def _year_fields(found: OverseasListing, bars: list[OverseasBar]) -> dict[str, str]:
    top, bottom = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
    return {
        "h52p": found.written(top.high),
        "h52d": day(top.day),
        "l52p": found.written(bottom.low),
        "l52d": day(bottom.day),
    }


def _earnings(found: OverseasListing, quote: OverseasQuote) -> dict[str, str]:
    """Earnings and book value of a share, drawn once and for all from the symbol; a fund has none."""
    if found.is_fund:
        return dict.fromkeys(("perx", "pbrx", "epsx", "bpsx"), "0.00")
    drawn = hashlib.sha256(f"{found.exchange.code}:{found.symbol}".encode()).digest()
    price, unit = quote.price, 10**found.exchange.decimals
    earned = max(0.01, round(found.price / unit / (12 + drawn[0] / 8), 2))
    owned = max(0.01, round(found.price / unit / (1 + drawn[1] / 25), 2))
    return {
        "perx": rate(price / unit / earned),
        "pbrx": rate(price / unit / owned),
        "epsx": rate(earned),
        "bpsx": rate(owned),
    }


def _levels(found: OverseasListing, quote: OverseasQuote) -> dict[str, str]:
    """Prices and sizes of the levels, best first; blank from the second on outside the US."""
    tick, shown = found.exchange.tick, _LEVELS if found.exchange.is_american else 1
    fields: dict[str, str] = {}
    for n in range(1, shown + 1):
        bid, ask = quote.price - n * tick, quote.price + (n - 1) * tick
        drawn = hashlib.sha256(f"{found.symbol}:{ask}:{quote.bar.volume}".encode()).digest()
        usual = max(1, found.average_volume // 200_000) * found.exchange.lot
        sizes = {"b": usual * (1 + drawn[0] // 16) if bid > 0 else 0, "a": usual * (1 + drawn[1] // 16)}
        fields |= {
            f"pbid{n}": found.written(max(0, bid)),
            f"pask{n}": found.written(ask),
            f"vbid{n}": str(sizes["b"]),
            f"vask{n}": str(sizes["a"]),
            f"dbid{n}": "0",
            f"dask{n}": "0",
        }
    return fields
