"""The account: what it holds, what it is worth, and its cash today and in two days.

This room changes when KIS changes inquire-balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.values import Row


@dataclass(frozen=True, slots=True)
class Position:
    """One holding: shares, prices and amounts in won.

    ``sellable`` is what can be sold now, ``average_price`` what a share cost on average, ``price`` the
    last price (``None`` when KIS sends 0, so that nobody acts on it), ``profit`` and ``profit_percent``
    not yet realised.
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
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """The account in won. ``positions`` leaves out what was sold to the last share.

    ``deposit`` is the cash of today before settlement, ``deposit_d1`` and ``deposit_d2`` what it will be
    after one and two days; none of them is the cash that can be spent on an order. ``securities_value`` +
    ``deposit_d2`` = ``total_value``. ``raw`` is the answer as it came, the rows of all pages together.
    """

    positions: tuple[Position, ...]
    deposit: int | None
    deposit_d1: int | None
    deposit_d2: int | None
    securities_value: int | None
    total_value: int | None
    net_assets: int | None
    cost: int | None
    profit: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, pages: list[Envelope]) -> Balance:
        """The account from every page of an answer of inquire-balance; the totals are the last page's."""
        rows = [row for page in pages for row in page.rows("output1")]
        totals = pages[-1].row("output2")
        positions = [Position.read(row) for row in rows]
        return cls(
            positions=tuple(each for each in positions if each.quantity),
            deposit=totals.whole("dnca_tot_amt"),
            deposit_d1=totals.whole("nxdy_excc_amt"),
            deposit_d2=totals.whole("prvs_rcdl_excc_amt"),
            securities_value=totals.whole("scts_evlu_amt"),
            total_value=totals.whole("tot_evlu_amt"),
            net_assets=totals.whole("nass_amt"),
            cost=totals.whole("pchs_amt_smtl_amt"),
            profit=totals.whole("evlu_pfls_smtl_amt"),
            raw={**pages[-1].body, "output1": [row.raw for row in rows]},
        )


def get_balance(caller: Asker) -> Balance:
    """The whole account, every page of it, or an error.

    KIS calls this a slow API and limits it (see ``ledger_rate_limit_rps``). Raises ``ConfigurationError``
    without an account.

    Source: inquire-balance, TTTC8434R (paper VTTC8434R).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     broker.get_balance().deposit
    100000000
    """
    account = caller.account
    call = Call(
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
    return Balance.read(caller.ask_pages(call))
