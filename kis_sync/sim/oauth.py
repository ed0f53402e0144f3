"""Who may call: app keys and secrets, access tokens, approval keys, and the hash of a body.

This room changes when KIS changes how it issues or checks credentials.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kis_sync.clock import Clock
from kis_sync.sim.assumptions import Assumptions
from kis_sync.sim.door.gate import Gate
from kis_sync.sim.door.wire import OAuthRefusalError, RefusalError, Request

APP_KEY_LENGTH = 36
APP_SECRET_LENGTH = 180
EXPIRES_IN = 86_400
"""What ``expires_in`` always tells; the real end stands in ``access_token_token_expired``."""

_LIFE = timedelta(hours=24)
_SAME_TOKEN = timedelta(hours=6)
_MINUTE = timedelta(seconds=60)
_TEXTS = {
    "EGW00101": "유효하지 않은 요청입니다.",
    "EGW00102": "AppKey는 필수입니다.",
    "EGW00103": "유효하지 않은 AppKey입니다.",
    "EGW00104": "AppSecret은 필수입니다.",
    "EGW00105": "유효하지 않은 AppSecret입니다.",
    "EGW00115": "권한부여 타입(grant_type)은 필수입니다.",
    "EGW00116": "지원하지 않는 권한부여 타입(grant_type)입니다.",
    "EGW00121": "유효하지 않은 token 입니다.",
    "EGW00122": "token을 찾을 수 없습니다.",
    "EGW00123": "기간이 만료된 token 입니다.",
    "EGW00131": "유효하지 않은 hashkey입니다.",
    "EGW00133": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
    "EGW00201": "초당 거래건수를 초과하였습니다.",
    "EGW00205": "credentials_type이 유효하지 않습니다.(Bearer)",
    "EGW00304": "고객식별키(법인 personalSeckey, 개인 appSecret)가 유효하지 않습니다.",
}


def _refused(code: str) -> RefusalError:
    return RefusalError(code, _TEXTS[code])


def _oauth_refused(code: str) -> OAuthRefusalError:
    return OAuthRefusalError(code, _TEXTS[code])


@dataclass(frozen=True, slots=True)
class Customer:
    """An app key, its secret and its account (``12345678-01``)."""

    app_key: str
    app_secret: str = field(repr=False)
    account_no: str


def sample_customer(seed: int) -> Customer:
    """A customer made up from a seed, with key and secret in KIS's lengths."""
    digest = hashlib.sha512(f"customer {seed}".encode()).digest()
    letters = base64.b32encode(digest).decode().rstrip("=")
    secret = base64.b64encode(digest * 3).decode()[:APP_SECRET_LENGTH]
    number = 50_000_000 + int.from_bytes(digest[:4], "big") % 40_000_000
    return Customer("PS" + letters[: APP_KEY_LENGTH - 2], secret, f"{number}-01")


@dataclass(slots=True)
class _Grant:
    """One access token: whose it is, and until when."""

    token: str
    app_key: str
    issued: datetime
    revoked: bool = False
    expired: bool = False

    @property
    def is_dead(self) -> bool:
        return self.revoked or self.expired

    @property
    def stated_end(self) -> datetime:
        return self.issued + _LIFE


@dataclass(slots=True)
class _Holder:
    """What is remembered of one app key."""

    secret: str
    current: _Grant | None = None
    last_issue_call: datetime | None = None


class OAuth:
    """Issues and checks credentials; every method is safe to call from many threads."""

    def __init__(
        self, clock: Clock, assumptions: Assumptions, customers: Iterable[Customer] | None, seed: int
    ) -> None:
        self._clock = clock
        self._assumptions = assumptions
        self._customers = None if customers is None else {each.app_key: each for each in customers}
        self._seed = seed
        self._lock = threading.RLock()
        self._token_gate = Gate(1, clock=clock)
        self._approval_gate = Gate(1, clock=clock)
        self._issued = 0
        self._holders: dict[str, _Holder] = {}
        self._grants: dict[str, _Grant] = {}
        self._approvals: dict[str, str] = {}

    def reset(self) -> None:
        """Forget the minute rule, approval keys, and every key without a living access token.

        Living access tokens stay good: clients share them by app key, beyond one test.
        """
        with self._lock:
            self._grants = {token: grant for token, grant in self._grants.items() if not grant.is_dead}
            alive = {grant.app_key for grant in self._grants.values()}
            self._holders = {key: held for key, held in self._holders.items() if key in alive}
            for held in self._holders.values():
                held.last_issue_call = None
                if held.current is not None and held.current.is_dead:
                    held.current = None
            self._approvals.clear()
            self._token_gate.reset()
            self._approval_gate.reset()

    # -- the OAuth calls ---------------------------------------------------------------------------

    def issue(self, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """The answer of tokenP: at most once a minute, the same access token for six hours."""
        fields = self._issue_fields(body)
        with self._lock:
            app_key = self._customer_of(fields, "appsecret", self._token_gate)
            holder, now = self._holders[app_key], self._clock.now()
            if holder.last_issue_call is not None and now - holder.last_issue_call < _MINUTE:
                raise _oauth_refused("EGW00133")
            self._pass_gate(self._token_gate, app_key)
            holder.last_issue_call = now
            grant = holder.current
            if grant is None or not self._is_repeated(grant, now):
                grant = self._new_grant(app_key, now, previous=grant)
                holder.current = grant
            return {
                "access_token": grant.token,
                "access_token_token_expired": grant.stated_end.strftime("%Y-%m-%d %H:%M:%S"),
                "token_type": "Bearer",
                "expires_in": EXPIRES_IN,
            }

    def revoke(self, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """The answer of revokeP."""
        fields = _text_fields(body)
        with self._lock:
            app_key = self._customer_of(fields, "appsecret", self._token_gate)
            grant = self._grants.get(fields.get("token", ""))
            if grant is None or grant.app_key != app_key:
                raise _oauth_refused("EGW00121")
            grant.revoked = True
        return {"code": 200, "message": "접근토큰 폐기에 성공하였습니다"}

    def approve(self, body: Mapping[str, Any] | None) -> dict[str, Any]:
        """The answer of Approval: a key for the websocket."""
        fields = self._issue_fields(body)
        with self._lock:
            app_key = self._customer_of(fields, "secretkey", self._approval_gate)
            self._pass_gate(self._approval_gate, app_key)
            approval_key = str(uuid.UUID(bytes=self._digest("approval", app_key)[:16], version=4))
            self._approvals[approval_key] = app_key
        return {"approval_key": approval_key}

    def approved(self, approval_key: str) -> str | None:
        """The app key that an approval key was issued to, ``None`` when it is unknown."""
        with self._lock:
            return self._approvals.get(approval_key)

    # -- checking REST calls -----------------------------------------------------------------------

    def check_keys(self, request: Request) -> str:
        """The app key in the headers; raises the refusal when key or secret are not good."""
        app_key, secret = request.header("appkey"), request.header("appsecret")
        if not app_key:
            raise _refused("EGW00102")
        if not secret:
            raise _refused("EGW00104")
        with self._lock:
            if not self._is_known_key(app_key):
                raise _refused("EGW00103")
            if not self._is_secret(app_key, secret):
                raise _refused("EGW00304")
        return app_key

    def check_token(self, request: Request, app_key: str) -> None:
        """Raises the refusal unless the headers hold a living access token of that app key."""
        kind, _, token = request.header("authorization").partition(" ")
        if not kind:
            raise _refused("EGW00122")
        if kind != "Bearer" or not token:
            raise _refused("EGW00205")
        with self._lock:
            grant = self._grants.get(token.strip())
            if grant is None or grant.app_key != app_key or grant.revoked:
                raise _refused("EGW00121")
            if grant.expired or self._clock.now() >= self._real_end(grant):
                raise _refused("EGW00123")

    def check_hash(self, request: Request, body: Mapping[str, Any]) -> None:
        """Raises EGW00131 when a hash was sent that does not belong to the body."""
        sent = request.header("hashkey")
        if sent and sent != body_hash(body):
            raise _refused("EGW00131")

    def kill(self, app_key: str, *, expired: bool = False) -> None:
        """Let every access token of an app key die: as unknown, or as expired."""
        with self._lock:
            for grant in self._grants.values():
                if grant.app_key == app_key:
                    grant.expired = grant.expired or expired
                    grant.revoked = grant.revoked or not expired

    # -- inner parts -------------------------------------------------------------------------------

    def _issue_fields(self, body: Mapping[str, Any] | None) -> dict[str, str]:
        fields = _text_fields(body)
        if not fields.get("grant_type"):
            raise _oauth_refused("EGW00115")
        if fields["grant_type"] != "client_credentials":
            raise _oauth_refused("EGW00116")
        return fields

    def _customer_of(self, fields: Mapping[str, str], secret_field: str, gate: Gate) -> str:
        app_key, secret = fields.get("appkey", ""), fields.get(secret_field, "")
        if not app_key:
            raise _oauth_refused("EGW00102")
        if not secret:
            raise _oauth_refused("EGW00104")
        if not self._is_known_key(app_key):
            self._pass_gate(gate, app_key)
            raise _oauth_refused("EGW00103")
        if not self._is_secret(app_key, secret):
            self._pass_gate(gate, app_key)
            raise _oauth_refused("EGW00105")
        self._holders.setdefault(app_key, _Holder(secret))
        return app_key

    def _pass_gate(self, gate: Gate, app_key: str) -> None:
        if not gate.admit(app_key):
            raise _oauth_refused("EGW00201")

    def _is_known_key(self, app_key: str) -> bool:
        if self._customers is not None:
            return app_key in self._customers
        return len(app_key) == APP_KEY_LENGTH

    def _is_secret(self, app_key: str, secret: str) -> bool:
        """Whether the secret is the key's; a key that nobody used yet takes any of the right length."""
        if self._customers is not None:
            expected = self._customers[app_key].app_secret
        elif app_key in self._holders:
            expected = self._holders[app_key].secret
        else:
            expected = secret if len(secret) == APP_SECRET_LENGTH else ""
        return secret == expected

    def _is_repeated(self, grant: _Grant, now: datetime) -> bool:
        if now - grant.issued >= _SAME_TOKEN:
            return False
        if grant.expired or now >= self._real_end(grant):
            return False
        return not grant.revoked or self._assumptions.reissue_returns_dead_token

    def _real_end(self, grant: _Grant) -> datetime:
        if not self._assumptions.expire_at_midnight:
            return grant.stated_end
        midnight = grant.issued.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return min(grant.stated_end, midnight)

    def _new_grant(self, app_key: str, now: datetime, previous: _Grant | None) -> _Grant:
        if previous is not None and self._assumptions.new_token_kills_old:
            previous.revoked = True
        grant = _Grant(self._jwt(app_key, now), app_key, now)
        self._grants[grant.token] = grant
        return grant

    def _digest(self, what: str, app_key: str) -> bytes:
        self._issued += 1
        return hashlib.sha512(f"{what} {self._seed} {app_key} {self._issued}".encode()).digest()

    def _jwt(self, app_key: str, now: datetime) -> str:
        digest = self._digest("access token", app_key)
        issued = int(now.timestamp())
        payload = {
            "sub": "token",
            "aud": str(uuid.UUID(bytes=digest[:16], version=4)),
            "iss": "unogw",
            "exp": issued + EXPIRES_IN,
            "iat": issued,
            "jti": app_key,
        }
        parts = (_compact({"typ": "JWT", "alg": "HS512"}), _compact(payload), digest)
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _compact(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _text_fields(body: Mapping[str, Any] | None) -> dict[str, str]:
    if body is None:
        raise _oauth_refused("EGW00101")
    return {name: value for name, value in body.items() if isinstance(value, str)}


def body_hash(body: Mapping[str, Any]) -> str:
    """The hash key of an order body: 64 hex digits, the same for the same names and values."""
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
