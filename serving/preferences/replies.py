"""What the routes of consents and preferences answer with."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field

from features.controller import Controller
from features.identity import Identifier
from features.permission_documents import Document, consent_document, document_of, preference_document, time_text
from features.sql.permission_feed import Position, Said
from recommender.consent import PURPOSES, WHOLE, Standings
from recommender.preferences import PURPOSE_OF_CHANNEL
from serving.preferences.use_cases import Choices
from serving.subjects import PROFILE_PREFIX

RECEIPT_SCHEMA = "ISO/IEC TS 27560:2023"


class SubjectReply(BaseModel):
    """An identifier as it is kept."""

    kind: str
    value: str


class SourceReply(BaseModel):
    """Where it was said, and who took it down."""

    channel: str | None
    system: str | None
    form: str | None
    operator: str | None


class EntryReply(BaseModel):
    """One entry: of `type` consent or preference; what each of them has is in docs/preference-centre.md."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(examples=["consent"])
    entry_id: str
    subject: SubjectReply
    source: SourceReply
    occurred_at: str
    received_at: str


class StandingReply(BaseModel):
    """What holds for a purpose, or a topic of it, and the entry that it follows from."""

    purpose: str
    topic: str | None
    state: str = Field(description="unanswered, granted, denied, withdrawn, expired.")
    since: str | None
    until: str | None = Field(description="When a grant ends by itself.")
    entry_id: str | None
    source: SourceReply | None


class SubjectStandings(BaseModel):
    """What holds for one of the people named."""

    subject: SubjectReply
    purposes: list[StandingReply]


class ConsentsReply(BaseModel):
    """What was written down, and what holds now."""

    recorded: int = Field(description="New entries.")
    repeated: int = Field(description="Entries that were on record already.")
    subjects: list[SubjectStandings]


class PreferencesReply(BaseModel):
    """What was written down."""

    recorded: int
    repeated: int


class WishReply(BaseModel):
    """How often somebody wants to hear; `topic` null: on the channel as such."""

    channel: str | None
    topic: str | None
    frequency: str


class WishesReply(BaseModel):
    """What somebody wants."""

    frequencies: list[WishReply]
    paused_until: dict[str, str | None] = Field(description="By channel; null: not paused.")


class ReceiptReply(BaseModel):
    """A consent receipt with the fields of ISO/IEC TS 27560."""

    model_config = ConfigDict(extra="allow")
    schema_version: str
    record_id: str
    principal_id: str


class ChoicesReply(BaseModel):
    """All that a person said, and what it comes to."""

    profile_id: str | None = Field(description="null: the person has no profile, only this identifier.")
    identifiers: list[SubjectReply]
    purposes: list[StandingReply]
    preferences: WishesReply
    history: list[EntryReply] = Field(description="In the order it was taken down; complete.")
    receipt: ReceiptReply


class ChangesReply(BaseModel):
    """Some of the feed."""

    changes: list[EntryReply]
    next: str = Field(description="Send it as `after` next time, also when nothing came.")
    more: bool = Field(description="Whether there was more at that moment.")


class LinkReply(BaseModel):
    """A link to the preference centre."""

    url: str
    expires_at: str


def subject_document(subject: Identifier) -> Document:
    """An identifier."""
    kind, value = subject
    return {"kind": kind, "value": value}


def standing_documents(standings: Standings, now: datetime) -> list[Document]:
    """What holds: of each purpose, then of each topic that somebody spoke of."""
    abouts = [(purpose, WHOLE) for purpose in PURPOSES]
    abouts += sorted(about for about in standings if about[1] != WHOLE)
    return [_standing(standings, purpose, topic, now) for purpose, topic in abouts]


def choices_document(choices: Choices, controller: Controller, page: str, now: datetime) -> Document:
    """The answer of GET /v1/profiles/{profile_id}/consents; `page`: where the preference centre is."""
    number = choices.profile_number
    said: list[Document] = [consent_document(one) for one in choices.consents]
    said += [preference_document(one) for one in choices.preferences]
    wishes = choices.wishes
    pauses = {channel: wishes.paused_until(channel, now) for channel in PURPOSE_OF_CHANNEL}
    return {
        "profile_id": None if number is None else f"{PROFILE_PREFIX}{number}",
        "identifiers": [subject_document(one) for one in choices.identifiers],
        "purposes": standing_documents(choices.standings, now),
        "preferences": {
            "frequencies": [
                {"channel": channel or None, "topic": topic or None, "frequency": one.setting}
                for (channel, topic), one in sorted(wishes.frequencies.items())
            ],
            "paused_until": {channel: None if end is None else time_text(end) for channel, end in pauses.items()},
        },
        "history": sorted(said, key=lambda one: str(one["received_at"])),
        "receipt": _receipt(choices, controller, page, now),
    }


def changes_document(found: Sequence[tuple[Position, Said]], after: Position, limit: int) -> Document:
    """A page of the feed."""
    return {
        "changes": [document_of(said) for _, said in found],
        "next": str(found[-1][0] if found else after),
        "more": len(found) == limit,
    }


def _standing(standings: Standings, purpose: str, topic: str, now: datetime) -> Document:
    found = standings.get((purpose, topic))
    about: Document = {"purpose": purpose, "topic": topic or None}
    if found is None:
        return about | {"state": "unanswered", **dict.fromkeys(("since", "until", "entry_id", "source"))}
    return about | {
        "state": found.at(now).value, "since": time_text(found.entry.occurred_at),
        "until": None if found.until is None else time_text(found.until), "entry_id": found.entry.entry_id,
        "source": consent_document(found.entry)["source"],
    }  # fmt: skip


def _receipt(choices: Choices, controller: Controller, page: str, now: datetime) -> Document:
    entries = [one.entry_id for one in choices.consents]
    kind, value = choices.identifiers[0]
    number = choices.profile_number
    party = controller.controller
    return {
        "schema_version": RECEIPT_SCHEMA,
        "record_id": f"rcp_{sha256('|'.join(entries).encode()).hexdigest()[:32]}",
        "principal_id": f"{kind}:{value}" if number is None else f"{PROFILE_PREFIX}{number}",
        "issued_at": time_text(now),
        "controller": {
            "party_id": "controller", "type": "data controller", "name": party.name, "address": party.address,
            "contact": party.contact,
        },
        "notice": controller.notice.model_dump(),
        "purposes": [_receipt_purpose(choices, controller, purpose, page, now) for purpose in PURPOSES],
    }  # fmt: skip


def _receipt_purpose(choices: Choices, controller: Controller, purpose: str, page: str, now: datetime) -> Document:
    words, party = controller.purposes[purpose], controller.controller
    found = choices.standings.get((purpose, WHOLE))
    return {
        "purpose": purpose, "title": words.title, "lawful_basis": words.lawful_basis,
        "personal_data": list(words.personal_data), "retention_period": words.retention,
        "recipient_third_parties": list(words.recipients), "storage_locations": list(party.storage_locations),
        "jurisdiction": (found.entry.jurisdiction if found else "") or party.jurisdiction,
        "withdrawal_method": f"On {page}, with the link that each message has; or by telling {party.contact}.",
        "state": "unanswered" if found is None else found.at(now).value,
        "events": [_receipt_event(document) for document in _said_on(choices, purpose)],
    }  # fmt: skip


def _said_on(choices: Choices, purpose: str) -> list[Document]:
    return [consent_document(one) for one in choices.consents if one.purpose == purpose]


def _receipt_event(said: Mapping[str, object]) -> Document:
    return {
        "event_time": said["occurred_at"],
        "event_type": "explicit consent" if said["state"] == "granted" else "refusal",
        "event_state": said["state"], "topic": said["topic"], "validity_duration": said["expires_at"],
        "entity": said["source"], "notice_version": said["notice_version"], "proof": said["proof"],
        "record_id": said["entry_id"],
    }  # fmt: skip
