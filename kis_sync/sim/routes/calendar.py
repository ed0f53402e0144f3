"""chk-holiday: which days the market opens.

This room changes when KIS changes that answer, or more is known of days that are closed for some only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from kis_sync.clock import Clock
from kis_sync.market.hours import is_trading_day, last_weekday
from kis_sync.sim.door.wire import Response, success
from kis_sync.sim.formats import day, documented
from kis_sync.sim.paging import changed_meanwhile
from kis_sync.sim.question import Question
from kis_sync.sim.routes.charts import parse_day

PAGE_DAYS = 24
_KEY_WIDTH = 20
_DAY = timedelta(days=1)
_SATURDAY = 5


class Calendar:
    """Answers about the days of a year."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {"domestic_stock.chk_holiday": self.days}

    def days(self, question: Question) -> Response:
        """chk-holiday (CTCA0903R): 24 days a page, to the end of the year that is asked for (assumed)."""
        base = parse_day(question.field("BASS_DT"), "BASS_DT")
        end = date(max(base.year, self._clock.now().year), 12, 31)
        start = base if question.tr_cont != "N" else _continued(question, base, end)
        days = [start + n * _DAY for n in range(min(PAGE_DAYS, (end - start).days + 1))]
        rows = [documented(question.endpoint.name, "output", _row(each)) for each in days]
        last = days[-1]
        content = {
            "ctx_area_nk": day(last).ljust(_KEY_WIDTH),
            "ctx_area_fk": day(base).ljust(_KEY_WIDTH),
            "output": rows,
        }
        if last < end:
            text = "조회가 계속됩니다..다음버튼을 Click 하십시오."
            return success(content, "KIOK0500", text, tr_cont="M", padded=True)
        return success(content, "KIOK0460", "조회 되었습니다. (마지막 자료)", tr_cont="D", padded=True)


def _continued(question: Question, base: date, end: date) -> date:
    """The day after the last one that the client has; raises SYDB0050 for keys that do not fit."""
    known = question.field("CTX_AREA_NK")
    if question.field("CTX_AREA_FK") != day(base) or not known:
        raise changed_meanwhile()
    last = parse_day(known, "CTX_AREA_NK")
    if not base <= last < end:
        raise changed_meanwhile()
    return last + _DAY


def _row(on: date) -> dict[str, str]:
    """A day: banks, securities business (a Saturday counts, as was seen), market, settlement."""
    is_open = is_trading_day(on)
    is_business = is_open or on == last_weekday(on.year)  # closed for the market only
    return {
        "bass_dt": day(on),
        "wday_dvsn_cd": f"{on.isoweekday() % 7 + 1:02d}",
        "bzdy_yn": _yes(is_business),
        "tr_day_yn": _yes(is_business or on.weekday() == _SATURDAY),
        "opnd_yn": _yes(is_open),
        "sttl_day_yn": _yes(is_open),
    }


def _yes(value: bool) -> str:
    return "Y" if value else "N"
