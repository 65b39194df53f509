"""What one identifier's standing answers are, packed in one small integer: two bits a purpose."""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum

from recommender.consent import PURPOSES, WHOLE, Standing, Standings, State

_SHIFT = {purpose: 2 * place for place, purpose in enumerate(PURPOSES)}

Answers = int  # 0: nothing was ever said
SILENCE: Answers = 0


class Answer(IntEnum):
    """What was said on a purpose, the stricter the larger; the value is stored in live state."""

    NONE = 0
    GRANTED = 1
    BY_GUARDIAN = 2  # granted for a child by who is responsible for it
    REFUSED = 3  # denied, withdrawn, or granted for a time that is over


def pack_answers(said: Mapping[str, Answer]) -> Answers:
    """Answers by purpose, packed."""
    return sum(answer << _SHIFT[purpose] for purpose, answer in said.items())


def answer_in(answers: Answers, purpose: str) -> Answer:
    """The answer on one purpose."""
    return Answer(answers >> _SHIFT[purpose] & 3)


def strictest(one: Answers, other: Answers) -> Answers:
    """Of each purpose the stricter of two answers; silence is none."""
    if one == other or not other:
        return one
    if not one:
        return other
    return sum(max(one >> shift & 3, other >> shift & 3) << shift for shift in _SHIFT.values())


def answers_of(standings: Standings) -> dict[str, Answer]:
    """The answers on whole purposes, before time ends any."""
    said = {purpose: found for purpose in PURPOSES if (found := standings.get((purpose, WHOLE))) is not None}
    return {purpose: _answer(found.state, guardian=found.entry.guardian) for purpose, found in said.items()}


def answer_at(standing: Standing, now: datetime) -> Answer:
    """The answer at a moment."""
    return answer_of(standing.state, standing.until, now, guardian=standing.entry.guardian)


def answer_of(state: State, until: datetime | None, now: datetime, *, guardian: bool) -> Answer:
    """What a word that ends by itself at `until` (None: it does not) comes to at a moment."""
    has_ended = until is not None and until <= now
    return Answer.REFUSED if has_ended else _answer(state, guardian=guardian)


def _answer(state: State, *, guardian: bool) -> Answer:
    if state is not State.GRANTED:
        return Answer.REFUSED
    return Answer.BY_GUARDIAN if guardian else Answer.GRANTED
