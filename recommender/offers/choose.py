"""Choosing an offer, or none: a softmax over what each is worth, with a floor, drawn from a seed that is logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, log
from typing import Annotated

from msgspec import Meta, Struct

NO_OFFER = "no_offer"  # an arm as every other; its worth is 0


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a choice is made; what is logged of it is enough to make it again.

    Attributes:
        temperature: minor units, above 0; an arm that is worth so much more is chosen 2.7 times as often.
        epsilon: in (0, 1]; each of n arms is chosen with a chance of epsilon / n at least.
    """

    policy_id: str
    temperature: Annotated[float, Meta(gt=0)]
    epsilon: Annotated[float, Meta(gt=0, le=1)]
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One draw.

    Attributes:
        arm: a campaign id, or NO_OFFER.
        worth: of each arm, minor units.
        propensities: of each arm, the chance with which it was drawn; they sum to 1.
    """

    arm: str
    worth: Mapping[str, float]
    propensities: Mapping[str, float]


def choose(worth: Mapping[str, float], policy: Policy, seed: str, position: int = 0) -> Choice:
    """Draw one arm of those given and NO_OFFER: the same seed, position and worth, the same arm, in whatever order.

    Args:
        worth: minor units, finite, by campaign id; only what may be offered, for a filter afterwards would falsify the
            propensities.
        position: of several draws with one seed.
    """
    arms = {NO_OFFER: 0.0, **worth}
    chances, drawn = propensities(arms, policy), blake2b(f"{seed}\0{position}\0".encode(), digest_size=8)
    return Choice(
        # Adding Gumbel noise to the logarithms and taking the largest draws each arm with its chance.
        arm=max(arms, key=lambda arm: (log(chances[arm]) + _gumbel(drawn, arm), arm)),
        worth=arms,
        propensities=chances,
    )


def choose_several(worth: Mapping[str, float], policy: Policy, seed: str, limit: int) -> Sequence[Choice]:
    """Draw up to `limit` arms, each from those left; it ends with NO_OFFER, or when nothing is left."""
    left, choices = dict(worth), list[Choice]()
    while left and len(choices) < limit:
        choices.append(choose(left, policy, seed, len(choices)))
        if choices[-1].arm == NO_OFFER:
            break
        del left[choices[-1].arm]
    return choices


def propensities(worth: Mapping[str, float], policy: Policy) -> dict[str, float]:
    """The chance of each arm: a softmax of what they are worth, mixed with an even draw of weight epsilon."""
    top = max(worth.values())
    weights = {arm: exp((value - top) / policy.temperature) for arm, value in worth.items()}
    total, floor = sum(sorted(weights.values())), policy.epsilon / len(weights)
    return {arm: (1 - policy.epsilon) * weight / total + floor for arm, weight in weights.items()}


def seed_of(secret: bytes, shopper: str, occasion: str) -> str:
    """What the draws of one shopper on one occasion come from; without the secret nobody can try out their luck."""
    return blake2b(f"offer\0{shopper}\0{occasion}".encode(), key=secret[:64], digest_size=16).hexdigest()


def _gumbel(drawn: blake2b, arm: str) -> float:
    """The noise of an arm; `drawn` has been fed what all arms of the draw share."""
    own = drawn.copy()
    own.update(arm.encode())
    even = (int.from_bytes(own.digest(), "big") + 0.5) / 2**64
    return -log(-log(even))
