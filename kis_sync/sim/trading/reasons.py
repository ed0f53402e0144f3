"""Why an order is refused: the reasons, with KIS's codes and texts for them in both worlds.

This room changes when KIS refuses for another reason or with another code.
"""

from __future__ import annotations

import enum

from kis_sync.sim.question import NOT_ON_PAPER

_OUT_OF_HOURS = ("APBK0918", "장운영시간이 아닙니다.(주문불가)")


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
    HOLIDAY = (
        ("APBK0919", "장운영일자가 주문일과 상이합니다"),
        ("40100000", "모의투자 영업일이 아닙니다."),
    )
    BEFORE_OPEN = (_OUT_OF_HOURS, ("40570000", "모의투자 장시작전 입니다."))
    AFTER_CLOSE = (_OUT_OF_HOURS, ("40580000", "모의투자 장종료 입니다."))
    NXT_MORNING_MARKET = (
        ("APBK0918", "장운영시간이 아닙니다.([프리마켓] 시장가 매매 불가 시간)"),
        NOT_ON_PAPER,
    )
    NXT_EVENING = (
        ("APBK3013", "[애프터마켓]지정가 및 최유리/최우선지정가 주문만 가능합니다."),
        NOT_ON_PAPER,
    )
    MARKET_PRICE = (("APBK1943", "시장가호가불가"), NOT_ON_PAPER)
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
