from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.orders.pairing import components, crowded, pair
from tests.orders.all_pairings import largest
from tests.thoroughness import examples

claims_of_a_few = st.dictionaries(
    st.integers(0, 5), st.lists(st.integers(100, 106), unique=True, max_size=5), max_size=6
)
few = settings(max_examples=examples(40), deadline=None)


@few
@given(claims_of_a_few)
def test_a_largest_pairing_is_found(claims: dict[int, list[int]]) -> None:
    assert pair(claims) in largest(claims)


@few
@given(claims_of_a_few)
def test_who_comes_first_is_served_if_anybody_can_be(claims: dict[int, list[int]]) -> None:
    served = {tuple(claimant in pairing for claimant in claims) for pairing in largest(claims)}
    mine = pair(claims)
    assert tuple(claimant in mine for claimant in claims) == max(served)


@few
@given(claims_of_a_few, st.randoms(use_true_random=False))
def test_the_crowd_is_what_some_largest_pairing_leaves_over(
    claims: dict[int, list[int]], random: object
) -> None:
    everything = {number for numbers in claims.values() for number in numbers}
    left_over = {number for pairing in largest(claims) for number in everything - set(pairing.values())}
    claimants, numbers = crowded(claims, pair(claims))
    assert numbers == left_over
    assert claimants == {claimant for claimant, wanted in claims.items() if left_over.intersection(wanted)}
    again = dict(reversed(claims.items()))
    assert crowded(again, pair(again)) == (claimants, numbers)


@few
@given(claims_of_a_few)
def test_components_share_nothing_and_hang_together(claims: dict[int, list[int]]) -> None:
    groups = [set(group) for group in components(claims)]
    assert sorted(each for group in groups for each in group) == sorted(claims)
    wanted = [{number for each in group for number in claims[each]} for group in groups]
    assert sum(map(len, wanted)) == len(set().union(*wanted))
    for group in groups:
        reached = {min(group)}
        for _ in group:
            numbers = {number for each in reached for number in claims[each]}
            reached |= {each for each in group if numbers.intersection(claims[each])}
        assert reached == group


def test_many_equals_are_paired_in_reasonable_depth() -> None:
    numbers = list(range(900))
    assert len(pair(dict.fromkeys(range(1_500), numbers))) == 900
    ladder = {claimant: [claimant, claimant + 1] for claimant in range(2_000)} | {2_000: [0]}
    assert len(pair(ladder)) == 2_001
