"""The worked examples of the specification, through the real models. This room changes when they do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from kis_sync.errors import RequestRefusedError
from kis_sync.scanner import MarketScanner, ScanResult, VolatilityMetrics
from tests.scanner.examples import HALF_PAST_TEN_CODES, four_past_nine, half_past_ten
from tests.scanner.stub_market import at

Numbers = dict[str, float | None]


def close_to(number: float | None) -> object:
    return number if number is None else pytest.approx(number, rel=1e-9, abs=5e-10)


def numbers_match(metrics: VolatilityMetrics, expected: Numbers) -> None:
    found = {name: getattr(metrics, name) for name in expected}
    assert found == {name: close_to(number) for name, number in expected.items()}


RISER: Numbers = {
    "current_price": 51_000,
    "price_change_1m": 1.190476190,
    "price_change_5m": 1.391650099,
    "price_change_15m": 2.0,
    "atr": 1142.857142857,
    "volume_surge": 2.992218041,
    "pv_divergence": 23.716881440,
    "momentum_score": 58.739180174,
}
FALLER: Numbers = {
    "current_price": 9_790,
    "price_change_1m": -1.111111111,
    "price_change_5m": -1.608040201,
    "price_change_15m": -2.197802198,
    "atr": 300.0,
    "volume_surge": 2.590405904,
    "pv_divergence": -17.671176712,
    "momentum_score": 49.124909887,
}
NEWCOMER: Numbers = {
    "current_price": 20_100,
    "price_change_1m": 0.0,
    "price_change_5m": 0.0,
    "price_change_15m": 0.0,
    "atr": None,
    "volume_surge": 0.595495610,
    "pv_divergence": 0.0,
    "momentum_score": 19.943695127,
}


def told(result: ScanResult) -> object:
    """A result without what differs between any two scans: its times and the identity of its errors."""
    failures = {code: str(error) for code, error in result.failures.items()}
    return replace(result, timestamp="", started_at=None, failures=failures)  # type: ignore[arg-type]


class TestHalfPastTen:
    def test_numbers(self) -> None:
        result = MarketScanner(half_past_ten()).scan_market("KR", HALF_PAST_TEN_CODES)
        by_code = {each.stock_code: each for each in result.metrics}
        numbers_match(by_code["101010"], RISER)
        numbers_match(by_code["202020"], FALLER)
        numbers_match(by_code["303030"], NEWCOMER)
        numbers_match(by_code["303029"], NEWCOMER)

    def test_references(self) -> None:
        history = MarketScanner(half_past_ten())._history
        for code, expected in {
            "101010": (50_400, 50_300, 50_000),
            "202020": (9_900, 9_950, 10_010),
            "303030": (20_100, 20_100, 20_100),
        }.items():
            closes = history.snapshot(code).price_history["minute_close"]
            assert (closes[-1], closes[-5], closes[-15]) == expected

    def test_result(self) -> None:
        market = half_past_ten()
        result = MarketScanner(market, top_n=3).scan_market("KR", HALF_PAST_TEN_CODES)
        assert [each.stock_code for each in result.metrics] == ["101010", "202020", "303029", "303030"]
        assert [each.stock_code for each in result.top_movers] == ["101010", "202020", "303029"]
        assert (result.breakouts, result.breakdowns) == (["101010"], ["202020"])
        assert result.total_scanned == 4
        assert list(result.failures) == ["404040"]
        assert isinstance(result.failures["404040"], RequestRefusedError)
        assert (result.unscanned, result.cancelled, result.mode) == ([], False, "full")
        assert (result.started_at, result.timestamp) == (at("10:30:20"), at("10:30:20"))
        riser = result.metrics[0]
        assert (riser.name, riser.as_of, riser.flags) == ("상승", at("10:30:20"), ())
        assert result.metrics[3].flags == ("no_atr",)

    def test_without_adjustment_of_volume(self) -> None:
        scanner = MarketScanner(half_past_ten(), volume_adjust=None)
        result = scanner.scan_market(["101010"])
        numbers_match(
            result.metrics[0],
            {
                "volume_surge": 0.693069307,
                "pv_divergence": -0.595238095,
                "momentum_score": 29.999820998,
            },
        )
        assert result.breakouts == []

    @pytest.mark.parametrize("width", range(1, 9))
    def test_every_width_and_order_tell_the_same(self, width: int) -> None:
        expected = told(MarketScanner(half_past_ten()).scan_market(sorted(HALF_PAST_TEN_CODES)))
        codes = list(HALF_PAST_TEN_CODES)
        random.Random(width).shuffle(codes)
        result = MarketScanner(half_past_ten(), max_workers=width).scan_market(codes)
        assert told(result) == expected

    def test_minutes_without_trades_may_also_be_rows(self) -> None:
        absent = MarketScanner(half_past_ten()).scan_market(HALF_PAST_TEN_CODES)
        market = half_past_ten()
        market.dummies = True
        assert told(MarketScanner(market).scan_market(HALF_PAST_TEN_CODES)) == told(absent)

    def test_calls(self) -> None:
        market = half_past_ten()
        scanner = MarketScanner(market)
        scanner.scan_market(HALF_PAST_TEN_CODES)
        assert (market.count("minute"), market.count("daily"), market.count("status")) == (5, 4, 0)
        scanner.scan_market(HALF_PAST_TEN_CODES)
        assert (market.count("minute"), market.count("daily"), market.count("status")) == (10, 4, 0)


class TestFourPastNine:
    @pytest.mark.parametrize("dummies", [False, True])
    def test_numbers(self, dummies: bool) -> None:
        market = four_past_nine()
        market.dummies = dummies
        result = MarketScanner(market).scan_market(["333333", "222222", "111111"])
        first, second, third = result.metrics
        assert [each.stock_code for each in result.metrics] == ["111111", "222222", "333333"]
        assert [each.stock_code for each in result.top_movers] == ["111111", "222222"]
        assert (result.breakouts, result.breakdowns) == ([], [])
        numbers_match(
            first,
            {
                "price_change_1m": 0.328947368,
                "price_change_5m": 1.666666667,
                "price_change_15m": 1.666666667,
                "atr": 400.0,
                "volume_surge": 2.5,
                "pv_divergence": 4.934210526,
                "momentum_score": 49.440969226,
            },
        )
        numbers_match(
            second,
            {
                "price_change_1m": 0.199600798,
                "price_change_5m": 0.4,
                "price_change_15m": 0.4,
                "atr": None,
                "volume_surge": 0.5,
                "pv_divergence": -0.099800399,
                "momentum_score": 19.449600798,
            },
        )
        numbers_match(
            third,
            {
                "price_change_1m": None,
                "price_change_5m": None,
                "price_change_15m": None,
                "atr": 100.0,
                "volume_surge": 0.0,
                "pv_divergence": None,
                "momentum_score": None,
            },
        )
        assert (first.flags, second.flags, third.flags) == (("since_open",), ("since_open", "no_atr"), ())

    def test_references(self) -> None:
        history = MarketScanner(four_past_nine())._history
        for code, expected in {"111111": (30_400, 30_000, 30_000), "222222": (5_010, 5_000, 5_000)}.items():
            closes = history.snapshot(code).price_history["minute_close"]
            assert (closes[-1], closes[-5], closes[-15]) == expected
