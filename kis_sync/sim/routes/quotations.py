"""The quotation APIs: price, order book, charts, trades.

This room changes when KIS changes one of these answers, or another quotation is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from kis_sync.catalog import Mode
from kis_sync.clock import KST, Clock
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import clock_time, day, documented, rate, share, sign, zeroed
from kis_sync.sim.prices.book import Book
from kis_sync.sim.prices.flows import net_foreign
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Phase, Quote
from kis_sync.sim.prices.tape import Trade
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.book import expected_fields, level_fields
from kis_sync.sim.routes.charts import (
    NEWEST,
    minute_rows,
    parse_day,
    parse_hour,
    past_minute_rows,
    period_bars,
    period_row,
)
from kis_sync.sim.routes.price import (
    Past,
    change_fields,
    figures_of,
    past_extremes,
    price_fields,
    value_fields,
)
from kis_sync.sim.routes.second_price import second_price_fields

Divisions = tuple[str, ...]
"""The market divisions that a world knows: KRX, NXT and both."""

_WITH_NXT: Divisions = ("J", "NX", "UN")
_WITHOUT_NXT: Divisions = ("J",)
_YEAR = timedelta(days=400)
_LONG_AGO = date(1900, 1, 1)
_SECOND = timedelta(milliseconds=999)
_CHANGE = ("prdy_vrss", "prdy_vrss_sign", "prdy_ctrt")
_TRADE_ROWS = 30
_DAY_ROWS = 30


class Quotations:
    """Answers from the market at the clock's present."""

    def __init__(self, market: Market, clock: Clock, divisions: Divisions) -> None:
        self._market = market
        self._clock = clock
        self._divisions = divisions
        self._past = past_reader(market, clock)

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_price": self.price,
            "domestic_stock.inquire_price_2": self.second_price,
            "domestic_stock.inquire_asking_price_exp_ccn": self.book,
            "domestic_stock.inquire_time_itemchartprice": self.minutes,
            "domestic_stock.inquire_daily_itemchartprice": self.periods,
            "domestic_stock.inquire_time_dailychartprice": self.past_minutes,
            "domestic_stock.inquire_ccnl": self.trades,
            "domestic_stock.inquire_time_itemconclusion": self.trades_until,
            "domestic_stock.inquire_daily_price": self.days,
        }

    def price(self, question: Question) -> Response:
        """inquire-price (FHKST01010100); an unknown code gets zeros, as KIS was seen to answer."""
        self.check_market(question)
        name, listing = question.endpoint.name, self.listing(question)
        if listing is None:
            return quoted({"output": zeroed(name, "output")}, mark="!")
        quote = self._market.quote(listing.code, self._clock.now())
        fields = price_fields(listing, quote, self._past(listing.code, quote.day))
        return quoted({"output": documented(name, "output", fields)}, mark="!")

    def second_price(self, question: Question) -> Response:
        """inquire-price-2 (FHPST01010000)."""
        self.check_market(question)
        name, listing = question.endpoint.name, self.listing(question)
        if listing is None:
            return quoted({"output": zeroed(name, "output")})
        quote = self._market.quote(listing.code, self._clock.now())
        return quoted({"output": documented(name, "output", second_price_fields(listing, quote))})

    def book(self, question: Question) -> Response:
        """inquire-asking-price-exp-ccn (FHKST01010200)."""
        self.check_market(question)
        name, listing = question.endpoint.name, self.listing(question)
        if listing is None:
            return quoted({output: zeroed(name, output) for output in ("output1", "output2")}, mark="!")
        now = self._clock.now()
        quote, book = self._market.quote(listing.code, now), self._market.book(listing.code, now)
        content = {
            "output1": documented(name, "output1", level_fields(quote, book)),
            "output2": documented(name, "output2", expected_fields(quote, book)),
        }
        return quoted(content, mark="!")

    def minutes(self, question: Question) -> Response:
        """inquire-time-itemchartprice (FHKST03010200): 30 one-minute rows of today."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        asked = parse_hour(question.field("FID_INPUT_HOUR_1") or NEWEST, now)
        if listing is None:
            return quoted({"output1": zeroed(name, "output1"), "output2": []})
        quote = self._market.quote(listing.code, now)
        rows = [documented(name, "output2", row) for row in minute_rows(self._market, quote, asked)]
        summary = documented(name, "output1", _summary(listing, quote))
        return quoted({"output1": summary, "output2": rows})

    def past_minutes(self, question: Question) -> Response:
        """inquire-time-dailychartprice (FHKST03010230): 120 one-minute rows of any day of a year."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        day = parse_day(question.field("FID_INPUT_DATE_1"), "FID_INPUT_DATE_1")
        until = parse_hour(question.field("FID_INPUT_HOUR_1"), datetime.combine(day, time(), KST))
        if "FID_FAKE_TICK_INCU_YN" not in question.fields:
            raise input_refused("OPSQ2001", "ERROR INPUT FIELD NOT FOUND [FID_FAKE_TICK_INCU_YN]")
        if listing is None:
            return quoted({"output1": zeroed(name, "output1"), "output2": []})
        rows = past_minute_rows(
            self._market,
            listing.code,
            until,
            now,
            back=question.field("FID_PW_DATA_INCU_YN").upper() == "Y",
            filled=question.field("FID_FAKE_TICK_INCU_YN").upper() == "Y",
        )
        summary = _summary(listing, self._market.quote(listing.code, now))
        return quoted(
            {
                "output1": documented(name, "output1", summary),
                "output2": [documented(name, "output2", row) for row in rows],
            }
        )

    def periods(self, question: Question) -> Response:
        """inquire-daily-itemchartprice (FHKST03010100): 100 bars of days, weeks, months or years."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        start, end = (
            parse_day(question.field(field), field) for field in ("FID_INPUT_DATE_1", "FID_INPUT_DATE_2")
        )
        period = period_of(question, "DWMY")
        if listing is None:
            return quoted({"output1": zeroed(name, "output1"), "output2": []})
        quote, book = self._market.quote(listing.code, now), self._market.book(listing.code, now)
        bars = period_bars(self._market, listing.code, start, end, period, now)
        snapshot = documented(name, "output1", _snapshot(listing, quote, book))
        rows = [documented(name, "output2", period_row(bar)) for bar in bars]
        return quoted({"output1": snapshot, "output2": rows})

    def trades(self, question: Question) -> Response:
        """inquire-ccnl (FHKST01010300): the latest 30 trades, newest first."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        if listing is None:
            return quoted({"output": []}, mark="!")
        quote = self._market.quote(listing.code, now)
        trades = self._market.trades(listing.code, now, _TRADE_ROWS)
        rows = [documented(name, "output", _trade_row(trade, quote)) for trade in trades]
        return quoted({"output": rows}, mark="!")

    def trades_until(self, question: Question) -> Response:
        """inquire-time-itemconclusion (FHPST01060000): the 30 trades at and before an hour of today."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        hour = question.field("FID_INPUT_HOUR_1") or NEWEST
        asked = parse_hour(hour, now)
        if listing is None:
            return quoted({"output1": zeroed(name, "output1"), "output2": []})
        quote = self._market.quote(listing.code, now)
        last_second = datetime.combine(quote.day, asked.time(), KST) + _SECOND  # the whole of it
        until = None if hour == NEWEST else last_second
        trades = self._market.trades(listing.code, now, _TRADE_ROWS, until=until)
        rows = [self._timed_row(trade, quote) for trade in trades]
        summary = change_fields(quote) | {
            "stck_prpr": str(quote.price),
            "acml_vol": str(quote.volume),
            "prdy_vol": str(quote.previous_volume),
            "rprs_mrkt_kor_name": listing.market,
        }
        return quoted(
            {
                "output1": documented(name, "output1", summary),
                "output2": [
                    documented(name, "output2", row) | {"stck_prpr": row["stck_pbpr"]} for row in rows
                ],
            }
        )

    def _timed_row(self, trade: Trade, quote: Quote) -> dict[str, str]:
        """A trade with the best ask and bid right after it."""
        book = self._market.book(quote.code, trade.at)
        row = _trade_row(trade, quote)
        return {name: row[name] for name in ("stck_cntg_hour", *_CHANGE, "tday_rltv")} | {
            "stck_pbpr": row["stck_prpr"],
            "askp": str(book.asks[0].price if book.asks else 0),
            "bidp": str(book.bids[0].price if book.bids else 0),
            "acml_vol": str(trade.total_volume),
            "cnqn": str(trade.volume),
        }

    def days(self, question: Question) -> Response:
        """inquire-daily-price (FHKST01010400): the latest 30 bars of days, weeks or months."""
        self.check_market(question)
        name, listing, now = question.endpoint.name, self.listing(question), self._clock.now()
        period = period_of(question, "DWM")
        if listing is None:
            return quoted({"output": []}, mark="!")
        bars = period_bars(self._market, listing.code, _LONG_AGO, now.date(), period, now)
        befores = [*bars[1:], None]
        pairs = list(zip(bars, befores, strict=True))[:_DAY_ROWS]
        rows = [
            _day_row(bar, before, listing) | {"frgn_ntby_qty": str(self._net_foreign(listing, bar, period))}
            for bar, before in pairs
        ]
        return quoted({"output": [documented(name, "output", row) for row in rows]}, mark="!")

    def _net_foreign(self, listing: ListingInfo, bar: DailyBar, period: str) -> int:
        """What foreigners bought net on a day that is over; 0 for longer bars (not added up)."""
        now = self._clock.now()
        running = bar.day == self._market.session_day(now) and self._market.phase(now) is not Phase.CLOSED
        return 0 if running or period != "D" else net_foreign(listing.code, bar.day, bar.volume)

    def check_market(self, question: Question) -> None:
        """Raises OPSQ2001 for a market division that this world does not know."""
        check_division(question.field("FID_COND_MRKT_DIV_CODE"), self._divisions)

    def listing(self, question: Question) -> ListingInfo | None:
        """The listing that a question is about, ``None`` for an unknown code."""
        return self._market.listing(question.field("FID_INPUT_ISCD"))


def past_reader(market: Market, clock: Clock) -> Callable[[str, date], Past]:
    """A function that reads a listing's extremes of the year before a session, and remembers them."""

    @lru_cache(maxsize=4096)
    def read(code: str, on: date) -> Past:
        yesterday = on - timedelta(days=1)
        bars = market.daily_bars_between(code, yesterday - _YEAR, yesterday, clock.now())
        return past_extremes(bars, on)

    return read


def divisions_of(mode: Mode, assumptions: Assumptions) -> Divisions:
    """The market divisions that a world knows."""
    return _WITH_NXT if mode is Mode.LIVE or assumptions.paper_takes_nxt else _WITHOUT_NXT


def check_division(code: str, divisions: Divisions) -> None:
    """Raises OPSQ2001 for a market division that is not one of these."""
    if code.upper() not in divisions:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_MRKT_DIV_CODE")


def quoted(content: Mapping[str, object], mark: str = ".") -> Response:
    """A quotation's success; the oldest of these APIs end their text with an exclamation mark."""
    return success(content, "MCA00000", f"정상처리 되었습니다{mark}")


def period_of(question: Question, known: str) -> str:
    """The letter of the period asked for; raises OPSQ2001 for one that is not among ``known``."""
    period = question.field("FID_PERIOD_DIV_CODE").upper()
    if len(period) != 1 or period not in known:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_PERIOD_DIV_CODE")
    return period


def _summary(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    return change_fields(quote) | {
        "stck_prdy_clpr": str(quote.base),
        "acml_vol": str(quote.volume),
        "acml_tr_pbmn": str(quote.value),
        "hts_kor_isnm": listing.name,
        "stck_prpr": str(quote.price),
    }


def _snapshot(listing: ListingInfo, quote: Quote, book: Book) -> dict[str, str]:
    before = quote.previous
    return {
        **_summary(listing, quote),
        **value_fields(listing, quote),
        "stck_shrn_iscd": listing.code,
        "prdy_vol": str(quote.previous_volume),
        "stck_mxpr": str(quote.upper),
        "stck_llam": str(quote.lower),
        "stck_oprc": str(quote.open),
        "stck_hgpr": str(quote.high),
        "stck_lwpr": str(quote.low),
        "stck_prdy_oprc": str(before.open if before else 0),
        "stck_prdy_hgpr": str(before.high if before else 0),
        "stck_prdy_lwpr": str(before.low if before else 0),
        "askp": str(book.asks[0].price if book.asks else 0),
        "bidp": str(book.bids[0].price if book.bids else 0),
        "prdy_vrss_vol": str(quote.volume - quote.previous_volume),
        "itewhol_loan_rmnd_ratem": rate(figures_of(listing).credit_percent),
    }


def _trade_row(trade: Trade, quote: Quote) -> dict[str, str]:
    change = trade.price - quote.base
    return {
        "stck_cntg_hour": clock_time(trade.at),
        "stck_prpr": str(trade.price),
        "prdy_vrss": str(change),
        "prdy_vrss_sign": sign(
            change, at_upper=trade.price == quote.upper, at_lower=trade.price == quote.lower
        ),
        "cntg_vol": str(trade.volume),
        "tday_rltv": rate(trade.strength),
        "prdy_ctrt": share(change, quote.base),
    }


def _day_row(bar: DailyBar, before: DailyBar | None, listing: ListingInfo) -> dict[str, str]:
    change = bar.close - bar.base
    return {
        "stck_bsop_date": day(bar.day),
        "stck_oprc": str(bar.open),
        "stck_hgpr": str(bar.high),
        "stck_lwpr": str(bar.low),
        "stck_clpr": str(bar.close),
        "acml_vol": str(bar.volume),
        "prdy_vrss_vol_rate": share(bar.volume - before.volume, before.volume) if before else "0.00",
        "prdy_vrss": str(change),
        "prdy_vrss_sign": sign(change),
        "prdy_ctrt": share(change, bar.base),
        "hts_frgn_ehrt": rate(figures_of(listing).foreign_percent),
        "flng_cls_code": "00",
        "acml_prtt_rate": "1.00",
    }
