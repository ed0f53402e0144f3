"""inquire-investor and inquire-member: who bought and sold a listing.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from kis_sync.clock import Clock
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import day, documented, share, sign, zeroed
from kis_sync.sim.prices.flows import GROUPS, Broker, split_by_broker, split_by_group
from kis_sync.sim.prices.history import DailyBar
from kis_sync.sim.prices.market import Market, Phase, Quote
from kis_sync.sim.question import Question
from kis_sync.sim.routes.charts import period_bars
from kis_sync.sim.routes.quotations import Divisions, check_division, quoted

_DAYS = 30
_SHOWN = 5
_LONG_AGO = date(1900, 1, 1)


class Traders:
    """Answers about buyers and sellers at the clock's present."""

    def __init__(self, market: Market, clock: Clock, divisions: Divisions) -> None:
        self._market = market
        self._clock = clock
        self._divisions = divisions

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_investor": self.investors,
            "domestic_stock.inquire_member": self.members,
        }

    def investors(self, question: Question) -> Response:
        """inquire-investor (FHKST01010900): 30 days, newest first; today's shares only after the close."""
        check_division(question.field("FID_COND_MRKT_DIV_CODE"), self._divisions)
        name, listing, now = question.endpoint.name, self._listing(question), self._clock.now()
        if listing is None:
            return quoted({"output": []}, mark="!")
        today, is_over = self._market.session_day(now), self._market.phase(now) is Phase.CLOSED
        bars = period_bars(self._market, listing, _LONG_AGO, now.date(), "D", now)[:_DAYS]
        rows = [_day_row(listing, bar, is_told=bar.day < today or is_over) for bar in bars]
        return quoted({"output": [documented(name, "output", row) for row in rows]}, mark="!")

    def members(self, question: Question) -> Response:
        """inquire-member (FHKST01010600): the five largest sellers and buyers of the day."""
        check_division(question.field("FID_COND_MRKT_DIV_CODE"), self._divisions)
        name, listing = question.endpoint.name, self._listing(question)
        if listing is None:
            return quoted({"output": zeroed(name, "output")}, mark="!")
        quote = self._market.quote(listing, self._clock.now())
        return quoted({"output": documented(name, "output", _member_fields(quote))}, mark="!")

    def _listing(self, question: Question) -> str | None:
        code = question.field("FID_INPUT_ISCD")
        return code if self._market.listing(code) else None


def _day_row(code: str, bar: DailyBar, *, is_told: bool) -> dict[str, str]:
    change = bar.close - bar.base
    row = {
        "stck_bsop_date": day(bar.day),
        "stck_clpr": str(bar.close),
        "prdy_vrss": str(change),
        "prdy_vrss_sign": sign(change),
    }
    if not is_told:
        return row
    side, mean = split_by_group(code, bar.day, bar.volume), bar.value / bar.volume if bar.volume else 0.0
    for group, bought, sold in zip(GROUPS, side.bought, side.sold, strict=True):
        spent, earned = round(bought * mean / 1_000_000), round(sold * mean / 1_000_000)
        row |= {
            f"{group}_ntby_qty": str(bought - sold),
            f"{group}_ntby_tr_pbmn": str(spent - earned),
            f"{group}_shnu_vol": str(bought),
            f"{group}_shnu_tr_pbmn": str(spent),
            f"{group}_seln_vol": str(sold),
            f"{group}_seln_tr_pbmn": str(earned),
        }
    return row


def _member_fields(quote: Quote) -> dict[str, str]:
    sellers, buyers = split_by_broker(quote.code, quote.day, quote.volume)
    sold, bought = (_foreign(side) for side in (sellers, buyers))
    return {
        **_side_fields("seln", sellers, quote.volume),
        **_side_fields("shnu", buyers, quote.volume),
        "glob_total_seln_qty": str(sold),
        "glob_seln_rlim": share(sold, quote.volume),
        "glob_ntby_qty": str(bought - sold),
        "glob_total_shnu_qty": str(bought),
        "glob_shnu_rlim": share(bought, quote.volume),
        "glob_total_seln_qty_icdc": "0",
        "glob_total_shnu_qty_icdc": "0",
    }


def _foreign(side: Sequence[tuple[Broker, int]]) -> int:
    return sum(shares for broker, shares in side if broker.is_foreign)


def _side_fields(name: str, side: Sequence[tuple[Broker, int]], volume: int) -> dict[str, str]:
    fields: dict[str, str] = {}
    for n, (broker, shares) in enumerate(side[:_SHOWN], 1):
        fields |= {
            f"{name}_mbcr_no{n}": broker.number,
            f"{name}_mbcr_name{n}": broker.name,
            f"total_{name}_qty{n}": str(shares),
            f"{name}_mbcr_rlim{n}": share(shares, volume),
            f"{name}_qty_icdc{n}": "0",
            f"{name}_mbcr_glob_yn_{n}": "Y" if broker.is_foreign else "N",
        }
    return fields
