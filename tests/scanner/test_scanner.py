"""The scanner's doors: settings, single stocks, markets, results. This room changes when a door does."""

from __future__ import annotations

import doctest
import importlib
import logging
import pkgutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

import kis_sync.scanner
from kis_sync.clock import ManualClock
from kis_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    KISError,
    Reach,
    RequestRefusedError,
    ServerError,
)
from kis_sync.scanner import MarketScanner, ScanResult, Snapshot, VolatilityAnalyzer
from kis_sync.scanner.universe import distinct_codes
from kis_sync.scanner.volatility import quote_payload
from tests.scanner.examples import HALF_PAST_TEN_CODES, half_past_ten
from tests.scanner.stub_market import at

CLOCK = ManualClock(at("10:30"))


class StubHistory:
    """Hands out given prices, all of them up one percent on usual volume."""

    def __init__(self, prices: Mapping[str, object] | None = None) -> None:
        self.prices = prices or {}
        self.asked: list[str] = []
        self.raises: Exception | None = None

    def snapshot(self, stock_code: str) -> Snapshot:
        self.asked.append(stock_code)
        if self.raises is not None:
            raise self.raises
        price: Any = self.prices.get(stock_code, 101)
        history = {"minute_close": [100] * 15, "volume": [500] * 20, "volume_fraction": 0.5}
        return Snapshot(quote_payload(price, 250), history, at("10:30"), ("no_atr",), f"name of {stock_code}")


@dataclass
class Korea:
    code: str = "KOSPI"
    name: str = "KOSPI"
    is_domestic: bool = True


def scanner_of(history: StubHistory | None = None, **settings: Any) -> MarketScanner:
    return MarketScanner(None, history=history or StubHistory(), clock=CLOCK, **settings)


class TestSettings:
    def test_defaults(self) -> None:
        scanner = MarketScanner(half_past_ten())
        assert (scanner.top_n, scanner.max_workers, scanner.max_concurrent_scans) == (5, 1, 1)
        assert scanner.mode == "full"
        assert isinstance(scanner.volatility_analyzer, VolatilityAnalyzer)

    def test_by_position_and_synonym(self) -> None:
        analyzer = VolatilityAnalyzer()
        scanner = MarketScanner(half_past_ten(), analyzer, 3, 4)
        assert (scanner.volatility_analyzer, scanner.top_n, scanner.max_workers) == (analyzer, 3, 4)
        assert MarketScanner(half_past_ten(), max_concurrent_scans=7).max_workers == 7

    @pytest.mark.parametrize("name", ["top_n", "max_workers", "max_concurrent_scans"])
    @pytest.mark.parametrize("number", [0, -1])
    def test_at_least_one(self, name: str, number: int) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            MarketScanner(half_past_ten(), **{name: number})  # type: ignore[arg-type]

    def test_modes(self) -> None:
        with pytest.raises(ValueError, match="not built yet"):
            scanner_of(mode="quick")
        with pytest.raises(ValueError, match="'slow'"):
            scanner_of(mode="slow")

    @pytest.mark.parametrize(
        "setting",
        [{"check_status": True}, {"session": lambda day: day}, {"volume_adjust": None}, {"division": "NX"}],
    )
    def test_what_belongs_to_a_given_history(self, setting: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="belong to the given history"):
            scanner_of(**setting)

    def test_needs_something_to_ask(self) -> None:
        with pytest.raises(ValueError, match="broker or a history"):
            MarketScanner(None)

    def test_time_comes_from_the_clock_the_broker_or_the_machine(self) -> None:
        broker = half_past_ten()
        assert scanner_of().scan_market([]).timestamp == at("10:30")
        assert MarketScanner(broker).scan_market([]).timestamp == at("10:30:20")
        own = MarketScanner(None, history=StubHistory()).scan_market([])
        assert own.started_at is not None
        assert own.started_at.utcoffset() == at("10:30").utcoffset()


class TestOneStock:
    def test_metrics(self) -> None:
        found = scanner_of().scan_stock(" 005930 ", "KR")
        assert found is not None
        assert (found.stock_code, found.name) == ("005930", "name of 005930")
        assert (found.as_of, found.flags) == (at("10:30"), ("no_atr",))
        assert (found.price_change_1m, found.volume_surge) == (1.0, 1.0)

    def test_failure_is_logged_and_none(self, caplog: pytest.LogCaptureFixture) -> None:
        scanner = MarketScanner(half_past_ten())
        with caplog.at_level(logging.WARNING, "kis_sync"):
            assert scanner.scan_stock("404040") is None
        assert "404040 could not be scanned" in caplog.text
        assert "OPSQ2002" in caplog.text
        with pytest.raises(RequestRefusedError):
            scanner.measure_stock("404040")

    def test_impossible_code(self, caplog: pytest.LogCaptureFixture) -> None:
        history = StubHistory()
        assert scanner_of(history).scan_stock("nope") is None
        with pytest.raises(InvalidRequestError):
            scanner_of(history).measure_stock("nope")
        assert history.asked == []

    @pytest.mark.parametrize("price", [0, -1, "", "nan", "inf", None])
    def test_without_a_price_the_stock_fails(self, price: object) -> None:
        scanner = scanner_of(StubHistory({"005930": price}))
        with pytest.raises(ServerError, match="no usable price"):
            scanner.measure_stock("005930")
        assert list(scanner.scan_market(["005930", "000660"]).failures) == ["005930"]


class TestWhatConcernsEveryStock:
    @pytest.mark.parametrize(
        "error",
        [AuthenticationError("wrong key", code="EGW00103"), ConfigurationError("no account")],
    )
    def test_ends_the_scan_at_once(self, error: KISError) -> None:
        over = threading.Event()

        class OneFailsTheRestWait(StubHistory):
            def snapshot(self, stock_code: str) -> Snapshot:
                self.asked.append(stock_code)
                if len(self.asked) == 1:
                    raise error
                over.wait(20)
                return StubHistory().snapshot(stock_code)

        history = OneFailsTheRestWait()
        try:
            with pytest.raises(type(error)):
                scanner_of(history).scan_market(["005930", "000660", "035420"])
        finally:
            over.set()
        # The second may have begun before the first was read; no call was waited for, and no third began.
        assert history.asked in (["005930"], ["005930", "000660"])

    def test_but_not_a_single_refused_access_token_or_an_odd_status(self) -> None:
        history = StubHistory()
        history.raises = AuthenticationError("forbidden", http_status=403, reach=Reach.MAYBE_EXECUTED)
        assert len(scanner_of(history).scan_market(["005930", "000660"]).failures) == 2


class TestMarkets:
    def test_kr_an_object_or_nothing(self) -> None:
        scanner = scanner_of()
        assert scanner.scan_market("KR", ["005930"]).market_code == "KR"
        assert scanner.scan_market(["005930"]).market_code == "KR"
        assert scanner.scan_market(stock_codes=["005930"]).market_code == "KR"
        assert scanner.scan_market(Korea(), ["005930"]).market_code == "KOSPI"
        assert scanner.scan_stock("005930", Korea()) is not None

    @pytest.mark.parametrize("market", ["US", Korea("US", "NYSE", is_domestic=False), None])
    def test_others_are_refused(self, market: Any) -> None:
        history = StubHistory()
        with pytest.raises(ValueError, match="only Korean"):
            scanner_of(history).scan_market(market, ["AAPL"])
        with pytest.raises(ValueError, match="only Korean"):
            scanner_of(history).scan_stock("005930", market)
        assert history.asked == []

    @pytest.mark.parametrize("codes", ["005930", b"005930", 5930, Korea()])
    def test_codes_are_a_list(self, codes: Any) -> None:
        with pytest.raises(ValueError, match="list"):
            scanner_of().scan_market(codes)


class TestCodes:
    def test_stripped_once_and_in_order(self) -> None:
        history = StubHistory()
        result = scanner_of(history).scan_market(["000660", " 005930", "000660 ", "005930"])
        assert history.asked == ["000660", "005930"]
        assert result.total_scanned == 2

    def test_impossible_ones_are_failures_without_a_call(self) -> None:
        history = StubHistory()
        codes: list[Any] = ["bad!", "005930", None, "", "bad! "]
        result = scanner_of(history).scan_market(codes)
        assert history.asked == ["005930"]
        assert list(result.failures) == ["bad!", "None", ""]
        assert all(isinstance(error, InvalidRequestError) for error in result.failures.values())

    def test_any_iterable(self) -> None:
        assert list(distinct_codes(code for code in ("005930", "Q500001"))) == ["005930", "Q500001"]
        with pytest.raises(InvalidRequestError):
            distinct_codes("005930")


class TestResult:
    def test_six_values_and_defaults(self) -> None:
        result = ScanResult("KR", "2026-01-02T00:00:00+00:00", 0, [], [], [])
        assert result.timestamp == "2026-01-02T00:00:00+00:00"
        assert (list(result.metrics), dict(result.failures), list(result.unscanned)) == ([], {}, [])
        assert (result.cancelled, result.started_at, result.mode) == (False, None, "full")

    def test_of_nothing(self) -> None:
        result = scanner_of().scan_market("KR", [])
        assert (result.total_scanned, result.top_movers, result.cancelled) == (0, [], False)

    def test_breakouts_are_of_all_stocks_not_only_the_top(self) -> None:
        prices = {"000001": 103, "000002": 102, "000003": 97, "000004": 96}
        analyzer = VolatilityAnalyzer(min_volume_surge=1.5)
        history = StubHistory(prices)
        snapshot = history.snapshot
        history.snapshot = lambda code: _busy(snapshot(code))  # type: ignore[method-assign, assignment]
        result = scanner_of(history, volatility_analyzer=analyzer, top_n=1).scan_market(sorted(prices))
        assert [each.stock_code for each in result.top_movers] == ["000001"]
        assert (result.breakouts, result.breakdowns) == (["000001", "000002"], ["000003", "000004"])

    def test_a_stock_without_score_is_no_mover(self) -> None:
        history = StubHistory()
        blank = {"minute_close": [None] * 15, "volume": [500] * 20}
        history.snapshot = lambda code: Snapshot(quote_payload(100, 1), blank)  # type: ignore[method-assign, assignment]
        result = scanner_of(history).scan_market(["005930"])
        assert (result.total_scanned, result.top_movers) == (1, [])


def _busy(snapshot: Snapshot) -> Snapshot:
    quote = {"output1": {**snapshot.quote["output1"], "acml_vol": 1_000}}
    return Snapshot(quote, snapshot.price_history, snapshot.as_of)


def test_iter_scan_yields_metrics_or_exceptions() -> None:
    found = dict(MarketScanner(half_past_ten()).iter_scan([*HALF_PAST_TEN_CODES, "bad!"]))
    assert list(found) == ["bad!", *HALF_PAST_TEN_CODES]
    assert {code for code, each in found.items() if isinstance(each, Exception)} == {"bad!", "404040"}


@pytest.mark.parametrize("module", [each.name for each in pkgutil.iter_modules(kis_sync.scanner.__path__)])
def test_examples_in_docstrings_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"kis_sync.scanner.{module}")).failed == 0
