"""Whom of those an event names it may not name any more: people who were erased, or whose data may not be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import DecodeError

from features.events.stream import EventRow
from features.identity import ANONYMOUS_ID, LOYALTY_CARD, USER_ID, Contacts, Identifier, Presented
from features.privacy.rows import TOKEN, RowCleaner
from features.privacy.suppression import Suppressions
from recommender.ids import UserId
from serving.events.taking import Taken

NOT_KEPT = "names somebody who was erased: not kept"
ACCOUNTS_ONLY = "names somebody who was erased: kept as lines of accounts, of nobody"
NOBODY = Presented(None, None)


@dataclass(frozen=True, slots=True)
class Sorted:
    """An event's identifiers without those that must not be kept.

    Attributes:
        presented, fact: what is left of what it names, and of what is vouched for in that.
        is_gone: it is somebody's who was erased.
    """

    presented: Presented
    fact: Presented
    is_gone: bool = False


@dataclass(frozen=True)
class SuppressedPeople:
    """Keeps people out of ingestion who were erased, and out of use those whose data is restricted."""

    suppressions: Suppressions
    secret: Callable[[], bytes]

    def sort(self, presented: Presented, fact: Presented) -> Sorted:
        """Take out of an event's identifiers those that were erased."""
        if not len(self.suppressions):
            return Sorted(presented, fact)
        owner = next(iter(fact.identifiers()), None)
        if owner is not None and self.suppressions.is_erased(owner):
            return Sorted(NOBODY, NOBODY, is_gone=True)
        return Sorted(self._without_erased(presented), self._without_erased(fact))

    def may_count(self, fact: Presented, users: Sequence[UserId]) -> bool:
        """Whether anything may be made of an event, beside keeping it."""
        if not len(self.suppressions):
            return True
        named = [*fact.identifiers(), *((USER_ID, str(user)) for user in users)]
        return not any(map(self.suppressions.is_blocked, named))

    def accounts_of(self, taken: Taken) -> Taken:
        """What is kept of an event of somebody who was erased."""
        cleaner = RowCleaner(self.suppressions.is_erased, self.secret())
        rows: list[EventRow] = cleaner.accounts_of(taken.rows)
        return replace(taken, rows=rows, live=[], keys=[], stated=None, note=ACCOUNTS_ONLY if rows else NOT_KEPT)

    def names_nobody_erased(self, text: str) -> bool:
        """Whether a rejected event, broken as it may be, may be kept to be looked at."""
        if not len(self.suppressions):
            return True
        words = set(TOKEN.findall(text)) | _strings_in(text)
        return not any(map(self.suppressions.is_erased, (one for word in words for one in self._read_as(word))))

    def _read_as(self, word: str) -> list[Identifier]:
        known = Contacts(self.secret, lambda _: False)
        contacts = [known.identifier("email", word), known.identifier("phone", word)] if len(word) > 5 else []
        named = [(kind, word) for kind in (USER_ID, ANONYMOUS_ID, LOYALTY_CARD)]
        return named + [contact for contact in contacts if contact is not None]

    def _without_erased(self, presented: Presented) -> Presented:
        user_id, anonymous_id = presented.user_id, presented.anonymous_id
        is_erased = self.suppressions.is_erased
        return Presented(
            None if user_id is not None and is_erased((USER_ID, user_id)) else user_id,
            None if anonymous_id is not None and is_erased((ANONYMOUS_ID, anonymous_id)) else anonymous_id,
            tuple(one for one in presented.strong if not is_erased(one)),
        )


def unused(taken: Taken) -> Taken:
    """An event of somebody whose data may be kept but not used."""
    return replace(taken, rows=[row | {"consent": []} for row in taken.rows], live=[], keys=[], stated=None)


def _strings_in(text: str) -> set[str]:
    try:
        waiting: list[Any] = [msgspec.json.decode(text)]
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    found = set[str]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str | int):
            found.add(str(value))
    return found
