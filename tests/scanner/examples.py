"""The two markets of the specification's worked numbers. This room changes when those numbers do."""

from __future__ import annotations

from tests.scanner.stub_market import Day, Minute, Stock, StubMarket, at


def _minutes(*rows: tuple[str, int]) -> list[Minute]:
    return [Minute(label, close) for label, close in rows]


_RISER = Stock(
    51_000,
    350_000,
    _minutes(
        ("10:01", 49_900),
        ("10:12", 49_850),
        ("10:13", 49_900),
        ("10:14", 50_000),
        ("10:15", 50_100),
        ("10:16", 50_200),
        ("10:23", 50_200),
        ("10:24", 50_300),
        ("10:25", 50_350),
        ("10:26", 50_375),
        ("10:27", 50_380),
        ("10:28", 50_400),
        ("10:29", 50_800),
        ("10:30", 51_000),
    ),
    [
        Day(
            high=49_000 + 50 * d + (2_600 if d == 12 else 600),
            low=49_000 + 50 * d - 400,
            close=49_000 + 50 * d,
            volume=400_000 + 10_000 * d,
        )
        for d in range(1, 21)
    ],
    name="상승",
)

_FALLER_CLOSES = [10_000 + (100 if d % 2 == 0 else -100) for d in range(1, 31)]
_FALLER = Stock(
    9_790,
    60_000,
    _minutes(
        ("09:58", 9_990),
        ("10:09", 10_000),
        ("10:12", 10_010),
        ("10:22", 9_950),
        ("10:27", 9_900),
        ("10:30", 9_790),
    ),
    [
        Day(close + 100, close - 100, close, 900_000 if d <= 10 else 100_000)
        for d, close in enumerate(_FALLER_CLOSES, 1)
    ],
)

_NEWCOMER = Stock(
    20_100,
    20_000,
    _minutes(("09:05", 20_000), ("09:48", 20_100)),
    [Day(20_300, 19_900, 20_000, 100_000 + 10_000 * d) for d in range(1, 9)],
)

HALF_PAST_TEN_CODES = ["101010", "202020", "303030", "404040", "303029"]


def half_past_ten() -> StubMarket:
    """The market at 10:30:20."""
    stocks = {
        "101010": _RISER,
        "202020": _FALLER,
        "303030": _NEWCOMER,
        "404040": Stock(1_000, 0, refuse=frozenset({"minute"})),
        "303029": _NEWCOMER,
    }
    return StubMarket(stocks, at("10:30:20"))


def four_past_nine() -> StubMarket:
    """The market at 09:03:40."""
    stocks = {
        "111111": Stock(
            30_500,
            50_000,
            [
                Minute("09:00", 30_100, open=30_000),
                *_minutes(("09:01", 30_200), ("09:02", 30_400), ("09:03", 30_500)),
            ],
            [Day(30_200, 29_800, 29_900, 780_000)] * 15,
        ),
        "222222": Stock(
            5_020,
            500,
            [Minute("09:02", 5_010, open=5_000), Minute("09:03", 5_020)],
            [Day(5_100, 4_900, 5_000, 39_000)] * 14,
        ),
        "333333": Stock(7_000, 0, [], [Day(7_050, 6_950, 7_000, 10_000)] * 20),
    }
    return StubMarket(stocks, at("09:03:40"))
