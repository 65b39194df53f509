"""Stores, placements and consents in SQL, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from features.sql.changes import ConsentState, read_changes, read_standing
from features.sql.consent_store import PERSONALISATION, Consent, ConsentStore
from features.sql.placement_store import PlacementStore
from features.sql.store_store import Store, StoreStore
from features.sql.tables.consents import consents
from recommender.ids import PlacementId, StoreId, UserId

PURPOSES = [PERSONALISATION, "analytics"]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def said(user: str, minute: int, *, granted: bool, purpose: str = PERSONALISATION) -> Consent:
    return Consent(
        user_id=UserId(user), purpose=purpose, granted=granted, source="test", notice_version="1",
        occurred_at=NOON + timedelta(minutes=minute), received_at=NOON,
    )  # fmt: skip


def test_stores_come_back_and_are_counted_when_different(engine: Engine) -> None:
    store = StoreStore(engine)
    one = Store(store_id=StoreId("2"), name="Two", timezone="Europe/Berlin", market="de")
    other = Store(store_id=StoreId("1"), name="One", timezone="UTC", market="de")
    assert store.upsert_many([one, other]) == 2
    assert store.upsert_many([one, other]) == 0
    assert store.read_all() == [other, one]


def test_a_placement_is_replaced_and_told_once(engine: Engine) -> None:
    store = PlacementStore(engine)
    assert store.get(PlacementId("home")) is None
    store.put(PlacementId("home"), {"title": "A"})
    store.put(PlacementId("home"), {"title": "B", "sources": ["popular"]})
    assert store.get(PlacementId("home")) == {"title": "B", "sources": ["popular"]}
    assert read_changes(engine, 0).placements == (("home", {"title": "B", "sources": ["popular"]}),)
    assert store.read_all() == {"home": {"title": "B", "sources": ["popular"]}}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.booleans(), st.sampled_from(PURPOSES)),
        min_size=1, max_size=8,
    ),
    st.integers(0, 8),
)  # fmt: skip
def test_what_counts_is_the_newest_word_whenever_it_came(
    engine: Engine, words: list[tuple[str, int, bool, str]], told_before: int
) -> None:
    with engine.begin() as connection:
        connection.execute(delete(consents))
    store = ConsentStore(engine)
    after, current = read_changes(engine, 0).change_number, dict[tuple[str, str], tuple[int, bool]]()
    for place, (user, minute, granted, purpose) in enumerate(words):
        if place == told_before:
            after = read_changes(engine, 0).change_number
        store.append(said(user, minute, granted=granted, purpose=purpose))
        if current.get((user, purpose), (-1, False))[0] <= minute:
            current[user, purpose] = (minute, granted)
    counts = {key: granted for key, (_, granted) in current.items()}
    assert store.users_with(PERSONALISATION) == {u for (u, p), yes in counts.items() if yes and p == PERSONALISATION}
    assert store.users_without(PERSONALISATION) == {
        u for (u, p), yes in counts.items() if not yes and p == PERSONALISATION
    }
    touched = {user for user, *_ in words[told_before if told_before < len(words) else 0 :]}
    states = {ConsentState(UserId(u), p, granted=yes) for (u, p), yes in counts.items()}
    assert set(read_changes(engine, after).consents) == {state for state in states if state.user_id in touched}
    assert set(read_standing(engine).consents) == {state for state in states if not state.granted}


def test_consents_of_other_time_zones_are_ordered_by_instant(engine: Engine) -> None:
    store = ConsentStore(engine)
    east = datetime(2026, 5, 1, 13, tzinfo=timezone(timedelta(hours=2)))  # 11 o'clock in UTC
    earlier = Consent(
        user_id=UserId("u"), purpose=PERSONALISATION, granted=False, source="test", notice_version="1",
        occurred_at=east, received_at=east,
    )  # fmt: skip
    store.append_many([said("u", 0, granted=True), earlier])
    assert store.users_with(PERSONALISATION) == {"u"}
