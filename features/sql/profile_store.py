"""Profiles in SQL: the identifiers of one person, what made them one, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select

from features.audit import SYSTEM, Author, Entry
from features.identity import Identifier
from features.sql.audit_store import append_audit
from features.sql.engine import reading, writing
from features.sql.identity_rows import insert_missing, read_members, read_nodes, read_nodes_of_numbers, text_of
from features.sql.tables.people import identity_edges, identity_merges, profile_traits
from features.traits import MOST_TRAITS
from recommender.errors import InvalidInput, UnknownProfile


@dataclass(frozen=True, slots=True)
class Link:
    """A merge that holds: its number, and where it is from. `made_at` is RFC 3339."""

    merge_number: int
    source: str
    event_id: str | None
    reason: str
    made_at: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One person; identifiers are the oldest first, traits are the newest word on each."""

    number: int
    identifiers: tuple[Identifier, ...]
    traits: Mapping[str, Any]
    merges: tuple[Link, ...]


class ProfileStore:
    """Reads profiles, and keeps their traits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, name: int | Identifier) -> Profile:
        """The profile of a number, or of the person who has an identifier.

        A number that was merged into another gives the profile that it belongs to now. Raises UnknownProfile.
        """
        with reading(self._engine) as connection:
            return _read(connection, name)

    def change_traits(
        self, name: int | Identifier, traits: Mapping[str, Any], now: datetime, *, by: Author = SYSTEM
    ) -> Profile:
        """State traits, None to take one away; a profile of a new identifier begins with them.

        Raises:
            UnknownProfile: there is no profile of this number.
            InvalidInput: the profile would have too many.
        """
        with writing(self._engine) as write:
            if not isinstance(name, int):
                insert_missing(write, [name], now)
            profile = _read(write.connection, name)
            numbers = list(read_members_numbers(write.connection, profile.number))
            mine = profile_traits.c.identifier_number.in_(numbers) & profile_traits.c.name.in_(list(traits))
            write.connection.execute(delete(profile_traits).where(mine))
            stated = [
                {"identifier_number": profile.number, "name": trait, "value": value, "occurred_at": text_of(now)}
                for trait, value in traits.items()
                if value is not None or trait in profile.traits  # an older word that comes late must not bring it back
            ]
            added = {trait for trait, value in traits.items() if value is not None} - profile.traits.keys()
            if added and len(profile.traits) + len(added) > MOST_TRAITS:
                raise InvalidInput(
                    f"a profile may have {MOST_TRAITS} traits", field="traits", remedy="Set some to null first."
                )
            if stated:
                write.connection.execute(insert(profile_traits), stated)
            removed = sum(value is None for value in traits.values())
            details = {"stated": len(traits) - removed, "removed": removed}
            append_audit(write.connection, Entry(by, "profiles.change", "profile", f"prf_{profile.number}", details))
            return _read(write.connection, profile.number)


def read_members_numbers(connection: Connection, profile: int) -> set[int]:
    """Numbers of the identifiers of a profile."""
    return {node.number for node in read_members(connection, {profile}).values()}


def _read(connection: Connection, name: int | Identifier) -> Profile:
    if isinstance(name, int):
        node = read_nodes_of_numbers(connection, {name}).get(name)
    else:
        node = read_nodes(connection, [name]).get(name)
    if node is None:
        raise UnknownProfile(
            "There is no such profile.",
            field="profile_id",
            remedy="A profile begins when an event links two identifiers, or with PATCH on `kind:value`.",
        )
    members = sorted(read_members(connection, {node.profile}).values(), key=lambda one: one.number)
    numbers = [one.number for one in members]
    traits = select(profile_traits.c.name, profile_traits.c.value).where(
        profile_traits.c.identifier_number.in_(numbers)
    )
    newest = connection.execute(traits.order_by(profile_traits.c.occurred_at, profile_traits.c.identifier_number))
    last = {row.name: row.value for row in newest}
    edges = identity_edges.c
    holding = select(edges.merge_number).where(
        or_(edges.a.in_(numbers), edges.b.in_(numbers)), edges.strength == "same", edges.removed_at.is_(None)
    )
    merges = identity_merges.c
    links = select(merges.merge_number, merges.source, merges.event_id, merges.reason, merges.made_at)
    rows = connection.execute(links.where(merges.merge_number.in_(holding)).order_by(merges.merge_number))
    return Profile(
        node.profile, tuple(one.identifier for one in members),
        {name: value for name, value in last.items() if value is not None}, tuple(Link(*row) for row in rows),
    )  # fmt: skip
