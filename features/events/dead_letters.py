"""The dead-letter log: events that were rejected, as they came, so that they can be looked at and sent again."""

import logging
import os
import re
import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from msgspec import DecodeError, Struct

KEPT_DAYS = 30
BYTES_PER_DAY = 64 * 1024 * 1024  # what comes on top is counted and dropped
LETTER_BYTES = 32 * 1024
CONTACTS = ("email", "phone")
WRITE_KEY = re.compile(r'"writeKey"\s*:\s*"[^"]*"')

log = logging.getLogger(__name__)


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One rejected event.

    Attributes:
        letter_id: the same for the same text, so that sending it twice makes one letter.
        kind: the call of Segment's that its path stood for; None: it came in a batch.
        text: as it was sent, without keys and contacts; what is no JSON object is kept as it is.
        sent_at: of its batch.
        trusted, subject: who sent it: with a secret key, else with this user's token, else with neither.
    """

    letter_id: str
    received_at: datetime
    field: str | None
    reason: str
    text: str
    kind: str | None = None
    sent_at: datetime | None = None
    trusted: bool = False
    subject: str | None = None


class DeadLetters:
    """Letters by day in `<folder>/YYYY-MM-DD.jsonl`; any number of processes may append."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._day: date | None = None
        self._full_day: date | None = None

    def append(self, letters: Sequence[DeadLetter]) -> int:
        """Write letters of one moment; on disk when this returns. Returns how many did not fit: nothing raises."""
        if not letters:
            return 0
        day = letters[0].received_at.date()
        # The line break before each line: one that a crash cut off spoils no other.
        data = b"".join(b"\n" + msgspec.json.encode(letter) + b"\n" for letter in letters)
        try:
            with self._lock:
                self._begin(day)
                if self._write(self._file(day), data):
                    return 0
                self._warn_of_full(day, len(letters))
                return len(letters)
        except OSError:
            log.warning("%d rejected events could not be kept", len(letters), exc_info=True)
            return len(letters)

    def read(self, since: date | None = None) -> list[DeadLetter]:
        """Letters that were not replayed, each once, the newest last."""
        if not self._folder.is_dir():
            return []
        replayed = self._replayed()
        files = sorted(file for file in self._folder.glob("*.jsonl") if since is None or file.stem >= since.isoformat())
        letters = {letter.letter_id: letter for file in files for letter in _letters_in(file)}
        return [letter for letter in letters.values() if letter.letter_id not in replayed]

    def mark_replayed(self, letters: Sequence[DeadLetter]) -> None:
        """Take letters off the list: they are in the event log now."""
        if letters:
            self._write(self._folder / "replayed.ids", b"".join(f"\n{one.letter_id}\n".encode() for one in letters))

    def _replayed(self) -> set[str]:
        file = self._folder / "replayed.ids"
        return set(file.read_text().split()) if file.exists() else set()

    def _begin(self, day: date) -> None:
        """On the first letter of a day, forget those that are too old."""
        if day == self._day:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        oldest = (day - timedelta(days=KEPT_DAYS)).isoformat()
        for file in self._folder.glob("*.jsonl"):
            if file.stem < oldest:
                file.unlink(missing_ok=True)
        self._day = day

    def _warn_of_full(self, day: date, n: int) -> None:
        """Once a day: whoever sends that many broken events would fill the log as well."""
        if day != self._full_day:
            log.warning("the dead letters of %s are full: %d rejected events, and those to come, are not kept", day, n)
            self._full_day = day

    def _file(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}.jsonl"

    @staticmethod
    def _write(file: Path, data: bytes) -> bool:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(data) > BYTES_PER_DAY:
                return False
            os.write(descriptor, data)  # one call: the kernel lets appends of several processes not mix
            os.fsync(descriptor)
            return True
        finally:
            os.close(descriptor)


def letter_id_of(text: str) -> str:
    """The id of a letter with this text."""
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def without_secrets(text: bytes, shared: dict[str, Any] | None = None) -> str:
    """The text of a rejected event without what must not lie about: keys and contacts; at most LETTER_BYTES of it.

    `shared` is the context of its batch, for an event that has none.
    """
    try:
        event = msgspec.json.decode(text)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return WRITE_KEY.sub("", text.decode("utf-8", "replace"))[:LETTER_BYTES]
    event.pop("writeKey", None)
    context = event.setdefault("context", shared) if shared is not None else event.get("context")
    of_context = context.get("traits") if isinstance(context, dict) else None
    for part in (event.get("traits"), event.get("properties"), of_context):
        if isinstance(part, dict):
            for name in CONTACTS:
                part.pop(name, None)
    return msgspec.json.encode(event).decode()[:LETTER_BYTES]


def _letters_in(file: Path) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    for line in file.read_bytes().split(b"\n"):
        try:
            if line:
                letters.append(msgspec.json.decode(line, type=DeadLetter))
        except (DecodeError, UnicodeDecodeError):
            continue  # a crash cut it off
    return letters
