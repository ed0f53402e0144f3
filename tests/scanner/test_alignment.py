"""Times, phases, past prices and shares of volume. This room changes when what rows mean does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.bar import Bar
from kis_sync.market.hours import regular_session
from kis_sync.scanner import VolatilityAnalyzer, alignment
from kis_sync.scanner.alignment import Moment, Phase
from tests.scanner.stub_market import DAY, Day, at, dated

SESSION = regular_session(DAY)
FRIDAY = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)


def bar(
    label: str, close: int | None, *, open: int | None = 100, volume: int | None = 1, day: date = DAY
) -> Bar:
    return Bar(at(label, day), open, close, close, close, volume)


def open_at(time: str) -> Moment:
    return Moment(at(time), SESSION, Phase.OPEN)


class TestVolumeFraction:
    @pytest.mark.parametrize(
        ("time", "exponent", "fraction"),
        [
            ("09:00", 1.0, 0.025641026),
            ("09:05", 1.0, 0.025641026),
            ("09:10", 1.0, 0.025641026),
            ("10:00", 1.0, 0.153846154),
            ("10:00", 0.7, 0.269749501),
            ("10:30:20", 1.0, 0.231623932),
            ("12:15", 1.0, 0.5),
            ("15:20", 1.0, 0.974358974),
            ("15:30", 1.0, 1.0),
            ("18:00", 1.0, 1.0),
            ("12:15", 0.0, 1.0),
            ("12:15", None, 1.0),
        ],
    )
    def test_worked(self, time: str, exponent: float | None, fraction: float) -> None:
        found = alignment.volume_fraction(at(time), SESSION, exponent)
        assert found == pytest.approx(fraction, rel=1e-9, abs=5e-10)

    @pytest.mark.parametrize(
        ("time", "surge"), [("09:10", 9.75), ("10:00", 1.625), ("12:15", 0.5), ("15:30", 0.25)]
    )
    def test_surge_by_the_time_of_day(self, time: str, surge: float) -> None:
        usual = 1_000_000 * alignment.volume_fraction(at(time), SESSION, 1.0)
        assert VolatilityAnalyzer().calculate_volume_surge(250_000, usual) == pytest.approx(surge, rel=1e-9)

    def test_measured_profile(self) -> None:
        assert alignment.volume_fraction(at("10:00"), SESSION, lambda moment: moment.hour / 20) == 0.5
        for wrong in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="volume_adjust"):
                alignment.volume_fraction(at("10:00"), SESSION, lambda _, wrong=wrong: wrong)  # type: ignore[misc]

    @given(st.integers(-3_600, 40_000), st.sampled_from([Fraction(1), Fraction(2)]))
    def test_exact(self, seconds: int, exponent: Fraction) -> None:
        moment = SESSION.open + timedelta(seconds=seconds)
        expected = Fraction(min(max(seconds, 600), 23_400), 23_400) ** int(exponent)
        found = alignment.volume_fraction(moment, SESSION, float(exponent))
        assert found == pytest.approx(float(expected), rel=1e-12)


class TestPastCloses:
    BARS = (bar("10:26", 100), bar("10:27", 101), bar("10:28", 102), bar("10:29", 103), bar("10:30", 104))

    @pytest.mark.parametrize(
        ("time", "past", "change"),
        [
            ("10:30:00", 102, 1.960784314),
            ("10:30:29", 102, 1.960784314),
            ("10:30:30", 103, 0.970873786),
            ("10:30:59", 103, 0.970873786),
        ],
    )
    def test_worked(self, time: str, past: int, change: float) -> None:
        closes = alignment.past_closes(self.BARS, at(time))
        assert (len(closes), closes[-1], closes[-5], closes[-15]) == (15, past, 100, 100)
        found = VolatilityAnalyzer().calculate_price_change(104, past)
        assert found == pytest.approx(change, rel=1e-9, abs=5e-10)
        assert alignment.reaches_open(self.BARS, at(time))

    def test_without_bars(self) -> None:
        assert alignment.past_closes([], at("10:30")) == [None] * 15
        assert not alignment.reaches_open([], at("10:30"))

    def test_a_first_bar_without_open_tells_nothing_of_before(self) -> None:
        bars = [bar("10:26", 100, open=None), bar("10:30", 104)]
        closes = alignment.past_closes(bars, at("10:30:10"))
        assert (closes[-1], closes[-4], closes[-15]) == (100, None, None)

    def test_reaching_back_far_enough(self) -> None:
        assert not alignment.reaches_open([bar("10:14", 1)], at("10:30"))
        assert alignment.reaches_open([bar("10:15", 1)], at("10:30"))

    def test_rounding_of_parts_of_a_second(self) -> None:
        moment = at("10:30:29") + timedelta(microseconds=999_999)
        assert alignment.nearest_minute(moment) == at("10:30")
        assert alignment.nearest_minute(at("23:59:30")) == at("00:00", DAY + timedelta(1))

    @given(st.lists(st.integers(0, 60), unique=True, min_size=1), st.integers(0, 3_600))
    def test_no_bar_counts_before_it_has_ended(self, minutes: list[int], second: int) -> None:
        start = at("10:00")
        bars = [
            Bar(start + timedelta(minutes=m), 7, 1, 1, 1_000 + m, 1)
            for m in sorted(minutes)
            if m * 60 <= second
        ]
        now = start + timedelta(seconds=second)
        for back, close in enumerate(reversed(alignment.past_closes(bars, now)), 1):
            half_up = (second + 30) // 60
            ended = [m for m in minutes if m < half_up - back]
            expected = 1_000 + max(ended) if ended else (7 if bars else None)
            assert close == expected


class TestMoment:
    def moment(self, bars: Sequence[Bar], now: datetime) -> tuple[Phase, datetime, date]:
        found = alignment.moment(bars, now, regular_session)
        return found.phase, found.at, found.day

    def test_open(self) -> None:
        assert self.moment([bar("10:00", 1)], at("10:00:30")) == (Phase.OPEN, at("10:00:30"), DAY)
        assert self.moment([], at("09:00")) == (Phase.OPEN, at("09:00"), DAY)
        assert self.moment([bar("15:29", 1)], at("15:29:59")) == (Phase.OPEN, at("15:29:59"), DAY)

    def test_closed(self) -> None:
        assert self.moment([bar("15:30", 1)], at("15:30")) == (Phase.CLOSED, at("15:31"), DAY)
        assert self.moment([], at("20:00")) == (Phase.CLOSED, at("15:31"), DAY)

    def test_before_the_open(self) -> None:
        yesterday = [bar("15:30", 1, day=DAY - timedelta(1))]
        assert self.moment(yesterday, at("08:59:59")) == (Phase.PRE_OPEN, at("08:59:59"), DAY)

    def test_weekend_and_holiday(self) -> None:
        friday = [bar("15:30", 1, day=FRIDAY)]
        for now in (at("08:00", SATURDAY), at("12:00", SATURDAY), at("12:00", DAY)):
            assert self.moment(friday, now) == (Phase.CLOSED, at("15:31", FRIDAY), FRIDAY)

    def test_late_session(self) -> None:
        exam_day = date(2026, 11, 19)
        bars = [bar("16:00", 1, day=exam_day)]
        assert self.moment(bars, at("09:30", exam_day))[0] is Phase.PRE_OPEN
        assert self.moment(bars, at("16:10", exam_day))[0] is Phase.OPEN
        assert self.moment(bars, at("17:00", exam_day))[1] == at("16:31", exam_day)

    def test_server_time_is_believed_and_ours_is_not(self) -> None:
        rows = [bar("10:29", 1), bar("10:32", 1)]
        assert alignment.instant(rows, at("10:30:05"), at("10:35")) == at("10:30:05")
        assert alignment.instant(rows, None, at("10:30:05")) == at("10:32")
        assert alignment.instant(rows, None, at("10:32:05")) == at("10:32:05")
        assert alignment.instant([], None, at("10:32:05")) == at("10:32:05")


class TestRows:
    def test_of_the_session_until_now_one_a_minute(self) -> None:
        old, first, second, late = (
            bar("15:30", 9, day=FRIDAY),
            bar("10:28", 1),
            bar("10:30", 2),
            bar("10:31", 3),
        )
        rows = alignment.session_rows([late, second, old, first, second], open_at("10:30:59"))
        assert rows == [first, second]
        before = Moment(at("08:30"), SESSION, Phase.PRE_OPEN)
        assert alignment.session_rows([first], before) == []

    def test_rows_before_the_first_trade_are_no_bars(self) -> None:
        silent, traded, pause = bar("09:00", 5, volume=0), bar("09:01", 6), bar("09:02", 6, volume=0)
        assert alignment.minute_bars([silent, traded, pause], open_at("09:03"), 1) == [traded, pause]
        assert alignment.minute_bars([silent], open_at("09:03"), 0) == []
        assert alignment.minute_bars([silent], open_at("09:03"), None) == []
        assert alignment.minute_bars([], open_at("09:03"), 5) == []

    def test_before_later_rows_there_may_have_been_trades(self) -> None:
        silent, traded = bar("10:01", 5, volume=0), bar("10:20", 6, volume=10)
        assert alignment.minute_bars([silent, traded], open_at("10:30"), 30) == [silent, traded]
        assert alignment.minute_bars([silent, traded], open_at("10:30"), 10) == [traded]
        assert alignment.minute_bars([silent], open_at("10:30"), 30) == [silent]

    def test_rows_without_a_price_are_no_bars(self) -> None:
        assert alignment.minute_bars([bar("09:01", None), bar("09:02", 0)], open_at("09:03"), 5) == []


class TestClosed:
    CLOSED = Moment(at("15:31"), SESSION, Phase.CLOSED)
    ROWS = (bar("15:15", 100), bar("15:19", 102), bar("15:30", 105))

    def test_worked(self) -> None:
        moment = alignment.moment(self.ROWS, at("16:05"), regular_session)
        assert moment == self.CLOSED
        closes = alignment.past_closes(self.ROWS, moment.at)
        assert (closes[-1], closes[-5], closes[-15]) == (102, 102, 100)
        changes = [VolatilityAnalyzer().calculate_price_change(105, closes[-k] or 0) for k in (1, 5, 15)]
        assert changes == pytest.approx([2.941176471, 2.941176471, 5], rel=1e-9, abs=5e-10)

    def test_price_is_that_of_the_close(self) -> None:
        assert alignment.closing_price([*self.ROWS, bar("15:31", 999)], self.CLOSED) == 105
        assert alignment.closing_price([], self.CLOSED) is None
        assert alignment.closing_price(self.ROWS, open_at("15:20")) is None


class TestDays:
    def days(self, *days: Day) -> list[Bar]:
        return [
            Bar(at("00:00", each.day or DAY), each.close, each.high, each.low, each.close, each.volume)
            for each in dated(days)
        ]

    def test_worked(self) -> None:
        days = self.days(
            *[Day(110, 100, 105, 1)] * 10, *[Day(0, 0, 105, 1)] * 2, *[Day(112, 101, 106, 1)] * 6
        )
        clean = alignment.clean_days(days, DAY)
        highs, lows, closes = ([getattr(each, name) for each in clean] for name in ("high", "low", "close"))
        assert len(clean) == 16
        assert VolatilityAnalyzer().calculate_atr(highs, lows, closes) == pytest.approx(73 / 7, rel=1e-9)

    @pytest.mark.parametrize("day", [Day(0, 1, 1, 1), Day(1, 0, 1, 1), Day(1, 1, 0, 1), Day(1, 2, 1, 1)])
    def test_days_without_trading_are_left_out(self, day: Day) -> None:
        assert alignment.clean_days(self.days(day), DAY) == ()

    def test_today_is_not_over(self) -> None:
        today = Bar(at("00:00"), 1, 1, 1, 1, 1)
        blank = Bar(at("00:00", FRIDAY), None, None, None, None, None)
        before = Bar(at("00:00", FRIDAY), 1, 1, 1, 1, None)
        assert alignment.clean_days([today, before, blank], DAY) == (before,)
