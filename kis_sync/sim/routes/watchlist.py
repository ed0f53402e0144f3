"""intstock-multprice: the quotes of up to 30 listings in one call.

This room changes when KIS changes that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kis_sync.clock import Clock
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import documented, rate, share, sign, zeroed
from kis_sync.sim.prices.book import Book, Level
from kis_sync.sim.prices.indices import INDICES, IndexQuote, Indices
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Market, Phase, Quote
from kis_sync.sim.question import Question
from kis_sync.sim.routes.index_quotes import index_change, level_sign, millions, thousands
from kis_sync.sim.routes.price import quote_sign
from kis_sync.sim.routes.quotations import Divisions, check_division, quoted

MOST = 30
_SECTOR = "U"
_MARKET_NAMES = {"KOSPI": "거래소", "KOSDAQ": "코스닥"}
_HOURS = {Phase.PRE_OPEN: "B", Phase.OPEN: "0", Phase.CLOSING_AUCTION: "A", Phase.CLOSED: "0"}
_NOBODY = Level(0, 0)


class Watchlist:
    """Answers about several listings at the clock's present."""

    def __init__(self, market: Market, indices: Indices, clock: Clock, divisions: Divisions) -> None:
        self._market = market
        self._indices = indices
        self._clock = clock
        self._divisions = divisions

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {"domestic_stock.intstock_multprice": self.quotes}

    def quotes(self, question: Question) -> Response:
        """intstock-multprice (FHKST11300006): a row for each slot that names a code, in their order."""
        name, now = question.endpoint.name, self._clock.now()
        rows = []
        for division, code in self._slots(question):
            listing = self._market.listing(code)
            if division == _SECTOR and code in INDICES:
                quote_of_index = self._indices.quote(code, now)
                rows.append(documented(name, "output", _index_fields(quote_of_index)))
                continue
            if listing is None or division == _SECTOR:
                rows.append(zeroed(name, "output") | {"inter_shrn_iscd": code})
                continue
            quote, book = self._market.quote(code, now), self._market.book(code, now)
            rows.append(documented(name, "output", _fields(listing, quote, book)))
        return quoted({"output": rows})

    def _slots(self, question: Question) -> Iterator[tuple[str, str]]:
        """Division and code of each slot in use; raises OPSQ2001 for a division that is not known."""
        for slot in range(1, MOST + 1):
            code = question.field(f"FID_INPUT_ISCD_{slot}")
            if code:
                division = question.field(f"FID_COND_MRKT_DIV_CODE_{slot}").upper()
                if division != _SECTOR:
                    check_division(division, self._divisions)
                yield division, code


def _index_fields(quote: IndexQuote) -> dict[str, str]:
    """The row of an index: what only a share has is blank, as in the documented example."""
    bar, change = quote.bar, index_change(quote)
    levels = (bar.open, bar.high, bar.low) if quote.traded else (0.0, 0.0, 0.0)
    return {
        "kospi_kosdaq_cls_name": "업종",
        "hour_cls_code": "2",
        "inter_shrn_iscd": quote.info.code,
        "inter_kor_isnm": quote.info.name,
        "inter2_prpr": rate(bar.close),
        "inter2_prdy_vrss": rate(change),
        "prdy_vrss_sign": level_sign(change),
        "prdy_ctrt": share(change, bar.base),
        "acml_vol": thousands(bar.volume),
        **dict(zip(("inter2_oprc", "inter2_hgpr", "inter2_lwpr"), map(rate, levels), strict=True)),
        "acml_tr_pbmn": millions(bar.value),
        "inter2_prdy_clpr": rate(bar.base),
        "inter2_sdpr": rate(bar.base),
    }


def _fields(listing: ListingInfo, quote: Quote, book: Book) -> dict[str, str]:
    ask, bid = (side[0] if side else _NOBODY for side in (book.asks, book.bids))
    expected = book.expected_price - quote.base if book.expected_price else 0
    return {
        "kospi_kosdaq_cls_name": _MARKET_NAMES[listing.market],
        "mrkt_trtm_cls_name": _MARKET_NAMES[listing.market],
        "hour_cls_code": _HOURS[quote.phase],
        "inter_shrn_iscd": listing.code,
        "inter_kor_isnm": listing.name,
        "inter2_prpr": str(quote.price),
        "inter2_prdy_vrss": str(quote.change),
        "prdy_vrss_sign": quote_sign(quote),
        "prdy_ctrt": rate(quote.change_percent),
        "acml_vol": str(quote.volume),
        "inter2_oprc": str(quote.open),
        "inter2_hgpr": str(quote.high),
        "inter2_lwpr": str(quote.low),
        "inter2_llam": str(quote.lower),
        "inter2_mxpr": str(quote.upper),
        "inter2_askp": str(ask.price),
        "inter2_bidp": str(bid.price),
        "seln_rsqn": str(ask.size),
        "shnu_rsqn": str(bid.size),
        "total_askp_rsqn": str(book.total_ask),
        "total_bidp_rsqn": str(book.total_bid),
        "acml_tr_pbmn": str(quote.value),
        "inter2_prdy_clpr": str(quote.base),
        "oprc_vrss_hgpr_rate": share(quote.high - quote.open, quote.open),
        "intr_antc_cntg_vrss": str(expected),
        "intr_antc_cntg_vrss_sign": sign(expected),
        "intr_antc_cntg_prdy_ctrt": share(expected, quote.base),
        "intr_antc_vol": str(book.expected_volume),
        "inter2_sdpr": str(quote.base),
    }
