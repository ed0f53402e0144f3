"""inquire-asking-price-exp-ccn: ten levels a side, and what the running auction expects.

This room changes when KIS changes that answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from kis_sync.sim.formats import clock_time, rate, sign
from kis_sync.sim.prices.book import Book, Level
from kis_sync.sim.prices.market import Phase, Quote

_LEVELS = 10
_PHASES = {
    Phase.PRE_OPEN: ("10", "111"),
    Phase.OPEN: ("20", "311"),
    Phase.CLOSING_AUCTION: ("21", "112"),
    Phase.CLOSED: ("31", "112"),
}
"""new_mkop_cls_code by the documents' two digits; antc_mkop_cls_code as far as the example shows it."""


def level_fields(quote: Quote, book: Book) -> dict[str, str]:
    """output1: a level that is not there is 0."""
    zero = [f"{side}p_rsqn_icdc{n}" for side in ("ask", "bid") for n in range(1, _LEVELS + 1)]
    zero += [f"total_{side}p_rsqn_icdc" for side in ("ask", "bid")]
    zero += [f"ovtm_total_{side}p_{what}" for side in ("ask", "bid") for what in ("icdc", "rsqn")]
    return {
        **dict.fromkeys(zero, "0"),
        "aspr_acpt_hour": clock_time(book.changed_at),
        **_side_fields("askp", book.asks),
        **_side_fields("bidp", book.bids),
        "total_askp_rsqn": str(book.total_ask),
        "total_bidp_rsqn": str(book.total_bid),
        "ntby_aspr_rsqn": str(book.total_bid - book.total_ask),
        "new_mkop_cls_code": _PHASES[quote.phase][0],
    }


def _side_fields(side: str, levels: Sequence[Level]) -> dict[str, str]:
    padded = [*levels[:_LEVELS], *[Level(0, 0)] * (_LEVELS - len(levels))]
    prices = {f"{side}{n}": str(level.price) for n, level in enumerate(padded, 1)}
    return prices | {f"{side}_rsqn{n}": str(level.size) for n, level in enumerate(padded, 1)}


def expected_fields(quote: Quote, book: Book) -> dict[str, str]:
    """output2: last price, and the auction's expected price (0 outside auctions)."""
    change = book.expected_price - quote.base if book.expected_price else 0
    return {
        "antc_mkop_cls_code": _PHASES[quote.phase][1],
        "stck_prpr": str(quote.price),
        "stck_oprc": str(quote.open),
        "stck_hgpr": str(quote.high),
        "stck_lwpr": str(quote.low),
        "stck_sdpr": str(quote.base),
        "antc_cnpr": str(book.expected_price),
        "antc_cntg_vrss_sign": sign(change),
        "antc_cntg_vrss": str(change),
        "antc_cntg_prdy_ctrt": rate(change * 100 / quote.base),
        "antc_vol": str(book.expected_volume),
        "stck_shrn_iscd": quote.code,
        "vi_cls_code": "N",
    }
