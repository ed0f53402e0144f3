"""A counter of the broker: what the account APIs share when they serve a customer.

This room changes when KIS changes how all of its account answers are said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from kis_sync.catalog import Mode
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.paging import Page, Row, cut_page
from kis_sync.sim.prices.market import Market
from kis_sync.sim.question import Question, body_unmappable
from kis_sync.sim.trading.brokerage import Brokerage
from kis_sync.sim.trading.ledger import Account, Side

FOUND = ("KIOK0510", "조회가 완료되었습니다")
LAST = ("KIOK0460", "조회 되었습니다. (마지막 자료)")
_NOTHING = ("KIOK0560", "조회할 내용이 없습니다")
_MORE = ("KIOK0500", "조회가 계속됩니다..다음버튼을 Click 하십시오.")
_PAPER = ("20310000", "모의투자 조회가 완료되었습니다.")

SIDE_NAMES = {Side.BUY: "현금매수", Side.SELL: "현금매도"}


def account_of(brokerage: Brokerage, question: Question) -> Account:
    """The account that a question names; raises OPSQ2000 when it is not the app key's."""
    return brokerage.account(question.app_key, question.field("CANO"), question.field("ACNT_PRDT_CD"))


class Counter:
    """Serves the customers of one broker in the words of one world."""

    def __init__(self, brokerage: Brokerage, market: Market, mode: Mode, assumptions: Assumptions) -> None:
        self._brokerage = brokerage
        self._market = market
        self._mode = mode
        self._assumptions = assumptions

    def _account(self, question: Question) -> Account:
        return account_of(self._brokerage, question)

    def _name(self, code: str) -> str:
        listing = self._market.listing(code)
        return listing.name if listing else ""

    def _answered(
        self,
        content: Mapping[str, object],
        *,
        is_empty: bool = False,
        tr_cont: str = "D",
        found: tuple[str, str] = FOUND,
    ) -> Response:
        """A success; ``found`` is what live says when there is something and nothing more to come."""
        if self._mode is Mode.PAPER:
            said = _PAPER
        elif is_empty:
            said = _NOTHING
        else:
            said = _MORE if tr_cont in ("M", "F") else found
        return success(content, *said, tr_cont=tr_cont, padded=True)

    def _page(
        self, question: Question, rows: Sequence[Row], identities: Sequence[str], size: int, search: str
    ) -> Page:
        return cut_page(question, rows, identities, size, search, self._assumptions)


def whole_number(text: str) -> int:
    """A whole number from a body's text; raises IGW00007 for anything else."""
    if not (text.isascii() and text.isdecimal()):
        raise body_unmappable()
    return int(text)


def order_quantity(question: Question) -> int:
    """ORD_QTY of an order; raises IGW00007 for none."""
    quantity = whole_number(question.field("ORD_QTY"))
    if not quantity:
        raise body_unmappable()
    return quantity


def day_of(text: str) -> date | None:
    """A date from YYYYMMDD, ``None`` for a blank; raises IGW00007 for anything else."""
    if not text:
        return None
    if not (len(text) == 8 and text.isascii() and text.isdecimal()):
        raise body_unmappable()
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise body_unmappable() from None
