"""Brings a retailer's file of consents into the ledger: every row checked, and any number of times."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import Engine

from features.consent_rows import COLUMNS, RowRefused, parse_consent
from features.identity import read_secret
from features.import_file import ImportReport
from features.imports.rejected import RejectedRows
from features.imports.rows import Chunk, read_rows
from features.online.connection import connect
from features.online.live_state import LiveState
from features.online.presence_states import PresenceStates
from features.online.withdrawn import Forget
from features.progress import ProgressReport
from features.settings import Settings
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import opened, reading
from features.sql.privacy_store import read_erased
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION, Entry, State

AT_ONCE = 500
FOLLOWED, NOES = (PERSONALISATION, IN_STORE_LOCATION), (State.DENIED, State.WITHDRAWN)


def import_consents(
    settings: Settings, file: Path, progress: ProgressReport, *, now: datetime | None = None
) -> ImportReport:
    """Append the consents of a CSV, JSONL or Parquet file to the ledger; docs/formats.md has the columns.

    What holds follows from the ledger as always: of two words the newer, whenever it was brought. An imported grant
    counts only where nothing was said to us, so no import turns a no into a yes. Running it again changes nothing;
    one that was cut short is completed by running it again. What Redis may no longer hold of people is forgotten.

    Raises:
        InvalidInput: the file cannot be read, or has other columns; nothing was imported.
        StoreUnavailable: the database went away; what was imported before stays.
    """
    now = now or datetime.now(UTC)
    with opened(settings) as engine:
        work = _Import(settings, engine, ConsentStore(engine), read_secret(settings), now, file.name)
        with RejectedRows(file, COLUMNS) as rejected, progress.step(f"Importing {file.name}") as step:
            for chunk in read_rows(file, COLUMNS):
                for start in range(0, chunk.texts.height, AT_ONCE):
                    work.take(chunk, start, rejected)
                    step.advance(min(AT_ONCE, chunk.texts.height - start))
            return ImportReport(
                accepted=work.accepted, duplicates=work.duplicates, rejected=rejected.count,
                rejected_file=rejected.keep(), unforgotten=work.unforgotten,
            )  # fmt: skip


@dataclass
class _Import:
    """One import, while it goes on."""

    settings: Settings
    engine: Engine
    store: ConsentStore
    secret: bytes
    now: datetime
    file_name: str
    accepted: int = 0
    duplicates: int = 0
    unforgotten: int = 0

    def take(self, chunk: Chunk, start: int, rejected: RejectedRows) -> None:
        """Append the next rows of a chunk that fit."""
        fitting = dict[int, Entry]()
        for place, row in enumerate(chunk.texts.slice(start, AT_ONCE).iter_rows(named=True), start):
            reason = chunk.broken[place]
            if reason is None:
                try:
                    fitting[place] = parse_consent(row, self.secret, self.now, self.file_name)
                except RowRefused as error:
                    reason = str(error)
            if reason is not None:
                rejected.add(chunk.first_row + place, chunk.row(place), reason)
        with reading(self.engine) as connection:
            erased = read_erased(connection, {entry.subject for entry in fitting.values()}, self.secret)
        for place in [place for place, entry in fitting.items() if entry.subject in erased]:
            reason = f"{fitting.pop(place).subject[0]}: was erased; only a request lift_suppression lets them back"
            rejected.add(chunk.first_row + place, chunk.row(place), reason)
        known = self.store.find([entry.entry_id for entry in fitting.values()])
        for place, entry in list(fitting.items()):
            before = known.setdefault(entry.entry_id, entry)
            if before != replace(entry, received_at=before.received_at):
                del fitting[place]
                reason = "entry_id: was used before, for an entry that says something else"
                rejected.add(chunk.first_row + place, chunk.row(place), reason)
        new = self.store.append(list(fitting.values())) if fitting else 0
        self.accepted += new
        self.duplicates += len(fitting) - new
        self._forget([entry for entry in fitting.values() if entry.purpose in FOLLOWED and entry.state in NOES])

    def _forget(self, withdrawn: Sequence[Entry]) -> None:
        """Forget in Redis what these people no longer allow; also for what was imported before, so again is enough."""
        if not withdrawn:
            return
        people, as_of = ConsentStates(self.engine).of_as_of({entry.subject for entry in withdrawn})

        async def forget() -> None:
            async with connect(self.settings) as redis:
                await Forget(LiveState(redis), PresenceStates(redis))(people, as_of)

        try:
            if self.unforgotten == 0:  # else it was away a moment ago
                asyncio.run(forget())
                return
        except (RedisError, OSError):
            pass
        self.unforgotten += len(withdrawn)
