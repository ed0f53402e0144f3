"""A plain ``requests`` customer of the simulator: what any program without our client would send."""

from __future__ import annotations

from typing import Any

import requests

from kis_sync import catalog
from kis_sync.catalog import Mode
from kis_sync.sim import Simulator

HOST = "http://simulator"
BALANCE = {
    "AFHR_FLPR_YN": "N",
    "OFL_YN": "",
    "INQR_DVSN": "02",
    "UNPR_DVSN": "01",
    "FUND_STTL_ICLD_YN": "N",
    "FNCG_AMT_AUTO_RDPT_YN": "N",
    "PRCS_DVSN": "00",
    "CTX_AREA_FK100": "",
    "CTX_AREA_NK100": "",
}
HISTORY = {
    "INQR_STRT_DT": "00000101",
    "INQR_END_DT": "99991231",
    "SLL_BUY_DVSN_CD": "00",
    "INQR_DVSN": "00",
    "PDNO": "",
    "CCLD_DVSN": "00",
    "ORD_GNO_BRNO": "",
    "ODNO": "",
    "INQR_DVSN_3": "00",
    "INQR_DVSN_1": "",
    "EXCG_ID_DVSN_CD": "KRX",
    "CTX_AREA_FK100": "",
    "CTX_AREA_NK100": "",
}


class Visitor:
    """Sends requests by the catalogue's paths and TR ids, in process unless ``base_url`` is given."""

    def __init__(self, sim: Simulator, base_url: str | None = None, *, app_key: str | None = None) -> None:
        self.sim = sim
        self.base_url = base_url or HOST
        self.app_key = app_key or sim.app_key
        self.session = requests.Session()
        self.session.trust_env = False
        if base_url is None:
            self.session.mount(HOST, sim.adapter())
        self._token = ""

    @property
    def account(self) -> dict[str, str]:
        cano, product = self.sim.account_no.split("-")
        return {"CANO": cano, "ACNT_PRDT_CD": product}

    def issue(self, **fields: Any) -> requests.Response:
        """tokenP."""
        body = {
            "grant_type": "client_credentials",
            "appkey": self.app_key,
            "appsecret": self.sim.app_secret,
        } | fields
        return self.session.post(f"{self.base_url}/oauth2/tokenP", json=body, timeout=10)

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.issue().json()["access_token"]
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        self._token = token

    def headers(self, tr_id: str = "", **more: str) -> dict[str, str]:
        return {
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {self.token}",
            "appkey": self.app_key,
            "appsecret": self.sim.app_secret,
            "tr_id": tr_id,
            "custtype": "P",
        } | more

    def ask(self, name: str, variant: str = "", **fields: Any) -> requests.Response:
        """Any API by its name, with the TR id of the simulator's world.

        No blank is filled in. ``headers`` among the fields are added to the usual ones.
        """
        endpoint = catalog.endpoint(name)
        live, paper = endpoint.tr_ids[variant] if endpoint.tr_ids else ("", "")
        tr_id = (paper if self.sim.mode is Mode.PAPER else live) or live or ""
        sent = self.headers(tr_id) | fields.pop("headers", {})
        url = self.base_url + endpoint.path
        if endpoint.method == "GET":
            return self.session.get(url, params=fields, headers=sent, timeout=10)
        return self.session.post(url, json=fields, headers=sent, timeout=10)

    def price(self, code: str = "005930", **more: Any) -> requests.Response:
        return self.ask(
            "domestic_stock.inquire_price", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=code, **more
        )

    def balance(self, **more: Any) -> requests.Response:
        return self.ask("domestic_stock.inquire_balance", **self.account | BALANCE | more)

    def history(self, variant: str = "recent", **more: Any) -> requests.Response:
        return self.ask("domestic_stock.inquire_daily_ccld", variant, **self.account | HISTORY | more)

    def order(
        self, side: str, code: str, quantity: object, price: object = 0, kind: str = "00", **more: Any
    ) -> requests.Response:
        body = {"PDNO": code, "ORD_DVSN": kind, "ORD_QTY": str(quantity), "ORD_UNPR": str(price)}
        return self.ask("domestic_stock.order_cash", side, **self.account | body | more)

    def change(self, number: str, action: str, **more: Any) -> requests.Response:
        body = {
            "KRX_FWDG_ORD_ORGNO": "",
            "ORGN_ODNO": number,
            "ORD_DVSN": "00",
            "RVSE_CNCL_DVSN_CD": action,
            "ORD_QTY": "0",
            "ORD_UNPR": "0",
            "QTY_ALL_ORD_YN": "Y",
        }
        return self.ask("domestic_stock.order_rvsecncl", **self.account | body | more)

    def buying_power(self, **more: Any) -> requests.Response:
        body = {
            "PDNO": "005930",
            "ORD_UNPR": "",
            "ORD_DVSN": "01",
            "CMA_EVLU_AMT_ICLD_YN": "N",
            "OVRS_ICLD_YN": "N",
        }
        return self.ask("domestic_stock.inquire_psbl_order", **self.account | body | more)
