"""Blocks of mails, and what becomes of the links in them."""

from dataclasses import dataclass
from datetime import timedelta

from features.ledger.ledger import Ledger
from features.offer_rules import OfferRules
from features.online.mail_clicks import MailClicks
from features.sql.block_store import BlockStore
from features.sql.campaign_store import CampaignStore
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentStates
from recommender.ids import StoreId
from serving.consents import ConsentRecorder
from serving.email.links import MailLinks
from serving.email.messages import Writer
from serving.email.offer_links import ClaimCoupon
from serving.email.offers import MailOffers
from serving.email.unsubscribing import Unsubscribe
from serving.email.use_cases import FillBlocks
from serving.email.visits import Visits
from serving.mail_lists import MailLists
from serving.wiring.shared import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    """The use cases of mails; `kept`: how long their blocks are."""

    store: BlockStore
    kept: timedelta
    fill_blocks: FillBlocks
    links: MailLinks
    visits: Visits
    claim_coupon: ClaimCoupon
    unsubscribe: Unsubscribe


def mails(shared: Shared, ledger: Ledger, rules: OfferRules, record_consents: ConsentRecorder) -> Mails:
    """All of them."""
    stores, settings, permits = shared.stores, shared.settings, shared.permits
    engine, secret = stores.engine, stores.secret
    store, kept = BlockStore(engine, secret), timedelta(days=settings.mail_days)
    lists = MailLists(shared.recommend, CatalogueStore(engine), shared.campaigns, shared.segments_of)
    offers = MailOffers(
        engine=engine,
        ledger=ledger,
        store=CampaignStore(engine),
        secret=secret,
        find=shared.campaigns.find,
        rules=rules,
    )
    return Mails(
        store=store,
        kept=kept,
        fill_blocks=FillBlocks(
            store=store,
            writer=Writer(secret=secret, public_url=settings.reachable_url, lifetime=kept),
            offers=offers,
            catch_up=shared.overlay.catch_up,
            ledger_at=shared.ledger_at,
            may_mail=permits.mail,
            may_know=permits.personalise_mail,
            zone_of=shared.places.zone_of,
            know=lists,
            find_placement=shared.placements.find,
            compiled=shared.compiled,
        ),
        links=MailLinks(
            store=store,
            catalogue=CatalogueStore(engine),
            secret=secret,
            hosts=settings.linked_hosts,
            shop_url=settings.shop_url,
            sold_out_in=lambda store_id, item_id: shared.overlay.catalogue.is_sold_out_in(StoreId(store_id), item_id),
        ),
        visits=Visits(stores.stream, MailClicks(stores.redis), stores.metrics, secret, permits.log_of_mail),
        claim_coupon=ClaimCoupon(offers=offers, catch_up=shared.overlay.catch_up, may_mail=permits.mail, know=lists),
        unsubscribe=Unsubscribe(
            secret=secret,
            record=record_consents,
            states=ConsentStates(engine),
            is_erased=shared.suppressions.is_erased,
        ),
    )
