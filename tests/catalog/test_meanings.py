"""What must not be swapped, written down a second time by hand: which TR id buys, which one sells.

By the section on orders of the facts, and by the titles that KIS gives the ids.
"""

from __future__ import annotations

import pytest

from kis_sync.catalog import endpoint, endpoints

V = None  # no such call on paper
MEANINGS = {
    "domestic_stock.order_cash": {"buy": ("TTTC0012U", "VTTC0012U"), "sell": ("TTTC0011U", "VTTC0011U")},
    "domestic_stock.order_credit": {"buy": ("TTTC0052U", V), "sell": ("TTTC0051U", V)},
    "domestic_stock.order_resv_rvsecncl": {"cancel": ("CTSC0009U", V), "amend": ("CTSC0013U", V)},
    "domestic_stock.inquire_daily_ccld": {
        "recent": ("TTTC0081R", "VTTC0081R"),
        "older": ("CTSC9215R", "VTSC9215R"),
    },
    "domestic_stock.pension.inquire_daily_ccld": {"krx": ("TTTC2201R", V), "all": ("TTTC2210R", V)},
    "domestic_futureoption.order": {"day": ("TTTO1101U", "VTTO1101U"), "night": ("STTN1101U", V)},
    "domestic_futureoption.order_rvsecncl": {"day": ("TTTO1103U", "VTTO1103U"), "night": ("STTN1103U", V)},
    "overseas_stock.order": {
        "us_buy": ("TTTT1002U", "VTTT1002U"),
        "us_sell": ("TTTT1006U", "VTTT1001U"),
        "japan_buy": ("TTTS0308U", "VTTS0308U"),
        "japan_sell": ("TTTS0307U", "VTTS0307U"),
        "shanghai_buy": ("TTTS0202U", "VTTS0202U"),
        "shanghai_sell": ("TTTS1005U", "VTTS1005U"),
        "hong_kong_buy": ("TTTS1002U", "VTTS1002U"),
        "hong_kong_sell": ("TTTS1001U", "VTTS1001U"),
        "shenzhen_buy": ("TTTS0305U", "VTTS0305U"),
        "shenzhen_sell": ("TTTS0304U", "VTTS0304U"),
        "vietnam_buy": ("TTTS0311U", "VTTS0311U"),
        "vietnam_sell": ("TTTS0310U", "VTTS0310U"),
    },
    "overseas_stock.order_rvsecncl": {
        "us": ("TTTT1004U", "VTTT1004U"),
        "hong_kong": ("TTTS1003U", "VTTS1003U"),
        "japan": ("TTTS0309U", "VTTS0309U"),
        "shanghai": ("TTTS0302U", "VTTS0302U"),
        "shenzhen": ("TTTS0306U", "VTTS0306U"),
        "vietnam": ("TTTS0312U", "VTTS0312U"),
    },
    "overseas_stock.order_resv": {
        "us_buy": ("TTTT3014U", "VTTT3014U"),
        "us_sell": ("TTTT3016U", "VTTT3016U"),
        "asia": ("TTTS3013U", "VTTS3013U"),
    },
    "overseas_stock.order_resv_list": {"us": ("TTTT3039R", V), "asia": ("TTTS3014R", V)},
    "overseas_stock.daytime_order": {"buy": ("TTTS6036U", V), "sell": ("TTTS6037U", V)},
    "overseas_futureoption.order_rvsecncl": {"amend": ("OTFM3002U", V), "cancel": ("OTFM3003U", V)},
}
OLD_MEANINGS = {
    "domestic_stock.order_cash": {"buy": ("TTTC0802U", "VTTC0802U"), "sell": ("TTTC0801U", "VTTC0801U")},
    "domestic_stock.inquire_daily_ccld": {
        "recent": ("TTTC8001R", "VTTC8001R"),
        "older": ("CTSC9115R", "VTSC9115R"),
    },
    "domestic_futureoption.order": {"night": ("JTCE1001U", V)},
    "domestic_futureoption.order_rvsecncl": {"night": ("JTCE1002U", V)},
}
GO_ON_WITHOUT_KEYS = {
    "domestic_stock.inquire_account_balance",
    "domestic_stock.inquire_time_dailychartprice",
    "domestic_stock.investor_trade_by_stock_daily",
    "domestic_futureoption.ngt_margin_detail",
    "domestic_futureoption.inquire_psbl_ngt_order",
    "overseas_stock.inquire_present_balance",
    "overseas_stock.inquire_paymt_stdr_balance",
    "overseas_stock.foreign_margin",
    "overseas_price.multprice",
    "overseas_futureoption.margin_detail",
}


@pytest.mark.parametrize("name", MEANINGS)
def test_each_variant_has_its_own_tr_ids(name: str) -> None:
    assert dict(endpoint(name).tr_ids) == MEANINGS[name]


def test_no_other_endpoint_has_variants() -> None:
    assert {name for name, each in endpoints().items() if len(each.tr_ids) > 1} == set(MEANINGS)


@pytest.mark.parametrize("name", OLD_MEANINGS)
def test_the_earlier_ids_mean_the_same(name: str) -> None:
    assert dict(endpoint(name).old_tr_ids) == OLD_MEANINGS[name]


def test_what_goes_on_without_keys() -> None:
    assert {name for name, each in endpoints().items() if each.continues} == GO_ON_WITHOUT_KEYS
