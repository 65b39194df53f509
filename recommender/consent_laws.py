"""The one gate: whether a purpose may be served to this shopper, here and now, and if not, why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from recommender.consent_answers import Answer, Answers, answer_in
from recommender.errors import InvalidInput

STRICT, DEFAULT_MARKET = "strict", "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What we take a law to be; recommender/config/laws.toml says what each field means. No legal advice."""

    law_id: str
    title: str
    without_answer: frozenset[str]
    signal_stops: frozenset[str]
    signal_is_answer: bool
    alone_from: int
    unknown_age: Literal["adult", "child"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Where the shop sells: whose law counts, the currency (ISO 4217) and the locale (BCP 47)."""

    market_id: str
    law: Law
    currency: str
    locale: str


class Verdict(StrEnum):
    """Whether a purpose may be served, and why."""

    GRANTED = "granted"  # the shopper said so
    LAWFUL = "lawful"  # nobody was asked, and the law asks for no answer
    SUPPRESSED = "suppressed"  # erased, or restricted: what is kept of them may not be used
    REFUSED = "refused"  # on record: denied, withdrawn, or granted for a time that is over
    DECLINED = "declined"  # the visitor says so with this call
    SIGNAL = "signal"  # the browser's Global Privacy Control
    CHILD = "child"  # too young to agree alone, and no guardian did
    UNASKED = "unasked"  # the law asks for an answer, and there is none

    @property
    def allows(self) -> bool:
        """Whether the purpose may be served."""
        return self in {Verdict.GRANTED, Verdict.LAWFUL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a call says of itself.

    Attributes:
        said: the visitor's word on purposes, of now; it fills silence, and never widens what is on record.
        signal: the browser sent `Sec-GPC: 1`.
        age: in years, if somebody vouches for it.
    """

    law: Law
    said: Mapping[str, bool]
    signal: bool = False
    age: int | None = None


def judge(purpose: str, recorded: Answers, here: Circumstances) -> Verdict:
    """Whether a purpose may be served to somebody with these answers on record; the strictest reason comes first."""
    law, answer, said = here.law, answer_in(recorded, purpose), here.said.get(purpose)
    if answer is Answer.REFUSED:
        return Verdict.REFUSED
    if said is False:
        return Verdict.DECLINED
    if here.signal and purpose in law.signal_stops:
        return Verdict.SIGNAL
    is_child = law.unknown_age == "child" if here.age is None else here.age < law.alone_from
    if is_child and answer is not Answer.BY_GUARDIAN:
        return Verdict.CHILD
    if answer is not Answer.NONE or said:
        return Verdict.GRANTED
    return Verdict.LAWFUL if purpose in law.without_answer else Verdict.UNASKED


class Markets:
    """The markets of a shop, and the law of each."""

    def __init__(self, markets: Mapping[str, Market], laws: Mapping[str, Law]) -> None:
        self.markets, self.laws = markets, laws

    def law_of(self, market: str | None) -> Law:
        """The law of a market as somebody's data names it: an unknown one has the strictest; None: the default's."""
        found = self.markets.get(DEFAULT_MARKET if market is None else market)
        return self.laws[STRICT] if found is None else found.law

    def law_in(self, market: str | None) -> Law:
        """The law of the market that a caller names; None: the default's.

        Raises:
            InvalidInput: there is no such market.
        """
        if market is not None and market not in self.markets:
            raise InvalidInput(
                f"there is no market {market[:40]!r}",
                field="market",
                remedy=f"Name one of {', '.join(sorted(self.markets))}, or add it to markets.toml (docs/consent.md).",
            )
        return self.law_of(market)
