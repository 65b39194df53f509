"""What shoppers want to hear: how often, on which channel, about what, and when not at all.

A preference is no consent: it narrows what a consent allows, and allows nothing by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from recommender.consent import MARKETING_EMAIL, MARKETING_PUSH, MARKETING_SMS, WHOLE, Subject

PURPOSE_OF_CHANNEL = {"email": MARKETING_EMAIL, "push": MARKETING_PUSH, "sms": MARKETING_SMS}
MARKETING = tuple(PURPOSE_OF_CHANNEL.values())
EVERY_CHANNEL = ""
NOT_PAUSED = ""


class Frequency(StrEnum):
    """How often at most, the rarest last."""

    ANY = "any"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    NEVER = "never"


_RARITY = {frequency: place for place, frequency in enumerate(Frequency)}


class Aspect(StrEnum):
    """What a preference is about."""

    FREQUENCY = "frequency"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One line of the record: what somebody wants, said when and where. Times are aware.

    Attributes:
        entry_id: the same id is the same entry.
        channel: of PURPOSE_OF_CHANNEL; of a pause also EVERY_CHANNEL.
        topic: WHOLE: the channel as such.
        setting: a Frequency; of a pause the moment it ends (RFC 3339, UTC), or NOT_PAUSED.
        source_channel, system, form, operator: where it was said and who took it down.
    """

    entry_id: str
    subject: Subject
    channel: str
    aspect: Aspect
    setting: str
    occurred_at: datetime
    received_at: datetime
    topic: str = WHOLE
    source_channel: str = ""
    system: str = ""
    form: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds now, by (channel, topic) and by channel; with the entry that says it."""

    frequencies: Mapping[tuple[str, str], Preference]
    pauses: Mapping[str, Preference]

    def frequency(self, channel: str, topic: str = WHOLE) -> Frequency:
        """How often at most: the rarer of what was said of the topic and of its channel; ANY if neither was."""
        said = [self.frequencies.get(about) for about in ((channel, topic), (channel, WHOLE))]
        return max((Frequency(one.setting) for one in said if one), key=_RARITY.__getitem__, default=Frequency.ANY)

    def paused_until(self, channel: str, now: datetime) -> datetime | None:
        """When messages on a channel may go on; None: they may now."""
        said = [self.pauses.get(about) for about in (channel, EVERY_CHANNEL)]
        ends = [datetime.fromisoformat(one.setting) for one in said if one and one.setting != NOT_PAUSED]
        return max((end for end in ends if end > now), default=None)


NO_WISHES = Wishes({}, {})


def fold_preferences(said: Iterable[Preference]) -> Wishes:
    """What one person's preferences come to, in whatever order they come: the newest counts, of two the stricter."""
    newest = dict[tuple[Aspect, str, str], Preference]()
    for one in said:
        about = one.aspect, one.channel, one.topic
        known = newest.get(about)
        if known is None or _rank(one) > _rank(known):
            newest[about] = one
    return Wishes(
        {(channel, topic): one for (aspect, channel, topic), one in newest.items() if aspect is Aspect.FREQUENCY},
        {channel: one for (aspect, channel, _), one in newest.items() if aspect is Aspect.PAUSE},
    )


def pause_until(moment: datetime) -> str:
    """The setting of a pause; always as long, so that texts order as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _rank(one: Preference) -> tuple[datetime, int, str, str]:
    rarity = _RARITY[Frequency(one.setting)] if one.aspect is Aspect.FREQUENCY else 0
    return one.occurred_at, rarity, one.setting, one.entry_id
