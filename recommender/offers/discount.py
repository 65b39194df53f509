"""What coupons take off a basket: whole minor units, allocated to its lines, whatever order the coupons came in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from recommender.offers.refusal import Refusal
from recommender.offers.terms import BuyXGetY, Discount, Percent, Points, Terms


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a basket: its price in all (minor units, at least 0) and how many, which may be a weight."""

    amount: int
    quantity: Fraction


@dataclass(frozen=True, slots=True)
class Presented:
    """A coupon that is shown at a till; `lines`: positions of the lines that its products match."""

    coupon_id: str
    terms: Terms
    lines: frozenset[int]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one coupon takes off: minor units in all and of each line; or why it takes off nothing."""

    amount: int
    by_line: tuple[int, ...]
    refused: Refusal | None = None


def apply(lines: Sequence[Line], presented: Sequence[Presented]) -> Mapping[str, Effect]:
    """Work out the effect of each coupon, by its id.

    They apply one after another, each to what those before it left of the prices: by priority, then the one that would
    take off more by itself, then by id. Of those that do not combine, the first in this order stands.
    """
    left = [line.amount for line in lines]
    alone = {one.coupon_id: _effect(lines, left, one).amount for one in presented}
    ordered = sorted(presented, key=lambda one: (one.terms.priority, -alone[one.coupon_id], one.coupon_id))
    effects: dict[str, Effect] = {}
    standing: list[Terms] = []
    for one in ordered:
        if all(_combine(one.terms, other) for other in standing):
            effect = _effect(lines, left, one)
        else:
            effect = _nothing(lines, Refusal.NOT_COMBINABLE)
        effects[one.coupon_id] = effect
        if effect.refused is None:
            standing.append(one.terms)
            left = [amount - taken for amount, taken in zip(left, effect.by_line, strict=True)]
    return effects


def allocate(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `total` by weights (at least 0, `total` at most their sum) in whole units that add up to it exactly.

    Each part is the exact share rounded down; what is missing goes, one each, to the largest remainders, of equal ones
    to the first. No part is larger than its weight.
    """
    sum_of_weights = sum(weights)
    if not 0 <= total <= sum_of_weights:
        raise ValueError(f"cannot allocate {total} to weights of {sum_of_weights}")
    if total == 0:
        return (0,) * len(weights)
    parts = [total * weight // sum_of_weights for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % sum_of_weights), at))
    for at in by_remainder[: total - sum(parts)]:
        parts[at] += 1
    return tuple(parts)


def _combine(one: Terms, other: Terms) -> bool:
    if one.stacking.exclusive or other.stacking.exclusive:
        return False
    return not one.stacking.class_ or one.stacking.class_ != other.stacking.class_


def _effect(lines: Sequence[Line], left: Sequence[int], one: Presented) -> Effect:
    matching = [lines[at] for at in one.lines]
    if not matching:
        return _nothing(lines, Refusal.NO_EFFECT)
    basket = one.terms.basket
    if sum(line.amount for line in matching) < basket.minimum_amount or sum(
        line.quantity for line in matching
    ) < Fraction(basket.minimum_quantity):
        return _nothing(lines, Refusal.CONDITION_NOT_MET)
    most = [_most_of_line(one.terms.discount, at in one.lines, left[at]) for at in range(len(lines))]
    if isinstance(one.terms.discount, BuyXGetY):
        most = _cheapest(one.terms.discount, lines, most)
    total = _total(one.terms.discount, sum(most))
    if total == 0 and not isinstance(one.terms.discount, Points):
        return _nothing(lines, Refusal.NO_EFFECT)
    return Effect(total, allocate(total, most))


def _most_of_line(discount: Discount, matches: bool, left: int) -> int:
    return left if matches and not isinstance(discount, Points) else 0


def _total(discount: Discount, most: int) -> int:
    """The discount in all, when the lines allow `most`; a fraction of a minor unit is the shop's."""
    if isinstance(discount, Percent):
        most = int(Fraction(str(discount.percent)) * most / 100)
    return min(most, discount.max_discount)


def _cheapest(discount: BuyXGetY, lines: Sequence[Line], left: Sequence[int]) -> list[int]:
    """What each line gives: pieces from the dearest on, in groups; the last `get` of each full group are cheaper."""
    pieces = [
        (left[at] // int(line.quantity), at)
        for at, line in enumerate(lines)
        if left[at] > 0 and line.quantity.denominator == 1
        for _ in range(int(line.quantity))
    ]
    pieces.sort(key=lambda piece: (-piece[0], piece[1]))
    group, given = discount.buy + discount.get, [0] * len(lines)
    for place, (price, at) in enumerate(pieces[: len(pieces) // group * group]):
        if place % group >= discount.buy:
            given[at] += price
    share = Fraction(str(discount.percent)) / 100
    return [int(share * amount) for amount in given]


def _nothing(lines: Sequence[Line], refused: Refusal) -> Effect:
    return Effect(0, (0,) * len(lines), refused)
