"""Making a logged choice again: from the log alone, years later, on any machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from msgspec import ValidationError, convert

from recommender.errors import InvalidInput
from recommender.offers.choose import NO_OFFER, Choice, Policy, choose

TOLERANCE = 1e-9  # of a chance: libraries of mathematics differ in the last digit


@dataclass(frozen=True, slots=True)
class Replayed:
    """One draw as it was logged, and as it comes out now."""

    logged: Choice
    now: Choice

    @property
    def is_same(self) -> bool:
        """Whether the same arm was drawn with the same chances."""
        before, after = self.logged.propensities, self.now.propensities
        chances = before.keys() == after.keys() and all(
            isclose(before[arm], after[arm], abs_tol=TOLERANCE) for arm in before
        )
        return chances and self.logged.arm == self.now.arm


@dataclass(frozen=True, slots=True)
class _Record:
    seed: str | None
    policy: Policy
    draws: Sequence[Choice]


def replay(record: Mapping[str, Any]) -> list[Replayed]:
    """Draw again what the record of a decision (`properties` of its event) says was drawn; none: nothing was.

    Raises:
        InvalidInput: it is no record of a decision on an offer.
    """
    try:
        known = convert(dict(record), _Record)
    except ValidationError as error:
        raise InvalidInput(
            f"This is no record of a decision on an offer: {error}", remedy="Name an event `Offer Decided`."
        ) from None
    return [
        Replayed(logged, choose(_offered(logged), known.policy, known.seed or "", position))
        for position, logged in enumerate(known.draws)
    ]


def _offered(logged: Choice) -> dict[str, float]:
    return {arm: worth for arm, worth in logged.worth.items() if arm != NO_OFFER}
