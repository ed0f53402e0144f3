"""A day at a model exchange: what was sent from here, what ran, what others did, and how it is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.likeness import SLACK, intent
from kis_sync.orders.recovery import Outcome, Verdict
from tests.orders.recovery_cases import accepted, at, change_wish, new_wish, row, uncertain

BASE = 50
"""An accepted order of ours, long before, that others change and cancel in parts."""

TWINS = (new_wish(), new_wish(5), new_wish(price=None, kind="01"), change_wish(BASE, 3))
UNLIKE = (
    *TWINS,
    new_wish(exchange="SOR"),
    change_wish(BASE, is_cancellation=True),
    change_wish(BASE, 5, is_cancellation=True),
)
"""Orders that are not equal, though some of them may be listed alike."""

NO_LOOK_ALIKES = (
    new_wish(code="000660"),
    new_wish(side=Side.SELL),
    new_wish(price=69_000),
    new_wish(quantity=11),
    change_wish(BASE, 3, price=69_000),
)
FATES = ("open", "partly filled", "filled", "cancelled by hand", "changed by hand")


@dataclass(frozen=True)
class Sent:
    """Something that was sent, from here or by somebody else, and when it ran if it did."""

    wish: Wish
    sent: float
    waited: float
    ran_after: float | None
    sender: str  # "uncertain", "answered", "being sent" or "somebody else"
    fate: str = "open"
    shares: int = 5  # that "all that is left" turns out to be
    knows: bool = False  # whether the numbers given out before were known before it was sent
    id: int = 0
    number: int = 0

    @property
    def ran_at(self) -> float:
        assert self.ran_after is not None
        return self.sent + self.ran_after

    @property
    def entry(self) -> Entry:
        state = State.SENT if self.sender == "being sent" else State.UNCERTAIN
        ended_at = None if state is State.SENT else at(self.sent + self.waited)
        return uncertain(self.id, self.wish, self.sent, state=state, ended_at=ended_at)


@dataclass(frozen=True)
class World:
    """A day; ``rows`` are all that KIS has of it."""

    everything: tuple[Sent, ...]

    @classmethod
    def of(cls, sent: Iterable[Sent]) -> World:
        """Give ids in the order of sending, numbers in the order of running."""
        named = [replace(each, id=i) for i, each in enumerate(sorted(sent, key=lambda each: each.sent), 1)]
        ran = sorted((each for each in named if each.ran_after is not None), key=lambda each: each.ran_at)
        number = {each.id: 100 + 2 * i for i, each in enumerate(ran)}
        return cls(tuple(replace(each, number=number.get(each.id, 0)) for each in named))

    def by(self, sender: str) -> tuple[Sent, ...]:
        return tuple(each for each in self.everything if each.sender == sender)

    @property
    def entries(self) -> list[Entry]:
        return [each.entry for each in self.by("uncertain")]

    @property
    def owned(self) -> frozenset[int]:
        return frozenset({BASE, *(each.number for each in self.by("answered"))})

    @property
    def owners(self) -> list[Entry]:
        """The entries that own numbers, the base order's among them."""
        answered = (
            accepted(
                each.number,
                each.wish,
                each.sent,
                entry_id=each.id,
                waited=max(each.waited, each.ran_after or 0),  # the answer tells of an order that ran
            )
            for each in self.by("answered")
        )
        return [accepted(BASE, new_wish(1_000), -9_000, entry_id=10_000), *answered]

    @property
    def known(self) -> dict[int, frozenset[int]]:
        return {
            each.id: frozenset(
                other.number for other in self.everything if other.number and other.ran_at < each.sent
            )
            for each in self.everything
            if each.knows
        }

    @property
    def rows(self) -> list[ListedOrder]:
        ran = [each for each in self.everything if each.number]
        listed = [row for each in ran for row in _rows(each)]
        taken = sum(each.quantity for each in listed if each.original == BASE)
        base = row(BASE, new_wish(1_000), ordered=-9_000, remaining=1_000 - taken, cancelled=taken)
        return [base, *listed]

    def ran(self) -> Counter[object]:
        """How many of the uncertain ran, by what they asked for."""
        return Counter(intent(each.wish) for each in self.by("uncertain") if each.number)


def _rows(sent: Sent) -> list[ListedOrder]:
    """The rows of one that ran: its own, and that of what was done to it by hand."""
    quantity = sent.wish.quantity or sent.shares
    own = row(sent.number, sent.wish, sent.ran_at, quantity=quantity)
    if own.is_cancellation or sent.fate == "open":
        return [own]
    if sent.fate == "partly filled":
        return [replace(own, filled=1, remaining=quantity - 1)]
    if sent.fate == "filled":
        return [replace(own, filled=quantity, remaining=0)]
    by_hand = replace(own, number=sent.number + 1, original=sent.number, ordered_at=at(sent.ran_at + 1))
    if sent.fate == "cancelled by hand":
        by_hand = replace(by_hand, is_cancellation=True, remaining=0, cancelled=quantity)
    else:
        by_hand = replace(by_hand, price=68_000, kind_code="00")
    return [replace(own, remaining=0, cancelled=quantity), by_hand]


def said(verdicts: Iterable[Verdict], outcome: Outcome) -> Counter[object]:
    """How many have that outcome, by what they asked for."""
    return Counter(intent(each.entry.wish) for each in verdicts if each.outcome is outcome)


@st.composite
def worlds(
    draw: st.DrawFn,
    wishes: tuple[Wish, ...] = TWINS,
    foreign: tuple[Wish, ...] = NO_LOOK_ALIKES,
    *,
    most: int = 6,
    late: bool = True,
    senders: tuple[str, ...] = ("uncertain", "uncertain", "answered"),
) -> World:
    """Days with few wishes close to each other, so that most orders have twins."""
    late_by = int(SLACK.total_seconds()) if late else 0
    ours = st.builds(
        _sent,
        wish=st.sampled_from(wishes),
        sent=(st.integers(0, 50) | st.integers(0, 750)).map(lambda fifths: fifths / 5),
        waited=st.integers(1, 25),
        ran_after=st.none() | st.floats(0, 1),
        late_by=st.just(late_by),
        sender=st.sampled_from(senders),
        fate=st.sampled_from(FATES),
        shares=st.sampled_from([5, 7]),
        knows=st.booleans(),
    )
    theirs = st.builds(
        lambda wish, sent: Sent(wish, sent, 0, 0.0, "somebody else"),
        st.sampled_from(foreign or wishes),
        st.integers(-3, 12) | st.integers(-20, 200),
    )
    return World.of(
        [
            *draw(st.lists(ours, min_size=1, max_size=most)),
            *draw(st.lists(theirs, max_size=3 if foreign else 0)),
        ]
    )


def _sent(wish: Wish, sent: float, waited: int, ran_after: float | None, late_by: int, **told: Any) -> Sent:
    """What was sent, run at that part of its time if at all."""
    if ran_after is None and told["sender"] == "answered":
        ran_after = 0.0
    ran = None if ran_after is None else round(ran_after * (waited + late_by), 2)
    return Sent(wish, sent, waited, ran, **told)
