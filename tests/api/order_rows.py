"""Orders placed on the simulator and rows of KIS's lists, for the tests of what reads them."""

from __future__ import annotations

from kis_sync.api.domestic_stock.cash_order import Receipt, cash_order_call
from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.catalog import Call
from kis_sync.market.exchanges import Exchange
from tests.api.simulated_account import SAMSUNG, SimulatedAccount
from tests.asking import ok

BUY, SELL = Side.BUY, Side.SELL


def sent(account: SimulatedAccount, call: Call) -> Receipt:
    return Receipt.read(account.broker.ask(call))


def placed(
    account: SimulatedAccount,
    side: Side,
    quantity: int,
    kind: OrderType,
    exchange: Exchange = Exchange.KRX,
) -> Receipt:
    own = account.broker.account
    return sent(account, cash_order_call(own, SAMSUNG, side, quantity, kind, exchange))


def history_row(number: object = "0000000007", **fields: object) -> dict[str, object]:
    """A row of inquire-daily-ccld as live was seen to send it."""
    return {
        "ord_dt": "20261124",
        "ord_gno_brno": "06010",
        "odno": number,
        "orgn_odno": "",
        "sll_buy_dvsn_cd": "02",
        "sll_buy_dvsn_cd_name": "현금매수",
        "pdno": "005930",
        "prdt_name": "삼성전자",
        "ord_qty": "10",
        "ord_unpr": "70000",
        "ord_tmd": "101112",
        "tot_ccld_qty": "3",
        "avg_prvs": "69900",
        "cncl_yn": "",
        "ord_dvsn_cd": "00",
        "cncl_cfrm_qty": "2",
        "rmn_qty": "5",
        "rjct_qty": "0",
        "excg_dvsn_cd": "12",
        "excg_id_dvsn_cd": "SOR",
        "stpm_cndt_pric": "0",
        **fields,
    }


def history(*rows: dict[str, object], tr_cont: str = "D", key: str = "") -> dict[str, object]:
    """A page of inquire-daily-ccld."""
    keys = {"ctx_area_fk100": "f".ljust(100), "ctx_area_nk100": key.ljust(100)}
    return {**ok(output1=list(rows), output2={}, **keys), "tr_cont": tr_cont}
