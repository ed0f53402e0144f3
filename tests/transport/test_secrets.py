"""No key, secret, access token or account number is told by anything that can be printed, kept or logged."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable

import pytest

from kis_sync import KISBroker, KISError, RetryPolicy
from kis_sync.catalog import Call, endpoint
from kis_sync.clock import SkippingClock
from tests.fake_kis import ACCOUNT, SECRET, FakeKIS, access_token, ok, refusal
from tests.servers import Action, answer, close, reset, sent, stall
from tests.transport.test_broken_answers import BROKEN

PIECE = 12  # characters of a secret that nobody may see in a row
NUMBER = ACCOUNT.partition("-")[0]


def told_secrets(text: str, *secrets: str) -> list[str]:
    """The secrets of which ``text`` tells at least a piece."""
    found = [
        secret
        for secret in secrets
        if any(secret[at : at + PIECE] in text for at in range(len(secret) - PIECE + 1))
    ]
    return found + ([NUMBER] if NUMBER in text else [])


def test_the_check_itself_can_fail() -> None:
    assert told_secrets(f"x{SECRET[50:62]}x", SECRET) == [SECRET]
    assert told_secrets(f"CANO={NUMBER}") == [NUMBER]
    assert told_secrets("nothing", SECRET) == []


def echo(broker: KISBroker, form: Callable[[str], Action]) -> Action:
    """An answer that repeats everything that it was told."""
    secrets = (broker.settings.app_key, SECRET, access_token(1), ACCOUNT, NUMBER)
    return form(" ".join(f"got {secret}," for secret in secrets))


ECHOES: dict[str, Callable[[str], Action]] = {
    "a page": lambda text: answer(f"<html>{text}</html>".encode(), 500),
    "a longer page": lambda text: answer(b"<p>" * 60 + text.encode() + b" " + text.encode(), 500),
    "json with escapes": lambda text: answer(json.dumps([text]).replace("/", "\\/").encode(), 500),
    "a message": lambda text: refusal("EGW00301", text),
    "a refusal": lambda text: refusal("APBK0952", text, 200, "7"),
    "a code": lambda text: refusal(text, "no"),
    "an unknown code": lambda text: refusal("XYZ", text, 200),
    "an oauth error": lambda text: answer({"error_code": "EGW00103", "error_description": text}, 403),
    "an access token error": lambda text: refusal("EGW00121", text),
    "keys not accepted": lambda text: refusal("EGW00304", text),
    "over the ledger's limit": lambda text: refusal("EGW00215", text),
    "too many": lambda text: answer({"msg1": text}, 429),
    "an output of another shape": lambda text: ok(output=text),
    "a field of another shape": lambda text: ok(
        output={"stck_prpr": text, "ODNO": text, "dnca_tot_amt": text}
    ),
    "an end of another shape": lambda text: answer(
        {"access_token": "x", "access_token_token_expired": text, "expires_in": text}
    ),
    "a redirect": lambda text: answer(
        text.encode(), 302, {"Location": "/elsewhere?" + text.replace(" ", "+")}
    ),
    "headers that cannot be parsed": lambda text: sent(f"HTTP/1.1 200 OK\r\n{text}".encode(), stays=False),
    "headers that are bad": lambda text: sent(
        f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{text}\r\nx: y\r\n\r\n[]".encode()
    ),
    "a status line": lambda text: sent(f"HTTP/1.1 {text}\r\n\r\n".encode(), stays=False),
    "a date": lambda text: answer(b"", 500, {"Date": text}),
}
SILENT: dict[str, Action] = {**BROKEN, "silence": stall}

OPERATIONS: dict[str, tuple[str, Callable[[KISBroker], object]]] = {
    "price": ("inquire-price", lambda broker: broker.get_price("005930")),
    "balance": ("inquire-balance", lambda broker: broker.get_balance()),
    "order": ("order-cash", lambda broker: broker.send_order("005930", "BUY", 1)),
    "hash key": ("hashkey", lambda broker: broker.send_order("005930", "BUY", 1)),
    "access token": ("tokenP", lambda broker: broker.get_price("005930")),
    "revoking": ("revokeP", lambda broker: broker.revoke_access_token()),
}


def everything_told(error: KISError) -> str:
    """All that can be got out of an error without a debugger, its causes and contexts included."""
    told = [pickle.dumps(error).decode("latin-1"), "".join(traceback.format_exception(error))]
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None:
            continue
        told += [str(each), repr(each), repr(each.args), repr(vars(each))]
        pending += [each.__cause__, each.__context__]
    return "\n".join(told)


def fail(
    operation: str, make: Callable[[KISBroker], Action], kis: FakeKIS, **timeouts: float
) -> tuple[str, tuple[str, ...]]:
    """Let an operation fail; what was told about it, and the secrets that must not be in it."""
    name, work = OPERATIONS[operation]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with kis.broker(clock=SkippingClock(), retry=RetryPolicy(attempts=2), **timeouts) as broker:
            if name != "tokenP":
                broker.get_price("005930")
            kis.next(name, *[make(broker)] * 3)
            told = [repr(broker), repr(broker.settings), repr(broker.account), str(broker.account)]
            try:
                work(broker)
            except KISError as error:
                told.append(everything_told(error))
            told += [repr(broker.bucket), f"{broker.account}", str([each.message for each in warned])]
            return "\n".join(told), (broker.settings.app_key, SECRET, access_token(1))


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every record with all that it carries."""
    texts = [caplog.text]
    for record in caplog.records:
        texts += [record.getMessage(), repr(record.args), record.exc_text or ""]
    return "\n".join(texts)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ECHOES)
def test_an_answer_that_repeats_them_is_not_repeated(
    operation: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeKIS() as kis:
        told, secrets = fail(operation, lambda broker: echo(broker, ECHOES[kind]), kis)
    assert told_secrets(told, *secrets) == []
    assert told_secrets(logged(caplog), *secrets) == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", SILENT)
def test_a_call_that_fails_is_not_shown_with_them(
    operation: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeKIS() as kis:
        quick = {"read_timeout": 0.1, "order_timeout": 0.1} if SILENT[kind] is stall else {}
        told, secrets = fail(operation, lambda _: SILENT[kind], kis, **quick)
    assert told_secrets(told, *secrets) == []
    assert told_secrets(logged(caplog), *secrets) == []


def test_a_connection_that_cannot_be_made_is_not_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeKIS() as kis, kis.broker() as broker:
        broker.get_price("005930")
        kis.next("inquire-price", close)
        kis.listen_no_more()
        broker._caller._transport.connections._session.close()  # type: ignore[union-attr]
        with pytest.raises(KISError) as caught:
            broker.get_balance()
        secrets = (broker.settings.app_key, SECRET, access_token(1))
        assert told_secrets(everything_told(caught.value), *secrets) == []
        assert told_secrets(logged(caplog), *secrets) == []
        kis.listen()


def test_what_works_is_logged_without_the_account(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cursor = f"{NUMBER}^01^N^".ljust(100)
    with FakeKIS() as kis, kis.broker() as broker:
        kis.next("inquire-balance", ok("M", output1=[], ctx_area_fk100=cursor, ctx_area_nk100="1".ljust(100)))
        broker.get_balance()
        broker.send_order("005930", "BUY", 1)
        secrets = (broker.settings.app_key, SECRET, access_token(1))
        assert kis.named("inquire-balance")[1].query["CTX_AREA_FK100"] == cursor
    assert (
        "/uapi/domestic-stock/v1/trading/inquire-balance" in caplog.text
    )  # urllib3's lines are there, masked
    assert told_secrets(logged(caplog), *secrets) == []


def test_others_lines_of_urllib3_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeKIS() as kis, kis.broker() as broker:
        broker.get_price("005930")
        logging.getLogger("urllib3.connectionpool").debug('"%s %s"', "GET", "/search?q=1")
        logging.getLogger("urllib3.connectionpool").debug("no arguments")
    assert "/search?q=1" in caplog.text
    assert "no arguments" in caplog.text


def test_a_refusal_by_us_does_not_tell_them() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        params = {"CANO": NUMBER, "ACNT_PRDT_CD": "01", "nonsense": SECRET}
        with pytest.raises(KISError) as caught:
            broker.ask(Call(endpoint("domestic_stock.inquire_balance"), params))
        assert told_secrets(everything_told(caught.value), SECRET) == []


def test_a_reset_under_an_order_tells_what_was_asked_but_not_for_whom() -> None:
    with FakeKIS() as kis, kis.broker() as broker:
        kis.next("order-cash", reset)
        with pytest.raises(KISError) as caught:
            broker.send_order("005930", "SELL", 3)
        asked = vars(caught.value)["order_request"]
        assert "sell" in asked
        assert "'PDNO': '005930'" in asked
        assert told_secrets(everything_told(caught.value), SECRET) == []
