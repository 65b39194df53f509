"""What the ledger of consents comes to, for each identifier: read whole at the start, then of whoever was touched."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from features.identity import ANONYMOUS_ID, Identifier
from features.people import Node
from features.sql.consent_store import entry_of
from features.sql.engine import read_change_number, reading
from features.sql.identity_rows import Link, named_as, read_linked, read_links, read_members, read_nodes
from features.sql.tables.consents import consent_entries
from features.sql.tables.people import identifiers
from recommender.consent import WHOLE, Entry, Standings, State, counting_for, fold, joining_moments
from recommender.consent_answers import Answer, answer_at, answer_of

IDENTIFIERS_AT_ONCE = 2_000
ENTRIES = consent_entries.c


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What holds for one identifier now, of purposes and topics; empty: nothing was ever said."""

    identifier: Identifier
    standings: Standings


class ConsentStates:
    """What everybody allows, as the ledger and the graph of identifiers have it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, named: Collection[Identifier]) -> list[ConsentState]:
        """What holds for the people behind some identifiers, for each identifier of theirs; raises StoreUnavailable."""
        with reading(self._engine) as connection:
            return read_states(connection, named)

    def of_as_of(self, named: Collection[Identifier]) -> tuple[list[ConsentState], int]:
        """The same, and the change number as of which it holds."""
        with reading(self._engine) as connection:
            return read_states(connection, named), read_change_number(connection)

    def answers(self, purpose: str, now: datetime) -> dict[Identifier, Answer]:
        """What holds on a purpose at a moment, of each identifier of whom anything holds; raises StoreUnavailable."""
        with reading(self._engine) as connection:
            found, others = _read_single_words(connection, purpose, now)
            for state in _read_in_parts(connection, others):
                if (standing := state.standings.get((purpose, WHOLE))) is not None:
                    found[state.identifier] = answer_at(standing, now)
            return found


def read_all_states(connection: Connection) -> Iterator[ConsentState]:
    """What holds for everybody of whom anything is in the ledger; some come twice."""
    spoke = select(ENTRIES.kind, ENTRIES.value).distinct().order_by(ENTRIES.kind, ENTRIES.value)
    yield from _read_in_parts(connection, [(kind, value) for kind, value in connection.execute(spoke)])


def _read_in_parts(connection: Connection, named: Sequence[Identifier]) -> Iterator[ConsentState]:
    for start in range(0, len(named), IDENTIFIERS_AT_ONCE):
        yield from read_states(connection, named[start : start + IDENTIFIERS_AT_ONCE])


def read_changed_states(connection: Connection, after: int) -> tuple[ConsentState, ...]:
    """What holds for everybody of whom something was appended, or who was joined or parted, after a change number."""
    spoke = select(ENTRIES.kind, ENTRIES.value).where(ENTRIES.change_number > after)
    moved = select(identifiers.c.profile_number).where(identifiers.c.change_number > after)
    touched = [(kind, value) for kind, value in connection.execute(spoke)]
    nodes = read_members(connection, set(connection.execute(moved).scalars()))
    if elsewhere := [one for one in touched if one not in nodes]:
        nodes |= _read_people(connection, elsewhere)
    return tuple(_states_of(connection, touched, nodes))


def read_states(connection: Connection, named: Collection[Identifier]) -> list[ConsentState]:
    """What holds for the people behind some identifiers, for each identifier of theirs."""
    return _states_of(connection, named, _read_people(connection, named))


def _read_people(connection: Connection, named: Collection[Identifier]) -> dict[Identifier, Node]:
    """All identifiers of the people behind some that are on record."""
    return read_members(connection, {node.profile for node in read_nodes(connection, named).values()})


def _states_of(
    connection: Connection, named: Iterable[Identifier], nodes: Mapping[Identifier, Node]
) -> list[ConsentState]:
    """What holds for whole people, and for who is not on record: a person is who has a profile in `nodes`."""
    people = dict[int | Identifier, list[Identifier]]()
    for one in dict.fromkeys([*named, *nodes]):
        people.setdefault(nodes[one].profile if one in nodes else one, []).append(one)
    entries = _read_entries(connection, [one for together in people.values() for one in together])
    states = list[ConsentState]()
    for together in people.values():
        spoke = [one for one in together if one in entries]
        links = list[Link]()
        if len(spoke) > 1:  # few people have said something under two names
            links = read_links(connection, {nodes[one].number: one for one in together})
        states += _states_of_person(together, [entry for one in spoke for entry in entries[one]], links)
    return states


def _read_single_words(
    connection: Connection, purpose: str, now: datetime
) -> tuple[dict[Identifier, Answer], list[Identifier]]:
    """The answers of those who said one thing on a purpose, under their only name; and who else spoke of it.

    Of nearly everybody there is no more to fold, and of a row only a few columns have to be read.
    """
    columns = ENTRIES.kind, ENTRIES.value, ENTRIES.state, ENTRIES.expires_at, ENTRIES.guardian
    said = select(*columns, ENTRIES.vouched).where(ENTRIES.purpose == purpose, ENTRIES.topic == WHOLE)
    linked, found, others = read_linked(connection), dict[Identifier, Answer](), dict[Identifier, None]()
    for kind, value, state, expires_at, guardian, vouched in connection.execute(said):
        one = kind, value
        if not vouched or one in linked or one in found:
            others[one] = None
        else:
            until = None if expires_at is None else datetime.fromisoformat(expires_at)
            found[one] = answer_of(State(state), until, now, guardian=guardian)
    for one in others:
        found.pop(one, None)
    return found, list(others)


def _states_of_person(
    together: Collection[Identifier], entries: Sequence[Entry], links: Collection[Link]
) -> Iterator[ConsentState]:
    joined_at = joining_moments(links, {entry.subject for entry in entries})
    of_all = fold((entry for entry in entries if entry.vouched), joined_at)
    own = {entry.subject for entry in entries}
    for one in together:
        if one[0] != ANONYMOUS_ID:
            yield ConsentState(one, of_all)
        elif one in own:
            yield ConsentState(one, fold(counting_for(one, entries), joined_at))
        else:  # a device may be shared: what its owner refused holds on it, what they granted does not
            yield ConsentState(one, {about: said for about, said in of_all.items() if said.state is not State.GRANTED})


def _read_entries(connection: Connection, named: Collection[Identifier]) -> dict[Identifier, list[Entry]]:
    found = dict[Identifier, list[Entry]]()
    for where in named_as(named, ENTRIES.kind, ENTRIES.value):
        for row in connection.execute(select(consent_entries).where(where)):
            entry = entry_of(row)
            found.setdefault(entry.subject, []).append(entry)
    return found
