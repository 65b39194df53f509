"""Takes requests of people in: over HTTP and on the command line alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from features.audit import Author, Entry
from features.identity import Identifier, read_secret
from features.identity_rules import read_rules
from features.privacy.clocks import read_clocks
from features.settings import Settings
from features.sql.audit_store import append_audit
from features.sql.privacy_store import Kind, PrivacyRequest, PrivacyStore, new_request_id
from features.sql.profile_store import ProfileStore
from recommender.errors import InvalidInput

MOST_IDENTIFIERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for.

    Attributes:
        named: identifiers of one person.
        law: None: that of `rights.toml`.
        traits: of a correction; None takes one away.
        key: an idempotency key of the caller's.
    """

    kind: Kind
    named: Sequence[Identifier]
    source: str = "shopper"
    reason: str = ""
    law: str | None = None
    traits: Mapping[str, Any] | None = None
    key: str | None = None
    body: bytes = b""


class PrivacyDesk:
    """Opens requests. What the database can do is done when it returns; the rest is done where the log is."""

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._settings, self._engine, self._clock = settings, engine, clock
        self.store = PrivacyStore(engine, lambda: read_secret(settings))

    def open(self, asked: Asked, by: Author) -> tuple[PrivacyRequest, bool]:
        """Open a request; returns it, and whether it is new. From here on the person is suppressed, if that was asked.

        Raises:
            InvalidInput: an identifier names nobody, the law is not known, there is nothing to lift or correct, or
                the key came before with another body.
            Erased: somebody is to be corrected who was erased.
            StoreUnavailable.
        """
        self._check(asked)
        now, clocks = self._clock(), read_clocks(self._settings)
        law = clocks.default if asked.law is None else asked.law
        request = PrivacyRequest(
            request_id=new_request_id(), kind=asked.kind, subject=tuple(dict.fromkeys(asked.named)),
            source=asked.source, reason=asked.reason, law=law, actor=by.actor, received_at=now,
            due_at=clocks.of(law).due(now),
        )  # fmt: skip

        def record(connection: Connection) -> None:
            entry = Entry(by, f"privacy.{asked.kind}", "privacy_request", request.request_id, {"law": law})
            append_audit(connection, entry)

        opened, is_new = self.store.open(request, key=asked.key, body=asked.body, also=record)
        if asked.kind == "correction" and asked.traits is not None:
            ProfileStore(self._engine).change_traits(opened.subject[0], asked.traits, now)
        return opened, is_new

    def _check(self, asked: Asked) -> None:
        if not 1 <= len(asked.named) <= MOST_IDENTIFIERS:
            raise InvalidInput(
                f"from 1 to {MOST_IDENTIFIERS} identifiers are needed, got {len(asked.named)}", field="identifiers",
                remedy="Name the person by any identifier; the others are found.",
            )  # fmt: skip
        rules = read_rules(self._settings)
        for place, one in enumerate(asked.named):
            if rules.is_blocked(one):
                raise InvalidInput(
                    f"{one[0]} {one[1]!r} names nobody", field=f"identifiers[{place}].value",
                    remedy="See identity.toml: blocked.",
                )  # fmt: skip
        if (asked.kind == "correction") != (asked.traits is not None):
            raise InvalidInput(
                "a correction states traits, and no other request does", field="traits",
                remedy="Send the traits as they should be; who is one person is corrected with "
                "DELETE /v1/profiles/merges/{merge_id}.",
            )  # fmt: skip
