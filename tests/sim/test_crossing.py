from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kis_sync.sim.prices.book import Level
from kis_sync.sim.trading.crossing import Crossing, Match, Standing, call_price, deal, reaches
from kis_sync.sim.trading.ledger import Side
from tests.thoroughness import examples

BUY, SELL = Side.BUY, Side.SELL
prices = st.integers(95, 105)
shares = st.integers(1, 9)


def levels_of(side: Side, pairs: dict[int, int]) -> list[Level]:
    """What an order of ``side`` meets, best first."""
    return [Level(*pair) for pair in sorted(pairs.items(), reverse=side is SELL)]


class Single:
    """The slow way: every share in a line of its own, ours by number, others as 0."""

    def __init__(self) -> None:
        self.lines: dict[tuple[Side, int], list[int]] = defaultdict(list)

    def rest(self, side: Side, number: int, price: int, quantity: int, shown: int) -> None:
        line = self.lines[side, price]
        line += [0] * (shown - line.count(0)) + [number] * quantity

    def reduce(self, number: int, quantity: int) -> None:
        """The last of its shares go; others stay in front of whoever comes after."""
        for line in self.lines.values():
            for _ in range(quantity if number in line else 0):
                line.reverse()
                line.remove(number)
                line.reverse()
        self.tidy()

    def tidy(self) -> None:
        """Others behind the last of ours are nobody's matter."""
        for line in self.lines.values():
            while line and line[-1] == 0:
                line.pop()

    def best(self, side: Side) -> int | None:
        standing = [price for (each, price), line in self.lines.items() if each is side and any(line)]
        return max(standing, default=None) if side is BUY else min(standing, default=None)

    def trade(self, price: int, volume: int) -> list[tuple[int, int]]:
        filled = []
        for side in Side:
            left = volume
            while left and (best := self.best(side)) is not None and reaches(side, best, price):
                line = self.lines[side, best]
                first = line.pop(0)
                if first or best == price:
                    left -= 1
                if first:
                    filled.append((first, best))
                self.tidy()
        return filled

    def meet(
        self, side: Side, limit: int | None, quantity: int, others: dict[int, int]
    ) -> list[tuple[int, int]]:
        """Share by share: the line at the best price, then what others show there."""
        filled, others = [], dict(others)
        against = SELL if side is BUY else BUY
        while quantity:
            offered = [price for price, size in others.items() if size]
            offered += [best] if (best := self.best(against)) is not None else []
            offered = [price for price in offered if reaches(side, limit, price)]
            if not offered:
                break
            price = min(offered) if side is BUY else max(offered)
            line = self.lines[against, price]
            if line and line[0] == 0 and not others.get(price, 0):
                line.pop(0)  # has left
                continue
            first = line.pop(0) if line else 0
            others[price] = others.get(price, 0) - (first == 0)
            filled.append((first, price))
            quantity -= 1
            self.tidy()
        return filled


def by_share(matches: list[Match]) -> list[tuple[int, int]]:
    return [(match.number, match.price) for match in matches for _ in range(match.quantity)]


class CrossingMachine(RuleBasedStateMachine):
    """The core against the slow way, share by share."""

    def __init__(self) -> None:
        super().__init__()
        self.crossing, self.single = Crossing(), Single()
        self.next = 1
        self.given: dict[int, int] = {}
        self.gone: dict[int, int] = defaultdict(int)

    def open(self) -> dict[int, tuple[Side, int, int]]:
        return {
            each.number: (side, each.price, each.quantity)
            for side in Side
            for each in self.crossing.standing(side)
        }

    @rule(
        side=st.sampled_from(Side),
        limit=st.one_of(st.none(), prices),
        quantity=shares,
        others=st.dictionaries(prices, st.integers(0, 6), max_size=5),
        queue=st.integers(0, 6),
    )
    def come_in(
        self, side: Side, limit: int | None, quantity: int, others: dict[int, int], queue: int
    ) -> None:
        """An order meets what is there and rests with what is left."""
        before = self.crossing.standing(SELL if side is BUY else BUY)
        levels = levels_of(side, others)
        available = self.crossing.available(side, limit, levels)
        matches = self.crossing.meet(side, limit, quantity, levels)
        assert by_share(matches) == self.single.meet(side, limit, quantity, others)
        self.check_matches(side, limit, quantity, matches, before)
        filled = sum(match.quantity for match in matches)
        assert filled == min(quantity, available)
        if filled < quantity and limit is not None:
            number, self.next = self.next, self.next + 1
            self.given[number] = quantity - filled
            self.crossing.rest(side, number, limit, quantity - filled, queue)
            self.single.rest(side, number, limit, quantity - filled, queue)

    def check_matches(
        self, side: Side, limit: int | None, quantity: int, matches: list[Match], before: list[Standing]
    ) -> None:
        assert all(reaches(side, limit, match.price) for match in matches)
        ours = [match for match in matches if match.number]
        for match, first in zip(ours, before, strict=False):
            assert (match.number, match.price) == (first.number, first.price)
        for match, first in zip(ours[:-1], before, strict=False):
            assert match.quantity == first.quantity
        for match in ours:
            self.gone[match.number] += match.quantity

    @rule(price=prices, volume=st.integers(1, 25))
    def trade(self, price: int, volume: int) -> None:
        is_touched = self.crossing.is_touched(price)
        before = self.open()
        matches = self.crossing.trade(price, volume)
        assert by_share(matches) == self.single.trade(price, volume)
        assert is_touched or not matches
        assert sum(match.quantity for match in matches) <= volume
        for match in matches:
            side, limit, _ = before[match.number]
            assert match.price == limit
            assert reaches(side, limit, price)
            self.gone[match.number] += match.quantity

    @precondition(lambda self: self.open())
    @rule(which=st.integers(0, 99), quantity=shares)
    def reduce(self, which: int, quantity: int) -> None:
        standing = self.open()
        number = sorted(standing)[which % len(standing)]
        quantity = min(quantity, standing[number][2])
        self.crossing.reduce(number, quantity)
        self.single.reduce(number, quantity)
        self.gone[number] += quantity

    @invariant()
    def every_share_is_somewhere(self) -> None:
        standing = self.open()
        for number, given_ in self.given.items():
            left = standing[number][2] if number in standing else 0
            assert left == given_ - self.gone[number] >= 0
            assert (number in self.crossing) == (left > 0)

    @invariant()
    def better_prices_come_first_then_earlier_orders(self) -> None:
        for side, sign in ((BUY, -1), (SELL, 1)):
            standing = self.crossing.standing(side)
            ranks = [(sign * each.price, each.number) for each in standing]
            assert ranks == sorted(ranks)
            for limit in (None, 100):
                elders = [each for each in standing if limit is not None and sign * (limit - each.price) >= 0]
                assert self.crossing.elders(side, limit) == elders

    @invariant()
    def nobody_rests_beyond_the_other_side(self) -> None:
        buys, sells = self.crossing.standing(BUY), self.crossing.standing(SELL)
        assert not buys or not sells or buys[0].price < sells[0].price


CrossingMachine.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=30, deadline=None)
TestCrossing = CrossingMachine.TestCase


def test_a_smaller_quantity_keeps_its_place_and_a_new_order_goes_to_the_end() -> None:
    crossing = Crossing()
    for number in (1, 2):
        crossing.rest(BUY, number, 100, 10)
    crossing.reduce(1, 4)
    assert crossing.standing(BUY) == [Standing(1, 100, 6), Standing(2, 100, 10)]
    crossing.reduce(1, 6)
    crossing.rest(BUY, 3, 100, 6)
    assert crossing.meet(SELL, 100, 12, []) == [Match(100, 10, 2), Match(100, 2, 3)]


def test_what_was_in_front_of_a_cancelled_order_is_in_front_of_the_next() -> None:
    crossing = Crossing()
    crossing.rest(SELL, 1, 100, 5, shown=7)
    crossing.rest(SELL, 2, 100, 5)
    crossing.reduce(1, 5)
    assert crossing.trade(100, 7) == []
    assert crossing.trade(100, 3) == [Match(100, 3, 2)]


def test_an_order_without_its_number_cannot_be_reduced() -> None:
    with pytest.raises(KeyError):
        Crossing().reduce(1, 1)


standings = st.lists(st.builds(Standing, st.just(0), prices, shares), max_size=6).map(
    lambda orders: [order._replace(number=n) for n, order in enumerate(orders, 1)]
)


@given(standings, standings, prices)
def test_a_call_trades_the_most_and_deals_it_fairly(
    buys: list[Standing], sells: list[Standing], reference: int
) -> None:
    price, volume = call_price(buys, sells, reference)

    def tradable(at: int) -> int:
        demand = sum(each.quantity for each in buys if each.price >= at)
        return min(demand, sum(each.quantity for each in sells if each.price <= at))

    assert volume == max((tradable(at) for at in range(90, 110)), default=0)
    for side, orders in ((BUY, buys), (SELL, sells)):
        dealt = {match.number: match.quantity for match in deal(side, orders, price, volume)}
        assert sum(dealt.values()) == volume
        for one in orders:
            assert dealt.get(one.number, 0) <= (one.quantity if reaches(side, one.price, price) else 0)
            for other in orders:
                sign = 1 if side is BUY else -1
                is_ahead = (sign * other.price, -other.number) > (sign * one.price, -one.number)
                assert not (is_ahead and dealt.get(one.number)) or dealt[other.number] == other.quantity
