"""Bodies of the routes of consents and preferences."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from features.identity import Identifier
from recommender.consent import WHOLE, Entry, State
from recommender.errors import InvalidInput
from recommender.preferences import EVERY_CHANNEL, MARKETING, NOT_PAUSED, Aspect, Preference, pause_until
from serving.preferences.entry_ids import EntryIds
from serving.subjects import Body, IdentifierBody, Kind, Text

CLOCKS_DIFFER = timedelta(minutes=5)  # that a caller's clock may be ahead
ALL_MARKETING = "all_marketing"

Purpose = Literal[
    "personalisation", "analytics", "marketing_email", "marketing_push", "marketing_sms", "in_store_location",
    "all_marketing",
]  # fmt: skip
EntryId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
LongText = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class SourceBody(Body):
    """Where something was said, and who took it down."""

    channel: Text = Field(examples=["call_centre"], description="web, app, store, call_centre, email, ...")
    system: Text | None = Field(default=None, examples=["crm"])
    form: Text | None = Field(default=None, examples=["newsletter-2026"])
    operator: Text | None = Field(default=None, examples=["agent-7"])


class SubjectBody(Body):
    """Who speaks: exactly one of the identifiers. Contacts are kept as keyed hashes only."""

    user_id: Text | None = Field(default=None, examples=["household-1"])
    anonymous_id: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    loyalty_card: Text | None = None

    def subject(self, secret: Callable[[], bytes], field: str) -> Identifier:
        """Who speaks, as it is kept; raises InvalidInput for none, several, or what is none of its kind."""
        kinds: tuple[Kind, ...] = ("user_id", "anonymous_id", "email", "phone", "loyalty_card")
        given: list[tuple[Kind, str]] = [(kind, value) for kind in kinds if (value := getattr(self, kind)) is not None]
        if len(given) != 1:
            found = "none is" if not given else " and ".join(kind for kind, _ in given) + " are"
            raise InvalidInput(
                f"an entry is one identifier's, and {found} given", field=field,
                remedy="Give one of user_id, anonymous_id, email, phone, loyalty_card.",
            )  # fmt: skip
        [(kind, value)] = given
        return IdentifierBody(kind=kind, value=value).identifier(secret, f"{field}.{kind}")


class SaidBody(SubjectBody):
    """What both kinds of entries state."""

    entry_id: EntryId | None = Field(default=None, description="The same id is the same entry; it counts once.")
    topic: Text | None = Field(default=None, description="A topic of controller.toml; null: the whole.")
    source: SourceBody
    occurred_at: AwareDatetime | None = Field(default=None, description="When it was said; null: now.")

    def said_at(self, now: datetime, field: str) -> datetime:
        """When it was said; raises InvalidInput for the future."""
        if self.occurred_at is not None and self.occurred_at > now + CLOCKS_DIFFER:
            remedy = "State when it was said, in UTC or with the offset; or leave it out for now."
            raise InvalidInput("this is in the future", field=f"{field}.occurred_at", remedy=remedy)
        return self.occurred_at or now


class ConsentBody(SaidBody):
    """What somebody said on a purpose."""

    purpose: Purpose = Field(description=f"`{ALL_MARKETING}`, to withdraw or deny: email, push and SMS at once.")
    state: Literal["granted", "denied", "withdrawn"]
    notice_version: Text | None = Field(default=None, description="What they had read; null: the current notice.")
    proof: LongText | None = Field(default=None, description="What shows it: a recording's id, a form's.")
    jurisdiction: Text | None = None
    raw_signal: LongText | None = Field(default=None, description="As a CMP sent it (TCF, GPP, GPC); kept as it is.")
    guardian: bool = Field(default=False, description="Said for a child, by who is responsible for it.")
    expires_at: AwareDatetime | None = Field(default=None, description="When a grant ends by itself.")

    def entries(
        self, subject: Identifier, now: datetime, ids: EntryIds, place: int, *, notice_version: str, vouched: bool
    ) -> list[Entry]:
        """The entries of the ledger; several only of all marketing. Raises InvalidInput."""
        field = f"consents[{place}]"
        occurred_at, is_grant = self.said_at(now, field), self.state == "granted"
        if self.purpose == ALL_MARKETING and is_grant:
            remedy = "Grant each purpose that was asked for: marketing_email, marketing_push, marketing_sms."
            raise InvalidInput("nobody grants all at once", field=f"{field}.purpose", remedy=remedy)
        if self.expires_at is not None and (not is_grant or self.expires_at <= occurred_at):
            remedy = "Give a grant an expires_at after its occurred_at, and nothing else one."
            raise InvalidInput("only a grant ends, after it began", field=f"{field}.expires_at", remedy=remedy)
        stated = ids.of(self.entry_id, subject, place)
        several = self.purpose == ALL_MARKETING
        return [
            Entry(
                entry_id=f"{stated}:{purpose}" if several else stated, subject=subject, purpose=purpose,
                state=State(self.state), topic=self.topic or WHOLE, occurred_at=occurred_at, received_at=now,
                expires_at=self.expires_at, vouched=vouched, guardian=self.guardian, channel=self.source.channel,
                notice_version=self.notice_version or notice_version, proof=self.proof or "",
                jurisdiction=self.jurisdiction or "", raw_signal=self.raw_signal or "",
                system=self.source.system or "", form=self.source.form or "", operator=self.source.operator or "",
            )
            for purpose in (MARKETING if several else [self.purpose])
        ]  # fmt: skip


class ConsentsBody(Body):
    """What one or many people said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "consents": [
                        {
                            "user_id": "household-1", "purpose": "marketing_email", "state": "withdrawn",
                            "source": {"channel": "call_centre", "system": "crm", "operator": "agent-7"},
                            "occurred_at": "2026-11-20T09:30:00Z", "entry_id": "crm-4711",
                        }
                    ]
                }
            ]
        }
    )  # fmt: skip
    consents: list[ConsentBody] = Field(min_length=1, max_length=500)


class PreferenceBody(SaidBody):
    """How often somebody wants to hear on a channel, or about a topic there; or not at all for a while."""

    channel: Literal["email", "push", "sms"] | None = Field(
        default=None, description="null, of a pause: every channel."
    )
    frequency: Literal["any", "daily", "weekly", "monthly", "never"] | None = None
    paused_until: AwareDatetime | None = Field(default=None, description="A moment that has passed ends a pause.")

    def preference(self, subject: Identifier, now: datetime, ids: EntryIds, place: int) -> Preference:
        """The entry of the record; raises InvalidInput."""
        field = f"preferences[{place}]"
        if (self.frequency is None) == (self.paused_until is None):
            remedy = "Send two entries for both."
            raise InvalidInput("give either frequency or paused_until", field=f"{field}.frequency", remedy=remedy)
        if self.frequency is not None and self.channel is None:
            raise InvalidInput(
                "a frequency is of a channel", field=f"{field}.channel", remedy="Say email, push or sms."
            )
        if self.paused_until is not None and self.topic is not None:
            raise InvalidInput("topics are not paused", field=f"{field}.topic", remedy="Set its frequency to never.")
        pause = NOT_PAUSED if self.paused_until is None or self.paused_until <= now else pause_until(self.paused_until)
        return Preference(
            entry_id=ids.of(self.entry_id, subject, place), subject=subject, channel=self.channel or EVERY_CHANNEL,
            topic=self.topic or WHOLE, aspect=Aspect.PAUSE if self.frequency is None else Aspect.FREQUENCY,
            setting=self.frequency or pause, occurred_at=self.said_at(now, field), received_at=now,
            source_channel=self.source.channel, system=self.source.system or "", form=self.source.form or "",
            operator=self.source.operator or "",
        )  # fmt: skip


class PreferencesBody(Body):
    """What one or many people want."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "preferences": [
                        {
                            "user_id": "household-1", "channel": "email", "frequency": "weekly",
                            "source": {"channel": "app", "form": "settings"},
                        }
                    ]
                }
            ]
        }
    )  # fmt: skip
    preferences: list[PreferenceBody] = Field(min_length=1, max_length=500)


class LinkBody(SubjectBody):
    """Whose link it shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "household-1", "valid_days": 30}]})
    valid_days: float = Field(default=30, gt=0, le=400)
