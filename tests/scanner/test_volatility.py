"""The formulas: worked numbers, edges, and against exact fractions. This room changes when a formula does."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.scanner import VolatilityAnalyzer, VolatilityMetrics
from kis_sync.scanner.volatility import quote_payload, ranked
from tests.scanner.stub_market import at

ANALYZER = VolatilityAnalyzer()


def near(number: float) -> Any:
    return pytest.approx(number, rel=1e-9, abs=5e-10)


def metrics_of(code: str = "005930", **numbers: Any) -> VolatilityMetrics:
    defaults: dict[str, Any] = {
        "current_price": 100.0,
        "atr": 0.0,
        "price_change_1m": 0.0,
        "price_change_5m": 0.0,
        "price_change_15m": 0.0,
        "volume_surge": 1.0,
        "pv_divergence": 0.0,
        "momentum_score": 25.0,
    }
    return VolatilityMetrics(code, **(defaults | numbers))


def scored(code: str, *terms: float) -> VolatilityMetrics:
    one, five, fifteen, surge, atr, price = terms
    return VolatilityMetrics(
        code, price, atr, one, five, fifteen, surge, 0.0, ANALYZER.calculate_momentum_score(*terms)
    )


class TestATR:
    HIGHS = (110, 112, 115, 113, 116, *[120] * 10)
    LOWS = (105, 107, 110, 108, 111, *[115] * 10)
    CLOSES = (108, 110, 112, 111, 114, *[118] * 10)

    def test_worked(self) -> None:
        assert ANALYZER.calculate_atr(self.HIGHS, self.LOWS, self.CLOSES) == near(71 / 14)
        assert ANALYZER.calculate_atr(self.HIGHS[:14], self.LOWS[:14], self.CLOSES[:14]) == 0.0

    @pytest.mark.parametrize(("period", "atr"), [(3, 6.166666667), (4, 5.375), (5, 0.0)])
    def test_periods(self, period: int, atr: float) -> None:
        highs, lows, closes = [10, 12, 20, 19, 11], [8, 11, 18, 16, 10], [9, 11.5, 19, 17, 10.5]
        found = ANALYZER.calculate_atr(high_prices=highs, low_prices=lows, close_prices=closes, period=period)
        assert found == near(atr)

    def test_any_short_list_is_zero(self) -> None:
        assert ANALYZER.calculate_atr(self.HIGHS, self.LOWS[:14], self.CLOSES) == 0.0
        assert ANALYZER.calculate_atr([], [], []) == 0.0

    def test_unequal_lists_and_no_period(self) -> None:
        with pytest.raises(ValueError, match="equally many"):
            ANALYZER.calculate_atr([*self.HIGHS, 1], self.LOWS, self.CLOSES)
        with pytest.raises(ValueError, match="period"):
            ANALYZER.calculate_atr(self.HIGHS, self.LOWS, self.CLOSES, period=0)

    @given(
        st.lists(st.tuples(*[st.integers(1, 10**7)] * 3), max_size=40),
        st.integers(1, 20),
    )
    def test_exact(self, bars: list[tuple[int, int, int]], period: int) -> None:
        highs, lows, closes = ([bar[place] for bar in bars] for place in range(3))
        ranges = [
            max(h - lo, abs(h - c), abs(lo - c))
            for h, lo, c in zip(highs[1:], lows[1:], closes[:-1], strict=True)
        ][-period:]
        expected = Fraction(sum(ranges), period) if len(bars) > period else 0
        assert ANALYZER.calculate_atr(highs, lows, closes, period) == near(float(expected))


class TestChangeAndSurge:
    @pytest.mark.parametrize(
        ("now", "past", "change"),
        [
            (110, 100, 10),
            (95, 100, -5),
            (100, 0, 0),
            (0, 100, -100),
            (70_100, 69_900, 0.286123033),
        ],
    )
    def test_change(self, now: float, past: float, change: float) -> None:
        found = ANALYZER.calculate_price_change(current_price=now, past_price=past)
        assert found == near(change)
        assert type(found) is float

    @pytest.mark.parametrize(
        ("volume", "average", "surge"),
        [
            (2000, 1000, 2),
            (500, 1000, 0.5),
            (1000, 0, 1),
            (0, 0, 1),
            (0, 1000, 0),
            (1_234_567, 987_654, 1.249999494),
        ],
    )
    def test_surge(self, volume: float, average: float, surge: float) -> None:
        found = ANALYZER.calculate_volume_surge(current_volume=volume, avg_volume=average)
        assert found == near(surge)
        assert type(found) is float

    @given(st.integers(0, 10**8), st.integers(1, 10**8))
    def test_exact(self, new: int, old: int) -> None:
        assert ANALYZER.calculate_price_change(new, old) == near(float(Fraction(100 * (new - old), old)))
        assert ANALYZER.calculate_volume_surge(new, old) == near(float(Fraction(new, old)))


class TestDivergence:
    @pytest.mark.parametrize(
        ("change", "surge", "divergence"),
        [
            (5, 2, 50),
            (20, 3, 100),
            (1.25, 2.5, 18.75),
            (5, 0.5, -2.5),
            (-5, 2, -50),
            (-0.4, 2.25, -5),
            (-5, 10, -450),
            (-5, 0.5, 25),
            (-30, 0, 300),
            (0, 5, 0),
            (3, 1, 0),
            (-3, 1, 0),
        ],
    )
    def test_worked(self, change: float, surge: float, divergence: float) -> None:
        found = ANALYZER.calculate_pv_divergence(price_change=change, volume_surge=surge)
        assert found == near(divergence)
        assert type(found) is float

    @given(st.fractions(-100, 100), st.fractions(0, 50))
    def test_exact(self, change: Fraction, surge: Fraction) -> None:
        strength = 10 * (surge - 1)
        if change > 0:
            expected = min(Fraction(100), change * strength) if surge > 1 else -change / 2
        else:
            expected = change * strength
        if surge == 1:
            expected = Fraction(0)
        found = ANALYZER.calculate_pv_divergence(float(change), float(surge))
        # The change is measured in floats; near a surge of 1 the difference from 1 loses digits.
        assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-11)


class TestScore:
    @pytest.mark.parametrize(
        ("terms", "score"),
        [
            ((5, 3, 2, 2.5, 1.5, 100), 55.75),
            ((-3, -3, -3, 3, 5, 100), 55.75),
            ((-5, -3, -2, 1, 1, 100), 19.25),
            ((0, 0, 0, 0, 0, 100), 12.5),
            ((0, 0, 0, 1, 0, 100), 25),
            ((0, 0, 0, 3, 0, 100), 50),
            ((0, 0, 0, 9, 0, 100), 50),
            ((0, 0, 0, 1, 0, 0), 25),
            ((0, 0, 0, 1, 15, 100), 50),
            ((1, 0, 0, 1, 0, 100), 26),
            ((30, 30, 30, 5, 20, 100), 100),
            ((20, 20, 20, 5, 12, 100), 100),
            ((-30, -30, -30, 0, 0, 100), 0),
            ((1.5, 2.25, -0.75, 1.8, 1250, 50_500), 44.000618812),
            ((0, 0, 0, 1, 5, -1), 25),
        ],
    )
    def test_worked(self, terms: tuple[float, ...], score: float) -> None:
        assert ANALYZER.calculate_momentum_score(*terms) == near(score)

    @given(
        st.tuples(*[st.fractions(-200, 200)] * 3),
        st.fractions(0, 20),
        st.fractions(0, 5_000),
        st.integers(0, 10**6),
    )
    def test_exact(
        self, changes: tuple[Fraction, Fraction, Fraction], surge: Fraction, atr: Fraction, price: int
    ) -> None:
        one, five, fifteen = changes
        raw = Fraction(4, 10) * one + Fraction(3, 10) * five + Fraction(2, 10) * fifteen
        raw += min(Fraction(10), 5 * (surge - 1))
        raw += min(Fraction(10), 100 * atr / price) if price > 0 else 0
        expected = min(Fraction(100), max(Fraction(0), 100 * (raw + 10) / 40))
        found = ANALYZER.calculate_momentum_score(
            price_change_1m=float(one),
            price_change_5m=float(five),
            price_change_15m=float(fifteen),
            volume_surge=float(surge),
            atr=float(atr),
            current_price=price,
        )
        assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-10)
        assert type(found) is float


HISTORY: Mapping[str, Sequence[float]] = {
    "high": [51_000] * 20,
    "low": [49_000] * 20,
    "close": [48_000, *[50_000] * 19],
    "volume": [500_000] * 20,
}


class TestAnalyze:
    def test_worked(self) -> None:
        payload = {"output1": {"stck_prpr": "50000", "acml_vol": "1000000"}}
        found = ANALYZER.analyze(stock_code="005930", orderbook_data=payload, price_history=HISTORY)
        assert found == VolatilityMetrics("005930", 50_000.0, 2000.0, 0.0, 0.0, 0.0, 2.0, 0.0, 47.5)

    @pytest.mark.parametrize(
        ("closes", "score"), [(0, 25), (1, 35), (4, 35), (5, 42.5), (14, 42.5), (15, 47.5)]
    )
    def test_changes_need_their_closes(self, closes: int, score: float) -> None:
        found = ANALYZER.analyze("005930", {"output1": {"stck_prpr": 110}}, {"close": [100] * closes})
        assert found.momentum_score == near(score)
        assert found.volume_surge == 1.0

    def test_empty_history(self) -> None:
        found = ANALYZER.analyze("005930", {"output1": {"stck_prpr": "1000", "acml_vol": "5"}}, {})
        assert found == VolatilityMetrics("005930", 1000.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 25.0)

    @pytest.mark.parametrize("payload", [{"output1": {}}, {}, {"output1": {"stck_prpr": " "}}])
    def test_no_price(self, payload: Mapping[str, Any]) -> None:
        found = ANALYZER.analyze("005930", payload, HISTORY)
        assert found.current_price == 0.0
        assert (found.price_change_1m, found.price_change_15m) == (-100.0, -100.0)
        assert (found.volume_surge, found.pv_divergence, found.momentum_score) == (0.0, 1000.0, 0.0)

    def test_the_first_output_that_tells_counts(self) -> None:
        payload = {
            "output1": {"stck_prpr": "", "acml_vol": "7"},
            "output2": {"stck_prpr": "50000", "acml_vol": "8"},
            "output": {"stck_prpr": "1"},
        }
        found = ANALYZER.analyze("005930", payload, {"volume": [7]})
        assert (found.current_price, found.volume_surge) == (50_000.0, 1.0)
        rows = {"output1": [{"stck_prpr": "3"}], "output": {"stck_prpr": "4"}}
        assert ANALYZER.analyze("005930", rows, {}).current_price == 4.0

    def test_what_is_not_a_number_is_an_error(self) -> None:
        with pytest.raises(ValueError):
            ANALYZER.analyze("005930", {"output1": {"stck_prpr": "n.a."}}, {})

    def test_timed_history(self) -> None:
        history = {
            **HISTORY,
            "minute_close": [40_000, *[1] * 9, 25_000, 1, 1, 1, 20_000],
            "volume_fraction": 0.5,
        }
        found = ANALYZER.analyze("005930", quote_payload(50_000, 1_000_000), history)
        assert (found.price_change_1m, found.price_change_5m) == (150.0, 100.0)
        assert found.price_change_15m == 25.0
        assert found.volume_surge == 4.0
        assert found.atr == 2000.0

    @pytest.mark.parametrize("place", [-1, -5, -15])
    def test_changes_come_all_three_or_none(self, place: int) -> None:
        closes: list[float | None] = [100.0] * 15
        closes[place] = None
        found = ANALYZER.analyze("005930", quote_payload(100, 1), {**HISTORY, "minute_close": closes})
        changes = (found.price_change_1m, found.price_change_5m, found.price_change_15m)
        assert changes == (None, None, None)
        assert (found.pv_divergence, found.momentum_score) == (None, None)
        assert found.volume_surge is not None
        short = {**HISTORY, "minute_close": [100.0] * 14}
        assert ANALYZER.analyze("005930", quote_payload(100, 1), short).momentum_score is None

    def test_missing_days_are_none_beside_timed_closes(self) -> None:
        short = {name: values[:14] for name, values in HISTORY.items()}
        timed = {**short, "volume": [1] * 4, "minute_close": [100.0] * 15, "volume_fraction": 1.0}
        found = ANALYZER.analyze("005930", quote_payload(100, 1), timed)
        assert (found.atr, found.volume_surge, found.pv_divergence) == (None, None, None)
        assert found.momentum_score == 25.0  # both terms are left out

    def test_volume_that_cannot_be_compared(self) -> None:
        timed = {**HISTORY, "minute_close": [50_000.0] * 15, "volume_fraction": None}
        found = ANALYZER.analyze("005930", quote_payload(50_000, None), timed)
        assert (found.volume_surge, found.atr) == (None, 2000.0)
        assert found.momentum_score == 35.0

    @given(
        st.integers(1, 10**6),
        st.integers(0, 10**9),
        st.lists(st.tuples(*[st.integers(1, 10**6)] * 4), max_size=40),
    )
    def test_original_keys_give_the_original(
        self, price: int, volume: int, days: list[tuple[int, int, int, int]]
    ) -> None:
        high, low, close, volumes = ([day[place] for day in days] for place in range(4))
        history = {"high": high, "low": low, "close": close, "volume": volumes}
        found = ANALYZER.analyze("005930", quote_payload(price, volume), history)
        expected = _original(price, volume, history)
        numbers = (
            found.atr,
            found.price_change_1m,
            found.price_change_5m,
            found.price_change_15m,
            found.volume_surge,
            found.momentum_score,
        )
        assert numbers == pytest.approx([float(each) for each in expected], rel=1e-9, abs=1e-9)


def _original(price: int, volume: int, history: Mapping[str, Sequence[int]]) -> list[Fraction]:
    """The original's rules in exact arithmetic."""
    close, volumes = history["close"], history["volume"]
    changes = [
        Fraction(100 * (price - close[-n]), close[-n]) if len(close) >= n else Fraction(0) for n in (1, 5, 15)
    ]
    average = Fraction(sum(volumes), len(volumes)) if volumes else Fraction(volume)
    surge = volume / average if average else Fraction(1)
    ranges = [
        max(h - lo, abs(h - c), abs(lo - c))
        for h, lo, c in zip(history["high"][1:], history["low"][1:], close[:-1], strict=True)
    ]
    atr = Fraction(sum(ranges[-14:]), 14) if len(close) >= 15 else Fraction(0)
    raw = sum(
        (w * c for w, c in zip((Fraction(2, 5), Fraction(3, 10), Fraction(1, 5)), changes, strict=True)),
        min(Fraction(10), 5 * (surge - 1)) + min(Fraction(10), 100 * atr / price),
    )
    score = min(Fraction(100), max(Fraction(0), Fraction(5, 2) * raw + 25))
    return [atr, *changes, surge, score]


class TestBreakouts:
    @pytest.mark.parametrize(
        ("change", "surge", "divergence", "up", "down"),
        [
            (1.0, 2.0, 10.0, True, False),
            (0.999, 2.0, 10.0, False, False),
            (1.0, 1.999, 10.0, False, False),
            (1.0, 2.0, 0.0, False, False),
            (-1.0, 2.0, -10.0, False, True),
            (-0.999, 2.0, -10.0, False, False),
            (-1.0, 1.999, -10.0, False, False),
            (-1.0, 2.0, 0.0, False, False),
            (None, 2.0, 10.0, False, False),
            (1.0, None, 10.0, False, False),
            (1.0, 2.0, None, False, False),
            (-1.0, None, -10.0, False, False),
        ],
    )
    def test_thresholds(
        self, change: float | None, surge: float | None, divergence: float | None, up: bool, down: bool
    ) -> None:
        metrics = metrics_of(price_change_1m=change, volume_surge=surge, pv_divergence=divergence)
        assert ANALYZER.is_breakout(metrics) is up
        assert ANALYZER.is_breakdown(metrics) is down

    def test_own_thresholds(self) -> None:
        analyzer = VolatilityAnalyzer(3.0, 0.5)
        assert (analyzer.min_volume_surge, analyzer.min_price_change) == (3.0, 0.5)
        metrics = metrics_of(price_change_1m=0.5, volume_surge=3.0, pv_divergence=1.0)
        assert analyzer.is_breakout(metrics) is True
        assert ANALYZER.is_breakout(metrics) is False


class TestRanking:
    def test_equal_scores_are_parted_by_what_was_cut_off(self) -> None:
        higher = scored("000002", 30, 30, 30, 5, 20, 100)
        lower = scored("000001", 20, 20, 20, 5, 12, 100)
        lowest = scored("000004", -30, -30, -30, 0, 0, 100)
        low = scored("000003", -29, -30, -30, 0, 0, 100)
        assert (higher.momentum_score, lower.momentum_score) == (100.0, 100.0)
        assert (low.momentum_score, lowest.momentum_score) == (0.0, 0.0)
        assert ranked([lowest, lower, low, higher]) == [higher, lower, low, lowest]

    def test_then_by_code_and_without_score_last(self) -> None:
        blank = metrics_of("000000", momentum_score=None, price_change_1m=None)
        assert [each.stock_code for each in ranked([blank, metrics_of("2"), metrics_of("1")])] == [
            "1",
            "2",
            "000000",
        ]

    def test_missing_range_and_surge_count_as_in_the_score(self) -> None:
        with_numbers = metrics_of("2", atr=0.0, volume_surge=1.0)
        without = metrics_of("1", atr=None, volume_surge=None)
        assert ranked([with_numbers, without]) == [without, with_numbers]

    @given(st.lists(st.integers(0, 3), min_size=2, max_size=8), st.randoms())
    def test_order_of_input_does_not_matter(self, changes: list[int], random: Any) -> None:
        stocks = [scored(f"{n:06}", 100 * c, 0, 0, 1, 0, 100) for n, c in enumerate(changes)]
        shuffled = list(stocks)
        random.shuffle(shuffled)
        assert ranked(shuffled) == ranked(stocks)


class TestMetrics:
    def test_nine_values_and_defaults(self) -> None:
        metrics = VolatilityMetrics("005930", 50_000.0, 1000.0, 2.5, 3.0, 4.0, 2.0, 25.0, 75.0)
        assert (metrics.name, metrics.as_of, metrics.volatility, metrics.flags) == (None, None, None, ())

    def test_repr(self) -> None:
        shown = repr(VolatilityMetrics("005930", 50_000.0, 1000.0, 2.5, 3.0, 4.0, 2.25, 25.0, 75.5))
        for part in ("005930", "50000.00", "2.50%", "1000.00", "2.25", "75.50"):
            assert part in shown
        blank = repr(VolatilityMetrics("005930", 50_000.0, None, None, None, None, None, None, None))
        assert blank.count("n/a") == 4

    def test_can_be_pickled(self) -> None:
        metrics = VolatilityMetrics(
            "005930", 1.0, None, None, None, None, None, None, None, as_of=at("10:30")
        )
        assert pickle.loads(pickle.dumps(metrics)) == metrics
