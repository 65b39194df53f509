"""Requests of people in SQL, and the digests of who must not come back."""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, String, insert, select, update

from features.identity import Identifier
from features.privacy.suppression import Standing, Suppression, digest_of
from features.sql.engine import Write, reading, writing
from features.sql.identity_rows import read_members, read_nodes, text_of
from features.sql.tables.privacy import privacy_requests, suppressions
from recommender.errors import Erased, InvalidInput, UnknownRequest

Kind = Literal["access", "erasure", "restriction", "lift_restriction", "lift_suppression", "correction"]
State = Literal["waiting", "finishing", "done"]
KINDS: tuple[Kind, ...] = ("access", "erasure", "restriction", "lift_restriction", "lift_suppression", "correction")
AT_ONCE: tuple[Kind, ...] = ("restriction", "lift_restriction", "lift_suppression", "correction")
SETS: Mapping[Kind, Standing] = {"erasure": "erased", "restriction": "restricted"}
LIFTS: Mapping[Kind, Standing] = {"lift_restriction": "restricted", "lift_suppression": "erased"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRequest:
    """What a person asked for by right. Times are aware.

    Attributes:
        subject: all identifiers of the person, the one that was named first; empty once an erasure is done.
        source: who brought it: "shopper", "agent", "shop", "authority".
        law: whose clock `due_at` follows.
        actor: who entered it here.
        receipt: what was done; None: nothing yet.
    """

    request_id: str
    kind: Kind
    subject: tuple[Identifier, ...]
    source: str
    reason: str
    law: str
    actor: str
    received_at: datetime
    due_at: datetime
    state: State = "waiting"
    completed_at: datetime | None = None
    receipt: Mapping[str, Any] | None = None


def new_request_id() -> str:
    """An id that no other request has."""
    return f"prq_{uuid4().hex[:20]}"


class PrivacyStore:
    """Opens requests and keeps what came of them."""

    def __init__(self, engine: Engine, secret: Callable[[], bytes]) -> None:
        self._engine, self._secret = engine, secret

    def open(
        self,
        asked: PrivacyRequest,
        *,
        key: str | None = None,
        body: bytes = b"",
        also: Callable[[Connection], None] = lambda _: None,
    ) -> tuple[PrivacyRequest, bool]:
        """Write a request down, for all identifiers of the person; returns it, and whether it is new.

        From an erasure's or restriction's commit on, its identifiers are suppressed; `also` writes in the same
        transaction. The same `key` with the same `body` gives the request that it opened before.

        Raises:
            InvalidInput: the key came before with another body; or there is nothing to lift.
            Erased: a correction names somebody who was erased.
        """
        idempotency = (
            None if key is None else self._digest(b"idempotency:" + asked.actor.encode() + b":" + key.encode())
        )
        with writing(self._engine) as write:
            if (known := self._opened_before(write.connection, idempotency, body)) is not None:
                return known, False
            opened = replace(asked, subject=_all_of_them(write.connection, asked.subject))
            digests = [digest_of(one, self._secret()) for one in opened.subject]
            if opened.kind == "correction" and read_erased(write.connection, opened.subject, self._secret()):
                raise Erased(
                    "This person was erased, so nothing is written down of them.", field="identifiers",
                    remedy="If they want to be known again, open a request lift_suppression first.",
                )  # fmt: skip
            if (standing := SETS.get(opened.kind)) is not None:
                self._suppress(write, digests, standing, opened)
            if (standing := LIFTS.get(opened.kind)) is not None:
                lifted = self._lift(write, digests, standing)
                opened = replace(opened, receipt={"lifted": lifted})
            if opened.kind in AT_ONCE:
                done = {"restricted": len(digests)} if opened.kind == "restriction" else {}
                receipt = done | dict(opened.receipt or {})
                opened = replace(opened, state="done", completed_at=opened.received_at, receipt=receipt)
            write.connection.execute(
                insert(privacy_requests).values(
                    idempotency=idempotency, body=self._digest(body), digests=digests, **_values(opened)
                )
            )
            also(write.connection)
            return opened, True

    def read(self, request_id: str) -> PrivacyRequest:
        """One request; raises UnknownRequest."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(privacy_requests).where(privacy_requests.c.request_id == request_id)
            ).one_or_none()
        if found is None:
            raise UnknownRequest(
                f"There is no request {request_id}.", field="request_id", remedy="GET /v1/privacy/requests lists them."
            )
        return _request(found)

    def list(
        self, *, limit: int, before: int | None = None, state: State | None = None, kind: Kind | None = None,
        of: Identifier | None = None,
    ) -> tuple[list[PrivacyRequest], int | None]:  # fmt: skip
        """Requests, the newest first, and where the next page begins (None: it was the last).

        Only of the person who has an identifier, if given: found by its digest, also after an erasure.
        """
        columns = privacy_requests.c
        query = select(privacy_requests).order_by(columns.number.desc()).limit(limit + 1)
        for column, value in ((columns.state, state), (columns.kind, kind)):
            query = query if value is None else query.where(column == value)
        if before is not None:
            query = query.where(columns.number < before)
        if of is not None:
            query = query.where(columns.digests.cast(String).contains(digest_of(of, self._secret())))
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [_request(row) for row in rows[:limit]], rows[limit - 1].number if len(rows) > limit else None

    def of(self, one: Identifier) -> Sequence[PrivacyRequest]:
        """All requests about the person who has, or had, an identifier."""
        listed = privacy_requests.c.digests.cast(String)
        query = select(privacy_requests).where(listed.contains(digest_of(one, self._secret())))
        with reading(self._engine) as connection:
            return [_request(row) for row in connection.execute(query.order_by(privacy_requests.c.number))]

    def unfinished(self) -> Sequence[PrivacyRequest]:
        """Requests that wait for what only the owner of the log can do, the oldest first."""
        query = select(privacy_requests).where(privacy_requests.c.state != "done").order_by(privacy_requests.c.number)
        with reading(self._engine) as connection:
            return [_request(row) for row in connection.execute(query)]

    def grow(self, request: PrivacyRequest) -> PrivacyRequest:
        """Take in identifiers that were linked with the person since the request was opened."""
        with writing(self._engine) as write:
            subject = _all_of_them(write.connection, request.subject)
            if set(subject) == set(request.subject):
                return request
            grown = replace(request, subject=subject)
            digests = [digest_of(one, self._secret()) for one in subject]
            self._suppress(write, digests, "erased", grown)
            self.write(write.connection, grown, digests=digests)
            return grown

    def advance(self, request: PrivacyRequest, also: Callable[[Connection], None] = lambda _: None) -> PrivacyRequest:
        """Keep how far a request is; `also` writes in the same transaction."""
        with writing(self._engine) as write:
            self.write(write.connection, request)
            also(write.connection)
        return request

    @staticmethod
    def write(connection: Connection, request: PrivacyRequest, **more: object) -> None:
        """Write how a request stands, inside somebody's transaction."""
        this = privacy_requests.c.request_id == request.request_id
        connection.execute(update(privacy_requests).where(this).values(**_values(request), **more))

    def _opened_before(self, connection: Connection, idempotency: str | None, body: bytes) -> PrivacyRequest | None:
        if idempotency is None:
            return None
        query = select(privacy_requests).where(privacy_requests.c.idempotency == idempotency)
        found = connection.execute(query).one_or_none()
        if found is None:
            return None
        if found.body != self._digest(body):
            raise InvalidInput(
                "this Idempotency-Key came with another request before", field="Idempotency-Key",
                remedy="Use a new key for a new request.",
            )  # fmt: skip
        return _request(found)

    def _suppress(self, write: Write, digests: Sequence[str], standing: Standing, request: PrivacyRequest) -> None:
        known = _standing_of(write.connection, digests)
        for digest in digests:
            values = {
                "standing": standing, "request_id": request.request_id, "since": text_of(request.received_at),
                "change_number": write.change_number,
            }  # fmt: skip
            if digest not in known:
                write.connection.execute(insert(suppressions).values(digest=digest, **values))
            elif known[digest] != "erased" and known[digest] != standing:
                write.connection.execute(update(suppressions).where(suppressions.c.digest == digest).values(values))

    @staticmethod
    def _lift(write: Write, digests: Sequence[str], standing: Standing) -> int:
        """Lift what the requests that suppressed these suppressed; returns how many identifiers that were."""
        column = suppressions.c
        these = select(column.request_id).where(column.digest.in_(digests), column.standing == standing)
        requests = write.connection.execute(these).scalars().all()
        lifted = update(suppressions).where(column.request_id.in_(requests), column.standing == standing)
        values = {"standing": "lifted", "change_number": write.change_number}
        count = write.connection.execute(lifted.values(values)).rowcount if requests else 0
        if not count:
            raise InvalidInput(
                f"none of these identifiers is {standing}", field="identifiers",
                remedy=f"See GET /v1/privacy/requests for what was {standing}.",
            )  # fmt: skip
        return count

    def _digest(self, text: bytes) -> str:
        return hmac.digest(self._secret(), text, "sha256").hex()


def read_suppressions(connection: Connection, after: int | None = None) -> tuple[Suppression, ...]:
    """How all identifiers stand that are suppressed; or those that changed after a change number, lifted ones too."""
    column = suppressions.c
    query = select(column.digest, column.standing)
    query = query.where(column.standing != "lifted") if after is None else query.where(column.change_number > after)
    return tuple(Suppression(digest, cast("Standing", standing)) for digest, standing in connection.execute(query))


def read_erased(connection: Connection, named: Collection[Identifier], secret: bytes) -> set[Identifier]:
    """Which of these were erased, as this transaction sees it."""
    return {one for one, standing in read_suppressed(connection, named, secret).items() if standing == "erased"}


def read_suppressed(connection: Connection, named: Collection[Identifier], secret: bytes) -> dict[Identifier, Standing]:
    """How those of these stand that are erased or restricted, as this transaction sees it."""
    identifier_of = {digest_of(one, secret): one for one in named}
    found = _standing_of(connection, list(identifier_of))
    return {identifier_of[digest]: standing for digest, standing in found.items() if standing != "lifted"}


def _standing_of(connection: Connection, digests: Sequence[str]) -> dict[str, Standing]:
    query = select(suppressions.c.digest, suppressions.c.standing).where(suppressions.c.digest.in_(digests))
    return {row.digest: row.standing for row in connection.execute(query)}


def _all_of_them(connection: Connection, named: Collection[Identifier]) -> tuple[Identifier, ...]:
    """These identifiers, and all others of the same people."""
    profiles = {node.profile for node in read_nodes(connection, list(named)).values()}
    others = sorted(read_members(connection, profiles).values(), key=lambda node: node.number)
    return tuple(dict.fromkeys([*named, *(node.identifier for node in others)]))


def _values(request: PrivacyRequest) -> dict[str, object]:
    return {
        "request_id": request.request_id, "kind": request.kind, "state": request.state,
        "subject": [list(one) for one in request.subject] or None, "source": request.source, "reason": request.reason,
        "law": request.law, "actor": request.actor, "received_at": text_of(request.received_at),
        "due_at": text_of(request.due_at),
        "completed_at": None if request.completed_at is None else text_of(request.completed_at),
        "receipt": request.receipt,
    }  # fmt: skip


def _request(row: Row[Any]) -> PrivacyRequest:
    completed_at: str | None = row.completed_at
    return PrivacyRequest(
        request_id=row.request_id, kind=row.kind, state=row.state,
        subject=tuple((kind, value) for kind, value in row.subject or ()), source=row.source, reason=row.reason,
        law=row.law, actor=row.actor, received_at=datetime.fromisoformat(row.received_at),
        due_at=datetime.fromisoformat(row.due_at),
        completed_at=None if completed_at is None else datetime.fromisoformat(completed_at), receipt=row.receipt,
    )  # fmt: skip
