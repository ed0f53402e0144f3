"""An order number says little: branches have numbers of their own, and a server can begin its anew."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.orders.entry import Entry, Wish
from kis_sync.orders.likeness import SKEW, agrees, came_after, newest, row_of
from kis_sync.orders.recovery import Evidence, Outcome, settle
from tests.orders.recovery_cases import (
    accepted,
    at,
    change_wish,
    evidence,
    judge,
    new_wish,
    numbers,
    outcomes,
    row,
    uncertain,
)
from tests.orders.recovery_world import NO_LOOK_ALIKES, TWINS, UNLIKE, World, worlds
from tests.thoroughness import examples

FOUND, NOT_EXECUTED, UNCERTAIN = Outcome.FOUND, Outcome.NOT_EXECUTED, Outcome.UNCERTAIN
OURS = row(5, branch="91252")
OTHER_STOCK = new_wish(code="000660")
KNOWN = {1: frozenset({5})}


def lacked(wish: Wish | None = None, **other: Any) -> Entry:
    return uncertain(wish=wish, missing_since=at(200), **other)


# -- another order of the same number --------------------------------------------------------------


FOREIGN: dict[str, ListedOrder] = {
    "another stock": row(5, OTHER_STOCK, filled=10, remaining=0),
    "another side": row(5, new_wish(side=Side.SELL), filled=10, remaining=0),
    "another branch": row(5, filled=10, remaining=0, ordered=-1_000),
    "another branch, rejected": row(5, rejected=10, remaining=0),
    "numbers begun anew": row(5, branch="91252", filled=10, remaining=0, ordered=-1_000),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_another_order_of_the_same_number_does_not_hide_ours(foreign: ListedOrder) -> None:
    for listed in ([OURS, foreign], [foreign, OURS]):
        verdict = judge(lacked(), evidence(listed))[0]
        assert (verdict.outcome, verdict.listed) == (FOUND, OURS)
        changed = [replace(each, price=69_000) for each in listed]
        assert outcomes(judge(lacked(), evidence(changed))) == [UNCERTAIN]


def test_two_that_could_be_it_are_told_with_their_branches() -> None:
    verdict = judge(lacked(), evidence([OURS, row(5)]))[0]
    assert verdict.outcome is UNCERTAIN
    assert verdict.reason.startswith("orders 5 (branch 06010), 5 (branch 91252) look like it")


@pytest.mark.parametrize(
    ("ordered", "outcome"), [(4, FOUND), (3, UNCERTAIN), (-3, UNCERTAIN), (-4, NOT_EXECUTED)]
)
def test_a_number_known_before_is_only_that_of_an_order_from_before(ordered: int, outcome: Outcome) -> None:
    listed = [row(5, ordered=ordered)]
    assert outcomes(judge(lacked(), evidence(listed, known=KNOWN))) == [outcome]
    doubtful = [replace(listed[0], price=69_000)]
    doubt = NOT_EXECUTED if outcome is NOT_EXECUTED else UNCERTAIN
    assert outcomes(judge(lacked(), evidence(doubtful, known=KNOWN))) == [doubt]


def test_a_known_number_without_a_time_is_a_doubt() -> None:
    listed = [row(5, ordered_at=None)]
    assert outcomes(judge(lacked(), evidence(listed, known=KNOWN))) == [UNCERTAIN]


@pytest.mark.parametrize("wish", [change_wish(100), change_wish(100, is_cancellation=True)])
def test_a_change_of_a_known_number_is_found_too(wish: Wish) -> None:
    original = row(100, ordered=-900, remaining=0, cancelled=10)
    owner = accepted(100, sent=-900)
    for ordered, outcome in ((4, FOUND), (1, UNCERTAIN)):
        seen = evidence([original, row(5, wish, ordered)], known=KNOWN, owners=[owner])
        assert outcomes(judge(lacked(wish), seen)) == [outcome]


NOT_THE_OWNER: dict[str, Entry] = {
    "stock": accepted(5, OTHER_STOCK),
    "side": accepted(5, new_wish(side=Side.SELL)),
    "action": accepted(5, change_wish(3, is_cancellation=True)),
    "it had ended before": accepted(5, sent=-60),
    "it was sent after": accepted(5, sent=60),
}


@pytest.mark.parametrize("owner", NOT_THE_OWNER.values(), ids=NOT_THE_OWNER)
def test_an_owner_of_the_number_only_explains_his_own_order(owner: Entry) -> None:
    listed = row(5, original=7) if owner.wish.original else OURS
    asked = lacked(change_wish(7)) if owner.wish.original else lacked()
    if owner.wish.original:
        listed = row(5, change_wish(7), branch="91252")
    assert outcomes(judge(asked, evidence([listed], owners=[owner]))) == [FOUND]
    assert outcomes(judge(asked, evidence([listed], owned={5}))) != [FOUND]


@pytest.mark.parametrize("branch", ["", "91252", "06010", "00950"])
def test_an_owner_explains_one_row_whatever_his_receipt_called_the_branch(branch: str) -> None:
    owner = accepted(5, branch=branch)
    assert outcomes(judge(lacked(), evidence([OURS], owners=[owner]))) == [NOT_EXECUTED]
    both = judge(lacked(), evidence([OURS, row(5)], owners=[owner]))[0]
    assert both.listed == (OURS if branch != "91252" else row(5))


def test_an_owner_explains_the_row_that_is_like_his_order_to_the_letter() -> None:
    owner = accepted(5, branch="91252")
    unlike = row(5, branch="91252", price=69_000)
    assert outcomes(judge(lacked(), evidence([unlike, row(5)], owners=[owner]))) == [UNCERTAIN]


def test_of_several_owners_of_a_number_each_explains_his_own() -> None:
    morning, other = accepted(5, sent=-3_000), accepted(5, OTHER_STOCK, entry_id=7)
    listed = [row(5, ordered=-2_999), row(5, OTHER_STOCK), OURS]
    assert numbers(judge(lacked(), evidence(listed, owners=[morning, other]))) == {1: 5}
    assert outcomes(judge(lacked(), evidence(listed[:2], owners=[morning, other]))) == [NOT_EXECUTED]
    assert outcomes(judge(lacked(), evidence(listed, owners=[morning]))) == [FOUND]


def test_what_was_done_to_another_stocks_order_of_that_number_explains_nothing() -> None:
    by_hand = row(6, original=5, price=69_000)
    for listed, owners, outcome in (
        ([row(5, OTHER_STOCK)], [], UNCERTAIN),
        ([row(5, ordered=-900)], [], NOT_EXECUTED),
        ([], [accepted(5, OTHER_STOCK)], UNCERTAIN),
        ([], [accepted(5)], NOT_EXECUTED),
    ):
        seen = evidence([by_hand, *listed], known=KNOWN if listed and outcome is NOT_EXECUTED else None)
        seen = replace(seen, owners=evidence(owners=owners).owners)
        assert outcomes(judge(lacked(), seen)) == [outcome]


def test_the_original_of_a_change_is_that_of_its_stock_and_branch() -> None:
    asked = lacked(change_wish(5))
    gone, taking = row(5, remaining=0, cancelled=10, ordered=-50), row(6, change_wish(5), ordered=-40)
    owners = [accepted(5, sent=-51), accepted(6, change_wish(5), sent=-41)]
    for listed, outcome in (
        ([gone, taking], NOT_EXECUTED),
        ([gone, replace(taking, branch="")], NOT_EXECUTED),
        ([gone, replace(taking, branch="91252")], UNCERTAIN),
        ([gone, replace(taking, code="000660")], UNCERTAIN),
        ([row(5, OTHER_STOCK, ordered=-50)], UNCERTAIN),
        ([row(5, ordered=-50), row(5, ordered=-50, branch="91252")], UNCERTAIN),
        ([row(5, ordered=-50), row(5, ordered=-50, branch="91252"), row(7, change_wish(5))], UNCERTAIN),
        ([row(5, ordered=-50), row(5, OTHER_STOCK)], NOT_EXECUTED),
        ([row(5, ordered=-50), row(5, OTHER_STOCK), row(7, change_wish(5))], FOUND),
    ):
        seen = evidence(listed, owners=[*owners, accepted(5, OTHER_STOCK, entry_id=9)])
        assert outcomes(judge(asked, seen)) == [outcome]


# -- rows of one order -----------------------------------------------------------------------------


def same(rows: list[ListedOrder]) -> list[tuple[int, str, int]]:
    """Number, branch and filled shares of the orders, whatever the order of the rows."""
    ways = itertools.permutations([*rows, rows[0]])
    (only,) = {tuple((each.number, each.branch, each.filled) for each in newest(way)) for way in ways}
    return list(only)


def test_rows_are_of_one_order_if_nothing_tells_them_apart() -> None:
    assert same([row(5), row(5, filled=3)]) == [(5, "06010", 3)]
    assert same([row(5), row(5, filled=3, branch="91252")]) == [(5, "06010", 0), (5, "91252", 3)]
    assert same([row(5), row(5, filled=3, code="000660")]) == [(5, "06010", 3), (5, "06010", 0)]
    assert same([row(5, code="Q530001"), row(5, filled=3, code="530001")]) == [(5, "06010", 3)]
    late = row(5, filled=3, ordered=1 + SKEW.total_seconds())
    assert same([row(5), late]) == [(5, "06010", 3)]
    later = row(5, filled=3, ordered=2 + SKEW.total_seconds())
    assert same([row(5), later]) == [(5, "06010", 0), (5, "06010", 3)]


def test_a_row_without_a_branch_goes_with_the_nearest() -> None:
    blank = row(5, branch="", filled=3, ordered=-30)
    assert same([blank]) == [(5, "", 3)]
    assert same([blank, row(5, ordered=-29)]) == [(5, "", 3)]
    others = [row(5, ordered=-29), row(5, branch="91252")]
    assert [filled for _, _, filled in same([blank, *others])] == [3, 0]
    assert [filled for _, _, filled in same([row(5), blank, row(5, branch="91252", ordered=-29)])] == [0, 3]


# -- an entry and a row of its number --------------------------------------------------------------


AGREE: dict[str, tuple[ListedOrder, Wish, bool]] = {
    "its own": (row(5), new_wish(), True),
    "however far filled, priced, timed": (row(5, price=1, quantity=3, ordered=9_000), new_wish(), True),
    "another branch": (OURS, new_wish(), True),
    "another stock": (row(5, OTHER_STOCK), new_wish(), False),
    "another side": (row(5, new_wish(side=Side.SELL)), new_wish(), False),
    "a cancellation": (row(5, is_cancellation=True), new_wish(), False),
    "of another original": (row(5, original=3), new_wish(), False),
    "a change": (row(5, change_wish(3)), change_wish(3), True),
    "a change of another": (row(5, change_wish(2)), change_wish(3), False),
    "a change that does not tell its original": (row(5), change_wish(3), True),
    "another call": (row(5, change_wish(3)), Wish("domestic_stock.order_credit", "buy", {}), True),
}


@pytest.mark.parametrize(("listed", "wish", "is_so"), AGREE.values(), ids=AGREE)
def test_a_row_agrees_with_an_entry_unless_it_is_another_order(
    listed: ListedOrder, wish: Wish, is_so: bool
) -> None:
    assert agrees(listed, accepted(5, wish, branch="06010")) is is_so


def test_the_row_of_an_entry_is_the_one_that_looks_most_like_its_order() -> None:
    entry = accepted(5, branch="91252")
    foreign = row(5, OTHER_STOCK, filled=10)
    early, elsewhere = row(5, branch="91252", ordered=-900), row(5)
    for rows in itertools.permutations([foreign, early, elsewhere, OURS, row(6)]):
        assert row_of(entry, rows) == OURS
    assert row_of(entry, [foreign, early, elsewhere]) == elsewhere
    assert row_of(entry, [foreign, early]) == early
    assert row_of(entry, [foreign, row(6)]) is None
    assert row_of(uncertain(), [OURS]) is None


# -- days on which numbers mean nothing ------------------------------------------------------------


@st.composite
def days(draw: st.DrawFn, foreign: tuple[Wish, ...] = NO_LOOK_ALIKES) -> tuple[World, Evidence]:
    """A day whose orders are numbered by branch, or anew from some moment on."""
    world = draw(worlds(UNLIKE, foreign, senders=("uncertain", "uncertain", "answered")))
    branch: dict[int, str] = {}
    number: dict[int, int] = {}
    begun = draw(st.none() | st.integers(0, 150))
    counts: dict[object, int] = {}
    for each in sorted(world.rows, key=lambda each: (each.ordered_at or at(0), each.number)):
        if each.original in number and each.original >= 100:  # done by hand: as its original
            branch[each.number] = branch[each.original]
        else:
            branch[each.number] = draw(st.sampled_from(["06010", "91252"]))
        era = begun is not None and each.ordered_at is not None and each.ordered_at > at(begun)
        series = (branch[each.number], era)
        counts[series] = counts.get(series, 0) + 1
        number[each.number] = counts[series]
    rows = [
        replace(
            each,
            number=number[each.number],
            original=None if each.original is None else number[each.original],
            branch=branch[each.number],
        )
        for each in world.rows
    ]
    assume(len(newest(rows)) == len(rows))  # not anew within moments, and equal ones
    receipt = draw(st.sampled_from(["", "00950"]))
    owners = [
        replace(owner, number=str(number[int(owner.number)]), branch=receipt or branch[int(owner.number)])
        for owner in world.owners
    ]
    known = {key: frozenset(number[each] for each in seen) for key, seen in world.known.items()}
    return world, evidence(rows, known=known, owners=owners)


def entries_of(world: World, seen: Evidence) -> list[Entry]:
    """The uncertain entries; those about the base order name it by the number that it has here."""
    base = next(each.number for each in seen.listed if each.quantity == 1_000)
    named = []
    for entry in world.entries:
        wish = entry.wish
        if wish.original is not None:
            fields = {**wish.fields, "ORGN_ODNO": str(base)}
            wish = replace(wish, fields=fields)
        named.append(replace(entry, wish=wish, missing_since=at(400)))
    return named


def owners_named(seen: Evidence) -> Evidence:
    base = next(each.number for each in seen.listed if each.quantity == 1_000)

    def name(entry: Entry) -> Entry:
        if entry.wish.original is None:
            return entry
        fields = {**entry.wish.fields, "ORGN_ODNO": str(base)}
        return replace(entry, wish=replace(entry.wish, fields=fields))

    return replace(seen, owners={n: [name(each) for each in some] for n, some in seen.owners.items()})


@settings(max_examples=examples(70), deadline=None)
@given(days(TWINS))
def test_none_that_ran_is_believed_not_to_have_run_by_its_number(day: tuple[World, Evidence]) -> None:
    world, seen = day
    verdicts = settle(entries_of(world, seen), owners_named(seen))
    ids = {each.id: each for each in world.by("uncertain")}
    asked = [(each.entry.id, each.outcome) for each in verdicts]
    for wish in {id_: repr(ids[id_].wish) for id_, _ in asked}.values():
        equal = [(id_, outcome) for id_, outcome in asked if repr(ids[id_].wish) == wish]
        ran = sum(bool(ids[id_].number) for id_, _ in equal)
        assert sum(outcome is NOT_EXECUTED for _, outcome in equal) <= len(equal) - ran


def any_is_hidden_by_a_namesake(world: World, seen: Evidence) -> bool:
    """Whether an order of ours ran under a number that was known before, of the same seconds elsewhere."""
    rows = {old.number: new for old, new in zip(world.rows, seen.listed, strict=True)}
    ran = [entry for entry in world.by("uncertain") if entry.number]
    known = ((rows[entry.number], entry) for entry in ran if entry.number in rows)
    entries = {entry.id: entry for entry in world.entries}
    return any(
        row.number in seen.known.get(sent.id, frozenset()) and not came_after(row, entries[sent.id])
        for row, sent in known
    )


@settings(max_examples=examples(70), deadline=None)
@given(days())
def test_none_is_believed_to_have_run_by_its_number(day: tuple[World, Evidence]) -> None:
    world, seen = day
    assume(not any_is_hidden_by_a_namesake(world, seen))
    verdicts = settle(entries_of(world, seen), owners_named(seen))
    ids = {each.id: each for each in world.by("uncertain")}
    for wish in {repr(each.wish) for each in ids.values()}:
        equal = [each for each in verdicts if repr(ids[each.entry.id].wish) == wish]
        ran = sum(bool(ids[each.entry.id].number) for each in equal)
        assert sum(each.outcome is FOUND for each in equal) <= ran
