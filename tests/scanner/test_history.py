"""Which calls are made, once or again, and what a snapshot of each situation holds.

This room changes when the scanner's data come from elsewhere.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from kis_sync.clock import ManualClock
from kis_sync.errors import NetworkError, RequestRefusedError
from kis_sync.market.hours import Session, regular_session
from kis_sync.scanner import History, MarketScanner, VolatilityMetrics
from tests.scanner.examples import half_past_ten
from tests.scanner.stub_market import DAY, Day, Minute, Stock, StubMarket, at

CODE = "005930"
DAYS = [Day(110, 90, 100, 1_000)] * 20
SATURDAY = date(2026, 11, 28)


def market_of(stock: Stock, time: str, day: date = DAY) -> StubMarket:
    return StubMarket({CODE: stock}, at(time, day))


def measured(market: StubMarket, *, check_status: bool = False) -> VolatilityMetrics:
    return MarketScanner(market, check_status=check_status).measure_stock(CODE)


def changes(metrics: VolatilityMetrics) -> tuple[float | None, float | None, float | None]:
    return metrics.price_change_1m, metrics.price_change_5m, metrics.price_change_15m


class TestSituations:
    def test_before_the_open(self) -> None:
        yesterday = [Minute("15:30", 100, day=DAY - timedelta(1))]
        found = measured(market_of(Stock(105, 500, yesterday, DAYS), "08:50"))
        assert (changes(found), found.volume_surge, found.momentum_score) == ((None,) * 3, None, None)
        assert (found.atr, found.current_price, found.as_of) == (20.0, 105.0, at("08:50"))

    def test_evening(self) -> None:
        rows = [Minute("15:15", 100), Minute("15:19", 102), Minute("15:30", 105)]
        found = measured(market_of(Stock(999, 3_000, rows, DAYS), "16:05"))
        assert changes(found) == pytest.approx((2.941176471, 2.941176471, 5.0), rel=1e-9, abs=5e-10)
        assert (found.current_price, found.volume_surge) == (105.0, 3.0)
        assert (found.as_of, found.flags) == (at("15:31"), ())

    def test_after_the_close_the_volume_is_that_of_a_whole_day(self) -> None:
        market = market_of(Stock(100, 3_000, [Minute("15:30", 100)], DAYS), "16:05")
        found = MarketScanner(market, volume_adjust=lambda moment: 0.5).measure_stock(CODE)
        assert found.volume_surge == 3.0

    def test_evening_without_a_row(self) -> None:
        found = measured(market_of(Stock(100, 3_000, [], DAYS), "16:05"))
        assert (found.current_price, found.volume_surge, found.momentum_score) == (100.0, None, None)

    def test_weekend(self) -> None:
        friday = SATURDAY - timedelta(1)
        rows = [Minute("15:15", 100, day=friday), Minute("15:30", 105, day=friday)]
        days = [replace(each, day=friday - timedelta(n)) for n, each in enumerate(DAYS)]
        market = market_of(Stock(105, 3_000, rows, days), "08:30", SATURDAY)
        market.cuts_hour = False
        found = measured(market)
        assert (found.as_of, found.volume_surge) == (at("15:31", friday), 3.0)
        assert changes(found) == pytest.approx((5.0, 5.0, 5.0))
        assert found.atr == 20.0  # Friday itself is not among its days
        assert market.calls[-1] == ("daily", CODE, f"{friday - timedelta(60):%Y%m%d}-{friday:%Y%m%d}")

    def test_halted(self) -> None:
        stock = Stock(100, 0, [Minute("10:20", 100)], DAYS, halted=True)
        found = measured(market_of(stock, "10:30"), check_status=True)
        assert (changes(found), found.volume_surge, found.momentum_score) == ((None,) * 3, None, None)
        assert (found.atr, found.flags) == (20.0, ("halted",))

    def test_status_is_asked_only_when_wanted(self) -> None:
        stock = Stock(100, 0, [Minute("10:10", 100)], DAYS, halted=True)
        market = market_of(stock, "10:30")
        assert measured(market).flags == ()
        assert market.count("status") == 0
        calm = market_of(replace(stock, halted=False), "10:30")
        assert measured(calm, check_status=True).momentum_score is not None
        assert [kind for kind, _, _ in calm.calls] == ["minute", "daily", "status"]

    def test_volume_without_any_row_belongs_to_another_session(self) -> None:
        assert measured(market_of(Stock(100, 500, [], DAYS), "10:30")).volume_surge is None
        assert measured(market_of(Stock(100, 0, [], DAYS), "10:30")).volume_surge == 0.0
        assert measured(market_of(Stock(100, "", [Minute("10:10", 1)], DAYS), "10:30")).volume_surge is None

    @pytest.mark.parametrize(
        ("days", "atr", "surge", "flags"),
        [
            (15, True, True, ()),
            (14, False, True, ("no_atr",)),
            (5, False, True, ("no_atr",)),
            (4, False, False, ("no_atr", "no_volume")),
            (0, False, False, ("no_atr", "no_volume")),
        ],
    )
    def test_few_days(self, days: int, atr: bool, surge: bool, flags: tuple[str, ...]) -> None:
        found = measured(market_of(Stock(100, 500, [Minute("10:10", 100)], DAYS[:days]), "10:30"))
        assert (found.atr is not None, found.volume_surge is not None, found.flags) == (atr, surge, flags)
        assert found.momentum_score is not None

    def test_the_average_is_of_the_last_twenty_days(self) -> None:
        days = [Day(110, 90, 100, 9_999)] * 5 + [Day(110, 90, 100, n) for n in range(1, 21)]
        history = History(market_of(Stock(100, 5, [Minute("10:10", 100)], days), "10:30"))
        found = history.snapshot(CODE).price_history
        assert (len(found["high"]), found["volume"]) == (25, list(range(1, 21)))

    def test_no_trade_for_long_is_no_change(self) -> None:
        for dummies in (False, True):
            market = market_of(Stock(100, 10, [Minute("09:01", 100)], DAYS), "11:00")
            market.dummies = dummies
            assert changes(measured(market)) == (0.0, 0.0, 0.0)


class TestTheHour:
    def hours(self, market: StubMarket) -> list[str]:
        return [hour for kind, _, hour in market.calls if kind == "minute"]

    def market(self, server: str, local: str, sends_date: bool = True) -> StubMarket:
        rows = [Minute(f"{at('10:00') + timedelta(minutes=n):%H:%M}", 1_000 + n) for n in range(60)]
        now = at(server)
        seen = [row for row in rows if at(row.label) <= now]
        stock = Stock(int(seen[-1].close), 600, seen, DAYS)
        return StubMarket({CODE: stock}, now, at(local), fills=True, sends_date=sends_date)

    def test_is_now(self) -> None:
        market = self.market("10:30:20", "10:30:20")
        measured(market)
        assert self.hours(market) == ["103020"]

    def test_a_little_ahead_does_no_harm(self) -> None:
        market = self.market("10:30:20", "10:31:15")
        expected = measured(self.market("10:30:20", "10:30:20"))
        assert measured(market) == expected
        assert self.hours(market) == ["103115"]

    @pytest.mark.parametrize("local", ["10:31:21", "10:50:00", "14:00:00", "16:40:00"])
    def test_a_clock_ahead_asks_once_more(self, local: str) -> None:
        market = self.market("10:30:20", local)
        expected = measured(self.market("10:30:20", "10:30:20"))
        assert measured(market) == expected
        assert len(self.hours(market)) == 2
        assert self.hours(market)[1] == "103020"

    def test_a_clock_behind_asks_once_more(self) -> None:
        market = self.market("10:30:20", "10:20:00")
        market.cuts_hour = False
        assert measured(market) == measured(self.market("10:30:20", "10:30:20"))
        assert self.hours(market) == ["102000", "103020"]

    def test_no_third_question(self) -> None:
        market = self.market("10:30:20", "10:20:00")  # this broker cuts the hour to its own time
        measured(market)
        assert self.hours(market) == ["102000", "102000"]

    def test_without_a_date_header_our_clock_counts(self) -> None:
        market = self.market("10:30:20", "10:30:25", sends_date=False)
        assert measured(market).as_of == at("10:30:25")

    def test_without_a_date_header_a_row_shows_a_slow_clock(self) -> None:
        market = self.market("10:30:20", "10:25:00", sends_date=False)
        market.fills = market.minds_hour = False
        assert measured(market).as_of == at("10:30")

    def test_with_a_date_header_later_rows_are_dropped(self) -> None:
        market = self.market("10:30:20", "10:30:20")
        stock = market.stocks[CODE]
        late = replace(stock, minutes=[*stock.minutes, Minute("10:31", 9_999), Minute("10:32", 9_999)])
        expected = measured(market)
        market.stocks[CODE] = late
        market.fills = market.minds_hour = False
        assert measured(market) == expected

    def test_a_given_clock_replaces_the_brokers(self) -> None:
        market = self.market("10:30:20", "10:30:25", sends_date=False)
        scanner = MarketScanner(market, clock=ManualClock(at("10:30:10")))
        assert scanner.measure_stock(CODE).as_of == at("10:30:10")

    @pytest.mark.parametrize(
        ("now", "day", "hour"),
        [
            ("09:00:01", DAY, "090001"),
            ("15:30:00", DAY, "153000"),
            ("18:00:00", DAY, "153000"),
            ("08:00:00", DAY, "080000"),
            ("10:00:00", SATURDAY, "153000"),
            ("10:00:00", date(2026, 12, 25), "153000"),
            ("17:00:00", date(2026, 11, 19), "163000"),
        ],
    )
    def test_never_after_the_close_and_the_close_without_trading(
        self, now: str, day: date, hour: str
    ) -> None:
        market = market_of(Stock(100, 0, [], DAYS), now, day)
        market.cuts_hour = False
        measured(market)
        assert self.hours(market) == [hour]

    def test_an_unknown_holiday_asks_for_the_close(self) -> None:
        monday = DAY - timedelta(1)
        rows = [Minute("10:00", 90, day=monday), Minute("15:30", 105, day=monday)]
        market = market_of(Stock(105, 3_000, rows, DAYS), "10:10")
        market.cuts_hour = False
        found = measured(market)
        assert self.hours(market) == ["101000", "153000"]
        assert (found.current_price, found.as_of) == (105.0, at("15:31", monday))

    def test_own_session(self) -> None:
        def an_hour_later(day: date) -> Session:
            usual = regular_session(day)
            return Session(usual.open + timedelta(hours=1), usual.close + timedelta(hours=1))

        market = market_of(Stock(100, 100, [Minute("10:10", 100)], DAYS), "10:30")
        found = MarketScanner(market, session=an_hour_later).measure_stock(CODE)
        assert found.volume_surge == pytest.approx(0.1 / (1_800 / 23_400))
        early = MarketScanner(market_of(Stock(100, 0, [], DAYS), "09:30"), session=an_hour_later)
        assert early.measure_stock(CODE).volume_surge is None

    def test_another_division(self) -> None:
        market = half_past_ten()
        with pytest.raises(ValueError, match="session"):
            History(market, division="NX")
        MarketScanner(market, division="NX", session=regular_session).measure_stock("101010")
        assert market.divisions == {"NX"}


class TestDays:
    def test_asked_for_sixty_days(self) -> None:
        market = half_past_ten()
        History(market).snapshot("101010")
        assert market.calls[-1] == ("daily", "101010", "20260925-20261124")

    def test_once_a_session(self) -> None:
        market = half_past_ten()
        history = History(market)
        for _ in range(3):
            history.snapshot("101010")
        history.snapshot("202020")
        assert (market.count("minute"), market.count("daily")) == (4, 2)
        tomorrow = DAY + timedelta(1)
        market.server_time = at("10:30:20", tomorrow)
        minutes = [replace(each, day=tomorrow) for each in market.stocks["101010"].minutes]
        market.stocks["101010"] = replace(market.stocks["101010"], minutes=minutes)
        for _ in range(2):
            history.snapshot("101010")
        assert market.count("daily") == 3

    def test_an_older_session_is_forgotten_for_a_newer_one(self) -> None:
        market = half_past_ten()
        history = History(market)
        for day, fetched in ((DAY, 1), (DAY + timedelta(1), 2), (DAY, 3), (DAY + timedelta(1), 3)):
            minutes = [replace(each, day=day) for each in market.stocks["101010"].minutes]
            market.stocks["101010"] = replace(market.stocks["101010"], minutes=minutes)
            market.server_time = at("10:30:20", day)
            history.snapshot("101010")
            assert market.count("daily") == fetched

    def test_another_history_asks_for_itself(self) -> None:
        market = half_past_ten()
        History(market).snapshot("101010")
        History(market).snapshot("101010")
        assert market.count("daily") == 2

    def test_a_failure_is_not_kept(self) -> None:
        market = half_past_ten()
        broken = {"daily"}

        def before(kind: str, code: str) -> None:
            if kind in broken:
                raise NetworkError("no answer")

        market.before = before
        history = History(market)
        with pytest.raises(NetworkError):
            history.snapshot("101010")
        broken.clear()
        assert history.snapshot("101010").flags == ()
        history.snapshot("101010")
        assert market.count("daily") == 2

    def test_threads_that_ask_at_once_fetch_once(self) -> None:
        market = half_past_ten()
        width = 6
        together = threading.Barrier(width)
        second = threading.Event()

        def before(kind: str, code: str) -> None:
            if kind == "minute":
                together.wait(timeout=30)
            elif market.count("daily") > 1:
                second.set()
            else:
                second.wait(0.3)  # time for a second fetch to begin, if there is going to be one

        market.before = before
        history = History(market)
        with ThreadPoolExecutor(width) as pool:
            found = list(pool.map(history.snapshot, ["101010"] * width))
        assert found == [found[0]] * width
        assert market.count("daily") == 1

    def test_one_stocks_fetch_does_not_hold_up_another(self) -> None:
        market = half_past_ten()
        together = threading.Barrier(2)

        def before(kind: str, code: str) -> None:
            if kind == "daily":
                together.wait(timeout=30)

        market.before = before
        history = History(market)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(history.snapshot, ["101010", "202020"]))
        assert market.count("daily") == 2

    def test_either_call_fails_the_stock(self) -> None:
        market = half_past_ten()
        market.stocks["101010"] = replace(market.stocks["101010"], refuse=frozenset({"daily"}))
        market.stocks["202020"] = replace(market.stocks["202020"], refuse=frozenset({"status"}))
        history = History(market, check_status=True)
        for code in ("101010", "202020", "404040"):
            with pytest.raises(RequestRefusedError):
                history.snapshot(code)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_volume_adjust_is_checked(wrong: float) -> None:
    with pytest.raises(ValueError, match="volume_adjust"):
        History(half_past_ten(), volume_adjust=wrong)


def test_a_profile_that_fails_fails_the_stock() -> None:
    scanner = MarketScanner(half_past_ten(), volume_adjust=lambda moment: 0.0)
    result = scanner.scan_market(["101010"])
    assert isinstance(result.failures["101010"], ValueError)
