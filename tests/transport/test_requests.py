"""What leaves: paths, header names and values, queries and bodies, byte for byte."""

from __future__ import annotations

import json

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kis_sync import KISBroker, Settings
from kis_sync.catalog import Call, endpoint, endpoints
from kis_sync.transport import json_body
from tests.fake_kis import ACCOUNT, SECRET, FakeKIS, access_token
from tests.thoroughness import examples

JSON = "application/json; charset=utf-8"
AUTOMATIC = {"host", "accept-encoding", "user-agent", "content-length"}


def headers_of(kis: FakeKIS, name: str) -> dict[str, str]:
    """The headers of the last request of that name, without those that HTTP adds."""
    headers = kis.named(name)[-1].headers
    assert len({each.lower() for each, _ in headers}) == len(headers), "a header was sent twice"
    return {each: value for each, value in headers if each.lower() not in AUTOMATIC}


def test_a_read() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        broker.get_price("005930")
        (request,) = kis.named("inquire-price")
        assert (request.method, request.path) == ("GET", "/uapi/domestic-stock/v1/quotations/inquire-price")
        assert request.query == {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
        assert request.body == b""
        assert headers_of(kis, "inquire-price") == {
            "content-type": JSON,
            "authorization": f"Bearer {access_token(1)}",
            "appkey": broker.settings.app_key,
            "appsecret": SECRET,
            "tr_id": "FHKST01010100",
            "tr_cont": "",
            "custtype": "P",
        }


def test_an_access_token_is_asked_for_with_the_keys_in_the_body_only() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        broker.get_price("005930")
        (request,) = kis.named("tokenP")
        assert (request.method, request.target) == ("POST", "/oauth2/tokenP")
        keys = {"appkey": broker.settings.app_key, "appsecret": SECRET}
        assert request.json() == {"grant_type": "client_credentials", **keys}
        assert headers_of(kis, "tokenP") == {"content-type": JSON}


@pytest.mark.parametrize(
    ("mode", "side", "tr_id"),
    [
        ("live", "BUY", "TTTC0012U"),
        ("live", "SELL", "TTTC0011U"),
        ("paper", "BUY", "VTTC0012U"),
        ("paper", "SELL", "VTTC0011U"),
    ],
)
def test_an_order_with_its_hash_key(mode: str, side: str, tr_id: str) -> None:
    with FakeKIS() as kis, kis.broker(mode=mode, allow_live_orders=True) as broker:
        broker.send_order("005930", side, 10)
        (order,), (hashed,) = kis.named("order-cash"), kis.named("hashkey")
        assert (order.method, order.target) == ("POST", "/uapi/domestic-stock/v1/trading/order-cash")
        assert order.body == hashed.body
        body = order.json()
        assert (body["CANO"], body["ACNT_PRDT_CD"]) == tuple(ACCOUNT.split("-"))
        assert all(isinstance(value, str) for value in body.values())
        headers = headers_of(kis, "order-cash")
        assert (headers["tr_id"], headers["hashkey"]) == (tr_id, "a1" * 32)
        keys = {"appkey": broker.settings.app_key, "appsecret": SECRET}
        assert headers_of(kis, "hashkey") == {"content-type": JSON, **keys}


def test_an_order_without_a_hash_key() -> None:
    with FakeKIS() as kis, kis.broker(use_hashkey=False) as broker:
        broker.send_order("005930", "BUY", 10)
        assert kis.count("hashkey") == 0
        assert "hashkey" not in headers_of(kis, "order-cash")


def test_a_page_that_is_not_the_first() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        call = Call(
            endpoint("domestic_stock.inquire_price"),
            {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "1"},
            tr_cont="N",
        )
        broker.ask(call)
        assert headers_of(kis, "inquire-price")["tr_cont"] == "N"


@pytest.mark.parametrize("word", ["N\r\nhashkey: x", "N\nx", "가"])
def test_a_word_that_no_header_can_hold_does_not_leave(word: str) -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        fields = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "1"}
        with pytest.raises(ValueError):
            broker.ask(Call(endpoint("domestic_stock.inquire_price"), fields, tr_cont=word))
        assert broker.get_price("005930").price == 70_000
        assert kis.count("inquire-price") == 1


def ask_price(broker: KISBroker, code: str) -> None:
    broker.ask(
        Call(
            endpoint("domestic_stock.inquire_price"), {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": code}
        )
    )


def test_korean_and_padded_values_arrive_as_they_are() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        for text in (
            "삼성전자 우선주",
            "81055689^01^N^N^01^01^N^".ljust(100),
            "a&b=c?d#e%20+/",
            "  ",
            "\t\n",
        ):
            ask_price(broker, text)
            assert kis.named("inquire-price")[-1].query["FID_INPUT_ISCD"] == text


# surrogates cannot be encoded, and an empty value is a missing one
_anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_anything, min_size=1, max_size=4))
def test_any_text_arrives_as_it_is_in_queries_and_bodies(texts: list[str]) -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        for text in texts:
            ask_price(broker, text)
            assert kis.named("inquire-price")[-1].query["FID_INPUT_ISCD"] == text
            fields = {"CANO": "1", "ACNT_PRDT_CD": "1", "PDNO": text, "ORD_DVSN": "00", "ORD_QTY": "1"}
            broker.ask(Call(endpoint("order_cash"), {**fields, "ORD_UNPR": "1"}, "buy"))
            assert json.loads(kis.accepted[-1].body)["PDNO"] == text


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(endpoints())),
    st.dictionaries(_anything, st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_a_request_is_the_one_that_requests_would_prepare(name: str, params: dict[str, str]) -> None:
    known = endpoint(name)
    headers = {"content-type": JSON, "authorization": "Bearer token", "tr_id": "FHKST01010100", "tr_cont": ""}
    is_get = known.method == "GET"
    body = None if is_get else json_body(params)
    with KISBroker(Settings("key", SECRET)) as broker:
        made = broker._caller._transport._request(Call(known, params), headers, body)
        prepared = requests.Request(
            known.method,
            broker.settings.server + known.path,
            headers=headers,
            params=params if is_get else None,
            data=body,
        ).prepare()
    assert (made.method, made.url, made.body) == (prepared.method, prepared.url, prepared.body)
    assert made.headers == prepared.headers
    assert made.path_url == prepared.path_url
