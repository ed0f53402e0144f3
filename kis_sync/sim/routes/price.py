"""inquire-price: the 80 fields of a stock's present state.

This room changes when KIS changes that answer or the market can tell more of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from kis_sync.market.price_limits import limit_width
from kis_sync.market.ticks import Listing
from kis_sync.sim.formats import day, rate, share, sign
from kis_sync.sim.prices.flows import net_foreign
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Phase, Quote

_FLAGS = ("oprc_rang_cont_yn", "elw_pblc_yn", "vi_cls_code", "invt_caful_yn", "short_over_yn", "sltr_yn")
_ALWAYS_NO = ("clpr_rang_cont_yn", "ovtm_vi_cls_code", "mang_issu_cls_code")
_PIVOTS = (
    "pvt_scnd_dmrs_prc",
    "pvt_frst_dmrs_prc",
    "pvt_pont_val",
    "pvt_frst_dmsp_prc",
    "pvt_scnd_dmsp_prc",
    "dmrs_val",
    "dmsp_val",
)
_EOK = 100_000_000  # KIS tells capital and market value in units of 100 million won


@dataclass(frozen=True, slots=True)
class Figures:
    """What the market does not model, drawn once and for all from the code: earnings and foreign holdings."""

    eps: int
    bps: int
    foreign_percent: float
    credit_percent: float


@lru_cache(maxsize=4096)
def figures_of(listing: ListingInfo) -> Figures:
    """The figures of a listing; a fund has no earnings."""
    digest = hashlib.sha256(listing.code.encode()).digest()
    foreign, credit = digest[0] * 55 / 255, digest[1] * 2 / 255
    if listing.kind is not Listing.STOCK:
        return Figures(0, 0, foreign, 0.0)
    eps = int(listing.price / (6 + digest[2] / 10))
    return Figures(eps, max(1, int(listing.price / (0.5 + digest[3] / 80))), foreign, credit)


def change_fields(quote: Quote) -> dict[str, str]:
    """The change against yesterday's close, as most quotation outputs begin."""
    return {
        "prdy_vrss": str(quote.change),
        "prdy_vrss_sign": quote_sign(quote),
        "prdy_ctrt": rate(quote.change_percent),
    }


def quote_sign(quote: Quote) -> str:
    """``prdy_vrss_sign`` of the last price."""
    return sign(quote.change, at_upper=quote.price == quote.upper, at_lower=quote.price == quote.lower)


def value_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    """Capital, market value and earnings."""
    figures = figures_of(listing)
    return {
        "cpfn": in_eok(listing.par * listing.listed_shares),
        "stck_fcam": str(listing.par),
        "lstn_stcn": str(listing.listed_shares),
        "hts_avls": in_eok(quote.price * listing.listed_shares),
        "per": rate(quote.price / figures.eps if figures.eps else 0.0),
        "pbr": rate(quote.price / figures.bps if figures.bps else 0.0),
        "eps": rate(figures.eps),
        "vol_tnrt": share(quote.volume, listing.listed_shares),
    }


def in_eok(won: int) -> str:
    """An amount in units of 100 million won, rounded as the documented examples are."""
    return str((won + _EOK // 2) // _EOK)


def collateral_value(quote: Quote) -> int:
    """What a share counts as collateral (대용가), won: about three quarters of the base price."""
    return quote.base * 76 // 1000 * 10


def price_fields(listing: ListingInfo, quote: Quote, past: Past) -> dict[str, str]:
    """All of inquire-price; ``past`` are the extremes up to yesterday."""
    return {
        **_state_fields(listing, quote),
        **change_fields(quote),
        **value_fields(listing, quote),
        **_session_fields(listing, quote),
        **_pivot_fields(quote),
        **_holding_fields(listing, quote),
        **extreme_fields(quote, past),
    }


def state_flags(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    """What a stock is at the moment, as far as both present states tell it."""
    return {
        "rprs_mrkt_kor_name": listing.market,
        "bstp_kor_isnm": listing.sector,
        "marg_rate": "100.00" if quote.halted else "20.00",
        "crdt_able_yn": "N" if quote.halted else "Y",
        "mrkt_warn_cls_code": "00",
    } | dict.fromkeys(_FLAGS, "N")


def _state_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    return state_flags(listing, quote) | {
        **dict.fromkeys(_ALWAYS_NO, "N"),
        "iscd_stat_cls_code": "58" if quote.halted else "55",
        "temp_stop_yn": "Y" if quote.halted else "N",
        "grmn_rate_cls_code": "40",
        "ssts_yn": "N" if quote.halted else "Y",
        "stck_shrn_iscd": listing.code,
        "stac_month": "12",
        "hts_deal_qty_unit_val": "1",
        "last_ssts_cntg_qty": "0",
        "apprch_rate": "0.00",
        "fcam_cnnm": f"{listing.par:,}",
        "cpfn_cnnm": f"{listing.par * listing.listed_shares // _EOK:,} 억",
        "aspr_unit": str(quote.tick),
    }


def _session_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    return {
        "stck_prpr": str(quote.price),
        "acml_vol": str(quote.volume),
        "acml_tr_pbmn": str(quote.value),
        "prdy_vrss_vol_rate": share(quote.volume, quote.previous_volume),
        "stck_oprc": str(quote.open),
        "stck_hgpr": str(quote.high),
        "stck_lwpr": str(quote.low),
        "stck_mxpr": str(quote.upper),
        "stck_llam": str(quote.lower),
        "stck_sdpr": str(quote.base),
        "rstc_wdth_prc": str(limit_width(quote.base, listing.kind)),
        "stck_sspr": str(collateral_value(quote)),
        "wghn_avrg_stck_prc": rate(quote.value / quote.volume if quote.volume else 0.0),
    }


def _pivot_fields(quote: Quote) -> dict[str, str]:
    """Pivot and DeMark levels from yesterday's bar, by their usual definitions."""
    bar = quote.previous
    if bar is None:
        return dict.fromkeys(_PIVOTS, "0")
    pivot, spread = (bar.high + bar.low + bar.close) / 3, bar.high - bar.low
    weighted = bar.low if bar.close < bar.open else bar.high if bar.close > bar.open else bar.close
    half = (bar.high + bar.low + bar.close + weighted) / 2
    levels = (
        pivot + spread,
        2 * pivot - bar.low,
        pivot,
        2 * pivot - bar.high,
        pivot - spread,
        half - bar.low,
        half - bar.high,
    )
    return {name: str(int(value)) for name, value in zip(_PIVOTS, levels, strict=True)}


def _holding_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    told = quote.phase is Phase.CLOSED  # who bought is known after the close
    figures = figures_of(listing)
    return {
        "hts_frgn_ehrt": rate(figures.foreign_percent),
        "frgn_hldn_qty": str(int(listing.listed_shares * figures.foreign_percent / 100)),
        "frgn_ntby_qty": str(net_foreign(quote.code, quote.day, quote.volume) if told else 0),
        "pgtr_ntby_qty": "0",
        "whol_loan_rmnd_rate": rate(figures.credit_percent),
        "bps": rate(figures.bps),
    }


class Extremes(NamedTuple):
    """The highest and the lowest price of some days, and when they were."""

    high: int
    high_day: date
    low: int
    low_day: date


Past = Mapping[str, Extremes | None]
"""The extremes of 250 sessions, of the calendar year and of 52 weeks, each without today."""

_SPANS = {
    "d250": "d250_{0}gpr d250_{0}gpr_date d250_{0}gpr_vrss_prpr_rate",
    "year": "stck_dryy_{0}gpr dryy_{0}gpr_date dryy_{0}gpr_vrss_prpr_rate",
    "w52": "w52_{0}gpr w52_{0}gpr_date w52_{0}gpr_vrss_prpr_ctrt",
}


def past_extremes(bars: Sequence[DailyBar], today: date) -> Past:
    """What ``price_fields`` wants to know of a year's daily bars, oldest first and without today."""
    spans = {
        "d250": bars[-249:],
        "year": [bar for bar in bars if bar.day.year == today.year],
        "w52": [bar for bar in bars if (today - bar.day).days <= 364],
    }
    return {span: _extremes_of(days) for span, days in spans.items()}


def _extremes_of(days: Sequence[DailyBar]) -> Extremes | None:
    if not days:
        return None
    top, bottom = max(days, key=lambda bar: bar.high), min(days, key=lambda bar: bar.low)
    return Extremes(top.high, top.day, bottom.low, bottom.day)


def extreme_fields(quote: Quote, past: Past) -> dict[str, str]:
    """The extremes of each span in ``past``, today's session included."""
    fields: dict[str, str] = {}
    today = (quote.high or quote.price, quote.low or quote.price)
    for span, before in past.items():
        names = _SPANS[span]
        known = before or Extremes(today[0], quote.day, today[1], quote.day)
        high = max((known.high, known.high_day), (today[0], quote.day), key=lambda each: each[0])
        low = min((known.low, known.low_day), (today[1], quote.day), key=lambda each: each[0])
        for letter, (price, on) in {"h": high, "l": low}.items():
            level, when, against = names.format(letter).replace("lgpr", "lwpr").split()
            fields |= {level: str(price), when: day(on), against: share(quote.price - price, price)}
    return fields
