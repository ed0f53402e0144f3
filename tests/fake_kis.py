"""A KIS of a few paths over raw sockets, for the tests of sending: it fails on demand, in any way at all.

``next("order-cash", reset)`` plans what happens to the coming requests of a path; without a plan each is
answered as KIS would. It is no second simulator: it knows one stock, and accepts every order.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from string import ascii_letters
from typing import Any

from kis_sync import KISBroker, OrderLimits, RetryPolicy, Settings
from kis_sync.clock import KST, Clock
from tests.servers import Action, RawServer, Request, answer, pause, then

SECRET = "seCr3t+/" * 22 + "seCr"
ACCOUNT = "87654321-01"
PRICE = {"stck_prpr": "70000", "stck_mxpr": "91000", "stck_llam": "49000", "aspr_unit": "100"}
RECEIPT = {"KRX_FWDG_ORD_ORGNO": "06010", "ODNO": "0001569157", "ORD_TMD": "103000"}
_serial = itertools.count()
_letters = ascii_letters + "0123456789"


def new_app_key() -> str:
    """36 characters that no test had before: brokers of one app key share their limit and access token."""
    number = next(_serial)
    return (
        "PSab" + "".join(_letters[(number * 7 + place * place) % 62] for place in range(26)) + f"{number:06d}"
    )


def ok(tr_cont: str = "", **outputs: object) -> Action:
    """A successful answer of KIS's."""
    body = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.", **outputs}
    return answer(body, headers={"tr_cont": tr_cont, "tr_id": "whatever"})


def refusal(code: str, message: str = "안됩니다.", status: int = 500, rt_cd: str = "1") -> Action:
    """A failure of KIS's."""
    return answer({"rt_cd": rt_cd, "msg_cd": code, "msg1": message.ljust(80)}, status)


def oauth_refusal(code: str, status: int = 403) -> Action:
    """A failure of an OAuth path."""
    return answer({"error_code": code, "error_description": "접근토큰 발급 실패"}, status)


def access_token(number: int) -> str:
    """The access token that is issued as the ``number``-th: 350 characters."""
    return f"eyJ0b2tlbiI.{number:04d}." + "aB3-_x9" * 49


@dataclass
class FakeKIS(RawServer):
    """The server; ``accepted`` are the order requests that it took."""

    clock: Clock | None = None
    life: timedelta = timedelta(hours=24)
    planned: defaultdict[str, deque[Action]] = field(default_factory=lambda: defaultdict(deque))
    accepted: list[Request] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    issued: int = 0
    issues_again: bool = False  # the same access token, however often it is asked for
    issue_takes: float = 0.0  # seconds

    def __post_init__(self) -> None:
        self.script = self._act

    def next(self, name: str, *actions: Action) -> None:
        """What the coming requests of a path meet, one each."""
        self.planned[name].extend(actions)

    def count(self, name: str) -> int:
        """How many requests of a path arrived."""
        return len(self.named(name))

    def _act(self, request: Request) -> Action:
        with self._lock:
            planned = self.planned[request.name]
            return planned.popleft() if planned else self._usual(request)

    def _usual(self, request: Request) -> Action:
        name = request.name
        if name == "tokenP":
            return self._issue()
        if name == "hashkey":
            return answer({"BODY": request.json(), "HASH": "a1" * 32})
        if name == "revokeP":
            self.dead.add(request.json()["token"])
            return answer({"code": 200, "message": "접근토큰 폐기에 성공하였습니다"})
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if token in self.dead or token not in {access_token(number + 1) for number in range(self.issued)}:
            return refusal("EGW00121", "유효하지 않은 token 입니다.")
        if name == "order-cash":
            self.accepted.append(request)
            return ok(output=RECEIPT)
        if name == "inquire-balance":
            return ok(output1=[], output2=[{"dnca_tot_amt": "1"}])
        return ok(output=PRICE)

    def _issue(self) -> Action:
        if not (self.issues_again and self.issued):
            self.issued += 1
        now = datetime.now(KST) if self.clock is None else self.clock.now()
        return then(
            pause(self.issue_takes),
            answer(
                {
                    "access_token": access_token(self.issued),
                    "access_token_token_expired": f"{now + self.life:%Y-%m-%d %H:%M:%S}",
                    "token_type": "Bearer",
                    "expires_in": 86400,
                },
                headers={"Date": format_datetime(now.astimezone(timezone.utc), usegmt=True)},
            ),
        )

    def settings(self, **changes: Any) -> Settings:
        """Settings for this server: an app key of their own, no waits worth mentioning."""
        known: dict[str, Any] = {
            "app_key": new_app_key(),
            "app_secret": SECRET,
            "account_no": ACCOUNT,
            "base_url": self.url,
            "rate_limit_rps": 1000,
            "ledger_rate_limit_rps": 1000,
            "retry": RetryPolicy(first_wait=0.0),
            "store_access_token": False,
            "shared": "process",
            "keep_journal": False,
            "order_limits": OrderLimits(
                check_funds=False, check_hours=False
            ),  # it knows one stock and no hours
            "proxies": {},
            "connect_timeout": 2.0,
            "read_timeout": 2.0,
            "order_timeout": 2.0,
        }
        return Settings(**{**known, **changes})

    @contextlib.contextmanager
    def broker(self, *, clock: Clock | None = None, **changes: Any) -> Iterator[KISBroker]:
        """A broker on this server."""
        with KISBroker(self.settings(**changes), clock=clock or self.clock) as broker:
            yield broker


def in_threads(count: int, *works: Any) -> list[BaseException]:
    """Run each work in ``count`` threads that start together; what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(count * len(works))

    def run(work: Any) -> None:
        start.wait(20)
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (returned)
            raised.append(error)

    threads = [
        threading.Thread(target=run, args=(work,), daemon=True) for work in works for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised
