"""Days at a model exchange, judged by what it lists: shuffled, doubled, delayed, dropped."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.orders.entry import Entry
from kis_sync.orders.likeness import fits, intent
from kis_sync.orders.recovery import Outcome, Verdict, settle
from tests.orders.all_pairings import largest
from tests.orders.recovery_cases import LATER, SETTLING, at, evidence, new_wish, numbers
from tests.orders.recovery_world import BASE, TWINS, UNLIKE, World, said, worlds
from tests.thoroughness import examples

FOUND, NOT_EXECUTED, MISSING = Outcome.FOUND, Outcome.NOT_EXECUTED, Outcome.MISSING
LOOK_ALIKES = TWINS
ALIKE = (*UNLIKE[-3:], TWINS[0])
ANYTHING = worlds(
    UNLIKE, LOOK_ALIKES, senders=("uncertain", "uncertain", "answered", "being sent", "nobody asks")
)
few = settings(max_examples=examples(20), deadline=None)
many = settings(max_examples=examples(70), deadline=None)


def some_of(rows: list[ListedOrder]) -> st.SearchStrategy[list[ListedOrder]]:
    return st.lists(st.sampled_from(rows), unique_by=lambda row: row.number)


def judged(
    world: World,
    rows: list[ListedOrder],
    entries: list[Entry] | None = None,
    *,
    is_complete: bool = True,
    missing_before: bool = False,
) -> list[Verdict]:
    entries = world.entries if entries is None else entries
    if missing_before:
        entries = [replace(entry, missing_since=at(400)) for entry in entries]
    in_flight = [each.entry for sender in ("being sent", "nobody asks") for each in world.by(sender)]
    seen = evidence(
        rows, owners=world.owners, known=world.known, is_complete=is_complete, in_flight=in_flight
    )
    return settle(entries, seen)


def told(verdicts: list[Verdict]) -> list[tuple[int, Outcome, int | None, str]]:
    return [
        (each.entry.id, each.outcome, each.listed.number if each.listed else None, each.reason)
        for each in verdicts
    ]


@many
@given(ANYTHING, st.data(), st.booleans())
def test_order_and_repetition_of_rows_change_nothing(
    world: World, data: st.DataObject, is_complete: bool
) -> None:
    rows = data.draw(some_of(world.rows))
    earlier = [replace(row, filled=0, remaining=row.quantity, cancelled=None) for row in rows]
    terse = [
        replace(
            row, filled=row.quantity, remaining=0, cancelled=None, ordered_at=None, kind_code="", price=None
        )
        for row in rows
        if row.number != BASE
    ]
    repeated = data.draw(st.lists(st.sampled_from([*rows, *earlier, *terse]))) if rows else []
    shuffled = data.draw(st.permutations([*rows, *repeated]))
    entries = data.draw(st.permutations(world.entries))
    plain = judged(world, rows, is_complete=is_complete, missing_before=True)
    again = judged(world, shuffled, entries, is_complete=is_complete, missing_before=True)
    assert told(plain) == told(again)
    assert [each.entry.id for each in plain] == sorted(entry.id for entry in entries)


@few
@given(ANYTHING, st.data())
def test_every_number_is_given_once_and_only_to_whom_it_fits(world: World, data: st.DataObject) -> None:
    rows = data.draw(some_of(world.rows))
    verdicts = judged(world, rows)
    given_out = numbers(verdicts)
    assert len(set(given_out.values())) == len(given_out)
    assert not set(given_out.values()) & world.owned
    for verdict in verdicts:
        assert (verdict.outcome is FOUND) == (verdict.listed is not None)
        if verdict.listed is not None:
            assert verdict.listed in rows
            assert fits(verdict.listed, verdict.entry)
            assert verdict.listed.number not in world.known.get(verdict.entry.id, ())


@few
@given(worlds(senders=("uncertain", "uncertain", "being sent"), foreign=LOOK_ALIKES))
def test_the_number_that_a_sender_will_hear_is_given_to_nobody(world: World) -> None:
    heard = {each.number for each in world.by("being sent")}
    assert not heard & set(numbers(judged(world, world.rows)).values())


@few
@given(worlds(), st.booleans())
def test_without_look_alikes_as_many_are_found_as_ran(world: World, is_complete: bool) -> None:
    assert said(judged(world, world.rows, is_complete=is_complete), FOUND) == world.ran()


def claims(world: World, rows: list[ListedOrder]) -> dict[int, list[int]]:
    free = [row for row in rows if row.number not in world.owned]
    return {
        entry.id: [
            row.number for row in free if row.number not in world.known.get(entry.id, ()) and fits(row, entry)
        ]
        for entry in world.entries
    }


@few
@given(worlds(), st.data())
def test_of_equal_ones_as_many_are_found_as_can_be(world: World, data: st.DataObject) -> None:
    rows = data.draw(some_of(world.rows))
    found = said(judged(world, rows), FOUND)
    everything = claims(world, rows)
    for asked in {intent(entry.wish) for entry in world.entries}:
        equal = {entry.id for entry in world.entries if intent(entry.wish) == asked}
        pairings = largest({each: numbers for each, numbers in everything.items() if each in equal})
        assert found[asked] == len(pairings[0])


@few
@given(worlds(TWINS[:1], TWINS[:1], most=4, senders=("uncertain",)))
def test_a_number_that_could_be_left_over_is_given_to_nobody(world: World) -> None:
    pairings = largest(claims(world, world.rows))
    in_all = set.intersection(*({*pairing.values()} for pairing in pairings))
    assert set(numbers(judged(world, world.rows)).values()) == in_all


@many
@given(worlds(UNLIKE, (), senders=("uncertain", "answered")))
def test_if_all_ran_all_are_found_however_alike_they_are(world: World) -> None:
    world = World.of(replace(each, ran_after=each.ran_after or 0.0) for each in world.everything)
    assert len(numbers(judged(world, world.rows))) == len(world.entries)


@many
@given(worlds(ALIKE, senders=("uncertain", "uncertain", "uncertain", "being sent")))
def test_none_is_believed_to_have_run_that_did_not(world: World) -> None:
    found = said(judged(world, world.rows), FOUND)
    assert all(found[asked] <= world.ran()[asked] for asked in found)


@few
@given(ANYTHING, st.data(), st.booleans())
def test_none_that_ran_is_believed_not_to_have_run(
    world: World, data: st.DataObject, is_distorted: bool
) -> None:
    rows = world.rows
    if is_distorted:  # as if each order could be listed in another way than it was sent
        rows = [_distorted(row, data) if row.number != BASE else row for row in rows]
    verdicts = judged(world, rows, missing_before=True)
    asked: list[object] = [intent(each.wish) for each in world.by("uncertain")]
    for wanted, count in said(verdicts, NOT_EXECUTED).items():
        assert count <= asked.count(wanted) - world.ran()[wanted]


def _distorted(row: ListedOrder, data: st.DataObject) -> ListedOrder:
    how = data.draw(st.sampled_from(["not", "price", "quantity", "type", "exchange", "time"]))
    if how == "quantity" and row.original is None:
        return replace(row, quantity=row.quantity + 1)
    changes: dict[str, dict[str, object]] = {
        "price": {"price": 12_345},
        "type": {"kind_code": "99"},
        "exchange": {"exchange": "NXT"},
        "time": {"ordered_at": at(900)},
    }
    return replace(row, **changes.get(how, {}))  # type: ignore[arg-type]


@few
@given(worlds(UNLIKE[3:], (), senders=("uncertain",)))
def test_a_change_that_ran_shows_by_its_original_alone(world: World) -> None:
    rows = [row for row in world.rows if row.original != BASE]
    verdicts = judged(world, rows, missing_before=True)
    ran = {each.id for each in world.by("uncertain") if each.number and each.wish.original == BASE}
    assert not ran & {each.entry.id for each in verdicts if each.outcome is NOT_EXECUTED}


@few
@given(ANYTHING, st.data())
def test_lists_that_may_lack_orders_prove_no_lack(world: World, data: st.DataObject) -> None:
    rows = data.draw(some_of(world.rows))
    verdicts = judged(world, rows, is_complete=False, missing_before=True)
    assert {each.outcome for each in verdicts} <= {FOUND, Outcome.UNCERTAIN}


@few
@given(worlds(senders=("uncertain", "uncertain", "answered", "nobody asks")), st.data())
def test_fewer_rows_only_turn_found_into_uncertain(world: World, data: st.DataObject) -> None:
    fewer = data.draw(some_of(world.rows))
    before = numbers(judged(world, world.rows, is_complete=False))
    after = numbers(judged(world, fewer, is_complete=False))
    assert after.keys() <= before.keys()


@many
@given(worlds(TWINS[:1], late=False, senders=("uncertain",)), st.data(), st.booleans())
def test_what_is_listed_late_ends_as_if_it_had_been_there(
    world: World, data: st.DataObject, is_complete: bool
) -> None:
    at_once = judged(world, world.rows, is_complete=is_complete)
    shown = data.draw(some_of(world.rows))
    entries, owned, found = world.entries, world.owned, []
    for rows, read_at in ((shown, at(400)), (world.rows, LATER)):
        verdicts = settle(
            entries,
            evidence(rows, owned=owned, known=world.known, read_at=read_at, is_complete=is_complete),
        )
        found += [each for each in verdicts if each.outcome is FOUND]
        owned |= set(numbers(verdicts).values())
        missing = {each.entry.id for each in verdicts if each.outcome is MISSING}
        entries = [
            replace(each.entry, missing_since=read_at if each.entry.id in missing else None)
            for each in verdicts
            if each.outcome is not FOUND
        ]
    assert said(found, FOUND) == said(at_once, FOUND)
    assert owned == world.owned | set(numbers(at_once).values())


@few
@given(worlds(foreign=(new_wish(code="000660"),), late=False))
def test_all_is_settled_in_the_end_on_complete_lists(world: World) -> None:
    verdicts = judged(world, world.rows, missing_before=True)
    assert {each.outcome for each in verdicts} <= {FOUND, NOT_EXECUTED}
    assert said(verdicts, FOUND) == world.ran()


@few
@given(worlds(late=False), st.integers(0, 400))
def test_nothing_is_concluded_from_a_lack_before_the_settling_time(world: World, seconds: int) -> None:
    read_at, first = at(seconds), at(200)
    entries = [replace(entry, missing_since=first) for entry in world.entries]
    seen = evidence(owned=world.owned, known=world.known, read_at=read_at)
    for verdict in settle(entries, seen):
        if verdict.outcome is NOT_EXECUTED:
            assert read_at >= first + SETTLING
            assert read_at >= (verdict.entry.ended_at or first) + 2 * SETTLING
