"""What a stock's prices and volumes tell: range, changes, surge, divergence, and one score of activity.

Pure calculation: no call, no clock, no state. Percentages are percent (1.5 is 1.5 %), lists run from oldest
to newest. This room changes when a formula of the scanner changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from typing import Any

ATR_PERIOD = 14
LEAST_DAYS_OF_VOLUME = 5
_SPANS = (1, 5, 15)
_PAYLOAD_PARTS = ("output1", "output2", "output")
_PRICE, _VOLUME = "stck_prpr", "acml_vol"


@dataclass(frozen=True)
class VolatilityMetrics:
    """What is known of one stock at one instant; ``None`` is a number that could not be had.

    ``current_price`` and ``atr`` in won, the changes in percent, ``volume_surge`` a ratio,
    ``pv_divergence`` and ``momentum_score`` without unit. ``as_of`` is the instant (KST). ``flags`` tell
    why a number is missing or what it stands on: ``halted``, ``no_atr``, ``no_volume``, ``since_open``.
    """

    stock_code: str
    current_price: float
    atr: float | None
    price_change_1m: float | None
    price_change_5m: float | None
    price_change_15m: float | None
    volume_surge: float | None
    pv_divergence: float | None
    momentum_score: float | None
    name: str | None = None
    as_of: datetime | None = None
    volatility: float | None = None
    flags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [
            self.stock_code,
            f"price={self.current_price:.2f}",
            f"change_1m={_shown(self.price_change_1m, '%')}",
            f"atr={_shown(self.atr)}",
            f"surge={_shown(self.volume_surge, 'x')}",
            f"score={_shown(self.momentum_score)}",
            *self.flags,
        ]
        return f"VolatilityMetrics({', '.join(told)})"


def _shown(number: float | None, unit: str = "") -> str:
    return "n/a" if number is None else f"{number:.2f}{unit}"


class VolatilityAnalyzer:
    """The formulas of the scanner, and the two thresholds of a breakout. It keeps no state between calls.

    ``min_volume_surge`` is a ratio (2.0: twice the usual volume), ``min_price_change`` percent in a minute.
    """

    def __init__(self, min_volume_surge: float = 2.0, min_price_change: float = 1.0) -> None:
        self.min_volume_surge = min_volume_surge
        self.min_price_change = min_price_change

    def calculate_atr(
        self,
        high_prices: Sequence[float],
        low_prices: Sequence[float],
        close_prices: Sequence[float],
        period: int = ATR_PERIOD,
    ) -> float:
        """The mean true range of the last ``period`` bars in won (a plain mean, not Wilder's smoothing).

        0.0 when a list has fewer than ``period + 1`` bars. ``ValueError`` for lists of unequal length or a
        ``period`` below 1.

        >>> highs, lows, closes = [10, 12, 20, 19, 11], [8, 11, 18, 16, 10], [9, 11.5, 19, 17, 10.5]
        >>> VolatilityAnalyzer().calculate_atr(highs, lows, closes, period=4)
        5.375
        """
        if period < 1:
            raise ValueError(f"period must be at least 1, not {period}")
        lengths = len(high_prices), len(low_prices), len(close_prices)
        if min(lengths) < period + 1:
            return 0.0
        if len(set(lengths)) > 1:
            raise ValueError(f"highs, lows and closes must be equally many, not {lengths}")
        ranges = [
            max(high - low, abs(high - before), abs(low - before))
            for high, low, before in zip(
                high_prices[-period:],
                low_prices[-period:],
                close_prices[-period - 1 : -1],
                strict=True,
            )
        ]
        return fsum(ranges) / period

    def calculate_price_change(self, current_price: float, past_price: float) -> float:
        """The change from ``past_price`` in percent; 0.0 when that is 0.

        >>> VolatilityAnalyzer().calculate_price_change(110, 100)
        10.0
        """
        if past_price == 0:
            return 0.0
        return float(100 * (current_price - past_price) / past_price)

    def calculate_volume_surge(self, current_volume: float, avg_volume: float) -> float:
        """How many times the average the volume is; 1.0 when the average is 0."""
        if avg_volume == 0:
            return 1.0
        return float(current_volume / avg_volume)

    def calculate_pv_divergence(self, price_change: float, volume_surge: float) -> float:
        """Whether volume stands behind the move: positive or negative, 0.0 without a move or a surge.

        Only a rise on high volume is bounded (0 to 100). The other ranges are open: a fall on high volume
        and a rise on low volume have no lower bound, and **a fall on low volume is positive** without an
        upper one. Above a surge of 1 the sign is that of the change; the score does not use this number.
        """
        strength = 10.0 * (volume_surge - 1.0)
        if price_change > 0 and volume_surge > 1:
            return float(min(100.0, price_change * strength))
        if price_change < 0 and volume_surge < 1:
            return float(max(-100.0, price_change * strength))
        if price_change > 0 and volume_surge < 1:
            return float(-price_change / 2)
        if price_change < 0 and volume_surge > 1:
            return float(price_change * strength)
        return 0.0

    def calculate_momentum_score(
        self,
        price_change_1m: float,
        price_change_5m: float,
        price_change_15m: float,
        volume_surge: float,
        atr: float,
        current_price: float,
    ) -> float:
        """How active a stock is, from 0 to 100; 25 is a stock at rest with its usual volume.

        **Active, not rising**: volume and volatility outweigh direction. A rise of 1 % over 1, 5 and 15
        minutes is worth 1, 0.75 and 0.5 points; a surge from 1 to 2 is worth 12.5 (at most 25 above, 12.5
        below), an ATR of 1 % of the price 2.5 (at most 25). A stock that falls 3 % over all three spans with
        a surge of 3 and an ATR of 5 % scores 55.75, exactly as one that rises 5, 3 and 2 % with a surge of
        2.5 and an ATR of 1.5 %.

        >>> VolatilityAnalyzer().calculate_momentum_score(5, 3, 2, 2.5, 1.5, 100)
        55.75
        >>> VolatilityAnalyzer().calculate_momentum_score(-3, -3, -3, 3, 5, 100)
        55.75
        """
        raw = _raw_score(price_change_1m, price_change_5m, price_change_15m, volume_surge, atr, current_price)
        return min(100.0, max(0.0, 2.5 * raw + 25.0))

    def analyze(
        self, stock_code: str, orderbook_data: Mapping[str, Any], price_history: Mapping[str, Any]
    ) -> VolatilityMetrics:
        """All numbers of one stock from its quote and its history.

        ``orderbook_data`` is an answer with the present price and the day's volume in ``output1``,
        ``output2`` or ``output``; either is 0.0 when absent. ``price_history`` holds ``high``, ``low``,
        ``close`` and ``volume``, oldest first. Without more, changes are against ``close`` 1, 5 and 15 from
        the end, and whatever is missing counts as 0 (a surge as 1).

        Two more keys make the numbers mean what they say, and then what is missing is ``None``:
        ``minute_close`` (element -k is the price k minutes ago, or ``None``) and ``volume_fraction`` (the
        share of a day's volume that is usual by now; ``None`` when the volume cannot be compared).
        """
        price = _payload_number(orderbook_data, _PRICE)
        timed = "minute_close" in price_history
        changes = self._changes(price, price_history, timed)
        surge = self._surge(_payload_number(orderbook_data, _VOLUME), price_history, timed)
        atr = self._atr(price_history, timed)
        divergence = score = None
        if changes[0] is not None and surge is not None:
            divergence = self.calculate_pv_divergence(changes[0], surge)
        if changes[0] is not None and changes[1] is not None and changes[2] is not None:
            score = self.calculate_momentum_score(
                changes[0], changes[1], changes[2], 1.0 if surge is None else surge, atr or 0.0, price
            )
        return VolatilityMetrics(stock_code, price, atr, *changes, surge, divergence, score)

    def is_breakout(self, metrics: VolatilityMetrics) -> bool:
        """Whether the price jumped up on high volume; equality with a threshold counts, ``None`` does not."""
        change, surge = metrics.price_change_1m, metrics.volume_surge
        if change is None or surge is None or metrics.pv_divergence is None:
            return False
        return bool(
            change >= self.min_price_change and surge >= self.min_volume_surge and metrics.pv_divergence > 0
        )

    def is_breakdown(self, metrics: VolatilityMetrics) -> bool:
        """Whether the price dropped on high volume; equality with a threshold counts, ``None`` does not."""
        change, surge = metrics.price_change_1m, metrics.volume_surge
        if change is None or surge is None or metrics.pv_divergence is None:
            return False
        return bool(
            change <= -self.min_price_change and surge >= self.min_volume_surge and metrics.pv_divergence < 0
        )

    def _changes(
        self, price: float, history: Mapping[str, Any], timed: bool
    ) -> tuple[float | None, float | None, float | None]:
        """The changes over 1, 5 and 15 minutes: with timed closes all three or none."""
        closes = history["minute_close"] if timed else history.get("close", ())
        past = [closes[-minutes] if len(closes) >= minutes else None for minutes in _SPANS]
        if timed and None in past:
            return None, None, None
        one, five, fifteen = (
            0.0 if each is None else self.calculate_price_change(price, each) for each in past
        )
        return one, five, fifteen

    def _surge(self, volume: float, history: Mapping[str, Any], timed: bool) -> float | None:
        volumes = history.get("volume", ())
        fraction = history.get("volume_fraction", 1.0)
        if fraction is None or (timed and len(volumes) < LEAST_DAYS_OF_VOLUME):
            return None
        usual = fsum(volumes) / len(volumes) * fraction if len(volumes) else volume
        return self.calculate_volume_surge(volume, usual)

    def _atr(self, history: Mapping[str, Any], timed: bool) -> float | None:
        highs, lows, closes = (history.get(name, ()) for name in ("high", "low", "close"))
        if timed and min(len(highs), len(lows), len(closes)) < ATR_PERIOD + 1:
            return None
        return self.calculate_atr(highs, lows, closes)


def quote_payload(price: float, volume: float | None) -> dict[str, dict[str, float]]:
    """A quote in the form that ``VolatilityAnalyzer.analyze`` reads."""
    return {"output1": {_PRICE: price} if volume is None else {_PRICE: price, _VOLUME: volume}}


def ranked(metrics: Iterable[VolatilityMetrics]) -> list[VolatilityMetrics]:
    """Highest score first, those without a score last; a total order, whatever the order that came.

    Scores that are equal because they are bounded (0 and 100) are parted by what they were before; what is
    left equal is ordered by stock code.
    """
    return sorted(metrics, key=_rank)


def _rank(metrics: VolatilityMetrics) -> tuple[bool, float, float, str]:
    one, five, fifteen = metrics.price_change_1m, metrics.price_change_5m, metrics.price_change_15m
    if metrics.momentum_score is None or one is None or five is None or fifteen is None:
        return metrics.momentum_score is None, -(metrics.momentum_score or 0.0), 0.0, metrics.stock_code
    surge = 1.0 if metrics.volume_surge is None else metrics.volume_surge
    raw = _raw_score(one, five, fifteen, surge, metrics.atr or 0.0, metrics.current_price)
    return False, -metrics.momentum_score, -raw, metrics.stock_code


def _raw_score(one: float, five: float, fifteen: float, surge: float, atr: float, price: float) -> float:
    """The score before it is moved to 25 and bounded; -10 is its 0, 30 its 100."""
    volume_term = min(10.0, 5.0 * (surge - 1.0))
    range_term = min(10.0, 100.0 * atr / price) if price > 0 else 0.0
    return float(0.4 * one + 0.3 * five + 0.2 * fifteen + volume_term + range_term)


def _payload_number(payload: Mapping[str, Any], name: str) -> float:
    """The first nonempty value among the payload's outputs; 0.0 when there is none."""
    for part in _PAYLOAD_PARTS:
        fields = payload.get(part)
        value = fields.get(name) if isinstance(fields, Mapping) else None
        if value is not None and str(value).strip():
            return float(value)
    return 0.0
