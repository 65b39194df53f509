"""Who is one person: what merges, what never does, and that every merge can be taken back exactly."""

from datetime import UTC, datetime, timedelta
from itertools import islice, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from features.identity import EMAIL_HASH, LOYALTY_CARD, Identifier, Occasion, Presented
from features.identity_rules import IdentityRules, Limit
from features.sql.changes import IdentifierState, read_changes, read_standing
from features.sql.identity_rows import text_of
from features.sql.identity_store import IdentityStore
from features.sql.tables.people import identifiers, identity_edges, identity_merges
from recommender.errors import InvalidInput, UnknownMerge, UnknownProfile
from recommender.ids import AnonymousId, UserId

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
RULES = IdentityRules(limits={"user_id": Limit(most=1)}, blocked={"any": ("null", "[0-]*")})
OPEN = IdentityRules(blocked={"any": ("null",)})  # strong ids merge users, too


def shown(user: str | None = None, anonymous: str | None = None, card: str | None = None, email: str | None = None):
    strong = [(kind, value) for kind, value in [(LOYALTY_CARD, card), (EMAIL_HASH, email)] if value is not None]
    return Presented(
        None if user is None else UserId(user), None if anonymous is None else AnonymousId(anonymous), tuple(strong)
    )


class People:
    """The store, emptied, and what it says of identifiers."""

    def __init__(self, engine: Engine, rules: IdentityRules = RULES) -> None:
        with engine.begin() as connection:
            for table in (identity_edges, identity_merges, identifiers):
                connection.execute(delete(table))
        self.engine, self.store, self.now = engine, IdentityStore(engine, rules), NOW

    def see(self, *events: Presented) -> list[tuple[str, ...]]:
        people, _ = self.store.recognise(events, self.now)
        return [person.users for person in people]

    def partition(self) -> set[frozenset[Identifier]]:
        groups = dict[int, set[Identifier]]()
        with self.engine.connect() as connection:
            for kind, value, profile in connection.execute(
                select(identifiers.c.kind, identifiers.c.value, identifiers.c.profile_number)
            ):
                groups.setdefault(profile, set()).add((kind, value))
        return set(map(frozenset, groups.values()))

    def linked(self) -> set[frozenset[Identifier]]:
        return {group for group in self.partition() if len(group) > 1}

    def merge_numbers(self) -> list[int]:
        with self.engine.connect() as connection:
            numbers = select(identity_merges.c.merge_number).where(identity_merges.c.undoes.is_(None))
            return list(connection.execute(numbers.order_by(identity_merges.c.merge_number)).scalars())


@pytest.fixture
def people(engine: Engine) -> People:
    return People(engine)


def test_an_event_alone_is_known_by_its_user_and_leaves_nothing(people: People) -> None:
    assert people.see(shown("ann"), shown(anonymous="a1"), shown(card="c1")) == [("ann",), (), ()]
    assert people.partition() == set()


def test_a_card_finds_its_user_once_both_were_presented(people: People) -> None:
    assert people.see(shown("ann", card="c1"), shown(card="c1")) == [("ann",), ("ann",)]
    assert people.see(shown(card="c1"), shown(card="c2")) == [("ann",), ()]


def test_an_anonymous_id_becomes_its_first_users_and_no_others(people: People) -> None:
    assert people.see(shown("ann", "a1"), shown(anonymous="a1")) == [("ann",), ("ann",)]
    before = people.linked()
    assert people.see(shown("bob", "a1")) == [("bob",)]  # a switch on a shared device
    assert people.see(shown("ann", "a1"), shown("bob", "a1")) == [("ann",), ("bob",)]
    assert people.see(shown(anonymous="a1")) == [()]  # who of the two, nobody can say
    assert people.linked() == before


def test_two_users_of_one_card_stay_two_unless_the_rules_let_a_person_have_two(engine: Engine) -> None:
    for rules, expected in [(RULES, [("ann",), ("bob",), ("ann",)]), (OPEN, [("ann", "bob")] * 3)]:
        people = People(engine, rules)
        assert people.see(shown("ann", card="c"), shown("bob", card="c"), shown(card="c")) == expected


def test_values_that_name_nobody_link_nobody(people: People) -> None:
    assert people.see(shown("null", card="c1"), shown("000", "a1"), shown("ann", card="NULL")) == [(), (), ("ann",)]
    assert people.partition() == set()
    with pytest.raises(InvalidInput):
        people.store.merge([("user_id", "ann"), ("user_id", "null")], "a test", NOW)


def test_a_limit_counts_within_its_window_and_leaves_out_what_is_too_much(engine: Engine) -> None:
    limits = {"anonymous_id": Limit(most=2, days=7), "loyalty_card": Limit(most=1)}
    people = People(engine, IdentityRules(limits=limits))
    people.see(shown("ann", "a1"), shown("ann", "a2"), shown("ann", "a3", card="c1"), shown("ann", card="c2"))
    assert people.see(*(shown(anonymous=name) for name in ("a1", "a2", "a3"))) == [("ann",), ("ann",), ()]
    assert people.see(shown(card="c1"), shown(card="c2")) == [("ann",), ()]
    people.now += timedelta(days=8)
    assert people.see(shown("ann", "a4"), shown(anonymous="a4")) == [("ann",), ("ann",)]


def test_a_profile_stops_growing_at_its_bounds_and_events_still_count(engine: Engine) -> None:
    people = People(engine, IdentityRules(most_identifiers=3, most_merges=10))
    people.see(*(shown("ann", f"a{number}") for number in range(6)))
    assert max(map(len, people.partition())) == 3
    people = People(engine, IdentityRules(most_merges=2))
    assert people.see(*(shown("ann", card=f"c{number}") for number in range(5))) == [("ann",)] * 5
    assert max(map(len, people.partition())) == 3
    with pytest.raises(InvalidInput, match="too large"):
        people.store.merge([("user_id", "ann"), ("user_id", "bob")], "a test", NOW)


def test_the_shop_may_merge_what_no_event_may_and_take_it_back(people: People) -> None:
    people.see(shown("ann", "a1", "c1"), shown("bob", "b1"))
    before, both = people.partition(), [("user_id", "ann"), ("user_id", "bob")]
    merged = people.store.merge(both, "married", NOW)
    assert merged.merge_number is not None
    assert people.see(shown("bob"), shown(anonymous="a1"), shown(card="c1")) == [("ann", "bob")] * 3
    again = people.store.merge(both[::-1], "married", NOW)
    assert (again.merge_number, again.profile_number) == (None, merged.profile_number)
    assert people.store.members(["bob"]) == {"bob": {"ann", "bob"}}
    touched = people.store.unmerge(merged.merge_number, "a mistake", NOW)
    assert people.partition() == before
    assert {*touched} == {*people.store.unmerge(merged.merge_number, "a mistake", NOW)} >= {*both}
    assert people.store.members(["bob"]) == {"bob": {"bob"}}
    assert people.store.members(["bob"], ever=True) == {"bob": {"ann", "bob"}}  # caps do not begin anew
    assert people.store.merge(both, "after all", NOW).merge_number not in {None, merged.merge_number}
    assert people.store.members(["ann"]) == {"ann": {"ann", "bob"}}


def test_what_an_event_shows_bears_its_name_and_its_moment(people: People) -> None:
    happened = NOW - timedelta(hours=3)
    people.store.recognise([shown("bob"), shown("ann", card="c1")], NOW, [None, Occasion("msg-1", happened)])
    with people.engine.connect() as connection:
        edge = connection.execute(select(identity_edges.c.occurred_at, identity_edges.c.received_at)).one()
        [event_id] = connection.execute(select(identity_merges.c.event_id)).scalars()
    assert tuple(edge) == (text_of(happened), text_of(NOW))
    assert event_id == "msg-1"


def test_what_was_taken_back_no_event_brings_again(people: People) -> None:
    people.see(shown("ann", card="c1"))
    [number] = people.merge_numbers()
    people.store.unmerge(number, "somebody else's card", NOW)
    assert people.see(shown("ann", card="c1"), shown(card="c1")) == [("ann",), ()]


def test_workers_hear_of_users_whose_person_lost_an_identifier(people: People) -> None:
    def parted() -> dict[str, int]:
        return {state.identifier[1]: state.parted for state in read_standing(people.engine).identifiers}

    people.see(shown("ann", "a1", "c1"), shown("bob", "b1", "c2"))
    [first, *_] = people.merge_numbers()
    assert parted() == {}
    people.store.unmerge(first, "somebody else's card and browser", NOW)
    at = read_changes(people.engine, 0).change_number
    assert parted() == {"ann": at}
    assert IdentifierState(1, ("user_id", "ann"), 1, at) in read_changes(people.engine, at - 1).identifiers
    people.store.unmerge(first, "again", NOW)
    assert parted() == {"ann": at}


def test_taking_back_one_of_two_links_parts_nobody(engine: Engine) -> None:
    people = People(engine, OPEN)
    people.see(shown("ann", card="c1"), shown("ann", email="e1"), shown(card="c1", email="e1"))
    people.store.unmerge(people.merge_numbers()[-1], "said twice", NOW)
    assert read_standing(engine).identifiers == ()


def test_an_anonymous_id_never_makes_two_known_people_one(people: People) -> None:
    people.see(shown("ann", "a1"), shown("bob", "b1"))
    with pytest.raises(InvalidInput, match="a1"):
        people.store.merge([("user_id", "bob"), ("anonymous_id", "a1")], "a test", NOW)


def test_unknown_names_are_said_to_be(people: People) -> None:
    with pytest.raises(UnknownMerge):
        people.store.unmerge(99, "a test", NOW)
    with pytest.raises(UnknownProfile):
        people.store.find(("user_id", "nobody"))
    with pytest.raises(InvalidInput):
        people.store.merge([("user_id", "ann"), ("user_id", "ann")], "a test", NOW)


def test_workers_hear_of_every_user_whose_person_changed(people: People) -> None:
    people.see(shown("ann", "a1"), shown("bob", card="c1"))
    after = read_changes(people.engine, 0).change_number
    merged = people.store.merge([("user_id", "bob"), ("user_id", "ann")], "a test", NOW)
    heard = {state.identifier: state.profile for state in read_changes(people.engine, after).identifiers}
    assert heard[("user_id", "ann")] == heard[("user_id", "bob")] == merged.profile_number
    standing = {state.identifier for state in read_standing(people.engine).identifiers}
    assert standing == {("user_id", "ann"), ("user_id", "bob")}
    after = read_changes(people.engine, 0).change_number
    assert merged.merge_number is not None
    people.store.unmerge(merged.merge_number, "a test", NOW)
    heard = {state.identifier: state.profile for state in read_changes(people.engine, after).identifiers}
    assert heard[("user_id", "ann")] != heard[("user_id", "bob")]
    standing = {state.identifier: state.parted for state in read_standing(people.engine).identifiers}
    assert standing == {("user_id", "ann"): after + 1, ("user_id", "bob"): after + 1}


events = st.builds(
    shown, st.sampled_from([None, "u1", "u2", "u3", "null"]), st.sampled_from([None, "a1", "a2"]),
    st.sampled_from([None, "c1", "c2"]), st.sampled_from([None, "e1", "e2"]),
)  # fmt: skip
strong_pairs = st.tuples(
    st.tuples(st.just("user_id"), st.sampled_from(["u1", "u2", "u3", "u4"])),
    st.tuples(st.sampled_from(["user_id", "loyalty_card"]), st.sampled_from(["u5", "c1", "c2"])),
)


@FEW
@given(st.lists(events, max_size=6), st.lists(strong_pairs, min_size=1, max_size=4, unique=True), st.randoms())
def test_merges_taken_back_in_any_order_leave_what_was_before(engine: Engine, seen, merges, random) -> None:
    people = People(engine, OPEN)
    people.see(*seen)
    before = people.linked()
    made = [people.store.merge(list(pair), "a test", NOW).merge_number for pair in merges]
    numbers = [number for number in made if number is not None]
    random.shuffle(numbers)
    for number in numbers:
        touched, left = people.store.unmerge(number, "a test", NOW), people.linked()
        assert {*people.store.unmerge(number, "again", NOW)} == {*touched}
        assert people.linked() == left
    assert people.linked() == before


@FEW
@given(st.lists(strong_pairs, min_size=2, max_size=4, unique=True))
def test_merging_is_the_same_in_every_order_and_twice_is_once(engine: Engine, merges) -> None:
    results = list[set[frozenset[Identifier]]]()
    for turn, order in enumerate(islice(permutations(merges), 6)):
        people = People(engine, OPEN)
        for pair in [*order, *order]:
            people.store.merge(list(pair[::-1] if turn % 2 else pair), "a test", NOW)
        results.append(people.partition())
    assert all(result == results[0] for result in results)


@FEW
@given(st.lists(events, max_size=10))
def test_whatever_is_seen_the_rules_hold(engine: Engine, seen) -> None:
    people = People(engine)
    people.see(*seen)
    for group in people.partition():
        assert sum(kind == "user_id" for kind, _ in group) <= 1  # so no device made two known users one
        assert len(group) == 1 or not any(value == "null" for _, value in group)
    again = people.partition()
    people.see(*seen)
    assert people.partition() == again
