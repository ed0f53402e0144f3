from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Customer, Simulator
from tests.sim.visitor import HOST, Visitor

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=KST)
HOUR = 3600


def make(**switches: Any) -> tuple[Simulator, Visitor, ManualClock]:
    clock = ManualClock(NOON)
    sim = Simulator(clock=clock, **switches)
    return sim, Visitor(sim), clock


def code_of(response: Any) -> tuple[int, str]:
    body = response.json()
    return response.status_code, body.get("error_code") or body["msg_cd"]


def test_an_access_token_looks_like_kis_s() -> None:
    sim, visitor, _ = make()
    response = visitor.issue()
    body = response.json()
    assert response.status_code == 200
    assert list(body) == ["access_token", "access_token_token_expired", "token_type", "expires_in"]
    assert body["access_token_token_expired"] == "2026-11-25 12:00:00"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 86400)
    head, payload, signature = body["access_token"].split(".")
    assert len(body["access_token"]) <= 350
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"typ": "JWT", "alg": "HS512"}
    claims = json.loads(base64.urlsafe_b64decode(payload + "==="))
    assert claims["jti"] == sim.app_key
    assert claims["exp"] - claims["iat"] == 86400
    assert claims["iat"] == int(NOON.timestamp())


def test_once_a_minute_and_the_same_token_for_six_hours() -> None:
    _, visitor, clock = make()
    first = visitor.issue().json()
    clock.advance(59.5)
    refused = visitor.issue()
    assert refused.status_code == 403
    assert refused.json() == {
        "error_description": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
        "error_code": "EGW00133",
    }
    clock.advance(0.5)
    assert visitor.issue().json() == first
    clock.advance(59)
    assert visitor.issue().status_code == 403  # the minute is counted from the latest issue
    clock.advance(6 * HOUR)
    later = visitor.issue().json()
    assert later["access_token"] != first["access_token"]
    assert later["access_token_token_expired"] == "2026-11-25 18:01:59"


def test_failed_issues_do_not_restart_the_minute() -> None:
    _, visitor, clock = make()
    assert visitor.issue().status_code == 200
    clock.advance(50)
    assert code_of(visitor.issue(appsecret="x" * 180)) == (403, "EGW00105")
    clock.advance(10)
    assert visitor.issue().status_code == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"grant_type": ""}, "EGW00115"),
        ({"grant_type": "password"}, "EGW00116"),
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "short"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "short"}, "EGW00105"),
    ],
)
def test_faulty_issues_are_refused_with_403(fields: dict[str, str], code: str) -> None:
    assert code_of(make()[1].issue(**fields)) == (403, code)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1]", b"grant_type=client_credentials"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    _, visitor, _ = make()
    response = visitor.session.post(f"{HOST}/oauth2/tokenP", data=body, timeout=5)
    assert code_of(response) == (403, "EGW00101")


def test_hammering_with_a_wrong_key_hits_the_limit_of_one_a_second() -> None:
    _, visitor, clock = make()
    assert code_of(visitor.issue(appkey="short")) == (403, "EGW00103")
    assert code_of(visitor.issue(appkey="short")) == (403, "EGW00201")
    clock.advance(1)
    assert code_of(visitor.issue(appkey="short")) == (403, "EGW00103")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "EGW00122"),
        ("{token}", "EGW00205"),
        ("Basic {token}", "EGW00205"),
        ("Bearer", "EGW00205"),
        ("Bearer {token}x", "EGW00121"),
        ("Bearer garbage", "EGW00121"),
    ],
)
def test_bad_authorization_headers(header: str, code: str) -> None:
    _, visitor, _ = make()
    response = visitor.price(headers={"authorization": header.format(token=visitor.token)})
    assert code_of(response) == (500, code)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "short"}, "EGW00103"),
        ({"appsecret": ""}, "EGW00104"),
        ({"appsecret": "x" * 180}, "EGW00304"),
    ],
)
def test_bad_keys_in_the_headers(headers: dict[str, str], code: str) -> None:
    assert code_of(make()[1].price(headers=headers)) == (500, code)


def test_a_token_of_another_key_is_unknown() -> None:
    sim, visitor, _ = make()
    other = Visitor(sim, app_key="Q" * 36)
    other.token = visitor.token
    assert code_of(other.price()) == (500, "EGW00121")
    other.token = ""
    assert other.price().status_code == 200


def test_a_token_lives_24_hours_from_its_first_issue() -> None:
    _, visitor, clock = make()
    token = visitor.token
    clock.advance(24 * HOUR - 0.5)
    assert visitor.price().status_code == 200
    clock.advance(0.5)
    assert code_of(visitor.price()) == (500, "EGW00123")
    assert visitor.price().json()["msg1"] == "기간이 만료된 token 입니다."
    visitor.token = ""
    assert visitor.token != token


@pytest.mark.parametrize(("kills", "status"), [(False, 200), (True, 500)])
def test_whether_a_new_token_kills_the_old_one(kills: bool, status: int) -> None:
    _, visitor, clock = make(new_token_kills_old=kills)
    old = visitor.token
    clock.advance(6 * HOUR)
    assert visitor.issue().json()["access_token"] != old
    assert visitor.price().status_code == status


def test_tokens_that_die_at_midnight() -> None:
    _, visitor, clock = make(expire_at_midnight=True)
    assert visitor.issue().json()["access_token_token_expired"] == "2026-11-25 12:00:00"
    clock.advance(60)
    assert visitor.price().status_code == 200
    clock.advance(12 * HOUR)
    assert code_of(visitor.price()) == (500, "EGW00123")


def revoke(visitor: Visitor, token: str) -> Any:
    body = {"appkey": visitor.app_key, "appsecret": visitor.sim.app_secret, "token": token}
    return visitor.session.post(f"{HOST}/oauth2/revokeP", json=body, timeout=5)


@pytest.mark.parametrize("dead_again", [False, True])
def test_a_revoked_token_is_unknown_and_what_comes_after_it(dead_again: bool) -> None:
    _, visitor, clock = make(reissue_returns_dead_token=dead_again)
    token = visitor.token
    assert revoke(visitor, token).json() == {"code": 200, "message": "접근토큰 폐기에 성공하였습니다"}
    assert code_of(visitor.price()) == (500, "EGW00121")
    clock.advance(60)
    assert (visitor.issue().json()["access_token"] == token) is dead_again


def test_a_foreign_token_cannot_be_revoked() -> None:
    _, visitor, _ = make()
    assert code_of(revoke(visitor, "another")) == (403, "EGW00121")


def test_approval_keys() -> None:
    sim, visitor, clock = make()
    body = {
        "grant_type": "client_credentials",
        "appkey": visitor.app_key,
        "secretkey": visitor.sim.app_secret,
    }

    def approve() -> Any:
        return visitor.session.post(f"{HOST}/oauth2/Approval", json=body, timeout=5)

    first = approve().json()["approval_key"]
    assert len(first) == 36
    assert code_of(approve()) == (403, "EGW00201")
    clock.advance(1)
    second = approve().json()["approval_key"]
    assert second != first
    assert sim.oauth.approved(first) == sim.oauth.approved(second) == visitor.app_key
    assert sim.oauth.approved("another") is None
    del body["secretkey"]
    body["appsecret"] = visitor.sim.app_secret
    assert code_of(approve()) == (403, "EGW00104")


def test_named_customers_close_the_door_to_others() -> None:
    mine = Customer("K" * 36, "S" * 180, "12345678-01")
    sim, visitor, clock = make(customers=[mine])
    assert (sim.app_key, sim.app_secret, sim.account_no) == (mine.app_key, mine.app_secret, mine.account_no)
    assert visitor.balance().json()["rt_cd"] == "0"
    clock.advance(1)
    assert visitor.buying_power(CANO="87654321").json()["msg_cd"] == "OPSQ2000"
    clock.advance(60)
    assert code_of(visitor.issue(appkey="L" * 36)) == (403, "EGW00103")
    assert code_of(visitor.issue(appsecret="T" * 180)) == (403, "EGW00105")
    assert "S" * 180 not in repr(mine)


def test_the_hash_key_belongs_to_the_body() -> None:
    _, visitor, _ = make(limit=100)
    order = {**visitor.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    answer = visitor.session.post(
        f"{HOST}/uapi/hashkey", json=order, headers=visitor.headers() | {"authorization": ""}, timeout=5
    ).json()
    assert answer["BODY"] == order
    assert len(bytes.fromhex(answer["HASH"])) == 32
    accepted = visitor.order("buy", "005930", 1, kind="01", headers={"hashkey": answer["HASH"]})
    assert accepted.json()["rt_cd"] == "0"
    refused = visitor.order("buy", "005930", 2, kind="01", headers={"hashkey": answer["HASH"]})
    assert code_of(refused) == (500, "EGW00131")


def test_a_wrong_secret_that_comes_first_does_not_take_the_key() -> None:
    _, visitor, _ = make()
    visitor.token = "unknown"
    assert code_of(visitor.price(headers={"appsecret": "x" * 180})) == (500, "EGW00121")
    assert visitor.issue().status_code == 200


def test_a_reset_keeps_living_tokens_and_forgets_dead_ones_and_the_minute() -> None:
    mine = Customer("K" * 36, "S" * 180, "12345678-01")
    sim, visitor, _ = make(limit=100, customers=[mine])
    token = visitor.token
    sim.reset()
    assert visitor.price().status_code == 200
    assert visitor.issue().json()["access_token"] == token
    assert revoke(visitor, token).status_code == 200
    sim.reset()
    assert code_of(visitor.price()) == (500, "EGW00121")
    assert visitor.issue().json()["access_token"] != token
