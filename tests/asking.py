"""A stand-in for the broker: answers what a test says, and keeps what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kis_sync import paging
from kis_sync.catalog import Call, Mode
from kis_sync.clock import KST
from kis_sync.envelope import Envelope, opened
from kis_sync.settings import Account

Answer = Mapping[str, object] | Callable[[Call], Mapping[str, object]]


class StubAsker:
    """An ``Asker`` whose answers go through the real envelope."""

    def __init__(self, *answers: Answer, mode: Mode = Mode.LIVE, now: datetime | None = None) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []
        self.mode = mode
        self.account = Account("12345678", "01")
        self._now = now or datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)

    def check_orders_allowed(self) -> None:
        pass

    def now(self) -> datetime:
        return self._now

    def ask(self, call: Call, *, strict: bool = False) -> Envelope:
        self.calls.append(call)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body: Any = dict(answer(call) if callable(answer) else answer)
        tr_cont = body.pop("tr_cont", "")
        content = json.dumps(body).encode()
        return opened(call.endpoint.name, 200, content, tr_cont=tr_cont, date="Tue, 24 Nov 2026 01:30:20 GMT")

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        return paging.read_pages(lambda page: self.ask(page, strict=strict), call, most)


def ok(**outputs: object) -> dict[str, object]:
    """A successful answer."""
    return {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다.", **outputs}
