"""The rule of replacement. This room changes when that rule does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.scanner import MarketScanner, ScanResult, Snapshot, updated_watchlist
from tests.scanner.examples import HALF_PAST_TEN_CODES, half_past_ten
from tests.scanner.stub_market import at
from tests.scanner.test_volatility import metrics_of


def found(top: str, failures: str = "", unscanned: str = "") -> ScanResult:
    movers = [metrics_of(code) for code in top.split()]
    return ScanResult(
        "KR",
        at("10:30"),
        len(movers),
        movers,
        [],
        [],
        failures={code: ValueError(code) for code in failures.split()},
        unscanned=unscanned.split(),
    )


@pytest.mark.parametrize(
    ("current", "top", "most", "expected"),
    [
        ("A B C", "A D E", 2, "A D E"),
        ("A B C", "A B C", 2, "A B C"),
        ("A B C", "C A", 2, "A C B"),
        ("B C E", "A D F", 1, "A B C"),
        ("B C E", "A D F", 2, "A D B"),
        ("A B C", "D E F", 0, "A B C"),
        ("A B C", "D E F", 5, "D E F"),
        ("A B", "", 2, "A B"),
        ("", "A B C", 2, "A B"),
        ("A B C", "A B C D E", 2, "A B C"),
        ("A", "A B C", 2, "A"),
        ("A A B", "A C", 2, "A C"),
    ],
)
def test_worked(current: str, top: str, most: int, expected: str) -> None:
    assert updated_watchlist(current.split(), found(top), most) == expected.split()


@pytest.mark.parametrize(
    ("current", "top", "expected"), [("A B C", "A B C D E", "A B C D E"), ("A", "A B C", "A B C")]
)
def test_growing(current: str, top: str, expected: str) -> None:
    assert updated_watchlist(current.split(), found(top), 2, grow=True) == expected.split()


def test_negative_and_strings_are_refused() -> None:
    with pytest.raises(ValueError, match="max_replacements"):
        updated_watchlist(["A", "B", "C"], found("D E F G"), -1)
    with pytest.raises(ValueError, match="lists"):
        updated_watchlist("ABC", found("D"))
    with pytest.raises(ValueError, match="lists"):
        updated_watchlist(["A"], found("D"), protected="A")


def test_protected_stay() -> None:
    assert updated_watchlist(["A", "B", "C"], found("D E F"), 2, protected=["B", "Z"]) == ["B", "D", "E"]


def test_not_seen_is_not_weak() -> None:
    result = found("D E F", failures="B", unscanned="C")
    assert updated_watchlist(["A", "B", "C"], result, 2) == ["B", "C", "D"]


def test_after_a_scan() -> None:
    scanner = MarketScanner(half_past_ten(), top_n=3)
    result = scanner.scan_market("KR", HALF_PAST_TEN_CODES)
    current = ["404040", "303030", "202020"]
    expected = ["404040", "202020", "101010"]
    assert scanner.get_updated_watchlist(current, result, max_replacements=2) == expected
    assert scanner.update_watchlist(current, result) == expected
    assert current == ["404040", "303030", "202020"]


class _Nothing:
    def snapshot(self, stock_code: str) -> Snapshot:
        raise AssertionError(stock_code)


def test_both_names_take_the_same_arguments() -> None:
    scanner = MarketScanner(None, history=_Nothing())
    for update in (scanner.get_updated_watchlist, scanner.update_watchlist):
        assert update(["A", "B", "C"], found("D E F"), 2, protected=["B"]) == ["B", "D", "E"]
        assert update(["A"], found("A B C"), grow=True) == ["A", "B", "C"]


_CODES = st.lists(st.sampled_from("ABCDEFGH"), max_size=8)
_DISTINCT = st.lists(st.sampled_from("ABCDEFGH"), max_size=8, unique=True)


@given(_CODES, _DISTINCT, st.integers(0, 9), _DISTINCT, _DISTINCT)
def test_size_holds_and_nobody_who_must_stay_leaves(
    current: list[str], top: list[str], most: int, failed: list[str], held: list[str]
) -> None:
    after = updated_watchlist(current, found(" ".join(top), " ".join(failed)), most, protected=held)
    before = list(dict.fromkeys(current))
    assert len(set(after)) == len(after)
    assert len(after) == (len(before) or min(most, len(top)))
    assert len(set(after) - set(before)) <= most
    assert set(before) & {*failed, *held, *top} <= set(after)
