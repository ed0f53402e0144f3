"""etfetn inquire-price: an exchange-traded fund, its price beside the net asset value of a share (NAV).

The market knows no NAV: it is made to lie within a seventh of a percent of the price, each day at another
distance. This room changes when KIS changes that answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date

from kis_sync.clock import Clock
from kis_sync.market.hours import previous_trading_day
from kis_sync.market.ticks import Listing
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import day, documented, rate, share, sign, zeroed
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Quote
from kis_sync.sim.question import Question
from kis_sync.sim.routes.price import change_fields, collateral_value, extreme_fields, figures_of, in_eok
from kis_sync.sim.routes.quotations import Divisions, check_division, past_reader, quoted

_FARTHEST = 0.15  # percent between price and NAV
_CREATION_UNIT = 50_000
_MANAGERS = {"KODEX": "삼성자산운용(ETF)", "TIGER": "미래에셋자산운용(ETF)"}


class Funds:
    """Answers about funds at the clock's present."""

    def __init__(self, market: Market, clock: Clock, divisions: Divisions) -> None:
        self._market = market
        self._clock = clock
        self._divisions = divisions
        self._past = past_reader(market, clock)

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {"etfetn.inquire_price": self.price}

    def price(self, question: Question) -> Response:
        """etfetn inquire-price (FHPST02400000); zeros for a code that is no fund."""
        check_division(question.field("FID_COND_MRKT_DIV_CODE"), self._divisions)
        name, listing = question.endpoint.name, self._market.listing(question.field("FID_INPUT_ISCD"))
        if listing is None or listing.kind is not Listing.FUND:
            return quoted({"output": zeroed(name, "output")})
        quote = self._market.quote(listing.code, self._clock.now())
        this_year = {"year": self._past(listing.code, quote.day)["year"]}
        fields = {
            **_price_fields(listing, quote),
            **_value_fields(listing, quote),
            **_holding_fields(listing, quote),
            **extreme_fields(quote, this_year),
            **_plain_fields(listing),
            "stck_lstn_date": day(self._market.listed_on(listing.code, quote.at)),
        }
        return quoted({"output": documented(name, "output", fields)})


def _distance(code: str, on: date) -> float:
    """How far the price lies above NAV on a day, percent."""
    drawn = hashlib.sha256(f"{code}:{on}".encode()).digest()[0]
    return (drawn / 255 - 0.5) * 2 * _FARTHEST


def net_asset_value(price: int, code: str, on: date) -> float:
    """NAV of a share on a day, won with two decimals."""
    return round(price / (1 + _distance(code, on) / 100), 2)


def _price_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    levels = {"oprc": quote.open, "hgpr": quote.high, "lwpr": quote.low}
    fields = {f"stck_{name}": str(level) for name, level in levels.items()}
    fields |= {
        f"prdy_clpr_vrss_{name}_rate": share(level - quote.base if level else 0, quote.base)
        for name, level in levels.items()
    }
    return fields | {
        **change_fields(quote),
        "stck_prpr": str(quote.price),
        "acml_vol": str(quote.volume),
        "prdy_vol": str(quote.previous_volume),
        "stck_mxpr": str(quote.upper),
        "stck_llam": str(quote.lower),
        "stck_prdy_clpr": str(quote.base),
        "stck_sdpr": str(quote.base),
        "stck_sspr": str(collateral_value(quote)),
        "lstn_stcn": str(listing.listed_shares),
        "vi_cls_code": "N",
    }


def _value_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    before = net_asset_value(quote.base, quote.code, previous_trading_day(quote.day))
    nav = net_asset_value(quote.price, quote.code, quote.day)
    change = round(nav - before, 2)
    return {
        "prdy_last_nav": rate(before),
        "nav": rate(nav),
        "nav_prdy_vrss": rate(change),
        "nav_prdy_vrss_sign": sign(round(change * 100)),
        "nav_prdy_ctrt": share(change, before),
        "dprt": share(quote.price - nav, nav),
        "etf_crcl_stcn": str(listing.listed_shares),
        "etf_ntas_ttam": in_eok(int(before * listing.listed_shares)),
    }


def _holding_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    held = int(listing.listed_shares * figures_of(listing).foreign_percent / 100)
    return {
        "frgn_limt_rate": "100.0000",
        "frgn_oder_able_qty": str(listing.listed_shares - held),
        "frgn_hldn_qty": str(held),
        "frgn_hldn_qty_rate": share(held, listing.listed_shares),
        "nmix_ctrt": rate(quote.change_percent),
    }


def _plain_fields(listing: ListingInfo) -> dict[str, str]:
    """What is the same at all times; most of it is unknown to the market, and so as good as empty."""
    zeros = (
        "etf_frcr_ntas_ttam etf_crcl_ntas_ttam etf_frcr_crcl_ntas_ttam etf_frcr_last_ntas_wrth_val "
        "mtrt_date lp_hldn_vol etf_cnfg_issu_cnt"
    )
    inverse = listing.beta < 0
    return dict.fromkeys(zeros.split(), "0") | {
        "trc_errt": "0.00",
        "etf_cu_unit_scrt_cnt": str(_CREATION_UNIT),
        "etf_dvdn_cycl": "2",
        "crcd": "KRW",
        "lp_oder_able_cls_code": "N",
        "bstp_kor_isnm": "ETF(실물복제/수익증권)",
        "etf_trc_ert_mltp": "-1.00" if inverse else "1.00",
        "mbcr_name": _MANAGERS.get(listing.name.split()[0], ""),
        "shrg_type_code": "  ",
        "lp_hldn_rate": "0.00",
        "etf_div_name": "수익증권형",
    }
