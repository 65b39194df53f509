"""The page on which shoppers see and change what they allow and want: plain HTML that needs no script."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from features.controller import Controller
from features.permission_documents import time_text
from recommender.consent import PURPOSES, WHOLE, Entry, State
from recommender.preferences import MARKETING, NOT_PAUSED, PURPOSE_OF_CHANNEL, Aspect, Frequency, Preference
from serving.preferences.use_cases import Choices

SHOWN = 50  # entries of the history
FREQUENCIES = {
    Frequency.ANY: "As often as there is something", Frequency.DAILY: "Once a day", Frequency.WEEKLY: "Once a week",
    Frequency.MONTHLY: "Once a month", Frequency.NEVER: "Not at all",
}  # fmt: skip
PAUSES = {"": "Leave it as it is", "30": "For 30 days", "90": "For 90 days", "end": "End the pause now"}
SAID = {State.GRANTED: "yes", State.DENIED: "no", State.WITHDRAWN: "no", State.EXPIRED: "no longer"}
PLACES = {"web": "on the web", "app": "in the app", "store": "in a store", "call_centre": "on the telephone"}
CHANNELS = {"email": "Email", "push": "Notifications", "sms": "Text messages", "": "All messages"}
ANSWER = {State.GRANTED: "yes", State.DENIED: "no", State.WITHDRAWN: "no", State.EXPIRED: ""}


@dataclass(frozen=True, slots=True)
class PurposeView:
    """A purpose with the answer that holds: "yes", "no", or "" for none."""

    name: str
    title: str
    text: str
    answer: str
    state: str


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic of a channel, and whether they want to hear of it."""

    name: str
    title: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel: its purpose, how often, what about."""

    name: str
    purpose: PurposeView
    frequency: str
    topics: Sequence[TopicView]


@dataclass(frozen=True, slots=True)
class SaidView:
    """One line of the history."""

    what: str
    at: str
    when: str
    source: str


@dataclass(frozen=True, slots=True)
class ChoicesView:
    """What the page shows of one person."""

    uses: Sequence[PurposeView]
    channels: Sequence[ChannelView]
    paused_until: str
    history: Sequence[SaidView]
    older: int


class Page:
    """Renders the page, in the words of the controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        here = files("serving.preferences")
        css = (here / "page.css").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._words = {
            "css": Markup(css),  # noqa: S704 - our own file
            "controller": controller.controller, "notice": controller.notice, "language": controller.notice.language,
            "frequencies": [(name.value, text) for name, text in FREQUENCIES.items()], "pauses": list(PAUSES.items()),
        }  # fmt: skip
        self._template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
        style = base64.b64encode(sha256(css.encode()).digest()).decode()
        self._headers = {
            "content-security-policy": f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'",
            "cache-control": "no-store", "x-frame-options": "DENY", "x-robots-tag": "noindex",
        }  # fmt: skip

    def show(self, choices: Choices, form_token: str, now: datetime, *, message: str = "", gpc: bool) -> Response:
        """The page of one person."""
        view = self._view(choices, now)
        return self._response(200, choices=view, form_token=form_token, message=message, gpc=gpc, is_error=False)

    def refuse(self, status: int, message: str, *, gpc: bool) -> Response:
        """The page without anybody's choices, saying why."""
        return self._response(status, choices=None, form_token="", message=message, gpc=gpc, is_error=True)

    def _response(self, status: int, **shown: object) -> Response:
        html = self._template.render(**self._words, **shown)
        return Response(html, status_code=status, headers=self._headers, media_type="text/html")

    def _view(self, choices: Choices, now: datetime) -> ChoicesView:
        purposes = {name: self._purpose(choices, name, now) for name in PURPOSES}
        history = sorted([*choices.consents, *choices.preferences], key=lambda said: said.received_at, reverse=True)
        paused = choices.wishes.paused_until("", now)
        return ChoicesView(
            uses=[view for name, view in purposes.items() if name not in MARKETING],
            channels=[self._channel(choices, channel, purposes[name]) for channel, name in PURPOSE_OF_CHANNEL.items()],
            paused_until="" if paused is None else day_text(paused),
            history=[self._said(said) for said in history[:SHOWN]],
            older=max(0, len(history) - SHOWN),
        )

    def _purpose(self, choices: Choices, name: str, now: datetime) -> PurposeView:
        words, found = self._controller.purposes[name], choices.standings.get((name, WHOLE))
        if found is None:
            return PurposeView(name, words.title, words.text, "", "You have not answered this yet.")
        state, said = found.at(now), found.entry
        where = _where(said.channel, said.system, imported=said.imported)
        text = f"You said {SAID[found.state]} on {day_text(said.occurred_at)}{', ' if where else ''}{where}."
        if state is State.EXPIRED and found.until is not None:
            text += f" That ended on {day_text(found.until)}."
        elif found.until is not None:
            text += f" It holds until {day_text(found.until)}."
        return PurposeView(name, words.title, words.text, ANSWER[state], text)

    def _channel(self, choices: Choices, channel: str, purpose: PurposeView) -> ChannelView:
        wishes = choices.wishes
        topics = [
            TopicView(topic, title, wants_topic(choices, channel, topic))
            for topic, title in self._controller.topics.items()
        ]
        return ChannelView(channel, purpose, wishes.frequency(channel).value, topics)

    def _said(self, said: Entry | Preference) -> SaidView:
        at, when = time_text(said.occurred_at), f"{day_text(said.occurred_at)}, {said.occurred_at:%H:%M} UTC"
        if isinstance(said, Entry):
            title = self._controller.purposes[said.purpose].title
            about = f"{title}, {self._topic(said.topic)}" if said.topic else title
            where = _where(said.channel, said.system, imported=said.imported)
            return SaidView(f"{about}: {SAID[said.state]}", at, when, where)
        about = CHANNELS[said.channel] + (f", {self._topic(said.topic)}" if said.topic else "")
        if said.aspect is Aspect.FREQUENCY:
            what = FREQUENCIES[Frequency(said.setting)].lower()
        elif said.setting == NOT_PAUSED:
            what = "the pause was ended"
        else:
            what = f"a pause until {day_text(datetime.fromisoformat(said.setting))}"
        return SaidView(f"{about}: {what}", at, when, _where(said.source_channel, said.system))

    def _topic(self, name: str) -> str:
        return self._controller.topics.get(name, name)


def wants_topic(choices: Choices, channel: str, topic: str) -> bool:
    """Whether somebody wants to hear of a topic on a channel: they neither refused it nor set it to never."""
    said = choices.wishes.frequencies.get((channel, topic))
    return not refuses_topic(choices, channel, topic) and (said is None or said.setting != Frequency.NEVER)


def refuses_topic(choices: Choices, channel: str, topic: str) -> bool:
    """Whether the newest consent that names the topic is a no."""
    found = choices.standings.get((PURPOSE_OF_CHANNEL[channel], topic))
    return found is not None and found.state is not State.GRANTED


def day_text(moment: datetime) -> str:
    """A day as people write it: 3 May 2026."""
    return f"{moment.day} {moment:%B %Y}"


def _where(channel: str, system: str, *, imported: bool = False) -> str:
    place = PLACES.get(channel, channel and f"through {channel}")
    if imported:
        return f"brought over from {system or 'another system'}"
    return place
