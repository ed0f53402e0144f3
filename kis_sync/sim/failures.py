"""What the caller gets of a call that a fault has struck, in place of an answer.

This room changes when a failure looks different on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping

from kis_sync.sim.door.wire import Cut, RefusalError, Response
from kis_sync.sim.faults import Fault, Struck

_LOOK_AT_THE_LAST = "직전 거래를 반드시 확인하세요."
_CONNECT_TIMEOUT = RefusalError("EGW00301", f"연결 시간이 초과되었습니다. {_LOOK_AT_THE_LAST}").response()
_TIMEOUT = RefusalError("EGW00302", f"거래시간이 초과되었습니다. {_LOOK_AT_THE_LAST}").response()
_EMPTY_500 = Response(500, b"")
_UNREADABLE = Response(200, b"\x00\xff\xfe<html><body>\xc3\x28 502 Bad Gateway")  # no UTF-8, no JSON

_BEFORE: Mapping[Fault, Response] = {
    Fault.DROP_BEFORE: Response(0, b"", cut=Cut.DROP),
    Fault.RESET: Response(0, b"", cut=Cut.RESET),
    Fault.STATUS_500: _EMPTY_500,
    Fault.CONNECT_TIMEOUT: _CONNECT_TIMEOUT,
    Fault.TIMEOUT: _TIMEOUT,
}
_CUT_AFTER = {
    Fault.DROP_AFTER: Cut.DROP,
    Fault.RESET_AFTER: Cut.RESET,
    Fault.HALF_BODY: Cut.HALF,
}
_REPLACED_AFTER: Mapping[Fault, Response] = {
    Fault.STATUS_500_AFTER: _EMPTY_500,
    Fault.CONNECT_TIMEOUT_AFTER: _CONNECT_TIMEOUT,
    Fault.TIMEOUT_AFTER: _TIMEOUT,
    Fault.GARBAGE: _UNREADABLE,
}


def before_the_work(struck: Struck) -> Response | None:
    """The answer of a call that ends before anything is done, ``None`` when it goes on."""
    fault = struck.by_one_of(_BEFORE)
    return None if fault is None else _BEFORE[fault]


def after_the_work(struck: Struck, response: Response) -> Response:
    """What leaves the house once the work is done: the answer itself, unless a fault struck."""
    if any(fault in _BEFORE for fault in struck.felt):
        return response
    fault = struck.by_one_of((*_CUT_AFTER, *_REPLACED_AFTER))
    if fault is None:
        return response
    return response.with_cut(_CUT_AFTER[fault]) if fault in _CUT_AFTER else _REPLACED_AFTER[fault]
