"""Every documented API, called by name in both modes, as it arrives at a server that records it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kis_sync import KISBroker, NotOnPaperError
from kis_sync.catalog import Effect, Endpoint, endpoints
from kis_sync.testing import no_waits
from tests.fake_kis import RECEIPT, SECRET, FakeKIS
from tests.servers import Action, Request, answer

FACTS = Path(__file__).parents[2] / "shared" / "kis" / "api.json"
MODES = ("live", "paper")
OWN_FIELDS = {"grant_type", "appkey", "appsecret", "secretkey"}
VARIANTS = [
    (each, variant) for each in endpoints().values() for variant in (each.tr_ids or {"": (None, None)})
]


class Recorder(FakeKIS):
    """Answers whatever is asked with outputs of the documented shapes."""

    def _usual(self, request: Request) -> Action:
        if request.name in ("tokenP", "hashkey"):
            return super()._usual(request)
        known = next((each for each in endpoints().values() if each.path == request.path), None)
        outputs = {} if known is None else known.outputs
        one = RECEIPT if known is not None and known.effect is Effect.ORDER else {}
        body: dict[str, object] = {name: [] if shape == "list" else one for name, shape in outputs.items()}
        return answer({"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.", **body})


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Recorder, dict[str, KISBroker]]]:
    with Recorder() as kis, no_waits():
        live, paper = (kis.settings(mode=mode, allow_live_orders=True) for mode in MODES)
        with KISBroker(live) as live_broker, KISBroker(paper) as paper_broker:
            yield kis, {"live": live_broker, "paper": paper_broker}


def filled(each: Endpoint) -> dict[str, str]:
    """A value of its own for every field: a listed one, or text with letters that must be escaped."""
    fields = {}
    for at, parameter in enumerate(each.params):
        listed = [value for value in parameter.values if value]
        fields[parameter.name] = listed[-1] if listed else f"{at}가&=+ /%"[: parameter.length or None]
    fields |= dict.fromkeys(each.cursor, "")  # with keys it would be the question for a later page
    if each.free_body:
        fields = {"CANO": "12345678", "ORD_QTY": "1"}
    return {name: value for name, value in fields.items() if name not in OWN_FIELDS}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("each", "variant"), VARIANTS, ids=lambda each: getattr(each, "name", each))
def test_arrives_as_documented(
    world: tuple[Recorder, dict[str, KISBroker]], each: Endpoint, variant: str, mode: str
) -> None:
    kis, brokers = world
    kis.requests.clear()
    broker, fields = brokers[mode], filled(each)
    ids = each.tr_ids.get(variant, ("", ""))
    tr_id = ids[MODES.index(mode)]
    if tr_id is None:
        with pytest.raises(NotOnPaperError):
            broker.call(each.name, fields, variant=variant)
        assert kis.requests == []
        return
    got = broker.call(each.name, fields, variant=variant)
    arrived = [request for request in kis.requests if request.path == each.path][-1]
    assert list(got) or each.name == "oauth2.revokeP"
    assert arrived.method == each.method
    assert_headers(arrived, broker, each, tr_id)
    assert_fields(arrived, broker, each, fields)
    if each.effect is Effect.ORDER:
        assert len([request for request in kis.requests if request.path == each.path]) == 1
    assert_agrees_with_the_facts(arrived, each, tr_id, mode)


def assert_headers(arrived: Request, broker: KISBroker, each: Endpoint, tr_id: str) -> None:
    assert arrived.header("content-type") == "application/json; charset=utf-8"
    if each.path.startswith("/oauth2/"):
        assert arrived.header("appsecret") is None
        return
    assert arrived.header("appkey") == broker.settings.app_key
    assert arrived.header("appsecret") == SECRET
    if not tr_id:
        return
    assert (arrived.header("authorization") or "").startswith("Bearer eyJ")
    assert arrived.header("tr_id") == tr_id
    assert arrived.header("tr_cont") == ""
    assert arrived.header("custtype") == "P"


def assert_fields(arrived: Request, broker: KISBroker, each: Endpoint, fields: dict[str, str]) -> None:
    keys = {
        "grant_type": "client_credentials",
        "appkey": broker.settings.app_key,
        "appsecret": SECRET,
        "secretkey": SECRET,
    }
    wanted = {each.name: keys[each.name] for each in each.params if each.name in keys} | fields
    if each.method == "GET":
        assert arrived.query == wanted
        assert arrived.body == b""
    else:
        assert arrived.json() == wanted
        assert "?" not in arrived.target


@cache
def facts() -> dict[str, dict[str, Any]]:
    if not FACTS.exists():
        return {}
    records = json.loads(FACTS.read_text(encoding="utf-8"))
    return {record["path"]: record for record in records if not record["path"].startswith("/tryitout/")}


def assert_agrees_with_the_facts(arrived: Request, each: Endpoint, tr_id: str, mode: str) -> None:
    """Against the documents themselves, where they lie beside this checkout."""
    if not facts():
        return
    record = facts()[each.path]
    assert arrived.method == record["method"]
    documented = record["tr_id_real" if mode == "live" else "tr_id_paper"] or ""
    assert tr_id in documented or tr_id in FROM_THE_TEXTS
    sent = arrived.query if each.method == "GET" else arrived.json()
    names = [field["name"] for field in record["request"]]
    if each.free_body or any(not name.isidentifier() for name in names):
        return  # any fields; or names such as "EXCD_01 ~ 10", which stand for several
    assert list(sent) == names


_ABROAD = (
    "TTS0308U TTS0307U TTS0202U TTS1005U TTS1002U TTS1001U TTS0305U TTS0304U TTS0311U TTS0310U "
    "TTS1003U TTS0309U TTS0302U TTS0306U TTS0312U"
)
# The records of orders abroad name only the American ids, their notes the Asian ones.
FROM_THE_TEXTS = frozenset(f"{initial}{rest}" for rest in _ABROAD.split() for initial in "TV")


@pytest.mark.skipif(not FACTS.exists(), reason="the facts are not beside this checkout")
def test_every_documented_path_is_in_the_catalogue() -> None:
    assert {each.path for each in endpoints().values()} == set(facts())
    assert len(facts()) == 278  # of which one is filed as a websocket, but is an ordinary query
