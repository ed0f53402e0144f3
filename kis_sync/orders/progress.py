"""How an entry moves on: which state may follow which, and what a later report adds to it.

Pure functions from entry to entry. A ``ValueError`` says that two things told of one order cannot both be
true. This room changes when an order can take another way.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from kis_sync.orders.entry import Entry, State

SENDING = frozenset({State.INTENDED, State.SENT})
FREED = frozenset(state for state in State if state.frees_its_id)

_UNSETTLED = SENDING | {State.UNCERTAIN}
_OUTCOMES = frozenset(State) - SENDING
_NEXT: dict[State, frozenset[State]] = {
    State.INTENDED: _OUTCOMES | {State.SENT},
    State.SENT: _OUTCOMES,
    State.UNCERTAIN: _OUTCOMES - {State.UNCERTAIN},
    State.ACCEPTED: frozenset({State.PARTLY_FILLED, State.FILLED, State.CANCELLED, State.REFUSED}),
    State.PARTLY_FILLED: frozenset({State.FILLED, State.CANCELLED}),
    State.FILLED: frozenset(),
    State.CANCELLED: frozenset({State.FILLED}),  # a cancellation was accepted, but came too late
    State.REFUSED: frozenset(),
    State.NOT_EXECUTED: frozenset(),
}


def leaving(entry: Entry, at: datetime, known_until: int) -> Entry:
    """The entry as its order leaves (again)."""
    if entry.state not in SENDING:
        raise ValueError(f"its entry was given up meanwhile and stands at {entry.state.value!r}")
    return replace(entry, state=State.SENT, sent_at=at, known_until=known_until)


def abandoned(entry: Entry, at: datetime, why: str) -> Entry:
    """The entry of a sender that is gone: what had not begun to leave never ran, the rest is uncertain."""
    if entry.state is State.INTENDED:
        return _moved(entry, State.NOT_EXECUTED, at, f"{why} before the order left")
    at = max(at, entry.sent_at or at)  # by a clock that nobody has set it may seem to have been before
    return _moved(entry, State.UNCERTAIN, at, f"{why} while the order was being sent")


def concluded(
    entry: Entry, state: State, at: datetime, number: str, branch: str, reason: str, *, is_taken: bool
) -> Entry:
    """The entry with the outcome of its sending, as KIS answered it or as lists settled it later.

    An entry that was settled meanwhile keeps its number and the state that is further on. One that lists
    had made us believe not executed becomes accepted when the answer says so: the one way back there is.
    ``is_taken``: another entry owns the number, so that lists cannot have settled this one by it.
    """
    _check_outcome(entry, state)
    if is_taken and entry.state not in SENDING:
        taken = f"order {number} was found to be another entry's"
        return replace(entry, reason=taken) if entry.state is State.UNCERTAIN else entry
    known = replace(entry, number=entry.number or number, branch=entry.branch or branch)
    if state is entry.state:
        return replace(known, reason=reason or entry.reason)
    if state in _NEXT[entry.state] or (entry.state is State.NOT_EXECUTED and state is State.ACCEPTED):
        return _moved(known, state, at, reason)
    if _leads(state, entry.state):
        return known
    raise ValueError(f"it stands at {entry.state.value!r} and cannot become {state.value!r}")


def reported(
    entry: Entry,
    at: datetime,
    *,
    state: State | None = None,
    filled: int | None = None,
    average_price: Decimal | None = None,
    remaining: int | None = None,
    number: str = "",
    branch: str = "",
    reason: str = "",
) -> Entry:
    """The entry with what a list showed. Lists lag: what is behind the entry changes nothing."""
    if number and entry.number and number_value(number) != number_value(entry.number):
        raise ValueError(f"its order number is {entry.number}, not {number}")
    known = replace(entry, number=entry.number or number, branch=entry.branch or branch)
    if filled is None or filled >= entry.filled:
        known = replace(
            known,
            filled=entry.filled if filled is None else filled,
            average_price=entry.average_price if average_price is None else average_price,
            remaining=_less(entry.remaining, remaining),
        )
    if state is None:
        return known
    _check_outcome(known, state)
    if state is entry.state:
        return replace(known, reason=reason or entry.reason)
    return _moved(known, state, at, reason) if state in _NEXT[entry.state] else known


def number_value(number: str) -> int | None:
    """An order number as the integer that it is compared by; ``None`` for none.

    >>> number_value("0000038614"), number_value("")
    (38614, None)
    """
    digits = number.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _check_outcome(entry: Entry, state: State) -> None:
    if state not in _OUTCOMES:
        raise ValueError(f"{state.value!r} is no outcome")
    if state.frees_its_id and entry.filled:
        raise ValueError(f"{entry.filled:,} shares of it have filled: it cannot become {state.value!r}")


def _moved(entry: Entry, state: State, at: datetime, reason: str) -> Entry:
    ended_at = at if entry.state in _UNSETTLED | FREED else entry.ended_at
    return replace(entry, state=state, ended_at=ended_at, reason=reason)


def _leads(first: State, last: State) -> bool:
    return last in _NEXT[first] or any(_leads(each, last) for each in _NEXT[first])


def _less(known: int | None, told: int | None) -> int | None:
    given = [each for each in (known, told) if each is not None]
    return min(given) if given else None
