"""Who is one person, as jobs over the whole log read it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, delete

from features.identity import LOYALTY_CARD, Presented
from features.identity_rules import IdentityRules
from features.sql.engine import reading
from features.sql.identity_store import IdentityStore
from features.sql.persons import read_persons
from features.sql.tables.people import identifiers, identity_edges, identity_merges
from recommender.ids import AnonymousId, UserId

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(engine: Engine) -> IdentityStore:
    with engine.begin() as connection:
        for table in (identity_edges, identity_merges, identifiers):
            connection.execute(delete(table))
    return IdentityStore(engine, IdentityRules())


def test_the_least_user_id_stands_for_all_identifiers_of_a_person(engine: Engine, store: IdentityStore) -> None:
    card = ((LOYALTY_CARD, "77"),)
    store.recognise([Presented(UserId("b"), AnonymousId("browser"), card), Presented(UserId("a"), None, card)], NOW)
    store.recognise([Presented(UserId("alone"), None), Presented(None, AnonymousId("nobody"))], NOW)
    with reading(engine) as connection:
        persons = read_persons(connection)
    assert set(persons.iter_rows()) == {
        ("user_id", "a", "a"), ("user_id", "b", "a"), (LOYALTY_CARD, "77", "a"), ("anonymous_id", "browser", "a"),
    }  # fmt: skip
    store.recognise([Presented(UserId("alone"), AnonymousId("browser"))], NOW)  # by itself it names nobody now
    with reading(engine) as connection:
        assert "browser" not in read_persons(connection)["value"]
