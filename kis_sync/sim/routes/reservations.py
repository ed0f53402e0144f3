"""The APIs of reserved orders: giving, amending and cancelling them, and what became of them.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import clock_time, day, documented, order_number
from kis_sync.sim.question import Question, body_unmappable
from kis_sync.sim.routes.counter import LAST, SIDE_NAMES, Counter, day_of, order_quantity, whole_number
from kis_sync.sim.trading.ledger import Side
from kis_sync.sim.trading.reasons import Reason
from kis_sync.sim.trading.reservation import Reservation, Sending
from kis_sync.sim.trading.resting import PRICED_KINDS, Ticket

_ROWS = 20
_SIDES = {"01": Side.SELL, "02": Side.BUY}
_KINDS = ("00", "01", "02", "05")
_CASH = "10"
_LENT = ("12", "14", "21", "22", "23", "24", "25", "26", "27", "28")
_ACCEPTED = ("APBK2938", "예약주문이 접수되었습니다.")
_CHANGED = ("KIOK0430", "정상적으로 처리되었습니다")
_SENT, _PENDING, _REFUSED, _CANCELLED = "처리", "미처리", "거부", "취소"
_SENT_WELL = "정상 처리 완료되었습니다."
_BY_API = "31"
_SEARCHED = ("RSVN_ORD_ORD_DT", "RSVN_ORD_SEQ", "PRCS_DVSN_CD", "CNCL_YN", "PDNO", "SLL_BUY_DVSN_CD")


class ReservedOrders(Counter):
    """Takes reserved orders, and tells of them."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.order_resv": self.reserve,
            "domestic_stock.order_resv_rvsecncl": self.amend_or_cancel,
            "domestic_stock.order_resv_ccnl": self.reserved,
        }

    def reserve(self, question: Question) -> Response:
        """order-resv: the number of a new reservation."""
        reservation = self._brokerage.reserve(self._ticket(question), day_of(question.field(_END)))
        return success({"output": {"RSVN_ORD_SEQ": str(reservation.seq)}}, *_ACCEPTED)

    def amend_or_cancel(self, question: Question) -> Response:
        """order-resv-rvsecncl: an amended reservation keeps its number."""
        seq, given_on = whole_number(question.field(_SEQ)), day_of(question.field("RSVN_ORD_ORD_DT"))
        if question.variant == "cancel":
            self._brokerage.cancel_reservation(self._account(question), seq, given_on)
        else:
            ticket, end = self._ticket(question), day_of(question.field(_END))
            self._brokerage.amend_reservation(seq, ticket, end, given_on)
        return success({"output": {"NRML_PRCS_YN": "Y"}}, *_CHANGED)

    def _ticket(self, question: Question) -> Ticket:
        side, kind = question.field("SLL_BUY_DVSN_CD"), question.field("ORD_DVSN_CD")
        balance = question.field("ORD_OBJT_CBLC_DVSN_CD")
        if side not in _SIDES or kind not in _KINDS or balance not in (_CASH, *_LENT):
            raise body_unmappable()
        price = whole_number(question.field("ORD_UNPR") or "0")
        ticket = Ticket(
            account=self._account(question),
            side=_SIDES[side],
            code=question.field("PDNO"),
            kind=kind,
            quantity=order_quantity(question),
            price=price if kind in PRICED_KINDS else None,
        )
        if balance != _CASH:  # nothing is lent here, so there is nothing of the kind to sell
            raise self._brokerage.rules.refusal(Reason.SHARES)
        return ticket

    def reserved(self, question: Question) -> Response:
        """order-resv-ccnl: a row for each day a reservation was or will be sent, oldest first."""
        account, name = self._account(question), question.endpoint.name
        with self._brokerage.present():
            shown = [
                (reservation, sending, on)
                for reservation in self._brokerage.reservations_of(account)
                if _is_asked_for(reservation, question)
                for sending, on in _days(reservation)
                if _is_wanted(reservation, sending, on, question)
            ]
            rows = [documented(name, "output", self._fields(*each)) for each in shown]
        search = "".join(f"{question.field(field)}!^" for field in _SEARCHED)
        identities = [f"{reservation.seq}@{day(on)}" for reservation, _, on in shown]
        page = self._page(question, rows, identities, _ROWS, search)
        content = {**page.context, "output": page.rows}
        return self._answered(content, is_empty=not rows, tr_cont=page.tr_cont, found=LAST)

    def _fields(self, reservation: Reservation, sending: Sending | None, on: date) -> dict[str, str]:
        ticket, cancelled = reservation.ticket, None if sending else reservation.cancelled_at
        order = sending.order if sending else None
        return {
            "rsvn_ord_seq": str(reservation.seq),
            "rsvn_ord_ord_dt": day(on),
            "rsvn_ord_rcit_dt": day(reservation.received_at.date()),
            "pdno": ticket.code,
            "ord_dvsn_cd": ticket.kind,
            "ord_rsvn_qty": str(order.ticket.quantity if order else reservation.remaining),
            "tot_ccld_qty": str(order.filled if order else 0),
            "cncl_ord_dt": day(cancelled) if cancelled else "",
            "ord_tmd": clock_time(order.placed_at) if order else "",
            "rjct_rson2": (sending.refusal or _SENT_WELL) if sending else "",
            "odno": order_number(order.number) if order else "",
            "rsvn_ord_rcit_tmd": clock_time(reservation.received_at),
            "kor_item_shtn_name": self._name(ticket.code),
            "sll_buy_dvsn_cd": ticket.side.value,
            "ord_rsvn_unpr": str(ticket.price or 0),
            "tot_ccld_amt": str(order.filled_value if order else 0),
            "cncl_rcit_tmd": clock_time(cancelled) if cancelled else "",
            "prcs_rslt": _state(reservation, sending),
            "ord_dvsn_name": SIDE_NAMES[ticket.side],
            "tmnl_mdia_kind_cd": _BY_API,
            "rsvn_end_dt": day(reservation.end) if reservation.end else "",
        }


_SEQ = "RSVN_ORD_SEQ"
_END = "RSVN_ORD_END_DT"


def _days(reservation: Reservation) -> Iterator[tuple[Sending | None, date]]:
    """The days a reservation was sent, and the day it will be sent next or would have been."""
    for sending in reservation.sendings:
        yield sending, sending.order.day
    if (waits_for := reservation.would_be_next_day) is not None:
        yield None, waits_for


def _state(reservation: Reservation, sending: Sending | None) -> str:
    if sending is not None:
        return _REFUSED if sending.refusal else _SENT
    return _CANCELLED if reservation.cancelled_at else _PENDING


def _is_asked_for(reservation: Reservation, question: Question) -> bool:
    seq, side, code = (question.field(name) for name in (_SEQ, "SLL_BUY_DVSN_CD", "PDNO"))
    if seq and not (seq.isdecimal() and int(seq) == reservation.seq):
        return False
    if side in _SIDES and reservation.ticket.side is not _SIDES[side]:
        return False
    return code in ("", reservation.ticket.code)


def _is_wanted(reservation: Reservation, sending: Sending | None, on: date, question: Question) -> bool:
    """Whether a row lies in the range, by the day it is sent or the day it was given, and in its state."""
    first, last = question.field("RSVN_ORD_ORD_DT"), question.field(_END) or "99999999"
    if not any(first <= day(each) <= last for each in (on, reservation.received_at.date())):
        return False
    if question.field("CNCL_YN") == "Y" and sending is None and reservation.cancelled_at:
        return False
    return {"1": sending is not None, "2": sending is None}.get(question.field("PRCS_DVSN_CD"), True)
