"""The account APIs that read: balance, buying power, sellable quantity.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from kis_sync.catalog import Mode
from kis_sync.market.hours import previous_trading_day
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.brokerage import Brokerage
from kis_sync.sim.formats import documented, rate
from kis_sync.sim.ledger import Account, Fill, Holding, Side, next_trading_day, settlement_day
from kis_sync.sim.market import Market, Quote
from kis_sync.sim.paging import cut_page
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.resting import PRICED_KINDS
from kis_sync.sim.routes.price import collateral_value
from kis_sync.sim.wire import Response, success

_BALANCE_ROWS = {Mode.LIVE: 50, Mode.PAPER: 20}


def answered(
    mode: Mode, content: Mapping[str, object], *, is_empty: bool = False, tr_cont: str = "D"
) -> Response:
    """An account call's success, with the code and text of its world."""
    if mode is Mode.PAPER:
        code, text = "20310000", "모의투자 조회가 완료되었습니다."
    elif is_empty:
        code, text = "KIOK0560", "조회할 내용이 없습니다"
    else:
        code, text = "KIOK0510", "조회가 완료되었습니다"
    return success(content, code, text, tr_cont=tr_cont, padded=True)


def account_of(brokerage: Brokerage, question: Question) -> Account:
    """The account that a question names; raises OPSQ2000 when it is not the app key's."""
    return brokerage.account(question.app_key, question.field("CANO"), question.field("ACNT_PRDT_CD"))


class AccountReads:
    """Answers about one account at the clock's present."""

    def __init__(self, brokerage: Brokerage, market: Market, mode: Mode, assumptions: Assumptions) -> None:
        self._brokerage = brokerage
        self._market = market
        self._mode = mode
        self._assumptions = assumptions

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_balance": self.balance,
            "domestic_stock.inquire_psbl_order": self.buying_power,
            "domestic_stock.inquire_psbl_sell": self.sellable,
        }

    def balance(self, question: Question) -> Response:
        """inquire-balance: holdings in pages (also those sold out until settled), and one row of sums."""
        account = account_of(self._brokerage, question)
        name = question.endpoint.name
        with self._brokerage.present() as now:
            positions = [
                _Position(held, account, self._market.quote(held.code, now), now.date())
                for held in account.holdings.values()
            ]
            shown = [each for each in positions if each.is_shown]
            rows = [documented(name, "output1", each.fields(self._name(each.held.code))) for each in shown]
            search = "^".join(question.field(field) or "N" for field in _SEARCHED) + "^"
            page = cut_page(
                question,
                rows,
                [each.held.code for each in shown],
                _BALANCE_ROWS[self._mode],
                search,
                self._assumptions,
            )
            sums = documented(name, "output2", self._sums(account, positions, now))
        content = {**page.context, "output1": page.rows, "output2": [sums]}
        return answered(self._mode, content, is_empty=not rows, tr_cont=page.tr_cont)

    def _name(self, code: str) -> str:
        listing = self._market.listing(code)
        return listing.name if listing else ""

    def _sums(self, account: Account, positions: list[_Position], now: datetime) -> dict[str, str]:
        today = now.date()
        value = sum(each.value for each in positions)
        cost = sum(each.held.cost for each in positions)
        todays = account.fills_on(today)
        before = account.cash - sum(fill.cash_effect for fill in todays)
        before += sum(each.quantity_before * each.quote.base for each in positions)
        total = value + account.cash
        growth = rate((total - before) * 100 / before if before else 0.0) + "000000"
        zero = dict.fromkeys(_NOT_MODELLED, "0")
        return (
            zero
            | _traded(todays, "thdt")
            | _traded(account.fills_on(previous_trading_day(today)), "bfdy")
            | {
                "dnca_tot_amt": str(account.deposit(today)),
                "nxdy_excc_amt": str(account.deposit(next_trading_day(today))),
                "prvs_rcdl_excc_amt": str(account.cash),
                "scts_evlu_amt": str(value),
                "tot_evlu_amt": str(total),
                "nass_amt": str(total),
                "pchs_amt_smtl_amt": str(cost),
                "evlu_amt_smtl_amt": str(value),
                "evlu_pfls_smtl_amt": str(value - cost),
                "bfdy_tot_asst_evlu_amt": str(before),
                "asst_icdc_amt": str(total - before),
                "asst_icdc_erng_rt": growth if self._mode is Mode.PAPER else "0.00000000",
            }
        )

    def buying_power(self, question: Question) -> Response:
        """inquire-psbl-order: what cash and how many shares of a code can be bought, fees considered."""
        account = account_of(self._brokerage, question)
        code, price_text = question.field("PDNO"), question.field("ORD_UNPR")
        if price_text and not price_text.isdecimal():
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_ORD_UNPR")
        fees = self._brokerage.fees
        with self._brokerage.present() as now:
            cash, price = account.orderable, 0
            if code:
                self._brokerage.tradable(code)
                asked = int(price_text or "0") or self._market.quote(code, now).price
                kind = question.field("ORD_DVSN")
                price = self._brokerage.reserve_price(
                    code, kind, asked if kind in PRICED_KINDS else None, now
                )
        quantity = fees.affordable(cash, price)
        amount = str(fees.affordable(cash, 1))
        fields = {
            "ord_psbl_cash": str(cash),
            "ord_psbl_sbst": "0",
            "ruse_psbl_amt": "0",
            "fund_rpch_chgs": "0",
            "psbl_qty_calc_unpr": str(price),
            "nrcvb_buy_amt": amount,
            "nrcvb_buy_qty": str(quantity),
            "max_buy_amt": amount,
            "max_buy_qty": str(quantity),
            "cma_evlu_amt": "0",
            "ovrs_re_use_amt_wcrc": "0",
            "ord_psbl_frcr_amt_wcrc": "0",
        }
        return answered(self._mode, {"output": documented(question.endpoint.name, "output", fields)})

    def sellable(self, question: Question) -> Response:
        """inquire-psbl-sell: one holding and how much of it no order has locked."""
        account, code = account_of(self._brokerage, question), question.field("PDNO")
        self._brokerage.tradable(code)
        with self._brokerage.present() as now:
            held = account.holdings.get(code, Holding(code))
            position = _Position(held, account, self._market.quote(code, now), now.date())
            fields = position.sellable_fields(self._name(code))
        return answered(self._mode, {"output1": documented(question.endpoint.name, "output1", fields)})


_NOT_MODELLED = (
    "cma_evlu_amt",
    "nxdy_auto_rdpt_amt",
    "d2_auto_rdpt_amt",
    "tot_loan_amt",
    "tot_stln_slng_chgs",
)
_SEARCHED = (
    "CANO",
    "ACNT_PRDT_CD",
    "AFHR_FLPR_YN",
    "OFL_YN",
    "INQR_DVSN",
    "UNPR_DVSN",
    "FUND_STTL_ICLD_YN",
)


def _traded(fills: list[Fill], day: str) -> dict[str, str]:
    buys = sum(fill.value for fill in fills if fill.side is Side.BUY)
    sells = sum(fill.value for fill in fills if fill.side is Side.SELL)
    costs = sum(fill.fee + fill.tax for fill in fills)
    return {f"{day}_buy_amt": str(buys), f"{day}_sll_amt": str(sells), f"{day}_tlex_amt": str(costs)}


class _Position:
    """One holding valued at the market's last price."""

    def __init__(self, held: Holding, account: Account, quote: Quote, today: date) -> None:
        self.held = held
        self.quote = quote
        self.value = held.quantity * quote.price
        self._account = account
        self._fills = [fill for fill in account.fills if fill.code == held.code]
        self._today = today

    @property
    def is_shown(self) -> bool:
        """A holding that was sold out stays in the list until the sale is settled."""
        if self.held.quantity:
            return True
        return bool(self._fills) and settlement_day(self._fills[-1].at.date()) > self._today

    @property
    def quantity_before(self) -> int:
        """Shares held before today's trades."""
        bought, sold = self._moved(self._today)
        return self.held.quantity - bought + sold

    def _moved(self, day: date) -> tuple[int, int]:
        fills = [fill for fill in self._fills if fill.at.date() == day]
        bought = sum(fill.quantity for fill in fills if fill.side is Side.BUY)
        return bought, sum(fill.quantity for fill in fills) - bought

    def _worth(self) -> dict[str, str]:
        gain = self.value - self.held.cost
        percent = gain * 100 / self.held.cost if self.held.cost else 0.0
        return {
            "pchs_avg_pric": f"{self.held.average:.4f}",
            "pchs_amt": str(self.held.cost),
            "evlu_amt": str(self.value),
            "evlu_pfls_amt": str(gain),
            "evlu_pfls_rt": rate(percent),
        }

    def fields(self, name: str) -> dict[str, str]:
        """The row of the balance."""
        bought, sold = self._moved(self._today)
        bought_before, sold_before = self._moved(previous_trading_day(self._today))
        worth = self._worth()
        return worth | {
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
            "evlu_erng_rt": worth["evlu_pfls_rt"] + "000000",
            "loan_amt": "0",
            "stln_slng_chgs": "0",
            "fltt_rt": f"{self.quote.change_percent:.8f}",
            "bfdy_cprs_icdc": str(self.quote.change),
            "sbst_pric": str(collateral_value(self.quote)),
            "stck_loan_unpr": "0.0000",
        }

    def sellable_fields(self, name: str) -> dict[str, str]:
        """The answer of inquire-psbl-sell."""
        bought, sold = self._moved(self._today)
        return self._worth() | {
            "pdno": self.held.code,
            "prdt_name": name,
            "buy_qty": str(bought),
            "sll_qty": str(sold),
            "cblc_qty": str(self.held.quantity),
            "nsvg_qty": "0",
            "ord_psbl_qty": str(self._account.sellable(self.held.code)),
            "now_pric": str(self.quote.price),
        }
