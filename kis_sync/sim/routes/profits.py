"""The account APIs that tell what trading earned: by day, and by day and code.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby

from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import day, documented
from kis_sync.sim.question import Question
from kis_sync.sim.routes.counter import Counter
from kis_sync.sim.trading.ledger import Account, Fill, Side

_ROWS = 50
_OLDEST_FIRST = "01"
_SEARCHED = ("CANO", "ACNT_PRDT_CD", "PDNO", "INQR_STRT_DT", "INQR_END_DT", "SORT_DVSN", "CBLC_DVSN")


class Profits(Counter):
    """Answers about what an account realised."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_period_profit": self.by_day,
            "domestic_stock.inquire_period_trade_profit": self.by_code,
        }

    def by_day(self, question: Question) -> Response:
        """inquire-period-profit: one row for each day with trades, and the sums of the period."""
        account = self._account(question)
        with self._brokerage.present():
            fills = _wanted(account, question)
            days = {on: list(some) for on, some in groupby(fills, key=lambda fill: fill.at.date())}
        rows = {day(on): _day_fields(on, some) | _moved_fields(some, "1") for on, some in days.items()}
        return self._listed(question, rows, _sums(fills, "buy_qty_smtl"))

    def by_code(self, question: Question) -> Response:
        """inquire-period-trade-profit: one row for each code traded on a day, and the sums of the period."""
        account = self._account(question)
        with self._brokerage.present():
            fills = _wanted(account, question)
            groups: dict[tuple[date, str], list[Fill]] = {}
            for fill in fills:
                groups.setdefault((fill.at.date(), fill.code), []).append(fill)
            rows = {
                f"{day(on)}{code}": self._code_fields(account, on, code, some)
                for (on, code), some in groups.items()
            }
        sums = _sums(fills, "buyqty_smtl") | {"tot_pftrt": _earned(fills)}
        return self._listed(question, rows, sums)

    def _listed(
        self, question: Question, rows: Mapping[str, dict[str, str]], sums: Mapping[str, str]
    ) -> Response:
        name = question.endpoint.name
        ordered = list(rows.items())
        if question.field("SORT_DVSN") != _OLDEST_FIRST:
            ordered.reverse()
        search = "^".join(question.field(field) for field in _SEARCHED) + "^"
        page = self._page(
            question,
            [documented(name, "output1", row) for _, row in ordered],
            [identity for identity, _ in ordered],
            _ROWS,
            search,
        )
        content = {**page.context, "output1": page.rows, "output2": documented(name, "output2", sums)}
        return self._answered(content, is_empty=not ordered, tr_cont=page.tr_cont)

    def _code_fields(self, account: Account, on: date, code: str, fills: list[Fill]) -> dict[str, str]:
        sells = [fill for fill in fills if fill.side is Side.SELL]
        sold, got = sum(fill.quantity for fill in sells), sum(fill.value for fill in sells)
        held, cost = _held_after(account, on, code)
        cost_of, shares = (sum(fill.cost for fill in sells), sold) if sold else (cost, held)
        return {
            **_day_fields(on, fills),
            **_moved_fields(fills),
            "pdno": code,
            "prdt_name": self._name(code),
            "trad_dvsn_name": "현금",
            "hldg_qty": str(held),
            "pchs_unpr": str(cost_of // shares if shares else 0),
            "sll_pric": str(got // sold if sold else 0),
        }


def _wanted(account: Account, question: Question) -> list[Fill]:
    """The fills of the period and the code asked for, oldest first."""
    first, last, code = (question.field(name) for name in ("INQR_STRT_DT", "INQR_END_DT", "PDNO"))
    return [
        fill for fill in account.fills if first <= day(fill.at.date()) <= last and code in ("", fill.code)
    ]


def _held_after(account: Account, on: date, code: str) -> tuple[int, int]:
    """Shares of a code after a day's trades, and what they cost."""
    fills = [fill for fill in account.fills if fill.code == code and fill.at.date() <= on]
    signed = [(1 if fill.side is Side.BUY else -1, fill) for fill in fills]
    quantity = sum(sign * fill.quantity for sign, fill in signed)
    return quantity, sum(fill.value if sign > 0 else -fill.cost for sign, fill in signed)


def _day_fields(on: date, fills: Sequence[Fill]) -> dict[str, str]:
    buys, sells = _split(fills)
    return {
        "trad_dt": day(on),
        "buy_amt": str(sum(fill.value for fill in buys)),
        "sll_amt": str(sum(fill.value for fill in sells)),
        "rlzt_pfls": str(sum(fill.profit for fill in sells)),
        "fee": str(sum(fill.fee for fill in fills)),
        "loan_int": "0",
        "tl_tax": str(sum(fill.tax for fill in fills)),
        "pfls_rt": _earned(fills),
    }


def _moved_fields(fills: Sequence[Fill], ending: str = "") -> dict[str, str]:
    buys, sells = _split(fills)
    return {
        f"buy_qty{ending}": str(sum(fill.quantity for fill in buys)),
        f"sll_qty{ending}": str(sum(fill.quantity for fill in sells)),
    }


def _earned(fills: Sequence[Fill]) -> str:
    """What sales realised in percent of what the sold shares had cost."""
    _, sells = _split(fills)
    cost, profit = sum(fill.cost for fill in sells), sum(fill.profit for fill in sells)
    return f"{profit * 100 / cost if cost else 0:.8f}"


def _split(fills: Sequence[Fill]) -> tuple[list[Fill], list[Fill]]:
    buys = [fill for fill in fills if fill.side is Side.BUY]
    return buys, [fill for fill in fills if fill.side is Side.SELL]


def _sums(fills: Sequence[Fill], bought: str) -> dict[str, str]:
    """The sums of a period; ``bought`` is how the answer spells the number of bought shares."""
    buys, sells = _split(fills)
    paid, got = (-sum(fill.cash_effect for fill in buys), sum(fill.cash_effect for fill in sells))
    return {
        "sll_qty_smtl": str(sum(fill.quantity for fill in sells)),
        "sll_tr_amt_smtl": str(sum(fill.value for fill in sells)),
        "sll_fee_smtl": str(sum(fill.fee for fill in sells)),
        "sll_tltx_smtl": str(sum(fill.tax for fill in sells)),
        "sll_excc_amt_smtl": str(got),
        bought: str(sum(fill.quantity for fill in buys)),
        "buy_tr_amt_smtl": str(sum(fill.value for fill in buys)),
        "buy_fee_smtl": str(sum(fill.fee for fill in buys)),
        "buy_tax_smtl": "0",
        "buy_excc_amt_smtl": str(paid),
        "tot_qty": str(sum(fill.quantity for fill in fills)),
        "tot_tr_amt": str(sum(fill.value for fill in fills)),
        "tot_fee": str(sum(fill.fee for fill in fills)),
        "tot_tltx": str(sum(fill.tax for fill in fills)),
        "tot_excc_amt": str(paid + got),
        "tot_rlzt_pfls": str(sum(fill.profit for fill in sells)),
        "loan_int": "0",
    }
