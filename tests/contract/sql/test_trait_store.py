"""Traits that events state: the newest word counts, whatever order they come in, and there is an end to them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from features.identity_rules import IdentityRules
from features.sql.changes import read_changes
from features.sql.profile_store import ProfileStore
from features.sql.tables.people import identifiers, profile_traits
from features.sql.trait_store import TraitStore
from features.traits import MOST_TRAITS, Stated, Trait
from recommender.errors import UnknownProfile

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANN = ("user_id", "ann")
FEW = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Traits:
    def __init__(self, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(delete(profile_traits))
            connection.execute(delete(identifiers))
        self.engine = engine
        self.store, self.profiles = TraitStore(engine, IdentityRules(blocked={"any": ("null",)})), ProfileStore(engine)

    def say(self, hours: float, **traits: Trait) -> None:
        self.store.state([Stated(ANN, traits, NOW + timedelta(hours=hours))], NOW)

    def kept(self) -> dict[str, Trait]:
        return dict(self.profiles.read(ANN).traits)


@pytest.fixture
def traits(engine: Engine) -> Traits:
    return Traits(engine)


words = st.tuples(
    st.integers(0, 5).map(lambda day: 24.0 * day),
    st.sampled_from(["city", "pets"]),
    st.sampled_from(["a", "b", 1, None]),
)


@FEW
@given(st.lists(words, min_size=1, max_size=6), st.randoms())
def test_the_newest_word_counts_in_any_order_and_any_batches(engine: Engine, said, random) -> None:
    kept = list[dict[str, Trait]]()
    for _ in range(2):
        traits = Traits(engine)
        for hours, name, value in said:
            traits.say(hours, **{name: value})
        kept.append(traits.kept())
        random.shuffle(said)
    traits = Traits(engine)
    traits.store.state([Stated(ANN, {name: value}, NOW + timedelta(hours=at)) for at, name, value in said], NOW)
    assert kept == [traits.kept()] * 2


def test_null_takes_a_trait_away_and_an_older_word_does_not_bring_it_back(traits: Traits) -> None:
    traits.say(0, city="Graz", pets=2)
    traits.say(2, city=None)
    traits.say(1, city="Linz")
    assert traits.kept() == {"pets": 2}
    traits.profiles.change_traits(ANN, {"pets": None}, NOW + timedelta(hours=5))
    traits.say(4, pets=1)
    assert traits.kept() == {}
    traits.say(6, pets=3)
    assert traits.kept() == {"pets": 3}


def test_the_same_word_again_writes_nothing(traits: Traits) -> None:
    traits.say(0, city="Graz")
    before = read_changes(traits.engine, 0).change_number
    traits.say(0.5, city="Graz")
    traits.say(-1, city="Linz")
    assert read_changes(traits.engine, 0).change_number == before


def test_there_is_an_end_to_the_traits_of_one_person(traits: Traits) -> None:
    traits.say(0, **{f"t{number:03}": number for number in range(MOST_TRAITS - 1)})
    traits.say(1, t000="changed", u1=1, u2=2)
    kept = traits.kept()
    assert len(kept) == MOST_TRAITS
    assert (kept["t000"], kept["u1"]) == ("changed", 1)


def test_who_names_nobody_has_no_traits(traits: Traits) -> None:
    traits.store.state([Stated(("user_id", "null"), {"city": "Graz"}, NOW)], NOW)
    with pytest.raises(UnknownProfile):
        traits.profiles.read(("user_id", "null"))
