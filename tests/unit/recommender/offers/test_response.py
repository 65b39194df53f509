from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.offers.response import (
    contributions,
    fallback_probability,
    respond,
    response_probability,
)
from recommender.offers.response_cards import CouponCards, make_card, make_deck
from recommender.offers.response_features import RESPONSE_FEATURES, response_features
from recommender.offers.response_model import ResponseModel
from recommender.shopper import STRANGER, Purchases, Shopper
from tests.builders import NOW_DAY, small_catalogue, small_model

CATALOGUE = small_catalogue()  # item r is of type r % 10
RECENT = np.full(40, 2.0, dtype=np.float32)
MODEL = ResponseModel(
    intercept=-4.0,
    weights=np.array([0.5, 0.6, 0.2, 0.5, 0.6, -0.2], dtype=np.float32),
    means=np.zeros(6, dtype=np.float32),
    spreads=np.ones(6, dtype=np.float32),
)

UNTRAINED = small_model(np.random.default_rng(0))
TRAINED = replace(UNTRAINED, response=MODEL)


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(numbers, dtype=np.int32)


def buyer(*bought: int, redeemed: float = 0.0, expected: float = 0.0) -> Shopper:
    """Bought each item once, 120 days ago, in four orders over 28 days."""
    n = len(bought)
    day = np.full(n, NOW_DAY - 120)
    purchases = Purchases(
        rows=rows(*sorted(bought)), baskets=np.ones(n, dtype=np.float32), first_day=day, last_day=day,
        decayed_short=np.full(n, 0.25, dtype=np.float32), decayed_long=np.full(n, 0.5, dtype=np.float32),
    )  # fmt: skip
    return Shopper(
        purchases=purchases, n_baskets=4, first_day=NOW_DAY - 28, coupons_redeemed=redeemed, coupons_expected=expected
    )


def test_features_are_what_their_definition_says() -> None:
    deck = make_deck((make_card(rows(0, 1), CATALOGUE, RECENT), make_card(rows(), CATALOGUE, RECENT)))
    found = response_features(buyer(0, 10, 5, 6, redeemed=5, expected=2), deck, CATALOGUE, NOW_DAY)
    of_two, of_none = (dict(zip(RESPONSE_FEATURES, row, strict=True)) for row in found)
    assert np.exp(of_two["habit"]) == pytest.approx(6 / 3)
    assert np.expm1(of_two["liking"]) == pytest.approx((0.5 / 2.0) / (5 / 81))  # one of four; 4 of 80 recent buyers
    assert np.expm1(of_two["kind"]) == pytest.approx(1.0)  # items 0 and 10 are of one type, a half each
    assert np.expm1(of_two["popular"]) == pytest.approx(4.0)
    assert np.expm1(of_two["lately"]) == pytest.approx(1.0)
    assert np.expm1(of_two["often"]) == pytest.approx(1.0)
    assert (of_none["liking"], of_none["kind"], of_none["popular"]) == (0, 0, 0)


@given(st.lists(st.lists(st.integers(0, 43), unique=True, max_size=12), max_size=5))
def test_a_coupon_is_judged_the_same_alone_and_among_others(products: list[list[int]]) -> None:
    cards = [make_card(rows(*some), CATALOGUE, RECENT) for some in products]
    shopper = buyer(0, 3, 8, 39)
    together = respond(TRAINED, CATALOGUE, shopper, cards, NOW_DAY, usual_rate=0.02)
    assert together.probability.shape == (len(cards),)
    for place, card in enumerate(cards):
        alone = respond(TRAINED, CATALOGUE, shopper, [card], NOW_DAY, usual_rate=0.02)
        assert alone.probability[0] == together.probability[place]


@given(st.lists(st.floats(-50, 50, width=32), min_size=6, max_size=6))
def test_contributions_add_up_to_the_probability(values: list[float]) -> None:
    features = np.array([values], dtype=np.float32)
    probability = response_probability(MODEL, features)
    assert 0 < probability[0] < 1
    log_odds = contributions(MODEL, features).sum() + MODEL.intercept
    assert probability[0] == pytest.approx(1 / (1 + np.exp(-log_odds)), rel=1e-4)


def test_what_speaks_for_a_coupon_is_named_strongest_first() -> None:
    card = make_card(rows(0, 1), CATALOGUE, RECENT)
    answer = respond(TRAINED, CATALOGUE, buyer(0, redeemed=20, expected=1), [card], NOW_DAY, usual_rate=0.02)
    assert answer.trained
    names, values = zip(*answer.why(0), strict=True)
    assert "habit" in names
    assert "often" not in names  # it speaks against it
    assert list(values) == sorted(values, reverse=True)


def test_no_reason_is_given_that_is_not_so() -> None:
    """Whoever redeemed nothing does not often use coupons, and who comes seldom does not come often, whatever helps."""
    seldom = replace(MODEL, means=np.array([-3.0, 0.0, 0.0, 0.0, 0.0, 9.0], dtype=np.float32))
    card = make_card(rows(0, 1), CATALOGUE, RECENT)
    for model in (replace(UNTRAINED, response=seldom), UNTRAINED):
        answer = respond(model, CATALOGUE, STRANGER, [card], NOW_DAY, usual_rate=0.02)
        assert {name for name, _ in answer.why(0)} <= {"popular"}
    helped = contributions(seldom, response_features(STRANGER, make_deck((card,)), CATALOGUE, NOW_DAY))[0]
    assert helped[RESPONSE_FEATURES.index("habit")] > 0
    assert helped[RESPONSE_FEATURES.index("often")] > 0
    buys = respond(UNTRAINED, CATALOGUE, buyer(0), [card], NOW_DAY, usual_rate=0.02)
    assert [name for name, _ in buys.why(0)] == ["liking"]


def test_without_a_model_those_who_redeemed_and_bought_come_first() -> None:
    card, other = make_card(rows(0, 1), CATALOGUE, RECENT), make_card(rows(2), CATALOGUE, RECENT)
    user = respond(UNTRAINED, CATALOGUE, buyer(0, redeemed=5, expected=1), [card, other], NOW_DAY, usual_rate=0.02)
    assert not user.trained
    stranger = respond(UNTRAINED, CATALOGUE, STRANGER, [card, other], NOW_DAY, usual_rate=0.02).probability
    assert user.probability[0] > user.probability[1] > stranger[0]
    assert stranger == pytest.approx([0.02, 0.02])
    assert (fallback_probability(np.full((3, 6), 30.0, dtype=np.float32), 0.02) <= 1).all()


def test_cards_are_kept_until_there_is_another_artifact_or_a_new_item() -> None:
    cards = CouponCards()
    products = rows(1)
    first = cards.of("a", products, CATALOGUE, UNTRAINED)
    assert cards.of("a", products, CATALOGUE, UNTRAINED) is first
    assert list(cards.of("a", rows(1, 2), CATALOGUE, UNTRAINED).rows) == [1, 2]
    assert cards.of("a", products, CATALOGUE, replace(UNTRAINED, version="next")) is not first
