from __future__ import annotations

import pytest

from kis_sync.api.domestic_stock.change_order import cancel_call, change_call
from kis_sync.api.domestic_stock.executions import get_executions
from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    Limit,
    Market,
    OrderType,
    StopLimit,
)
from kis_sync.catalog import Mode
from kis_sync.catalog.check import checked
from kis_sync.errors import InvalidRequestError
from kis_sync.market.exchanges import Exchange
from kis_sync.settings import Account
from tests.api.order_rows import BUY, placed, sent
from tests.api.simulated_account import simulated_account

OWN = Account("12345678", "01")
NUMBER, BRANCH = "0001569157", "06010"


def test_a_change_of_all_that_is_left() -> None:
    call = change_call(OWN, NUMBER, BRANCH, Exchange.NXT, Limit(70_000, "IOC"), None)
    assert (call.endpoint.name, call.variant) == ("domestic_stock.order_rvsecncl", "")
    assert call.params == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "KRX_FWDG_ORD_ORGNO": "06010",
        "ORGN_ODNO": "0001569157",
        "ORD_DVSN": "11",
        "RVSE_CNCL_DVSN_CD": "01",
        "ORD_QTY": "0",
        "ORD_UNPR": "70000",
        "QTY_ALL_ORD_YN": "Y",
        "CNDT_PRIC": "",
        "EXCG_ID_DVSN_CD": "NXT",
    }


def test_a_cancellation_of_some() -> None:
    assert cancel_call(OWN, NUMBER, BRANCH, Exchange.SOR, "02", 4).params == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "KRX_FWDG_ORD_ORGNO": "06010",
        "ORGN_ODNO": "0001569157",
        "ORD_DVSN": "02",
        "RVSE_CNCL_DVSN_CD": "02",
        "ORD_QTY": "4",
        "ORD_UNPR": "0",
        "QTY_ALL_ORD_YN": "N",
        "CNDT_PRIC": "",
        "EXCG_ID_DVSN_CD": "SOR",
    }


@pytest.mark.parametrize(
    ("kind", "code", "price", "trigger"),
    [
        (Market(), "01", "0", ""),
        (Best("FOK"), "16", "0", ""),
        (BeforeOpen(69_000), "05", "69000", ""),
        (AfterClose(), "06", "0", ""),
        (StopLimit(70_000, 71_000), "22", "70000", "71000"),
    ],
)
def test_each_type_as_kis_writes_it(kind: OrderType, code: str, price: str, trigger: str) -> None:
    params = change_call(OWN, NUMBER, BRANCH, Exchange.KRX, kind, 3).params
    assert (params["ORD_DVSN"], params["ORD_UNPR"], params["CNDT_PRIC"]) == (code, price, trigger)
    assert (params["ORD_QTY"], params["QTY_ALL_ORD_YN"]) == ("3", "N")


@pytest.mark.parametrize("quantity", [0, -1])
def test_no_shares_are_not_all_shares(quantity: int) -> None:
    with pytest.raises(InvalidRequestError, match="at least 1"):
        change_call(OWN, NUMBER, BRANCH, Exchange.KRX, Limit(70_000), quantity)
    with pytest.raises(InvalidRequestError, match="at least 1"):
        cancel_call(OWN, NUMBER, BRANCH, Exchange.KRX, "00", quantity)


def test_the_catalogue_takes_every_field_as_it_is() -> None:
    for call in (
        change_call(OWN, NUMBER, BRANCH, Exchange.KRX, StopLimit(70_000, 71_000), 3),
        cancel_call(OWN, NUMBER, "", Exchange.KRX, "00", None),
    ):
        assert checked(call.endpoint, call.params, strict=True) == call.params
        assert call.endpoint.tr_id(Mode.PAPER, call.variant) == "VTTC0013U"


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_the_simulator_does_what_they_say(mode: str) -> None:
    with simulated_account(mode) as account:
        broker = account.broker
        quote = broker.get_price("005930")
        assert quote.lower_limit is not None
        assert quote.tick is not None
        first = placed(account, BUY, 10, Limit(quote.lower_limit))
        dearer = Limit(quote.lower_limit + quote.tick)
        krx = Exchange.KRX
        second = sent(account, change_call(broker.account, first.number, first.branch, krx, dearer, 4))
        sent(account, cancel_call(broker.account, first.number, first.branch, krx, "00", None))
        sent(account, cancel_call(broker.account, second.number, second.branch, krx, "00", 1))
        listed = {order.number: order for order in get_executions(broker)}
        old, new = listed[int(first.number)], listed[int(second.number)]
        assert (old.remaining, old.cancelled) == (0, 10)
        assert (new.quantity, new.remaining, new.price) == (4, 3, dearer.price)
