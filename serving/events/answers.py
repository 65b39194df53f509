"""What events say on consent, as entries of the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from features.events import schema
from features.events.vocabulary import CONSENT_UPDATED
from features.identity import ANONYMOUS_ID, USER_ID, Identifier, Presented
from recommender.consent import MARKETING_EMAIL, PURPOSES, Entry, State
from serving.events.arrival import Arrival
from serving.events.permitted import Permitted
from serving.events.reading import Reading, text_of
from serving.events.rows import moment_of

SYSTEM = "events"
SIGNAL = "Sec-GPC: 1"
SOURCE = ("channel", "form", "operator", "notice_version", "proof")  # properties of `Consent Updated`
LONGEST_SOURCE = 200
HARD = ("hard", "permanent")  # `bounce_type` of an address that will never take a mail

Facts = Sequence[tuple[Presented, bool]]  # beside each event what of its identifiers counts, and whether it is vouched


def answers_in(readings: Sequence[Reading], facts: Facts, arrival: Arrival, permitted: Permitted) -> list[Entry]:
    """What people answer in `Consent Updated`, what a mail tool reports of them, and what the signal of their browser
    says where the law takes that for an answer.

    Where somebody vouches for a user id it is the user's word; else that of the anonymous id, and of no one besides
    unless it is vouched for.
    """
    said = list[Entry]()
    for reading, (who, is_vouched) in zip(readings, facts, strict=True):
        if reading.name == CONSENT_UPDATED:
            said += _answers(reading, who, is_vouched, arrival, permitted)
        if is_vouched and who.user_id is not None and (word := _word_on_mails(reading)) is not None:
            said.append(_no_more_mails(reading, (USER_ID, str(who.user_id)), *word, arrival, permitted))
        if arrival.privacy_signal and is_vouched and who.user_id is not None:
            said += _signals(reading, (USER_ID, str(who.user_id)), arrival, permitted)
    return list({entry.entry_id: entry for entry in said}.values())


def _answers(
    reading: Reading, who: Presented, is_vouched: bool, arrival: Arrival, permitted: Permitted
) -> Iterator[Entry]:
    subject = _subject(who)
    if subject is None or reading.context.consent is None:
        return
    occurred_at, _ = moment_of(reading.timestamp, reading.sent_at or arrival.sent_at, arrival.received_at)
    properties = reading.call.properties or {}
    channel, form, operator, notice_version, proof = (_text(properties.get(name)) for name in SOURCE)
    for purpose, granted in reading.context.consent.categoryPreferences.items():
        if purpose in PURPOSES:
            yield Entry(
                entry_id=_entry_id("event", (*subject, purpose, reading.message_id)), subject=subject, purpose=purpose,
                state=State.GRANTED if granted else State.WITHDRAWN, vouched=is_vouched, system=SYSTEM,
                channel=channel, form=form, operator=operator, notice_version=notice_version, proof=proof,
                jurisdiction=permitted.law_of(reading).law_id, occurred_at=occurred_at, received_at=arrival.now,
                raw_signal=SIGNAL if arrival.privacy_signal else "",
            )  # fmt: skip


def _word_on_mails(reading: Reading) -> tuple[State, str] | None:
    """What an event of a mail tool says of further mails, and what shows it; None: nothing."""
    match reading.name:
        case schema.UNSUBSCRIBED:
            return State.WITHDRAWN, "unsubscribed where the mail was sent"
        case schema.MARKED_AS_SPAM:
            return State.WITHDRAWN, "marked a mail as spam"
        case schema.EMAIL_BOUNCED if (reading.call.properties or {}).get("bounce_type") in HARD:
            return State.DENIED, "the address takes no mails"
        case _:
            return None


def _no_more_mails(
    reading: Reading, subject: Identifier, state: State, proof: str, arrival: Arrival, permitted: Permitted
) -> Entry:
    occurred_at, _ = moment_of(reading.timestamp, reading.sent_at or arrival.sent_at, arrival.received_at)
    return Entry(
        entry_id=_entry_id("mail", (*subject, reading.message_id)), subject=subject, purpose=MARKETING_EMAIL,
        state=state, system=SYSTEM, channel="email", proof=proof, jurisdiction=permitted.law_of(reading).law_id,
        occurred_at=occurred_at, received_at=arrival.now,
    )  # fmt: skip


def _signals(reading: Reading, subject: Identifier, arrival: Arrival, permitted: Permitted) -> Iterator[Entry]:
    """Once for a shopper and purpose, whatever they grant later: the signal itself still stops each call it is on."""
    for purpose in permitted.stopped_for_good(reading, subject, arrival):
        yield Entry(
            entry_id=_entry_id("signal", (*subject, purpose)), subject=subject, purpose=purpose, state=State.DENIED,
            channel="web", system=SYSTEM, jurisdiction=permitted.law_of(reading).law_id, raw_signal=SIGNAL,
            occurred_at=arrival.received_at, received_at=arrival.now,
        )  # fmt: skip


def _subject(who: Presented) -> Identifier | None:
    if who.user_id is not None:
        return USER_ID, str(who.user_id)
    return None if who.anonymous_id is None else (ANONYMOUS_ID, str(who.anonymous_id))


def _entry_id(source: str, parts: Iterable[str]) -> str:
    """Names what is said of somebody, so that no other sender can take the name first."""
    return f"{source}:" + blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _text(given: object) -> str:
    """A text or number as it may stand in the ledger; of anything else, nothing."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        return ""
    text = text_of(given) or ""
    return text[:LONGEST_SOURCE] if text.isprintable() else ""
