"""What must hold of every discount on every basket."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InvalidInput
from recommender.offers.discount import Line, Presented, allocate, apply
from recommender.offers.refusal import Refusal
from recommender.offers.terms import Amount, BasketCondition, BuyXGetY, Percent, Points, Stacking, Terms, parse_terms

money, share = st.integers(0, 5000), st.sampled_from([0.5, 5.0, 10.0, 33.3, 50.0, 100.0])
quantities = st.integers(1, 6).map(Fraction) | st.sampled_from([Fraction(1, 3), Fraction("1.250")])
discounts = st.one_of(
    st.builds(Percent, percent=share, max_discount=money),
    st.builds(Amount, amount=money),
    st.builds(BuyXGetY, buy=st.integers(1, 3), get=st.integers(1, 2), max_discount=money, percent=share),
    st.builds(Points, multiplier=st.just(2.0)),
)
terms = st.builds(
    Terms,
    discount=discounts,
    basket=st.builds(BasketCondition, minimum_amount=st.sampled_from([0, 0, 500])),
    stacking=st.builds(
        Stacking, class_=st.sampled_from(["", "", "brand"]), exclusive=st.sampled_from([False] * 5 + [True])
    ),
    priority=st.integers(0, 1),
)
baskets = st.lists(st.builds(Line, amount=money, quantity=quantities), min_size=1, max_size=6)


@st.composite
def situations(draw):
    lines = draw(baskets)
    on = st.frozensets(st.integers(0, len(lines) - 1))
    return lines, [Presented(f"c{n}", draw(terms), draw(on)) for n in range(draw(st.integers(1, 4)))]


@given(situations())
def test_no_discount_is_negative_or_above_the_price_or_its_most_and_all_add_up(situation):
    lines, presented = situation
    effects = apply(lines, presented)
    for one in presented:
        effect = effects[one.coupon_id]
        assert sum(effect.by_line) == effect.amount <= one.terms.discount.max_discount
        assert min(effect.by_line) >= 0
        assert all(taken == 0 for at, taken in enumerate(effect.by_line) if at not in one.lines)
        assert effect.refused is None or effect.amount == 0
    for at, line in enumerate(lines):
        assert sum(effect.by_line[at] for effect in effects.values()) <= line.amount


@given(situations(), st.randoms())
def test_the_order_in_which_coupons_are_shown_changes_nothing(situation, random):
    lines, presented = situation
    shuffled = random.sample(presented, len(presented))
    assert apply(lines, presented) == apply(lines, shuffled)


@given(situations())
def test_coupons_that_do_not_combine_never_stand_together(situation):
    lines, presented = situation
    effects = apply(lines, presented)
    standing = [one.terms.stacking for one in presented if effects[one.coupon_id].refused is None]
    classes = [stacking.class_ for stacking in standing if stacking.class_]
    assert len(classes) == len(set(classes))
    assert len(standing) == 1 or not any(stacking.exclusive for stacking in standing)


@given(st.lists(money, min_size=1), st.data())
def test_parts_add_up_and_none_is_off_by_a_whole_unit(weights, data):
    total = data.draw(st.integers(0, sum(weights)))
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part <= weight
        assert abs(part - Fraction(total * weight, max(1, sum(weights)))) < 1


def test_of_three_pieces_the_cheapest_is_free():
    lines = [Line(500, Fraction(1)), Line(600, Fraction(2))]
    coupon = Presented("c", Terms(BuyXGetY(buy=2, get=1, max_discount=1000)), frozenset({0, 1}))
    assert apply(lines, [coupon])["c"].by_line == (0, 300)


def test_a_basket_that_is_too_small_gets_nothing_and_is_told_why():
    coupon = Presented("c", Terms(Amount(100), basket=BasketCondition(minimum_amount=501)), frozenset({0}))
    assert apply([Line(500, Fraction(1))], [coupon])["c"].refused == Refusal.CONDITION_NOT_MET


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({}, "discount"),
        ({"discount": {"kind": "percent", "percent": 20}}, "discount"),  # a budget needs to know the most it can cost
        ({"discount": {"kind": "percent", "percent": 120, "max_discount": 1}}, "discount.percent"),
        ({"discount": {"kind": "gift"}}, "discount"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused_by_field(definition, field):
    with pytest.raises(InvalidInput) as refused:
        parse_terms(definition)
    assert (refused.value.field or "").startswith(field)
