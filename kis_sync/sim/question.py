"""From a request to a question: which API is meant, is the TR id right, are the fields there.

This room changes when KIS changes what it checks before an API's own work.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from kis_sync import catalog
from kis_sync.catalog import Endpoint, Mode, Parameter
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.wire import RefusalError, Request

NOT_ON_PAPER = ("90000000", "모의투자에서는 해당업무가 제공되지 않습니다.")
_LIVE_INITIALS = "TJC"  # a paper TR id is the live one with V in place of one of these
_ALL_MUST_BE_PRESENT = frozenset({"domestic_stock.inquire_balance"})


@dataclass(frozen=True, slots=True)
class Question:
    """A request that passed the front checks: its API, variant and fields (names in upper case)."""

    endpoint: Endpoint
    variant: str
    tr_id: str
    app_key: str
    fields: Mapping[str, str]
    tr_cont: str = ""
    shows_nothing: bool = False
    """Whether this list of orders is to leave out all of them (the fault ``unlisted``)."""

    def field(self, name: str) -> str:
        """The value of a field without blanks around it, blank when it was not sent."""
        return self.fields.get(name, "").strip()


@dataclass(frozen=True, slots=True)
class _TrIds:
    """Every TR id of the catalogue, by world."""

    live: frozenset[str]
    paper: frozenset[str]


@cache
def _tr_ids(with_old: bool) -> _TrIds:
    pairs = [pair for each in catalog.endpoints().values() for pair in _pairs(each, with_old).values()]
    ids = [tr_id for pair in pairs for tr_id in pair]
    return _TrIds(
        frozenset(live for live, _ in ids if live is not None),
        frozenset(paper for _, paper in ids if paper is not None),
    )


def _pairs(endpoint: Endpoint, with_old: bool) -> dict[str, list[tuple[str | None, str | None]]]:
    known = {variant: [ids] for variant, ids in endpoint.tr_ids.items()}
    for variant, ids in endpoint.old_tr_ids.items() if with_old else ():
        known.setdefault(variant, []).append(ids)
    return known


@cache
def _reads(mode: Mode, with_old: bool) -> Mapping[str, Endpoint]:
    """The reads that are asked for by GET, by each TR id that a world knows them by."""
    reads = {}
    for endpoint in catalog.endpoints().values():
        if endpoint.method == "GET":
            for live, paper in itertools.chain(*_pairs(endpoint, with_old).values()):
                tr_id = paper if mode is Mode.PAPER else live
                if tr_id is not None:
                    reads[tr_id] = endpoint
    return reads


def meant_by(endpoint: Endpoint, tr_id: str, mode: Mode, assumptions: Assumptions) -> Endpoint:
    """The API that a request means: its path's, unless the path is a read's and the TR id another read's."""
    if endpoint.method != "GET" or not assumptions.tr_id_decides:
        return endpoint
    return _reads(mode, assumptions.old_tr_ids).get(tr_id, endpoint)


def variant_of(endpoint: Endpoint, tr_id: str, mode: Mode, assumptions: Assumptions) -> str:
    """The variant that a TR id stands for; raises KIS's refusal of a TR id that does not fit."""
    if not endpoint.tr_ids:
        return ""
    for variant, pairs in _pairs(endpoint, assumptions.old_tr_ids).items():
        if tr_id and any(tr_id == (paper if mode is Mode.PAPER else live) for live, paper in pairs):
            return variant
    raise _tr_id_refused(tr_id, mode, _tr_ids(assumptions.old_tr_ids))


def _tr_id_refused(tr_id: str, mode: Mode, known: _TrIds) -> RefusalError:
    if not tr_id:
        return RefusalError("OPSQ9999", "JSON PARSING ERROR : tr_id not found")
    is_paper_form = tr_id.startswith("V") and any(
        initial + tr_id[1:] in known.live for initial in _LIVE_INITIALS
    )
    if mode is Mode.LIVE and (is_paper_form or tr_id in known.paper - known.live):
        return RefusalError("EGW02005", "실전투자 TR 이 아닙니다.")
    if mode is Mode.PAPER and tr_id in known.live - known.paper:
        return RefusalError("EGW02006", "모의투자 TR 이 아닙니다.")
    if mode is Mode.PAPER and is_paper_form and tr_id not in known.paper:
        return RefusalError(*NOT_ON_PAPER, status=200)
    return RefusalError("OPSQ0002", "없는 서비스 코드 입니다.")


def _is_too_long(parameter: Parameter, value: str) -> bool:
    """Whether a value is longer than documented; a length that nobody knows (0) has no end."""
    return 0 < parameter.length < len(value.strip())


def query_fields(endpoint: Endpoint, request: Request) -> dict[str, str]:
    """The fields of a GET; raises the refusal of a missing or too long one.

    A POST brings none, whatever stands in its query.
    """
    if request.method != "GET":
        name = endpoint.params[0].name.upper() if endpoint.params else ""
        raise input_refused("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{name}]")
    for parameter in endpoint.params:
        name = parameter.name.upper()
        value = request.query.get(name)
        needed = not parameter.blank or endpoint.name in _ALL_MUST_BE_PRESENT
        if value is None and needed:
            raise input_refused("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{name}]")
        if value is not None and _is_too_long(parameter, value):
            raise input_refused("OPSQ2002", "ERROR : INPUT INVALID_CHECK_FIELD_LENGTH")
    return dict(request.query)


def input_refused(msg_cd: str, msg1: str) -> RefusalError:
    """A refusal by KIS's input checks: HTTP 200 with ``rt_cd`` 2."""
    return RefusalError(msg_cd, msg1, rt_cd="2", status=200)


def body_unmappable() -> RefusalError:
    """IGW00007: keys are missing, or values are no strings, no whole numbers or too long."""
    return RefusalError("IGW00007", "MCA 전문바디 구성 중 오류가 발생하였습니다.")


def body_fields(
    endpoint: Endpoint, variant: str, body: Mapping[str, Any], assumptions: Assumptions
) -> dict[str, str]:
    """The fields of a POST: names in upper case, all values strings; raises IGW00007 otherwise."""
    by_variant = endpoint.needed.get(variant, ())
    for parameter in endpoint.params:
        needed = not parameter.blank or assumptions.order_needs_all_keys or parameter.name in by_variant
        if parameter.name not in body and needed:
            raise body_unmappable()
    if not all(isinstance(value, str) for value in body.values()):
        raise body_unmappable()
    if any(_is_too_long(parameter, body.get(parameter.name, "")) for parameter in endpoint.params):
        raise body_unmappable()
    return dict(body)
