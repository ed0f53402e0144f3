"""The APIs that list orders: those still open, and all of a period with what was filled.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from operator import attrgetter

from kis_sync.catalog import Mode
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import clock_time, day, documented, order_number
from kis_sync.sim.paging import cut_behind
from kis_sync.sim.prices.market import Market
from kis_sync.sim.question import Question
from kis_sync.sim.routes.counter import SIDE_NAMES, Counter
from kis_sync.sim.routes.listing import MARKET_CODES
from kis_sync.sim.trading.brokerage import BRANCH, Brokerage
from kis_sync.sim.trading.ledger import Account, Side
from kis_sync.sim.trading.resting import KIND_NAMES, RestingOrder
from kis_sync.sim.unlisted import Unlisted

_OPEN_ROWS = 50
_HISTORY_ROWS = {Mode.LIVE: 100, Mode.PAPER: 15}
_RECENT = timedelta(days=92)  # "within three months" is one TR id, what is older another
_SENT_OTHERWISE = {"cnc_cfrm_qty": "cncl_cfrm_qty", "excg_id_dvsn_Cd": "excg_id_dvsn_cd"}
_EXCHANGES = ("KRX", "NXT", "SOR")
_SOR_CODE = "12"
_NO_SUCH_KINDS = ("1", "2")  # ELW, pre-board
_CASH = ("", "00", "01")
_LAST_NUMBER = 9_999_999_999


class Executions(Counter):
    """Tells of orders, but for those that are kept from the lists for a while."""

    def __init__(
        self,
        brokerage: Brokerage,
        market: Market,
        mode: Mode,
        assumptions: Assumptions,
        *,
        unlisted: Unlisted,
    ) -> None:
        super().__init__(brokerage, market, mode, assumptions)
        self._unlisted = unlisted

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_psbl_rvsecncl": self.open_orders,
            "domestic_stock.inquire_daily_ccld": self.history,
        }

    @contextmanager
    def _listed(self, account: Account, question: Question) -> Iterator[tuple[datetime, list[RestingOrder]]]:
        """Hold the books still: the present, and the orders that are listed, by number."""
        with self._unlisted.held(), self._brokerage.present() as now:
            hidden = self._unlisted.numbers(now)
            all_orders = [] if question.shows_nothing else self._brokerage.orders_of(account)
            orders = [order for order in all_orders if order.number not in hidden]
            yield now, sorted(orders, key=attrgetter("number"))

    def open_orders(self, question: Question) -> Response:
        """inquire-psbl-rvsecncl: orders that can be changed or cancelled, newest first (or by code)."""
        account, name = self._account(question), question.endpoint.name
        wanted = {"1": Side.SELL, "2": Side.BUY}.get(question.field("INQR_DVSN_2"))
        by_code = question.field("INQR_DVSN_1") == "1"
        with self._listed(account, question) as (_, listed):
            orders = [
                order for order in reversed(listed) if order.remaining and wanted in (None, order.ticket.side)
            ]
            if by_code:
                orders.sort(key=_by_code)
            page = cut_behind(
                question,
                orders,
                _by_code if by_code else _newest_first,
                lambda order: documented(name, "output", self._open_fields(order)),
                _OPEN_ROWS,
                f"{account.cano}^{account.product}^",
                self._assumptions,
            )
        content = {**page.context, "output": page.rows}
        return self._answered(content, is_empty=not orders, tr_cont=page.tr_cont)

    def history(self, question: Question) -> Response:
        """inquire-daily-ccld: orders of a range of days with what was filled, and their sums."""
        account, name = self._account(question), question.endpoint.name
        oldest_first = question.field("INQR_DVSN") == "01"
        with self._listed(account, question) as (now, listed):
            in_range = _in_range(listed, question, now.date())
            orders = _wanted(in_range, question) if self._has_such_orders(question) else []
            sums = documented(name, "output2", self._sums(orders, in_range))
            if not oldest_first:
                orders.reverse()
            page = cut_behind(
                question,
                orders,
                _oldest_first if oldest_first else _newest_first,
                lambda order: self._history_row(name, order),
                _HISTORY_ROWS[self._mode],
                "!^".join(question.field(field) for field in _SEARCHED) + "!^",
                self._assumptions,
            )
        content = {**page.context, "output1": page.rows, "output2": sums}
        return self._answered(content, is_empty=not orders, tr_cont=page.tr_cont)

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
        }

    def _open_fields(self, order: RestingOrder) -> dict[str, str]:
        side = "BUY" if order.ticket.side is Side.BUY else "SELL"
        return self._common_fields(order) | {
            "rvse_cncl_dvsn_name": f"{side} AMEND*" if order.original else "",
            "psbl_qty": str(order.remaining),
            "excg_id_dvsn_cd": order.ticket.exchange,
            "excg_id_dvsn_name": order.ticket.exchange,
            "stpm_efct_occr_yn": "" if order.ticket.trigger is None else "N" if order.is_asleep else "Y",
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
            "ord_unpr": str(ticket.price or 0),
            "stpm_cndt_pric": str(ticket.trigger or 0),
            "ord_tmd": clock_time(order.placed_at),
            "tot_ccld_qty": str(order.filled),
            "tot_ccld_amt": str(order.filled_value),
            "sll_buy_dvsn_cd": ticket.side.value,
            "excg_dvsn_cd": _SOR_CODE if ticket.exchange == "SOR" else MARKET_CODES.get(market, ""),
        }

    def _sums(self, orders: list[RestingOrder], in_range: list[RestingOrder]) -> dict[str, str]:
        """Sums over the orders; the costs are of the whole range, whatever else was filtered, as on live."""
        asked = [order for order in orders if not order.is_cancellation]
        filled, value = sum(order.filled for order in asked), sum(order.filled_value for order in asked)
        return {
            "tot_ord_qty": str(sum(order.ticket.quantity for order in asked)),
            "tot_ccld_qty": str(filled),
            "tot_ccld_amt": str(value),
            "prsm_tlex_smtl": str(sum(order.costs for order in in_range)),
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


# Where an order stands in a list for ever, as text that ascends along the list.


def _oldest_first(order: RestingOrder) -> str:
    return order_number(order.number)


def _newest_first(order: RestingOrder) -> str:
    return order_number(_LAST_NUMBER - order.number)


def _by_code(order: RestingOrder) -> str:
    return f"{order.ticket.code}^{_newest_first(order)}"


def _in_range(orders: list[RestingOrder], question: Question, today: date) -> list[RestingOrder]:
    """The orders of the days asked for that are as recent as the TR id says, in a new list."""
    first, last = question.field("INQR_STRT_DT"), question.field("INQR_END_DT")
    wants_recent = question.variant == "recent"
    fits: dict[date, bool] = {}
    found = []
    for order in orders:
        on = order.day
        if on not in fits:
            is_recent = today - on <= _RECENT
            fits[on] = is_recent == wants_recent and first <= day(on) <= last
        if fits[on]:
            found.append(order)
    return found


def _wanted(orders: list[RestingOrder], question: Question) -> list[RestingOrder]:
    """The orders that every filter lets pass, in a new list; a filter that is left blank is none."""
    side, code = question.field("SLL_BUY_DVSN_CD"), question.field("PDNO")
    number, state = question.field("ODNO"), question.field("CCLD_DVSN")
    exchange = question.field("EXCG_ID_DVSN_CD").upper()
    found = list(orders)
    if number:
        wanted_number = int(number) if number.isdecimal() else None
        found = [order for order in found if order.number == wanted_number]
    if side in ("01", "02"):
        found = [order for order in found if order.ticket.side.value == side]
    if code:
        found = [order for order in found if order.ticket.code == code]
    if exchange in _EXCHANGES:
        found = [order for order in found if order.ticket.exchange == exchange]
    if state == "01":
        found = [order for order in found if order.filled > 0]
    elif state == "02":
        found = [order for order in found if order.remaining > 0]
    return found
