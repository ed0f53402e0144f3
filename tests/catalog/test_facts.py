"""Every record against the facts that it was made from, where these lie beside the checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kis_sync.catalog import Endpoint, endpoints, response_fields
from kis_sync.catalog.check import checked
from kis_sync.catalog.files import records
from kis_sync.catalog.streams import streams
from kis_sync.errors import InvalidRequestError
from tests.catalog.every import every

KIS = Path(__file__).parents[3] / "shared" / "kis"
pytestmark = pytest.mark.skipif(not KIS.exists(), reason="the facts are not beside this checkout")

QUERY_CALLED_WEBSOCKET = "/uapi/domestic-stock/v1/quotations/frgnmem-trade-trend"
ENVELOPE = {"rt_cd", "msg_cd", "msg1", "msg"}
TR_ID = re.compile(r"(?<![A-Z0-9])[A-Z]{3,6}\d[0-9A-Z]{3,8}(?![A-Za-z0-9])")

OLD_IDS = {  # of the table of TR ids, not of the layouts
    "domestic_stock.order_cash": {"TTTC0802U", "TTTC0801U", "VTTC0802U", "VTTC0801U"},
    "domestic_stock.order_rvsecncl": {"TTTC0803U", "VTTC0803U"},
    "domestic_stock.inquire_daily_ccld": {"TTTC8001R", "VTTC8001R", "CTSC9115R", "VTSC9115R"},
    "domestic_stock.inquire_psbl_rvsecncl": {"TTTC8036R"},
}
_ASIAN_ORDERS = ("0308", "0307", "0202", "1005", "1002", "1001", "0305", "0304", "0311", "0310")
ASIAN_ORDERS = {f"{world}TTS{number}U" for world in "TV" for number in _ASIAN_ORDERS}
ASIAN_CHANGES = {f"{world}TTS{n}U" for world in "TV" for n in ("1003", "0309", "0302", "0306", "0312")}
IDS_ELSEWHERE = OLD_IDS | {
    "overseas_stock.inquire_balance": {"JTTT3012R", "VTTT3012R"},
    "overseas_stock.inquire_nccs": {"JTTT3018R"},
    "overseas_stock.order": ASIAN_ORDERS,
    "overseas_stock.order_rvsecncl": ASIAN_CHANGES,
}
NUMBERED = {
    "EXCD_01 ~ 10": [f"EXCD_{n:02}" for n in range(1, 11)],
    "SYMB_01 ~ 10": [f"SYMB_{n:02}" for n in range(1, 11)],
    "SRS_CD_02…": [f"SRS_CD_{n:02}" for n in range(2, 32)],
    "SRS_CD_02...": [f"SRS_CD_{n:02}" for n in range(2, 30)],
}
LATER_SLOTS = re.compile(
    r"(EXCD|SYMB|SRS_CD)_(0[2-9]|[123]\d)|FID_(COND_MRKT_DIV_CODE|INPUT_ISCD)_([2-9]|[123]\d)"
)
TAKEN_BLANK = re.compile(
    r"공란|공백|Null|빈칸|미입력|\"\"|\" \"|제거|입력값 없을|없음: "
    r"|경우만 사용|둘 중 하나만|다음조회\(QRY|^\[정정\]"
)
BLANK_ELSEWHERE = {  # by the section on orders: FACTS 7 and 16
    ("domestic_stock.order_rvsecncl", "KRX_FWDG_ORD_ORGNO"),
    ("domestic_stock.inquire_daily_ccld", "ORD_GNO_BRNO"),
    ("domestic_stock.inquire_time_itemchartprice", "FID_ETC_CLS_CODE"),
}
SHAPES_NOT_FOLLOWED = {  # lists of rows; one example shows columns, the other one blank object
    ("domestic_futureoption.inquire_balance", "output1"),
    ("overseas_stock.inquire_ccnl", "output"),
}
EXAMPLES_NOT_FOLLOWED = {
    "overseas_futureoption.inquire_period_ccld": "it sends keys of 100 where layout and answer have 200",
    "overseas_futureoption.inquire_deposit": "its JSON is broken in the middle of a value",
}


@cache
def facts() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((KIS / "api.json").read_text(encoding="utf-8"))
    return loaded


@cache
def examples() -> dict[str, dict[str, Any]]:
    """The documented examples by path."""
    loaded = json.loads((KIS / "examples.json").read_text(encoding="utf-8"))
    return {key.split()[0]: example for key, example in loaded.items()}


@cache
def by_path() -> dict[str, dict[str, Any]]:
    return {fact["path"]: fact for fact in facts()}


def documented_params(fact: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in fact["request"]:
        for name in NUMBERED.get(field["name"], [field["name"]]):
            yield name, field


class TestEveryEndpoint:
    @every
    def test_has_the_path_and_the_method(self, each: Endpoint) -> None:
        fact = by_path()[each.path]
        assert fact["method"] == each.method
        assert fact["kind"] == "rest" or each.path == QUERY_CALLED_WEBSOCKET

    @every
    def test_has_every_tr_id_and_no_other(self, each: Endpoint) -> None:
        fact = by_path()[each.path]
        kept = [*each.tr_ids.values(), *each.old_tr_ids.values()]
        for at, key in ((0, "tr_id_real"), (1, "tr_id_paper")):
            said = set(TR_ID.findall(fact[key] or ""))
            elsewhere = {i for i in IDS_ELSEWHERE.get(each.name, set()) if i.startswith("V") == (at == 1)}
            assert {pair[at] for pair in kept} - {None} == said | elsewhere

    @every
    def test_has_every_field_in_order(self, each: Endpoint) -> None:
        if not each.free_body:
            assert [p.name for p in each.params] == [
                name for name, _ in documented_params(by_path()[each.path])
            ]

    @every
    def test_has_the_documented_lengths_in_its_data(self, each: Endpoint) -> None:
        kept = records("endpoints")[each.name].get("params", [])
        said = [int(field["length"] or 0) for _, field in documented_params(by_path()[each.path])]
        assert [length for _, length, *_ in kept] == (said if kept else [])

    @every
    def test_can_explain_each_blank(self, each: Endpoint) -> None:
        corrected = records("extras").get(each.name, {}).get("blank", ())
        sent = {name.upper(): value for name, value in sent_in_example(each).items()}
        said = dict(documented_params(by_path()[each.path]))
        for parameter in each.params:
            field = said[parameter.name]
            explained = (
                field["required"] != "Y"
                or parameter.name.startswith("CTX_AREA")
                or bool(TAKEN_BLANK.search(field["description"]))
                or sent.get(parameter.name.upper()) == ""
                or parameter.name in corrected
                or bool(LATER_SLOTS.fullmatch(parameter.name))
                or (each.name, parameter.name) in BLANK_ELSEWHERE
            )
            assert explained or not parameter.blank, parameter.name

    @every
    def test_needs_nothing_that_is_optional_but_the_account(self, each: Endpoint) -> None:
        needed = {parameter.name for parameter in each.params if not parameter.blank}
        optional = {
            name for name, field in documented_params(by_path()[each.path]) if field["required"] != "Y"
        }
        assert needed & optional <= {"CANO", "ACNT_PRDT_CD"}

    @every
    def test_lists_only_values_that_its_text_has(self, each: Endpoint) -> None:
        said = dict(documented_params(by_path()[each.path]))
        text = {name: field["description"] for name, field in said.items()}
        for parameter in each.params:
            unsaid = [value for value in parameter.values if value not in text[parameter.name]]
            assert not unsaid or (each.name, parameter.name, *unsaid) in VALUES_ELSEWHERE, parameter.name

    @every
    def test_has_every_field_of_the_answer(self, each: Endpoint) -> None:
        kept = records("fields")[each.name]
        names = {field["name"].lstrip("-") for field in by_path()[each.path]["response"]}
        assert {*kept, *(name for fields in kept.values() for name in fields)} - {""} == names - ENVELOPE

    @every
    def test_takes_the_documented_example(self, each: Endpoint) -> None:
        sent = sent_in_example(each)
        variant = "amend" if "amend" in each.tr_ids else next(iter(each.tr_ids), "")
        if sent and each.name in EXAMPLES_NOT_FOLLOWED:
            with pytest.raises(InvalidRequestError):
                checked(each, sent, variant=variant, strict=True)
        elif sent:
            checked(each, sent, variant=variant, strict=True)

    @every
    def test_has_the_documented_shapes_but_for_its_corrections(self, each: Endpoint) -> None:
        correction = records("extras").get(each.name, {})
        said = {
            field["name"].lstrip("-"): "object" if field["type"] == "object" else "list"
            for field in by_path()[each.path]["response"]
            if field["type"] in ("object", "object array", "array")
        }
        for output, shape in records("endpoints")[each.name].get("outputs", {}).items():
            corrected = output in correction.get("outputs", {}) or output in correction.get("renamed", {})
            assert said.get(output) == shape or corrected, output

    @every
    def test_has_the_outputs_of_the_documented_example(self, each: Endpoint) -> None:
        answer = examples().get(each.path, {}).get("response")
        for output, value in answer.items() if isinstance(answer, dict) else ():
            if isinstance(value, (dict, list)):
                shape = "object" if isinstance(value, dict) else "list"
                followed = (each.name, output) not in SHAPES_NOT_FOLLOWED
                assert (each.outputs[output] == shape) == followed, output
            elif output not in ENVELOPE:
                assert output in response_fields(each.name)[""]

    @every
    def test_has_the_fields_of_the_documented_example(self, each: Endpoint) -> None:
        answer = examples().get(each.path, {}).get("response")
        for output, value in answer.items() if isinstance(answer, dict) else ():
            rows = value if isinstance(value, list) else [value]
            names = {name for row in rows if isinstance(row, dict) for name in row}
            assert names <= set(response_fields(each.name).get(output, ())) or each.name == "hashkey", output


VALUES_ELSEWHERE = {
    ("domestic_stock.inquire_balance", "INQR_DVSN", "02"),  # FACTS 7
    ("domestic_stock.inquire_time_itemchartprice", "FID_PW_DATA_INCU_YN", "Y", "N"),  # FACTS 8
    # The text says to ask with the kind that the order will have; these are kinds of the orders only.
    ("domestic_stock.inquire_psbl_order", "ORD_DVSN", "21", "22", "23", "24"),
}


def sent_in_example(each: Endpoint) -> dict[str, str]:
    """The documented example request, in the three notations that KIS uses; nothing where it is none."""
    text = (examples().get(each.path, {}).get("request") or "").strip()
    try:
        parsed = json.loads(text)
    except ValueError:
        pairs = (
            re.findall(r'"(\w+)"\s*:\s*"([^"]*)"', text)
            if "{" in text
            else re.findall(r"^(\w+):(.*)$", text, re.M)
        )
        parsed = {name: value.strip() for name, value in pairs}
    parsed = {name: value for name, value in parsed.items() if not name.startswith("_")}  # comments
    return parsed if all(isinstance(value, str) for value in parsed.values()) else {}


def test_every_fact_has_its_record() -> None:
    queries = {fact["path"] for fact in facts() if fact["kind"] == "rest"} | {QUERY_CALLED_WEBSOCKET}
    assert {each.path for each in endpoints().values()} == queries
    assert {each.path for each in streams().values()} == set(by_path()) - queries


@pytest.mark.parametrize("name", streams())
def test_a_stream_is_as_documented_but_for_its_corrections(name: str) -> None:
    record = records("streams")[name]
    fact = by_path()[record["path"]]
    assert record["tr"] == [fact["tr_id_real"], fact["tr_id_paper"]]
    assert record["fields"] == [field["name"].lstrip("-") for field in fact["response"]]
    key = next(field["description"] for field in fact["request"] if field["name"] == "tr_key")
    assert record.get("by_hts_id", False) == ("HTS" in key)


def test_ids_of_the_texts_are_known() -> None:
    """Ids that a field's text mentions are somewhere in the catalogue, but for slips of the documents."""
    known = {
        tr_id
        for each in endpoints().values()
        for pair in [*each.tr_ids.values(), *each.old_tr_ids.values()]
        for tr_id in pair
    }
    texts = [field["description"] for fact in facts() for field in fact["request"] if fact["kind"] == "rest"]
    assert {tr_id for text in texts for tr_id in TR_ID.findall(text)} - known == {"VTTT1006U", "TTS6058R"}
