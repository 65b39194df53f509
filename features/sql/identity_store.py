"""The graph of identifiers in SQL: who is one person, what says so, and the way back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from features.audit import SYSTEM, Author, Entry
from features.identity import USER_ID, Identifier, Occasion, Presented
from features.identity_rules import IdentityRules
from features.people import Node, Pair, People, Person, links_of, partition
from features.sql.audit_store import append_audit
from features.sql.engine import Write, reading, writing
from features.sql.identity_rows import (
    count_strong_edges,
    insert_missing,
    read_edges_of,
    read_members,
    read_nodes,
    read_nodes_of_numbers,
    text_of,
)
from features.sql.tables.people import identifiers, identity_edges, identity_merges
from recommender.errors import InvalidInput, UnknownMerge, UnknownProfile

EVENTS_AT_ONCE = 500  # of one transaction


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge on record: its number (None: they were one person by these links already), and the profile it made."""

    merge_number: int | None
    profile_number: int


class IdentityStore:
    """Recognises people, merges them, and takes merges back."""

    def __init__(self, engine: Engine, rules: IdentityRules) -> None:
        self._engine, self._rules = engine, rules

    def recognise(
        self, events: Sequence[Presented], now: datetime, occasions: Sequence[Occasion | None] | None = None
    ) -> tuple[list[Person], bool]:
        """Who is behind each event, and whether anything was learnt from them; what they show is on disk then.

        What is learnt bears the name and moment of its event in `occasions`.

        Raises:
            StoreUnavailable.
        """
        found, learnt = list[Person](), False
        named = occasions or [None] * len(events)
        for start in range(0, len(events), EVENTS_AT_ONCE):
            part = events[start : start + EVENTS_AT_ONCE]
            with reading(self._engine) as connection:
                people = self._load(connection, part, now)
            if _says_something_new(people, part):
                people = self._learn(part, named[start : start + EVENTS_AT_ONCE], now)
                learnt = learnt or bool(people.added)
            found += [people.who(one) for one in part]
        return found, learnt

    def know(self, events: Sequence[Presented], now: datetime) -> list[Person]:
        """Who is behind each event, by what is known already; nothing is learnt from it."""
        with reading(self._engine) as connection:
            people = self._load(connection, events, now)
        return [people.who(one) for one in events]

    def merge(self, named: Sequence[Identifier], reason: str, now: datetime, *, by: Author = SYSTEM) -> Merged:
        """Take identifiers for one person on the shop's word, whatever the limits of their kinds; doing it again
        changes nothing.

        Raises:
            InvalidInput: a value names nobody, fewer than two are left, or the profile would break a bound.
        """
        if blocked := next((one for one in named if self._rules.is_blocked(one)), None):
            raise InvalidInput(
                f"{blocked[0]} {blocked[1]!r} names nobody", field="identifiers", remedy="See identity.toml: blocked."
            )
        ordered = self._rules.in_order(named)
        if len(ordered) < 2:
            raise InvalidInput(
                "a merge needs two different identifiers", field="identifiers", remedy="Name two or more."
            )
        with writing(self._engine) as write:
            insert_missing(write, ordered, now)
            people = self._load_named(write.connection, ordered, now, to_link=True)
            before = {one: people.nodes[one].profile for one in people.nodes}
            try:
                pairs = people.merge(ordered)
            except ValueError as error:
                raise InvalidInput(
                    f"these cannot be one person: {error}", field="identifiers", remedy="Merge fewer of them."
                ) from None
            [number] = self._record(write, people, before, [(pairs, None)], now, source="api", reason=reason)
            profile = people.nodes[ordered[0]].profile
            details = {"identifiers": len(ordered)} | ({} if number is None else {"merge": f"mrg_{number}"})
            append_audit(write.connection, Entry(by, "profiles.merge", "profile", f"prf_{profile}", details))
            return Merged(number, profile)

    def unmerge(self, merge_number: int, reason: str, now: datetime, *, by: Author = SYSTEM) -> list[Identifier]:
        """Take a merge back: the profiles are again what they would be without it. Doing it again changes nothing.

        Returns the identifiers of all profiles that it touched, also if it had been taken back before: whoever could
        not follow it then, follows it now.

        Raises:
            UnknownMerge: there never was one of this number.
        """
        these = identity_edges.c.merge_number == merge_number
        with writing(self._engine) as write:
            connection = write.connection
            known = select(identity_merges.c.merge_number).where(
                identity_merges.c.merge_number == merge_number, identity_merges.c.undoes.is_(None)
            )
            if connection.execute(known).first() is None:
                raise UnknownMerge(
                    f"There is no merge mrg_{merge_number}.", field="merge_id", remedy="A profile lists its merges."
                )
            made = select(identity_edges.c.a, identity_edges.c.b, identity_edges.c.removed_at.is_(None)).where(these)
            edges_made = [(a, b, holds) for a, b, holds in connection.execute(made)]
            pairs: list[Pair] = [(a, b) for a, b, holds in edges_made if holds]
            ends = read_nodes_of_numbers(connection, {number for a, b, _ in edges_made for number in (a, b)})
            profiles = {node.profile for node in ends.values()}
            nodes = read_members(connection, profiles)
            if not pairs:
                return list(nodes)
            connection.execute(update(identity_edges).where(these).values(removed_at=text_of(now)))
            edges = read_edges_of(connection, [node.number for node in nodes.values()])
            left = [pair for pair, strength in edges.items() if strength == "same"]
            new = partition([node.number for node in nodes.values()], left)
            row = {
                "source": "api", "event_id": None, "reason": reason, "undoes": merge_number, "edges": pairs,
                "profiles": sorted(profiles), "made_at": text_of(now),
            }  # fmt: skip
            connection.execute(insert(identity_merges).values(row))
            _move(write, {node.number: (one, node.profile, new[node.number]) for one, node in nodes.items()})
            _part(write, [node for node in nodes.values() if node.identifier[0] == USER_ID], nodes.values(), new)
            append_audit(write.connection, Entry(by, "profiles.unmerge", "merge", f"mrg_{merge_number}"))
            return list(nodes)

    def members(self, users: Collection[str], *, ever: bool = False) -> dict[str, frozenset[str]]:
        """The user ids that are the same person as each of `users`.

        `ever`: also those that once were, whatever was taken back: what protects money or a person counts over them.
        """
        with reading(self._engine) as connection:
            nodes = read_nodes(connection, [(USER_ID, user) for user in users])
            found = {user: frozenset({user}) for user in users}
            for identifier, node in nodes.items():
                together = _ever_with(connection, node.number) if ever else read_members(connection, {node.profile})
                found[identifier[1]] |= {value for kind, value in together if kind == USER_ID}
        return found

    def find(self, identifier: Identifier) -> int:
        """The profile number of an identifier; raises UnknownProfile."""
        with reading(self._engine) as connection:
            node = read_nodes(connection, [identifier]).get(identifier)
        if node is None:
            raise UnknownProfile(
                f"No profile has the {identifier[0]} {identifier[1]!r}.",
                field="profile_id",
                remedy="A profile begins when two identifiers are linked, or with PATCH.",
            )
        return node.profile

    def _learn(self, events: Sequence[Presented], occasions: Sequence[Occasion | None], now: datetime) -> People:
        with writing(self._engine) as write:
            links = (link for one in events for link in links_of(one, self._rules))
            insert_missing(write, (identifier for link in links for identifier in link), now)
            people = self._load(write.connection, events, now, to_link=True)
            before = {one: node.profile for one, node in people.nodes.items()}
            linked = [(people.link(one), occasion) for one, occasion in zip(events, occasions, strict=True)]
            self._record(write, people, before, linked, now, source="event", reason="presented together")
            return people

    def _record(
        self, write: Write, people: People, before: Mapping[Identifier, int],
        linked: Iterable[tuple[list[Pair], Occasion | None]], now: datetime, *, source: str, reason: str,
    ) -> list[int | None]:  # fmt: skip
        """Write new edges, what made them, and who moved; returns the number of each merge, None where none was."""
        profile_of = {people.nodes[one].number: profile for one, profile in before.items()}
        moment, linked = text_of(now), list(linked)
        merges = [
            {
                "source": source, "event_id": None if occasion is None else occasion.event_id, "reason": reason,
                "undoes": None, "edges": pairs,
                "profiles": sorted({profile_of[number] for pair in pairs for number in pair}), "made_at": moment,
            }
            for pairs, occasion in linked
            if pairs
        ]  # fmt: skip
        made = insert(identity_merges).returning(identity_merges.c.merge_number, sort_by_parameter_order=True)
        fresh = iter(write.connection.execute(made, merges).scalars().all() if merges else ())
        numbers = [next(fresh) if pairs else None for pairs, _ in linked]
        rows = [
            {
                "a": a, "b": b, "strength": people.added[a, b], "merge_number": number,
                "occurred_at": moment if occasion is None else text_of(occasion.occurred_at), "received_at": moment,
                "removed_at": None,
            }
            for (pairs, occasion), number in zip(linked, numbers, strict=True)
            for a, b in pairs
        ]  # fmt: skip
        for row in rows if source == "api" else ():  # what was taken back and is said again
            pair = (identity_edges.c.a == row["a"]) & (identity_edges.c.b == row["b"])
            write.connection.execute(delete(identity_edges).where(pair))
        if rows:
            write.connection.execute(insert(identity_edges), rows)
            ends = {number for pair in people.added for number in pair}
            touched = {people.nodes[one].profile for one in people.nodes if people.nodes[one].number in ends}
            nodes = {one: node for one, node in people.nodes.items() if node.profile in touched}
            _move(
                write,
                {node.number: (one, before[one], node.profile) for one, node in nodes.items()},
                also=ends,
            )
        return numbers

    def _load(
        self, connection: Connection, events: Sequence[Presented], now: datetime, *, to_link: bool = False
    ) -> People:
        named = {one for event in events for one in self._rules.in_order(event.identifiers())}
        return self._load_named(connection, named, now, to_link=to_link)

    def _load_named(
        self, connection: Connection, named: Collection[Identifier], now: datetime, *, to_link: bool
    ) -> People:
        """The part of the graph around identifiers; counts what limits look at only if it is `to_link` more."""
        found = read_nodes(connection, named)
        profiles = {node.profile for node in found.values()}
        edges = read_edges_of(connection, [node.number for node in found.values()])
        nodes = read_members(connection, profiles)
        numbers = {node.number for node in nodes.values()}
        nodes |= {
            node.identifier: node
            for node in read_nodes_of_numbers(
                connection, {number for pair in edges for number in pair} - numbers
            ).values()
        }
        strong = count_strong_edges(connection, profiles) if to_link else {}
        return People(rules=self._rules, now=now, nodes=nodes, edges=edges, merges_of=strong)


def _says_something_new(people: People, events: Iterable[Presented]) -> bool:
    """Whether an event links what no edge links."""
    for event in events:
        for first, other in links_of(event, people.rules):
            one, two = people.nodes.get(first), people.nodes.get(other)
            if one is None or two is None:
                return True
            if (min(one.number, two.number), max(one.number, two.number)) not in people.edges:
                return True
    return False


def _move(write: Write, places: Mapping[int, tuple[Identifier, int, int]], also: Collection[int] = ()) -> None:
    """Write which profile each identifier belongs to: by number, the identifier, its profile before, and now.

    The rows that all workers must hear of carry the change number: who moved, the users of each profile that somebody
    joined or left, its oldest identifier (so both profiles' numbers are among them), and `also`.
    """
    changed = {profile for _, before, now in places.values() if before != now for profile in (before, now)}
    told = [
        {"number": number, "profile": now}
        for number, (identifier, before, now) in places.items()
        if before != now or number in also or (now in changed and (identifier[0] == USER_ID or number == now))
    ]
    if told:
        this = identifiers.c.identifier_number == bindparam("number")
        values = {"profile_number": bindparam("profile"), "change_number": write.change_number}
        write.connection.execute(update(identifiers).where(this).values(values), told)


def _part(write: Write, users: Iterable[Node], nodes: Collection[Node], new: Mapping[int, int]) -> None:
    """Note of the users whose person lost an identifier that it did: `new` is the profile of each of `nodes` now."""
    parts = dict[int, set[int]]()
    for node in nodes:
        parts.setdefault(node.profile, set()).add(new[node.number])
    parted = [{"number": node.number} for node in users if len(parts[node.profile]) > 1]
    if parted:
        this = identifiers.c.identifier_number == bindparam("number")
        noted = {"parted_number": write.change_number, "change_number": write.change_number}
        write.connection.execute(update(identifiers).where(this).values(noted), parted)


def _ever_with(connection: Connection, number: int) -> set[Identifier]:
    """Identifiers that any link, though taken back since, connects with a number."""
    reached, fresh = set[int](), {number}
    while fresh:
        reached |= fresh
        edges = read_edges_of(connection, fresh)
        fresh = {end for pair in edges for end in pair} - reached
    return {node.identifier for node in read_nodes_of_numbers(connection, reached).values()}
