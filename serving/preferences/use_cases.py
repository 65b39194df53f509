"""Reads and writes what people allow and want."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Engine

from features.audit import Author
from features.audit import Entry as AuditEntry
from features.identity import ANONYMOUS_ID, Identifier
from features.sql.audit_store import record_audit
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.permission_feed import Position, Said, read_feed
from features.sql.preference_store import PreferenceStore
from features.sql.profile_store import ProfileStore
from recommender.consent import NEVER, Entry, Standings, counting_for, fold
from recommender.errors import InvalidInput, UnknownProfile
from recommender.preferences import Preference, Wishes, fold_preferences

Record = Callable[[Sequence[Entry], Author], Awaitable[int]]
Kind = TypeVar("Kind", Entry, Preference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """All that one person said on consents and preferences, in the order it was taken down, and what it comes to.

    Attributes:
        profile_number: None: the person has no profile, only one identifier.
    """

    profile_number: int | None
    identifiers: tuple[Identifier, ...]
    standings: Standings
    consents: Sequence[Entry]
    wishes: Wishes
    preferences: Sequence[Preference]


@dataclass(frozen=True, kw_only=True)
class ChoicesDesk:
    """The use cases of the area.

    Attributes:
        record: writes consents down; when it returns, SQL and the live state have them.
        refuse_erased: raises Erased, naming the field, for an identifier of which nothing may be kept.
    """

    engine: Engine
    record: Record
    consents: ConsentStore
    states: ConsentStates
    preferences: PreferenceStore
    profiles: ProfileStore
    refuse_erased: Callable[[Identifier, str], None]

    async def add_consents(self, said: Sequence[Entry], by: Author) -> int:
        """Write consents down; returns how many were new.

        Raises:
            InvalidInput: an entry id stands for something else already; nothing was written.
            StoreUnavailable: it was perhaps not written everywhere; the same call may be made again.
        """
        known = await asyncio.to_thread(self.consents.find, [one.entry_id for one in said])
        _refuse_other_meaning(said, known, "consents")
        return await self.record(said, by)

    async def add_preferences(self, said: Sequence[Preference], by: Author) -> int:
        """Write preferences down; returns how many were new, raises like `add_consents`."""
        known = await asyncio.to_thread(self.preferences.find, [one.entry_id for one in said])
        _refuse_other_meaning(said, known, "preferences")
        return await asyncio.to_thread(self.preferences.append, said, by=by)

    async def standings(self, subjects: Iterable[Identifier]) -> dict[Identifier, Standings]:
        """What holds for people as the shop knows them."""
        named = list(dict.fromkeys(subjects))
        found = {one.identifier: one.standings for one in await asyncio.to_thread(self.states.of, named)}
        return {subject: found[subject] for subject in named}

    async def own_standings(self, subject: Identifier) -> Standings:
        """What holds of an identifier by its own words alone: so it tells nothing of whom it is linked to."""
        said = await asyncio.to_thread(self.consents.history, [subject])
        return fold(counting_for(subject, said), lambda _one, _other: NEVER)

    async def read(self, name: int | Identifier) -> Choices:
        """All of one person; of an identifier that no profile has, what was said under it. Raises UnknownProfile."""
        return await asyncio.to_thread(self._read, name)

    async def note_link(self, by: Author) -> None:
        """Write into the audit trail that a link was made."""
        await asyncio.to_thread(record_audit, self.engine, AuditEntry(by, "consents.link", "link"))

    async def changes(self, after: Position, limit: int) -> list[tuple[Position, Said]]:
        """What everybody said after a place, in the order it was written down."""
        return await asyncio.to_thread(read_feed, self.engine, after, limit)

    def _read(self, name: int | Identifier) -> Choices:
        number: int | None = None
        try:
            profile = self.profiles.read(name)
            number, identifiers = profile.number, profile.identifiers
        except UnknownProfile:
            if isinstance(name, int):
                raise
            identifiers = (name,)
        states = {one.identifier: one.standings for one in self.states.of(identifiers)}
        known = next((one for one in identifiers if one[0] != ANONYMOUS_ID), identifiers[0])
        wants = self.preferences.history(identifiers)
        return Choices(
            profile_number=number,
            identifiers=tuple(identifiers),
            standings=states[known],
            consents=self.consents.history(identifiers),
            wishes=fold_preferences(wants),
            preferences=wants,
        )


def _refuse_other_meaning(said: Sequence[Kind], known: Mapping[str, Kind], field: str) -> None:
    """Raises InvalidInput for an id that was used before, also within this call, and meant something else."""
    meanings = dict(known)
    for place, one in enumerate(said):
        before = meanings.setdefault(one.entry_id, one)
        if before != replace(one, occurred_at=before.occurred_at, received_at=before.received_at):
            raise InvalidInput(
                "this id was used before, for an entry that says something else", field=f"{field}[{place}].entry_id",
                remedy="Give each entry an id of its own; send an entry again with all of its fields as they were.",
            )  # fmt: skip
