"""The account APIs that tell what can be ordered: buying power, credit, margin.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from kis_sync import catalog
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import documented
from kis_sync.sim.prices.overseas_listings import WON_PER
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.counter import Counter
from kis_sync.sim.trading.ledger import Account
from kis_sync.sim.trading.resting import PRICED_KINDS

_MARGINS = ("20", "30", "40", "50", "60", "100")
_CREDIT_WITH_CENTS = ("stck_fncg45_max_ord_psbl_amt", "stck_fncg70_max_ord_psbl_amt")
_WITH_CENTS = ("usd_", "hkd_", "jpy_", "cny_", "hgkg_", "stck_itgr_", "bond_itgr_")
_EXCHANGE_RATES = "_frst_bltn_exrt"
_WHOLE = ("rcvb_amt", "lmt_amt")
_WORDS = ("acmga_pct100_aptm_rson", "ovrs_stck_itgr_mgna_dvsn_name")


class Means(Counter):
    """Answers about what one account can order at the clock's present."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_psbl_order": self.buying_power,
            "domestic_stock.inquire_credit_psamount": self.credit,
            "domestic_stock.intgr_margin": self.margin,
        }

    def buying_power(self, question: Question) -> Response:
        """inquire-psbl-order: what cash and how many shares of a code can be bought, fees considered."""
        account, fees = self._account(question), self._brokerage.fees
        with self._brokerage.present() as now:
            cash, price = account.orderable, self._price(question, now)
        quantity, amount = fees.affordable(cash, price), fees.affordable(cash, 1)
        return self._means(question, cash, price, amount, quantity)

    def credit(self, question: Question) -> Response:
        """inquire-credit-psamount: nothing on credit, since every account is a cash account."""
        account = self._account(question)
        with self._brokerage.present() as now:
            cash, price = account.orderable, self._price(question, now)
        return self._means(question, cash, price, 0, 0)

    def _price(self, question: Question, now: datetime) -> int:
        """The price that a quantity is reckoned at, 0 when no code is asked for."""
        code, text = question.field("PDNO"), question.field("ORD_UNPR")
        if text and not (text.isascii() and text.isdecimal()):
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_ORD_UNPR")
        if not code:
            return 0
        self._brokerage.tradable(code)
        asked = int(text or "0") or self._market.quote(code, now).price
        kind = question.field("ORD_DVSN")
        return self._brokerage.reserve_price(code, kind, asked if kind in PRICED_KINDS else None, now)

    def _means(self, question: Question, cash: int, price: int, amount: int, quantity: int) -> Response:
        fields = {
            "ord_psbl_cash": str(cash),
            "ord_psbl_sbst": "0",
            "ruse_psbl_amt": "0",
            "fund_rpch_chgs": "0",
            "psbl_qty_calc_unpr": str(price),
            "nrcvb_buy_amt": str(amount),
            "nrcvb_buy_qty": str(quantity),
            "max_buy_amt": str(amount),
            "max_buy_qty": str(quantity),
            "cma_evlu_amt": "0",
            "ovrs_re_use_amt_wcrc": "0",
            "ord_psbl_frcr_amt_wcrc": "0",
        }
        return self._answered({"output": documented(question.endpoint.name, "output", fields)})

    def margin(self, question: Question) -> Response:
        """intgr-margin: what cash there is, what orders have set aside, and what is left; no credit."""
        account, name = self._account(question), question.endpoint.name
        with self._brokerage.present():
            fields = self._margin_fields(account)
        nothing = {field: _nothing(field) for field in catalog.response_fields(name)["output"]}
        return self._answered({"output": documented(name, "output", nothing | fields)})

    def _margin_fields(self, account: Account) -> dict[str, str]:
        left, most = account.orderable, self._brokerage.fees.affordable(account.orderable, 1)
        return {
            "acmga_rt": "100.0000",
            "acmga_pct100_aptm_rson": "고객100%신청",
            "stck_cash_objt_amt": f"{account.cash:.4f}",
            "stck_cash_use_amt": f"{account.cash - left:.4f}",
            "stck_cash_ord_psbl_amt": f"{left:.4f}",
            "stck_rsip100_max_ord_psbl_amt": f"{most:.4f}",
        } | {f"stck_cash{percent}_max_ord_psbl_amt": f"{most:.4f}" for percent in _MARGINS}


def _nothing(field: str) -> str:
    """How the documented example writes that there is nothing: with no, two or four decimals; rates apart."""
    if field in _WORDS:
        return ""
    if field in _WHOLE:
        return "0"
    if field.endswith(_EXCHANGE_RATES):
        return f"{WON_PER[field.removesuffix(_EXCHANGE_RATES).upper()]:.8f}"
    if field in _CREDIT_WITH_CENTS or "_ovrs_" in field or field.startswith(_WITH_CENTS):
        return "0.00"
    return "0.0000"
