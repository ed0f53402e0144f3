"""What the simulator answers with ``examples=True`` for the APIs that it does not simulate."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from kis_sync import KISBroker, catalog
from kis_sync.catalog import Effect, Endpoint
from kis_sync.cli.sim import command as sim_command
from kis_sync.clock import ManualClock
from kis_sync.sim import Simulator, examples
from kis_sync.sim.oauth import Customer
from kis_sync.sim.shapes import value_of
from kis_sync.testing import no_waits
from tests.sim.visitor import HOST, Visitor

FACTS = Path(__file__).parents[3] / "shared" / "kis"
DATA = resources.files("kis_sync.sim").joinpath("data", "examples.json")
SIMULATED = Simulator().app.routes
BY_EXAMPLE = [
    each
    for name, each in catalog.endpoints().items()
    if each.path.startswith("/uapi/") and name != "hashkey" and name not in SIMULATED
]
LEAVE_A_FIELD_OUT = (
    "domestic_stock.investor_program_trade_today",  # EXCH_DIV_CLS_CODE came later
    "domestic_stock.bulk_trans_num",  # what stands there as the request is an answer
    "overseas_stock.order_resv",  # the American one leaves out what the Asian one needs
)
NO_ORDER = "(not simulated: nothing was ordered) "


@pytest.fixture(scope="module")
def visitors() -> dict[str, Visitor]:
    return {
        mode: Visitor(Simulator(mode=mode, limit=1_000_000, examples=True, clock=ManualClock()))
        for mode in ("live", "paper")
    }


def fields_of(endpoint: Endpoint, visitor: Visitor) -> dict[str, str]:
    """Every documented field: with the account, the first listed value, or one of its form and length."""
    made = {}
    for parameter in endpoint.params:
        listed = next((value for value in parameter.values if value), "")
        value = visitor.account.get(parameter.name.upper()) or listed or value_of(parameter.name)
        made[parameter.name] = value[: parameter.length or None]
    return made


def send(
    visitor: Visitor, endpoint: Endpoint, tr_id: str, fields: dict[str, str], **headers: str
) -> requests.Response:
    sent = visitor.headers(tr_id, **headers)
    url = HOST + endpoint.path
    if endpoint.method == "GET":
        return visitor.session.get(url, params=fields, headers=sent, timeout=5)
    return visitor.session.post(url, json=fields, headers=sent, timeout=5)


def tr_ids(endpoint: Endpoint, mode: str) -> Iterator[str]:
    """Every TR id of an API in a world, earlier ones too."""
    for ids in [*endpoint.tr_ids.values(), *endpoint.old_tr_ids.values()]:
        tr_id = ids[mode == "paper"]
        if tr_id is not None:
            yield tr_id


def first_tr_id(endpoint: Endpoint) -> str:
    return next(tr_ids(endpoint, "live"))


def names_in(content: Any) -> set[str]:
    """The field names of an output in lower case; of a list those that each row has."""
    if isinstance(content, list):
        return set.intersection(*[names_in(row) for row in content]) if content else set()
    return {name.lower() for name in content}


def walk(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with its name."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from walk(value, key)
    elif isinstance(content, list):
        for value in content:
            yield from walk(value, name)
    else:
        yield name, content


def test_there_is_work_to_do() -> None:
    assert len(BY_EXAMPLE) + len(SIMULATED) + 4 == len(catalog.endpoints())
    assert {examples.kind_of(each) for each in BY_EXAMPLE} == {examples.EXAMPLE, examples.SHAPE}


@pytest.mark.skipif(not FACTS.exists(), reason="the facts are not beside this checkout")
def test_every_documented_path_is_answered() -> None:
    records = json.loads((FACTS / "api.json").read_text(encoding="utf-8"))
    paths = {record["path"] for record in records if record["kind"] == "rest"}
    assert len(paths) == 277
    known = {catalog.endpoints()[name].path for name in SIMULATED} | {each.path for each in BY_EXAMPLE}
    oauth = {"/oauth2/tokenP", "/oauth2/revokeP", "/oauth2/Approval", "/uapi/hashkey"}
    assert paths <= known | oauth


Check = Callable[[Any, dict[str, Visitor], Endpoint, str], None]


def every_api(check: Check) -> Callable[[Any, dict[str, Visitor], str], None]:
    """Make a test of a check that takes an API: one for all of them, which tells those that fail."""

    def test(self: Any, visitors: dict[str, Visitor], mode: str) -> None:
        faults = []
        for endpoint in BY_EXAMPLE:
            try:
                check(self, visitors, endpoint, mode)
            except (AssertionError, LookupError, ValueError) as fault:
                faults.append(f"{endpoint.name}: {fault!r}")
        assert not faults, "\n".join(faults)

    return test


@pytest.mark.parametrize("mode", ["live", "paper"])
class TestEveryApi:
    @every_api
    def test_is_answered_with_every_documented_field(
        self, visitors: dict[str, Visitor], endpoint: Endpoint, mode: str
    ) -> None:
        visitor = visitors[mode]
        for tr_id in tr_ids(endpoint, mode):
            response = send(visitor, endpoint, tr_id, fields_of(endpoint, visitor))
            content = response.json()
            assert (response.status_code, content["rt_cd"]) == (200, "0"), content
            assert content["msg_cd"]
            assert content["msg1"]
            assert len(content["msg1"]) <= 80
            assert response.headers["tr_id"] == tr_id
            assert response.headers[examples.MARK] == examples.kind_of(endpoint)
            outputs = {name.lower(): value for name, value in content.items()}
            for output, fields in catalog.response_fields(endpoint.name).items():
                found = outputs[output.lower()] if output else outputs
                assert {field.lower() for field in fields} <= names_in(found), output
                assert not isinstance(found, list) or 1 <= len(found) <= 3
            assert all(isinstance(value, str) for _, value in walk(content))

    @every_api
    def test_marks_an_order(self, visitors: dict[str, Visitor], endpoint: Endpoint, mode: str) -> None:
        visitor = visitors[mode]
        for tr_id in tr_ids(endpoint, mode):
            content = send(visitor, endpoint, tr_id, fields_of(endpoint, visitor)).json()
            assert content["msg1"].startswith(NO_ORDER) == (endpoint.effect is Effect.ORDER)

    @every_api
    def test_ends_a_list(self, visitors: dict[str, Visitor], endpoint: Endpoint, mode: str) -> None:
        visitor = visitors[mode]
        for tr_id in tr_ids(endpoint, mode):
            fields = fields_of(endpoint, visitor)
            response = send(visitor, endpoint, tr_id, fields)
            if endpoint.cursor:
                assert response.headers["tr_cont"] == "D"
                content = response.json()
                assert all(not content[name.lower()].strip() for name in endpoint.cursor)
                response = send(visitor, endpoint, tr_id, fields, tr_cont="N")
                assert response.json()["msg_cd"] == "SYDB0050"
            else:
                assert response.headers["tr_cont"] in ("", "D")

    @every_api
    def test_is_refused_with_a_bad_request(
        self, visitors: dict[str, Visitor], endpoint: Endpoint, mode: str
    ) -> None:
        visitor = visitors[mode]
        tr_id = next(tr_ids(endpoint, mode), None)
        if tr_id is None:
            return
        fields = fields_of(endpoint, visitor)
        assert code(send(visitor, endpoint, "ABCD1234U", fields)) == "OPSQ0002"
        assert code(send(visitor, endpoint, "", fields)) == "OPSQ9999"
        assert code(send(visitor, endpoint, tr_id, fields, appkey="")) == "EGW00102"
        assert code(send(visitor, endpoint, tr_id, fields, authorization="Bearer x")) == "EGW00121"
        for parameter in endpoint.params:
            less = {name: value for name, value in fields.items() if name != parameter.name}
            if not parameter.blank and parameter.name != "EXCG_ID_DVSN_CD":
                assert code(send(visitor, endpoint, tr_id, less)) in ("OPSQ2001", "IGW00007")
            if parameter.length:
                more = fields | {parameter.name: "9" * (parameter.length + 1)}
                assert code(send(visitor, endpoint, tr_id, more)) in ("OPSQ2002", "IGW00007")

    @every_api
    def test_is_refused_where_its_world_lacks_it(
        self, visitors: dict[str, Visitor], endpoint: Endpoint, mode: str
    ) -> None:
        visitor = visitors[mode]
        fields = fields_of(endpoint, visitor)
        own = set(tr_ids(endpoint, mode))
        for live, paper in endpoint.tr_ids.values():
            if mode == "live" and paper is not None and paper not in own:
                assert code(send(visitor, endpoint, paper, fields)) == "EGW02005"
            if mode == "paper" and paper is None and live is not None:
                assert code(send(visitor, endpoint, live, fields)) == "EGW02006"
                if live[0] in "TJC":
                    assert code(send(visitor, endpoint, "V" + live[1:], fields)) in ("90000000", "OPSQ0002")


def code(response: requests.Response) -> str:
    return str(response.json()["msg_cd"])


def test_without_the_switch_the_refusal_tells_of_it() -> None:
    visitor = Visitor(Simulator(limit=100))
    endpoint = BY_EXAMPLE[0]
    response = send(visitor, endpoint, first_tr_id(endpoint), fields_of(endpoint, visitor))
    assert (response.status_code, code(response)) == (500, "OPSQ0002")
    assert endpoint.name in response.json()["msg1"]
    assert "--examples" in response.json()["msg1"]


def test_what_is_simulated_is_never_answered_by_example() -> None:
    clock = ManualClock()
    plain, by_example = (
        Visitor(Simulator(limit=1_000_000, clock=clock, examples=switch)) for switch in (False, True)
    )
    assert plain.sim.app.routes.keys() == by_example.sim.app.routes.keys()
    for name in SIMULATED:
        endpoint = catalog.endpoint(name)
        for tr_id in tr_ids(endpoint, "live"):
            response = send(by_example, endpoint, tr_id, fields_of(endpoint, by_example))
            assert examples.MARK not in response.headers
    assert plain.price().content == by_example.price().content


def test_the_account_asked_for_is_put_in(visitors: dict[str, Visitor]) -> None:
    visitor = visitors["live"]
    shown = 0
    for endpoint in BY_EXAMPLE:
        if "CANO" not in {parameter.name for parameter in endpoint.params}:
            continue
        content = send(visitor, endpoint, first_tr_id(endpoint), fields_of(endpoint, visitor)).json()
        told = {(name, value) for name, value in walk(content) if name in ("cano", "acnt_prdt_cd")}
        assert told <= {(name.lower(), value) for name, value in visitor.account.items()}
        shown += bool(told)
    assert shown > 5


def test_the_code_asked_for_is_put_in_where_one_was_asked_for(visitors: dict[str, Visitor]) -> None:
    """Where the answer has one row: not in a list, whose rows have names to their codes."""
    shown = 0
    for endpoint in BY_EXAMPLE:
        asked = {parameter.name.upper(): parameter.name for parameter in endpoint.params}
        code_field = next((name for name in ("FID_INPUT_ISCD", "PDNO", "SYMB") if name in asked), None)
        if endpoint.method != "GET" or code_field is None:
            continue
        fields = fields_of(endpoint, visitors["live"]) | {asked[code_field]: "00104K"}
        content = send(visitors["live"], endpoint, first_tr_id(endpoint), fields).json()
        answer = {"FID_INPUT_ISCD": "stck_shrn_iscd", "PDNO": "pdno", "SYMB": "symb"}[code_field]
        for output in content.values():
            if isinstance(output, dict) and answer in output:
                assert output[answer] == "00104K", endpoint.name
                shown += 1
        everything = send(
            visitors["live"], endpoint, first_tr_id(endpoint), fields | {asked[code_field]: "0000"}
        )
        assert (answer, "0000") not in walk(everything.json())
    assert shown


ORDERS = [each for each in BY_EXAMPLE if each.effect is Effect.ORDER]


def test_no_two_orders_have_the_same_number() -> None:
    def numbers(visitor: Visitor) -> list[str]:
        answers = [
            send(visitor, each, first_tr_id(each), fields_of(each, visitor)).json()["output"]
            for each in ORDERS * 2
        ]
        return [answer["ODNO" if "ODNO" in answer else "OVRS_RSVN_ODNO"] for answer in answers]

    visitor = Visitor(Simulator(limit=1000, examples=True))
    told = numbers(visitor)
    assert len(ORDERS) > 10
    assert len({int(number) for number in told}) == len(told)
    assert {len(number) for number in told} == {8, 10}
    assert told == numbers(Visitor(Simulator(limit=1000, examples=True)))
    visitor.sim.reset()
    visitor.app_key, visitor.token = visitor.sim.app_key, ""
    assert told == numbers(visitor)


def test_an_account_of_somebody_else_is_refused() -> None:
    customer = Customer("P" * 36, "s" * 180, "73000001-01")
    visitor = Visitor(Simulator(limit=1000, examples=True, customers=[customer]))
    endpoint = next(each for each in BY_EXAMPLE if {"CANO"} <= {field.name for field in each.params})
    fields = fields_of(endpoint, visitor)
    assert code(send(visitor, endpoint, first_tr_id(endpoint), fields)) != "OPSQ2000"
    fields["CANO"] = "73000002"
    assert code(send(visitor, endpoint, first_tr_id(endpoint), fields)) == "OPSQ2000"


def test_the_limit_counts_here_too() -> None:
    visitor = Visitor(Simulator(limit=1, examples=True, clock=ManualClock()))
    endpoint = BY_EXAMPLE[0]
    answers = [send(visitor, endpoint, first_tr_id(endpoint), fields_of(endpoint, visitor)) for _ in range(2)]
    assert [code(answer) == "EGW00201" for answer in answers] == [False, True]


def test_a_broker_calls_them_all() -> None:
    told = 0
    with no_waits(), KISBroker.simulated(examples=True, limit=10_000) as broker:
        assert broker.simulator is not None
        visitor = Visitor(broker.simulator)
        for endpoint in BY_EXAMPLE:
            if endpoint.effect is Effect.READ:
                for variant in endpoint.tr_ids:
                    fields = fields_of(endpoint, visitor) | dict.fromkeys(endpoint.cursor, "")
                    pages = None if endpoint.has_pages else 1
                    broker.call(endpoint.name, fields, variant=variant, pages=pages)
                    told += 1
    assert told > 100


@pytest.mark.parametrize("arguments", [[], ["--examples"]])
def test_the_command_has_the_switch(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, object] = {}

    class Recorder:
        def __init__(self, **options: object) -> None:
            taken.update(options)

        def start(self) -> None:
            raise OSError(1, "this is enough")

    monkeypatch.setattr("kis_sync.sim.Simulator", Recorder)
    done = CliRunner().invoke(sim_command, arguments)
    assert "this is enough" in done.output
    assert taken["examples"] is bool(arguments)


class TestData:
    def test_is_small_and_made_up(self) -> None:
        text = DATA.read_text(encoding="utf-8")
        assert len(text.encode()) < 150_000
        for name, value in walk(json.loads(text)):
            assert not re.match(r"8[01]\d{6}(\D|$)", value) or "vol" in name or "qty" in name, (name, value)
            assert not re.fullmatch(r"01\d{8,9}", value), (name, value)
            if name == "cano":
                assert value in ("", "12345678")
            assert not name.startswith("ctx_area") or not value.strip()

    def test_fits_the_catalogue(self) -> None:
        for path, content in json.loads(DATA.read_text(encoding="utf-8")).items():
            assert catalog.find(path) is not None, path
            assert all(len(value) <= 3 for value in content.values() if isinstance(value, list))
            assert content["msg"] == [] or re.fullmatch(r"[A-Z]{3,4}\d{4,5}", content["msg"][0])

    def test_is_read_only_when_asked_for(self) -> None:
        examples._examples.cache_clear()
        visitor = Visitor(Simulator(limit=100))
        assert visitor.price().json()["rt_cd"] == "0"
        assert send(visitor, BY_EXAMPLE[0], first_tr_id(BY_EXAMPLE[0]), {}).status_code in (200, 500)
        assert examples._examples.cache_info().currsize == 0

    @pytest.mark.skipif(not FACTS.exists(), reason="the facts are not beside this checkout")
    def test_documented_requests_are_taken(self, visitors: dict[str, Visitor]) -> None:
        """A request that KIS's documents show passes the front checks, unless it leaves a field out."""
        documented = json.loads((FACTS / "examples.json").read_text(encoding="utf-8"))
        refused = {}
        for key, example in documented.items():
            endpoint = catalog.find(key.partition(" ")[0])
            if endpoint is None or endpoint not in BY_EXAMPLE:
                continue
            pairs = re.findall(r'"?(\w+)"?[ \t]*:[ \t]*"?([^"\n,]*)', str(example["request"]))
            visitor = visitors["live"]
            fields = {name.upper(): value.strip() for name, value in pairs} | visitor.account
            response = send(visitor, endpoint, first_tr_id(endpoint), fields).json()
            if response["rt_cd"] != "0":
                refused[endpoint.name] = response["msg1"]
        for name in LEAVE_A_FIELD_OUT:
            refused.pop(name, None)
        assert refused == {}


FORMS = {
    "date": r"(19|20)\d\d(0\d|1[0-2])[0-3]\d",
    "time": r"([01]\d|2[0-3])[0-5]\d[0-5]\d",
    "number": r"[-+]?\d+(\.\d+)?",
    "yes or no": r"[YN]",
}


def form_of(value: str) -> str:
    return next((form for form, pattern in FORMS.items() if re.fullmatch(pattern, value.strip())), "text")


def test_values_by_name_have_the_form_of_documented_ones() -> None:
    """Held against the names of which an example shows a value."""
    shown: dict[str, set[str]] = defaultdict(set)
    for name, value in walk(json.loads(DATA.read_text(encoding="utf-8"))):
        if value.strip() and name != "msg":
            shown[name].add(form_of(value))
    assert len(shown) > 1_000
    wrong = {name: value_of(name) for name, forms in shown.items() if form_of(value_of(name)) not in forms}
    numbers = {name for name in wrong if shown[name] <= {"time", "date"} and form_of(wrong[name]) == "number"}
    assert len(wrong.keys() - numbers) < 0.02 * len(shown), wrong
