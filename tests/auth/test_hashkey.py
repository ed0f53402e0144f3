"""Hash keys: read from the answer, or the order was not sent."""

from __future__ import annotations

import pytest

from kis_sync.auth.hashkey import read_hashkey
from kis_sync.envelope import Envelope
from kis_sync.errors import OrderUncertainError, Reach, ServerError
from tests.fake_kis import FakeKIS
from tests.servers import answer

WRONG: dict[str, dict[str, object]] = {
    "none": {"BODY": {}},
    "blank": {"HASH": "  "},
    "another alphabet": {"HASH": "해시"},
    "a line end": {"HASH": "ab\r\nx: y"},
    "a list": {"HASH": ["ab"]},
    "true": {"HASH": True},
}


def test_it_is_read_in_either_case() -> None:
    assert read_hashkey(Envelope("hashkey", {"HASH": "a1b2"})) == "a1b2"
    assert read_hashkey(Envelope("hashkey", {"hash": "a1b2"})) == "a1b2"


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_answer_is_an_error(kind: str) -> None:
    with pytest.raises(ServerError):
        read_hashkey(Envelope("hashkey", WRONG[kind]))


@pytest.mark.parametrize("kind", WRONG)
def test_and_the_order_was_not_sent(kind: str) -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        kis.next("hashkey", answer(WRONG[kind]))
        with pytest.raises(ServerError) as caught:
            broker.send_order("005930", "BUY", 1)
        assert not isinstance(caught.value, OrderUncertainError)
        assert caught.value.reach is Reach.NOT_EXECUTED
        assert caught.value.endpoint == "hashkey"
        assert (kis.count("hashkey"), kis.count("order-cash")) == (1, 0)
        broker.send_order("005930", "BUY", 1)
        assert len(kis.accepted) == 1
