"""Entries on consents and preferences as JSON: the same in histories, in the feed and in webhooks."""

from datetime import UTC, datetime

from recommender.consent import Entry
from recommender.preferences import Preference

Document = dict[str, object]


def document_of(said: Entry | Preference) -> Document:
    """One entry; what it does not say is null."""
    return consent_document(said) if isinstance(said, Entry) else preference_document(said)


def consent_document(said: Entry) -> Document:
    """An entry of the ledger of consents."""
    kind, value = said.subject
    return {
        "type": "consent", "entry_id": said.entry_id, "subject": {"kind": kind, "value": value},
        "purpose": said.purpose, "topic": said.topic or None, "state": said.state.value,
        "source": _source(said.channel, said.system, said.form, said.operator),
        "notice_version": said.notice_version or None, "proof": said.proof or None,
        "jurisdiction": said.jurisdiction or None, "raw_signal": said.raw_signal or None,
        "imported": said.imported, "vouched": said.vouched, "guardian": said.guardian,
        "occurred_at": time_text(said.occurred_at), "received_at": time_text(said.received_at),
        "expires_at": None if said.expires_at is None else time_text(said.expires_at),
    }  # fmt: skip


def preference_document(said: Preference) -> Document:
    """An entry of the record of preferences."""
    kind, value = said.subject
    return {
        "type": "preference", "entry_id": said.entry_id, "subject": {"kind": kind, "value": value},
        "channel": said.channel or None, "topic": said.topic or None, said.aspect.value: said.setting or None,
        "source": _source(said.source_channel, said.system, said.form, said.operator),
        "occurred_at": time_text(said.occurred_at), "received_at": time_text(said.received_at),
    }  # fmt: skip


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _source(channel: str, system: str, form: str, operator: str) -> Document:
    return {"channel": channel or None, "system": system or None, "form": form or None, "operator": operator or None}
