"""Choosing an offer or none: propensities that can be relied on, and draws that can be made again."""

from collections import Counter
from itertools import pairwise
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from recommender.offers.choose import NO_OFFER, Policy, choose, choose_several, propensities, seed_of

worths = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(-1e6, 1e6), max_size=8)
policies = st.builds(
    lambda temperature, epsilon: Policy(policy_id="p", version="1", temperature=temperature, epsilon=epsilon),
    st.floats(0.1, 1e4), st.floats(0.001, 1),
)  # fmt: skip
seeds = st.text(min_size=1, max_size=8)


@given(worths, policies, seeds)
def test_propensities_are_chances_with_a_floor_over_exactly_what_was_eligible(worth, policy, seed) -> None:
    choice = choose(worth, policy, seed)
    assert choice.propensities.keys() == {NO_OFFER, *worth}
    assert choice.arm in choice.propensities
    assert isclose(sum(choice.propensities.values()), 1, abs_tol=1e-9)
    floor = policy.epsilon / (1 + len(worth))
    assert all(floor * (1 - 1e-9) <= chance <= 1 for chance in choice.propensities.values())


@given(worths, policies, seeds, st.integers(1, 3), st.randoms())
def test_the_logged_seed_worth_and_policy_make_the_same_choice_in_any_order(worth, policy, seed, limit, random) -> None:
    shuffled = dict(random.sample(list(worth.items()), len(worth)))
    choices = choose_several(worth, policy, seed, limit)
    assert choose_several(shuffled, policy, seed, limit) == choices
    arms = [choice.arm for choice in choices]
    assert len(set(arms)) == len(arms) <= limit
    assert NO_OFFER not in arms[:-1]
    for choice in choices:  # each as the log has it
        offered = {arm: value for arm, value in choice.worth.items() if arm != NO_OFFER}
        assert choose(offered, policy, seed, choices.index(choice)) == choice


@given(worths.filter(bool), policies)
def test_what_is_worth_more_is_drawn_no_less_often(worth, policy) -> None:
    chances = propensities({NO_OFFER: 0.0, **worth}, policy)
    ordered = sorted(worth, key=worth.__getitem__)
    assert all(chances[a] <= chances[b] * (1 + 1e-9) for a, b in pairwise(ordered))


def test_arms_are_drawn_as_often_as_their_propensities_say() -> None:
    policy, worth, n = Policy(policy_id="p", version="1", temperature=20, epsilon=0.1), {"a": 10.0, "b": -5.0}, 20_000
    drawn = Counter(choose(worth, policy, str(seed)).arm for seed in range(n))
    for arm, chance in propensities({NO_OFFER: 0.0, **worth}, policy).items():
        assert abs(drawn[arm] / n - chance) < 4 * (chance / n) ** 0.5  # four standard deviations


@given(seeds, seeds)
def test_a_seed_is_of_the_shopper_and_the_decision_and_needs_the_secret(shopper, decision) -> None:
    seed = seed_of(b"s" * 32, shopper, decision)
    assert seed == seed_of(b"s" * 32, shopper, decision)
    assert seed not in {seed_of(b"t" * 32, shopper, decision), seed_of(b"s" * 32, shopper, decision + "x")}
