"""What an event may be used for: the one gate, by the law of where it happened."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from features.identity import Identifier
from recommender.consent import PERSONALISATION, PURPOSES
from recommender.consent_answers import Answer, Answers, answer_in
from recommender.consent_laws import Circumstances, Law, Markets, judge
from serving.events.arrival import Arrival
from serving.events.reading import Reading, text_of

AnswersOf = Callable[[Iterable[Identifier]], Answers]  # what is on record of who comes under these identifiers


@dataclass(frozen=True, slots=True)
class Permitted:
    """Judges events.

    Attributes:
        answers_of: see AnswersOf.
        market_of_store: the market that a store is in; None: no such store.
    """

    answers_of: AnswersOf
    markets: Markets
    market_of_store: Callable[[str], str | None]

    def law_of(self, reading: Reading) -> Law:
        """The law of the event's market, else of its store's, else the default's; a market that is none is strict."""
        said = reading.call.properties or {}
        market, store_id = (_text(said.get(name)) for name in ("market", "store_id"))
        if market is None and store_id is not None:
            market = self.market_of_store(store_id)
        return self.markets.law_of(market)

    def names_nobody(self, reading: Reading, arrival: Arrival) -> bool:
        """Whether the browser's signal stops that the event names anybody."""
        return arrival.privacy_signal and PERSONALISATION in self.law_of(reading).signal_stops

    def purposes(self, reading: Reading, named: Iterable[Identifier], arrival: Arrival) -> list[str]:
        """Purposes in force, sorted, for an event that vouches for these identifiers."""
        consent = reading.context.consent
        said = {} if consent is None else consent.categoryPreferences
        here = Circumstances(law=self.law_of(reading), said=said, signal=arrival.privacy_signal)
        recorded = self.answers_of(named)
        return sorted(purpose for purpose in PURPOSES if judge(purpose, recorded, here).allows)

    def stopped_for_good(self, reading: Reading, subject: Identifier, arrival: Arrival) -> list[str]:
        """Purposes for which the signal is the answer of a known shopper, and a refusal is not on record yet."""
        if not arrival.privacy_signal or not (law := self.law_of(reading)).signal_is_answer:
            return []
        recorded = self.answers_of([subject])
        return sorted(purpose for purpose in law.signal_stops if answer_in(recorded, purpose) is not Answer.REFUSED)


def _text(given: object) -> str | None:
    return text_of(given) if isinstance(given, str | int) and given != "" else None
