"""The tree of errors: complete, picklable without loss, and caught as what users expect."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from kis_sync import errors
from kis_sync.errors import KISError, Reach

TREE: dict[str, tuple[str, ...]] = {
    "ConfigurationError": ("KISError",),
    "InvalidRequestError": ("KISError", "ValueError"),
    "NotOnPaperError": ("InvalidRequestError",),
    "AuthenticationError": ("KISError",),
    "AccessTokenError": ("AuthenticationError",),
    "RateLimitError": ("KISError", "TimeoutError"),
    "RequestRefusedError": ("KISError",),
    "ServerError": ("KISError",),
    "StaleCursorError": ("ServerError",),
    "NetworkError": ("KISError", "ConnectionError"),
    "OrderUncertainError": ("KISError",),
    "JournalError": ("KISError",),
    "BrokerClosedError": ("KISError",),
}
KINDS = [getattr(errors, name) for name in TREE]
FACTS: dict[str, Any] = {
    "code": "EGW00201",
    "endpoint": "domestic_stock.inquire_price",
    "http_status": 500,
    "reach": Reach.REFUSED,
    "can_retry": True,
}


def test_the_tree_is_as_drawn() -> None:
    found = {
        name: tuple(base.__name__ for base in kind.__bases__)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, KISError) and kind is not KISError
    }
    assert found == TREE
    drawn = str(errors.__doc__)
    assert all(name in drawn for name in TREE)
    assert KISError.__bases__ == (Exception,)


@pytest.mark.parametrize("kind", [KISError, *KINDS])
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_nothing_is_lost_on_the_way_to_another_process(kind: type[KISError], again: Any) -> None:
    error = kind("무엇이 일어났나", **FACTS)
    error.add_note("a note") if hasattr(error, "add_note") else None
    there = again(error)
    assert type(there) is kind
    assert vars(there) == vars(error)
    assert (str(there), repr(there), there.args) == (str(error), repr(error), error.args)


def test_an_uncertain_order_keeps_what_was_asked() -> None:
    error = errors.OrderUncertainError("unknown", order_request="buy 10 005930", code="EGW00301")
    there = pickle.loads(pickle.dumps(error))
    assert (there.order_request, there.code) == ("buy 10 005930", "EGW00301")
    assert there.reach is Reach.MAYBE_EXECUTED
    assert not there.can_retry


def test_each_tells_message_endpoint_code_and_status() -> None:
    told = "no (domestic_stock.inquire_price, EGW00201, HTTP 500)"
    for kind in KINDS:
        assert str(kind("no", **FACTS)) == told
        assert str(kind("no")) == "no"


@pytest.mark.parametrize(
    ("name", "reach", "can_retry"),
    [
        ("ConfigurationError", Reach.NOT_EXECUTED, False),
        ("InvalidRequestError", Reach.NOT_EXECUTED, False),
        ("NotOnPaperError", Reach.NOT_EXECUTED, False),
        ("AuthenticationError", Reach.REFUSED, False),
        ("AccessTokenError", Reach.NOT_EXECUTED, False),
        ("RateLimitError", Reach.NOT_EXECUTED, True),
        ("RequestRefusedError", Reach.REFUSED, False),
        ("ServerError", Reach.MAYBE_EXECUTED, True),
        ("StaleCursorError", Reach.MAYBE_EXECUTED, False),
        ("NetworkError", Reach.MAYBE_EXECUTED, True),
        ("OrderUncertainError", Reach.MAYBE_EXECUTED, False),
        ("BrokerClosedError", Reach.NOT_EXECUTED, False),
    ],
)
def test_how_far_it_got_and_whether_to_try_again_unless_said_otherwise(
    name: str, reach: Reach, can_retry: bool
) -> None:
    error = getattr(errors, name)("no")
    assert (error.reach, error.can_retry) == (reach, can_retry)


def test_the_builtin_handlers_of_callers_catch_them() -> None:
    for kind, builtin in (
        (errors.NetworkError, ConnectionError),
        (errors.NetworkError, OSError),
        (errors.RateLimitError, TimeoutError),
        (errors.InvalidRequestError, ValueError),
        (errors.NotOnPaperError, ValueError),
    ):
        with pytest.raises(builtin):
            raise kind("no")
