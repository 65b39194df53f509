"""The application of one worker: its routes, in front of what `serving/wiring` puts together."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from features.controller import read_controller
from features.ledger.ledger import Ledger
from features.offer_rules import OfferRules, read_offer_rules
from features.privacy.desk import PrivacyDesk
from features.sealing import BEACON_KEYS, sealing
from features.settings import Settings, read_settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.halt_store import HaltStore
from features.sql.place_store import PlaceStore
from features.sql.placement_store import PlacementStore
from features.sql.preference_store import PreferenceStore
from features.sql.profile_store import ProfileStore
from features.sql.stock_store import StockStore
from recommender.consent_laws import DEFAULT_MARKET
from serving.admission import Doorkeeper
from serving.artifact_watch import ArtifactWatch
from serving.audit.routes import audit_routes
from serving.campaigns.halting import halting_routes
from serving.campaigns.routes import campaign_routes
from serving.campaigns.use_cases import CampaignDesk
from serving.catalogue.routes import catalogue_routes
from serving.catalogue.use_cases import CatalogueDesk
from serving.clock import Clock, utc_now
from serving.consents import ConsentRecorder
from serving.cors import Cors
from serving.coupons.guesses import CodeGuesses
from serving.coupons.routes import coupon_routes
from serving.decisions.routes import decision_routes
from serving.email.link_routes import link_routes
from serving.email.offer_links import offer_link_routes
from serving.email.preview import preview_routes
from serving.email.routes import email_routes
from serving.envelope import Envelope
from serving.events.routes import event_routes
from serving.events.use_cases import Ingest
from serving.health.routes import health_routes
from serving.http_protocol import DOOR, REFUSAL
from serving.json_route import ShortWay, short_ways
from serving.offers.feedback import TakeFeedback
from serving.offers.routes import offer_routes
from serving.openapi import describe
from serving.placements.routes import placement_routes
from serving.places.imports import import_routes
from serving.places.resolver import EidResolver
from serving.places.routes import place_routes
from serving.places.use_cases import PlaceDesk
from serving.preferences.page_routes import page_routes
from serving.preferences.routes import choices_routes
from serving.preferences.use_cases import ChoicesDesk
from serving.privacy.routes import privacy_routes
from serving.problems import answer_with_problems
from serving.profiles.routes import profile_routes
from serving.recommendations.replies import ItemFragments
from serving.recommendations.routes import recommendation_routes
from serving.recommendations.use_cases import STAGES
from serving.refusal import Refusal
from serving.warm_up import rehearse
from serving.wiring.background import artifact_watch, background
from serving.wiring.events import consent_recorder, ingest, rebuild
from serving.wiring.mails import Mails, mails
from serving.wiring.offers import request_offer, till_desk
from serving.wiring.shared import Shared


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> FastAPI:
    """Build the application; without settings, those of the environment. Nothing is connected before it starts."""
    shared = Shared(settings or read_settings(), clock)
    settings, metrics, fragments = shared.settings, shared.stores.metrics, ItemFragments()
    offer_rules, ledger = read_offer_rules(settings), Ledger(shared.stores.engine, shared.stores.secret, clock)
    record_consents = consent_recorder(shared)
    mail = mails(shared, ledger, offer_rules, record_consents)
    resolver = EidResolver(shared.places.get, shared.stores.secret, clock)
    door, watch = Doorkeeper(settings.queue_target_ms / 1000, settings.bulk_at_once, metrics), artifact_watch(shared)
    work = background(shared, door=door, watch=watch, ledger=ledger, resolver=resolver, mails=mail, fragments=fragments)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, object]]:
        # One request is one core's work; threads of BLAS and faiss would only get into each other's way.
        with threadpool_limits(1):
            tasks = work.start()
            # A worker that begins beside others must not take calls away from them before it can answer.
            await shared.live_reader.connect()
            await work.settled()
            await rehearse(shared.recommend, shared.placements.known(), fragments, clock)
            refusal = Refusal(metrics, lambda: shared.gate.origins)
            yield {"is_ready": lambda: shared.current.artifact_id is not None, DOOR: door, REFUSAL: refusal}
            await work.stop(tasks)

    # We count, log and trace by ourselves; FastAPI would ask at each request whether somebody has set up OpenTelemetry.
    app = FastAPI(lifespan=lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})
    app.state.gate, app.state.campaigns, app.state.segments = shared.gate, shared.campaigns, shared.segments
    app.state.places = shared.places
    answer_with_problems(app)
    routers = (
        *_answering(shared, fragments, ingest(shared, record_consents), watch),
        *_offering(shared, ledger, offer_rules, resolver),
        *_mailing(shared, mail),
        *_keeping(shared),
        *_of_people(shared, record_consents),
    )
    for routes in routers:
        app.router.routes.extend(routes.routes)  # `include_router` would build each of them once more
    ways = short_ways(routers)
    metrics.begin_at_zero(ways, STAGES, [placement.placement_id for placement in shared.placements.known()])
    app.add_middleware(ShortWay, ways=ways)
    app.add_middleware(Cors, origins=lambda: shared.gate.origins)
    app.add_middleware(
        Envelope,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        request_seconds=settings.request_seconds,
        slow_seconds=settings.slow_request_ms / 1000,
    )
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    describe(app)
    return app


def _answering(shared: Shared, fragments: ItemFragments, take: Ingest, watch: ArtifactWatch) -> Sequence[APIRouter]:
    stores, locale = shared.stores, shared.markets.markets[DEFAULT_MARKET].locale
    return (
        recommendation_routes(shared.recommend, fragments, shared.clock),
        event_routes(take, shared.clock),
        decision_routes(stores.traces),
        preview_routes(shared.current.get, locale),
        health_routes(
            shared.current, stores.engine, stores.metrics, stores.stream, lambda: watch.why_not,
            stores.live_breaker, stores.redis_breaker,
        ),
    )  # fmt: skip


def _offering(shared: Shared, ledger: Ledger, rules: OfferRules, resolver: EidResolver) -> Sequence[APIRouter]:
    tills, metrics = till_desk(shared, ledger), shared.stores.metrics
    feedback = TakeFeedback(ledger=ledger, stream=shared.stores.stream, may_log=shared.permits.log)
    return (
        offer_routes(request_offer(shared, ledger, tills, rules), feedback, resolver.resolve, shared.clock),
        coupon_routes(tills, CodeGuesses(shared.codes, ledger.are_single, metrics.codes_refused)),
    )


def _mailing(shared: Shared, mail: Mails) -> Sequence[APIRouter]:
    limits, clock = shared.limits, shared.clock
    return (
        email_routes(mail.fill_blocks, clock),
        link_routes(mail.links, mail.visits, mail.unsubscribe, limits, clock),
        offer_link_routes(mail.links, mail.visits, mail.claim_coupon, limits, clock),
    )


def _keeping(shared: Shared) -> Sequence[APIRouter]:
    """What the shop states of itself: catalogue, placements, campaigns, places."""
    engine, clock, announce = shared.stores.engine, shared.clock, shared.overlay.announce
    places = PlaceDesk(PlaceStore(engine), announce, sealing(shared.stores.secret, BEACON_KEYS), clock)
    return (
        catalogue_routes(CatalogueDesk(CatalogueStore(engine), StockStore(engine), announce), clock),
        placement_routes(shared.placements, PlacementStore(engine), announce),
        campaign_routes(CampaignDesk(engine, shared.segments, shared.current, announce, clock)),
        halting_routes(HaltStore(engine)),
        place_routes(places, shared.places.get),
        import_routes(places.import_all),
    )


def _of_people(shared: Shared, record_consents: ConsentRecorder) -> Sequence[APIRouter]:
    """What shoppers choose, what is known of them, and who changed what."""
    settings, engine, secret, clock = shared.settings, shared.stores.engine, shared.stores.secret, shared.clock
    announce, refuse_erased = shared.overlay.announce, shared.suppressions.refuse_erased
    choices = ChoicesDesk(
        engine=engine,
        record=record_consents,
        consents=ConsentStore(engine),
        states=ConsentStates(engine),
        preferences=PreferenceStore(engine),
        profiles=ProfileStore(engine),
        refuse_erased=refuse_erased,
    )
    controller, privacy = read_controller(settings), PrivacyDesk(settings, engine, clock)
    return (
        choices_routes(choices, controller, secret, settings.reachable_url, clock),
        page_routes(choices, controller, secret, clock),
        profile_routes(
            shared.people, ProfileStore(engine), announce, rebuild(shared), shared.contacts, refuse_erased, clock
        ),
        privacy_routes(privacy, settings, announce, shared.contacts),
        audit_routes(engine),
    )
