from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.likeness import SKEW, SLACK, newest
from kis_sync.orders.recovery import Outcome, Verdict, claimed, state_of
from tests.orders.recovery_cases import (
    LATER,
    SETTLING,
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

FOUND, NOT_EXECUTED, MISSING, UNCERTAIN = (
    Outcome.FOUND,
    Outcome.NOT_EXECUTED,
    Outcome.MISSING,
    Outcome.UNCERTAIN,
)
CANCEL = change_wish(100, is_cancellation=True)
CHANGE = change_wish(100)
OTHER = Wish("overseas_stock.order", "buy", {"PDNO": "AAPL"})


def only(verdicts: list[Verdict]) -> Verdict:
    (verdict,) = verdicts
    return verdict


def lacked(entry: Entry, since: float = 200) -> Entry:
    """An entry that complete lists have lacked before."""
    return replace(entry, missing_since=at(since))


# -- what fits ------------------------------------------------------------------------------------


def test_an_order_that_is_listed_as_it_was_sent_is_found() -> None:
    verdict = only(judge(uncertain(), evidence([row(100)])))
    assert (verdict.outcome, verdict.reason) == (FOUND, "order 100 is listed as it was sent")
    assert verdict.listed == row(100)


OTHERWISE: dict[str, dict[str, Any]] = {
    "code": {"code": "000660"},
    "side": {"side": Side.SELL},
    "quantity": {"quantity": 11},
    "type": {"kind_code": "11"},
    "price": {"price": 70_100},
    "no price": {"price": None},
    "exchange": {"exchange": "NXT"},
    "a change": {"original": 55},
    "a cancellation": {"is_cancellation": True},
    "too early": {"ordered_at": at(-4)},
    "too late": {"ordered_at": at(20) + SLACK + timedelta(seconds=1)},
    "rejected": {"rejected": 10, "remaining": 0},
}


@pytest.mark.parametrize("told", OTHERWISE.values(), ids=OTHERWISE)
def test_an_order_that_is_listed_otherwise_is_not_taken_for_it(told: dict[str, Any]) -> None:
    assert outcomes(judge(uncertain(), evidence([row(100, **told)], is_complete=False))) == [UNCERTAIN]


SILENT: dict[str, dict[str, Any]] = {
    "no time": {"ordered_at": None},
    "no exchange": {"exchange": ""},
    "no type": {"kind_code": ""},
    "clocks differ": {"ordered_at": at(0) - SKEW},
    "ran late": {"ordered_at": at(20) + SLACK},
}


@pytest.mark.parametrize("told", SILENT.values(), ids=SILENT)
def test_what_a_list_leaves_open_contradicts_nothing(told: dict[str, Any]) -> None:
    assert outcomes(judge(uncertain(), evidence([row(100, **told)]))) == [FOUND]


@pytest.mark.parametrize("kind", ["01", "03", "04", "06", "13", "16", "21"])
def test_a_type_that_takes_its_price_elsewhere_may_be_listed_at_any(kind: str) -> None:
    entry = uncertain(wish=new_wish(price=None, kind=kind))
    for price in (None, 70_500):
        assert outcomes(judge(entry, evidence([row(100, entry.wish, price=price)]))) == [FOUND]


def test_the_price_sent_with_an_order_at_market_says_nothing() -> None:
    entry = uncertain(wish=new_wish(price=70_000, kind="01"))
    assert outcomes(judge(entry, evidence([row(100, entry.wish, price=None)]))) == [FOUND]


def test_stop_orders_differ_by_their_trigger_where_it_is_listed() -> None:
    entry = uncertain(wish=new_wish(kind="22", trigger=69_000))
    told = {None: FOUND, 69_000: FOUND, 68_000: UNCERTAIN}
    for trigger, outcome in told.items():
        assert outcomes(judge(entry, evidence([row(100, entry.wish, trigger=trigger)]))) == [outcome]


@pytest.mark.parametrize("listed_under", ["KRX", "NXT", "SOR", ""])
def test_an_order_to_sor_may_be_listed_under_the_exchange_that_took_it(listed_under: str) -> None:
    entry = uncertain(wish=new_wish(exchange="SOR"))
    assert outcomes(judge(entry, evidence([row(100, entry.wish, exchange=listed_under)]))) == [FOUND]


def test_an_etn_may_be_listed_without_its_q() -> None:
    entry = uncertain(wish=new_wish(code="Q530001"))
    assert outcomes(judge(entry, evidence([row(100, entry.wish, code="530001")]))) == [FOUND]


def test_a_call_by_name_says_its_side_by_its_variant() -> None:
    entry = uncertain(wish=replace(new_wish(), side=None))
    assert outcomes(judge(entry, evidence([row(100, new_wish())]))) == [FOUND]
    sold = row(100, new_wish(side=Side.SELL))
    assert outcomes(judge(entry, evidence([sold], is_complete=False))) == [UNCERTAIN]


def test_what_is_owned_or_was_known_before_is_not_taken() -> None:
    assert outcomes(judge(uncertain(), evidence([row(100)], owned={100}))) == [MISSING]
    assert outcomes(judge(uncertain(), evidence([row(100)], known={2: frozenset({100})}))) == [FOUND]
    assert outcomes(judge(uncertain(), evidence([row(100)], known={1: frozenset({100})}))) == [UNCERTAIN]


def test_an_order_without_an_end_may_be_listed_at_any_time_after() -> None:
    entry = uncertain(ended_at=None)
    assert outcomes(judge(entry, evidence([row(100, ordered=3_000)]))) == [FOUND]


def test_changes_and_cancellations_are_known_by_their_original() -> None:
    original = row(100, remaining=0, cancelled=10)
    for wish, other in ((CHANGE, CANCEL), (CANCEL, CHANGE)):
        entry = uncertain(wish=wish)
        assert numbers(judge(entry, evidence([original, row(101, wish)], owned={100}))) == {1: 101}
        assert numbers(judge(entry, evidence([original, row(101, other)], owned={100}))) == {}
        assert numbers(judge(entry, evidence([original, row(101, wish, original=99)], owned={100}))) == {}


def test_all_that_is_left_is_any_quantity_and_a_part_is_its_own() -> None:
    assert numbers(judge(uncertain(wish=CHANGE), evidence([row(101, CHANGE, quantity=3)]))) == {1: 101}
    part = change_wish(100, 4)
    assert numbers(judge(uncertain(wish=part), evidence([row(101, part)]))) == {1: 101}
    assert numbers(judge(uncertain(wish=part), evidence([row(101, part, quantity=3)]))) == {}


def test_a_change_has_its_own_price_and_a_cancellation_none() -> None:
    assert numbers(judge(uncertain(wish=CHANGE), evidence([row(101, CHANGE, price=70_900)]))) == {}
    told = row(101, CANCEL, price=70_900, kind_code="03")
    assert numbers(judge(uncertain(wish=CANCEL), evidence([told]))) == {1: 101}


def test_another_kind_of_call_is_never_settled() -> None:
    verdict = only(judge(lacked(uncertain(wish=OTHER)), evidence([row(100)])))
    assert (verdict.outcome, verdict.listed) == (UNCERTAIN, None)
    assert "look at the account" in verdict.reason


# -- equal orders ---------------------------------------------------------------------------------


def test_of_two_twins_and_one_order_one_ran() -> None:
    twins = [uncertain(2, sent=5), uncertain(1)]
    verdicts = judge(map(lacked, twins), evidence([row(100, ordered=6)]))
    assert [verdict.entry.id for verdict in verdicts] == [1, 2]
    assert sorted(outcomes(verdicts)) == sorted([FOUND, NOT_EXECUTED])
    assert all("1 of 2 equal orders ran, and which" in verdict.reason for verdict in verdicts)
    assert sorted(outcomes(judge(twins, evidence([row(100, ordered=6)])))) == sorted([FOUND, MISSING])
    paper = judge(map(lacked, twins), evidence([row(100, ordered=6)], is_complete=False))
    assert sorted(outcomes(paper)) == sorted([FOUND, UNCERTAIN])


def test_the_times_decide_between_twins_where_they_can() -> None:
    twins = [uncertain(1), uncertain(2, sent=300)]
    assert numbers(judge(twins, evidence([row(100, ordered=301)]))) == {2: 100}
    assert numbers(judge(twins, evidence([row(100, ordered=1)]))) == {1: 100}


def test_the_latest_twin_is_served_first_since_the_others_can_own_what_comes_later() -> None:
    twins = [uncertain(1), uncertain(2, sent=60)]
    first = judge(twins, evidence([row(101, ordered=61)], is_complete=False))
    assert numbers(first) == {2: 101}
    second = judge(twins[:1], evidence([row(101, ordered=61), row(100)], owned={101}, is_complete=False))
    assert numbers(second) == {1: 100}


def test_of_twins_that_all_ran_each_gets_the_nearest_number() -> None:
    twins = [uncertain(1), uncertain(2, sent=2)]
    verdicts = judge(twins, evidence([row(100, ordered=0), row(101, ordered=3)]))
    assert numbers(verdicts) == {1: 100, 2: 101}
    assert verdicts[0].reason.endswith("(2 of 2 equal orders ran, and which of them does not matter)")


def test_more_orders_than_were_sent_from_here_are_given_to_nobody() -> None:
    verdicts = judge([lacked(uncertain(1))], evidence([row(100), row(101, ordered=2)]))
    assert outcomes(verdicts) == [UNCERTAIN]
    assert "orders 100, 101 look like it and are more than were sent from here" in verdicts[0].reason


def test_many_numbers_are_cut_short() -> None:
    reason = only(judge(uncertain(), evidence([row(number) for number in range(100, 109)]))).reason
    assert reason.startswith("orders 100, 101, 102, 103, 104 and 4 more look")


def test_a_crowd_elsewhere_does_not_keep_an_order_from_being_found() -> None:
    twins = [uncertain(1), uncertain(2, sent=300)]
    listed = [row(100), row(200, ordered=301), row(201, ordered=302)]
    verdicts = judge(twins, evidence(listed))
    assert outcomes(verdicts) == [FOUND, UNCERTAIN]
    assert numbers(verdicts) == {1: 100}


def test_what_an_order_being_sent_could_own_is_kept_for_it() -> None:
    leaving = uncertain(2, sent=2, state=State.SENT, ended_at=None)
    for listed in ([row(100)], [row(100), row(101, ordered=3)]):
        verdict = only(judge(lacked(uncertain(1)), evidence(listed, in_flight=[leaving])))
        assert (verdict.outcome, verdict.listed) == (UNCERTAIN, None)
        assert "just being sent; recover again" in verdict.reason
    early = replace(leaving, sent_at=at(30))
    assert numbers(judge(uncertain(1), evidence([row(100)], in_flight=[early]))) == {1: 100}


def test_an_order_being_sent_has_no_end_yet() -> None:
    leaving = uncertain(2, sent=2, state=State.SENT, ended_at=at(3))
    verdicts = judge(uncertain(1, ended_at=None), evidence([row(100, ordered=500)], in_flight=[leaving]))
    assert outcomes(verdicts) == [UNCERTAIN]


def test_the_order_of_one_being_sent_keeps_another_missing_for_now() -> None:
    leaving = uncertain(2, new_wish(quantity=3), sent=3_590, state=State.SENT, ended_at=None)
    listed = [row(100, leaving.wish, ordered=3_591)]
    verdict = only(judge(lacked(uncertain(1)), evidence(listed, in_flight=[leaving])))
    assert (verdict.outcome, verdict.listed) == (MISSING, None)
    assert "order 100 first has to find its owner" in verdict.reason
    assert outcomes(judge(lacked(uncertain(1)), evidence(listed, owned={100}))) == [NOT_EXECUTED]


def test_uncertain_entries_that_nobody_asks_about_claim_as_well() -> None:
    asked, rival = lacked(uncertain(1)), uncertain(2, sent=2)
    assert outcomes(judge(asked, evidence([row(100), row(101)], in_flight=[rival]))) == [FOUND]
    assert outcomes(judge(asked, evidence([row(100)], in_flight=[rival]))) == [FOUND]
    assert outcomes(judge(asked, evidence([], in_flight=[rival]))) == [NOT_EXECUTED]
    far = uncertain(2, sent=300)
    assert outcomes(judge(asked, evidence([row(101, ordered=301)], in_flight=[far]))) == [NOT_EXECUTED]


def test_unlike_orders_that_compete_for_too_few_stay_uncertain() -> None:
    all_of_it, five = uncertain(1, CANCEL), uncertain(2, change_wish(100, 5, is_cancellation=True))
    original, record = row(100, remaining=5, cancelled=5), row(101, five.wish)
    verdicts = judge([all_of_it, five], evidence([original, record], owned={100}))
    assert outcomes(verdicts) == [UNCERTAIN, UNCERTAIN]
    assert "order 101 could be it or another order from here" in verdicts[0].reason
    both = judge([all_of_it, five], evidence([original, record, row(102, CANCEL, quantity=3)], owned={100}))
    assert numbers(both) == {1: 102, 2: 101}


# -- what did not run -----------------------------------------------------------------------------


def test_an_order_that_complete_lists_lack_twice_did_not_run() -> None:
    entry = uncertain(waited=20)
    first = only(judge(entry, evidence(read_at=at(30))))
    assert first.outcome is MISSING
    entry, settling = replace(entry, missing_since=at(30)), SETTLING.total_seconds()
    due = 20 + 2 * settling
    assert f"at {at(due):%H:%M:%S}, it did not run" in first.reason
    assert outcomes(judge(entry, evidence(read_at=at(due - 1)))) == [MISSING]
    assert outcomes(judge(entry, evidence(read_at=at(due)))) == [NOT_EXECUTED]
    late = replace(entry, missing_since=at(500))
    assert outcomes(judge(late, evidence(read_at=at(499 + settling)))) == [MISSING]
    assert outcomes(judge(late, evidence(read_at=at(500 + settling)))) == [NOT_EXECUTED]


def test_without_an_end_the_first_lack_is_the_end() -> None:
    entry, settling = uncertain(ended_at=None, missing_since=at(30)), SETTLING.total_seconds()
    assert outcomes(judge(entry, evidence(read_at=at(29 + 2 * settling)))) == [MISSING]
    assert outcomes(judge(entry, evidence(read_at=at(30 + 2 * settling)))) == [NOT_EXECUTED]


def test_an_end_that_was_written_anew_does_not_put_it_off() -> None:
    entry = uncertain(missing_since=at(30), ended_at=LATER)
    assert outcomes(judge(entry, evidence())) == [NOT_EXECUTED]


def test_a_lack_from_before_the_sending_says_nothing() -> None:
    entry = uncertain(missing_since=at(-500))
    assert outcomes(judge(entry, evidence())) == [MISSING]


def test_paper_lists_never_prove_a_lack() -> None:
    verdict = only(judge(lacked(uncertain()), evidence(is_complete=False)))
    assert verdict.outcome is UNCERTAIN
    assert "as paper's do" in verdict.reason


DOUBTFUL: dict[str, dict[str, Any]] = {
    "quantity": {"quantity": 7},
    "price": {"price": 69_000},
    "type": {"kind_code": "03", "price": None},
    "exchange": {"exchange": "NXT"},
    "hours later": {"ordered_at": at(3_500)},
    "the clock was wrong": {"ordered_at": at(-500)},
    "no time": {"ordered_at": None, "price": 69_000},
    "changed, and the first is gone": {"original": 99, "price": 69_000},
    "cancelled, and the first is gone": {"original": 99, "is_cancellation": True},
}


@pytest.mark.parametrize("told", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_new_order_of_the_same_stock_and_side_leaves_a_doubt(told: dict[str, Any]) -> None:
    verdict = only(judge(lacked(uncertain()), evidence([row(100, **told)])))
    assert (verdict.outcome, verdict.listed) == (UNCERTAIN, None)
    assert verdict.reason.startswith("order 100 could be it, though not quite as sent")


CLEAR: dict[str, dict[str, Any]] = {
    "stock": {"code": "000660"},
    "side": {"side": Side.SELL},
    "long before": {"ordered_at": at(-601)},
    "of a known order": {"original": 50},
    "of an owned order": {"original": 60, "is_cancellation": True},
    "of an order that is listed itself": {"original": 70},
    "rejected": {"rejected": 10, "remaining": 0},
}


@pytest.mark.parametrize("told", CLEAR.values(), ids=CLEAR)
def test_an_order_that_cannot_be_it_leaves_none(told: dict[str, Any]) -> None:
    listed = [row(100, **told), row(70, ordered=-5_000)]
    seen = evidence(listed, owned={60}, known={1: frozenset({50})})
    assert outcomes(judge(lacked(uncertain()), seen)) == [NOT_EXECUTED]


def test_an_order_changed_by_hand_meanwhile_is_still_found() -> None:
    first, changed = row(100, remaining=0, cancelled=10), row(101, original=100, price=69_000)
    assert numbers(judge(uncertain(), evidence([first, changed]))) == {1: 100}


def test_a_rejected_order_is_told_but_proves_nothing() -> None:
    rejected = row(100, rejected=10, remaining=0)
    for is_complete, outcome in ((False, UNCERTAIN), (True, NOT_EXECUTED)):
        verdict = only(judge(lacked(uncertain()), evidence([rejected], is_complete=is_complete)))
        assert verdict.outcome is outcome
        assert verdict.reason.endswith("; order 100 looks like it and was rejected")


@pytest.mark.parametrize("wish", [CHANGE, CANCEL], ids=["change", "cancel"])
def test_a_change_did_not_run_if_its_original_shows_nothing_of_it(wish: Wish) -> None:
    entry = lacked(uncertain(wish=wish))
    for original in (row(100), row(100, filled=10, remaining=0), row(100, filled=4, remaining=6)):
        assert outcomes(judge(entry, evidence([original], owned={100}))) == [NOT_EXECUTED]
    assert outcomes(judge(entry, evidence([row(100, filled=10, remaining=0)], is_complete=False))) == [
        UNCERTAIN
    ]
    bought = [row(100), row(200, ordered=5)]
    assert outcomes(judge(entry, evidence(bought, owned={100}))) == [NOT_EXECUTED]


@pytest.mark.parametrize("wish", [CHANGE, CANCEL], ids=["change", "cancel"])
def test_a_change_is_doubtful_while_something_happened_to_its_original(wish: Wish) -> None:
    entry = lacked(uncertain(wish=wish))
    gone = row(100, remaining=0, cancelled=10)
    for listed in (
        [],
        [gone],
        [replace(gone, remaining=None)],
        [row(100, remaining=6)],
        [gone, row(101, CHANGE, price=1), row(102, CANCEL, ordered=900)],
    ):
        verdict = only(judge(entry, evidence(listed, owned={100})))
        assert (verdict.outcome, verdict.listed) == (UNCERTAIN, None)
    assert "nothing of it is left in any case" in only(judge(entry, evidence([gone], owned={100}))).reason
    explained = [gone, row(99, CHANGE, ordered=-50)]
    assert outcomes(judge(entry, evidence(explained, owned={99, 100}))) == [NOT_EXECUTED]


# -- one row a number -----------------------------------------------------------------------------


def test_rows_of_one_order_become_one_that_tells_most() -> None:
    open_list = row(100, filled=3, remaining=7, cancelled=None, trigger=None, original=None)
    history = row(100, cancelled=0, ordered=2, trigger=9, original=55)
    blank = replace(open_list, ordered_at=None, kind_code="", price=None, exchange="", filled=0)
    for rows in itertools.permutations([open_list, history, blank, open_list]):
        (merged,) = newest(rows)
        assert (merged.filled, merged.remaining, merged.trigger, merged.original) == (3, 7, 9, 55)
        assert (merged.ordered_at, merged.kind_code, merged.price) == (at(1), "00", 70_000)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({}, State.ACCEPTED),
        ({"filled": 4, "remaining": 6}, State.PARTLY_FILLED),
        ({"filled": 10, "remaining": 0}, State.FILLED),
        ({"filled": 4, "remaining": 0, "cancelled": 6}, State.CANCELLED),
        ({"remaining": 0, "cancelled": 0}, State.CANCELLED),
        ({"remaining": None, "cancelled": 10}, State.CANCELLED),
        ({"remaining": None, "cancelled": None, "filled": 2}, State.PARTLY_FILLED),
        ({"remaining": None, "cancelled": None}, State.ACCEPTED),
        ({"remaining": 0, "rejected": 10}, State.REFUSED),
        ({"remaining": 0, "rejected": 6, "filled": 4}, State.CANCELLED),
        ({"remaining": 0, "rejected": 10, "filled": 4}, State.CANCELLED),
        ({"remaining": 4, "rejected": 6}, State.ACCEPTED),
        ({"remaining": 4, "cancelled": 6}, State.ACCEPTED),
        ({"is_cancellation": True, "remaining": 0, "cancelled": 10}, State.CANCELLED),
        ({"is_cancellation": True, "remaining": None, "cancelled": None}, State.ACCEPTED),
        ({"is_cancellation": True, "rejected": 10, "remaining": 0}, State.REFUSED),
    ],
)
def test_where_a_listed_order_stands(told: dict[str, Any], state: State) -> None:
    assert state_of(row(100, **told)) is state


# -- by hand --------------------------------------------------------------------------------------


def test_a_claim_by_hand_settles() -> None:
    listed = row(100, price=69_000, quantity=3, ordered=2_000)
    verdict = claimed(uncertain(), listed, owned={99})
    assert (verdict.outcome, verdict.listed) == (FOUND, listed)
    assert claimed(uncertain(wish=OTHER), listed).outcome is FOUND
    assert claimed(uncertain(wish=CANCEL), row(101, CANCEL)).outcome is FOUND


@pytest.mark.parametrize(
    ("wish", "listed"),
    [
        (new_wish(), row(100)),
        (new_wish(), row(101, code="000660")),
        (new_wish(), row(101, side=Side.SELL)),
        (new_wish(), row(101, CANCEL)),
        (CANCEL, row(101, CHANGE)),
        (CHANGE, row(101, CHANGE, original=98)),
    ],
)
def test_a_claim_that_cannot_be_is_refused(wish: Wish, listed: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"order {listed.number} is"):
        claimed(uncertain(wish=wish), listed, owned={100})
