"""What one person's entries come to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.consent import (
    NEVER,
    PERSONALISATION,
    WHOLE,
    Entry,
    State,
    Subject,
    counting_for,
    fold,
    joining_moments,
    state_of,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN, WORK, PHONE = ("user_id", "ann"), ("user_id", "ann@work"), ("anonymous_id", "a1")
JOINED = 5  # minutes after noon
NOES = {State.DENIED, State.WITHDRAWN}


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def entry(state: State, minute: int = 0, subject: Subject = ANN, entry_id: str = "e", **more: object) -> Entry:
    said = Entry(
        entry_id=entry_id, subject=subject, purpose=PERSONALISATION, state=state, occurred_at=at(minute),
        received_at=at(minute),
    )  # fmt: skip
    return replace(said, **more)


def joined_at(one: Subject, other: Subject) -> datetime:
    return at(JOINED)


def state(entries: Sequence[Entry], now: datetime = NEVER) -> State | None:
    return state_of(fold(entries, joined_at), PERSONALISATION, now)


def named_by_content(one: Entry) -> Entry:
    """As the ledger has it: no two entries that differ have one id."""
    return replace(one, entry_id=repr(one))


subjects = st.sampled_from([ANN, WORK, PHONE])
entries = st.builds(
    entry,
    st.sampled_from([State.GRANTED, State.DENIED, State.WITHDRAWN]), st.integers(0, 9), subjects,
    st.sampled_from(["e", "f"]), imported=st.booleans(),
    expires_at=st.none() | st.integers(0, 12).map(at), guardian=st.booleans(),
).map(named_by_content)  # fmt: skip
histories = st.lists(entries, max_size=8)


@settings(max_examples=40)
@given(histories.flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_neither_order_nor_repeats_matter(case: tuple[list[Entry], list[Entry]]) -> None:
    said, otherwise = case
    assert fold(said, joined_at) == fold([*otherwise, *said[:3]], joined_at)


@settings(max_examples=40)
@given(histories, histories, subjects, st.integers(0, 9))
def test_what_is_older_or_imported_undoes_no_withdrawal(
    before: list[Entry], late: list[Entry], who: Subject, minute: int
) -> None:
    """Invariant 18: not by an import, a merge, or an older event arriving late."""
    no = entry(State.WITHDRAWN, minute, who)
    late = [one for one in late if one.imported or one.occurred_at <= no.occurred_at]
    earlier = [one for one in before if one.occurred_at <= no.occurred_at]
    assert state([*earlier, no], at(10)) in NOES
    assert state([*earlier, no, *late], at(10)) in NOES


@settings(max_examples=40)
@given(histories, st.integers(0, 9), subjects)
def test_an_imported_grant_turns_no_no_into_a_yes(said: list[Entry], minute: int, who: Subject) -> None:
    before = state(said, at(10))
    after = state([*said, entry(State.GRANTED, minute, who, imported=True)], at(10))
    assert before == after or before is None or all(one.imported and one.state is State.GRANTED for one in said)


@settings(max_examples=40)
@given(histories, subjects, st.sampled_from(State))
def test_what_a_person_says_after_the_merge_and_after_all_else_holds(
    said: list[Entry], who: Subject, word: State
) -> None:
    assert state([*said, entry(word, 20, who)], at(21)) is word


@settings(max_examples=40)
@given(histories)
def test_a_merge_never_makes_a_yes_of_a_no(said: list[Entry]) -> None:
    """Until the person says otherwise after it: here nobody does."""
    said = [one for one in said if one.occurred_at <= at(JOINED)]
    alone = {state([one for one in said if one.subject == who], at(10)) for who in {one.subject for one in said}}
    if alone & NOES:
        assert state(said, at(10)) in NOES


@settings(max_examples=40)
@given(histories)
def test_what_holds_comes_from_the_history_alone(said: list[Entry]) -> None:
    """Invariant 17."""
    standing = fold(said, joined_at).get((PERSONALISATION, WHOLE))
    assert (standing is None) == (not said)
    if standing is not None:
        assert standing.entry in said
        assert standing.state is standing.entry.state


def test_of_equally_old_words_the_stricter_holds() -> None:
    assert state([entry(State.GRANTED), entry(State.DENIED)]) is State.DENIED
    assert state([entry(State.GRANTED, 3), entry(State.WITHDRAWN, 3, WORK)]) is State.WITHDRAWN


def test_a_grant_ends_when_it_ends_and_an_older_one_does_not_come_back() -> None:
    said = [entry(State.GRANTED, 0), entry(State.GRANTED, 1, expires_at=at(4))]
    assert state(said, at(3)) is State.GRANTED
    assert state(said, at(4)) is State.EXPIRED


def test_what_one_says_counts_against_the_others_words_since_they_were_joined() -> None:
    no, early_yes, late_yes = entry(State.DENIED, 1, WORK), entry(State.GRANTED, 3), entry(State.GRANTED, 6)
    assert state([no, early_yes]) is State.DENIED
    assert state([no, late_yes]) is State.GRANTED


def test_a_claim_counts_for_its_own_anonymous_id_alone() -> None:
    said = [entry(State.DENIED, 1, PHONE, vouched=False), entry(State.GRANTED, 0)]
    assert [state(counting_for(who, said)) for who in (ANN, PHONE)] == [State.GRANTED, State.DENIED]


def test_a_no_to_the_whole_purpose_is_a_no_to_its_topics_and_not_the_other_way_round() -> None:
    def topics(*said: tuple[State, str]) -> list[State | None]:
        standings = fold([entry(word, topic=topic) for word, topic in said], joined_at)
        return [state_of(standings, PERSONALISATION, NOON, topic) for topic in ("", "wine", "other")]

    yes, no = State.GRANTED, State.DENIED
    assert topics((yes, ""), (no, "wine")) == [yes, no, yes]
    assert topics((no, ""), (yes, "wine")) == [no, no, no]
    assert topics((yes, "wine")) == [None, yes, None]


def test_two_are_joined_by_the_last_link_between_them() -> None:
    edges = [(ANN, PHONE, at(1)), (PHONE, WORK, at(4)), (ANN, WORK, at(9))]
    since = joining_moments(edges, [ANN, WORK])
    assert since(ANN, WORK) == since(WORK, ANN) == at(4)
    assert since(ANN, ("user_id", "somebody")) == NEVER
