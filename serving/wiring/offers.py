"""Offers in the aisle, and the tills that take what was given."""

from features.ledger.ledger import Ledger
from features.ledger.signing_keys import SigningKeys
from features.offer_rules import OfferRules
from features.online.offer_answers import OfferAnswers
from features.online.presence_states import PresenceStates
from features.place_rules import read_presence_rules
from recommender.offers.response_cards import CouponCards
from serving.coupons.baskets import Judge
from serving.coupons.use_cases import TillDesk
from serving.offers.arms import Arms
from serving.offers.rooms import Rooms
from serving.offers.settling import Settling
from serving.offers.use_cases import RequestOffer
from serving.offers.weighing import Weighing
from serving.shoppers import shopper_of
from serving.wiring.shared import Shared


def till_desk(shared: Shared, ledger: Ledger) -> TillDesk:
    """What tills ask."""
    engine, secret = shared.stores.engine, shared.stores.secret
    return TillDesk(ledger, SigningKeys(engine, secret), Judge(lambda: shared.overlay.catalogue), shared.clock)


def request_offer(shared: Shared, ledger: Ledger, tills: TillDesk, rules: OfferRules) -> RequestOffer:
    """What answers an app that heard a beacon."""
    stores = shared.stores
    settling = Settling(stores.engine, ledger, tills.signing, stores.secret)
    return RequestOffer(
        rules=rules,
        presence_rules=read_presence_rules(shared.settings),
        places=shared.places.get,
        law_of=shared.permits.law_of,
        verdict=shared.permissions.judge,
        ledger_at=shared.ledger_at,
        read_live=shared.live_reader.read_along,
        shopper_of=lambda user_id, known, serving, now: shopper_of(user_id, known, serving, now, shared.parted.since),
        current=shared.current.get,
        presences=PresenceStates(stores.redis),
        answers=OfferAnswers(stores.redis),
        weighing=Weighing(
            rules=rules,
            arms=Arms(shared.campaigns, rules.earnings),
            segments_of=shared.segments_of,
            cards=CouponCards(),
        ),
        rooms=Rooms(stores.engine, settling.readers, shared.clock),
        settling=settling,
        stream=stores.stream,
        metrics=stores.metrics,
    )
