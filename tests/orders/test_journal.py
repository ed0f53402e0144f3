"""The journal in one process: one living entry an id, the day's most won, outcomes, order numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.errors import InvalidRequestError, JournalError, Reach
from kis_sync.orders.entry import CHANGE_ORDER, State, Wish
from kis_sync.orders.journal import Journal
from tests.orders.journal_parts import (
    ACCOUNT,
    NOW,
    SERVER,
    TODAY,
    accepted,
    change_of,
    journal_in,
    path_in,
    sent,
    wish,
)
from tests.sleeping_clock import SleepingClock

LATER = NOW + timedelta(minutes=1)
SETTLED = (State.ACCEPTED, State.PARTLY_FILLED, State.FILLED, State.CANCELLED)
FREED = (State.REFUSED, State.NOT_EXECUTED)


def stock(code: str, side: Side) -> Wish:
    return replace(wish(), code=code, side=side)


@pytest.fixture(params=["on disk", "in memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    made = journal_in(tmp_path / "journal" if request.param == "on disk" else None)
    yield made
    made.close_file()


class TestOpen:
    def test_an_intent_comes_back_as_it_was_written(self, journal: Journal) -> None:
        entry, is_new = journal.open("mine", wish(), NOW)
        assert is_new
        assert (entry.client_order_id, entry.wish, entry.state) == ("mine", wish(), State.INTENDED)
        assert (entry.intended_at, entry.sent_at, entry.number, entry.filled) == (NOW, None, "", 0)
        assert journal.find("mine") == entry == journal.entry(entry.id)
        assert journal.entries() == [entry]

    def test_the_same_again_is_the_first(self, journal: Journal) -> None:
        first, _ = journal.open("mine", wish(), NOW)
        dearer = Wish(first.wish.endpoint, "buy", first.wish.fields, "005930", first.wish.side, 1)
        assert journal.open("mine", dearer, LATER) == (first, False)
        assert len(journal.entries()) == 1

    def test_another_wish_under_the_same_id_is_refused_by_both_names(self, journal: Journal) -> None:
        journal.open("mine", wish(10), NOW)
        with pytest.raises(InvalidRequestError, match=r"'mine'.*ORD_QTY=10.*ORD_QTY=11"):
            journal.open("mine", wish(11), NOW)
        assert [entry.wish.quantity for entry in journal.entries()] == [10]

    @pytest.mark.parametrize("state", SETTLED)
    def test_an_order_that_left_a_trace_keeps_its_id(self, journal: Journal, state: State) -> None:
        first = journal.close(sent(journal, "mine"), state, NOW)
        assert journal.open("mine", wish(), LATER) == (first, False)

    def test_an_uncertain_order_keeps_its_id(self, journal: Journal) -> None:
        first = journal.close(sent(journal, "mine"), State.UNCERTAIN, NOW, reason="a time-out")
        assert journal.open("mine", wish(), LATER) == (first, False)

    @pytest.mark.parametrize("state", FREED)
    def test_an_order_that_left_none_frees_it(self, journal: Journal, state: State) -> None:
        first = journal.close(sent(journal, "mine"), state, NOW)
        second, is_new = journal.open("mine", wish(11), LATER)
        assert is_new
        assert second.id > first.id
        assert journal.find("mine") == second
        journal.close(second, state, LATER)
        third, _ = journal.open("mine", wish(), LATER)
        journal.close(third, State.REFUSED, LATER)
        found = journal.find("mine")
        assert found is not None
        assert found.id == third.id  # the latest when none lives

    def test_without_an_id_every_order_has_its_own(self, journal: Journal) -> None:
        ids = {journal.open(None, wish(), NOW)[0].client_order_id for _ in range(5)}
        assert len(ids) == 5

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\ud800", 5])
    def test_an_id_is_a_text_one_can_print(self, journal: Journal, name: str) -> None:
        with pytest.raises(InvalidRequestError, match="printable"):
            journal.open(name, wish(), NOW)

    def test_a_korean_id_is_fine(self, journal: Journal) -> None:
        assert journal.open("삼성 매수 #1", wish(), NOW)[0] == journal.find("삼성 매수 #1")

    def test_times_are_kept_in_korean_time_and_need_a_zone(self, journal: Journal) -> None:
        entry, _ = journal.open("mine", wish(), NOW.astimezone(timezone.utc))
        assert entry.intended_at.isoformat() == NOW.isoformat()
        with pytest.raises(ValueError, match="zone"):
            journal.open("other", wish(), NOW.replace(tzinfo=None))
        assert journal.find("other") is None


class TestMostWonADay:
    def test_the_day_may_be_used_up_but_not_passed(self, journal: Journal) -> None:
        journal.open("a", wish(10, 70_000), NOW, most_won_a_day=1_000_000)
        journal.open("b", wish(3, 100_000), NOW, most_won_a_day=1_000_000)
        with pytest.raises(InvalidRequestError, match=r"worth 1 won.*most of 1,000,000 won 1,000,000"):
            journal.open("c", wish(1, 1), NOW, most_won_a_day=1_000_000)
        assert journal.find("c") is None
        assert journal.open("a", wish(10, 70_000), NOW, most_won_a_day=1)[1] is False

    @pytest.mark.parametrize("state", [*SETTLED, State.UNCERTAIN])
    def test_what_may_have_run_counts(self, journal: Journal, state: State) -> None:
        journal.close(sent(journal, "a"), state, NOW)
        with pytest.raises(InvalidRequestError):
            journal.open("b", wish(), NOW, most_won_a_day=1_399_999)

    @pytest.mark.parametrize("state", FREED)
    def test_what_did_not_run_does_not(self, journal: Journal, state: State) -> None:
        journal.close(sent(journal, "a"), state, NOW)
        assert journal.open("b", wish(), NOW, most_won_a_day=700_000)[1]

    def test_what_is_taken_of_a_day_can_be_asked(self, journal: Journal) -> None:
        assert journal.worth_of(TODAY) == 0
        for state in (*SETTLED, State.UNCERTAIN, *FREED):
            journal.close(sent(journal), state, NOW)
        journal.open(None, wish(1, 1), NOW)
        journal.open(None, wish(1, 2), NOW - timedelta(days=1))
        assert journal.worth_of(TODAY) == 5 * 700_000 + 1
        assert journal.worth_of(TODAY - timedelta(days=1)) == 2

    def test_a_day_is_korean(self, journal: Journal) -> None:
        midnight = datetime(2026, 11, 24, 15, 0, tzinfo=timezone.utc)  # the 25th begins in Seoul
        journal.open("a", wish(), midnight - timedelta(seconds=1))
        assert journal.open("b", wish(), midnight, most_won_a_day=700_000)[1]
        with pytest.raises(InvalidRequestError):
            journal.open("c", wish(), midnight - timedelta(hours=1), most_won_a_day=700_000)

    def test_more_than_can_be_counted_is_refused(self, journal: Journal) -> None:
        with pytest.raises(InvalidRequestError, match="cannot be worth"):
            journal.open("a", wish(10**10, 10**10), NOW)
        for name in "bc":
            journal.open(name, wish(3 * 10**9, 2 * 10**9), NOW)
        with pytest.raises(JournalError, match="was not sent"):
            journal.open("d", wish(), NOW, most_won_a_day=10**30)


class TestSending:
    def test_what_leaves_is_on_record_with_the_numbers_known_before(self, journal: Journal) -> None:
        entry, _ = journal.open("mine", wish(), NOW)
        journal.learn([7, 8], TODAY)
        left = journal.leaving(entry, LATER)
        journal.learn([8, 9], TODAY)
        assert (left.state, left.sent_at) == (State.SENT, LATER)
        assert journal.known_before(left.known_until, TODAY) == {7, 8}
        again = journal.leaving(left, LATER + timedelta(seconds=2))
        assert again.sent_at == LATER + timedelta(seconds=2)
        assert journal.known_before(again.known_until, TODAY) == {7, 8, 9}
        assert journal.known_before(again.known_until, TODAY + timedelta(days=1)) == frozenset()

    @pytest.mark.parametrize("state", [state for state in State if state not in (State.INTENDED, State.SENT)])
    def test_what_has_ended_does_not_leave_again(self, journal: Journal, state: State) -> None:
        ended = journal.close(sent(journal), state, NOW)
        with pytest.raises(JournalError, match="was not sent") as told:
            journal.leaving(ended, LATER)
        assert told.value.reach is Reach.NOT_EXECUTED
        assert journal.entry(ended.id) == ended

    def test_an_entry_of_another_sender_does_not_leave(self, tmp_path: Path) -> None:
        one, other = journal_in(tmp_path), journal_in(tmp_path)
        entry, _ = one.open("mine", wish(), NOW)
        assert other.open("mine", wish(), NOW) == (entry, False)
        with pytest.raises(JournalError, match="another process"):
            other.leaving(entry, NOW)
        one.close_file()
        other.close_file()

    def test_an_entry_of_another_journal_is_not_taken(self, journal: Journal) -> None:
        other = journal_in(None)
        entry = sent(other)
        with pytest.raises(JournalError, match="no entry"):
            journal.leaving(entry, NOW)
        with pytest.raises(JournalError, match="no entry"):
            journal.close(entry, State.ACCEPTED, NOW)
        with pytest.raises(JournalError, match="no entry"):
            journal.wait_for(entry, 1)
        other.close_file()

    def test_an_outcome_is_kept(self, journal: Journal) -> None:
        closed = journal.close(
            sent(journal, "mine"), State.ACCEPTED, LATER, number="0000038614", branch="00950", reason="ok"
        )
        assert (closed.number, closed.branch, closed.ended_at) == ("0000038614", "00950", LATER)
        assert journal.find("mine") == closed
        assert journal.by_number(38614, TODAY) == closed
        assert journal.by_number(38614, TODAY + timedelta(days=1)) is None
        assert journal.by_number(10**30, TODAY) is None
        assert set(journal.owners(TODAY)) == {38614}

    def test_a_broken_letter_in_a_reason_does_not_lose_the_outcome(self, journal: Journal) -> None:
        closed = journal.close(sent(journal), State.UNCERTAIN, NOW, reason="half \ud800")
        stands = journal.entry(closed.id)
        assert stands is not None
        assert (stands.state, stands.reason) == (State.UNCERTAIN, "half ?")

    def test_a_contradiction_is_told_and_nothing_changes(self, journal: Journal) -> None:
        taken = accepted(journal, "4")
        with pytest.raises(JournalError, match="'accepted' and cannot become 'not executed'"):
            journal.close(taken, State.NOT_EXECUTED, LATER)
        assert journal.entry(taken.id) == taken
        filled = journal.note(accepted(journal, "5"), NOW, state=State.FILLED, filled=10)
        with pytest.raises(JournalError, match=r"written down.*filled") as told:
            journal.close(filled, State.NOT_EXECUTED, LATER)
        assert told.value.reach is Reach.MAYBE_EXECUTED
        with pytest.raises(JournalError, match="number is 5, not 6"):
            journal.note(filled, LATER, number="6")
        assert journal.entry(filled.id) == filled

    def test_no_number_settles_two_uncertain_entries(self, journal: Journal) -> None:
        twins = [journal.close(sent(journal), State.UNCERTAIN, NOW) for _ in range(2)]
        first = journal.close(twins[0], State.ACCEPTED, LATER, number="5")
        second = journal.close(twins[1], State.ACCEPTED, LATER, number="0005")
        assert (first.number, first.state) == ("5", State.ACCEPTED)
        assert (second.number, second.state) == ("", State.UNCERTAIN)
        assert "another entry's" in second.reason
        assert journal.close(first, State.ACCEPTED, LATER, number="6").number == "5"

    def test_a_number_given_out_twice_settles_both(self, journal: Journal) -> None:
        first = accepted(journal, "5")  # answered now
        for seconds, is_settled in ((3, False), (4, True)):
            at = NOW + timedelta(seconds=seconds)
            later, _ = journal.open(None, wish(), at)
            later = journal.close(journal.leaving(later, at), State.UNCERTAIN, at)
            assert (journal.close(later, State.ACCEPTED, LATER, number="5").number == "5") is is_settled
        for other in (stock("000660", Side.BUY), stock("005930", Side.SELL), stock("Q005930", Side.BUY)):
            entry = journal.close(sent(journal, what=other), State.UNCERTAIN, NOW)
            closed = journal.close(entry, State.ACCEPTED, LATER, number="5")
            assert (closed.state is State.ACCEPTED) is (other.code != "Q005930")
        assert journal.entry(first.id) == first

    def test_of_several_of_a_number_the_one_that_agrees_is_found(self, journal: Journal) -> None:
        made = {}
        for name, what, branch in (
            ("old", stock("005930", Side.BUY), "06010"),
            ("elsewhere", stock("005930", Side.BUY), "91252"),
            ("sold", stock("005930", Side.SELL), "06010"),
            ("other", stock("000660", Side.BUY), "06010"),
        ):
            made[name] = journal.close(
                sent(journal, name, what), State.ACCEPTED, NOW, number="5", branch=branch
            )
        assert journal.by_number(5, TODAY) == made["other"]
        assert journal.by_number(5, TODAY, code="005930") == made["sold"]
        assert journal.by_number(5, TODAY, code="005930", side=Side.BUY) == made["elsewhere"]
        found = journal.by_number(5, TODAY, branch="06010", code="005930", side=Side.BUY)
        assert found == made["old"]
        assert journal.by_number(5, TODAY, branch="00950", code="068270") == made["other"]
        assert journal.owners(TODAY) == {5: list(made.values())}

    def test_an_answer_outweighs_what_lists_made_us_believe(self, journal: Journal) -> None:
        gone = journal.close(sent(journal, "mine"), State.NOT_EXECUTED, NOW, reason="lists lack it")
        assert journal.close(gone, State.ACCEPTED, LATER, number="5").state is State.ACCEPTED

    def test_but_not_when_its_id_stands_for_another_order_by_now(self, journal: Journal) -> None:
        gone = journal.close(sent(journal, "mine"), State.NOT_EXECUTED, NOW)
        journal.open("mine", wish(), LATER)
        with pytest.raises(JournalError):
            journal.close(gone, State.ACCEPTED, LATER, number="5")


class TestLists:
    def test_what_lists_show_moves_an_entry_on_and_never_back(self, journal: Journal) -> None:
        entry = accepted(journal, "5")
        entry = journal.note(
            entry,
            LATER,
            state=State.PARTLY_FILLED,
            filled=4,
            average_price=Decimal("70000.5"),
            remaining=6,
        )
        assert (entry.filled, entry.average_price, entry.remaining) == (4, Decimal("70000.5"), 6)
        assert entry.ended_at == NOW
        assert journal.note(entry, LATER, state=State.ACCEPTED, filled=0, remaining=10) == entry
        full = journal.note(entry, LATER, state=State.FILLED, filled=10, remaining=0)
        assert journal.note(full, LATER, state=State.PARTLY_FILLED, filled=4, remaining=6) == full
        assert journal.note(full, LATER, state=State.CANCELLED) == full

    def test_history_has_every_change(self, journal: Journal) -> None:
        entry = journal.close(sent(journal), State.UNCERTAIN, LATER, reason="a time-out")
        journal.mark_missing([entry], LATER)
        journal.note(entry, LATER, state=State.FILLED, filled=10, number="5")
        assert [(event.state, event.reason) for event in journal.history(entry)] == [
            (State.INTENDED, ""),
            (State.SENT, ""),
            (State.UNCERTAIN, "a time-out"),
            (State.FILLED, ""),
        ]
        assert [event.at for event in journal.history(entry)] == [NOW, NOW, LATER, LATER]

    def test_entries_by_day_and_state(self, journal: Journal) -> None:
        one = accepted(journal, "5")
        two, _ = journal.open(None, wish(), NOW - timedelta(days=1))
        two = journal.leaving(two, NOW)  # a day later: an order belongs to the day it was sent on
        old, _ = journal.open(None, wish(), NOW - timedelta(days=1))
        assert journal.entries(day=TODAY) == [one, two]
        assert journal.entries(day=TODAY, states=[State.SENT]) == [two]
        assert journal.entries(states=(State.INTENDED, State.SENT)) == [two, old]
        assert journal.entries(states=[]) == []

    def test_numbers_of_other_markets_are_not_owned(self, journal: Journal) -> None:
        accepted(journal, "5", what=wish(endpoint="overseas_stock.order"))
        stock = accepted(journal, "6")
        elsewhere = accepted(journal, "6", what=wish(endpoint="overseas_stock.order"))
        assert set(journal.owners(TODAY)) == {6}
        assert journal.owners(TODAY) == {6: [stock]}
        assert journal.by_number(6, TODAY) == stock
        assert elsewhere.number == "6"

    def test_changes_of_an_order_are_found_by_its_number(self, journal: Journal) -> None:
        accepted(journal, "5")
        change = accepted(journal, "6", what=change_of(5))
        assert change.wish.endpoint == CHANGE_ORDER
        assert journal.changes_of(5, TODAY) == [change]
        assert journal.changes_of(6, TODAY) == journal.changes_of(-1, TODAY) == []

    def test_missing_since_is_the_first_time(self, journal: Journal) -> None:
        entry = journal.close(sent(journal), State.UNCERTAIN, NOW)
        assert journal.mark_missing([entry], NOW)[0].missing_since == NOW
        assert journal.mark_missing([entry], LATER)[0].missing_since == NOW
        assert journal.clear_missing([entry])[0].missing_since is None
        assert journal.entry(entry.id) == entry

    def test_numbers_are_learnt_once(self, journal: Journal) -> None:
        journal.learn([5, 5, 6, -1, 10**30], TODAY)
        journal.learn([5], TODAY)
        journal.learn([], TODAY)
        assert journal.known_before(1, TODAY) == {5, 6}
        assert journal.known_before(0, TODAY) == frozenset()


class TestLeftBehind:
    def test_nothing_of_ours_is_adopted_while_we_live(self, journal: Journal) -> None:
        sent(journal)
        journal.open(None, wish(), NOW)
        assert journal.adopt(LATER) == []

    def test_a_sender_that_closed_its_journal_is_gone(self, tmp_path: Path) -> None:
        one, other = journal_in(tmp_path), journal_in(tmp_path)
        on_the_way = sent(one)
        intended, _ = one.open(None, wish(), NOW)
        assert other.adopt(LATER) == []
        one.close_file()
        uncertain, not_executed = other.adopt(LATER)
        assert (uncertain.id, uncertain.state, uncertain.ended_at) == (on_the_way.id, State.UNCERTAIN, LATER)
        assert (not_executed.id, not_executed.state) == (intended.id, State.NOT_EXECUTED)
        assert "its process ended" in uncertain.reason
        with pytest.raises(JournalError):  # though it opens its file again
            one.leaving(intended, LATER)
        assert one.close(on_the_way, State.ACCEPTED, LATER, number="5").state is State.ACCEPTED
        assert other.adopt(LATER) == []
        one.close_file()
        other.close_file()
        assert not list(tmp_path.glob("*.owner"))

    def test_a_sending_that_takes_too_long_counts_as_abandoned(self, journal: Journal) -> None:
        entry = sent(journal)
        assert journal.adopt(NOW + timedelta(seconds=900)) == []
        (adopted,) = journal.adopt(NOW + timedelta(seconds=901))
        assert (adopted.id, adopted.state) == (entry.id, State.UNCERTAIN)

    def test_waiting_ends_when_the_sending_does(self, tmp_path: Path) -> None:
        class Closing(SleepingClock):
            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                if len(self.slept) == 3:
                    one.close(entry, State.ACCEPTED, LATER, number="5")

        clock = Closing()
        one, other = journal_in(tmp_path), journal_in(tmp_path, clock=clock)
        entry = sent(one, "mine")
        assert other.wait_for(entry, 60).state is State.ACCEPTED
        assert len(clock.slept) == 3
        one.close_file()
        other.close_file()

    def test_waiting_ends_with_its_time_or_its_sender(self, tmp_path: Path) -> None:
        clock = SleepingClock()
        one, other = journal_in(tmp_path), journal_in(tmp_path, clock=clock)
        entry = sent(one, "mine")
        assert other.wait_for(entry, 2.01) == entry
        assert sum(clock.slept) == pytest.approx(2.01)
        one.close_file()
        assert other.wait_for(entry, 60).state is State.UNCERTAIN
        assert sum(clock.slept) == pytest.approx(2.01)
        other.close_file()


class TestFile:
    def test_accounts_and_servers_have_files_of_their_own(self, tmp_path: Path) -> None:
        for server, account in (
            (SERVER, ACCOUNT),
            (SERVER, "1234567801"),
            ("b", ACCOUNT),
            (SERVER, "87654321-01"),
        ):
            journal = Journal(tmp_path, server, account, SleepingClock())
            journal.open(None, wish(), NOW)
            journal.close_file()
        assert len(list(tmp_path.glob("orders-*.sqlite3"))) == 3  # the hyphen does not make another account

    def test_the_account_number_is_nowhere(self, tmp_path: Path) -> None:
        journal = journal_in(tmp_path)
        accepted(journal, "5")
        for path in tmp_path.iterdir():
            assert b"12345678" not in path.read_bytes()
            assert "12345678" not in path.name
        journal.close_file()

    def test_making_one_touches_nothing(self, tmp_path: Path) -> None:
        journal_in(tmp_path / "journal")
        assert not list(tmp_path.iterdir())

    def test_a_closed_file_opens_again(self, tmp_path: Path) -> None:
        journal = journal_in(tmp_path)
        entry = accepted(journal, "5", "mine")
        journal.close_file()
        journal.close_file()
        assert journal.find("mine") == entry
        journal.close_file()
        assert [path.name for path in tmp_path.iterdir()] == [path_in(tmp_path).name]
