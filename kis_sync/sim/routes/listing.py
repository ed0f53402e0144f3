"""search-info and search-stock-info: what a listing is, whatever its price.

English names (of Korean listings), codes of sectors and other master data that the market does not know stay
blank. This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from kis_sync.clock import Clock
from kis_sync.market.hours import previous_trading_day
from kis_sync.market.ticks import Listing
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import day, documented
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Phase
from kis_sync.sim.prices.overseas_listings import OverseasListing
from kis_sync.sim.question import Question
from kis_sync.sim.routes.overseas_listing import find_product, not_found
from kis_sync.sim.routes.price import collateral_value

MARKET_CODES = {"KOSPI": "02", "KOSDAQ": "03"}
"""excg_dvsn_cd of a listing."""

_STOCKS = "300"  # PRDT_TYPE_CD of everything that trades on KRX as a stock does; the rest is not simulated
_MARKET_IDS = {"KOSPI": "STK", "KOSDAQ": "KSQ"}


class Listings:
    """Answers about listings."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market = market
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.search_info": self.product,
            "domestic_stock.search_stock_info": self.stock,
        }

    def product(self, question: Question) -> Response:
        """search-info (CTPF1604R), for what is listed abroad too."""
        abroad = find_product(question.field("PRDT_TYPE_CD"), question.field("PDNO"))
        if abroad is not None:
            return _found(question, _names_abroad(abroad))
        now = self._clock.now()
        return _found(question, self._names(self._wanted(question), now))

    def stock(self, question: Question) -> Response:
        """search-stock-info (CTPF1002R)."""
        now, listing = self._clock.now(), self._wanted(question)
        names = self._names(listing, now)
        shared = {field: names[field] for field in names.keys() & set(_SHARED)}
        return _found(question, shared | self._master(listing, now))

    def _wanted(self, question: Question) -> ListingInfo:
        """The listing asked for; raises the refusal by which clients know that there is none."""
        listing = self._market.listing(question.field("PDNO"))
        if listing is None or question.field("PRDT_TYPE_CD") != _STOCKS:
            raise not_found()
        return listing

    def _names(self, listing: ListingInfo, now: datetime) -> dict[str, str]:
        is_fund = listing.kind is Listing.FUND
        return {
            "pdno": f"00000A{listing.code}",
            "prdt_type_cd": _STOCKS,
            "prdt_name": listing.name,
            "prdt_name120": listing.name,
            "prdt_abrv_name": listing.name,
            "std_pdno": listing.isin,
            "shtn_pdno": listing.code,
            "prdt_clsf_name": "ETF" if is_fund else "주권",
            "ivst_prdt_type_cd_name": "ETF" if is_fund else "주식",
            "frst_erlm_dt": day(self._market.listed_on(listing.code, now)),
        }

    def _master(self, listing: ListingInfo, now: datetime) -> dict[str, str]:
        quote = self._market.quote(listing.code, now)
        closed = quote.phase is Phase.CLOSED
        own = "scts_mket_lstg_dt" if listing.market == "KOSPI" else "kosdaq_mket_lstg_dt"
        collateral, is_fund = str(collateral_value(quote)), listing.kind is Listing.FUND
        return {
            **dict.fromkeys(_ALWAYS_NO, "N"),
            **dict.fromkeys(_ALWAYS_YES, "Y"),
            **dict.fromkeys(_ALWAYS_ZERO, "0"),
            own: day(self._market.listed_on(listing.code, now)),
            "mket_id_cd": _MARKET_IDS[listing.market],
            "scty_grp_id_cd": "EF" if is_fund else "ST",
            "excg_dvsn_cd": MARKET_CODES[listing.market],
            "setl_mmdd": "12",
            "lstg_stqt": str(listing.listed_shares),
            "cpta": str(listing.par * listing.listed_shares),
            "papr": str(listing.par),
            "issu_pric": str(listing.par),
            "etf_dvsn_cd": "1" if is_fund else "0",
            "stck_kind_cd": _share_kind(listing),
            "etf_txtn_type_cd": "00",
            "nwst_odst_dvsn_cd": "1",
            "sbst_pric": collateral,
            "thco_sbst_pric": collateral,
            "thco_sbst_pric_chng_dt": day(quote.day),
            "tr_stop_yn": "Y" if listing.halted else "N",
            "nxt_tr_stop_yn": "Y" if listing.halted else "N",
            "thdt_clpr": str(quote.price if closed else quote.base),
            "bfdy_clpr": str(quote.base),
            "clpr_chng_dt": day(quote.day if closed else previous_trading_day(quote.day)),
            "idx_bztp_mcls_cd_name": listing.sector,
            "idx_bztp_scls_cd_name": listing.sector,
            "issu_istt_cd": listing.code[:5],
            "frnr_psnl_lmt_rt": "0.00000000",
        }


_SHARED = ("pdno", "prdt_type_cd", "prdt_name", "prdt_name120", "prdt_abrv_name", "std_pdno")
_ALWAYS_NO = (
    "oilf_fund_yn",
    "admn_item_yn",
    "crfd_item_yn",
    "etf_etn_ivst_heed_item_yn",
)
_ALWAYS_YES = ("dpsi_aptm_erlm_yn", "elec_scty_yn", "cptt_trad_tr_psbl_yn")
_ALWAYS_ZERO = ("lstg_cptl_amt", "etf_cu_qty", "etf_chas_erng_rt_dbnb")


def _share_kind(listing: ListingInfo) -> str:
    """101 common share, 201 preferred share (whose code does not end in 0), 000 neither."""
    if listing.kind is Listing.FUND:
        return "000"
    return "101" if listing.code.endswith("0") else "201"


def _names_abroad(listing: OverseasListing) -> dict[str, str]:
    return {
        "pdno": listing.symbol,
        "prdt_type_cd": listing.exchange.product_type,
        "prdt_name": listing.name,
        "prdt_name120": listing.name,
        "prdt_abrv_name": listing.name,
        "prdt_eng_name": listing.english_name,
        "prdt_eng_name120": listing.english_name,
        "prdt_eng_abrv_name": listing.english_name,
        "std_pdno": listing.isin,
        "shtn_pdno": listing.symbol,
        "prdt_clsf_cd": "101210",
        "prdt_clsf_name": "해외주식",
        "ivst_prdt_type_cd_name": "해외주식",
    }


def _found(question: Question, fields: Mapping[str, str]) -> Response:
    output = documented(question.endpoint.name, "output", fields)
    return success({"output": output}, "KIOK0530", "조회되었습니다", padded=True)
