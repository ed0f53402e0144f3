"""Lint of the catalogue's data: every record, by itself and against the others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import kis_sync.catalog
from kis_sync.catalog import Effect, Endpoint, endpoint, endpoints, find, response_fields
from kis_sync.catalog.streams import Stream, streams
from tests.catalog.every import every

DATA = Path(kis_sync.catalog.__file__).parent / "data"
FILES = ("endpoints", "extras", "fields", "labels", "streams")
TR_ID = re.compile(r"[A-Z][A-Z0-9]{7,12}")
VARIANT = re.compile(r"[a-z]+(_[a-z]+)*")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
CORRECTIONS = {"outputs", "fields", "renamed", "lengths", "blank", "also", "ledger", "slow", "apart"}
CORRECTIONS |= {"needed", "totals", "old_tr"}
ORDER_WORDS = ("order", "buy", "sell")

KEYS_NOT_IN_THE_ANSWER = {
    # Their documents take paging keys and say in the same breath that they cannot be continued.
    "domestic_stock.lendable_by_company",
    "domestic_stock.pension.inquire_daily_ccld",
    "domestic_stock.pension.inquire_present_balance",
    "overseas_price.colable_by_company",
    "overseas_futureoption.market_time",
    "domestic_bond.avg_unit",
}
WITHOUT_TR_ID = {"/oauth2/tokenP", "/oauth2/revokeP", "/oauth2/Approval", "/uapi/hashkey"}

every_stream = pytest.mark.parametrize("each", streams().values(), ids=lambda each: each.name)


def records(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


EXTRAS = records("extras")


class TestEveryRecord:
    @every
    def test_is_named_by_its_path(self, each: Endpoint) -> None:
        path = each.path.removeprefix("/uapi").removeprefix("/").replace("-", "_")
        area, version, rest = path.partition("/v1/")
        named = f"{area}.{rest.partition('/')[2]}" if version else path
        assert each.name == named.replace("/", ".")
        assert all(SEGMENT.fullmatch(segment) for segment in each.name.split("."))

    @every
    def test_is_found_by_name_and_path(self, each: Endpoint) -> None:
        assert endpoint(each.name) is each
        assert find(each.path) is each

    @every
    def test_has_well_formed_tr_ids(self, each: Endpoint) -> None:
        pairs = [*each.tr_ids.values(), *each.old_tr_ids.values()]
        assert bool(each.tr_ids) == (each.path not in WITHOUT_TR_ID)
        for live, paper in pairs:
            assert TR_ID.fullmatch(live or "")
            assert paper in (None, _paper_form(live or ""))

    @every
    def test_has_variants_that_are_words(self, each: Endpoint) -> None:
        assert list(each.tr_ids) == [""] or all(VARIANT.fullmatch(variant) for variant in each.tr_ids)
        assert len(each.tr_ids) != 1 or "" in each.tr_ids
        assert set(each.old_tr_ids) <= set(each.tr_ids)

    @every
    def test_has_well_formed_fields(self, each: Endpoint) -> None:
        assert each.method in ("GET", "POST")
        names = [parameter.name for parameter in each.params]
        assert len({name.upper() for name in names}) == len(names)
        assert all(FIELD.fullmatch(name) for name in names)
        assert all(parameter.length >= 0 for parameter in each.params)
        assert not each.free_body or not each.params

    @every
    def test_lists_values_that_fit(self, each: Endpoint) -> None:
        for parameter in each.params:
            values = parameter.values
            assert len(set(values)) == len(values), parameter.name
            assert all(value == value.strip() and value for value in values), (
                parameter.name
            )  # a blank has a flag
            assert all(len(value) <= parameter.length for value in values if parameter.length), parameter.name

    @every
    def test_pages_by_fields_that_it_sends_and_gets(self, each: Endpoint) -> None:
        names = {parameter.name: parameter for parameter in each.params}
        assert set(each.cursor) == {name for name in names if name.startswith("CTX_AREA")}
        assert all(names[key].blank for key in each.cursor)
        assert [key[9:11] for key in each.cursor] in ([], ["NK"], ["FK", "NK"])
        assert not (each.cursor and each.continues)
        given = set(response_fields(each.name).get("", ()))
        assert {key.lower() for key in each.cursor} <= given or each.name in KEYS_NOT_IN_THE_ANSWER

    @every
    def test_is_an_order_where_it_posts_to_trading(self, each: Endpoint) -> None:
        is_order = each.effect is Effect.ORDER
        assert is_order == (each.method == "POST" and "/trading/" in each.path)
        if is_order:
            assert any(word in each.name.rpartition(".")[2] for word in ORDER_WORDS)
            assert each.tr_ids
            assert all(live and live.endswith("U") for live, _ in each.tr_ids.values())

    @every
    def test_counts_at_the_ledger_where_an_account_is_named(self, each: Endpoint) -> None:
        needed = [parameter.name for parameter in each.params if not parameter.blank]
        assert ("/trading/" in each.path) <= each.ledger
        assert ("/trading/" in each.path) == ("CANO" in needed) == ("ACNT_PRDT_CD" in needed)

    @every
    def test_has_outputs_with_fields(self, each: Endpoint) -> None:
        fields = response_fields(each.name)
        assert set(each.outputs) == set(fields) - {""}
        assert set(each.outputs.values()) <= {"object", "list"}
        for output, names in fields.items():
            assert len(set(names)) == len(names), output
            assert all(FIELD.fullmatch(name) for name in names), output

    @every
    def test_what_a_variant_needs_may_be_blank_for_others(self, each: Endpoint) -> None:
        blank = {parameter.name for parameter in each.params if parameter.blank}
        for names in each.needed.values():
            assert set(names) <= blank

    @every
    def test_only_paged_answers_repeat_totals(self, each: Endpoint) -> None:
        assert not each.totals or (each.has_pages and set(each.totals) < set(each.outputs))

    @every
    def test_corrections_have_evidence_and_correct_something(self, each: Endpoint) -> None:
        correction = dict(EXTRAS.get(each.name, {"evidence": "none needed"}))
        assert len(correction.pop("evidence").split()) > 1
        assert set(correction) <= CORRECTIONS
        said = records_said(each.name)
        for kind, corrected in correction.items():
            assert _differs(kind, corrected, said), kind


def _paper_form(live: str) -> str:
    """The TR id that paper trading has where it has one: the same for quotations, else with V."""
    if live == "TTTT1006U":
        return "VTTT1001U"  # selling in the USA: 1006 is refused on paper
    return live if live.startswith(("FH", "HH")) else "V" + live[1:]


def records_said(name: str) -> dict[str, Any]:
    """What the documents say of an endpoint, in the form in which ``extras.json`` corrects it."""
    record = _ENDPOINTS[name]
    params = {field: (length, flag) for field, length, flag, *_ in record.get("params", ())}
    return {
        "outputs": record.get("outputs", {}),
        "fields": _FIELDS[name],
        "lengths": {field: length for field, (length, _) in params.items()},
        "required": {field for field, (_, flag) in params.items() if flag == "required"},
        "ledger": record.get("ledger", False),
        "variants": set(record.get("tr", {})),
        "old_variants": set(record.get("old_tr", {})),
    }


_ENDPOINTS, _FIELDS = records("endpoints"), records("fields")


def _differs(kind: str, corrected: Any, said: Mapping[str, Any]) -> bool:
    if kind == "blank":
        return bool(corrected) and set(corrected) <= said["required"]
    if kind == "also":
        return bool(corrected) and not set(corrected) & set(said["lengths"])
    if kind == "renamed":
        return bool(corrected) and set(corrected) <= set(said["outputs"])
    if kind in ("outputs", "fields"):
        return all(said[kind].get(key) != value for key, value in corrected.items())
    if kind == "lengths":
        return all(said[kind][key] != value for key, value in corrected.items())
    if kind == "old_tr":
        return bool(corrected) and set(corrected) <= said["variants"] - said["old_variants"]
    if kind == "needed":
        return bool(corrected) and set(corrected) <= said["variants"] and all(corrected.values())
    if kind == "totals":
        return bool(corrected) and {said["outputs"].get(each) for each in corrected} == {"list"}
    return corrected is True and not said.get(kind, False)


@every_stream
class TestEveryStream:
    def test_is_well_formed(self, each: Stream) -> None:
        live, paper = each.tr_ids
        assert each.name == f"realtime.{live}"
        assert each.path == f"/tryitout/{live}"
        assert TR_ID.fullmatch(live or "")
        assert paper is None or TR_ID.fullmatch(paper)
        assert len(set(each.fields)) == len(each.fields) > 1
        assert all(FIELD.fullmatch(name) for name in each.fields)

    def test_a_notice_is_registered_by_hts_id(self, each: Stream) -> None:
        live, _ = each.tr_ids
        assert each.by_hts_id == (live in NOTICES)

    def test_corrections_have_evidence_and_correct_something(self, each: Stream) -> None:
        correction = dict(EXTRAS.get(each.name, {"evidence": "none needed"}))
        assert len(correction.pop("evidence").split()) > 1
        said = records("streams")[each.name]
        assert all(said.get(kind) != corrected for kind, corrected in correction.items())


NOTICES = {"H0STCNI0", "H0IFCNI0", "H0GSCNI0", "H0MFCNI0", "H0EUCNI0", "HDFFF1C0", "HDFFF2C0"}


def test_there_is_every_record() -> None:
    assert len(endpoints()) == 278  # 277 and the one that the facts call a websocket, though it is a query
    assert len(streams()) == 60
    assert not set(endpoints()) & set(streams())
    assert set(EXTRAS) <= set(endpoints()) | set(streams())
    assert set(records("fields")) == set(endpoints())


def test_no_path_and_no_tr_id_is_twice() -> None:
    paths = Counter(each.path for each in endpoints().values())
    ids = Counter(
        tr_id
        for each in endpoints().values()
        for pairs in (each.tr_ids, each.old_tr_ids)
        for tr_id in {tr_id for pair in pairs.values() for tr_id in pair if tr_id is not None}
    )
    assert max(paths.values()) == max(ids.values()) == 1


def test_paper_trading_has_five_streams() -> None:
    on_paper = {paper for each in streams().values() for _, paper in [each.tr_ids] if paper}
    assert on_paper == {"H0STCNT0", "H0STASP0", "H0STCNI9", "H0IFCNI9", "H0GSCNI9"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_one_record_a_line(name: str) -> None:
    lines = (DATA / f"{name}.json").read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1]) == ("{", "}")
    assert [json.loads("{" + line.removesuffix(",") + "}").keys() for line in lines[1:-1]] == [
        {key} for key in records(name)
    ]


@pytest.mark.parametrize("name", FILES)
def test_nothing_looks_like_a_secret(name: str) -> None:
    text = (DATA / f"{name}.json").read_text(encoding="utf-8")
    assert not re.search(r"eyJ|[A-Za-z0-9+/]{36,}|\b\d{8}-?\d{2}\b|X{5,}|https?:", text)
