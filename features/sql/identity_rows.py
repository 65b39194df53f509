"""Rows of the graph of identifiers: how parts of it are read, and identifiers added."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar, cast

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from features.identity import ANONYMOUS_ID, Identifier
from features.people import Node, Pair, Strength
from features.sql.engine import Write
from features.sql.tables.people import identifiers, identity_edges

VALUES_AT_ONCE = 5_000  # in one statement; SQLite takes 32,766

COLUMNS = (
    identifiers.c.identifier_number, identifiers.c.kind, identifiers.c.value, identifiers.c.profile_number,
    identifiers.c.linked_at,
)  # fmt: skip
ONE, OTHER = identifiers.alias("one"), identifiers.alias("other")

Value = TypeVar("Value", int, str)
Link = tuple[Identifier, Identifier, datetime]


def read_nodes(connection: Connection, named: Collection[Identifier]) -> dict[Identifier, Node]:
    """Those of the identifiers that are on record."""
    wheres = named_as(named, identifiers.c.kind, identifiers.c.value)
    return {node.identifier: node for node in _read(connection, wheres)}


def read_nodes_of_numbers(connection: Connection, numbers: Collection[int]) -> dict[int, Node]:
    """The identifiers of these numbers, by number."""
    wheres = [identifiers.c.identifier_number.in_(part) for part in _parts(numbers)]
    return {node.number: node for node in _read(connection, wheres)}


def read_members(connection: Connection, profiles: Collection[int]) -> dict[Identifier, Node]:
    """All identifiers of these profiles."""
    wheres = [identifiers.c.profile_number.in_(part) for part in _parts(profiles)]
    return {node.identifier: node for node in _read(connection, wheres)}


def read_linked(connection: Connection) -> set[Identifier]:
    """All identifiers of profiles that have several."""
    column = identifiers.c.profile_number
    several = select(column).group_by(column).having(func.count() > 1)
    query = select(identifiers.c.kind, identifiers.c.value).where(column.in_(several))
    return {(kind, value) for kind, value in connection.execute(query)}


def read_people(connection: Connection, named: Collection[Identifier]) -> dict[Identifier, list[Identifier]]:
    """All identifiers of the people behind some, by each of these; of who is not on record only the one."""
    profile_of = {one: node.profile for one, node in read_nodes(connection, named).items()}
    together = dict[int, list[Identifier]]()
    for one, node in read_members(connection, set(profile_of.values())).items():
        together.setdefault(node.profile, []).append(one)
    return {one: together[profile_of[one]] if one in profile_of else [one] for one in named}


def read_edges_of(connection: Connection, numbers: Collection[int]) -> dict[Pair, Strength | None]:
    """Edges that end in one of these identifiers; None: it was removed."""
    edges = identity_edges.c
    found = dict[Pair, Strength | None]()
    for part in _parts(numbers):
        query = select(edges.a, edges.b, edges.strength, edges.removed_at)
        for a, b, strength, removed_at in connection.execute(query.where(or_(edges.a.in_(part), edges.b.in_(part)))):
            found[a, b] = cast("Strength", strength) if removed_at is None else None
    return found


def read_links(connection: Connection, named: Mapping[int, Identifier]) -> list[Link]:
    """What makes some identifiers, by number, one person, and since when."""
    edges, found = identity_edges.c, list[Link]()
    for part in _parts(named):
        query = select(edges.a, edges.b, edges.received_at).where(
            edges.a.in_(part), edges.strength == "same", edges.removed_at.is_(None)
        )
        for a, b, received_at in connection.execute(query):
            found.append((named[a], named[b], datetime.fromisoformat(received_at)))
    return found


def count_strong_edges(connection: Connection, profiles: Collection[int]) -> dict[int, int]:
    """How many links of each profile hold between identifiers that are no anonymous ids."""
    edges, counts = identity_edges.c, dict[int, int]()
    for part in _parts(profiles):
        query = (
            select(ONE.c.profile_number, func.count())
            .join_from(ONE, identity_edges, edges.a == ONE.c.identifier_number)
            .join(OTHER, edges.b == OTHER.c.identifier_number)
            .where(ONE.c.profile_number.in_(part), ONE.c.kind != ANONYMOUS_ID, OTHER.c.kind != ANONYMOUS_ID)
            .where(edges.strength == "same", edges.removed_at.is_(None))
            .group_by(ONE.c.profile_number)
        )
        counts.update((profile, n) for profile, n in connection.execute(query))
    return counts


def insert_missing(write: Write, named: Iterable[Identifier], now: datetime) -> None:
    """Put those on record that are not yet, each as a profile of its own."""
    wanted = dict.fromkeys(named)
    for known in read_nodes(write.connection, list(wanted)):
        del wanted[known]
    if not wanted:
        return
    rows = [
        {
            "kind": kind,
            "value": value,
            "profile_number": 0,
            "linked_at": text_of(now),
            "change_number": write.change_number,
        }
        for kind, value in wanted
    ]
    write.connection.execute(insert(identifiers), rows)
    alone = update(identifiers).where(identifiers.c.profile_number == 0)
    write.connection.execute(alone.values(profile_number=identifiers.c.identifier_number))


def named_as(
    named: Iterable[Identifier], kind: ColumnElement[str], value: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """Conditions, one a statement, that together find the rows of some identifiers."""
    values = dict[str, list[str]]()
    for one, text in dict.fromkeys(named):
        values.setdefault(one, []).append(text)
    return [(kind == one) & value.in_(part) for one, of_kind in values.items() for part in _parts(of_kind)]


def text_of(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always as long: texts order as the instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _read(connection: Connection, wheres: Iterable[ColumnElement[bool]]) -> list[Node]:
    return [
        Node(number, (kind, value), profile, datetime.fromisoformat(linked_at))
        for where in wheres
        for number, kind, value, profile, linked_at in connection.execute(select(*COLUMNS).where(where))
    ]


def _parts(values: Collection[Value]) -> Iterable[Sequence[Value]]:
    listed = list(values)
    return (listed[start : start + VALUES_AT_ONCE] for start in range(0, len(listed), VALUES_AT_ONCE))
