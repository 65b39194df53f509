"""The ledger of consents on both databases: nothing is lost, nothing counts twice, and people are one person."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from features.identity import ANONYMOUS_ID, LOYALTY_CARD, USER_ID, Identifier
from features.identity_rules import IdentityRules
from features.sql.changes import read_changes, read_standing
from features.sql.consent_states import ConsentState, ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import engine_of
from features.sql.identity_store import IdentityStore
from recommender.consent import ANALYTICS, PERSONALISATION, WHOLE, State, state_of
from recommender.consent_answers import Answer, answer_at, answer_in, answers_of, pack_answers
from tests.builders import said

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN, WORK, DEVICE, CARD = (USER_ID, "ann"), (USER_ID, "ann@work"), (ANONYMOUS_ID, "a1"), (LOYALTY_CARD, "77")
YES, NO = State.GRANTED, State.WITHDRAWN


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def held(states: list[ConsentState] | tuple[ConsentState, ...]) -> dict[Identifier, State | None]:
    return {one.identifier: state_of(one.standings, PERSONALISATION, at(60)) for one in states}


def test_an_entry_comes_back_as_it_was_and_counts_once(engine: Engine) -> None:
    store = ConsentStore(engine)
    full = said(
        "ann", YES, at(0), topic="wine", expires_at=at(9), imported=True, vouched=False, guardian=True, channel="web",
        system="crm", form="banner 3", operator="kim", proof="p" * 3000, jurisdiction="eu", raw_signal="CPX",
    )  # fmt: skip
    other = said("ann", NO, at(1), received_at=at(2), purpose=ANALYTICS)
    assert store.append([full, other, full]) == 2
    assert store.append([other, said("ann", NO, at(0), entry_id=full.entry_id)]) == 0
    assert store.history([ANN, WORK]) == [full, other]
    [(first, one), (second, two)] = store.changes(0, 10)
    assert (one, two) == (full, other)
    assert store.changes(0, 1) == [(first, full)]
    assert store.changes(first, 10) == [(second, other)]
    assert store.changes(second, 10) == []


def test_times_of_other_zones_are_instants(engine: Engine) -> None:
    east = datetime(2026, 5, 1, 13, tzinfo=timezone(timedelta(hours=2)))  # 11 o'clock in UTC
    ConsentStore(engine).append([said("ann", YES, at(0)), said("ann", NO, east)])
    assert ConsentStates(engine).answers(PERSONALISATION, at(9)) == {("user_id", "ann"): Answer.GRANTED}


def test_who_said_one_thing_under_one_name_has_the_answer_that_all_entries_come_to(engine: Engine) -> None:
    """However little is read of most people: every kind of entry, of linked people and of others."""
    IdentityStore(engine, IdentityRules()).merge([ANN, DEVICE, CARD], "hers", at(0))
    ConsentStore(engine).append([
        said("ann", NO, at(1)), said("-", YES, at(2), subject=CARD),
        said("once", YES, at(1)), said("no", NO, at(1)), said("kid", YES, at(1), guardian=True),
        said("over", YES, at(1), expires_at=at(5)), said("until", YES, at(1), expires_at=at(50)),
        said("twice", YES, at(1)), said("twice", NO, at(2)), said("thrice", NO, at(1)), said("thrice", NO, at(2)),
        said("thrice", YES, at(3)), said("brought", YES, at(1), imported=True),
        said("claimed", NO, at(1), vouched=False), said("-", NO, at(1), subject=(ANONYMOUS_ID, "a2"), vouched=False),
        said("topic", YES, at(1), topic="wine"), said("other", YES, at(1), purpose=ANALYTICS),
    ])  # fmt: skip
    whole = {
        state.identifier: answer_at(standing, at(9))
        for state in read_standing(engine).consents
        if (standing := state.standings.get((PERSONALISATION, WHOLE))) is not None
    }
    found = ConsentStates(engine).answers(PERSONALISATION, at(9))
    assert found == whole
    assert (found[USER_ID, "twice"], found[USER_ID, "over"]) == (Answer.REFUSED, Answer.REFUSED)
    assert {name for _, name in found}.isdisjoint({"claimed", "topic", "other"})


def test_workers_hear_of_what_changed_and_at_the_start_of_everything(engine: Engine) -> None:
    store = ConsentStore(engine)
    store.append([said("ann", YES, at(0)), said("bob", NO, at(0), subject=DEVICE)])
    after = read_changes(engine, 0).change_number
    assert read_changes(engine, after).consents == ()
    store.append([said("ann", NO, at(1))])
    assert held(read_changes(engine, after).consents) == {ANN: NO}
    assert held(read_standing(engine).consents) == {ANN: NO, DEVICE: NO}


def test_a_merge_makes_the_stricter_word_hold_until_the_person_says_otherwise_and_unmerging_parts_them(
    engine: Engine,
) -> None:
    store, states = ConsentStore(engine), ConsentStates(engine)
    people = IdentityStore(engine, IdentityRules())
    store.append([said("ann", YES, at(0)), said("ann@work", NO, at(-5))])
    people.merge([ANN, DEVICE], "her phone", at(1))
    after = read_changes(engine, 0).change_number
    merged = people.merge([ANN, WORK], "the same", at(2))
    assert held(read_changes(engine, after).consents) == {ANN: NO, WORK: NO, DEVICE: NO}
    store.append([said("ann", YES, at(3))])
    assert held(states.of([DEVICE])) == {ANN: YES, WORK: YES, DEVICE: None}
    assert merged.merge_number is not None
    after = read_changes(engine, 0).change_number
    people.unmerge(merged.merge_number, "a mistake", at(5))
    parted = held(read_changes(engine, after).consents)
    assert (parted[ANN], parted[WORK]) == (YES, NO)
    assert held(read_standing(engine).consents) == held(states.of([ANN, WORK]))


def test_what_was_said_under_a_card_holds_for_the_user_and_their_devices(engine: Engine) -> None:
    people = IdentityStore(engine, IdentityRules())
    people.merge([ANN, CARD, DEVICE], "hers", at(0))
    ConsentStore(engine).append([said("-", NO, at(1), subject=CARD)])
    assert held(read_standing(engine).consents) == {ANN: NO, CARD: NO, DEVICE: NO}


def test_a_claim_about_a_device_stays_on_the_device(engine: Engine) -> None:
    IdentityStore(engine, IdentityRules()).merge([ANN, DEVICE], "hers", at(0))
    store = ConsentStore(engine)
    store.append([said("ann", YES, at(1)), said("-", NO, at(2), subject=DEVICE, vouched=False)])
    assert held(read_standing(engine).consents) == {ANN: YES, DEVICE: NO}


def test_answers_are_packed_with_the_guardians(engine: Engine) -> None:
    store = ConsentStore(engine)
    store.append([said("kid", YES, at(0), guardian=True), said("kid", NO, at(0), purpose=ANALYTICS)])
    [state] = read_standing(engine).consents
    answers = pack_answers(answers_of(state.standings))
    found = [answer_in(answers, purpose) for purpose in (PERSONALISATION, ANALYTICS, "marketing_sms")]
    assert found == [Answer.BY_GUARDIAN, Answer.REFUSED, Answer.NONE]


@pytest.mark.parametrize("granted", [True, False])
def test_what_the_first_table_held_is_in_the_ledger(database_url: str, granted: bool) -> None:
    engine = engine_of(database_url)
    config = Config()
    config.set_main_option("script_location", "features.sql:migrations")
    with engine.begin() as connection:
        for table in reversed(list(sa.inspect(connection).get_table_names())):
            connection.execute(sa.text(f'DROP TABLE IF EXISTS "{table}"' + cascade(connection)))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(
            sa.text(
                "INSERT INTO consents (user_id, purpose, granted, source, notice_version, occurred_at, received_at,"
                " change_number) VALUES ('ann', 'personalisation', :granted, 'web', '7', :at, :at, 3)"
            ),
            {"granted": granted, "at": NOON.isoformat(timespec="microseconds")},
        )
        command.upgrade(config, "head")
    [entry] = ConsentStore(engine).history([ANN])
    assert (entry.state, entry.system, entry.notice_version) == (YES if granted else NO, "web", "7")
    assert (entry.occurred_at, entry.vouched, entry.imported) == (NOON, True, False)
    engine.dispose()


def cascade(connection: sa.Connection) -> str:
    return " CASCADE" if connection.dialect.name == "postgresql" else ""
