"""One holding valued at the market's last price, in the fields that several account answers share.

This room changes when KIS changes how it values a holding.
"""

from __future__ import annotations

from datetime import date

from kis_sync.market.hours import previous_trading_day
from kis_sync.market.ticks import Listing
from kis_sync.sim.formats import rate
from kis_sync.sim.prices.market import Quote
from kis_sync.sim.trading.ledger import Account, Fees, Holding, Side, settlement_day


class Position:
    """A holding of an account on a day; also one that was sold out."""

    def __init__(self, held: Holding, account: Account, quote: Quote, today: date, kind: Listing) -> None:
        self.held = held
        self._kind = kind
        self.quote = quote
        self.value = held.quantity * quote.price
        self._account = account
        self._fills = account.fills_of(held.code)
        self._today = today

    def is_shown(self, *, with_yesterday: bool) -> bool:
        """Whether a list has it: what was sold out stays until the sale is settled, or today only."""
        if self.held.quantity:
            return True
        if not self._fills:
            return False
        last = self._fills[-1].at.date()
        return settlement_day(last) > self._today and (with_yesterday or last == self._today)

    @property
    def quantity_before(self) -> int:
        """Shares held before today's trades."""
        bought, sold = self.moved(self._today)
        return self.held.quantity - bought + sold

    def moved(self, day: date) -> tuple[int, int]:
        """Shares bought and sold on a day."""
        fills = [fill for fill in self._fills if fill.at.date() == day]
        bought = sum(fill.quantity for fill in fills if fill.side is Side.BUY)
        return bought, sum(fill.quantity for fill in fills) - bought

    def selling_costs(self, fees: Fees) -> int:
        """Commission and tax if all of it were sold at the last price, won."""
        return fees.commission(self.value) + fees.tax(self.value, self._kind, self._today)

    def worth(self) -> dict[str, str]:
        """Cost, value and the difference."""
        gain = self.value - self.held.cost
        return {
            "pchs_avg_pric": f"{self.held.average:.4f}",
            "pchs_amt": str(self.held.cost),
            "evlu_amt": str(self.value),
            "evlu_pfls_amt": str(gain),
            "evlu_pfls_rt": rate(gain * 100 / self.held.cost if self.held.cost else 0.0),
        }

    def fields(self, name: str) -> dict[str, str]:
        """The row of a balance."""
        bought, sold = self.moved(self._today)
        bought_before, sold_before = self.moved(previous_trading_day(self._today))
        return self.worth() | {
            "pdno": self.held.code,
            "prdt_name": name,
            "trad_dvsn_name": "현금",
            "bfdy_buy_qty": str(bought_before),
            "bfdy_sll_qty": str(sold_before),
            "thdt_buyqty": str(bought),
            "thdt_sll_qty": str(sold),
            "hldg_qty": str(self.held.quantity),
            "ord_psbl_qty": str(self._account.sellable(self.held.code)),
            "prpr": str(self.quote.price),
            "evlu_erng_rt": "0.00000000",
            "loan_amt": "0",
            "stln_slng_chgs": "0",
            "fltt_rt": f"{self.quote.change_percent:.8f}",
            "bfdy_cprs_icdc": str(self.quote.change),
            "stck_loan_unpr": "0.0000",
        }

    def sellable_fields(self, name: str) -> dict[str, str]:
        """The answer of inquire-psbl-sell."""
        bought, sold = self.moved(self._today)
        return self.worth() | {
            "pdno": self.held.code,
            "prdt_name": name,
            "buy_qty": str(bought),
            "sll_qty": str(sold),
            "cblc_qty": str(self.held.quantity),
            "nsvg_qty": "0",
            "ord_psbl_qty": str(self._account.sellable(self.held.code)),
            "now_pric": str(self.quote.price),
        }
