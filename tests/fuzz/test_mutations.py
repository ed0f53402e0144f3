"""The mutators give the same for the same seed, and the secrets are found in every guise."""

from __future__ import annotations

import json
import random

import pytest

from kis_sync.catalog import Mode, endpoint
from tests.fuzz import telltale
from tests.fuzz.answer_mutations import mutated
from tests.fuzz.cases import make_case
from tests.fuzz.json_mutations import bend, text_of
from tests.fuzz.request_mutations import mutated as mutated_request
from tests.fuzz.request_mutations import usual
from tests.fuzz.visits import Visitor

BODY = json.dumps({"rt_cd": "0", "output": {"stck_prpr": "70000"}, "output1": [{"a": "1"}] * 3}).encode()


def test_an_answer_is_mutated_the_same_way_again() -> None:
    def written(seed: int) -> list[bytes]:
        return [
            mutated(random.Random(f"{seed}:{index}"), BODY, [(b"tr_cont", b"M")], b"HTTP/1.1 200 x").written()
            for index in range(400)
        ]

    assert written(1) == written(1)
    assert written(1) != written(2)
    assert len(set(written(1))) > 350


def test_what_one_case_does_to_a_value_is_not_seen_by_the_next() -> None:
    before = [make_case(5, index).draft.written() for index in range(300)]
    assert [make_case(5, index).draft.written() for index in range(300)] == before


def test_a_bent_tree_can_always_be_written() -> None:
    for index in range(2000):
        rng = random.Random(index)
        text_of(rng, bend(rng, json.loads(BODY)))


def test_a_request_is_mutated_the_same_way_again() -> None:
    def made() -> list[object]:
        rng = random.Random(7)
        known = endpoint("domestic_stock.order_cash")
        return [mutated_request(rng, usual(known, Mode.PAPER, "token", rng)) for _ in range(300)]

    assert made() == made()


def test_a_chunk_of_requests_is_the_same_again() -> None:
    def made() -> list[object]:
        visitor = Visitor(3, 4)
        return [visitor.next() for _ in range(100)]

    assert made() == made()


@pytest.mark.parametrize("secret", telltale.SECRETS, ids=lambda secret: str(secret.name))
class TestTelltales:
    def test_a_secret_is_told_whole_cut_split_and_in_either_case(self, secret: telltale.Secret) -> None:
        value = secret.value
        some = value[len(value) // 3 :][: telltale.PIECE + 8] if len(value) > 8 else value
        for text in (value, value.upper(), value.lower(), "\n".join(value), f"x{some}x", " ".join(value)):
            assert telltale.told(f"got {text}!") == [secret.name]

    def test_any_piece_of_it_is_told(self, secret: telltale.Secret) -> None:
        letters = "".join(each for each in secret.value if each.isalnum())
        for at in range(max(1, len(letters) - telltale.PIECE + 1)):
            assert telltale.told(letters[at : at + telltale.PIECE]) == [secret.name]

    def test_less_is_not(self, secret: telltale.Secret) -> None:
        assert telltale.told(secret.value[:7]) == []


def test_a_secret_that_the_client_does_not_hold_is_told_in_one_piece_only() -> None:
    token = telltale.ACCESS_TOKEN
    assert telltale.told(token, "access token") == ["access token"]
    assert telltale.told(" ".join(token), "access token") == []
    assert telltale.told(telltale.APP_KEY, "access token") == ["app key"]
