"""The rankings of the simulated market: by volume, by change, by market value; 30 rows, no page after them.

Filters that the documents leave open are taken and change nothing: the margin classes, the "accumulated
days" and the "target" codes of the two younger rankings. This room changes when KIS changes one of these
answers, or another ranking is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import takewhile
from typing import NamedTuple, TypeVar

from kis_sync.clock import Clock
from kis_sync.market.ticks import Listing
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import clock_time, day, documented, rate, share, sign
from kis_sync.sim.prices.indices import INDICES, Indices
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Quote
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.price import change_fields, in_eok
from kis_sync.sim.routes.quotations import quoted

_T = TypeVar("_T")

ROWS = 30
_DIVISIONS = ("J", "NX", "UN")
_EVERYTHING = "0000"
_PREFERRED, _HALTED, _ETF, _NO_CREDIT = 4, 5, 6, 8  # places among the ten things that can be left out
_LONGEST_RUN = timedelta(days=45)


class Standing(NamedTuple):
    """One listing in a ranking."""

    info: ListingInfo
    quote: Quote

    @property
    def is_preferred(self) -> bool:
        """Preferred shares have a code that does not end in 0."""
        return self.info.kind is Listing.STOCK and not self.info.code.endswith("0")

    @property
    def worth(self) -> int:
        """Market value, won."""
        return self.quote.price * self.info.listed_shares

    def turnover_of_value(self) -> float:
        """Turnover of the day in percent of the market value."""
        return self.quote.value * 100 / self.worth

    def turnover_of_shares(self) -> float:
        """Shares traded in percent of those listed."""
        return self.quote.volume * 100 / self.info.listed_shares

    def against(self, level: int) -> float:
        """The last price against another, percent of that; 0 where there is none."""
        return (self.quote.price - level) * 100 / level if level else 0.0


Figure = Callable[[Standing], float]
_BY_VOLUME: Mapping[str, Figure] = {
    "0": lambda each: each.quote.volume,
    "1": lambda each: each.quote.volume / each.quote.previous_volume if each.quote.previous_volume else 0.0,
    "2": Standing.turnover_of_shares,
    "3": lambda each: each.quote.value,
    "4": Standing.turnover_of_value,
}
"""FID_BLNG_CLS_CODE: volume, its growth, turnover of shares, value, turnover of value."""


class Rankings:
    """Answers about the whole market at the clock's present."""

    def __init__(self, market: Market, indices: Indices, clock: Clock) -> None:
        self._market = market
        self._indices = indices
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.volume_rank": self.by_volume,
            "domestic_stock.fluctuation": self.by_change,
            "domestic_stock.market_cap": self.by_worth,
        }

    def by_volume(self, question: Question) -> Response:
        """volume-rank (FHPST01710000)."""
        _check(question, "20171")
        figure = _choice(question, "FID_BLNG_CLS_CODE", _BY_VOLUME)
        rows = [each for each in self._asked(question) if _stays(each, question)]
        rows.sort(key=lambda each: -figure(each))
        return self._answer(question, rows, _volume_fields)

    def by_change(self, question: Question) -> Response:
        """ranking/fluctuation (FHPST01700000)."""
        _check(question, "20170")
        figure, lowest_first = _change_figure(question)
        least, most = (_percent(question, f"FID_RSFL_RATE{n}") for n in (1, 2))
        rows = [
            each
            for each in self._asked(question)
            if each.quote.volume
            and (least is None or each.quote.change_percent >= least)
            and (most is None or each.quote.change_percent <= most)
        ]
        rows.sort(key=figure, reverse=not lowest_first)
        return self._answer(question, rows, self._change_fields)

    def by_worth(self, question: Question) -> Response:
        """ranking/market-cap (FHPST01740000): stocks only."""
        _check(question, "20174")
        now = self._clock.now()
        whole = sum(Standing(*each).worth for each in self._market.board(now) if _is_stock(each[0]))
        rows = [each for each in self._asked(question) if _is_stock(each.info)]
        rows.sort(key=lambda each: -each.worth)
        return self._answer(question, rows, lambda each: _worth_fields(each, whole))

    def _asked(self, question: Question) -> Iterable[Standing]:
        """The listings of the market, kind, price and volume asked for."""
        code = question.field("FID_INPUT_ISCD")
        chosen: set[str] | None = None
        if code != _EVERYTHING:
            chosen = {info.code for info in self._indices.members(code)} if code in INDICES else set()
        kind = _choice(question, "FID_DIV_CLS_CODE", {"0": None, "1": False, "2": True})
        low, high, volume = (
            _number(question, name) for name in ("FID_INPUT_PRICE_1", "FID_INPUT_PRICE_2", "FID_VOL_CNT")
        )
        for info, quote in self._market.board(self._clock.now()):
            each = Standing(info, quote)
            fits = chosen is None or info.code in chosen
            fits = fits and (kind is None or (_is_stock(info) and each.is_preferred is kind))
            if fits and low <= quote.price <= (high or quote.price) and quote.volume >= volume:
                yield each

    def _answer(
        self, question: Question, rows: list[Standing], fields: Callable[[Standing], dict[str, str]]
    ) -> Response:
        name = question.endpoint.name
        shown = [
            documented(name, "output", fields(each) | {"data_rank": str(rank)})
            for rank, each in enumerate(rows[:ROWS], 1)
        ]
        return quoted({"output": shown})

    def _change_fields(self, each: Standing) -> dict[str, str]:
        quote = each.quote
        against_open = quote.price - quote.open
        up, down = self._runs(quote)
        times = self._market.extreme_times(quote.code, quote.at)
        high_at, low_at = (clock_time(moment) for moment in times) if times else ("", "")
        return {
            **change_fields(quote),
            "stck_shrn_iscd": quote.code,
            "hts_kor_isnm": each.info.name,
            "stck_prpr": str(quote.price),
            "acml_vol": str(quote.volume),
            "stck_hgpr": str(quote.high),
            "hgpr_hour": high_at,
            "acml_hgpr_date": day(quote.day),
            "stck_lwpr": str(quote.low),
            "lwpr_hour": low_at,
            "acml_lwpr_date": day(quote.day),
            "lwpr_vrss_prpr_rate": rate(each.against(quote.low)),
            "hgpr_vrss_prpr_rate": rate(each.against(quote.high)),
            "dsgt_date_clpr_vrss_prpr_rate": rate(quote.change_percent),
            "cnnt_ascn_dynu": str(up),
            "cnnt_down_dynu": str(down),
            "oprc_vrss_prpr_sign": sign(against_open),
            "oprc_vrss_prpr": str(against_open),
            "oprc_vrss_prpr_rate": rate(each.against(quote.open)),
            "prd_rsfl": "0",
            "prd_rsfl_rate": "0.00",
        }

    def _runs(self, quote: Quote) -> tuple[int, int]:
        """How many sessions in a row, this one included, closed higher, and how many lower."""
        bars = self._market.daily_bars_between(quote.code, quote.day - _LONGEST_RUN, quote.day, quote.at)
        changes = [bar.close - bar.base for bar in reversed(bars)]
        up = sum(1 for _ in takewhile(lambda change: change > 0, changes))
        return up, sum(1 for _ in takewhile(lambda change: change < 0, changes))


def _is_stock(info: ListingInfo) -> bool:
    return info.kind is Listing.STOCK


def _check(question: Question, screen: str) -> None:
    """Raises OPSQ2001 for another division or screen than this ranking has (the text is assumed)."""
    if question.field("FID_COND_MRKT_DIV_CODE").upper() not in _DIVISIONS:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_MRKT_DIV_CODE")
    if question.field("FID_COND_SCR_DIV_CODE") != screen:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_SCR_DIV_CODE")


def _choice(question: Question, name: str, known: Mapping[str, _T]) -> _T:
    """What the code in a field stands for; raises OPSQ2001 for one that is not documented."""
    code = question.field(name)
    if code not in known:
        raise input_refused("OPSQ2001", f"ERROR : INPUT INVALID_CHECK_{name.removeprefix('FID_')}")
    return known[code]


def _number(question: Question, name: str) -> int:
    """A price or a number of shares; blank is 0, which means no limit. Raises OPSQ2001 for anything else."""
    text = question.field(name) or "0"
    if not (text.isascii() and text.isdecimal()):
        raise input_refused("OPSQ2001", f"ERROR : INPUT INVALID_CHECK_{name.removeprefix('FID_')}")
    return int(text)


def _percent(question: Question, name: str) -> float | None:
    text = question.field(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise input_refused("OPSQ2001", f"ERROR : INPUT INVALID_CHECK_{name.removeprefix('FID_')}") from None


def _stays(each: Standing, question: Question) -> bool:
    """Whether a listing is none of the things that FID_TRGT_EXLS_CLS_CODE leaves out (1 at their places)."""
    left_out = question.field("FID_TRGT_EXLS_CLS_CODE").ljust(10, "0")
    traits = {
        _PREFERRED: each.is_preferred,
        _HALTED: each.info.halted,
        _ETF: not _is_stock(each.info),
        _NO_CREDIT: each.info.halted,
    }
    return not any(left_out[place] == "1" and has for place, has in traits.items())


def _change_figure(question: Question) -> tuple[Figure, bool]:
    """What to rank by, and whether the lowest comes first, from the sort and the price code."""
    against_close = _choice(question, "FID_PRC_CLS_CODE", {"0": False, "1": True})
    sorts: dict[str, tuple[Figure, bool]] = {
        "0": (lambda each: each.against(each.quote.base if against_close else each.quote.low), False),
        "1": (lambda each: each.against(each.quote.base if against_close else each.quote.high), True),
        "2": (lambda each: each.against(each.quote.open), False),
        "3": (lambda each: each.against(each.quote.open), True),
        "4": (lambda each: (each.quote.high - each.quote.low) * 100 / each.quote.base, False),
    }
    return _choice(question, "FID_RANK_SORT_CLS_CODE", sorts)


def _volume_fields(each: Standing) -> dict[str, str]:
    """A row of volume-rank; what is said of N days is of today, as in the documented example."""
    quote, shares, value = each.quote, rate(each.turnover_of_shares()), rate(each.turnover_of_value())
    return {
        **change_fields(quote),
        "hts_kor_isnm": each.info.name,
        "mksc_shrn_iscd": quote.code,
        "stck_prpr": str(quote.price),
        "acml_vol": str(quote.volume),
        "prdy_vol": str(quote.previous_volume),
        "lstn_stcn": str(each.info.listed_shares),
        "avrg_vol": str(quote.volume),
        "n_befr_clpr_vrss_prpr_rate": rate(quote.change_percent),
        "vol_inrt": share(quote.volume, quote.previous_volume),
        "vol_tnrt": shares,
        "nday_vol_tnrt": shares,
        "avrg_tr_pbmn": str(quote.value),
        "tr_pbmn_tnrt": value,
        "nday_tr_pbmn_tnrt": value,
        "acml_tr_pbmn": str(quote.value),
    }


def _worth_fields(each: Standing, whole: int) -> dict[str, str]:
    quote = each.quote
    return {
        **change_fields(quote),
        "mksc_shrn_iscd": quote.code,
        "hts_kor_isnm": each.info.name,
        "stck_prpr": str(quote.price),
        "acml_vol": str(quote.volume),
        "lstn_stcn": str(each.info.listed_shares),
        "stck_avls": in_eok(each.worth),
        "mrkt_whol_avls_rlim": share(each.worth, whole),
    }
