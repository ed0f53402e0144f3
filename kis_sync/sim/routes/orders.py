"""The order APIs: placing, changing and cancelling, and the lists of open and past orders.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from kis_sync.catalog import Mode
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.brokerage import BRANCH, Brokerage
from kis_sync.sim.formats import clock_time, day, documented
from kis_sync.sim.ledger import Account, Side
from kis_sync.sim.market import Market
from kis_sync.sim.paging import cut_page
from kis_sync.sim.question import Question, body_unmappable
from kis_sync.sim.resting import KIND_NAMES, PRICED_KINDS, RestingOrder, Ticket
from kis_sync.sim.routes.account import account_of, answered
from kis_sync.sim.routes.listing import MARKET_CODES
from kis_sync.sim.wire import Response, success

_OPEN_ROWS = 50
_HISTORY_ROWS = {Mode.LIVE: 100, Mode.PAPER: 15}
_RECENT = timedelta(days=92)  # "within three months" is one TR id, what is older another
_SENT_OTHERWISE = {"cnc_cfrm_qty": "cncl_cfrm_qty", "excg_id_dvsn_Cd": "excg_id_dvsn_cd"}
_EXCHANGES = ("KRX", "NXT", "SOR")
_SOR_CODE = "12"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_SIDE_NAMES = {Side.BUY: "현금매수", Side.SELL: "현금매도"}
_PAPER_TEXTS = {
    Side.BUY: ("40600000", "모의투자 매수주문이 완료 되었습니다."),
    Side.SELL: ("40590000", "모의투자 매도주문이 완료 되었습니다."),
    "change": ("40620000", "모의투자 정정주문이 완료 되었습니다."),
    "cancel": ("40630000", "모의투자 취소주문이 완료 되었습니다."),
}


class OrderDesk:
    """Takes orders, and tells of them."""

    def __init__(self, brokerage: Brokerage, market: Market, mode: Mode, assumptions: Assumptions) -> None:
        self._brokerage = brokerage
        self._market = market
        self._mode = mode
        self._assumptions = assumptions

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.order_cash": self.place,
            "domestic_stock.order_rvsecncl": self.change_or_cancel,
            "domestic_stock.inquire_psbl_rvsecncl": self.open_orders,
            "domestic_stock.inquire_daily_ccld": self.history,
        }

    # -- orders ------------------------------------------------------------------------------------

    def place(self, question: Question) -> Response:
        """order-cash: the number of a new order, filled already where the book allowed it."""
        quantity, price = _quantity(question), _price(question)
        ticket = Ticket(
            account=account_of(self._brokerage, question),
            side=_SIDES[question.variant],
            code=question.field("PDNO"),
            kind=question.field("ORD_DVSN"),
            quantity=quantity,
            price=price,
            exchange=_exchange(question),
        )
        order = self._brokerage.place(ticket)
        return self._accepted(order, _PAPER_TEXTS[ticket.side])

    def change_or_cancel(self, question: Question) -> Response:
        """order-rvsecncl: the number of the order that the change or the cancellation made."""
        account = account_of(self._brokerage, question)
        number = question.field("ORGN_ODNO")
        takes_all = question.field("QTY_ALL_ORD_YN").upper() == "Y"
        action = question.field("RVSE_CNCL_DVSN_CD")
        if not number.isdecimal() or action not in ("01", "02"):
            raise body_unmappable()
        quantity = None if takes_all else _quantity(question)
        if action == "02":
            order = self._brokerage.cancel(account, int(number), quantity, _exchange(question))
            return self._accepted(order, _PAPER_TEXTS["cancel"])
        order = self._brokerage.change(
            account, int(number), question.field("ORD_DVSN"), quantity, _price(question), _exchange(question)
        )
        return self._accepted(order, _PAPER_TEXTS["change"])

    def _accepted(self, order: RestingOrder, paper: tuple[str, str]) -> Response:
        output = {
            "KRX_FWDG_ORD_ORGNO": BRANCH[self._mode],
            "ODNO": _number(order.number),
            "ORD_TMD": clock_time(order.placed_at),
        }
        live = ("APBK0013", "주문 전송 완료 되었습니다.")
        code, text = paper if self._mode is Mode.PAPER else live
        return success({"output": output}, code, text)

    # -- lists -------------------------------------------------------------------------------------

    def open_orders(self, question: Question) -> Response:
        """inquire-psbl-rvsecncl: orders that can be changed or cancelled, newest first (or by code)."""
        account, name = account_of(self._brokerage, question), question.endpoint.name
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
        page = cut_page(question, rows, identities, _OPEN_ROWS, search, self._assumptions)
        content = {**page.context, "output": page.rows}
        return answered(self._mode, content, is_empty=not rows, tr_cont=page.tr_cont)

    def history(self, question: Question) -> Response:
        """inquire-daily-ccld: orders of a range of days with what was filled, and their sums."""
        account, name = account_of(self._brokerage, question), question.endpoint.name
        with self._brokerage.present() as now:
            everything = self._brokerage.orders_of(account)
            in_range = [order for order in everything if _is_in_range(order, question, now.date())]
            orders = [order for order in in_range if _is_wanted(order, question)]
            if question.field("INQR_DVSN") != "01":
                orders.reverse()
            rows = [self._history_row(name, order) for order in orders]
            sums = documented(name, "output2", self._sums(account, orders, in_range))
        search = "!^".join(question.field(field) for field in _SEARCHED) + "!^"
        identities = [str(order.number) for order in orders]
        page = cut_page(question, rows, identities, _HISTORY_ROWS[self._mode], search, self._assumptions)
        content = {**page.context, "output1": page.rows, "output2": sums}
        return answered(self._mode, content, is_empty=not rows, tr_cont=page.tr_cont)

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
            "cnc_cfrm_qty": str(order.withdrawn or order.cancelled),
            "rmn_qty": str(order.remaining),
            "rjct_qty": "0",
            "ccld_cndt_name": "없음",
            "prdt_type_cd": "300",
            "ord_orgno": BRANCH[self._mode],
            "excg_id_dvsn_Cd": order.ticket.exchange,
            "stpm_cndt_pric": "0",
        }

    def _open_fields(self, order: RestingOrder) -> dict[str, str]:
        side = "BUY" if order.ticket.side is Side.BUY else "SELL"
        return self._common_fields(order) | {
            "rvse_cncl_dvsn_name": f"{side} AMEND*" if order.original else "",
            "psbl_qty": str(order.remaining),
            "excg_id_dvsn_cd": order.ticket.exchange,
            "excg_id_dvsn_name": order.ticket.exchange,
            "stpm_cndt_pric": "0",
            "stpm_efct_occr_yn": "N",
        }

    def _common_fields(self, order: RestingOrder) -> dict[str, str]:
        ticket, listing = order.ticket, self._market.listing(order.ticket.code)
        market = listing.market if listing else ""
        return {
            "ord_gno_brno": BRANCH[self._mode],
            "odno": _number(order.number),
            "orgn_odno": _number(order.original) if order.original else "",
            "ord_dvsn_name": KIND_NAMES[ticket.kind],
            "ord_dvsn_cd": ticket.kind,
            "pdno": ticket.code,
            "prdt_name": listing.name if listing else "",
            "ord_qty": str(ticket.quantity),
            "ord_unpr": str(ticket.price if ticket.kind in PRICED_KINDS else 0),
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
    return _SIDE_NAMES[order.ticket.side]


def _number(number: int) -> str:
    return f"{number:010d}"


def _whole(text: str) -> int:
    """A whole number from a body's text; raises IGW00007 for anything else."""
    if not (text.isascii() and text.isdecimal()):
        raise body_unmappable()
    return int(text)


def _quantity(question: Question) -> int:
    quantity = _whole(question.field("ORD_QTY"))
    if not quantity:
        raise body_unmappable()
    return quantity


def _price(question: Question) -> int | None:
    """The price of an order that has one, ``None`` for the kinds without."""
    if question.field("ORD_DVSN") in PRICED_KINDS:
        return _whole(question.field("ORD_UNPR"))
    _whole(question.field("ORD_UNPR") or "0")
    return None


def _exchange(question: Question) -> str:
    exchange = question.field("EXCG_ID_DVSN_CD").upper() or "KRX"
    if exchange not in _EXCHANGES:
        raise body_unmappable()
    return exchange


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
