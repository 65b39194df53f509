"""What people allow: the purposes, an entry of the ledger, and how one person's entries become what holds now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from math import inf

PERSONALISATION = "personalisation"
ANALYTICS = "analytics"
MARKETING_EMAIL, MARKETING_PUSH, MARKETING_SMS = "marketing_email", "marketing_push", "marketing_sms"
IN_STORE_LOCATION = "in_store_location"  # the purpose without which nobody is followed through a store
PURPOSES = (PERSONALISATION, ANALYTICS, MARKETING_EMAIL, MARKETING_PUSH, MARKETING_SMS, IN_STORE_LOCATION)

WHOLE = ""  # the topic of what is said about a whole purpose
NEVER = datetime.max.replace(tzinfo=UTC)

Subject = tuple[str, str]  # kind and normalised value of an identifier, as features/identity.py writes them
JoinedAt = Callable[[Subject, Subject], datetime]  # since when two identifiers are one person


class State(StrEnum):
    """What was said, or came of it."""

    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_STRICTNESS = {State.GRANTED: 0, State.EXPIRED: 1, State.DENIED: 2, State.WITHDRAWN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger: what somebody said on a purpose, when, where, and under which notice. Times are aware.

    Attributes:
        entry_id: of whoever sends it; the same id is the same entry.
        topic: a part of the purpose ("recipes" of marketing_email); WHOLE: all of it.
        expires_at: when a grant ends by itself.
        imported: brought from another system, not said to us; such a grant fills silence and overrules nothing.
        vouched: the shop's own machine or the shopper's token stands for it; an entry that is a claim counts for its
            own anonymous id alone.
        guardian: somebody said it for a child they are responsible for.
        channel, system, form, operator: where it was said and who took it down.
        notice_version, proof: what they had read, and what shows it.
        jurisdiction: the law it was given under; `raw_signal`: a signal as it came ("Sec-GPC: 1", a TCF string).
    """

    entry_id: str
    subject: Subject
    purpose: str
    state: State
    occurred_at: datetime
    received_at: datetime
    topic: str = WHOLE
    expires_at: datetime | None = None
    imported: bool = False
    vouched: bool = True
    guardian: bool = False
    channel: str = ""
    system: str = ""
    form: str = ""
    operator: str = ""
    notice_version: str = ""
    proof: str = ""
    jurisdiction: str = ""
    raw_signal: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a purpose that is none of PURPOSES."""
        if self.purpose not in PURPOSES:
            raise ValueError(f"purpose must be one of {', '.join(PURPOSES)}, got {self.purpose!r}")


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a purpose or topic.

    Attributes:
        state: as it was said; `at` says what is left of it.
        until: when it ends by itself; None: it does not.
        entry: the one that decides it.
    """

    state: State
    until: datetime | None
    entry: Entry

    def at(self, now: datetime) -> State:
        """The state at a moment: a grant may have run out."""
        ended = self.state is State.GRANTED and self.until is not None and self.until <= now
        return State.EXPIRED if ended else self.state


Standings = Mapping[tuple[str, str], Standing]  # by purpose and topic; what nobody spoke of is not in it


def counting_for(subject: Subject, entries: Iterable[Entry]) -> list[Entry]:
    """Those of a person's entries that count where they come as `subject`: all but the claims of other identifiers."""
    return [entry for entry in entries if entry.vouched or entry.subject == subject]


def fold(entries: Iterable[Entry], joined_at: JoinedAt) -> Standings:
    """What one person's entries come to, in whatever order and however often they come.

    The newest word of an identifier holds, of equally old ones the strictest. A word overrules what another identifier
    of the person said only if it was said after the two were joined; of words that nothing overrules the strictest
    holds. An imported grant counts only where nothing else was said.
    """
    spoken = dict[tuple[str, str], list[Entry]]()
    for entry in entries:
        spoken.setdefault((entry.purpose, entry.topic), []).append(entry)
    return {about: _standing(words, joined_at) for about, words in spoken.items()}


def state_of(standings: Standings, purpose: str, now: datetime, topic: str = WHOLE) -> State | None:
    """What holds for a topic at a moment: the stricter of what was said of it and of its purpose; None: silence."""
    said = [found.at(now) for about in {topic, WHOLE} if (found := standings.get((purpose, about))) is not None]
    return max(said, key=_STRICTNESS.__getitem__, default=None)


def joining_moments(edges: Iterable[tuple[Subject, Subject, datetime]], of: Iterable[Subject]) -> JoinedAt:
    """Since when any two of some identifiers are one person, by the links that make them so; NEVER if none does."""
    group: dict[Subject, set[Subject]] = {}
    moments = dict[tuple[Subject, Subject], datetime]()
    asked = set(of)
    for one, other, moment in sorted(edges, key=lambda edge: edge[2]):
        left, right = group.setdefault(one, {one}), group.setdefault(other, {other})
        if left is right:
            continue
        for a, b in product(left & asked, right & asked):
            moments[a, b] = moments[b, a] = moment
        left |= right
        for member in right:
            group[member] = left

    def joined_at(one: Subject, other: Subject) -> datetime:
        return moments.get((one, other), NEVER)

    return joined_at


def _standing(words: Sequence[Entry], joined_at: JoinedAt) -> Standing:
    counting = [word for word in words if not (word.imported and word.state is State.GRANTED)] or words
    newest = dict[Subject, Entry]()  # an older word of an identifier overrules nothing that its newest does not
    for word in counting:
        known = newest.get(word.subject)
        if known is None or _rank(word) > _rank(known):
            newest[word.subject] = word
    last = list(newest.values())
    if len(last) > 1:
        last = [word for word in last if not any(_overrules(other, word, joined_at) for other in last)]
    decides = max(last, key=lambda word: (_STRICTNESS[word.state], *_rank(word)))
    until = min((word.expires_at for word in last if word.expires_at is not None), default=None)
    return Standing(decides.state, until if decides.state is State.GRANTED else None, decides)


def _overrules(one: Entry, other: Entry, joined_at: JoinedAt) -> bool:
    if one.subject == other.subject or one.occurred_at <= other.occurred_at:
        return False
    return one.occurred_at > joined_at(one.subject, other.subject)


def _rank(entry: Entry) -> tuple[datetime, int, bool, float, str]:
    """What puts one entry of an identifier before another: its time, then how strict it is."""
    ends = inf if entry.expires_at is None else entry.expires_at.timestamp()
    return entry.occurred_at, _STRICTNESS[entry.state], not entry.guardian, -ends, entry.entry_id
