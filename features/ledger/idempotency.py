"""A call that is repeated has one effect: its key and its answer are written in the transaction of the effect."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select

from features.ledger.books import Books, text_of
from features.sql.prepared import Prepared
from features.sql.tables.ledger import idempotency_keys
from recommender.errors import KeyReused, StillRunning

KEPT = idempotency_keys.c
READ = Prepared(
    select(KEPT.body_digest, KEPT.status, KEPT.reply).where(
        KEPT.caller == bindparam("caller"), KEPT.path == bindparam("path"), KEPT.key == bindparam("key")
    )
)
WRITE = Prepared(insert(idempotency_keys))
TAKE_TURN = select(func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))


@dataclass(frozen=True, slots=True)
class Call:
    """A call that may be repeated.

    Attributes:
        caller: who calls, by something that is no secret.
        path: of the request.
        key: the caller's own name of this call.
        body_digest: of what was sent, as `digest_of_body` makes it.
    """

    caller: str
    path: str
    key: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call was answered with; `replayed`: not for the first time."""

    status: int
    body: bytes
    replayed: bool = False


def digest_of_body(body: bytes) -> str:
    """Equal for JSON of the same meaning: the order of names does not count, null is not the same as left out."""
    return sha256(orjson.dumps(orjson.loads(body or b"null"), option=orjson.OPT_SORT_KEYS)).hexdigest()


def once(books: Books, call: Call, work: Callable[[], tuple[int, object]]) -> Reply:
    """Do the work and keep its answer (status, JSON); or answer as the first time.

    Work that raises keeps nothing: the same key may be tried again.

    Raises:
        KeyReused: the key was used with another body.
        StillRunning: the same call is under way. (SQLite lets it wait for its turn instead, then answers it.)
    """
    known = recall(books, call)
    if known is not None:
        return known
    status, answer = work()
    return keep(books, call, status, orjson.dumps(answer))


def recall(books: Books, call: Call) -> Reply | None:
    """What the call was answered with before; None: it is new, and nobody else makes it until the transaction ends.

    Raises:
        KeyReused, StillRunning: as `once` does.
    """
    if books.connection.dialect.name == "postgresql":
        name = f"{call.caller}\n{call.path}\n{call.key}"
        if not books.connection.execute(TAKE_TURN, {"name": name}).scalar_one():
            raise StillRunning("The same call is under way.", remedy="Repeat it in a second, with the same key.")
    return look_up(books.connection, call)


def look_up(connection: Connection, call: Call) -> Reply | None:
    """The same without a lock, so that it may be made meanwhile; raises KeyReused."""
    this = {"caller": call.caller, "path": call.path, "key": call.key}
    for body_digest, status, reply in READ.rows(connection, this):
        must_be_same(call, body_digest)
        return Reply(status, reply.encode(), replayed=True)
    return None


def must_be_same(call: Call, body_digest: str) -> None:
    """Refuse a call whose key came before with a body of this digest, if it is another; raises KeyReused."""
    if body_digest != call.body_digest:
        raise KeyReused(
            "This Idempotency-Key came before, with another body.",
            field="Idempotency-Key",
            remedy="Make a new key for each new call; repeat a call with exactly its body.",
        )


def keep(books: Books, call: Call, status: int, body: bytes) -> Reply:
    """Keep the answer (JSON) to a call that `recall` did not know, in the transaction of its effect."""
    values = {
        "caller": call.caller, "path": call.path, "key": call.key, "body_digest": call.body_digest, "status": status,
        "reply": body.decode(), "made_at": text_of(books.now),
    }  # fmt: skip
    WRITE.run(books.connection, values)
    return Reply(status, body)
