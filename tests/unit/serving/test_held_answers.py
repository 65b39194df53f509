"""Answers held in eighteen bytes an identifier are those that were put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.consent_answers import SILENCE
from serving.held_answers import N_SHARDS, HeldAnswers

# Few names, so that they come again, in kinds that share values.
_IDENTIFIERS = st.tuples(st.sampled_from(["user_id", "anonymous_id"]), st.sampled_from(["", "a", "b", "ü", "\ud800"]))
_SAID = st.lists(st.tuples(_IDENTIFIERS, st.integers(0, 2**12 - 1)))


@given(_SAID)
def test_the_last_answer_of_each_identifier_holds(said):
    held = HeldAnswers()
    for identifier, answers in said:
        held.put(identifier, answers)
    known = {identifier: answers for identifier, answers in dict(said).items() if answers != SILENCE}
    assert len(held) == len(known)
    assert all(held.of(identifier) == known.get(identifier, SILENCE) for identifier, _ in said)
    assert held.of(("user_id", "never said anything")) == SILENCE


@given(_SAID)
def test_names_are_told_apart_though_half_of_their_hashes_are_the_same(said):
    class Colliding(HeldAnswers):
        def _hash(self, identifier):
            _, second = super()._hash(identifier)
            return N_SHARDS, second

    held = Colliding()
    for identifier, answers in said:
        held.put(identifier, answers)
    assert all(held.of(identifier) == answers for identifier, answers in dict(said).items())


def test_many_names_are_held():
    held = HeldAnswers()
    for number in range(5_000):
        held.put(("user_id", f"u{number}"), number % 7)
    assert [held.of(("user_id", f"u{number}")) for number in range(5_000)] == [number % 7 for number in range(5_000)]


def test_what_does_not_fit_is_refused():
    with pytest.raises(OverflowError):
        HeldAnswers().put(("user_id", "u"), 2**16)
