"""The account's assets by kind, and what its cash may be ordered with at which margin.

This room changes when KIS changes inquire-account-balance or intgr-margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.errors import ServerError
from kis_sync.values import Row

_KINDS = (
    "주식 펀드/MMW IMA 채권 ELS/DLS WRAP 신탁 RP/발행어음 해외주식 해외채권 금현물 CD/CP 전자단기사채 "
    "타사상품 외화전자단기사채 외화ELS/DLS 외화 예수금 청약자예수금"
)
_FUND_ACCOUNT = "21"
_KINDS_OF_A_FUND_ACCOUNT = (
    "수익증권 IMA 채권 ELS/DLS WRAP 신탁 RP 외화RP 해외채권 CD/CP 전자단기사채 외화전자단기사채 "
    "외화ELS/DLS 외화평가금액 예수금+CMA 청약자예수금"
)


@dataclass(frozen=True, slots=True)
class AssetClass:
    """What the account has of one kind of asset, or of all: won, ``percent`` of the whole.

    ``kind`` is KIS's word for it, such as 주식 for stocks and 예수금 for the deposit; empty when the answer
    is not as long as the documents say, for KIS tells kinds by their place alone. ``loan`` is what was lent
    on it, ``net_assets`` what KIS calls the real net assets.
    """

    kind: str
    cost: int | None
    value: int | None
    profit: int | None
    loan: int | None
    net_assets: int | None
    percent: float | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, kind: str, row: Row) -> AssetClass:
        """A row of inquire-account-balance."""
        return cls(
            kind=kind,
            cost=row.whole("pchs_amt"),
            value=row.whole("evlu_amt"),
            profit=row.whole("evlu_pfls_amt"),
            loan=row.whole("crdt_lnd_amt"),
            net_assets=row.whole("real_nass_amt"),
            percent=row.percent("whol_weit_rt"),
            raw=row.raw,
        )


@dataclass(frozen=True, slots=True)
class Assets:
    """Everything the account has, in won, as settled: the trades of the last two days are not in it yet.

    ``classes`` are the kinds of asset in KIS's order, those of which there is nothing too, and ``total``
    their sum. ``securities_cost``, ``securities_value`` and ``profit`` (not realised) are of securities,
    ``net_assets`` is KIS's figure of that name, in its own example the securities alone. ``deposit`` is
    cash, ``deposits`` all of it, ``subscription_deposit`` what is set aside for subscriptions,
    ``unpaid_today`` what was left unpaid today (미수). None of these is money to size an order by: see
    ``get_balance``. ``raw`` is the answer as it came, the rows of all pages together.
    """

    classes: tuple[AssetClass, ...]
    total: AssetClass
    total_assets: int | None
    net_assets: int | None
    securities_cost: int | None
    securities_value: int | None
    profit: int | None
    loans: int | None
    deposit: int | None
    deposits: int | None
    subscription_deposit: int | None
    cma_value: int | None
    unpaid_today: int | None
    foreign_value: int | None
    overseas_stock_value: Decimal | None
    overseas_bond_value: Decimal | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, product: str, pages: list[Envelope]) -> Assets:
        """The assets of an account of ``product`` from every page; the totals are the last page's."""
        rows = [row for page in pages for row in page.rows("output1")]
        if not rows:
            raise ServerError("the answer lists no assets, not even their sum", endpoint=pages[-1].endpoint)
        kinds = _kinds(product, len(rows) - 1)
        sums = pages[-1].row("output2")
        return cls(
            classes=tuple(AssetClass.read(kind, row) for kind, row in zip(kinds, rows[:-1], strict=True)),
            total=AssetClass.read("합계", rows[-1]),
            total_assets=sums.whole("tot_asst_amt"),
            net_assets=sums.whole("nass_tot_amt"),
            securities_cost=sums.whole("pchs_amt_smtl"),
            securities_value=sums.whole("evlu_amt_smtl"),
            profit=sums.whole("evlu_pfls_amt_smtl"),
            loans=sums.whole("loan_amt_smtl"),
            deposit=sums.whole("dncl_amt"),
            deposits=sums.whole("tot_dncl_amt"),
            subscription_deposit=sums.whole("sbsc_dncl_amt"),
            cma_value=sums.whole("cma_evlu_amt"),
            unpaid_today=sums.whole("thdt_rcvb_amt"),
            foreign_value=sums.whole("frcr_evlu_tota"),
            overseas_stock_value=sums.decimal("ovrs_stck_evlu_amt1"),
            overseas_bond_value=sums.decimal("ovrs_bond_evlu_amt"),
            raw={**pages[-1].body, "output1": [row.raw for row in rows]},
        )


@dataclass(frozen=True, slots=True)
class Margin:
    """What the account's cash may be ordered with; won, which KIS writes here with four decimals.

    ``margin_percent`` is the account's own margin rate. Of ``cash``, ``cash_used`` is set aside by orders
    and ``cash_orderable`` left; the same of ``reusable`` money, that of the latest sales.
    ``orderable_at_100`` is the most that can be ordered of stocks that ask for full cash, and
    ``orderable_integrated`` the same by KIS's integrated margin, where the account has that. ``receivable``
    is what the account owes (미수). The rest, by other margin rates and abroad, is at ``raw``.
    """

    margin_percent: float | None
    reason: str
    cash: Decimal | None
    cash_used: Decimal | None
    cash_orderable: Decimal | None
    reusable: Decimal | None
    reusable_used: Decimal | None
    reusable_orderable: Decimal | None
    orderable_at_100: Decimal | None
    orderable_integrated: Decimal | None
    receivable: int | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, envelope: Envelope) -> Margin:
        """The margin from an answer of intgr-margin."""
        row = envelope.row("output")
        return cls(
            margin_percent=row.percent("acmga_rt"),
            reason=row.text("acmga_pct100_aptm_rson"),
            cash=row.decimal("stck_cash_objt_amt"),
            cash_used=row.decimal("stck_cash_use_amt"),
            cash_orderable=row.decimal("stck_cash_ord_psbl_amt"),
            reusable=row.decimal("stck_ruse_psbl_objt_amt"),
            reusable_used=row.decimal("stck_ruse_psbl_amt_use_amt"),
            reusable_orderable=row.decimal("stck_ruse_psbl_ord_psbl_amt"),
            orderable_at_100=row.decimal("stck_cash100_max_ord_psbl_amt"),
            orderable_integrated=row.decimal("stck_itgr_cash100_ord_psbl_amt"),
            receivable=row.whole("rcvb_amt"),
            raw=row.raw,
        )


def get_assets(caller: Asker) -> Assets:
    """Everything the account has, by kind of asset, stocks at home and abroad, bonds, funds and cash.

    Raises ``ConfigurationError`` without an account, ``NotOnPaperError`` on paper, which does not offer it.

    Source: inquire-account-balance, CTRP6548R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     assets = get_assets(broker)
    >>> [(each.kind, each.value) for each in assets.classes if each.value]
    [('예수금', 100000000)]
    """
    account = caller.account
    call = Call(
        endpoint("domestic_stock.inquire_account_balance"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "INQR_DVSN_1": "",
            "BSPR_BF_DT_APLY_YN": "",
        },
    )
    return Assets.read(account.product, caller.ask_pages(call))


def get_margin(caller: Asker) -> Margin:
    """The account's cash as its orders see it: all of it, what they have set aside, and what is left.

    Asked in won, without the CMA's value. Raises ``ConfigurationError`` without an account,
    ``NotOnPaperError`` on paper, which does not offer it.

    Source: intgr-margin, TTTC0869R (live only).

    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     margin = get_margin(broker)
    >>> margin.cash_orderable
    Decimal('100000000.0000')
    """
    account = caller.account
    call = Call(
        endpoint("domestic_stock.intgr_margin"),
        {
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "WCRC_FRCR_DVSN_CD": "02",
            "FWEX_CTRT_FRCR_DVSN_CD": "02",
        },
    )
    return Margin.read(caller.ask(call))


def _kinds(product: str, count: int) -> list[str]:
    """The kinds of so many rows before the sum."""
    documented = (_KINDS_OF_A_FUND_ACCOUNT if product == _FUND_ACCOUNT else _KINDS).split()
    return documented if len(documented) == count else [""] * count
