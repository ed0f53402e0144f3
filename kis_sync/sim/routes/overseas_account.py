"""The account abroad: nothing held, nothing ordered, no foreign money; only the won of the account are there.

Orders abroad are not simulated. This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kis_sync.catalog import Mode
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import documented
from kis_sync.sim.paging import cut_page
from kis_sync.sim.prices.overseas_listings import EXCHANGES, WON_PER
from kis_sync.sim.question import Question, input_refused
from kis_sync.sim.routes.charts import parse_day
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Account

_BY_ORDER_CODE = {each.order_code: each for each in EXCHANGES.values()}
_EVERYWHERE = ("", "%", "NAS")  # NAS: Nasdaq alone, in the live balance
_ROWS = 40


class OverseasAccount:
    """Answers about one account abroad at the clock's present."""

    def __init__(self, brokerage: Brokerage, mode: Mode, assumptions: Assumptions) -> None:
        self._brokerage = brokerage
        self._mode = mode
        self._assumptions = assumptions

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "overseas_stock.inquire_balance": self.balance,
            "overseas_stock.inquire_present_balance": self.present_balance,
            "overseas_stock.inquire_nccs": self.open_orders,
            "overseas_stock.inquire_ccnl": self.orders,
            "overseas_stock.inquire_psamount": self.buying_power,
            "overseas_stock.inquire_period_profit": self.profits,
        }

    def balance(self, question: Question) -> Response:
        """overseas inquire-balance: no rows; the sums as they were seen on an account without holdings."""
        self._account(question)
        _check_exchange(question)
        currency = question.field("TR_CRCY_CD")
        if currency and currency not in WON_PER:
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_TR_CRCY_CD")
        sums = documented(question.endpoint.name, "output2", _SUMS)
        return self._nothing(question, {"output1": [], "output2": sums}, ("OVRS_EXCG_CD", "TR_CRCY_CD"))

    def present_balance(self, question: Question) -> Response:
        """inquire-present-balance: no rows, no foreign money; the won of the account in the totals."""
        account = self._account(question)
        with self._brokerage.present() as now:
            won = str(account.deposit(now.date()))
        totals = dict.fromkeys(_WHOLE_TOTALS, "0") | _TOTALS
        totals |= dict.fromkeys(("dncl_amt", "tot_dncl_amt", "wdrw_psbl_tot_amt", "tot_asst_amt"), won)
        totals = documented(question.endpoint.name, "output3", totals)
        content = {"output1": [], "output2": [], "output3": totals}
        return success(content, *self._said_nothing(), tr_cont=self._assumptions.last_page, padded=True)

    def open_orders(self, question: Question) -> Response:
        """inquire-nccs: none."""
        self._account(question)
        _check_exchange(question)
        return self._nothing(question, {"output": []}, ("OVRS_EXCG_CD", "SORT_SQN"))

    def orders(self, question: Question) -> Response:
        """overseas inquire-ccnl: none."""
        self._account(question)
        _check_exchange(question)
        for field in ("ORD_STRT_DT", "ORD_END_DT"):
            parse_day(question.field(field), field)
        return self._nothing(question, {"output": []}, _ORDERS_SEARCHED)

    def buying_power(self, question: Question) -> Response:
        """inquire-psamount: nothing without foreign money; the exchange rate is the assumed one."""
        self._account(question)
        exchange = _BY_ORDER_CODE.get(question.field("OVRS_EXCG_CD"))
        if exchange is None:
            raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_OVRS_EXCG_CD")
        _check_price(question.field("OVRS_ORD_UNPR"))
        fields = dict.fromkeys(_AMOUNTS, "0.00") | dict.fromkeys(_QUANTITIES, "0")
        fields |= {"tr_crcy_cd": exchange.currency, "exrt": f"{WON_PER[exchange.currency]:.10f}"}
        output = documented(question.endpoint.name, "output", fields)
        code, text = ("20310000", "모의투자 조회가 완료되었습니다.") if self._is_paper else _FOUND
        return success({"output": output}, code, text, tr_cont=self._assumptions.last_page, padded=True)

    def profits(self, question: Question) -> Response:
        """overseas inquire-period-profit: none."""
        self._account(question)
        _check_exchange(question)
        days = [parse_day(question.field(field), field) for field in ("INQR_STRT_DT", "INQR_END_DT")]
        fields = _PROFIT_SUMS | {"bass_dt": f"{days[1]:%Y%m%d}"}
        sums = documented(question.endpoint.name, "output2", fields)
        return self._nothing(question, {"output1": [], "output2": sums}, _PROFITS_SEARCHED)

    @property
    def _is_paper(self) -> bool:
        return self._mode is Mode.PAPER

    def _account(self, question: Question) -> Account:
        """The account that a question names; raises OPSQ2000 when it is not the app key's."""
        return self._brokerage.account(
            question.app_key, question.field("CANO"), question.field("ACNT_PRDT_CD")
        )

    def _said_nothing(self) -> tuple[str, str]:
        return _NO_ROWS_ON_PAPER if self._is_paper else _NO_ROWS

    def _nothing(
        self, question: Question, content: Mapping[str, object], searched: tuple[str, ...]
    ) -> Response:
        """An empty list with its paging keys; a continuation of it is refused with SYDB0050."""
        search = "^".join(
            [question.field("CANO"), question.field("ACNT_PRDT_CD"), *map(question.field, searched)]
        )
        page = cut_page(question, [], [], _ROWS, search + "^", self._assumptions)
        return success({**page.context, **content}, *self._said_nothing(), tr_cont=page.tr_cont, padded=True)


_ACCOUNT = ("CANO", "ACNT_PRDT_CD")
_FOUND = ("KIOK0510", "조회가 완료되었습니다")
_NO_ROWS = ("KIOK0560", "조회할 내용이 없습니다")
_NO_ROWS_ON_PAPER = ("70070000", "모의투자 조회할 내역(자료)이 없습니다.")  # seen, rt_cd 0
_SUMS = {
    "frcr_pchs_amt1": "0.00000",
    "ovrs_rlzt_pfls_amt": "0.00000",
    "ovrs_tot_pfls": "0.00000",
    "rlzt_erng_rt": "0.00000000",
    "tot_evlu_pfls_amt": "0.00000000",
    "tot_pftrt": "0.00000000",
    "frcr_buy_amt_smtl1": "0.000000",
    "ovrs_rlzt_pfls_amt2": "0.00000",
    "frcr_buy_amt_smtl2": "0.000000",
}
_WHOLE_TOTALS = (
    "pchs_amt_smtl",
    "evlu_amt_smtl",
    "evlu_pfls_amt_smtl",
    "cma_evlu_amt",
    "etc_mgna",
    "frcr_evlu_tota",
    "pchs_amt_smtl_amt",
    "evlu_amt_smtl_amt",
    "buy_mgn_amt",
    "mgna_tota",
    "ustl_sll_amt_smtl",
    "ustl_buy_amt_smtl",
    "tot_loan_amt",
)
_TOTALS = {
    "evlu_erng_rt1": "0.0000000000",
    "tot_evlu_pfls_amt": "0.00000000",
    "frcr_use_psbl_amt": "0.00",
    "tot_frcr_cblc_smtl": "0.000000",
}
_AMOUNTS = (
    "ord_psbl_frcr_amt",
    "sll_ruse_psbl_amt",
    "ovrs_ord_psbl_amt",
    "echm_af_ord_psbl_amt",
    "frcr_ord_psbl_amt1",
)
_QUANTITIES = ("max_ord_psbl_qty", "echm_af_ord_psbl_qty", "ord_psbl_qty", "ovrs_max_ord_psbl_qty")
_PROFIT_SUMS = {
    "stck_sll_amt_smtl": "0.0000",
    "stck_buy_amt_smtl": "0.0000",
    "smtl_fee1": "0.00000000",
    "excc_dfrm_amt": "0.00000",
    "ovrs_rlzt_pfls_tot_amt": "0.00000",
    "tot_pftrt": "0.00000000",
    "exrt": "0.0",
}
_ORDERS_SEARCHED = ("PDNO", "ORD_STRT_DT", "ORD_END_DT", "SLL_BUY_DVSN", "CCLD_NCCS_DVSN", "OVRS_EXCG_CD")
_PROFITS_SEARCHED = ("OVRS_EXCG_CD", "CRCY_CD", "PDNO", "INQR_STRT_DT", "INQR_END_DT", "WCRC_FRCR_DVSN_CD")


def _check_exchange(question: Question) -> None:
    """Raises OPSQ2001 for an exchange that is not documented; blank is everywhere."""
    code = question.field("OVRS_EXCG_CD")
    if code not in _EVERYWHERE and code not in _BY_ORDER_CODE:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_OVRS_EXCG_CD")


def _check_price(text: str) -> None:
    try:
        fits = float(text) >= 0
    except ValueError:
        fits = False
    if not fits:
        raise input_refused("OPSQ2001", "ERROR : INPUT INVALID_CHECK_OVRS_ORD_UNPR")
