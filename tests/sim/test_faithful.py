"""What other people's KIS clients rely on, over real HTTP and with nothing but ``requests``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from kis_sync.sim import Simulator

TRADING = "/uapi/domestic-stock/v1/trading"
QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
BALANCE = {
    "AFHR_FLPR_YN": "N", "OFL_YN": "", "INQR_DVSN": "02", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "00", "CTX_AREA_FK100": "", "CTX_AREA_NK100": "",
}  # fmt: skip
HISTORY = {
    "INQR_STRT_DT": "20261101", "INQR_END_DT": "20271231", "SLL_BUY_DVSN_CD": "00", "INQR_DVSN": "00",
    "PDNO": "", "CCLD_DVSN": "00", "ORD_GNO_BRNO": "", "ODNO": "", "INQR_DVSN_3": "00", "INQR_DVSN_1": "",
    "CTX_AREA_FK100": "", "CTX_AREA_NK100": "",
}  # fmt: skip


class Client:
    """A stranger with an app key that the simulator never saw."""

    def __init__(self, base_url: str, mode: str) -> None:
        self.base_url = base_url
        self.letter = "V" if mode == "paper" else "T"
        self.app_key, self.app_secret = "P" * 36, "s" * 180
        self.account = {"CANO": "73000001", "ACNT_PRDT_CD": "01"}
        body = {
            "grant_type": "client_credentials",
            "appkey": self.app_key,
            "appsecret": self.app_secret,
        }
        self.issued = requests.post(f"{base_url}/oauth2/tokenP", json=body, timeout=5)
        self.token = self.issued.json()["access_token"]

    def headers(self, tr_id: str, **more: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Accept": "text/plain",
            "authorization": f"Bearer {self.token}",
            "appKey": self.app_key,
            "appSecret": self.app_secret,
            "tr_id": tr_id,
        } | more

    def get(self, path: str, tr_id: str, fields: dict[str, str], **headers: str) -> requests.Response:
        return requests.get(
            self.base_url + path, params=fields, headers=self.headers(tr_id, **headers), timeout=5
        )

    def post(self, path: str, tr_id: str, body: dict[str, str]) -> Any:
        url = self.base_url + path
        return requests.post(url, json=self.account | body, headers=self.headers(tr_id), timeout=5).json()

    def price(self, path: str = f"{QUOTATIONS}/inquire-price") -> requests.Response:
        fields = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}
        return self.get(path, "FHKST01010100", fields)

    def balance(self) -> requests.Response:
        return self.get(f"{TRADING}/inquire-balance", f"{self.letter}TTC8434R", self.account | BALANCE)

    def history(self, **more: str) -> requests.Response:
        fields = self.account | HISTORY | more
        return self.get(f"{TRADING}/inquire-daily-ccld", f"{self.letter}TTC0081R", fields)

    def buy(self, price: str, quantity: str = "1") -> Any:
        body = {"PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": quantity, "ORD_UNPR": price}
        return self.post(f"{TRADING}/order-cash", f"{self.letter}TTC0012U", body)

    def change(self, number: str, action: str, price: str = "0", **more: str) -> Any:
        body = {
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": number,
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": action,
            "ORD_QTY": "0",
            "ORD_UNPR": price,
            "QTY_ALL_ORD_YN": "Y",
        }
        return self.post(f"{TRADING}/order-rvsecncl", f"{self.letter}TTC0013U", body | more)


@pytest.fixture(scope="module", params=["live", "paper"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with Simulator(mode=request.param, limit=10_000) as sim:
        yield Client(sim.base_url, request.param)
    assert list(sim.errors) == []


def raw_names(response: requests.Response) -> list[str]:
    return [name for name, _ in response.raw.headers.items()]


def test_response_header_names(client: Client) -> None:
    for response in (client.price(), client.balance(), client.issued):
        lower = {name for name in raw_names(response) if name == name.lower()}
        assert lower == {"tr_id", "tr_cont", "gt_uid"}
        # The official sample makes an attribute of every lower-case name, which must be an identifier.
        assert all(name.isidentifier() for name in lower)
        assert {"Content-Type", "Content-Length", "Date"} <= set(raw_names(response))
        assert response.headers["Content-Type"].startswith("application/json")
    assert client.price().headers["tr_id"] == "FHKST01010100"


def test_tr_cont_stands_on_every_answer(client: Client) -> None:
    assert client.balance().headers["tr_cont"] in ("D", "E")
    assert client.history().headers["tr_cont"] in ("D", "E")
    fields = client.account | {
        "PDNO": "005930",
        "ORD_UNPR": "",
        "ORD_DVSN": "01",
        "CMA_EVLU_AMT_ICLD_YN": "Y",
        "OVRS_ICLD_YN": "Y",
    }
    buying_power = client.get(f"{TRADING}/inquire-psbl-order", f"{client.letter}TTC8908R", fields)
    assert buying_power.headers["tr_cont"] in ("D", "E")
    assert "tr_cont" in client.price().headers
    assert "tr_cont" in requests.get(f"{client.base_url}/nowhere", timeout=5).headers


def test_the_access_token(client: Client) -> None:
    body = client.issued.json()
    assert type(body["expires_in"]) is int
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", body["access_token_token_expired"])
    assert body["expires_in"] > 600
    expires = datetime.strptime(body["access_token_token_expired"], "%Y-%m-%d %H:%M:%S")
    told = datetime.strptime(client.issued.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")
    assert expires - (told + timedelta(hours=9)) > timedelta(minutes=10)


def test_paths_with_a_double_slash(client: Client) -> None:
    assert client.price(f"/{QUOTATIONS}/inquire-price").json()["rt_cd"] == "0"


def test_names_in_any_case_and_any_accept(client: Client) -> None:
    assert client.price().json()["output"]["stck_shrn_iscd"] == "005930"  # lower-case query, appKey
    fields = {name.lower(): value for name, value in (client.account | BALANCE).items()}
    response = client.get(f"{TRADING}/inquire-balance", f"{client.letter}TTC8434R", fields)
    assert response.json()["rt_cd"] == "0"
    shouting = {name.upper(): value for name, value in client.headers("FHKST01010100").items()}
    response = requests.get(
        f"{client.base_url}{QUOTATIONS}/inquire-price",
        params={"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"},
        headers=shouting,
        timeout=5,
    )
    assert response.json()["rt_cd"] == "0"


def test_what_clients_leave_blank_or_out(client: Client) -> None:
    assert client.history().json()["rt_cd"] == "0"  # no EXCG_ID_DVSN_CD at all
    assert client.history(EXCG_ID_DVSN_CD="").json()["rt_cd"] == "0"
    for start in ("00000101", "19800104"):
        fields = {
            "FID_COND_MRKT_DIV_CODE": "J",
            "FID_INPUT_ISCD": "005930",
            "FID_INPUT_DATE_1": start,
            "FID_INPUT_DATE_2": "20261124",
            "FID_PERIOD_DIV_CODE": "D",
            "FID_ORG_ADJ_PRC": "0000000001",
        }
        chart = client.get(f"{QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100", fields).json()
        assert (chart["rt_cd"], len(chart["output2"])) == ("0", 100)


def test_changing_and_cancelling(client: Client) -> None:
    low = client.price().json()["output"]["stck_llam"]
    placed = client.buy(low)
    number = placed["output"]["ODNO"]
    changed = client.change(number, "01", low)
    assert changed["output"].keys() == {"KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"}
    new = changed["output"]["ODNO"]
    assert int(new) != int(number)
    for answer in (placed, changed):
        datetime.strptime(answer["output"]["ORD_TMD"], "%H%M%S")

    def pending() -> set[str]:
        return {row["odno"] for row in client.history(CCLD_DVSN="02").json()["output1"]}

    assert new in pending()
    assert client.change(new, "02")["rt_cd"] == "0"
    assert new not in pending()
    rows = {row["odno"]: row for row in client.history().json()["output1"]}
    assert rows[new]["rmn_qty"] == rows[number]["rmn_qty"] == "0"


def test_the_shapes_of_the_second_outputs(client: Client) -> None:
    balance = client.balance().json()
    assert isinstance(balance["output2"], list)
    assert len(balance["output2"]) == 1
    assert isinstance(client.history().json()["output2"], dict)


def test_a_stranger_is_a_customer(client: Client) -> None:
    assert client.balance().json()["output2"][0]["dnca_tot_amt"] != "0"


def test_pages_can_be_followed_with_the_keys_as_they_came(client: Client) -> None:
    low = client.price().json()["output"]["stck_llam"]
    for _ in range(101):
        assert client.buy(low)["rt_cd"] == "0"
    path, tr_id = f"{TRADING}/inquire-daily-ccld", f"{client.letter}TTC0081R"
    first = client.history(CCLD_DVSN="02")
    assert first.headers["tr_cont"] == "M"
    keys = {name: first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    assert [len(key) for key in keys.values()] == [100, 100]
    fields = client.account | HISTORY | {"CCLD_DVSN": "02"}
    del fields["CTX_AREA_FK100"], fields["CTX_AREA_NK100"]
    second = client.get(path, tr_id, fields | keys, tr_cont="N").json()
    numbers = [{row["odno"] for row in page["output1"]} for page in (first.json(), second)]
    assert numbers[0]
    assert numbers[1]
    assert not numbers[0] & numbers[1]
