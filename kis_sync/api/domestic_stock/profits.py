"""What trading earned: by day and stock, and by day.

This room changes when KIS changes inquire-period-trade-profit or inquire-period-profit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.span import checked_span
from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import ServerError
from kis_sync.settings import Account
from kis_sync.values import Row

_OLDEST_FIRST = "01"
_ALL = "00"
_LONG_CODE = 12  # letters, of which the last six are the code


@dataclass(frozen=True, slots=True)
class TradeProfit:
    """What was traded of one stock on one day: shares, and won.

    ``held`` is what was left of it. ``purchase_price`` is what a share had cost, ``sell_price`` what a sold
    one brought; ``None`` when nothing was sold. ``profit`` is realised, by sales only; ``fee``, ``tax`` and
    ``interest`` (of a loan) are those of the day. ``kind`` is KIS's word, such as 현금 for a cash trade.
    """

    day: date
    code: str
    name: str
    kind: str
    held: int | None
    bought: int | None
    bought_amount: int | None
    purchase_price: Decimal | None
    sold: int | None
    sold_amount: int | None
    sell_price: Decimal | None
    profit: int | None
    profit_percent: float | None
    fee: int | None
    tax: int | None
    interest: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Row) -> TradeProfit:
        """A row of inquire-period-trade-profit."""
        code = row.text("pdno")
        return cls(
            day=_read_day(row),
            code=code[-6:] if len(code) == _LONG_CODE else code,
            name=row.text("prdt_name"),
            kind=row.text("trad_dvsn_name"),
            held=row.amount("hldg_qty"),
            bought=row.amount("buy_qty"),
            bought_amount=row.whole("buy_amt"),
            purchase_price=row.decimal("pchs_unpr"),
            sold=row.amount("sll_qty"),
            sold_amount=row.whole("sll_amt"),
            sell_price=row.decimal("sll_pric") or None,
            profit=row.whole("rlzt_pfls"),
            profit_percent=row.percent("pfls_rt"),
            fee=row.whole("fee"),
            tax=row.whole("tl_tax"),
            interest=row.whole("loan_int"),
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class DayProfit:
    """All trades of one day: shares, and won; ``profit`` is realised, by sales only."""

    day: date
    bought: int | None
    bought_amount: int | None
    sold: int | None
    sold_amount: int | None
    profit: int | None
    profit_percent: float | None
    fee: int | None
    tax: int | None
    interest: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Row) -> DayProfit:
        """A row of inquire-period-profit."""
        return cls(
            day=_read_day(row),
            bought=row.amount("buy_qty1"),
            bought_amount=row.whole("buy_amt"),
            sold=row.amount("sll_qty1"),
            sold_amount=row.whole("sll_amt"),
            profit=row.whole("rlzt_pfls"),
            profit_percent=row.percent("pfls_rt"),
            fee=row.whole("fee"),
            tax=row.whole("tl_tax"),
            interest=row.whole("loan_int"),
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class ProfitTotals:
    """The sums of a period: shares, and won.

    ``bought_amount`` and ``sold_amount`` are traded amounts, ``paid`` and ``received`` what was settled for
    them, fees and taxes included.
    """

    bought: int | None
    bought_amount: int | None
    paid: int | None
    sold: int | None
    sold_amount: int | None
    received: int | None
    profit: int | None
    fee: int | None
    tax: int | None
    interest: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Row) -> ProfitTotals:
        """The sums that both APIs tell; each spells the number of bought shares in its own way."""
        bought = row.amount("buy_qty_smtl")
        return cls(
            bought=row.amount("buyqty_smtl") if bought is None else bought,
            bought_amount=row.whole("buy_tr_amt_smtl"),
            paid=row.whole("buy_excc_amt_smtl"),
            sold=row.amount("sll_qty_smtl"),
            sold_amount=row.whole("sll_tr_amt_smtl"),
            received=row.whole("sll_excc_amt_smtl"),
            profit=row.whole("tot_rlzt_pfls"),
            fee=row.whole("tot_fee"),
            tax=row.whole("tot_tltx"),
            interest=row.whole("loan_int"),
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class RealizedProfit:
    """What the trades from ``start`` to ``end`` earned: a row for each day and stock, oldest first.

    ``profit`` is the whole of it in won, ``profit_percent`` in percent of what the sold shares had cost;
    ``totals`` has the other sums. ``raw`` is the answer as it came, the rows of all pages together.
    """

    start: date
    end: date
    rows: tuple[TradeProfit, ...]
    profit: int | None
    profit_percent: float | None
    totals: ProfitTotals
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, start: date, end: date, pages: list[Envelope]) -> RealizedProfit:
        """The profit from every page of an answer; the totals are the last page's."""
        rows = [row for page in pages for row in page.rows("output1")]
        sums = pages[-1].row("output2")
        totals = ProfitTotals.read(sums)
        return cls(
            start=start,
            end=end,
            rows=tuple(TradeProfit.read(row) for row in rows),
            profit=totals.profit,
            profit_percent=sums.percent("tot_pftrt"),
            totals=totals,
            raw={**pages[-1].body, "output1": [row.raw for row in rows]},
        )


@dataclass(frozen=True, slots=True)
class DailyProfit:
    """What the trades from ``start`` to ``end`` earned: a row for each day with trades, oldest first.

    ``profit`` is the whole of it in won, ``totals`` has the other sums. ``raw`` is the answer as it came,
    the rows of all pages together.
    """

    start: date
    end: date
    days: tuple[DayProfit, ...]
    profit: int | None
    totals: ProfitTotals
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, start: date, end: date, pages: list[Envelope]) -> DailyProfit:
        """The profit from every page of an answer; the totals are the last page's."""
        rows = [row for page in pages for row in page.rows("output1")]
        totals = ProfitTotals.read(pages[-1].row("output2"))
        return cls(
            start=start,
            end=end,
            days=tuple(DayProfit.read(row) for row in rows),
            profit=totals.profit,
            totals=totals,
            raw={**pages[-1].body, "output1": [row.raw for row in rows]},
        )


def get_realized_profit(
    caller: Asker, start: date | None = None, end: date | None = None, *, code: str = ""
) -> RealizedProfit:
    """What was realised from ``start`` to ``end``, both included, by day and stock (of ``code`` alone).

    Without ``end`` until today, without ``start`` on the last day alone, so today when both are left out.
    All pages, or an error. Raises ``InvalidRequestError`` before the call, ``ConfigurationError`` without
    an account, ``NotOnPaperError`` on paper, which does not offer it.

    Source: inquire-period-trade-profit, TTTC8715R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     earned = get_realized_profit(broker)
    >>> earned.profit, earned.rows
    (0, ())
    """
    first, last = checked_span(caller, start, end)
    asked = _asked(caller.account, first, last, checked_code(code) if code else "")
    call = Call(endpoint("domestic_stock.inquire_period_trade_profit"), asked)
    return RealizedProfit.read(first, last, caller.ask_pages(call))


def get_daily_profit(
    caller: Asker, start: date | None = None, end: date | None = None, *, code: str = ""
) -> DailyProfit:
    """What was realised from ``start`` to ``end``, both included, by day (with ``code`` alone).

    Without ``end`` until today, without ``start`` on the last day alone, so today when both are left out.
    All pages, or an error. Raises ``InvalidRequestError`` before the call, ``ConfigurationError`` without
    an account, ``NotOnPaperError`` on paper, which does not offer it.

    Source: inquire-period-profit, TTTC8708R (live only).

    >>> from datetime import date
    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     earned = get_daily_profit(broker, date(2026, 1, 2))
    >>> earned.totals.fee, earned.days
    (0, ())
    """
    first, last = checked_span(caller, start, end)
    asked = _asked(caller.account, first, last, checked_code(code) if code else "")
    call = Call(endpoint("domestic_stock.inquire_period_profit"), {**asked, "INQR_DVSN": _ALL})
    return DailyProfit.read(first, last, caller.ask_pages(call))


def _asked(account: Account, first: date, last: date, code: str) -> dict[str, str]:
    return {
        "CANO": account.number,
        "ACNT_PRDT_CD": account.product,
        "PDNO": code,
        "INQR_STRT_DT": f"{first:%Y%m%d}",
        "INQR_END_DT": f"{last:%Y%m%d}",
        "SORT_DVSN": _OLDEST_FIRST,
        "CBLC_DVSN": _ALL,
        "CTX_AREA_FK100": "",
        "CTX_AREA_NK100": "",
    }


def _read_day(row: Row) -> date:
    day = row.day("trad_dt")
    if day is None:
        raise ServerError("the answer's field trad_dt is blank", endpoint=row.endpoint)
    return day
