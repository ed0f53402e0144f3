"""The APIs that list orders: those still open, and all of a period with what was filled.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from kis_sync.catalog import Mode
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import clock_time, day, documented, order_number
from kis_sync.sim.question import Question
from kis_sync.sim.routes.counter import SIDE_NAMES, Counter
from kis_sync.sim.routes.listing import MARKET_CODES
from kis_sync.sim.trading.brokerage import BRANCH
from kis_sync.sim.trading.ledger import Account, Side
from kis_sync.sim.trading.resting import KIND_NAMES, PRICED_KINDS, RestingOrder

_OPEN_ROWS = 50
_HISTORY_ROWS = {Mode.LIVE: 100, Mode.PAPER: 15}
_RECENT = timedelta(days=92)  # "within three months" is one TR id, what is older another
_SENT_OTHERWISE = {"cnc_cfrm_qty": "cncl_cfrm_qty", "excg_id_dvsn_Cd": "excg_id_dvsn_cd"}
_EXCHANGES = ("KRX", "NXT", "SOR")
_SOR_CODE = "12"
_NO_SUCH_KINDS = ("1", "2")  # ELW, pre-board
_CASH = ("", "00", "01")


class Executions(Counter):
    """Tells of orders."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_psbl_rvsecncl": self.open_orders,
            "domestic_stock.inquire_daily_ccld": self.history,
        }

    def open_orders(self, question: Question) -> Response:
        """inquire-psbl-rvsecncl: orders that can be changed or cancelled, newest first (or by code)."""
        account, name = self._account(question), question.endpoint.name
        wanted = {"1": Side.SELL, "2": Side.BUY}.get(question.field("INQR_DVSN_2"))
        with self._brokerage.present():
            orders = [
                order
                for order in reversed(self._brokerage.orders_of(account))
                if order.remaining and wanted in (None, order.ticket.side)
            ]
            if question.field("INQR_DVSN_1") == "1":
                orders.sort(key=lambda order: order.ticket.code)
            rows = [documented(name, "output", self._open_fields(order)) for order in orders]
        search = f"{account.cano}^{account.product}^"
        identities = [str(order.number) for order in orders]
        page = self._page(question, rows, identities, _OPEN_ROWS, search)
        content = {**page.context, "output": page.rows}
        return self._answered(content, is_empty=not rows, tr_cont=page.tr_cont)

    def history(self, question: Question) -> Response:
        """inquire-daily-ccld: orders of a range of days with what was filled, and their sums."""
        account, name = self._account(question), question.endpoint.name
        with self._brokerage.present() as now:
            everything = self._brokerage.orders_of(account)
            in_range = [order for order in everything if _is_in_range(order, question, now.date())]
            there_are_such = self._has_such_orders(question)
            orders = [order for order in in_range if there_are_such and _is_wanted(order, question)]
            if question.field("INQR_DVSN") != "01":
                orders.reverse()
            rows = [self._history_row(name, order) for order in orders]
            sums = documented(name, "output2", self._sums(account, orders, in_range))
        search = "!^".join(question.field(field) for field in _SEARCHED) + "!^"
        identities = [str(order.number) for order in orders]
        page = self._page(question, rows, identities, _HISTORY_ROWS[self._mode], search)
        content = {**page.context, "output1": page.rows, "output2": sums}
        return self._answered(content, is_empty=not rows, tr_cont=page.tr_cont)

    def _has_such_orders(self, question: Question) -> bool:
        """Whether the branch and the kinds asked for are those that orders have here: cash, no ELW."""
        branch, kind, credit = (question.field(x) for x in ("ORD_GNO_BRNO", "INQR_DVSN_1", "INQR_DVSN_3"))
        return branch in ("", BRANCH[self._mode]) and kind not in _NO_SUCH_KINDS and credit in _CASH

    def _history_row(self, name: str, order: RestingOrder) -> dict[str, str]:
        """The documented row, with the two spellings that live was seen to send."""
        row = documented(name, "output1", self._history_fields(order))
        return {_SENT_OTHERWISE.get(field, field): value for field, value in row.items()}

    def _history_fields(self, order: RestingOrder) -> dict[str, str]:
        average = order.filled_value / order.filled if order.filled else 0
        return self._common_fields(order) | {
            "ord_dt": day(order.day),
            "sll_buy_dvsn_cd_name": _side_name(order),
            "avg_prvs": f"{average:.4f}".rstrip("0").rstrip("."),
            "cncl_yn": "Y" if order.cancelled else "",
            "ordr_empno": "OpnAPI",
            "cnc_cfrm_qty": str(order.given_up),
            "rmn_qty": str(order.remaining),
            "rjct_qty": str(order.rejected),
            "ccld_cndt_name": "없음",
            "prdt_type_cd": "300",
            "ord_orgno": "00000",
            "rsvn_ord_end_dt": day(order.reserved_until) if order.reserved_until else "",
            "excg_id_dvsn_Cd": order.ticket.exchange,
            "stpm_cndt_pric": "0",
        }

    def _open_fields(self, order: RestingOrder) -> dict[str, str]:
        side = "BUY" if order.ticket.side is Side.BUY else "SELL"
        return self._common_fields(order) | {
            "rvse_cncl_dvsn_name": f"{side} AMEND*" if order.original else SIDE_NAMES[order.ticket.side],
            "psbl_qty": str(order.remaining),
            "excg_id_dvsn_cd": order.ticket.exchange,
            "excg_id_dvsn_name": order.ticket.exchange,
            "stpm_cndt_pric": "0",
            "stpm_efct_occr_yn": "",
        }

    def _common_fields(self, order: RestingOrder) -> dict[str, str]:
        ticket, listing = order.ticket, self._market.listing(order.ticket.code)
        market = listing.market if listing else ""
        return {
            "ord_gno_brno": BRANCH[self._mode],
            "odno": order_number(order.number),
            "orgn_odno": order_number(order.original) if order.original else "",
            "ord_dvsn_name": KIND_NAMES.get(ticket.kind, ""),
            "ord_dvsn_cd": ticket.kind,
            "pdno": ticket.code,
            "prdt_name": self._name(ticket.code),
            "ord_qty": str(ticket.quantity),
            "ord_unpr": str(ticket.price or 0 if ticket.kind in PRICED_KINDS else 0),
            "ord_tmd": clock_time(order.placed_at),
            "tot_ccld_qty": str(order.filled),
            "tot_ccld_amt": str(order.filled_value),
            "sll_buy_dvsn_cd": ticket.side.value,
            "excg_dvsn_cd": _SOR_CODE if ticket.exchange == "SOR" else MARKET_CODES.get(market, ""),
        }

    def _sums(
        self, account: Account, orders: list[RestingOrder], in_range: list[RestingOrder]
    ) -> dict[str, str]:
        """Sums over the orders; the costs are of the whole range, whatever else was filtered, as on live."""
        asked = [order for order in orders if not order.is_cancellation]
        filled, value = sum(order.filled for order in asked), sum(order.filled_value for order in asked)
        numbers = {order.number for order in in_range}
        costs = sum(fill.fee + fill.tax for fill in account.fills if fill.order_number in numbers)
        return {
            "tot_ord_qty": str(sum(order.ticket.quantity for order in asked)),
            "tot_ccld_qty": str(filled),
            "tot_ccld_amt": str(value),
            "prsm_tlex_smtl": str(costs),
            "pchs_avg_pric": f"{value / filled if filled else 0:.4f}",
        }


_SEARCHED = (
    "CANO",
    "ACNT_PRDT_CD",
    "INQR_STRT_DT",
    "INQR_END_DT",
    "PDNO",
    "SLL_BUY_DVSN_CD",
    "CCLD_DVSN",
    "INQR_DVSN",
)


def _side_name(order: RestingOrder) -> str:
    if order.is_cancellation:
        return "매수취소" if order.ticket.side is Side.BUY else "매도취소"
    if order.original:
        return "매수정정" if order.ticket.side is Side.BUY else "매도정정"
    if order.rejected:
        return "BUY REJECT" if order.ticket.side is Side.BUY else "SELL REJECT"
    return SIDE_NAMES[order.ticket.side]


def _is_in_range(order: RestingOrder, question: Question, today: date) -> bool:
    is_recent = today - order.day <= _RECENT
    if is_recent != (question.variant == "recent"):
        return False
    return question.field("INQR_STRT_DT") <= day(order.day) <= question.field("INQR_END_DT")


def _is_wanted(order: RestingOrder, question: Question) -> bool:
    side, code = question.field("SLL_BUY_DVSN_CD"), question.field("PDNO")
    number, state = question.field("ODNO"), question.field("CCLD_DVSN")
    exchange = question.field("EXCG_ID_DVSN_CD").upper()
    if side in ("01", "02") and order.ticket.side.value != side:
        return False
    if code and order.ticket.code != code:
        return False
    if number and not (number.isdecimal() and int(number) == order.number):
        return False
    if exchange in _EXCHANGES and order.ticket.exchange != exchange:
        return False
    return {"01": order.filled > 0, "02": order.remaining > 0}.get(state, True)
