"""The ids of entries: what makes a call that is made twice count once."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import uuid4

from features.identity import Identifier


@dataclass(frozen=True, slots=True)
class EntryIds:
    """Gives the entries of one call their ids.

    Attributes:
        idempotency_key: of the call, if it has one.
        are_trusted: the caller is the shop's own machine. Ids of others are made from the subject too: so nobody can
            take an id that the shop is about to use for somebody else.
    """

    idempotency_key: str | None
    are_trusted: bool

    def of(self, stated: str | None, subject: Identifier, place: int) -> str:
        """The id of the entry at a place of the call: as stated, else from the key of the call, else a new one."""
        if stated is not None:
            return stated if self.are_trusted else _digest("own", stated, *subject)
        if self.idempotency_key is not None:
            return _digest("key" if self.are_trusted else "own-key", self.idempotency_key, *subject, str(place))
        return f"ent_{uuid4().hex}"


def _digest(use: str, *parts: str) -> str:
    return f"{use}_" + sha256("\0".join(parts).encode()).hexdigest()[:40]
