"""The audit finds every kind of damage that is put into a clean book, so often as it was put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.clock import KST
from kis_sync.orders.entry import CASH_ORDER, CHANGE_ORDER, Action, Entry, State, Wish
from tests.benchmarks.audit import (
    BELIEVED,
    DAMAGES,
    DONE,
    DOUBLED,
    LEFT,
    LOST,
    REFUSED,
    UNDONE,
    WRONG,
    LedgerRow,
    Report,
    audit,
)
from tests.benchmarks.order_plan import GROUP, PlannedOrder, planned_orders

NOON = datetime(2026, 7, 1, 12, tzinfo=KST)


def wish_of(order: PlannedOrder) -> Wish:
    fields = {
        "PDNO": order.code,
        "ORD_DVSN": order.kind,
        "ORD_QTY": str(order.quantity),
        "ORD_UNPR": str(order.price or 0),
        "EXCG_ID_DVSN_CD": "KRX",
    }
    return Wish(CASH_ORDER, order.side.lower(), fields, order.code, Side(order.side))


def change_of(original: int, action: str = "01") -> Wish:
    fields = {"ORGN_ODNO": f"{original:010}", "RVSE_CNCL_DVSN_CD": action, "QTY_ALL_ORD_YN": "Y"}
    return Wish(CHANGE_ORDER, "", {**fields, "ORD_DVSN": "00", "ORD_QTY": "0"}, "005930", Side.BUY)


class Books:
    """Plan, outcomes, journal and ledger of a campaign, to be damaged."""

    def __init__(self) -> None:
        self.plan: list[PlannedOrder] = []
        self.outcomes: dict[str, str] = {}
        self.entries: list[Entry] = []
        self.rows: list[LedgerRow] = []
        self.before: list[LedgerRow] = []
        self._number = 1_000

    def report(self) -> Report:
        return audit(self.plan, self.outcomes, self.entries, self.rows, self.before)

    def new_number(self) -> int:
        self._number += 1
        return self._number

    def row(self, order: PlannedOrder, filled: int = 0, *, cancelled: bool = False) -> LedgerRow:
        remaining = 0 if cancelled else order.quantity - filled
        row = LedgerRow(
            *(self.new_number(), 0, order.side, order.code, order.kind, order.quantity, order.price, "KRX"),
            *(filled, filled * 1_007, remaining, 0, False),
        )
        self.rows.append(row)
        return row

    def entry(self, wish: Wish, client_order_id: str, state: State, row: LedgerRow | None = None) -> Entry:
        entry = Entry(
            len(self.entries) + 1, client_order_id, wish, state, "x", NOON, reason="no answer in 2 s"
        )
        if row is not None:
            average = Decimal(row.filled_value) / row.filled if row.filled else None
            entry = replace(entry, number=f"{row.number:010}", filled=row.filled, average_price=average)
            entry = replace(entry, remaining=row.remaining)
        self.entries.append(entry)
        return entry

    def add(self, order: PlannedOrder, fate: State) -> None:
        """A wish that went well: it is known where it stands."""
        self.plan.append(order)
        self.outcomes[order.client_order_id] = REFUSED if fate is State.REFUSED else DONE
        row = None
        if fate is State.UNCERTAIN:
            self.outcomes[order.client_order_id] = "open"
        elif fate is not State.REFUSED:
            share = {State.FILLED: 2, State.PARTLY_FILLED: 1, State.CANCELLED: 1}.get(fate, 0)
            row = self.row(order, order.quantity * share // 2, cancelled=fate is State.CANCELLED)
        self.entry(wish_of(order), order.client_order_id, row.state if row else fate, row)

    def swap(self, old: Entry, new: Entry) -> None:
        self.entries[self.entries.index(old)] = new

    def unnumbered(self, old: Entry, state: State) -> None:
        """Let the journal forget what it knows of an order that ran."""
        self.swap(old, replace(old, state=state, number="", filled=0, average_price=None, remaining=None))


FATES = (State.ACCEPTED, State.PARTLY_FILLED, State.FILLED, State.CANCELLED, State.REFUSED, State.UNCERTAIN)
PRICES = {"005930": 70_000, "000660": 180_000, "035720": 35_300}


def clean_books(seed: int, fates: list[State]) -> Books:
    books = Books()
    for order, fate in zip(planned_orders(seed, len(fates), 2, PRICES), fates, strict=True):
        books.add(order, fate)
    return books


def executed(books: Books, index: int) -> tuple[PlannedOrder, Entry, LedgerRow]:
    """A wish that ran, with its entry and row."""
    known = {int(entry.number): entry for entry in books.entries if entry.number}
    rows = [row for row in books.rows if row.number in known]
    row = rows[index % len(rows)]
    entry = known[row.number]
    return next(w for w in books.plan if w.client_order_id == entry.client_order_id), entry, row


def send_twice(books: Books, index: int) -> dict[str, int]:
    """A client that tried again: the first order is nobody's."""
    books.row(executed(books, index)[0])
    return {DOUBLED: 1, LOST: 1}


def send_under_another_id(books: Books, index: int) -> dict[str, int]:
    order = executed(books, index)[0]
    row = books.row(order)
    books.entry(wish_of(order), f"again-{row.number}", State.ACCEPTED, row)
    return {DOUBLED: 1}


def forget(books: Books, index: int) -> dict[str, int]:
    """An entry is gone."""
    books.entries.remove(executed(books, index)[1])
    return {LOST: 2}  # the order has no owner, and the wish that was done has no entry


def lose_at_the_exchange(books: Books, index: int) -> dict[str, int]:
    books.rows.remove(executed(books, index)[2])
    return {WRONG: 1}


def deny(books: Books, index: int) -> dict[str, int]:
    order, entry, _ = executed(books, index)
    books.unnumbered(entry, State.NOT_EXECUTED)
    books.outcomes[order.client_order_id] = "refused: believed not executed"
    return {BELIEVED: 1}


def deny_and_send_again(books: Books, index: int) -> dict[str, int]:
    order, entry, _ = executed(books, index)
    books.unnumbered(entry, State.NOT_EXECUTED)
    books.entry(wish_of(order), order.client_order_id, State.ACCEPTED, books.row(order))
    return {BELIEVED: 1, DOUBLED: 1}


def leave_uncertain(books: Books, index: int) -> dict[str, int]:
    books.unnumbered(executed(books, index)[1], State.UNCERTAIN)
    return {LEFT: 1}


def leave_sent(books: Books, index: int) -> dict[str, int]:
    """An entry of a process that died, which nobody looked at."""
    books.unnumbered(executed(books, index)[1], State.SENT)
    return {LEFT: 1}


def mistake_the_state(books: Books, index: int) -> dict[str, int]:
    _, entry, row = executed(books, index)
    other = State.ACCEPTED if row.state is not State.ACCEPTED else State.FILLED
    books.swap(entry, replace(entry, state=other))
    return {WRONG: 1}


def mistake_the_fill(books: Books, index: int) -> dict[str, int]:
    _, entry, _ = executed(books, index)
    books.swap(entry, replace(entry, filled=entry.filled + 1))
    return {WRONG: 1}


def mistake_the_number(books: Books, index: int) -> dict[str, int]:
    """An entry takes an order that another program sent, and its own is left alone."""
    order, entry, _ = executed(books, index)
    stranger = PlannedOrder("x", 0, "BUY", "999999", order.quantity, "01", None)
    row = books.row(stranger)
    books.swap(entry, replace(entry, number=str(row.number)))
    return {WRONG: 1, DOUBLED: 1, LOST: 1}


def say_it_ran(books: Books, index: int) -> dict[str, int]:
    _, entry, row = executed(books, index)
    books.rows.remove(row)
    books.swap(entry, replace(entry, state=State.FILLED, number=""))
    return {WRONG: 1}


def never_try(books: Books, index: int) -> dict[str, int]:
    order, entry, row = executed(books, index)
    books.rows.remove(row)
    books.entries.remove(entry)
    del books.outcomes[order.client_order_id]
    return {UNDONE: 1}


DAMAGE: list[Callable[[Books, int], dict[str, int]]] = [
    send_twice,
    send_under_another_id,
    forget,
    lose_at_the_exchange,
    deny,
    deny_and_send_again,
    leave_uncertain,
    leave_sent,
    mistake_the_state,
    mistake_the_fill,
    mistake_the_number,
    say_it_ran,
    never_try,
]


@given(st.integers(0, 999), st.lists(st.sampled_from(FATES), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_clean_book_gives_zeros(seed: int, fates: list[State]) -> None:
    report = clean_books(seed, fates).report()
    assert report.is_clean
    assert set(report.damage) == set(DAMAGES)
    assert len(report.told) == fates.count(State.UNCERTAIN)
    assert report.wishes == len(fates)
    assert report.twins == len(fates) // GROUP
    assert report.uncertain.total() == fates.count(State.UNCERTAIN)
    assert report.refused == fates.count(State.REFUSED)


@pytest.mark.parametrize("damage", DAMAGE)
@given(index=st.integers(0, 99), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_each_kind_of_damage_is_counted_once(
    damage: Callable[[Books, int], dict[str, int]], index: int, seed: int
) -> None:
    books = clean_books(seed, [State.FILLED, State.ACCEPTED, State.CANCELLED])  # no twins to hide behind
    expected = damage(books, index)
    report = books.report()
    assert {name: times for name, times in report.damage.items() if times} == expected
    assert not report.is_clean
    assert report.told


@given(st.lists(st.sampled_from(DAMAGE), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_damages_add_up(damages: list[Callable[[Books, int], dict[str, int]]], seed: int) -> None:
    books = Books()
    expected = dict.fromkeys(DAMAGES, 0)
    for number, damage in enumerate(damages):
        apart = Books()
        apart._number = 1_000 * (number + 1)
        order = PlannedOrder(f"w{number}", 0, "BUY", f"{number:06}", 10, "00", 1_000)
        apart.add(order, State.PARTLY_FILLED)
        told = damage(apart, 0)
        stranger = {"999999": f"{900_000 + number}"}  # a stranger of its own for each
        for row in apart.rows:
            books.rows.append(replace(row, code=stranger.get(row.code, row.code)))
        books.plan += apart.plan
        books.outcomes |= apart.outcomes
        books.entries += apart.entries
        for name, times in told.items():
            expected[name] += times
    assert books.report().damage == expected


def twins(count: int = 2) -> list[PlannedOrder]:
    first = PlannedOrder("t0", 0, "BUY", "005930", 10, "00", 70_000)
    return [replace(first, client_order_id=f"t{n}", twin_of="t0" if n else "") for n in range(count)]


def test_of_two_uncertain_twins_one_ran() -> None:
    books = Books()
    for twin in twins():
        books.add(twin, State.UNCERTAIN)
    books.row(twins()[0])
    assert books.report().damage[LEFT] == 1
    assert books.report().uncertain.total() == 1


def test_a_twin_may_own_the_order_of_the_other() -> None:
    books = Books()
    for twin in twins():
        books.add(twin, State.ACCEPTED)
    first, second = books.entries
    books.entries = [replace(first, number=second.number), replace(second, number=first.number)]
    assert books.report().is_clean


def test_a_twin_that_took_the_other_ones_order_is_seen() -> None:
    books = Books()
    for twin in twins():
        books.add(twin, State.ACCEPTED)
    first, second = books.entries
    books.entries = [first, replace(second, number=first.number)]
    assert books.report().damage == {**dict.fromkeys(DAMAGES, 0), WRONG: 1, LOST: 1}


def test_an_uncertain_twin_is_told_before_a_denied_one() -> None:
    books = Books()
    for twin in twins():
        books.add(twin, State.UNCERTAIN)
    books.row(twins()[0])
    books.row(twins()[0])
    books.swap(books.entries[1], replace(books.entries[1], state=State.NOT_EXECUTED))
    books.outcomes["t1"] = "refused: believed not executed"
    assert books.report().damage == {**dict.fromkeys(DAMAGES, 0), LEFT: 1, BELIEVED: 1}


def test_changes_and_cancellations_are_compared_too() -> None:
    books = Books()
    order = PlannedOrder("w0", 0, "BUY", "005930", 10, "00", 70_000, then="reprice")
    books.plan, books.outcomes = [order], {"w0": DONE}
    first = books.row(order, cancelled=True)
    changed = replace(books.row(order, cancelled=True), original=first.number)
    cancelled = replace(changed, number=books.new_number(), original=changed.number, is_cancellation=True)
    books.rows = [first, changed, cancelled]
    books.entry(wish_of(order), "w0", State.CANCELLED, first)
    books.entry(change_of(first.number), "c1", State.CANCELLED, changed)
    last = books.entry(change_of(changed.number, "02"), "c2", State.CANCELLED, cancelled)
    assert last.wish.action is Action.CANCEL
    report = books.report()
    assert report.is_clean
    assert (report.executed, report.changes, report.cancellations) == (1, 1, 1)
    books.unnumbered(last, State.NOT_EXECUTED)
    assert books.report().damage[BELIEVED] == 1
    books.rows.append(replace(changed, number=books.new_number()))
    assert books.report().damage == {**dict.fromkeys(DAMAGES, 0), BELIEVED: 1, DOUBLED: 1, LOST: 1}


@pytest.mark.parametrize(("filled", "state"), [(0, State.ACCEPTED), (3, State.PARTLY_FILLED)])
def test_an_order_that_filled_since_may_stand_as_it_stood(filled: int, state: State) -> None:
    books = Books()
    order = PlannedOrder("w0", 0, "BUY", "005930", 10, "00", 70_000)
    books.add(order, State.FILLED)
    now = books.rows[0]
    books.before = [replace(now, filled=0, filled_value=0, remaining=10)]
    average = Decimal(1_000) if filled else None
    books.swap(books.entries[0], replace(books.entries[0], filled=filled, state=state, average_price=average))
    assert books.report().is_clean
    books.before = []
    assert books.report().damage[WRONG] == 1


def test_a_wrong_average_price_is_a_wrong_state() -> None:
    books = Books()
    books.add(PlannedOrder("w0", 0, "BUY", "005930", 10, "01", None), State.FILLED)
    books.swap(books.entries[0], replace(books.entries[0], average_price=Decimal("1007.001")))
    assert books.report().damage[WRONG] == 1


def test_an_order_told_as_refused_must_not_live() -> None:
    books = Books()
    books.add(PlannedOrder("w0", 0, "BUY", "005930", 10, "01", None), State.FILLED)
    books.outcomes["w0"] = "refused: no cash"
    assert books.report().damage[WRONG] == 1


def test_reasons_are_counted_without_their_numbers() -> None:
    books = Books()
    for number, order in enumerate(twins(3)):
        books.add(order, State.UNCERTAIN)
        books.swap(books.entries[number], replace(books.entries[number], reason=f"no answer in {number}.5 s"))
    assert books.report().uncertain == {"no answer in N s": 3}


@given(st.integers(0, 9_999), st.integers(1, 300), st.integers(1, 8), st.sampled_from(("live", "paper")))
@settings(max_examples=40, deadline=None)
def test_only_twins_ask_for_the_same(seed: int, orders: int, workers: int, mode: str) -> None:
    plan = planned_orders(seed, orders, workers, PRICES, mode)
    assert plan == planned_orders(seed, orders, workers, PRICES, mode)
    originals = {wish.client_order_id: wish for wish in plan if not wish.twin_of}
    twins = [wish for wish in plan if wish.twin_of]
    assert len({wish.key for wish in originals.values()}) == len(originals)
    assert len({wish.client_order_id for wish in plan}) == orders
    assert len(twins) == orders // GROUP
    assert all(twin.key == originals[twin.twin_of].key for twin in twins)
    assert {wish.worker for wish in plan} <= set(range(workers))


def test_twins_are_in_one_process_and_in_two() -> None:
    plan = {wish.client_order_id: wish for wish in planned_orders(1, 200, 4, PRICES)}
    apart = [wish.worker != plan[wish.twin_of].worker for wish in plan.values() if wish.twin_of]
    assert {True, False} == set(apart)
