from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.cash_order import OrderKind, Side
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.request import OrderRequest


class Index:
    """A whole number of somebody else's library, as numpy's are."""

    def __index__(self) -> int:
        return 10


@pytest.mark.parametrize("side", ["BUY", "buy", " Sell ", Side.SELL])
def test_sides_in_any_case(side: str) -> None:
    assert OrderRequest.checked("005930", side, 1, 0).side.value == side.strip().upper()


def test_a_price_is_a_limit_and_0_is_at_market() -> None:
    limit = OrderRequest.checked("005930", "BUY", 1, 70_000)
    market = OrderRequest.checked("005930", "BUY", 1, 0)
    assert (limit.kind, limit.price) == (OrderKind.LIMIT, 70_000)
    assert (market.kind, market.price) == (OrderKind.MARKET, None)
    assert (OrderKind.LIMIT.value, OrderKind.MARKET.value) == ("00", "01")


def test_whole_numbers_of_other_libraries() -> None:
    request = OrderRequest.checked("005930", "BUY", Index(), Index())  # type: ignore[arg-type]
    assert (request.quantity, request.price) == (10, 10)


BAD_QUANTITIES: list[Any] = [0, -1, 1.0, "1", None, True, math.nan, 10**10]
BAD_PRICES: list[Any] = [None, -1, 70_000.0, math.nan, "70000", False]


@pytest.mark.parametrize("quantity", BAD_QUANTITIES)
def test_quantities_that_are_none(quantity: Any) -> None:
    with pytest.raises(InvalidRequestError, match="quantity must be a whole number"):
        OrderRequest.checked("005930", "BUY", quantity, 0)


@pytest.mark.parametrize("price", BAD_PRICES)
def test_a_price_that_came_out_by_accident_never_means_at_market(price: Any) -> None:
    with pytest.raises(InvalidRequestError, match="price must be whole won"):
        OrderRequest.checked("005930", "BUY", 1, price)


@pytest.mark.parametrize("side", ["", "HOLD", None, 1])
def test_sides_that_are_none(side: Any) -> None:
    with pytest.raises(InvalidRequestError, match="order_type must be 'BUY' or 'SELL'"):
        OrderRequest.checked("005930", side, 1, 0)


def test_every_fault_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        OrderRequest.checked("5930", "HOLD", 0, -1)
    for part in ("was not sent", "stock code", "order_type", "quantity", "price"):
        assert part in str(caught.value)


@given(st.text(), st.text(), st.integers(), st.integers())
def test_anything_is_a_request_or_refused(code: str, side: str, quantity: int, price: int) -> None:
    try:
        request = OrderRequest.checked(code, side, quantity, price)
    except InvalidRequestError:
        return
    assert request.quantity > 0
    assert request.price is None or request.price > 0
