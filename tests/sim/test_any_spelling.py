"""Whatever the spelling of a request, its answer is the same: over a real socket, for every API simulated."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from kis_sync import catalog
from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Simulator
from kis_sync.sim.oauth import Customer
from kis_sync.sim.shapes import value_of

CUSTOMER = Customer("PS" + "K" * 34, "s" * 180, "73000001-01")
ACCOUNT = {"CANO": "73000001", "ACNT_PRDT_CD": "01"}
MODES = ("live", "paper")
ROUTES = sorted(Simulator().app.routes)
NOON = datetime(2026, 11, 24, 10, 30, tzinfo=KST)
EVENING = datetime(2026, 11, 24, 18, 30, tzinfo=KST)
IN_THE_EVENING = {"domestic_stock.order_resv", "domestic_stock.order_resv_rvsecncl"}
"""What KIS takes only while the market is closed."""

USUAL = {
    "FID_COND_MRKT_DIV_CODE": "J",
    "FID_INPUT_ISCD": "005930",
    "FID_INPUT_HOUR_1": "101500",
    "FID_INPUT_DATE_1": "20261120",
    "FID_INPUT_DATE_2": "20261123",
    "INQR_STRT_DT": "20261101",
    "INQR_END_DT": "20261130",
    "PDNO": "005930",
    "BASS_DT": "20261120",
    "ORD_DVSN": "00",
    "ORD_QTY": "1",
    "CCLD_DVSN": "00",
    "INQR_DVSN": "00",
    "INQR_DVSN_1": "",
    "INQR_DVSN_3": "00",
    "SLL_BUY_DVSN_CD": "00",
    "SLL_TYPE": "01",
    "ODNO": "",
    "ORD_GNO_BRNO": "",
    "CNDT_PRIC": "",
    "KRX_FWDG_ORD_ORGNO": "",
    "EXCG_ID_DVSN_CD": "KRX",
    "ORD_DVSN_CD": "00",
    "ORD_OBJT_CBLC_DVSN_CD": "10",
    "LOAN_DT": "",
    "RSVN_ORD_END_DT": "",
    "RSVN_ORD_ORD_DT": "",
    "RSVN_ORD_ORGNO": "",
}
"""A good value for each field by its name; the first documented one, or one of its form, for any other."""

OWN: dict[str, dict[str, str]] = {
    "domestic_stock.inquire_psbl_rvsecncl": {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"},
    "domestic_stock.inquire_balance": {"INQR_DVSN": "02"},
    "domestic_stock.fluctuation": {"FID_DIV_CLS_CODE": "0"},
    "domestic_stock.inquire_daily_indexchartprice": {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001"},
    "domestic_stock.inquire_index_price": {"FID_COND_MRKT_DIV_CODE": "U", "FID_INPUT_ISCD": "0001"},
    "overseas_price.inquire_time_itemchartprice": {"NMIN": "1", "NEXT": "", "KEYB": ""},
    "overseas_price.search_info": {"PRDT_TYPE_CD": "512", "PDNO": "AAPL"},
    "domestic_stock.order_resv": {"SLL_BUY_DVSN_CD": "02"},
    "domestic_stock.order_resv_rvsecncl": {"SLL_BUY_DVSN_CD": "02", "ORD_QTY": "3"},
    "domestic_stock.order_resv_ccnl": {"RSVN_ORD_ORD_DT": "20261101", "RSVN_ORD_END_DT": "20261130"},
    "domestic_stock.order_rvsecncl": {"RVSE_CNCL_DVSN_CD": "02", "ORD_UNPR": "0", "ORD_QTY": "0"},
}
"""What an API needs else, by its name. A new one that is not answered with success is told here."""


@dataclass(frozen=True)
class Asked:
    """One request, spelled in some way."""

    method: str
    path: str
    fields: dict[str, str]
    headers: dict[str, str]


class Answered(NamedTuple):
    """What must not depend on the spelling."""

    status: int
    content: object
    tr_cont: str
    tr_id: str


class Stand:
    """A running simulator at a standstill of time, and a connection to it."""

    def __init__(self, mode: str, now: datetime = NOON, *, old_tr_ids: bool = True) -> None:
        self.mode = mode
        self.now = now
        self._is_new = True
        self._expected: dict[tuple[str, str], Answered] = {}
        self.numbers = {"ORGN_ODNO": "", "RSVN_ORD_SEQ": ""}
        self.sim = Simulator(
            mode=mode,
            limit=1_000_000,
            clock=ManualClock(now),
            customers=[CUSTOMER],
            old_tr_ids=old_tr_ids,
        ).start()
        self._connection = http.client.HTTPConnection(urlsplit(self.sim.base_url).netloc, timeout=10)
        body = {
            "grant_type": "client_credentials",
            "appkey": CUSTOMER.app_key,
            "appsecret": CUSTOMER.app_secret,
        }
        issued = self._send("POST", "/oauth2/tokenP", {}, json.dumps(body).encode())
        token = json.loads(issued[1])["access_token"]
        self.headers = {
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {token}",
            "appkey": CUSTOMER.app_key,
            "appsecret": CUSTOMER.app_secret,
            "custtype": "P",
            "tr_cont": "",
        }
        self._begin()

    def close(self) -> None:
        self._connection.close()
        self.sim.stop()

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body)
        response = self._connection.getresponse()
        return response, response.read()

    def ask(self, asked: Asked) -> Answered:
        """The answer in the world as it always begins; only orders make another of it."""
        if not self._is_new:
            self._begin()
        self._is_new = asked.method == "GET"
        return self._ask(asked)

    def expected(self, name: str, variant: str) -> Answered:
        """The answer to the good question as documented, asked once."""
        if (name, variant) not in self._expected:
            self._expected[name, variant] = self.ask(question(name, self, variant))
        return self._expected[name, variant]

    def _ask(self, asked: Asked) -> Answered:
        if asked.method == "GET":
            target, body = f"{asked.path}?{urlencode(asked.fields)}", b""
        else:
            target, body = asked.path, json.dumps(asked.fields).encode()
        response, content = self._send(asked.method, target, asked.headers, body)
        return Answered(
            response.status, json.loads(content), response.headers["tr_cont"], response.headers["tr_id"]
        )

    def _begin(self) -> None:
        """An account with a holding and an order that rests; in the evening with one that is reserved."""
        self.sim.reset()
        self._is_new = True
        if self.now == EVENING:
            self.numbers["RSVN_ORD_SEQ"] = self._done("domestic_stock.order_resv", "")["RSVN_ORD_SEQ"]
            return
        self._done("domestic_stock.order_cash", "buy", ORD_DVSN="01", ORD_UNPR="0", ORD_QTY="5")
        resting = self._done("domestic_stock.order_cash", "buy", ORD_DVSN="00", ORD_QTY="5")
        self.numbers["ORGN_ODNO"] = resting["ODNO"]

    def _done(self, name: str, variant: str, **fields: str) -> dict[str, str]:
        order = question(name, self, variant)
        answer = self._ask(replace(order, fields=order.fields | fields))
        assert isinstance(answer.content, dict)
        assert answer.content["rt_cd"] == "0", answer.content
        output: dict[str, str] = answer.content["output"]
        return output

    @property
    def low_price(self) -> str:
        """A price that the market does not come to today, on the tick."""
        price = self.sim.market.quote("005930", self.now).price
        return str((price - price // 10) // 1_000 * 1_000)


@pytest.fixture(scope="module")
def stands() -> Iterator[dict[str, Stand]]:
    made = {mode: Stand(mode) for mode in MODES} | {"evening": Stand("live", EVENING)}
    yield made
    for stand in made.values():
        stand.close()
        assert not stand.sim.errors


def stand_for(stands: dict[str, Stand], name: str, mode: str) -> Stand:
    return stands["evening" if name in IN_THE_EVENING else mode]


def question(name: str, stand: Stand, variant: str) -> Asked:
    """A good request to an API, spelled as documented."""
    endpoint = catalog.endpoint(name)
    fields = {}
    for parameter in endpoint.params:
        upper = parameter.name.upper()
        unnumbered = upper.rstrip("0123456789").rstrip("_")
        listed = next((value for value in parameter.values if value), "")
        by_name = USUAL.get(upper, USUAL.get(unnumbered))
        if by_name and parameter.values and by_name not in parameter.values:
            by_name = None
        value = by_name if by_name is not None else listed or value_of(parameter.name)
        if upper.startswith("CTX_AREA"):
            value = ""
        fields[parameter.name] = (ACCOUNT | OWN.get(name, {})).get(upper, value)
        if upper == "ORD_UNPR" and upper not in OWN.get(name, {}):
            fields[parameter.name] = stand.low_price
        fields[parameter.name] = stand.numbers.get(upper) or fields[parameter.name]
    if (name, variant) == ("domestic_stock.order_cash", "sell"):
        fields |= {"ORD_DVSN": "01", "ORD_UNPR": "0"}
    tr_id = endpoint.tr_ids[variant][stand.mode == "paper"]
    return Asked(endpoint.method, endpoint.path, fields, stand.headers | {"tr_id": tr_id or ""})


def cases() -> Iterator[tuple[str, str, str]]:
    """Each API with each variant in each world that has it."""
    for name in ROUTES:
        for variant, ids in catalog.endpoint(name).tr_ids.items():
            yield from ((name, variant, mode) for mode in MODES if ids[mode == "paper"] is not None)


def old_cases() -> Iterator[tuple[str, str, str, str]]:
    """Each API and variant that has an earlier TR id, with that id."""
    for name in ROUTES:
        for variant, ids in catalog.endpoint(name).old_tr_ids.items():
            for mode in MODES:
                old = ids[mode == "paper"]
                if old is not None and catalog.endpoint(name).tr_ids[variant][mode == "paper"] is not None:
                    yield name, variant, mode, old


def mixed(text: str) -> str:
    """Every other letter in upper case."""
    return "".join(each.upper() if at % 2 else each.lower() for at, each in enumerate(text))


def headers_named(change: Callable[[str], str]) -> Callable[[Asked], Asked]:
    return lambda asked: replace(
        asked, headers={change(name): value for name, value in asked.headers.items()}
    )


def query_named(change: Callable[[str], str]) -> Callable[[Asked], Asked]:
    """Query names in another case; those of a body stay, KIS takes them in upper case only."""

    def spelled(asked: Asked) -> Asked:
        if asked.method != "GET":
            return asked
        return replace(asked, fields={change(name): value for name, value in asked.fields.items()})

    return spelled


def at(change: Callable[[str], str]) -> Callable[[Asked], Asked]:
    return lambda asked: replace(asked, path=change(asked.path))


def blanks_in_fields(asked: Asked) -> Asked:
    return replace(asked, fields={name: f" {value}  " for name, value in asked.fields.items()})


def blanks_in_headers(asked: Asked) -> Asked:
    return replace(asked, headers={name: f"  {value} " for name, value in asked.headers.items()})


SPELLINGS: dict[str, Callable[[Asked], Asked]] = {
    "headers in upper case": headers_named(str.upper),
    "headers in mixed case": headers_named(mixed),
    "headers as the official sample has them": headers_named(
        lambda name: {"appkey": "appKey", "appsecret": "appSecret"}.get(name, name.title())
    ),
    "query in upper case": query_named(str.upper),
    "query in lower case": query_named(str.lower),
    "query in mixed case": query_named(mixed),
    "two slashes first": at(lambda path: "/" + path),
    "two slashes everywhere": at(lambda path: path.replace("/", "//")),
    "a slash last": at(lambda path: path + "/"),
    "blanks around fields": blanks_in_fields,
    "blanks around headers": blanks_in_headers,
}


class TestEveryRoute:
    @pytest.mark.parametrize(("name", "variant", "mode"), list(cases()))
    def test_the_question_is_a_good_one(
        self, stands: dict[str, Stand], name: str, variant: str, mode: str
    ) -> None:
        stand = stand_for(stands, name, mode)
        answer = stand.expected(name, variant)
        assert isinstance(answer.content, dict)
        told = f"{name} {variant}: {answer.content.get('msg1')}: give it good fields in OWN"
        assert (answer.status, answer.content.get("rt_cd")) == (200, "0"), told

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_the_answer_is_the_same(self, stands: dict[str, Stand], spelling: str) -> None:
        differ = []
        for name, variant, mode in cases():
            stand = stand_for(stands, name, mode)
            answer = stand.ask(SPELLINGS[spelling](question(name, stand, variant)))
            if answer != stand.expected(name, variant):
                differ.append(f"{name} {variant} {mode}: {answer}")
        assert not differ, "\n".join(differ)


@pytest.mark.parametrize(("name", "variant", "mode", "old"), list(old_cases()))
def test_an_old_tr_id_says_the_same(
    stands: dict[str, Stand], name: str, variant: str, mode: str, old: str
) -> None:
    stand = stands[mode]
    asked = question(name, stand, variant)
    answer = stand.ask(replace(asked, headers=asked.headers | {"tr_id": old}))
    assert answer == stand.expected(name, variant)._replace(tr_id=old)


@pytest.fixture(scope="module")
def strict_stands() -> Iterator[dict[str, Stand]]:
    made = {mode: Stand(mode, old_tr_ids=False) for mode in MODES}
    yield made
    for stand in made.values():
        stand.close()


@pytest.mark.parametrize(("name", "variant", "mode", "old"), list(old_cases()))
def test_a_switch_refuses_old_tr_ids(
    strict_stands: dict[str, Stand], name: str, variant: str, mode: str, old: str
) -> None:
    stand = strict_stands[mode]
    asked = question(name, stand, variant)
    answer = stand.ask(replace(asked, headers=asked.headers | {"tr_id": old}))
    assert isinstance(answer.content, dict)
    assert (answer.status, answer.content["msg_cd"]) == (500, "OPSQ0002")


def test_there_are_old_tr_ids_to_try() -> None:
    assert len(list(old_cases())) >= 10


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_hash_key_is_the_same(stands: dict[str, Stand], spelling: str) -> None:
    stand = stands["live"]
    asked = Asked("POST", "/uapi/hashkey", {"PDNO": "005930", "ORD_QTY": "1"}, stand.headers)
    respelled = SPELLINGS[spelling](asked)
    answer = stand.ask(replace(respelled, fields=asked.fields))  # every blank of a body counts in its hash
    assert answer == stand.ask(asked)
    assert answer.status == 200


@pytest.mark.parametrize("path", ["//oauth2//tokenP", "/oauth2/tokenP/", "http://any.host/oauth2/tokenP"])
def test_the_way_to_an_access_token_is_found(path: str) -> None:
    body = {
        "grant_type": "client_credentials",
        "appkey": CUSTOMER.app_key,
        "appsecret": CUSTOMER.app_secret,
    }
    with Simulator(customers=[CUSTOMER]) as sim:
        connection = http.client.HTTPConnection(urlsplit(sim.base_url).netloc, timeout=10)
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
    assert response.status == 200
    assert content["token_type"] == "Bearer"
