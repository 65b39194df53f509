"""Rows of a retailer's file of consents: each is an entry of the ledger, or refused with the reason."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from features.identity import ANONYMOUS_ID, USER_ID, Identifier, hash_contact, loyalty_card
from recommender.consent import PURPOSES, WHOLE, Entry, State

IDENTIFIERS = ("user_id", "anonymous_id", "email", "phone", "loyalty_card")
SOURCE = ("channel", "system", "form", "operator", "notice_version", "jurisdiction")
COLUMNS = (*IDENTIFIERS, "purpose", "topic", "state", "occurred_at", "expires_at", *SOURCE, "proof", "entry_id")
STATES = ("granted", "denied", "withdrawn")
LONGEST, LONGEST_PROOF, LONGEST_ENTRY_ID = 200, 10_000, 100

Row = Mapping[str, str | None]  # by column; null or empty: not said


class RowRefused(Exception):
    """A row does not fit; the text names the column and why."""


def parse_consent(row: Row, secret: bytes, now: datetime, system: str) -> Entry:
    """The entry of a row; `system`: where it is from, if the row does not say.

    A row without an id gets one from what it says: so the same row is the same entry, in whatever file.

    Raises:
        RowRefused.
    """
    subject = _subject(row, secret)
    purpose, state = _one_of(row, "purpose", PURPOSES), _one_of(row, "state", STATES)
    occurred_at = _moment(row, "occurred_at")
    if occurred_at is None:
        raise RowRefused("occurred_at: missing")
    if occurred_at > now:
        raise RowRefused("occurred_at: in the future")
    expires_at = _moment(row, "expires_at")
    if expires_at is not None and (state != "granted" or expires_at <= occurred_at):
        raise RowRefused("expires_at: only a grant ends, after it began")
    source = {name: _text(row, name, LONGEST) for name in SOURCE} | {"system": _text(row, "system", LONGEST) or system}
    topic, proof = _text(row, "topic", LONGEST) or WHOLE, _text(row, "proof", LONGEST_PROOF)
    said = (*subject, purpose, topic, state, occurred_at.isoformat(), str(expires_at), *source.values(), proof)
    return Entry(
        entry_id=_text(row, "entry_id", LONGEST_ENTRY_ID) or f"imp_{sha256('|'.join(said).encode()).hexdigest()[:40]}",
        subject=subject, purpose=purpose, topic=topic, state=State(state), occurred_at=occurred_at, received_at=now,
        expires_at=expires_at, imported=True, channel=source["channel"], system=source["system"], form=source["form"],
        operator=source["operator"], notice_version=source["notice_version"], jurisdiction=source["jurisdiction"],
        proof=proof,
    )  # fmt: skip


def _subject(row: Row, secret: bytes) -> Identifier:
    given = [(kind, value) for kind in IDENTIFIERS if (value := row.get(kind))]
    if len(given) != 1:
        names = " and ".join(kind for kind, _ in given)
        raise RowRefused(f"{names}: give one of them" if given else f"user_id: missing, and so are {IDENTIFIERS[1:]}")
    [(kind, _)] = given
    value = _text(row, kind, LONGEST)
    if kind in {USER_ID, ANONYMOUS_ID}:
        return kind, value
    if kind == "loyalty_card":
        found = loyalty_card(value)
    else:
        found = hash_contact("email" if kind == "email" else "phone", value, secret)
    if found is None:
        raise RowRefused(f"{kind}: this is none")  # without the value: the file of refused rows has it
    return found


def _one_of(row: Row, name: str, allowed: tuple[str, ...]) -> str:
    value = row.get(name)
    if value not in allowed:
        raise RowRefused(f"{name}: " + (f"{value!r} is none of {', '.join(allowed)}" if value else "missing"))
    return value


def _moment(row: Row, name: str) -> datetime | None:
    text = row.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RowRefused(f"{name}: {text[:40]!r} is no time such as 2026-05-01T12:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(row: Row, name: str, longest: int) -> str:
    text = row.get(name) or ""
    if len(text) > longest:
        raise RowRefused(f"{name}: longer than {longest} characters")
    if "\0" in text or "\ufffd" in text:
        raise RowRefused(f"{name}: has a character that is none")
    return text
