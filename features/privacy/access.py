"""Answers an access request: one file with everything that is kept of a person, for people and for programs."""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.audit import SYSTEM, Entry
from features.events.drain import read_rows
from features.events.log import scan_events
from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from features.online.keys import EVENT_STREAM, decision_trace
from features.privacy.data_map import PLACES
from features.privacy.exports import KEPT_FOR, export_file
from features.privacy.letters import LetterMatch, find_letters
from features.privacy.live_records import live_records, moment
from features.privacy.presence import presence_records
from features.privacy.rows import RowCleaner, owner_of
from features.privacy.work import Work
from features.sql.access import rows_about
from features.sql.audit_store import append_audit
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import reading
from features.sql.privacy_store import PrivacyRequest
from recommender.errors import BrokenArtifact
from recommender.ids import RecommendationId, UserId

FORMAT = "recommender-access-1"
ENTRIES_AT_ONCE = 1_000

Records = Sequence[Mapping[str, Any]]


class Access(Work):
    """Gathers and writes the file, in the process that drains."""

    def __call__(self, request: PrivacyRequest) -> PrivacyRequest:
        """Write the file, and close the request; doing it again writes it anew.

        Raises:
            RedisError, StoreUnavailable, OSError: a store cannot be reached; the request stays open.
        """
        parts = self._gather(request.subject)
        now = self.clock()
        index = {
            "format": FORMAT, "request_id": request.request_id, "made_at": now.isoformat(),
            "about": [{"kind": kind, "value": value} for kind, value in request.subject],
            "parts": [
                {"file": _name(part), "records": len(records), **asdict(PLACES[part])}
                for part, records in parts.items()
            ],
        }  # fmt: skip
        file = export_file(self.settings, request.request_id)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = file.with_suffix(".partial")
        with os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as opened:
            with ZipFile(opened, "w", ZIP_DEFLATED) as archive:
                archive.writestr("index.json", _json(index, indent=2))
                for part, records in parts.items():
                    archive.writestr(_name(part), "".join(_json(record) + "\n" for record in records))
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
        receipt = {
            "parts": {part: len(records) for part, records in parts.items()}, "bytes": file.stat().st_size,
            "available_until": (now + KEPT_FOR).isoformat(),
        }  # fmt: skip
        done = replace(request, state="done", completed_at=now, receipt=receipt)
        entry = Entry(SYSTEM, "privacy.answered", "privacy_request", request.request_id)
        return self.store.advance(done, also=lambda connection: append_audit(connection, entry))

    def _gather(self, named: Sequence[Identifier]) -> dict[str, Records]:
        match = LetterMatch(named, self.secret)
        logged, waiting = self._events(named)
        with reading(self.engine) as connection:
            tables = rows_about(connection, named, self.secret)
        lists = [row["recommendation_id"] for row in [*logged, *waiting] if row.get("recommendation_id") is not None]
        return {
            "events": logged, "stream": waiting, "live_state": live_records(self.redis, self.engine, named),
            "presence": presence_records(self.redis, self.engine, named),
            "traces": self._traces(lists), "histories": self._histories(named),
            "dead_letters": find_letters(self.settings.dead_letters_dir, match), **tables,
        }  # fmt: skip

    def _events(self, named: Sequence[Identifier]) -> tuple[Records, Records]:
        """The person's rows in the log, and those that wait for it."""
        cleaner = RowCleaner(frozenset(named).__contains__, self.secret)
        users, visitors = ([value for kind, value in named if kind == of] for of in (USER_ID, ANONYMOUS_ID))
        texts = [value for kind, value in named if kind not in {USER_ID, ANONYMOUS_ID}]
        theirs = pl.col("user_id").is_in(users) | pl.col("anonymous_id").is_in(visitors)
        if texts:
            theirs |= pl.col("identifiers").str.contains_any(texts)
        found = scan_events(self.settings, synthetic=True).filter(theirs.fill_null(value=False))
        frame = found.sort("occurred_at").collect()
        waiting = list[dict[str, Any]]()
        after = "-"
        while entries := self._entries(after):
            after = "(" + entries[-1][0].decode()
            rows = read_rows(b"\n".join(fields[b"events"] for _, fields in entries))
            waiting += rows.filter(cleaner.naming_erased(rows)).to_dicts()
        return _of_them(frame.to_dicts(), named), _of_them(waiting, named)

    def _entries(self, after: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        entries: Any = self.redis.xrange(EVENT_STREAM, after, count=ENTRIES_AT_ONCE)
        return entries

    def _traces(self, lists: Sequence[str]) -> Records:
        found = list[dict[str, Any]]()
        for one in dict.fromkeys(lists):
            value: Any = self.redis.get(decision_trace(RecommendationId(one)))
            if value is not None:
                found.append(json.loads(zlib.decompress(value)))
        return found

    def _histories(self, named: Sequence[Identifier]) -> Records:
        """What each artifact knows that they bought, in words."""
        found, shelf = list[dict[str, Any]](), ArtifactShelf(self.settings.artifacts_dir)
        titles = {item.item_number: item.title for item in CatalogueStore(self.engine).read_all()}
        users = [UserId(value) for kind, value in named if kind == USER_ID]
        for manifest in shelf.list():
            with suppress(BrokenArtifact):
                loaded = load_artifact(shelf.path(manifest.artifact_id))
                for user in users:
                    bought = loaded.model.histories.of(user)
                    if bought is None:
                        continue
                    for row, orders, first, last in zip(
                        bought.rows, bought.baskets, bought.first_day, bought.last_day, strict=True
                    ):
                        item = loaded.items[int(row)]
                        found.append(
                            {
                                "artifact_id": manifest.artifact_id, "user_id": user, "item_id": item.item_id,
                                "title": titles.get(item.item_number, item.title), "orders": int(orders),
                                "first_bought_at": moment(float(first)), "last_bought_at": moment(float(last)),
                            }
                        )  # fmt: skip
        return found


def _of_them(rows: Sequence[dict[str, Any]], named: Sequence[Identifier]) -> Records:
    owners = set(named)
    return [
        {name: value for name, value in row.items() if value is not None} for row in rows if owner_of(row) in owners
    ]


def _name(part: str) -> str:
    return f"{part.replace(' ', '_')}.jsonl"


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, indent=indent)
