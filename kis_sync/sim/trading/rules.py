"""Why an order is refused: the reasons, KIS's codes and texts for them in both worlds, and the checks.

This room changes when KIS refuses for another reason or with another code.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from kis_sync.catalog import Mode
from kis_sync.market.hours import is_trading_day, regular_session
from kis_sync.market.ticks import is_on_tick
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError
from kis_sync.sim.prices.listings import ListingInfo
from kis_sync.sim.prices.market import Quote
from kis_sync.sim.question import NOT_ON_PAPER
from kis_sync.sim.trading.reserving_hours import hours_of, takes_reservations
from kis_sync.sim.trading.resting import KIND_NAMES

OFF_HOURS_KINDS = frozenset({"05", "06", "07"})
PAPER_KINDS = frozenset({"00", "01", "02", "03", "04"})
_NO_STOCK_ORDERS = {"03", "08"}  # accounts for derivatives
_RETIREMENT = "29"
_NOT_TAKEN = {"NXT": {"01", "02"}, "SOR": {"02"}}
OPENING_AUCTION = timedelta(minutes=30)
CLOSING_AUCTION = timedelta(minutes=10)


class Reason(enum.Enum):
    """Why an order, a change or a cancellation is refused: live code and text, paper code and text."""

    NO_SUCH_CODE = (
        ("APBK0656", "해당 종목 정보가 없습니다."),
        ("40070000", "모의투자 주문처리가 안되었습니다(매매불가 종목)"),
    )
    HALTED = (
        ("APBK0066", "거래정지종목(주식)은 취소주문만 가능(정정불가)합니다."),
        ("40070000", "모의투자 주문처리가 안되었습니다(매매불가 종목)"),
    )
    KIND = (("APBK0963", "주문구분코드 오류 입니다."), NOT_ON_PAPER)
    VENUE = (("APBK0963", "주문구분코드 오류 입니다."), NOT_ON_PAPER)
    HOLIDAY = (
        ("APBK0919", "장운영일자가 주문일과 상이합니다"),
        ("40100000", "모의투자 영업일이 아닙니다."),
    )
    BEFORE_OPEN = (
        ("APBK0918", "장운영시간이 아닙니다.(주문불가)"),
        ("40570000", "모의투자 장시작전 입니다."),
    )
    AFTER_CLOSE = (
        ("APBK0918", "장운영시간이 아닙니다.(주문불가)"),
        ("40580000", "모의투자 장종료 입니다."),
    )
    TICK = (
        ("APBK0506", "주식주문호가단위 오류입니다."),
        ("40030000", "모의투자 주문처리가 안되었습니다(호가단위 오류)"),
    )
    ABOVE_LIMIT = (
        ("APBK0406", "주문가격이 상한가를 초과합니다"),
        ("40270000", "모의투자 상/하한가 오류"),
    )
    BELOW_LIMIT = (
        ("APBK0406", "주문가격이 하한가를 초과합니다"),
        ("40270000", "모의투자 상/하한가 오류"),
    )
    CASH = (
        ("APBK0952", "주문가능금액을 초과 했습니다"),
        ("40250000", "모의투자 주문가능금액이 부족합니다."),
    )
    SHARES = (
        ("APBK0400", "주문 가능한 수량을 초과했습니다."),
        ("40240000", "모의투자 잔고내역이 없습니다."),
    )
    NO_SUCH_ORDER = (
        ("APBK0344", "원주문정보가 존재하지않습니다"),
        ("40330000", "모의투자 정정/취소할 수량이 없습니다."),
    )
    NOTHING_LEFT = (
        ("APBK0927", "정정취소 가능수량이 없습니다."),
        ("40330000", "모의투자 정정/취소할 수량이 없습니다."),
    )
    RETIREMENT_ACCOUNT = (
        ("APBK1744", "퇴직연금 계좌는 주문할 수 없습니다."),
        ("40910000", "모의투자 주문이 불가한 계좌입니다."),
    )
    DERIVATIVES_ACCOUNT = (
        ("APAC0489", "위탁계좌인 경우만 사용가능합니다"),
        ("40910000", "모의투자 주문이 불가한 계좌입니다."),
    )


class Rules:
    """The checks of one world; each raises the refusal that KIS would send."""

    def __init__(self, mode: Mode, assumptions: Assumptions) -> None:
        self._mode = mode
        self._paper_status = assumptions.paper_rejection_status

    def refusal(self, reason: Reason) -> RefusalError:
        """The refusal for a reason: ``rt_cd`` 7 on live, 1 on paper."""
        live, paper = reason.value
        if self._mode is Mode.PAPER:
            return RefusalError(*paper, rt_cd="1", status=self._paper_status, padded=True)
        return RefusalError(*live, rt_cd="7", status=200, padded=True)

    def check_product(self, product: str) -> None:
        """Whether an account of that product code orders stocks at all."""
        if product == _RETIREMENT:
            raise self.refusal(Reason.RETIREMENT_ACCOUNT)
        if product in _NO_STOCK_ORDERS:
            raise self.refusal(Reason.DERIVATIVES_ACCOUNT)

    def check_reserving(self, now: datetime) -> None:
        """Whether reserved orders are taken at the moment."""
        if not takes_reservations(now):
            begin, end = hours_of(now.date())
            text = f"예약주문 은 {begin:%H:%M}분 이후부터 익영업일 {end:%H:%M}분까지만 가능합니다."
            raise RefusalError("KIER3672", text, rt_cd="7", status=200, padded=True)

    def check_kind(self, kind: str, exchange: str) -> None:
        """Whether the venue takes such orders; off-hours, midpoint and stop orders are not simulated."""
        if self._mode is Mode.PAPER and exchange != "KRX":
            raise self.refusal(Reason.VENUE)
        if kind in OFF_HOURS_KINDS and self._mode is Mode.LIVE and exchange == "KRX":
            raise self.refusal(Reason.AFTER_CLOSE)
        known = PAPER_KINDS if self._mode is Mode.PAPER else KIND_NAMES.keys()
        if kind not in known or kind in _NOT_TAKEN.get(exchange, ()):
            raise self.refusal(Reason.KIND)

    def check_hours(self, now: datetime) -> None:
        """Live takes orders from half an hour before the open, paper from the open; both until the close."""
        if not is_trading_day(now.date()):
            raise self.refusal(Reason.HOLIDAY)
        session = regular_session(now.date())
        opens = session.open if self._mode is Mode.PAPER else session.open - OPENING_AUCTION
        if now < opens:
            raise self.refusal(Reason.BEFORE_OPEN)
        if now >= session.close:
            raise self.refusal(Reason.AFTER_CLOSE)

    def check_price(self, price: int, quote: Quote, listing: ListingInfo) -> None:
        """A limit price must lie within the day's limits and on a tick."""
        if price > quote.upper:
            raise self.refusal(Reason.ABOVE_LIMIT)
        if price < quote.lower:
            raise self.refusal(Reason.BELOW_LIMIT)
        if not is_on_tick(price, listing.kind):
            raise self.refusal(Reason.TICK)


def in_auction(now: datetime) -> bool:
    """Whether orders are collected for an auction instead of meeting at once."""
    session = regular_session(now.date())
    return now < session.open or now >= session.close - CLOSING_AUCTION
