"""Erases one person from all stores, step by step; each step may be repeated, so a run that was killed is run again.

Before it begins, the identifiers are suppressed, and every worker has had the time to hear of it: nothing new of the
person comes in. The order then is that of the data: the stream into the log, live state, the log, what was learnt from
it, the letters and exports, and the database last, for it knows whom to erase until the end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection

from features.audit import SYSTEM, Entry
from features.identity import USER_ID
from features.ledger.holders import remember_kin
from features.privacy.artifacts import erase_from_artifacts
from features.privacy.exports import drop_exports
from features.privacy.letters import LetterMatch, erase_letters
from features.privacy.live import forget_live_state, forget_names, rewrite_file
from features.privacy.log import erase_from_log
from features.privacy.rows import RowCleaner
from features.privacy.work import Work
from features.sql.audit_store import append_audit
from features.sql.erasure import erase_person, forget_requests, scrub_file, vacuum
from features.sql.privacy_store import PrivacyRequest

NEXT_TRAINING = """\
What all shoppers taught together (popularity, neighbours, embeddings, ranking) still has its share of this person, of \
whom nothing can be told from it; the next training is without them. Artifacts made before are kept until five newer \
ones are published; their history is out of each of them."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one store lost."""

    store: str
    count: int
    unit: str
    at: str
    note: str = ""


class Erasure(Work):
    """Erases people, one request after another, in the process that drains."""

    def __call__(self, request: PrivacyRequest) -> PrivacyRequest:
        """Erase, and write the receipt.

        Raises:
            LogInUse: an import adds to the log. RedisError, StoreUnavailable, OSError: a store cannot be reached.
            In each case the request stays open, and the same call goes on with it.
        """
        if request.state == "waiting":
            request = self.store.grow(request)
            cleared = [*self._steps(request)]
            request = self._forget_in_sql(request, cleared)
        return self._finish(request)

    def _steps(self, request: PrivacyRequest) -> Iterator[Cleared]:
        named, now = request.subject, self.clock()
        users = {value for kind, value in named if kind == USER_ID}
        yield self._cleared("live state", forget_live_state(self.redis, named), "values")
        cleaner = RowCleaner(frozenset(named).__contains__, self.secret)
        erased = erase_from_log(self.settings, cleaner, now)
        yield self._cleared("event log", erased.removed, "rows", "removed")
        note = "kept as lines of accounts that name nobody: totals of sales stay what they were"
        yield self._cleared("event log", erased.kept_as_accounts, "rows", note)
        yield self._cleared("event log", erased.scrubbed, "rows", "of others, which named the person beside them")
        yield self._cleared("traces of decisions", forget_names(self.redis, erased, now), "traces")
        yield self._cleared("artifacts", erase_from_artifacts(self.settings, users.__contains__), "histories")
        match = LetterMatch(named, self.secret)
        yield self._cleared("dead letters", erase_letters(self.settings.dead_letters_dir, match), "letters")
        yield self._cleared("exports", drop_exports(self.settings, self.store, named), "files")

    def _forget_in_sql(self, request: PrivacyRequest, cleared: Sequence[Cleared]) -> PrivacyRequest:
        """Delete the person's rows, and with them whom the request is about: from here on nobody can tell."""
        counts: dict[str, int] = {}

        def erase(connection: Connection) -> None:
            remember_kin(connection, self.secret, request.subject)  # what they used counts on: caps hold
            counts.update(erase_person(connection, request.subject, self.secret))
            counts["privacy_requests"] = forget_requests(connection, request.subject, self.secret)
            stores = [*cleared, *(self._cleared(f"table {name}", count, "rows") for name, count in counts.items())]
            receipt = {"stores": [_plain(one) for one in stores]}
            self.store.write(connection, replace(request, state="finishing", subject=(), reason="", receipt=receipt))

        self.store.advance(request, also=erase)
        return self.store.read(request.request_id)

    def _finish(self, request: PrivacyRequest) -> PrivacyRequest:
        """Leave nothing between the lines of the stores' files, and close the request."""
        vacuum(self.engine)
        is_scrubbed, is_rewritten = scrub_file(self.engine), rewrite_file(self.redis)
        files = [
            self._cleared(
                "file of the database", int(is_scrubbed), "files",
                "rewritten" if is_scrubbed else "PostgreSQL: its write-ahead log and your backups age as you set them",
            ),
            self._cleared(
                "file of Redis", int(is_rewritten), "files",
                "rewritten" if is_rewritten else "not allowed here: let its owner run BGREWRITEAOF",
            ),
        ]  # fmt: skip
        stores = [*(request.receipt or {}).get("stores", ()), *map(_plain, files)]
        completed_at = self.clock()
        receipt = {
            "request_id": request.request_id, "kind": request.kind, "law": request.law,
            "received_at": request.received_at.isoformat(), "completed_at": completed_at.isoformat(),
            "stores": stores, "follows": NEXT_TRAINING,
        }  # fmt: skip
        receipt["sha256"] = hash_of(receipt)
        done = replace(request, state="done", completed_at=completed_at, receipt=receipt)
        entry = Entry(
            SYSTEM, "privacy.erased", "privacy_request", request.request_id, {"receipt_sha256": str(receipt["sha256"])}
        )
        return self.store.advance(done, also=lambda connection: append_audit(connection, entry))

    def _cleared(self, store: str, count: int, unit: str, note: str = "") -> Cleared:
        return Cleared(store, count, unit, self.clock().isoformat(timespec="milliseconds"), note)


def hash_of(receipt: Mapping[str, Any]) -> str:
    """SHA-256 of a receipt without its own hash, as canonical JSON; the audit trail has it too."""
    rest = {name: value for name, value in receipt.items() if name != "sha256"}
    return sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _plain(cleared: Cleared) -> dict[str, object]:
    said: dict[str, object] = {
        "store": cleared.store, "count": cleared.count, "unit": cleared.unit, "at": cleared.at, "note": cleared.note
    }  # fmt: skip
    return {name: value for name, value in said.items() if value != ""}
