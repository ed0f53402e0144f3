from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.order_type import Limit, Market, OrderType, Side
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange
from kis_sync.orders.request import OrderRequest, request_at


class Index:
    """A whole number of somebody else's library, as numpy's are."""

    def __index__(self) -> int:
        return 10


@pytest.mark.parametrize("side", ["BUY", "buy", " Sell ", Side.SELL])
def test_sides_in_any_case(side: str) -> None:
    assert OrderRequest.checked("005930", side, 1, Market()).side.value == side.strip().upper()


@pytest.mark.parametrize("exchange", ["NXT", "nxt", Exchange.NXT])
def test_exchanges_in_any_case(exchange: str) -> None:
    assert OrderRequest.checked("005930", "BUY", 1, Market(), exchange).exchange is Exchange.NXT


def test_a_price_is_a_limit_and_0_is_at_market() -> None:
    assert request_at("005930", "BUY", 1, 70_000).kind == Limit(70_000)
    assert request_at("005930", "BUY", 1, 0).kind == Market()
    assert (Limit(70_000).code, Market().code) == ("00", "01")


def test_whole_numbers_of_other_libraries() -> None:
    request = request_at("005930", "BUY", Index(), Index())  # type: ignore[arg-type]
    assert (request.quantity, request.kind.won) == (10, 10)
    assert type(request.kind.won) is int


BAD_QUANTITIES: list[Any] = [0, -1, 1.0, "1", None, True, math.nan, 10**10]
BAD_PRICES: list[Any] = [None, -1, 70_000.0, math.nan, "70000", False]
BAD_KINDS: list[Any] = [None, 70_000, 0, "limit", math.nan, Limit, OrderType()]


@pytest.mark.parametrize("quantity", BAD_QUANTITIES)
def test_quantities_that_are_none(quantity: Any) -> None:
    with pytest.raises(InvalidRequestError, match="quantity must be a whole number"):
        OrderRequest.checked("005930", "BUY", quantity, Market())


@pytest.mark.parametrize("price", BAD_PRICES)
def test_a_price_that_came_out_by_accident_never_means_at_market(price: Any) -> None:
    with pytest.raises(InvalidRequestError, match="price must be whole won"):
        request_at("005930", "BUY", 1, price)


@pytest.mark.parametrize("price", [*BAD_PRICES, 0])
def test_a_limit_has_a_price(price: Any) -> None:
    with pytest.raises(InvalidRequestError, match="price must be whole won above 0"):
        Limit(price)


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_a_number_is_no_order_type(kind: Any) -> None:
    with pytest.raises(InvalidRequestError, match="kind must be an order type"):
        OrderRequest.checked("005930", "BUY", 1, kind)


@pytest.mark.parametrize("side", ["", "HOLD", None, 1])
def test_sides_that_are_none(side: Any) -> None:
    with pytest.raises(InvalidRequestError, match="order_type must be 'BUY' or 'SELL'"):
        OrderRequest.checked("005930", side, 1, Market())


def test_every_fault_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request_at("5930", "HOLD", 0, -1)
    for part in ("was not sent", "stock code", "order_type", "quantity", "price"):
        assert part in str(caught.value)
    with pytest.raises(InvalidRequestError) as caught:
        OrderRequest.checked("5930", "HOLD", 0, 5, "KOSPI")  # type: ignore[arg-type]
    for part in ("stock code", "order_type", "quantity", "kind", "exchange"):
        assert part in str(caught.value)


@given(st.text(), st.text(), st.integers(), st.integers())
def test_anything_is_a_request_or_refused(code: str, side: str, quantity: int, price: int) -> None:
    try:
        request = request_at(code, side, quantity, price)
    except InvalidRequestError:
        return
    assert request.quantity > 0
    assert request.kind == (Limit(price) if price else Market())
