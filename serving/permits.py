"""What may be done with somebody, by the law of where they are and what they said of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.identity import USER_ID, Identifier, Presented
from features.mails import Chosen
from features.markets import Markets
from recommender.consent import MARKETING_EMAIL, PERSONALISATION
from recommender.consent_laws import Circumstances, Law, Verdict
from serving.consents import Permissions
from serving.email.orders import Recipient
from serving.places.registry import PlaceRegistry
from serving.recommendations.questions import Caller


@dataclass(frozen=True, slots=True)
class Permits:
    """The gate of consent, asked by what each area knows of a person.

    Attributes:
        places: the market of a store.
    """

    permissions: Permissions
    markets: Markets
    places: PlaceRegistry

    def law_of(self, market: str | None, store_id: str | None) -> Law:
        """The law of a market, else of a store's, else the default's; raises InvalidInput for a market that is none."""
        in_store = None if store_id is None else self.places.market_of(store_id)
        return self.markets.law_of(in_store) if market is None else self.markets.law_in(market)

    def personalise(self, caller: Caller) -> bool:
        """Whether a caller may be answered by what is known of them; raises as `law_of` does."""
        named = Presented(caller.user_id, caller.anonymous_id).identifiers()
        said = {} if caller.said is None else {PERSONALISATION: caller.said}
        law = self.law_of(caller.market, caller.store_id)
        here = Circumstances(law=law, said=said, signal=caller.signal, age=caller.age)
        return self.permissions.judge(PERSONALISATION, named, here).allows

    def mail(self, to: Recipient) -> Verdict:
        """Whether somebody may be written to; raises as `law_of` does."""
        here = Circumstances(law=self.law_of(to.market, to.store_id), said={}, age=to.age)
        return self.permissions.judge(MARKETING_EMAIL, [(USER_ID, to.user_id)], here)

    def personalise_mail(self, to: Recipient) -> bool:
        """Whether a block for somebody may be decided by what is known of them; raises as `law_of` does."""
        return self.personalise(Caller(user_id=to.user_id, market=to.market, store_id=to.store_id, age=to.age))

    def log(self, named: Sequence[Identifier]) -> bool:
        """Whether an event of somebody may be kept under their name, where no law but the default's is known."""
        here = Circumstances(law=self.markets.law_of(None), said={})
        return self.permissions.judge(PERSONALISATION, named, here).allows

    def log_of_mail(self, user_id: str, chosen: Chosen | None) -> bool:
        """The same of who followed a link of a mail; `chosen`: what was decided for it, None where that is gone."""
        named = [(USER_ID, user_id)]
        if chosen is None:  # where no law is known, only their own word counts
            here = Circumstances(law=self.law_of(None, None), said={})
            return self.permissions.judge(PERSONALISATION, named, here) is Verdict.GRANTED
        # A market that is none any more has the strictest law.
        law = self.law_of(None, chosen.store_id) if chosen.market is None else self.markets.law_of(chosen.market)
        return self.permissions.judge(PERSONALISATION, named, Circumstances(law=law, said={})).allows
