"""Rights of the account's shares: issues, dividends, meetings, splits and the like.

This room changes when KIS changes period-rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.span import checked_span
from kis_sync.catalog import Call, endpoint
from kis_sync.envelope import Envelope
from kis_sync.values import Row

_WORDS = (
    "01:유상 02:무상 03:배당 04:매수청구 05:공개매수 06:주주총회 07:신주인수권증서 08:반대의사 "
    "09:신주인수권증권 11:합병 12:회사분할 13:주식교환 14:액면분할 15:액면병합 16:종목변경 17:감자 "
    "18:신구주합병 21:후합병 22:후회사분할 23:후주식교환 24:후액면분할 25:후액면병합 26:후종목변경 "
    "27:후감자 28:후신구주합병 31:뮤츄얼펀드 32:ETF 33:선박투자회사 34:투융자회사 35:해외자원 "
    "36:부동산신탁(Ritz) 37:상장수익증권 41:ELW만기 42:ELS분배 43:DLS분배 44:하일드펀드 45:ETN "
    "51:전환청구 52:교환청구 53:BW청구 54:WRT청구 55:채권풋옵션청구 56:전환우선주청구 57:전환조건부청구 "
    "58:전자증권일괄입고 59:클라우드펀딩일괄입고 61:원리금상환 62:스트립채권 71:WRT소멸 72:WRT증권 "
    "73:DR전환 74:배당옵션 75:특별배당 76:ISINCODE변경 77:실권주청약 81:해외분배금(청산) "
    "82:해외분배금(조기상환) 83:해외분배금(상장폐지) 84:DR_FEE 85:SECTION_871M 86:종목전환 87:재매수 "
    "88:종목교환 89:기타이벤트 91:공모주 92:청약 93:환매 99:기타권리사유"
)
_KINDS = dict(each.split(":") for each in _WORDS.split())


@dataclass(frozen=True, slots=True)
class Right:
    """One right of one holding: shares, won and days; ``None`` where KIS leaves a field blank.

    ``kind_code`` is KIS's two digits (01 a rights issue, 02 a bonus issue, 03 a dividend, 06 a meeting) and
    ``kind`` its word for them, empty for a code that is not in the documents. ``record_day`` decides who has
    the right, ``held`` are the shares it is reckoned from, ``allotted`` the new shares in all,
    ``allotted_amount`` the money, ``fraction_amount`` that for parts of a share, ``tax`` what is kept of it,
    ``paid_on`` when the money comes, ``listed_on`` when new shares can be traded. A rights issue is
    subscribed to at ``subscription_price`` until ``subscription_end``: ``requested`` shares for
    ``requested_amount`` on ``requested_on``, of which ``refunded_amount`` comes back on ``refunded_on``.
    """

    kind_code: str
    kind: str
    record_day: date | None
    code: str
    name: str
    held: int | None
    allotted: int | None
    allotted_amount: int | None
    fraction_amount: int | None
    tax: int | None
    paid_on: date | None
    listed_on: date | None
    subscription_price: Decimal | None
    subscription_end: date | None
    requested: int | None
    requested_amount: int | None
    requested_on: date | None
    refunded_amount: int | None
    refunded_on: date | None
    raw: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Row) -> Right:
        """A row of period-rights."""
        kind_code = row.text("rght_type_cd").zfill(2)
        return cls(
            kind_code=kind_code,
            kind=_KINDS.get(kind_code, "").replace("_", " "),
            record_day=row.day("bass_dt"),
            code=row.text("shtn_pdno"),
            name=row.text("prdt_name"),
            held=row.whole("cblc_qty"),
            allotted=row.whole("tot_alct_qty"),
            allotted_amount=row.whole("last_alct_amt"),
            fraction_amount=row.whole("last_ftsk_chgs"),
            tax=row.whole("tax_amt"),
            paid_on=row.day("cash_dfrm_dt"),
            listed_on=row.day("lstg_dt"),
            subscription_price=row.decimal("sbsc_unpr"),
            subscription_end=row.day("sbsc_end_dt"),
            requested=row.whole("rqst_qty"),
            requested_amount=row.whole("rqst_amt"),
            requested_on=row.day("rqst_dt"),
            refunded_amount=row.whole("rfnd_amt"),
            refunded_on=row.day("rfnd_dt"),
            raw=row.raw,
        )


def get_rights(caller: Asker, start: date | None = None, end: date | None = None) -> tuple[Right, ...]:
    """The account's rights from ``start`` to ``end``, both included, in KIS's order; all pages, or an error.

    Without ``end`` until today, without ``start`` on the last day alone, so today when both are left out.
    Which of a right's days must lie between them the documents do not say. The simulator has no rights.

    Raises ``InvalidRequestError`` before the call, ``ConfigurationError`` without an account,
    ``NotOnPaperError`` on paper, which does not offer it.

    Source: period-rights, CTRGA011R (live only).

    >>> from datetime import date
    >>> from kis_sync import KISBroker
    >>> with KISBroker.simulated() as broker:
    ...     get_rights(broker, date(2026, 1, 2))
    ()
    """
    account = caller.account
    first, last = checked_span(caller, start, end)
    call = Call(
        endpoint("domestic_stock.period_rights"),
        {
            "INQR_DVSN": "03",  # the only one documented
            "CUST_RNCNO25": "",
            "HMID": "",
            "CANO": account.number,
            "ACNT_PRDT_CD": account.product,
            "INQR_STRT_DT": f"{first:%Y%m%d}",
            "INQR_END_DT": f"{last:%Y%m%d}",
            "RGHT_TYPE_CD": "",
            "PDNO": "",
            "PRDT_TYPE_CD": "",
            "CTX_AREA_NK100": "",
            "CTX_AREA_FK100": "",
        },
    )
    return tuple(Right.read(row) for page in caller.ask_pages(call) for row in _rows(page))


def _rows(page: Envelope) -> list[Row]:
    """The rows, which the layout calls output1 and the documented example output."""
    return page.rows("output" if "output" in page.body else "output1")
