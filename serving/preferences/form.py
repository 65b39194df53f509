"""What a shopper changed on the page: the form's answers against what the page had shown them.

Only what they touched is written: what somebody else changed while the page lay open stays as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from uuid import uuid4

from features.controller import Controller
from features.identity import Identifier
from recommender.consent import PURPOSES, WHOLE, Entry, State
from recommender.errors import InvalidInput
from recommender.preferences import (
    EVERY_CHANNEL,
    MARKETING,
    NOT_PAUSED,
    PURPOSE_OF_CHANNEL,
    Aspect,
    Frequency,
    Preference,
    pause_until,
)
from serving.preferences.page import PAUSES, day_text, refuses_topic, wants_topic
from serving.preferences.use_cases import Choices

CHANNEL, SYSTEM, FORM = "web", "recommender", "preference-centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Reads one form that was sent.

    Attributes:
        subject: whose link the page was opened with.
        raw_signal: that came with it ("Sec-GPC: 1"), or "".
    """

    fields: Mapping[str, str]
    subject: Identifier
    choices: Choices
    controller: Controller
    raw_signal: str
    now: datetime
    sent_id: str = field(default_factory=lambda: uuid4().hex)

    def consents(self) -> list[Entry]:
        """The answers that changed; of "stop", a no to all marketing. Raises InvalidInput for what is no answer."""
        if self._get("action", {"save", "stop"}) == "stop":
            return [self._consent(purpose, "no") for purpose in MARKETING if self._standing(purpose) is not False]
        changed = list[Entry]()
        for purpose in PURPOSES:
            answer = self._get(purpose, {"", "yes", "no"})
            is_news = answer and answer != self.fields.get(f"was:{purpose}", "")
            if is_news and self._standing(purpose) is not (answer == "yes"):
                changed.append(self._consent(purpose, answer))
        for channel, topic, wanted in self._topics():
            if wanted and refuses_topic(self.choices, channel, topic):
                changed.append(self._consent(PURPOSE_OF_CHANNEL[channel], "yes", topic))
        return changed

    def preferences(self) -> list[Preference]:
        """What changed of how often, what about, and the pause; raises InvalidInput."""
        if self.fields.get("action") == "stop":
            return []
        changed = list[Preference]()
        for channel in PURPOSE_OF_CHANNEL:
            shown = self.fields.get(f"was:often:{channel}", "")
            often = self._get(f"often:{channel}", {"", *(frequency.value for frequency in Frequency)})
            if often and often != shown:
                changed.append(self._frequency(channel, WHOLE, Frequency(often)))
        for channel, topic, wanted in self._topics():
            changed.append(self._frequency(channel, topic, Frequency.ANY if wanted else Frequency.NEVER))
        if pause := self._get("pause", set(PAUSES)):
            setting = NOT_PAUSED if pause == "end" else pause_until(self.now + timedelta(days=int(pause)))
            changed.append(self._preference(EVERY_CHANNEL, WHOLE, Aspect.PAUSE, setting))
        return changed

    def _topics(self) -> Iterator[tuple[str, str, bool]]:
        """Channel, topic and whether it is wanted, of those that changed."""
        for channel, topic in product(PURPOSE_OF_CHANNEL, self.controller.topics):
            name = f"about:{channel}:{topic}"
            if f"was:{name}" not in self.fields:  # a topic that the page did not have
                continue
            wanted, shown = self._get(name, {"", "yes"}) == "yes", self.fields[f"was:{name}"] == "yes"
            if wanted != shown and wanted != wants_topic(self.choices, channel, topic):
                yield channel, topic, wanted

    def _standing(self, purpose: str) -> bool | None:
        """The answer that holds now; None: none, or one that ended."""
        found = self.choices.standings.get((purpose, WHOLE))
        state = None if found is None else found.at(self.now)
        return None if state in {None, State.EXPIRED} else state is State.GRANTED

    def _consent(self, purpose: str, answer: str, topic: str = WHOLE) -> Entry:
        state = State.GRANTED if answer == "yes" else State.DENIED
        if answer == "no" and self._standing(purpose):
            state = State.WITHDRAWN
        return Entry(
            entry_id=f"page_{self.sent_id}:{purpose}:{topic}", subject=self.subject, purpose=purpose, topic=topic,
            state=state, occurred_at=self.now, received_at=self.now, channel=CHANNEL, system=SYSTEM, form=FORM,
            notice_version=self.controller.notice.version, jurisdiction=self.controller.controller.jurisdiction,
            raw_signal=self.raw_signal, proof=f"chosen on the preference page on {day_text(self.now)}",
        )  # fmt: skip

    def _frequency(self, channel: str, topic: str, frequency: Frequency) -> Preference:
        return self._preference(channel, topic, Aspect.FREQUENCY, frequency.value)

    def _preference(self, channel: str, topic: str, aspect: Aspect, setting: str) -> Preference:
        return Preference(
            entry_id=f"page_{self.sent_id}:{aspect.value}:{channel}:{topic}", subject=self.subject, channel=channel,
            topic=topic, aspect=aspect, setting=setting, occurred_at=self.now, received_at=self.now,
            source_channel=CHANNEL, system=SYSTEM, form=FORM,
        )  # fmt: skip

    def _get(self, name: str, allowed: set[str]) -> str:
        given = self.fields.get(name, "")
        if given not in allowed:
            raise InvalidInput(
                f"{given[:40]!r} is no choice here", field=name, remedy="Open the page again and choose there."
            )
        return given
