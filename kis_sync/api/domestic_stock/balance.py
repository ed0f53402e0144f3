"""The account: what it holds and is worth, its cash by day of settlement, and what an order may spend.

This room changes when KIS changes inquire-balance or inquire-balance-rlz-pl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.buyable import Buyable, get_buyable
from kis_sync.catalog import Call, Mode, endpoint
from kis_sync.envelope import Envelope
from kis_sync.settings import Account
from kis_sync.values import Row


@dataclass(frozen=True, slots=True)
class Position:
    """One holding: shares, prices and amounts in won.

    ``sellable`` is what can be sold now, ``average_price`` what a share cost on average, ``price`` the
    last price (``None`` when KIS sends 0, so that nobody acts on it; trades in KRX's after-market do not
    move it), ``value`` what the shares are worth, ``profit`` that less ``cost``: not realised, and before
    the costs of a sale. ``bought_today`` and ``sold_today`` are shares.
    """

    code: str
    name: str
    quantity: int
    sellable: int | None
    average_price: Decimal | None
    cost: int | None
    price: int | None
    value: int | None
    profit: int | None
    profit_percent: float | None
    bought_today: int | None
    sold_today: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Row) -> Position:
        """A position from a row of inquire-balance."""
        return cls(
            code=row.text("pdno"),
            name=row.text("prdt_name"),
            quantity=row.needed("hldg_qty"),
            sellable=row.amount("ord_psbl_qty"),
            average_price=row.decimal("pchs_avg_pric"),
            cost=row.whole("pchs_amt"),
            price=row.amount("prpr") or None,
            value=row.whole("evlu_amt"),
            profit=row.whole("evlu_pfls_amt"),
            profit_percent=row.percent("evlu_pfls_rt"),
            bought_today=row.amount("thdt_buyqty"),
            sold_today=row.amount("thdt_sll_qty"),
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """The account in won. ``positions`` leaves out what was sold to the last share.

    To size an order: ``buyable_amount`` is what KIS tells those to look at who will owe nothing,
    ``orderable_cash`` what it reckons from the deposit (in its own example seven times as much, where stocks
    are bought on margin). Both know what resting orders have set aside. Size by nothing else, above all not
    by the deposits: ``deposit`` is today's cash as settled, ``deposit_d1`` and ``deposit_d2`` what it will be
    after one and two trading days, and in the first two the money of today's purchases is still counted.

    ``securities_value`` + ``deposit_d2`` = ``total_value``; ``net_assets`` as KIS reckons it. ``cost`` and
    ``profit`` (not realised) are the sums over the positions. ``bought_today``, ``sold_today`` and
    ``costs_today`` (fees and taxes) are amounts of today's trades; ``previous_total`` is yesterday's total
    and ``change`` what was added to it since. ``realized_profit`` is what today's sales earned.

    ``orderable_cash``, ``buyable_amount`` and ``realized_profit`` come from two further APIs: ``None`` where
    those were not asked, the last always on paper, which lacks it. ``raw`` is the answer of inquire-balance
    as it came, the rows of all pages together.
    """

    positions: tuple[Position, ...]
    deposit: int | None
    deposit_d1: int | None
    deposit_d2: int | None
    orderable_cash: int | None
    buyable_amount: int | None
    securities_value: int | None
    total_value: int | None
    net_assets: int | None
    cost: int | None
    profit: int | None
    realized_profit: int | None
    bought_today: int | None
    sold_today: int | None
    costs_today: int | None
    previous_total: int | None
    change: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(
        cls, pages: list[Envelope], buyable: Buyable | None = None, realized: Envelope | None = None
    ) -> Balance:
        """The account from every page of an answer of inquire-balance; the totals are the last page's.

        ``realized`` is the last page of an answer of inquire-balance-rlz-pl.
        """
        rows = [row for page in pages for row in page.rows("output1")]
        totals = pages[-1].row("output2")
        positions = [Position.read(row) for row in rows]
        return cls(
            positions=tuple(each for each in positions if each.quantity),
            deposit=totals.whole("dnca_tot_amt"),
            deposit_d1=totals.whole("nxdy_excc_amt"),
            deposit_d2=totals.whole("prvs_rcdl_excc_amt"),
            orderable_cash=None if buyable is None else buyable.cash,
            buyable_amount=None if buyable is None else buyable.amount,
            securities_value=totals.whole("scts_evlu_amt"),
            total_value=totals.whole("tot_evlu_amt"),
            net_assets=totals.whole("nass_amt"),
            cost=totals.whole("pchs_amt_smtl_amt"),
            profit=totals.whole("evlu_pfls_smtl_amt"),
            realized_profit=None if realized is None else realized.row("output2").whole("rlzt_pfls"),
            bought_today=totals.whole("thdt_buy_amt"),
            sold_today=totals.whole("thdt_sll_amt"),
            costs_today=totals.whole("thdt_tlex_amt"),
            previous_total=totals.whole("bfdy_tot_asst_evlu_amt"),
            change=totals.whole("asst_icdc_amt"),
            raw={**pages[-1].body, "output1": [row.raw for row in rows]},
        )


def get_balance(caller: Asker, *, complete: bool = True) -> Balance:
    """The whole account, every page of it, or an error.

    A complete balance asks three APIs, on paper two; they are read one after the other, so a fill in
    between is in the later ones only. KIS limits account reads (see ``ledger_rate_limit_rps``): at 1 a
    second the three last about 2 s, and each further page of positions (50 on live, 20 on paper) 2.1 s
    more. With ``complete=False`` inquire-balance alone is asked, and ``orderable_cash``,
    ``buyable_amount`` and ``realized_profit`` are ``None``.

    ``realized_profit`` is asked for today's trades only, with fees and taxes counted; no document lists
    the values of that switch, so compare it once with KIS's own screen before relying on its last won.

    Raises ``ConfigurationError`` without an account, ``StaleCursorError`` when KIS loses its place in a
    list of several pages again and again: never half a list.

    Source: inquire-balance, TTTC8434R (paper VTTC8434R); inquire-psbl-order, TTTC8908R (paper VTTC8908R);
    inquire-balance-rlz-pl, TTTC8494R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     balance = get_balance(broker)
    >>> balance.deposit, balance.orderable_cash, balance.realized_profit
    (100000000, 100000000, 0)
    """
    account = caller.account
    pages = caller.ask_pages(_positions_call(account))
    if not complete:
        return Balance.read(pages)
    buyable = get_buyable(caller)
    if caller.mode is Mode.PAPER:
        return Balance.read(pages, buyable)
    return Balance.read(pages, buyable, caller.ask_pages(_realized_call(account))[-1])


def _positions_call(account: Account) -> Call:
    return Call(
        endpoint("domestic_stock.inquire_balance"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "AFHR_FLPR_YN": "N",
            "OFL_YN": "",
            "INQR_DVSN": "02",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "00",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
        },
    )


def _realized_call(account: Account) -> Call:
    return Call(
        endpoint("domestic_stock.inquire_balance_rlz_pl"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "AFHR_FLPR_YN": "N",
            "OFL_YN": "",
            "INQR_DVSN": "00",
            "UNPR_DVSN": "01",
            "FUND_STTL_ICLD_YN": "N",
            "FNCG_AMT_AUTO_RDPT_YN": "N",
            "PRCS_DVSN": "01",  # without yesterday's trades
            "COST_ICLD_YN": "Y",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
        },
    )
