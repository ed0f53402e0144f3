from __future__ import annotations

import pytest

from kis_sync.catalog import Endpoint, endpoints, response_fields
from kis_sync.catalog.labels import describe, search
from kis_sync.catalog.streams import streams
from kis_sync.errors import InvalidRequestError
from tests.catalog.every import every


def test_every_record_and_field_has_a_label() -> None:
    for described in map(describe, [*endpoints(), *streams()]):
        assert all((described.api_id, described.category, described.label, described.path)), described.name
        bare = [field.name for field in described.request if not field.label]
        bare += [field for fields in described.response.values() for field, label in fields if not label]
        assert not bare, described.name


class TestADescription:
    @every
    def test_has_what_the_endpoint_has(self, each: Endpoint) -> None:
        described = describe(each.name)
        assert described.tr_ids == each.tr_ids
        assert [(field.name, field.blank, tuple(field.values)) for field in described.request] == [
            (parameter.name, parameter.blank, parameter.values) for parameter in each.params
        ]
        assert {
            output: [field for field, _ in fields] for output, fields in described.response.items()
        } == dict(response_fields(each.name))


def test_labels_are_labels_and_no_prose() -> None:
    described = [describe(name) for name in [*endpoints(), *streams()]]
    labels = [field.label for each in described for field in each.request]
    labels += [label for each in described for fields in each.response.values() for _, label in fields]
    labels += [label for each in described for field in each.request for label in field.values.values()]
    assert all("\n" not in label and len(label) <= 60 and label == label.strip() for label in labels)


def test_values_have_their_labels() -> None:
    (sold,) = [
        field for field in describe("domestic_stock.inquire_daily_ccld").request if "SLL" in field.name
    ]
    assert sold.values == {"00": "전체", "01": "매도", "02": "매수"}


def test_a_field_keeps_its_label_when_its_spelling_is_corrected() -> None:
    assert dict(describe("domestic_stock.order_rvsecncl").response["output"])["ODNO"] == "주문번호"


def test_a_subscription_is_described_too() -> None:
    described = describe("realtime.H0STCNI0")
    assert described.tr_ids == {"": ("H0STCNI0", "H0STCNI9")}
    assert (described.method, described.request) == ("websocket", ())
    assert described.response[""][0] == ("CUST_ID", "고객 ID")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="did you mean"):
        describe("domestic_stock.inquire_prise")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("ttts3013u", ["overseas_stock.order_resv"]),
        ("VTTC0802U", ["domestic_stock.order_cash"]),  # an old id
        ("tryitout/h0stasp0", ["realtime.H0STASP0"]),
        ("H0STCNI9", ["realtime.H0STCNI0"]),
        ("거래량순위", ["domestic_stock.volume_rank", "elw.volume_rank"]),
        ("퇴직연금 잔고", ["domestic_stock.pension.inquire_present_balance"]),
        ("no such thing", []),
    ],
)
def test_search(word: str, found: list[str]) -> None:
    assert set(found) <= set(search(word))
    assert bool(found) == bool(search(word))


def test_several_words_must_all_be_there() -> None:
    both = set(search("국내주식 잔고"))
    assert both == set(search("국내주식")) & set(search("잔고"))
    assert both < set(search("잔고"))


def test_no_word_is_everything() -> None:
    assert search(" ") == [*endpoints(), *streams()]
