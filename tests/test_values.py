from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.errors import ServerError
from kis_sync.values import Row, day, decimal, percent, time_of_day, whole


@given(st.integers(-(10**20), 10**20), st.sampled_from(["{}", "  {}", "{}   ", "{}.00", "{}.0000"]))
def test_whole_reads_what_was_written(number: int, form: str) -> None:
    assert whole(form.format(number)) == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_decimal_is_exact(number: Decimal) -> None:
    assert decimal(f"{number:f}") == number
    assert percent(f"{number:f}") == float(number)


@given(st.dates(min_value=date(1900, 1, 1)))
def test_day_reads_what_was_written(on: date) -> None:
    assert day(f"{on:%Y%m%d}".zfill(8)) == on


@given(st.times().map(lambda t: t.replace(microsecond=0, tzinfo=None)))
def test_time_reads_what_was_written(at: time) -> None:
    assert time_of_day(f"{at:%H%M%S}") == at


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for read in (whole, decimal, percent, day, time_of_day):
        with contextlib.suppress(ValueError):
            read(text)


@pytest.mark.parametrize("read", [whole, decimal, percent, day, time_of_day])
@pytest.mark.parametrize("blank", ["", " ", "        "])
def test_blank_is_none(read: object, blank: str) -> None:
    assert read(blank) is None  # type: ignore[operator]


@pytest.mark.parametrize("text", ["1.5", "NaN", "Infinity", "1e400", "9" * 5000, "1,000", "abc", "１e99999"])
def test_whole_refuses_what_is_not_a_count(text: str) -> None:
    with pytest.raises(ValueError):
        whole(text)


@pytest.mark.parametrize("text", ["2026112", "20261301", "2026-1-1", "abcdefgh"])
def test_day_refuses_what_is_not_a_date(text: str) -> None:
    with pytest.raises(ValueError):
        day(text)


def test_zeros_are_no_date() -> None:
    assert day("00000000") is None


class TestRow:
    def test_names_are_read_in_either_case(self) -> None:
        assert Row({"ODNO": "1"}, "x").text("odno") == "1"
        assert Row({"odno": "1"}, "x").text("ODNO") == "1"

    def test_absent_is_none(self) -> None:
        row = Row({}, "x")
        assert (row.text("a"), row.whole("a"), row.percent("a"), row.day("a")) == ("", None, None, None)

    def test_numbers_that_are_not_text_are_read_too(self) -> None:
        assert Row({"a": 5, "b": 1.5}, "x").whole("a") == 5
        assert Row({"a": 5, "b": 1.5}, "x").percent("b") == 1.5

    @pytest.mark.parametrize("value", [[], {}, True, [1]])
    def test_another_shape_is_a_server_error(self, value: object) -> None:
        with pytest.raises(ServerError, match="field a"):
            Row({"a": value}, "somewhere").whole("a")

    def test_an_unreadable_field_is_named(self) -> None:
        with pytest.raises(ServerError, match=r"field stck_prpr .*somewhere") as caught:
            Row({"stck_prpr": "x"}, "somewhere").whole("stck_prpr")
        assert caught.value.endpoint == "somewhere"

    def test_needed_is_a_server_error_when_blank(self) -> None:
        with pytest.raises(ServerError, match="is blank"):
            Row({"a": " "}, "x").needed("a")


@pytest.mark.parametrize("read", ["whole", "decimal", "percent", "day", "time_of_day", "amount", "needed"])
def test_an_unreadable_value_is_not_even_in_the_context_of_its_error(read: str) -> None:
    with pytest.raises(ServerError, match="field a is") as caught:
        getattr(Row({"a": "PSsecret 87654321"}, "x"), read)("a")
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("read", ["amount", "needed"])
def test_an_amount_is_not_negative(read: str) -> None:
    assert getattr(Row({"a": "0"}, "x"), read)("a") == 0
    with pytest.raises(ServerError, match="field a is negative"):
        getattr(Row({"a": "-1"}, "x"), read)("a")


@pytest.mark.parametrize("text", ["1_000", "１２", "٣", "1_0.5"])
@pytest.mark.parametrize("read", [whole, decimal, percent])
def test_what_only_python_takes_for_a_number_is_none(
    text: str, read: Callable[[str], int | Decimal | float | None]
) -> None:
    with pytest.raises(ValueError, match="not a plain number"):
        read(text)
