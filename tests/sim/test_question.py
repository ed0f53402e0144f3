from __future__ import annotations

from typing import Any

import pytest
import requests

from kis_sync import catalog
from kis_sync.clock import ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.door.wire import Request
from tests.sim.visitor import BALANCE, HOST, Visitor

PRICE = catalog.endpoint("domestic_stock.inquire_price")
ORDER = catalog.endpoint("domestic_stock.order_cash")


@pytest.fixture(scope="module")
def visitors() -> dict[str, Visitor]:
    return {mode: Visitor(Simulator(mode=mode, limit=10_000)) for mode in ("live", "paper")}


def price_by(visitor: Visitor, tr_id: str) -> tuple[int, str]:
    response = visitor.price(headers={"tr_id": tr_id})
    return response.status_code, response.json()["msg_cd"]


def order_by(visitor: Visitor, tr_id: str) -> tuple[int, str]:
    response = visitor.order("buy", "005930", 1, kind="01", headers={"tr_id": tr_id})
    return response.status_code, response.json()["msg_cd"]


@pytest.mark.parametrize(
    ("mode", "tr_id", "expected"),
    [
        ("live", "TTTC0012U", (200, "APBK0013")),
        ("live", "TTTC0802U", (200, "APBK0013")),
        ("live", "VTTC0012U", (500, "EGW02005")),
        ("live", "VTTC0802U", (500, "EGW02005")),
        ("paper", "VTTC0012U", (200, "40600000")),
        ("paper", "VTTC0802U", (200, "40600000")),
        ("paper", "TTTC0012U", (500, "EGW02006")),
        ("paper", "TTTC0802U", (500, "EGW02006")),
        ("live", "TTTC8434R", (500, "OPSQ0002")),  # of another path
        ("live", "ABCD1234U", (500, "OPSQ0002")),
        ("paper", "VXYZ1234U", (500, "OPSQ0002")),
        ("paper", "VTTC8434R", (500, "OPSQ0002")),  # of another path
        ("live", "", (500, "OPSQ9999")),
    ],
)
def test_tr_ids_belong_to_path_and_world(
    visitors: dict[str, Visitor], mode: str, tr_id: str, expected: tuple[int, str]
) -> None:
    assert order_by(visitors[mode], tr_id) == expected


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_quotations_have_one_tr_id_for_both_worlds(visitors: dict[str, Visitor], mode: str) -> None:
    assert price_by(visitors[mode], "FHKST01010100") == (200, "MCA00000")
    assert price_by(visitors[mode], "FHKST01019999") == (500, "OPSQ0002")


STRAYED = [
    ("domestic_stock.inquire_price", "etfetn.inquire_price", "FHPST02400000"),
    ("domestic_stock.inquire_daily_price", "domestic_stock.inquire_daily_itemchartprice", "FHKST03010100"),
    ("domestic_stock.inquire_daily_ccld", "domestic_stock.inquire_psbl_order", "TTTC8908R"),
    ("domestic_stock.inquire_price", "domestic_stock.inquire_balance", "TTTC8434R"),
    ("domestic_stock.inquire_price", "overseas_stock.inquire_balance", "JTTT3012R"),  # an old one
]
"""A path, and a TR id of another read that is sent to it: the first three by public clients."""

FIELDS: dict[str, dict[str, str]] = {
    "etfetn.inquire_price": {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "069500"},
    "domestic_stock.inquire_daily_itemchartprice": {
        "FID_COND_MRKT_DIV_CODE": "J",
        "FID_INPUT_ISCD": "005930",
        "FID_INPUT_DATE_1": "20261001",
        "FID_INPUT_DATE_2": "20261120",
        "FID_PERIOD_DIV_CODE": "D",
        "FID_ORG_ADJ_PRC": "0",
    },
    "domestic_stock.inquire_psbl_order": {
        "PDNO": "005930",
        "ORD_UNPR": "",
        "ORD_DVSN": "01",
        "CMA_EVLU_AMT_ICLD_YN": "N",
        "OVRS_ICLD_YN": "N",
    },
    "domestic_stock.inquire_balance": BALANCE,
    "overseas_stock.inquire_balance": {
        "OVRS_EXCG_CD": "NASD",
        "TR_CRCY_CD": "USD",
        "CTX_AREA_FK200": "",
        "CTX_AREA_NK200": "",
    },
}


def ask_at(visitor: Visitor, path_of: str, tr_id: str, fields: dict[str, str]) -> requests.Response:
    url = HOST + catalog.endpoint(path_of).path
    return visitor.session.get(url, params=fields, headers=visitor.headers(tr_id), timeout=5)


@pytest.mark.parametrize(("path_of", "meant", "tr_id"), STRAYED)
def test_a_read_is_answered_by_its_tr_id(path_of: str, meant: str, tr_id: str) -> None:
    visitor = Visitor(Simulator(limit=1000, clock=ManualClock()))
    fields = visitor.account | FIELDS[meant]
    strayed = ask_at(visitor, path_of, tr_id, fields)
    assert strayed.json()["rt_cd"] == "0", strayed.text
    assert strayed.json() == ask_at(visitor, meant, tr_id, fields).json()
    assert strayed.headers["tr_id"] == tr_id
    names = [each.name.upper() for each in catalog.endpoint(meant).params if not each.blank]
    needed = next(name for name in names if name in FIELDS[meant])
    del fields[needed]
    refused = ask_at(visitor, path_of, tr_id, fields).json()
    assert refused["msg1"] == f"ERROR INPUT FIELD NOT FOUND [{needed}]"


@pytest.mark.parametrize(("path_of", "meant", "tr_id"), STRAYED)
def test_path_and_tr_id_may_have_to_agree(path_of: str, meant: str, tr_id: str) -> None:
    visitor = Visitor(Simulator(limit=1000, tr_id_decides=False))
    answer = ask_at(visitor, path_of, tr_id, visitor.account | FIELDS[meant])
    assert (answer.status_code, answer.json()["msg_cd"]) == (500, "OPSQ0002")


def test_a_strayed_account_read_counts_as_one() -> None:
    visitor = Visitor(Simulator(limit=1000, ledger_limit=1, clock=ManualClock()))
    fields = visitor.account | BALANCE
    for expected in ("KIOK0560", "EGW00215"):
        strayed = visitor.ask("domestic_stock.inquire_price", **fields, headers={"tr_id": "TTTC8434R"})
        assert strayed.json()["msg_cd"] == expected


def test_an_order_never_strays(visitors: dict[str, Visitor]) -> None:
    """Neither by the path of a read nor by a read's TR id; and a world's refusals stay."""
    visitor = visitors["live"]
    body = visitor.account | {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    for send in (visitor.session.get, visitor.session.post):
        strayed = send(HOST + PRICE.path, params=body, json=body, headers=visitor.headers("TTTC0012U"))
        assert (strayed.status_code, strayed.json()["msg_cd"]) == (500, "OPSQ0002")
    assert order_by(visitor, "FHKST01010100") == (500, "OPSQ0002")
    assert price_by(visitor, "VTTC8434R") == (500, "EGW02005")
    assert price_by(visitors["paper"], "TTTC8434R") == (500, "EGW02006")
    assert price_by(visitors["paper"], "VTTC8408R") == (200, "90000000")


def open_orders(visitor: Visitor, tr_id: str) -> Any:
    return visitor.ask(
        "domestic_stock.inquire_psbl_rvsecncl",
        **visitor.account,
        CTX_AREA_FK100="",
        CTX_AREA_NK100="",
        INQR_DVSN_1="0",
        INQR_DVSN_2="0",
        headers={"tr_id": tr_id},
    )


def test_paper_lacks_some_apis(visitors: dict[str, Visitor]) -> None:
    for tr_id in ("VTTC0084R", "VTTC8036R"):
        response = open_orders(visitors["paper"], tr_id)
        assert (response.status_code, response.json()["msg_cd"]) == (200, "90000000")
        assert response.json()["msg1"] == "모의투자에서는 해당업무가 제공되지 않습니다."
    assert open_orders(visitors["paper"], "TTTC0084R").json()["msg_cd"] == "EGW02006"
    assert open_orders(visitors["live"], "TTTC0084R").json()["rt_cd"] == "0"


def test_old_tr_ids_can_be_switched_off() -> None:
    visitor = Visitor(Simulator(old_tr_ids=False, limit=100))
    assert order_by(visitor, "TTTC0802U") == (500, "OPSQ0002")
    assert order_by(visitor, "TTTC0012U") == (200, "APBK0013")


@pytest.mark.parametrize("name", ["FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD"])
def test_a_missing_query_field_is_named(visitors: dict[str, Visitor], name: str) -> None:
    fields = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    del fields[name]
    response = visitors["live"].ask("domestic_stock.inquire_price", **fields)
    assert response.status_code == 200
    assert response.json() == {
        "rt_cd": "2",
        "msg_cd": "OPSQ2001",
        "msg1": f"ERROR INPUT FIELD NOT FOUND [{name}]",
    }


@pytest.mark.parametrize(
    ("mode", "market", "code"),
    [
        ("live", "J", "MCA00000"),
        ("live", "NX", "MCA00000"),
        ("live", "UN", "MCA00000"),
        ("live", "X", "OPSQ2001"),
        ("live", "", "OPSQ2001"),
        ("paper", "J", "MCA00000"),
        ("paper", "NX", "OPSQ2001"),
    ],
)
def test_market_divisions(visitors: dict[str, Visitor], mode: str, market: str, code: str) -> None:
    response = visitors[mode].ask(
        "domestic_stock.inquire_price", FID_COND_MRKT_DIV_CODE=market, FID_INPUT_ISCD="005930"
    )
    assert response.json()["msg_cd"] == code


def test_a_field_that_is_too_long_is_refused(visitors: dict[str, Visitor]) -> None:
    response = visitors["live"].price("0" * 13)
    assert (response.json()["rt_cd"], response.json()["msg_cd"]) == ("2", "OPSQ2002")


@pytest.mark.parametrize("name", sorted(BALANCE))
def test_a_balance_needs_every_field(visitors: dict[str, Visitor], name: str) -> None:
    visitor = visitors["live"]
    fields = visitor.account | BALANCE
    del fields[name]
    assert visitor.ask("domestic_stock.inquire_balance", **fields).json()["msg_cd"] == "OPSQ2001"


def test_a_get_api_called_by_post_finds_no_fields(visitors: dict[str, Visitor]) -> None:
    visitor = visitors["live"]
    fields = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    response = visitor.session.post(
        HOST + PRICE.path, json=fields, headers=visitor.headers("FHKST01010100"), timeout=5
    )
    assert response.json()["msg_cd"] == "OPSQ2001"


def test_a_get_api_called_by_post_finds_no_query_either(visitors: dict[str, Visitor]) -> None:
    visitor = visitors["live"]
    fields = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    headers = visitor.headers("FHKST01010100")
    url = HOST + PRICE.path
    posted = visitor.session.post(url, params=fields, headers=headers, timeout=5).json()
    assert posted["msg1"] == "ERROR INPUT FIELD NOT FOUND [FID_COND_MRKT_DIV_CODE]"
    with_a_body = visitor.session.get(url, params=fields, data=b"{}", headers=headers, timeout=5).json()
    assert with_a_body["rt_cd"] == "0"


def test_a_get_api_without_a_needed_field_called_by_post() -> None:
    visitor = Visitor(Simulator(limit=1000, examples=True))
    endpoint = catalog.endpoint("domestic_stock.mktfunds")
    assert all(parameter.blank for parameter in endpoint.params)
    headers = visitor.headers(endpoint.tr_ids[""][0] or "")
    posted = visitor.session.post(HOST + endpoint.path, headers=headers, timeout=5).json()
    assert posted["msg_cd"] == "OPSQ2001"


@pytest.mark.parametrize(
    "target",
    [
        "/uapi/domestic-stock/v1/quotations/inquire%2Dprice?x=%41",
        "http://h/uapi%2fdomestic-stock//v1/quotations/%69nquire-price?x=A",
    ],
)
def test_a_path_may_be_percent_encoded(target: str) -> None:
    request = Request.parse("GET", target, {}, b"")
    assert (request.path, request.query) == (PRICE.path, {"X": "A"})


@pytest.mark.parametrize(
    ("method", "path", "tr_id"),
    [
        ("GET", ORDER.path, "TTTC0012U"),
        ("PUT", ORDER.path, "TTTC0012U"),
        ("DELETE", PRICE.path, "FHKST01010100"),
        ("GET", "/oauth2/tokenP", ""),
    ],
)
def test_other_methods_are_refused(visitors: dict[str, Visitor], method: str, path: str, tr_id: str) -> None:
    visitor = visitors["live"]
    response = visitor.session.request(method, HOST + path, headers=visitor.headers(tr_id), timeout=5)
    assert (response.status_code, response.json()["msg_cd"]) == (405, "EGW00101")


@pytest.mark.parametrize(
    "path", ["/", "/uapi/", "/uapi/domestic-stock/v1/quotations/nothing", "/oauth2/token"]
)
def test_an_unknown_path_is_404_in_the_envelope(visitors: dict[str, Visitor], path: str) -> None:
    response = visitors["live"].session.get(HOST + path, timeout=5)
    assert (response.status_code, response.json()["rt_cd"]) == (404, "1")


def test_a_documented_api_that_is_not_simulated_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = Simulator()
    monkeypatch.setattr(sim.app, "routes", {})
    answer = Visitor(sim).price()
    assert (answer.status_code, answer.json()["msg_cd"]) == (500, "OPSQ0002")
    assert "not simulated: domestic_stock.inquire_price" in answer.json()["msg1"]


@pytest.mark.parametrize(
    "change",
    [
        {"ORD_QTY": 1},
        {"ORD_UNPR": 0},
        {"ORD_QTY": "1.5"},
        {"ORD_QTY": "0"},
        {"ORD_QTY": "-1"},
        {"ORD_QTY": ""},
        {"ORD_UNPR": "70000.5", "ORD_DVSN": "00"},
        {"ORD_UNPR": "", "ORD_DVSN": "00"},
        {"CNDT_PRIC": None},
        {"EXCG_ID_DVSN_CD": "NYSE"},
        {"ORD_QTY": "9" * 11},
        {"ORD_QTY": "9" * 5_000},
        {"ORD_UNPR": "9" * 20, "ORD_DVSN": "00"},
        {"PDNO": "\ud800"},
    ],
)
def test_a_body_that_cannot_be_mapped(visitors: dict[str, Visitor], change: dict[str, object]) -> None:
    visitor = visitors["live"]
    body = {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"} | change
    response = visitor.ask("domestic_stock.order_cash", "buy", **visitor.account | body)
    assert (response.status_code, response.json()["msg_cd"]) == (500, "IGW00007")


def test_an_account_number_has_plain_digits(visitors: dict[str, Visitor]) -> None:
    visitor = visitors["live"]
    body = {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    account = visitor.account | {"CANO": "१२३४५६७८"}
    response = visitor.ask("domestic_stock.order_cash", "buy", **account | body)
    assert response.json()["msg_cd"] == "OPSQ2000"


@pytest.mark.parametrize("name", ["CANO", "ACNT_PRDT_CD", "PDNO", "ORD_DVSN", "ORD_QTY", "ORD_UNPR"])
def test_an_order_needs_its_keys_in_upper_case(visitors: dict[str, Visitor], name: str) -> None:
    visitor = visitors["live"]
    body = visitor.account | {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    body[name.lower()] = body.pop(name)
    assert visitor.ask("domestic_stock.order_cash", "buy", **body).json()["msg_cd"] == "IGW00007"


def test_orders_may_be_asked_to_have_every_key() -> None:
    visitor = Visitor(Simulator(order_needs_all_keys=True, limit=100))
    assert visitor.order("buy", "005930", 1, kind="01").json()["msg_cd"] == "IGW00007"
    rest = {"SLL_TYPE": "", "CNDT_PRIC": "", "EXCG_ID_DVSN_CD": "KRX"}
    assert visitor.order("buy", "005930", 1, kind="01", **rest).json()["rt_cd"] == "0"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"[" * 20_000, b"\xff\xfe"])
def test_a_body_that_is_no_object_cannot_be_mapped(visitors: dict[str, Visitor], body: bytes) -> None:
    visitor = visitors["live"]
    response = visitor.session.post(
        HOST + ORDER.path, data=body, headers=visitor.headers("TTTC0012U"), timeout=5
    )
    assert (response.status_code, response.json()["msg_cd"]) == (500, "IGW00007")
