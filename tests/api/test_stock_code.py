from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.stock_code import checked_code, checked_division, priced
from kis_sync.catalog import Mode
from kis_sync.errors import InvalidRequestError, NotOnPaperError, RequestRefusedError


@given(st.from_regex(r"\s*Q?[0-9A-Z]{6}\s*", fullmatch=True))
def test_codes_are_taken_without_blanks(text: str) -> None:
    assert checked_code(text) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "5930", "005930 000660", "00593a", "삼성전자", "0059301", "００５９３０"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not a stock code"):
        checked_code(text)


def test_a_number_is_refused_with_the_form() -> None:
    with pytest.raises(InvalidRequestError, match=r"text such as '005930', not 5930 \(int\)"):
        checked_code(5930)  # type: ignore[arg-type]


def test_divisions() -> None:
    assert checked_division("NX", Mode.LIVE) == "NX"
    with pytest.raises(InvalidRequestError, match="market must be"):
        checked_division("KRX", Mode.LIVE)
    with pytest.raises(NotOnPaperError):
        checked_division("UN", Mode.PAPER)


@pytest.mark.parametrize("price", [None, 0, -5])
def test_no_price_is_no_stock(price: int | None) -> None:
    with pytest.raises(RequestRefusedError, match="no such stock"):
        priced("000000", price, "x")
