"""inquire-price-2: the other present state of a stock, with each price against yesterday's close.

This room changes when KIS changes that answer.
"""

from __future__ import annotations

from kis_sync.sim.formats import rate, share, sign
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Quote
from kis_sync.sim.routes.price import change_fields, state_flags

_ALWAYS_NO = (
    "mang_issu_yn",
    "stange_runup_yn",
    "low_current_yn",
    "insn_pbnt_yn",
    "vlnt_fin_cls_code",
)
_BLANK = {
    "divi_app_cls_code": 2,
    "ssts_hot_yn": 1,
    "short_over_cls_code": 10,
    "new_lstn_cls_name": 8,
    "vlnt_deal_cls_name": 1,
}
"""Fields that the documented example fills with blanks, and how many."""


def second_price_fields(listing: ListingInfo, quote: Quote) -> dict[str, str]:
    """All of inquire-price-2; what the documents say is sent "in certain cases only" stays blank."""
    return {
        **dict.fromkeys(_ALWAYS_NO, "N"),
        **{name: " " * width for name, width in _BLANK.items()},
        **state_flags(listing, quote),
        **change_fields(quote),
        **_level_fields(quote),
        "mxpr_llam_cls_code": _limit_code(quote),
        "crdt_rate": "0.00" if quote.halted else "20.00",
        "stck_mxpr": str(quote.upper),
        "stck_llam": str(quote.lower),
        "stck_sdpr": str(quote.base),
        "stck_prdy_clpr": str(quote.base),
        "stck_prpr": str(quote.price),
        "acml_tr_pbmn": str(quote.value),
        "acml_vol": str(quote.volume),
        "prdy_vol": str(quote.previous_volume),
        "prdy_vrss_vol_rate": share(quote.volume, quote.previous_volume),
        "bstp_cls_code": listing.code,  # so the documented example; the label says sector code
        "trht_yn": "Y" if quote.halted else "N",
    }


def _limit_code(quote: Quote) -> str:
    if not quote.volume or quote.price not in (quote.upper, quote.lower):
        return ""
    return "1" if quote.price == quote.upper else "4"


def _level_fields(quote: Quote) -> dict[str, str]:
    """Open, high and low: each against yesterday's close, and the last price against each."""
    fields: dict[str, str] = {}
    for name, level in (("oprc", quote.open), ("hgpr", quote.high), ("lwpr", quote.low)):
        against = quote.price - level if level else 0
        fields |= {
            f"stck_{name}": str(level),
            f"prdy_clpr_vrss_{name}_rate": rate((level - quote.base) * 100 / quote.base if level else 0.0),
            f"{name}_vrss_prpr": str(against),
            f"{name}_vrss_prpr_sign": sign(against),
        }
    return fields
