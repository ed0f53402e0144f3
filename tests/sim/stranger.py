"""A customer who has only read KIS's documents: plain requests, own paths and TR ids, own sums.

What the account must look like is worked out from the answers alone.
"""

from __future__ import annotations

from typing import Any

import requests

TRADING = "/uapi/domestic-stock/v1/trading/"
QUOTES = "/uapi/domestic-stock/v1/quotations/"
ALWAYS = {"INQR_STRT_DT": "00000101", "INQR_END_DT": "99991231"}
FLAGS = {
    "AFHR_FLPR_YN": "N",
    "OFL_YN": "",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
}
Row = dict[str, str]


class Stranger:
    """One account of a simulator, over a socket or through an adapter in process."""

    def __init__(self, url: str, app_key: str, app_secret: str, account: str, *, paper: bool = False) -> None:
        self.url, self.paper = url, paper
        self.keys = {"appkey": app_key, "appsecret": app_secret}
        self.account = dict(zip(("CANO", "ACNT_PRDT_CD"), account.split("-"), strict=True))
        self.session = requests.Session()
        self.session.trust_env = False
        self.token = ""

    def log_in(self) -> None:
        body = {"grant_type": "client_credentials", **self.keys}
        answer = self.session.post(self.url + "/oauth2/tokenP", json=body, timeout=10)
        self.token = answer.json()["access_token"]

    def send(self, path: str, tr_id: str, fields: Row, *, post: bool = False, tr_cont: str = "") -> Any:
        world = "V" + tr_id[1:] if self.paper and tr_id[0] in "TC" else tr_id
        headers = {"authorization": f"Bearer {self.token}", "tr_id": world, "custtype": "P", **self.keys}
        if post:
            return self.session.post(self.url + path, json=fields, headers=headers, timeout=10)
        headers["tr_cont"] = tr_cont
        return self.session.get(self.url + path, params=fields, headers=headers, timeout=10)

    def ask(self, name: str, tr_id: str, **fields: str) -> Any:
        """A read without pages."""
        answer = self.send(TRADING + name, tr_id, self.account | fields)
        body = answer.json()
        assert (answer.status_code, body["rt_cd"]) == (200, "0"), body
        return body

    def pages(
        self, name: str, tr_id: str, output: str, width: str = "100", **fields: str
    ) -> tuple[list[Row], Any]:
        """All rows, and the last page."""
        rows: list[Row] = []
        keys = [f"ctx_area_fk{width}", f"ctx_area_nk{width}"]
        sent, tr_cont = self.account | fields | {name.upper(): "" for name in keys}, ""
        while True:
            answer = self.send(TRADING + name, tr_id, sent, tr_cont=tr_cont)
            body = answer.json()
            assert body["rt_cd"] == "0", body
            rows += body[output]
            if answer.headers["tr_cont"] not in ("F", "M"):
                return rows, body
            sent |= {name.upper(): body[name] for name in keys}
            tr_cont = "N"

    # -- quotes ------------------------------------------------------------------------------------

    def quote(self, name: str, tr_id: str, code: str, **fields: str) -> Any:
        asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": code, **fields}
        body = self.send(QUOTES + name, tr_id, asked).json()
        assert body["rt_cd"] == "0", body
        return body

    def price(self, code: str) -> Row:
        output: Row = self.quote("inquire-price", "FHKST01010100", code)["output"]
        return output

    # -- orders ------------------------------------------------------------------------------------

    def order(self, side: str, code: str, quantity: int, price: int, kind: str) -> Any:
        tr_id = {"buy": "TTTC0012U", "sell": "TTTC0011U"}[side]
        body = {"PDNO": code, "ORD_DVSN": kind, "ORD_QTY": str(quantity), "ORD_UNPR": str(price)}
        return self.send(TRADING + "order-cash", tr_id, self.account | body, post=True).json()

    def change(self, number: str, action: str, quantity: int, price: int, kind: str = "00") -> Any:
        body = {
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": number,
            "ORD_DVSN": kind,
            "RVSE_CNCL_DVSN_CD": action,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "QTY_ALL_ORD_YN": "N" if quantity else "Y",
        }
        return self.send(TRADING + "order-rvsecncl", "TTTC0013U", self.account | body, post=True).json()

    def reserve(self, side: str, code: str, quantity: int, price: int, kind: str, end: str) -> Any:
        body = {
            "PDNO": code,
            "ORD_QTY": str(quantity),
            "ORD_UNPR": str(price),
            "SLL_BUY_DVSN_CD": {"buy": "02", "sell": "01"}[side],
            "ORD_DVSN_CD": kind,
            "ORD_OBJT_CBLC_DVSN_CD": "10",
            "LOAN_DT": "",
            "RSVN_ORD_END_DT": end,
        }
        return self.send(TRADING + "order-resv", "CTSC0008U", self.account | body, post=True).json()

    def reserved(self) -> list[Row]:
        asked = {
            "RSVN_ORD_ORD_DT": "20200101",
            "RSVN_ORD_END_DT": "20991231",
            "RSVN_ORD_SEQ": "",
            "TMNL_MDIA_KIND_CD": "00",
            "PRCS_DVSN_CD": "0",
            "CNCL_YN": "Y",
            "PDNO": "",
            "SLL_BUY_DVSN_CD": "",
        }
        return self.pages("order-resv-ccnl", "CTSC0004R", "output", width="200", **asked)[0]

    # -- account -----------------------------------------------------------------------------------

    def history(self, **filters: str) -> tuple[list[Row], Row]:
        asked = {
            "SLL_BUY_DVSN_CD": "00",
            "INQR_DVSN": "01",
            "PDNO": "",
            "CCLD_DVSN": "00",
            "ORD_GNO_BRNO": "",
            "ODNO": "",
            "INQR_DVSN_3": "00",
            "INQR_DVSN_1": "",
            "EXCG_ID_DVSN_CD": "KRX",
        }
        rows, last = self.pages("inquire-daily-ccld", "TTTC0081R", "output1", **ALWAYS | asked | filters)
        return rows, last["output2"]

    def pending(self) -> list[Row]:
        if self.paper:
            return self.history(CCLD_DVSN="02")[0]
        asked = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}
        return self.pages("inquire-psbl-rvsecncl", "TTTC0084R", "output", **asked)[0]

    def balance(self) -> tuple[list[Row], Row]:
        rows, last = self.pages("inquire-balance", "TTTC8434R", "output1", INQR_DVSN="02", **FLAGS)
        return rows, last["output2"][0]

    def buying_power(self, code: str, price: int, kind: str) -> Row:
        fields = {"PDNO": code, "ORD_UNPR": str(price), "ORD_DVSN": kind}
        flags = {"CMA_EVLU_AMT_ICLD_YN": "N", "OVRS_ICLD_YN": "N"}
        output: Row = self.ask("inquire-psbl-order", "TTTC8908R", **fields | flags)["output"]
        return output

    def profits(self) -> tuple[list[Row], Row, list[Row], Row]:
        """Rows and sums by code, rows and sums by day."""
        asked = ALWAYS | {"PDNO": "", "SORT_DVSN": "01", "CBLC_DVSN": "00"}
        codes, last = self.pages("inquire-period-trade-profit", "TTTC8715R", "output1", **asked)
        days, total = self.pages("inquire-period-profit", "TTTC8708R", "output1", INQR_DVSN="00", **asked)
        return codes, last["output2"], days, total["output2"]

    def balance_with_profit(self) -> Row:
        fields = FLAGS | {"INQR_DVSN": "00", "COST_ICLD_YN": "Y"}
        _, last = self.pages("inquire-balance-rlz-pl", "TTTC8494R", "output1", **fields)
        sums: Row = last["output2"][0]
        return sums
