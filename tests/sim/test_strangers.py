"""What public programs for KIS's API send, imitated request by request over a real socket.

Each class speaks as one program does: its spelling of headers and fields, its TR ids, what it leaves out.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from kis_sync.clock import KST
from kis_sync.sim import Simulator

SAMSUNG = "005930"
TRADING = "uapi/domestic-stock/v1/trading"
QUOTATIONS = "uapi/domestic-stock/v1/quotations"


@pytest.fixture(scope="module", params=["live", "paper"])
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator(mode=request.param, limit=10_000) as running:
        yield running
    assert list(running.errors) == []


class Program:
    """Keys of its own, one account, and the way to the server."""

    serial = 0

    def __init__(self, sim: Simulator) -> None:
        Program.serial += 1
        self.sim = sim
        self.paper = sim.mode == "paper"
        self.key, self.secret = f"PS{Program.serial:034d}", "q" * 180
        self.account = {"CANO": f"74{Program.serial:06d}", "ACNT_PRDT_CD": "01"}

    def send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> requests.Response:
        url = f"{self.sim.base_url}/{path}"
        return requests.request(method, url, headers=headers, timeout=10, **more)

    def world(self, tr_id: str) -> str:
        """The TR id of the simulator's world."""
        return f"V{tr_id[1:]}" if self.paper and tr_id[0] in "TJC" else tr_id


# -- mojito: appKey and appSecret, lower-case field names, a hash key for each order, old TR ids ---------


class Mojito(Program):
    def __init__(self, sim: Simulator) -> None:
        super().__init__(sim)
        body = {"grant_type": "client_credentials", "appkey": self.key, "appsecret": self.secret}
        kind = {"content-type": "application/json"}
        issued = self.send("POST", "oauth2/tokenP", kind, data=json.dumps(body)).json()
        self.token = f"Bearer {issued['access_token']}"
        assert int(issued["expires_in"]) > 0

    def headers(self, tr_id: str, **more: str) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "authorization": self.token,
            "appKey": self.key,
            "appSecret": self.secret,
            "tr_id": tr_id,
        } | more

    def get(self, path: str, tr_id: str, fields: dict[str, str]) -> Any:
        response = self.send("GET", path, self.headers(tr_id), params=fields)
        body = response.json()
        body["tr_cont"] = response.headers["tr_cont"]
        return body

    def post(self, path: str, tr_id: str, fields: dict[str, str]) -> Any:
        text = json.dumps(fields)
        keys = {
            "content-type": "application/json",
            "appKey": self.key,
            "appSecret": self.secret,
            "User-Agent": "Mozilla/5.0",
        }
        hashed = self.send("POST", "uapi/hashkey", keys, data=text).json()["HASH"]
        headers = self.headers(self.world(tr_id), custtype="P", hashkey=hashed)
        return self.send("POST", path, headers, data=text).json()


def test_mojito(sim: Simulator) -> None:
    program = Mojito(sim)
    asked = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": SAMSUNG}
    price = program.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", asked)["output"]
    for adjusted in ("0", "1"):
        fields = asked | {"fid_org_adj_prc": adjusted, "fid_period_div_code": "D"}
        days = program.get(f"{QUOTATIONS}/inquire-daily-price", "FHKST01010400", fields)["output"]
        assert len(days) == 30
        assert days[1]["stck_clpr"] == price["stck_sdpr"]

    balance = {
        "AFHR_FLPR_YN": "N", "OFL_YN": "N", "INQR_DVSN": "01", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N",
        "FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "01", "CTX_AREA_FK100": "", "CTX_AREA_NK100": "",
    }  # fmt: skip
    order = program.account | {
        "PDNO": SAMSUNG, "ORD_DVSN": "01", "ORD_QTY": "3", "ORD_UNPR": "0",
    }  # fmt: skip
    bought = program.post(f"{TRADING}/order-cash", "TTTC0802U", order)
    assert bought["rt_cd"] == "0"
    held = program.get(f"{TRADING}/inquire-balance", program.world("TTTC8434R"), program.account | balance)
    assert held["tr_cont"] in ("D", "E")
    assert [(row["pdno"], row["hldg_qty"]) for row in held["output1"]] == [(SAMSUNG, "3")]

    resting = order | {"ORD_DVSN": "00", "ORD_UNPR": price["stck_llam"], "ORD_QTY": "2"}
    output = program.post(f"{TRADING}/order-cash", "TTTC0802U", resting)["output"]
    cancel = program.account | {
        "KRX_FWDG_ORD_ORGNO": output["KRX_FWDG_ORD_ORGNO"], "ORGN_ODNO": output["ODNO"], "ORD_DVSN": "00",
        "RVSE_CNCL_DVSN_CD": "02", "ORD_QTY": "2", "ORD_UNPR": price["stck_llam"], "QTY_ALL_ORD_YN": "Y",
    }  # fmt: skip
    assert program.post(f"{TRADING}/order-rvsecncl", "TTTC0803U", cancel)["rt_cd"] == "0"


def test_mojito_reads_the_day_s_minutes_back_to_the_open(sim: Simulator) -> None:
    program = Mojito(sim)
    hour, seen = f"{sim.clock.now():%H%M%S}", []
    while True:
        fields = {
            "fid_etc_cls_code": "",
            "fid_cond_mrkt_div_code": "J",
            "fid_input_iscd": SAMSUNG,
            "fid_input_hour_1": hour,
            "fid_pw_data_incu_yn": "Y",
        }
        rows = program.get(f"{QUOTATIONS}/inquire-time-itemchartprice", "FHKST03010200", fields)["output2"]
        seen += [row["stck_cntg_hour"] for row in rows]
        if seen[-1] <= "090100":
            break
        hour = f"{datetime.strptime(seen[-1], '%H%M%S') - timedelta(minutes=1):%H%M%S}"
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) > 80


def test_mojito_abroad(sim: Simulator) -> None:
    program = Mojito(sim)
    fields = {"AUTH": "", "EXCD": "NAS", "SYMB": "TSLA"}
    last = program.get("uapi/overseas-price/v1/quotations/price", "HHDFS00000300", fields)["output"]["last"]
    days = program.get(
        "/uapi/overseas-price/v1/quotations/dailyprice",
        "HHDFS76240000",
        fields | {"GUBN": "0", "BYMD": "", "MODP": "1"},
    )["output2"]
    assert days[0]["clos"] == last
    present = {"WCRC_FRCR_DVSN_CD": "02", "NATN_CD": "840", "TR_MKET_CD": "01", "INQR_DVSN_CD": "00"}
    path = "/uapi/overseas-stock/v1/trading/inquire-present-balance"
    found = program.get(path, program.world("CTRP6504R"), program.account | present)
    assert (found["rt_cd"], found["output1"]) == ("0", [])
    if not program.paper:
        held = {"OVRS_EXCG_CD": "NASD", "TR_CRCY_CD": "USD", "CTX_AREA_FK200": "", "CTX_AREA_NK200": ""}
        path = "/uapi/overseas-stock/v1/trading/inquire-balance"
        assert program.get(path, "JTTT3012R", program.account | held)["output1"] == []


# -- pykis: text/plain wanted, only lower-case response headers read, pages followed in lower case --------


class OtherPykis(Program):
    def __init__(self, sim: Simulator) -> None:
        super().__init__(sim)
        body = {"appkey": self.key, "appsecret": self.secret, "grant_type": "client_credentials"}
        issued = self.send("POST", "oauth2/tokenP", dict(self.base), data=json.dumps(body)).json()
        self.token = f"Bearer {issued['access_token']}"
        assert set(issued) == {"access_token", "access_token_token_expired", "token_type", "expires_in"}

    base = (("Content-Type", "application/json"), ("Accept", "text/plain"), ("charset", "UTF-8"))

    def headers(self, tr_id: str, **more: str) -> dict[str, str]:
        return {
            **dict(self.base),
            "authorization": self.token,
            "appkey": self.key,
            "appsecret": self.secret,
            "tr_id": self.world(tr_id),
        } | more

    def get(self, path: str, tr_id: str, fields: dict[str, str], **more: str) -> tuple[dict[str, str], Any]:
        response = self.send("GET", path, self.headers(tr_id, **more), params=fields)
        assert response.status_code == 200
        return {name: value for name, value in response.headers.items() if name.islower()}, response.json()

    def post(self, path: str, tr_id: str, fields: dict[str, str]) -> Any:
        keys = dict(self.base) | {"appkey": self.key, "appsecret": self.secret}
        hashed = self.send("POST", "uapi/hashkey", keys, data=json.dumps(fields)).json()["HASH"]
        response = self.send("POST", path, self.headers(tr_id, hashkey=hashed), data=json.dumps(fields))
        assert response.status_code == 200
        return response.json()

    def all_pages(self, path: str, tr_id: str, fields: dict[str, str], width: int, output: str) -> list[Any]:
        rows: list[Any] = []
        more: dict[str, str] = {}
        for page in range(100):
            header, body = self.get(path, tr_id, fields | more, tr_cont="N" if page else "")
            rows += body[output]
            if header["tr_cont"] not in ("F", "M"):
                return rows
            more = {f"CTX_AREA_{key}{width}": body[f"ctx_area_{key.lower()}{width}"] for key in ("FK", "NK")}
        raise AssertionError("the pages never end")


def test_the_other_pykis(sim: Simulator) -> None:
    program = OtherPykis(sim)
    asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": SAMSUNG}
    header, body = program.get(f"{QUOTATIONS}/inquire-price", "FHKST01010100", asked)
    assert {"tr_id", "tr_cont", "gt_uid"} <= set(header)
    assert "content-type" not in header
    history = asked | {"FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "0000000001"}
    assert len(program.get(f"{QUOTATIONS}/inquire-daily-price", "FHKST01010400", history)[1]["output"]) == 30

    low = body["output"]["stck_llam"]
    order = program.account | {
        "PDNO": SAMSUNG, "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": low, "CTAC_TLNO": "",
    }  # fmt: skip
    count = 18 if program.paper else 55
    numbers = [
        program.post(f"{TRADING}/order-cash", "TTTC0802U", order)["output"]["ODNO"] for _ in range(count)
    ]
    if not program.paper:
        asked = program.account | {
            "CTX_AREA_FK100": "", "CTX_AREA_NK100": "", "INQR_DVSN_1": "0", "INQR_DVSN_2": "0",
        }  # fmt: skip
        found = program.all_pages(f"{TRADING}/inquire-psbl-rvsecncl", "TTTC8036R", asked, 100, "output")
        assert sorted(row["odno"] for row in found) == sorted(numbers)
        assert {row["psbl_qty"] for row in found} == {"1"}
    change = program.account | {
        "KRX_FWDG_ORD_ORGNO": "06010", "ORGN_ODNO": numbers[0], "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "01",
        "ORD_QTY": "1", "ORD_UNPR": str(int(low) + 500), "QTY_ALL_ORD_YN": "Y",
    }  # fmt: skip
    changed = program.post(f"{TRADING}/order-rvsecncl", "TTTC0803U", change)
    assert int(changed["output"]["ODNO"]) > int(numbers[-1])
    gone = change | {"ORGN_ODNO": changed["output"]["ODNO"], "RVSE_CNCL_DVSN_CD": "02", "ORD_UNPR": "1"}
    assert program.post(f"{TRADING}/order-rvsecncl", "TTTC0803U", gone)["rt_cd"] == "0"


def test_the_other_pykis_abroad(sim: Simulator) -> None:
    program = OtherPykis(sim)
    for exchange, currency in (("NASD", "USD"), ("SEHK", "HKD"), ("SHAA", "CNY"), ("TKSE", "JPY")):
        fields = {
            "OVRS_EXCG_CD": exchange,
            "TR_CRCY_CD": currency,
            "CTX_AREA_FK200": "",
            "CTX_AREA_NK200": "",
        }
        path = "uapi/overseas-stock/v1/trading/inquire-balance"
        for tr_id in ("JTTT3012R", "TTTS3012R"):
            assert program.all_pages(path, tr_id, program.account | fields, 200, "output1") == []
    if not program.paper:
        fields = {"OVRS_EXCG_CD": "NASD", "SORT_SQN": "DS", "CTX_AREA_FK200": "", "CTX_AREA_NK200": ""}
        path = "uapi/overseas-stock/v1/trading/inquire-nccs"
        assert program.all_pages(path, "JTTT3018R", program.account | fields, 200, "output") == []


# -- the official sample: a slash too many, appKey, blanks for what it does not know ---------------------


class Sample(Program):
    def __init__(self, sim: Simulator) -> None:
        super().__init__(sim)
        body = {"grant_type": "client_credentials", "appkey": self.key, "appsecret": self.secret}
        self.base = {
            "Content-Type": "application/json",
            "Accept": "text/plain",
            "charset": "UTF-8",
            "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        }
        issued = self.send("POST", "/oauth2/tokenP", self.base, data=json.dumps(body)).json()
        self.base |= {"authorization": f"Bearer {issued['access_token']}"}
        self.base |= {"appkey": self.key, "appsecret": self.secret}
        expires = datetime.strptime(issued["access_token_token_expired"], "%Y-%m-%d %H:%M:%S")
        left = expires.replace(tzinfo=KST) - datetime.now(KST)
        assert timedelta(hours=23) < left <= timedelta(hours=24)

    def fetch(self, path: str, tr_id: str, fields: dict[str, str], post: bool = False) -> dict[str, Any]:
        headers = self.base | {"tr_id": self.world(tr_id), "custtype": "P", "tr_cont": ""}
        if post:
            response = self.send("POST", f"/{path}", headers, data=json.dumps(fields))
        else:
            response = self.send("GET", f"/{path}", headers, params=fields)
        assert response.status_code == 200
        # The sample makes a named tuple of every header in lower case.
        assert all(name.isidentifier() for name in response.headers if name.islower())
        body: dict[str, Any] = response.json()
        return body


def test_the_official_sample(sim: Simulator) -> None:
    program = Sample(sim)
    asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": SAMSUNG}
    low = program.fetch(f"/{QUOTATIONS}/inquire-price", "FHKST01010100", asked)["output"]["stck_llam"]
    ticks = asked | {"FID_INPUT_HOUR_1": "101500"}
    assert program.fetch(f"/{QUOTATIONS}/inquire-time-itemconclusion", "FHPST01060000", ticks)["output2"]
    chart = asked | {
        "FID_INPUT_DATE_1": "00000101", "FID_INPUT_DATE_2": "99991231", "FID_PERIOD_DIV_CODE": "D",
        "FID_ORG_ADJ_PRC": "0000000001",
    }  # fmt: skip
    path = f"/{QUOTATIONS}/inquire-daily-itemchartprice"
    assert len(program.fetch(path, "FHKST03010100", chart)["output2"]) == 100
    assert (
        len(program.fetch(path, "FHKST03010100", chart | {"FID_INPUT_DATE_1": "19800104"})["output2"]) == 100
    )

    order = program.account | {
        "PDNO": SAMSUNG, "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": low, "EXCG_ID_DVSN_CD": "",
        "SLL_TYPE": "", "CNDT_PRIC": "",
    }  # fmt: skip
    placed = program.fetch(f"/{TRADING}/order-cash", "TTTC0012U", order, post=True)["output"]
    change = program.account | {
        "KRX_FWDG_ORD_ORGNO": "", "ORGN_ODNO": placed["ODNO"], "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "02",
        "ORD_QTY": "0", "ORD_UNPR": "0", "QTY_ALL_ORD_YN": "Y", "EXCG_ID_DVSN_CD": "", "CNDT_PRIC": "",
    }  # fmt: skip
    assert program.fetch(f"/{TRADING}/order-rvsecncl", "TTTC0013U", change, post=True)["rt_cd"] == "0"
    history = program.account | {
        "INQR_STRT_DT": "00000101", "INQR_END_DT": "99991231", "SLL_BUY_DVSN_CD": "00", "PDNO": "",
        "ORD_GNO_BRNO": "", "ODNO": placed["ODNO"], "CCLD_DVSN": "00", "INQR_DVSN": "00", "INQR_DVSN_1": "",
        "INQR_DVSN_3": "00", "EXCG_ID_DVSN_CD": "KRX", "CTX_AREA_FK100": "", "CTX_AREA_NK100": "",
    }  # fmt: skip
    found = program.fetch(f"/{TRADING}/inquire-daily-ccld", "TTTC0081R", history)
    assert {row["rmn_qty"] for row in found["output1"] if row["odno"] == placed["ODNO"]} == {"0"}


def test_the_official_sample_s_rankings(sim: Simulator) -> None:
    program = Sample(sim)
    if program.paper:
        return
    fields = {
        "FID_COND_MRKT_DIV_CODE": "J", "FID_COND_SCR_DIV_CODE": "20171", "FID_INPUT_ISCD": "0000",
        "FID_DIV_CLS_CODE": "0", "FID_BLNG_CLS_CODE": "0", "FID_TRGT_CLS_CODE": "111111111",
        "FID_TRGT_EXLS_CLS_CODE": "000000", "FID_INPUT_PRICE_1": "0", "FID_INPUT_PRICE_2": "0",
        "FID_VOL_CNT": "0", "FID_INPUT_DATE_1": "0",
    }  # fmt: skip
    found = program.fetch(f"/{QUOTATIONS}/volume-rank", "FHPST01710000", fields)
    assert len(found["output"]) == 30
    lower = {name.lower(): value for name, value in fields.items()} | {
        "fid_cond_scr_div_code": "20170", "fid_rank_sort_cls_code": "0", "fid_input_cnt_1": "0",
        "fid_prc_cls_code": "0", "fid_rsfl_rate1": "", "fid_rsfl_rate2": "",
    }  # fmt: skip
    path = "/uapi/domestic-stock/v1/ranking/fluctuation"
    assert len(program.fetch(path, "FHPST01700000", lower)["output"]) == 30


@pytest.mark.parametrize("slashes", ["//", "///"])
def test_slashes_too_many_as_they_stand_on_the_wire(sim: Simulator, slashes: str) -> None:
    program = Sample(sim)  # requests itself tidies a path's beginning; older clients do not
    connection = http.client.HTTPConnection(sim.base_url.removeprefix("http://"), timeout=10)
    query = "FID_COND_MRKT_DIV_CODE=J&fid_input_iscd=005930"
    path = f"{slashes}{QUOTATIONS.replace('/v1/', '//v1/')}/inquire-price?{query}"
    connection.request("GET", path, headers=program.base | {"tr_id": "FHKST01010100"})
    body = json.loads(connection.getresponse().read())
    connection.close()
    assert body["output"]["stck_shrn_iscd"] == SAMSUNG
