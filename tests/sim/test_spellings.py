"""What strangers send: names in any case, doubled slashes, fields left out, the TR ids of before."""

from __future__ import annotations

from typing import Any

import pytest

from kis_sync import catalog
from kis_sync.sim import Customer, Simulator
from tests.sim.desk import SAMSUNG, Desk
from tests.sim.visitor import BALANCE, HISTORY, Visitor

TRADING = "/uapi/domestic-stock/v1/trading/"
OLD_AND_NEW = {
    "live": [
        ("POST", "order-cash", ("TTTC0802U", "TTTC0012U")),
        ("POST", "order-cash", ("TTTC0801U", "TTTC0011U")),
        ("POST", "order-rvsecncl", ("TTTC0803U", "TTTC0013U")),
        ("GET", "inquire-psbl-rvsecncl", ("TTTC8036R", "TTTC0084R")),
        ("GET", "inquire-daily-ccld", ("TTTC8001R", "TTTC0081R")),
        ("GET", "inquire-daily-ccld", ("CTSC9115R", "CTSC9215R")),
    ],
    "paper": [
        ("POST", "order-cash", ("VTTC0802U", "VTTC0012U")),
        ("POST", "order-cash", ("VTTC0801U", "VTTC0011U")),
        ("POST", "order-rvsecncl", ("VTTC0803U", "VTTC0013U")),
        ("GET", "inquire-daily-ccld", ("VTTC8001R", "VTTC0081R")),
        ("GET", "inquire-daily-ccld", ("VTSC9115R", "VTSC9215R")),
    ],
}
ORDER = {"PDNO": SAMSUNG, "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
CHANGE = {
    "KRX_FWDG_ORD_ORGNO": "",
    "ORD_DVSN": "00",
    "RVSE_CNCL_DVSN_CD": "02",
    "ORD_QTY": "0",
    "ORD_UNPR": "0",
    "QTY_ALL_ORD_YN": "Y",
}
OPEN = {"CTX_AREA_FK100": "", "CTX_AREA_NK100": "", "INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}


def send(desk: Visitor, method: str, path: str, tr_id: str, fields: dict[str, str], **headers: str) -> Any:
    sent = desk.headers(tr_id) | headers
    url = desk.base_url + path
    if method == "GET":
        return desk.session.get(url, params=fields, headers=sent, timeout=10).json()
    return desk.session.post(url, json=fields, headers=sent, timeout=10).json()


def answers(desk: Desk, tr_ids: tuple[str, str], method: str, name: str) -> list[tuple[str, str]]:
    told = []
    for tr_id in tr_ids:
        desk.placed("buy", 1, kind="01")
        fields = (
            desk.account
            | {
                "order-cash": ORDER,
                "order-rvsecncl": CHANGE | {"ORGN_ODNO": desk.placed("buy", 1, desk.quote.lower)},
                "inquire-psbl-rvsecncl": OPEN,
                "inquire-daily-ccld": HISTORY,
            }[name]
        )
        body = send(desk, method, TRADING + name, tr_id, fields)
        told.append((body["rt_cd"], body["msg_cd"]))
    return told


@pytest.mark.parametrize("mode", OLD_AND_NEW)
@pytest.mark.parametrize("with_old", [True, False])
def test_the_tr_ids_of_before_stand_beside_the_new_ones_until_they_are_switched_off(
    mode: str, with_old: bool
) -> None:
    for method, name, tr_ids in OLD_AND_NEW[mode]:
        old, new = answers(Desk(mode, old_tr_ids=with_old), tr_ids, method, name)
        assert new[0] == "0", (name, tr_ids)
        if with_old:
            assert old == new, (name, tr_ids)
        else:
            assert old == ("1", "OPSQ0002"), (name, tr_ids)


def test_an_old_id_sells_what_it_sold_before() -> None:
    desk = Desk()
    desk.placed("buy", 2, kind="01")
    assert send(desk, "POST", TRADING + "order-cash", "TTTC0801U", desk.account | ORDER)["rt_cd"] == "0"
    assert desk.holding["hldg_qty"] == "1"


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_names_in_lower_case_and_doubled_slashes(mode: str) -> None:
    desk = Desk(mode)
    desk.placed("buy", 2, kind="01")
    asked = {
        "inquire-balance": ("TTTC8434R", BALANCE),
        "inquire-daily-ccld": ("TTTC0081R", HISTORY),
        "inquire-psbl-order": (
            "TTTC8908R",
            ORDER | {"CMA_EVLU_AMT_ICLD_YN": "N", "OVRS_ICLD_YN": "N"},
        ),
    }
    for name, (tr_id, fields) in asked.items():
        tr_id = tr_id if mode == "live" else "V" + tr_id[1:]
        upper = send(desk, "GET", TRADING + name, tr_id, desk.account | fields)
        lower = {key.lower(): value for key, value in (desk.account | fields).items()}
        plain = {"Accept": "text/plain", "User-Agent": "Mozilla/5.0"}
        doubled = "/" + TRADING.replace("/trading/", "//trading//") + name
        assert send(desk, "GET", doubled, tr_id, lower, **plain) == upper
        assert upper["rt_cd"] == "0"


def test_pages_are_continued_with_names_in_lower_case() -> None:
    desk = Desk("paper")
    for _ in range(16):
        desk.placed("buy", 1, desk.quote.lower)
    first = desk.history()
    keys = {name: first.json()[name] for name in ("ctx_area_fk100", "ctx_area_nk100")}
    fields = {name.lower(): value for name, value in (desk.account | HISTORY).items()} | keys
    rest = send(desk, "GET", TRADING + "inquire-daily-ccld", "VTTC0081R", fields, tr_cont="N")
    assert len(rest["output1"]) == 1


def test_the_exchange_may_be_left_out_everywhere() -> None:
    desk = Desk()
    number = desk.placed("buy", 3, desk.quote.lower, EXCG_ID_DVSN_CD="")
    without = {name: value for name, value in HISTORY.items() if name != "EXCG_ID_DVSN_CD"}
    body = send(desk, "GET", TRADING + "inquire-daily-ccld", "TTTC0081R", desk.account | without)
    assert [row["odno"] for row in body["output1"]] == [number]
    changed = desk.change(number.lstrip("0"), "01", ORD_UNPR=str(desk.quote.lower), EXCG_ID_DVSN_CD="")
    assert changed.json()["rt_cd"] == "0"


def test_an_account_that_is_not_the_key_s_is_refused_everywhere() -> None:
    customers = [
        Customer("K" * 36, "S" * 180, "12345678-01"),
        Customer("L" * 36, "S" * 180, "87654321-01"),
    ]
    sim = Simulator(limit=100_000, customers=customers)
    visitor = Visitor(sim)
    foreign = {"CANO": "87654321", "ACNT_PRDT_CD": "01"}
    asked = 0
    for name, endpoint in catalog.endpoints().items():
        names = {parameter.name for parameter in endpoint.params}
        if name not in sim.app.routes or not names >= foreign.keys():
            continue
        filled = {parameter.name: "1" for parameter in endpoint.params} | foreign
        filled |= {"ORD_DVSN": "01", "SLL_BUY_DVSN_CD": "02", "ORD_DVSN_CD": "01", "RVSE_CNCL_DVSN_CD": "02"}
        filled |= {"ORD_OBJT_CBLC_DVSN_CD": "10", "EXCG_ID_DVSN_CD": "KRX", "RSVN_ORD_ORD_DT": ""}
        for variant in endpoint.tr_ids:
            if name.startswith("domestic_"):
                body = visitor.ask(name, variant, **filled).json()
                assert (body["rt_cd"], body["msg_cd"]) == ("2", "OPSQ2000"), (name, variant)
                asked += 1
    assert asked >= 20
