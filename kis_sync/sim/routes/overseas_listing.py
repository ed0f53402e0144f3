"""What a share abroad is: the reading of its codes, and search-info (CTPF1702R).

This room changes when KIS changes that answer, or names exchanges in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kis_sync.clock import KST, Clock
from kis_sync.sim.door.wire import RefusalError, Response, success
from kis_sync.sim.formats import documented
from kis_sync.sim.prices.overseas import OverseasMarket, OverseasQuote
from kis_sync.sim.prices.overseas_listings import (
    DAY_MARKETS,
    EXCHANGES,
    KNOWN_CODES,
    OverseasListing,
    load_overseas,
)
from kis_sync.sim.question import Question, input_refused


class OverseasListings:
    """Answers about listings abroad."""

    def __init__(self, market: OverseasMarket, clock: Clock) -> None:
        self._market = market
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {"overseas_price.search_info": self.listing}

    def listing(self, question: Question) -> Response:
        """overseas search-info (CTPF1702R); KIER2620 for what is not known (assumed, as at home)."""
        found = find_product(question.field("PRDT_TYPE_CD"), question.field("PDNO"))
        if found is None:
            raise not_found()
        quote = self._market.quote(found, self._clock.now())
        fields = _listing_fields(found, quote)
        output = documented(question.endpoint.name, "output", fields)
        return success({"output": output}, "KIOK0530", "조회되었습니다", padded=True)


def find_product(product_type: str, symbol: str) -> OverseasListing | None:
    """The listing that a product type and a symbol name."""
    for exchange in EXCHANGES.values():
        if exchange.product_type == product_type:
            return load_overseas().get((exchange.code, symbol.upper()))
    return None


def not_found() -> RefusalError:
    """The refusal by which clients know that a search has found nothing."""
    return RefusalError("KIER2620", "조회할 자료가 없습니다.", rt_cd="7", status=200, padded=True)


def wanted(question: Question) -> OverseasListing | None:
    """The listing that EXCD and SYMB name; raises OPSQ2001 for an exchange that is not documented."""
    code = question.field("EXCD").upper()
    if code not in KNOWN_CODES:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_EXCD")
    home = DAY_MARKETS[code].code if code in DAY_MARKETS else code
    return load_overseas().get((home, question.field("SYMB").upper()))


def realtime_symbol(question: Question, found: OverseasListing) -> str:
    """rsym: D, or R on a day market, then EXCD and symbol."""
    code = question.field("EXCD").upper()
    return f"{'R' if code in DAY_MARKETS else 'D'}{code}{found.symbol}"


def _listing_fields(found: OverseasListing, quote: OverseasQuote) -> dict[str, str]:
    exchange = found.exchange
    no = (
        "lstg_abol_item_yn ptp_item_yn ptp_item_trfx_exmt_yn sdrf_stop_ecls_yn mint_cblc_cvsn_ipsb_yn "
        "mint_svc_yn mint_dcpt_trad_psbl_yn mint_fnum_trad_psbl_yn"
    )
    return dict.fromkeys(no.split(), "N") | {
        "std_pdno": found.isin,
        "prdt_eng_name": found.english_name,
        "natn_cd": exchange.country,
        "natn_name": exchange.country_name,
        "tr_mket_cd": exchange.market,
        "tr_mket_name": exchange.name,
        "ovrs_excg_cd": exchange.order_code,
        "ovrs_excg_name": exchange.name,
        "tr_crcy_cd": exchange.currency,
        "ovrs_papr": "0.00000",
        "crcy_name": exchange.currency_name,
        "ovrs_stck_dvsn_cd": "03" if found.is_fund else "01",
        "prdt_clsf_cd": "101210",
        "prdt_clsf_name": "해외주식",
        "sll_unit_qty": "1",
        "buy_unit_qty": str(exchange.lot),
        "tr_unit_amt": "0",
        "lstg_stck_num": str(found.shares),
        "ovrs_stck_tr_stop_dvsn_cd": "01",
        "lstg_yn": "Y",
        "tax_levy_yn": "Y",
        "prdt_type_cd_2": exchange.product_type,
        "ovrs_item_name": found.name,
        "blbg_tckr_text": "",
        "ovrs_stck_etf_risk_drtp_cd": "001" if found.is_fund else "",
        "istt_usge_isin_cd": found.isin,
        "prdt_name": found.name,
        "mini_stk_tr_stat_dvsn_cd": "02",
        "dtm_tr_psbl_yn": "Y" if exchange.day_code else "N",
        "ovrs_now_pric1": found.written(quote.price),
        "last_rcvg_dtime": f"{quote.at.astimezone(KST):%Y%m%d%H%M%S}",
    }
