"""The order APIs: placing, changing and cancelling.

This room changes when KIS changes what an order is or how it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kis_sync.catalog import Mode
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import clock_time, order_number
from kis_sync.sim.question import Question, body_unmappable
from kis_sync.sim.routes.counter import Counter, order_quantity, whole_number
from kis_sync.sim.trading.brokerage import BRANCH
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.resting import (
    AFTER_CLOSE_KIND,
    PRICED_KINDS,
    STOP_KIND,
    RestingOrder,
    Ticket,
)

_EXCHANGES = ("KRX", "NXT", "SOR")
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_PAPER_TEXTS = {
    Side.BUY: ("40600000", "모의투자 매수주문이 완료 되었습니다."),
    Side.SELL: ("40590000", "모의투자 매도주문이 완료 되었습니다."),
    "change": ("40620000", "모의투자 정정주문이 완료 되었습니다."),
    "cancel": ("40630000", "모의투자 취소주문이 완료 되었습니다."),
}


class OrderDesk(Counter):
    """Takes orders."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.order_cash": self.place,
            "domestic_stock.order_rvsecncl": self.change_or_cancel,
        }

    def place(self, question: Question) -> Response:
        """order-cash: the number of a new order, filled already where the book allowed it."""
        quantity, price = order_quantity(question), _price(question)
        ticket = Ticket(
            account=self._account(question),
            side=_SIDES[question.variant],
            code=question.field("PDNO"),
            kind=question.field("ORD_DVSN"),
            quantity=quantity,
            price=price,
            exchange=_exchange(question),
            trigger=_trigger(question),
        )
        order = self._brokerage.place(ticket)
        return self._accepted(order, _PAPER_TEXTS[ticket.side])

    def change_or_cancel(self, question: Question) -> Response:
        """order-rvsecncl: the number of the order that the change or the cancellation made."""
        account = self._account(question)
        number = question.field("ORGN_ODNO")
        takes_all = question.field("QTY_ALL_ORD_YN").upper() == "Y"
        action = question.field("RVSE_CNCL_DVSN_CD")
        if not number.isdecimal() or action not in ("01", "02"):
            raise body_unmappable()
        quantity = None if takes_all else order_quantity(question)
        if action == "02":
            order = self._brokerage.cancel(account, int(number), quantity, _exchange(question))
            return self._accepted(order, _PAPER_TEXTS["cancel"])
        order = self._brokerage.change(
            account,
            int(number),
            question.field("ORD_DVSN"),
            quantity,
            _price(question),
            _exchange(question),
            _trigger(question),
        )
        return self._accepted(order, _PAPER_TEXTS["change"])

    def _accepted(self, order: RestingOrder, paper: tuple[str, str]) -> Response:
        output = {
            "KRX_FWDG_ORD_ORGNO": BRANCH[self._mode],
            "ODNO": order_number(order.number),
            "ORD_TMD": clock_time(order.placed_at),
        }
        live = ("APBK0013", "주문 전송 완료 되었습니다.")
        code, text = paper if self._mode is Mode.PAPER else live
        return success({"output": output}, code, text)


def _price(question: Question) -> int | None:
    """The price of an order that has one, ``None`` for the kinds without; 06 must name none."""
    kind = question.field("ORD_DVSN")
    if kind in PRICED_KINDS:
        return whole_number(question.field("ORD_UNPR"))
    if whole_number(question.field("ORD_UNPR") or "0") and kind == AFTER_CLOSE_KIND:
        raise body_unmappable()
    return None


def _trigger(question: Question) -> int | None:
    """The price that wakes a stop order, which must name one; ``None`` for the other kinds."""
    if question.field("ORD_DVSN") != STOP_KIND:
        return None
    trigger = whole_number(question.field("CNDT_PRIC"))
    if not trigger:
        raise body_unmappable()
    return trigger


def _exchange(question: Question) -> str:
    exchange = question.field("EXCG_ID_DVSN_CD").upper() or "KRX"
    if exchange not in _EXCHANGES:
        raise body_unmappable()
    return exchange
