"""The index APIs: an index at present, and its bars of days, weeks, months or years.

KIS tells the volume of an index in 1,000 shares and its turnover in million won. This room changes when KIS
changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from kis_sync.clock import Clock
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import day, documented, rate, share, sign, zeroed
from kis_sync.sim.prices.history import PERIOD_OF
from kis_sync.sim.prices.indices import INDICES, IndexBar, IndexQuote, Indices, aggregate_index
from kis_sync.sim.prices.market import Market
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.charts import parse_day
from kis_sync.sim.routes.quotations import period_of, quoted

PERIOD_ROWS = 50
_SECTOR = "U"
_DAYS_IN = {"D": 2, "W": 7, "M": 31, "Y": 366}  # two a day for weekends and holidays


class IndexQuotes:
    """Answers about indices at the clock's present."""

    def __init__(self, market: Market, indices: Indices, clock: Clock) -> None:
        self._market = market
        self._indices = indices
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_index_price": self.price,
            "domestic_stock.inquire_daily_indexchartprice": self.periods,
        }

    def price(self, question: Question) -> Response:
        """inquire-index-price (FHPUP02100000); zeros for an index that is not simulated."""
        name, code = question.endpoint.name, _index(question)
        if code is None:
            return quoted({"output": zeroed(name, "output")})
        now = self._clock.now()
        quote = self._indices.quote(code, now)
        books = [self._market.book(each.code, now) for each in self._indices.members(code)]
        asked, bid = sum(book.total_ask for book in books), sum(book.total_bid for book in books)
        bars = self._indices.daily_bars(code, date(quote.bar.day.year, 1, 1), quote.bar.day, now)
        fields = {
            **_present_fields(quote),
            **_level_fields(quote),
            **_count_fields(quote),
            **_year_fields(quote, bars),
            "total_askp_rsqn": str(asked),
            "total_bidp_rsqn": str(bid),
            "seln_rsqn_rate": share(asked, asked + bid),
            "shnu_rsqn_rate": share(bid, asked + bid),
            "ntby_rsqn": str(bid - asked),
        }
        return quoted({"output": documented(name, "output", fields)})

    def periods(self, question: Question) -> Response:
        """inquire-daily-indexchartprice (FHKUP03500100): at most 50 bars, newest first."""
        name, code, now = question.endpoint.name, _index(question), self._clock.now()
        start, end = (parse_day(question.field(field), field) for field in _RANGE)
        period = period_of(question, "DWMY")
        if code is None:
            return quoted({"output1": zeroed(name, "output1"), "output2": []})
        end = min(end, self._market.session_day(now))
        reach = timedelta(days=_DAYS_IN[period] * (PERIOD_ROWS + 1))
        start = max(start, end - min(reach, end - date(1900, 1, 1)))
        daily = self._indices.daily_bars(code, start, end, now)
        bars = aggregate_index(daily, [PERIOD_OF[period](bar.day) for bar in daily])
        quote = self._indices.quote(code, now)
        rows = [documented(name, "output2", _bar_row(bar)) for bar in bars[: -PERIOD_ROWS - 1 : -1]]
        return quoted({"output1": documented(name, "output1", _summary(quote)), "output2": rows})


_SHOWN_TWICE = (
    "prdy_vrss_sign",
    "bstp_nmix_prdy_ctrt",
    "acml_vol",
    "acml_tr_pbmn",
    "bstp_nmix_prpr",
    "prdy_vol",
)
_RANGE = ("FID_INPUT_DATE_1", "FID_INPUT_DATE_2")


def _index(question: Question) -> str | None:
    """The simulated index that a question names; raises OPSQ2001 for another division than U."""
    if question.field("FID_COND_MRKT_DIV_CODE").upper() != _SECTOR:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_MRKT_DIV_CODE")
    code = question.field("FID_INPUT_ISCD")
    return code if code in INDICES else None


def index_change(quote: IndexQuote) -> float:
    """The last level less yesterday's."""
    return round(quote.bar.close - quote.bar.base, 2)


def level_sign(change: float) -> str:
    """The sign of a change of an index."""
    return sign(round(change * 100))


def thousands(shares: int) -> str:
    """Shares in units of 1,000."""
    return str(shares // 1_000)


def millions(won: int) -> str:
    """Won in units of a million."""
    return str(won // 1_000_000)


def _present_fields(quote: IndexQuote) -> dict[str, str]:
    bar, change = quote.bar, index_change(quote)
    return {
        "bstp_nmix_prpr": rate(bar.close),
        "bstp_nmix_prdy_vrss": rate(change),
        "prdy_vrss_sign": level_sign(change),
        "bstp_nmix_prdy_ctrt": share(change, bar.base),
        "acml_vol": thousands(bar.volume),
        "prdy_vol": thousands(quote.previous.volume),
        "acml_tr_pbmn": millions(bar.value),
        "prdy_tr_pbmn": millions(quote.previous.value),
    }


def _level_fields(quote: IndexQuote) -> dict[str, str]:
    """Open, high and low, each against yesterday's close (the signs too, as in the documented example)."""
    fields: dict[str, str] = {}
    for level, name, against, percent in (
        (quote.bar.open, "oprc", "prdy_nmix_vrss_nmix_oprc", "bstp_nmix_oprc_prdy_ctrt"),
        (quote.bar.high, "hgpr", "prdy_nmix_vrss_nmix_hgpr", "bstp_nmix_hgpr_prdy_ctrt"),
        (quote.bar.low, "lwpr", "prdy_clpr_vrss_lwpr", "prdy_clpr_vrss_lwpr_rate"),
    ):
        change = round(level - quote.bar.base, 2) if quote.traded else 0.0
        fields |= {
            f"bstp_nmix_{name}": rate(level if quote.traded else 0.0),
            against: rate(change),
            f"{name}_vrss_prpr_sign": level_sign(change),
            percent: share(change, quote.bar.base),
        }
    return fields


def _count_fields(quote: IndexQuote) -> dict[str, str]:
    counts = quote.counts
    return {
        "ascn_issu_cnt": str(counts.up),
        "uplm_issu_cnt": str(counts.at_upper),
        "stnr_issu_cnt": str(counts.flat),
        "down_issu_cnt": str(counts.down),
        "lslm_issu_cnt": str(counts.at_lower),
    }


def _year_fields(quote: IndexQuote, bars: list[IndexBar]) -> dict[str, str]:
    """The year's extremes; their rates say how far they lie from the last level, in percent of themselves."""
    bars = bars or [quote.bar]
    top, bottom = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
    fields: dict[str, str] = {}
    for name, level, on in (("hgpr", top.high, top.day), ("lwpr", bottom.low, bottom.day)):
        fields |= {
            f"dryy_bstp_nmix_{name}": rate(level),
            f"dryy_{name}_vrss_prpr_rate": share(level - quote.bar.close, level),
            f"dryy_bstp_nmix_{name}_date": day(on),
        }
    return fields


def _summary(quote: IndexQuote) -> dict[str, str]:
    present, before = _present_fields(quote), quote.previous
    levels = _level_fields(quote)
    return {name: present[name] for name in _SHOWN_TWICE} | {
        "prdy_nmix": rate(quote.bar.base),
        "hts_kor_isnm": quote.info.name,
        "bstp_cls_code": quote.info.code,
        **{f"bstp_nmix_{name}": levels[f"bstp_nmix_{name}"] for name in ("oprc", "hgpr", "lwpr")},
        "futs_prdy_oprc": rate(before.open),
        "futs_prdy_hgpr": rate(before.high),
        "futs_prdy_lwpr": rate(before.low),
    }


def _bar_row(bar: IndexBar) -> dict[str, str]:
    return {
        "stck_bsop_date": day(bar.day),
        "bstp_nmix_prpr": rate(bar.close),
        "bstp_nmix_oprc": rate(bar.open),
        "bstp_nmix_hgpr": rate(bar.high),
        "bstp_nmix_lwpr": rate(bar.low),
        "acml_vol": thousands(bar.volume),
        "acml_tr_pbmn": millions(bar.value),
        "mod_yn": "N",
    }
