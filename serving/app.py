"""The application of one worker: everything is wired here."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache, lru_cache, partial

from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from features.breaker import Breaker
from features.campaigns import SegmentMembers, StoredCampaign
from features.controller import read_controller
from features.events.dead_letters import DeadLetters
from features.events.stream import EventStream
from features.identity import USER_ID, Contacts, Identifier, Presented, read_secret
from features.identity_rules import read_rules
from features.ledger.ledger import Ledger
from features.ledger.signing_keys import SigningKeys
from features.mails import Chosen
from features.markets import read_markets
from features.offer_rules import read_offer_rules
from features.online.connection import connect
from features.online.in_time import line_to
from features.online.limits import SharedLimits
from features.online.live_state import LiveState
from features.online.mail_clicks import MailClicks
from features.online.offer_answers import OfferAnswers
from features.online.presence_states import PresenceStates
from features.online.withdrawn import Forget
from features.place_rules import read_presence_rules
from features.privacy.desk import PrivacyDesk
from features.privacy.suppression import Suppressions
from features.sealing import BEACON_KEYS, sealing
from features.settings import Settings, read_settings
from features.sql.block_store import BlockStore
from features.sql.campaign_store import CampaignStore
from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import IdentifierState
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import breaker_of, open_engine
from features.sql.halt_store import HaltStore
from features.sql.identity_store import IdentityStore
from features.sql.key_store import KeyStore
from features.sql.place_store import PlaceStore
from features.sql.placement_store import PlacementStore
from features.sql.preference_store import PreferenceStore
from features.sql.profile_store import ProfileStore
from features.sql.stock_store import StockStore
from features.sql.trait_store import TraitStore
from recommender.consent import MARKETING_EMAIL, PERSONALISATION
from recommender.consent_laws import DEFAULT_MARKET, Circumstances, Law, Verdict
from recommender.ids import StoreId, UserId
from recommender.offers.response_cards import CouponCards
from recommender.rules.compiled import compile_rule
from serving.admission import Doorkeeper
from serving.artifact_watch import ArtifactWatch, hide_users
from serving.audit.routes import audit_routes
from serving.background import Background
from serving.campaigns.halting import halting_routes
from serving.campaigns.registry import Campaigns, Segments
from serving.campaigns.routes import campaign_routes
from serving.campaigns.use_cases import CampaignDesk
from serving.catalogue.change_signal import ChangeSignal
from serving.catalogue.numbers import ItemNumbers
from serving.catalogue.overlay import CatalogueOverlay
from serving.catalogue.routes import catalogue_routes
from serving.catalogue.use_cases import CatalogueDesk
from serving.clock import Clock, day_of, utc_now
from serving.consents import ConsentRecorder, Consents, Permissions
from serving.cors import Cors
from serving.coupons.baskets import Judge
from serving.coupons.guesses import FREE_CODES, CodeGuesses
from serving.coupons.routes import coupon_routes
from serving.coupons.use_cases import TillDesk
from serving.current import Current, Serving
from serving.decisions.routes import decision_routes
from serving.decisions.store import DecisionTraces
from serving.email.link_routes import link_routes
from serving.email.links import MailLinks
from serving.email.messages import Writer
from serving.email.offer_links import ClaimCoupon, offer_link_routes
from serving.email.offers import MailOffers
from serving.email.orders import Recipient
from serving.email.preview import preview_routes
from serving.email.routes import email_routes
from serving.email.unsubscribing import Unsubscribe
from serving.email.use_cases import FillBlocks
from serving.email.visits import Visits
from serving.envelope import Envelope
from serving.events.permitted import Permitted
from serving.events.routes import event_routes
from serving.events.suppressed import SuppressedPeople
from serving.events.use_cases import Ingest
from serving.gate import FREE_GUESSES, Gate
from serving.health.routes import health_routes
from serving.http_protocol import DOOR, REFUSAL
from serving.identities import Identities, Parted
from serving.json_route import ShortWay, short_ways
from serving.limits import Limits
from serving.lockout import Lockout
from serving.logs import PROCESS
from serving.mail_lists import MailLists
from serving.metrics import Metrics
from serving.offers.arms import Arms
from serving.offers.feedback import TakeFeedback
from serving.offers.rooms import Rooms
from serving.offers.routes import offer_routes
from serving.offers.settling import Settling
from serving.offers.use_cases import RequestOffer
from serving.offers.weighing import Weighing
from serving.openapi import describe
from serving.placements.registry import Placements, read_shipped
from serving.placements.routes import placement_routes
from serving.places.imports import import_routes
from serving.places.registry import PlaceRegistry
from serving.places.resolver import EidResolver
from serving.places.routes import place_routes
from serving.places.use_cases import PlaceDesk
from serving.preferences.page_routes import page_routes
from serving.preferences.routes import choices_routes
from serving.preferences.use_cases import ChoicesDesk
from serving.privacy.routes import privacy_routes
from serving.problems import answer_with_problems
from serving.profiles.routes import profile_routes
from serving.rates import Rates
from serving.rebuild import Rebuild
from serving.recommendations.exposures import Exposures
from serving.recommendations.live_reader import LiveReader
from serving.recommendations.questions import Caller
from serving.recommendations.replies import ItemFragments
from serving.recommendations.routes import recommendation_routes
from serving.recommendations.use_cases import STAGES, Recommend
from serving.refusal import Refusal
from serving.shared_counts import SharedCounts
from serving.shoppers import shopper_of
from serving.vitals import Vitals
from serving.warm_up import rehearse, warm_up

COMPILED_FILTERS = 512  # rules of request filters that a worker keeps compiled


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> FastAPI:
    """Build the application; without settings, those of the environment. Nothing is connected before it starts."""
    settings = settings or read_settings()
    engine, redis, metrics = open_engine(settings), connect(settings), Metrics()
    current, consents, placements = Current(), Consents(clock), Placements(read_shipped(settings))
    secret, rules = cache(lambda: read_secret(settings)), read_rules(settings)
    markets = read_markets(settings)
    suppressions = Suppressions(secret)
    permissions = Permissions(consents, suppressions, markets)
    counts = SharedLimits(redis)
    limits, guesses = Limits(counts, secret), Lockout(counts, secret, "credentials", free=FREE_GUESSES)
    codes = Lockout(counts, secret, "codes", free=FREE_CODES)
    gate = Gate(secret, settings.host, clock, limits=limits, guesses=guesses, rates=Rates(settings))
    places = PlaceRegistry()
    live, stream, traces = LiveState(redis), EventStream(redis, settings.stream_max_bytes), DecisionTraces(redis)

    def take_identifiers(changed: Sequence[IdentifierState]) -> None:
        consents.take_identifiers(changed)
        identities.take(changed)
        parted.take(changed)

    campaigns, segments = Campaigns(), Segments()

    def take_campaigns(changed: Sequence[StoredCampaign], filled: Sequence[SegmentMembers]) -> None:
        campaigns.take(changed)
        segments.take(filled)

    overlay = CatalogueOverlay(
        engine,
        ChangeSignal(redis),
        take_placements=placements.take_saved,
        take_consents=consents.take,
        take_keys=gate.take,
        take_identifiers=take_identifiers,
        take_suppressions=suppressions.take,
        take_places=places.take,
        take_campaigns=take_campaigns,
    )
    people, contacts = IdentityStore(engine, rules), Contacts(secret, rules.is_blocked)

    def has_withdrawn(user_id: UserId) -> bool:
        return consents.have_withdrawn(user_id) or suppressions.blocks(user_id, None)

    def ledger_at() -> int:
        return overlay.change_number

    identities = Identities(people, live, overlay.announce, has_withdrawn, ledger_at, clock)
    numbers, parted = ItemNumbers(CatalogueStore(engine), overlay), Parted()

    def permits(caller: Caller) -> bool:
        named = Presented(caller.user_id, caller.anonymous_id).identifiers()
        said = {} if caller.said is None else {PERSONALISATION: caller.said}
        law = law_of(caller.market, caller.store_id)
        here = Circumstances(law=law, said=said, signal=caller.signal, age=caller.age)
        return permissions.judge(PERSONALISATION, named, here).allows

    def may_mail(to: Recipient) -> Verdict:
        here = Circumstances(law=law_of(to.market, to.store_id), said={}, age=to.age)
        return permissions.judge(MARKETING_EMAIL, [(USER_ID, to.user_id)], here)

    def law_of(market: str | None, store_id: str | None) -> Law:
        in_store = None if store_id is None else places.market_of(store_id)
        return markets.law_of(in_store) if market is None else markets.law_in(market)

    def may_log(named: Sequence[Identifier]) -> bool:
        here = Circumstances(law=markets.law_of(None), said={})
        return permissions.judge(PERSONALISATION, named, here).allows

    def may_log_of_mail(user_id: str, chosen: Chosen | None) -> bool:
        named = [(USER_ID, user_id)]
        if chosen is None:  # where no law is known, only their own word counts
            return (
                permissions.judge(PERSONALISATION, named, Circumstances(law=law_of(None, None), said={}))
                is Verdict.GRANTED
            )
        # A market that is none any more has the strictest law.
        law = law_of(None, chosen.store_id) if chosen.market is None else markets.law_of(chosen.market)
        return permissions.judge(PERSONALISATION, named, Circumstances(law=law, said={})).allows

    def segments_of(user_id: UserId) -> frozenset[str]:
        return segments.of(*consents.same_person(user_id))

    def swap(serving: Serving) -> None:
        overlay.adopt(serving.catalogue)
        current.swap(serving)

    watch = ArtifactWatch(
        artifacts_dir=settings.artifacts_dir,
        current=current,
        build_catalogue=lambda loaded: overlay.build(loaded.items, loaded.manifest.change_number),
        warm_up=lambda serving: warm_up(serving, [entry.placement for entry in placements.all()], day_of(clock())),
        swap=swap,
        metrics=metrics,
        hide=lambda histories: hide_users(histories, suppressions),
    )
    exposures = Exposures(stream, traces.keep, live.merge, metrics)
    compiled, fragments = lru_cache(COMPILED_FILTERS)(compile_rule), ItemFragments()
    live_breaker, redis_breaker = Breaker(told=partial(metrics.breaker_turned, "live_state")), line_to(redis).breaker
    redis_breaker.told = partial(metrics.breaker_turned, "redis")
    breaker_of(engine).told = partial(metrics.breaker_turned, "sql")
    live_reader = LiveReader(
        live, metrics, settings.redis_deadline_ms / 1000, consents.hide_place, live_breaker, line_to(redis)
    )
    recommend = Recommend(
        current=current,
        find_placement=placements.find,
        permits=permits,
        ledger_at=ledger_at,
        parted_since=parted.since,
        live=live_reader,
        exposures=exposures,
        keep_trace=traces.keep,
        metrics=metrics,
        trace_sample=settings.trace_sample,
        compiled=compiled,
    )
    ledger = ConsentStore(engine)
    states = ConsentStates(engine)
    presences = PresenceStates(redis)
    record_consents = ConsentRecorder(
        store=ledger, states=states, announce=overlay.announce, forget=Forget(live, presences)
    )
    ingest = Ingest(
        stream=stream,
        live=live,
        number_of=numbers.of,
        look_up=numbers.look_up,
        permitted=Permitted(consents.answers, markets, places.market_of),
        suppressed=SuppressedPeople(suppressions, secret),
        ledger_at=ledger_at,
        recognise=identities.recognise,
        keep_traits=TraitStore(engine, rules).state,
        record_consents=record_consents,
        dead_letters=DeadLetters(settings.dead_letters_dir),
        contacts=contacts,
        count=metrics.events_judged,
        count_unkept=metrics.dead_letters_dropped,
    )
    rebuild = Rebuild(
        settings=settings,
        redis=redis,
        store=people,
        live=live,
        number_of=numbers.of,
        look_up=numbers.look_up,
        has_withdrawn=has_withdrawn,
        hides_place=lambda user_id: consents.hide_place([(USER_ID, str(user_id))]),
        ledger_at=ledger_at,
    )
    desk = CatalogueDesk(CatalogueStore(engine), StockStore(engine), overlay.announce)
    choices = ChoicesDesk(
        engine=engine,
        record=record_consents,
        consents=ledger,
        states=states,
        preferences=PreferenceStore(engine),
        profiles=ProfileStore(engine),
        refuse_erased=suppressions.refuse_erased,
    )
    controller, offer_rules = read_controller(settings), read_offer_rules(settings)
    coupon_ledger = Ledger(engine, secret, clock)
    tills = TillDesk(coupon_ledger, SigningKeys(engine, secret), Judge(lambda: overlay.catalogue), clock)
    settling = Settling(engine, coupon_ledger, tills.signing, secret)
    request_offer = RequestOffer(
        rules=offer_rules,
        presence_rules=read_presence_rules(settings),
        places=places.get,
        law_of=law_of,
        verdict=permissions.judge,
        ledger_at=ledger_at,
        read_live=live_reader.read_patiently,
        shopper_of=lambda user_id, known, serving, now: shopper_of(user_id, known, serving, now, parted.since),
        current=current.get,
        presences=presences,
        answers=OfferAnswers(redis),
        weighing=Weighing(
            rules=offer_rules,
            arms=Arms(campaigns, offer_rules.earnings),
            segments_of=segments_of,
            cards=CouponCards(),
        ),
        rooms=Rooms(engine, settling.readers, clock),
        settling=settling,
        stream=stream,
        metrics=metrics,
    )
    take_feedback = TakeFeedback(ledger=coupon_ledger, stream=stream, may_log=may_log)
    mails, mails_kept = BlockStore(engine, secret), timedelta(days=settings.mail_days)
    mail_offers = MailOffers(
        engine=engine,
        ledger=coupon_ledger,
        store=CampaignStore(engine),
        secret=secret,
        find=campaigns.find,
        rules=offer_rules,
    )
    mail_lists = MailLists(recommend, CatalogueStore(engine), campaigns, segments_of)
    fill_blocks = FillBlocks(
        store=mails,
        writer=Writer(secret=secret, public_url=settings.reachable_url, lifetime=mails_kept),
        offers=mail_offers,
        catch_up=overlay.catch_up,
        ledger_at=ledger_at,
        may_mail=may_mail,
        may_know=lambda to: permits(Caller(user_id=to.user_id, market=to.market, store_id=to.store_id, age=to.age)),
        zone_of=places.zone_of,
        know=mail_lists,
        find_placement=placements.find,
        compiled=recommend.compiled,
    )
    resolver = EidResolver(places.get, secret, clock)
    visits = Visits(stream, MailClicks(redis), metrics, secret, may_log_of_mail)
    links = MailLinks(
        store=mails,
        catalogue=CatalogueStore(engine),
        secret=secret,
        hosts=settings.linked_hosts,
        shop_url=settings.shop_url,
        sold_out_in=lambda store_id, item_id: overlay.catalogue.is_sold_out_in(StoreId(store_id), item_id),
    )
    claim_coupon = ClaimCoupon(offers=mail_offers, catch_up=overlay.catch_up, may_mail=may_mail, know=mail_lists)
    unsubscribe = Unsubscribe(secret=secret, record=record_consents, states=states, is_erased=suppressions.is_erased)
    refusal = Refusal(metrics, lambda: gate.origins)
    door = Doorkeeper(settings.queue_target_ms / 1000, settings.bulk_at_once, metrics)
    background = Background(
        door=door,
        engine=engine,
        redis=redis,
        overlay=overlay,
        watch=watch,
        exposures=exposures,
        ledger=coupon_ledger,
        resolver=resolver,
        visits=visits,
        vitals=Vitals(
            metrics,
            worker=os.environ.get(PROCESS, "worker-1"),
            caches={
                "credentials": lambda: gate.use,
                "identities": lambda: identities.use,
                "item_fragments": lambda: fragments.use,
                "filters": compiled.cache_info,
            },
        ),
        mails=mails,
        mails_kept=mails_kept,
        clock=clock,
        counts=SharedCounts(
            limits=limits, lockouts=[guesses, codes], take_uses=gate.take_uses, note_use=KeyStore(engine).note_use
        ),
    )
    campaign_desk = CampaignDesk(engine, segments, current, overlay.announce, clock)

    place_desk = PlaceDesk(PlaceStore(engine), overlay.announce, sealing(secret, BEACON_KEYS), clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, object]]:
        # One request is one core's work; threads of BLAS and faiss would only get into each other's way.
        with threadpool_limits(1):
            tasks = background.start()
            # A worker that begins beside others must not take calls away from them before it can answer.
            await live_reader.connect()
            await background.settled()
            await rehearse(recommend, [entry.placement for entry in placements.all()], fragments, clock)
            yield {"is_ready": lambda: current.artifact_id is not None, DOOR: door, REFUSAL: refusal}
            await background.stop(tasks)

    app = FastAPI(lifespan=lifespan)
    app.state.gate, app.state.campaigns, app.state.segments, app.state.places = gate, campaigns, segments, places
    answer_with_problems(app)
    routers = (
        recommendation_routes(recommend, fragments, clock),
        event_routes(ingest, clock),
        catalogue_routes(desk, clock),
        placement_routes(placements, PlacementStore(engine), overlay.announce),
        campaign_routes(campaign_desk),
        halting_routes(HaltStore(engine)),
        place_routes(place_desk, places.get),
        import_routes(place_desk.import_all),
        decision_routes(traces),
        preview_routes(current.get, markets.markets[DEFAULT_MARKET].locale),
        choices_routes(choices, controller, secret, settings.reachable_url, clock),
        page_routes(choices, controller, secret, clock),
        profile_routes(
            people, ProfileStore(engine), overlay.announce, rebuild, contacts, suppressions.refuse_erased, clock
        ),
        audit_routes(engine),
        coupon_routes(tills, CodeGuesses(codes, coupon_ledger.are_single, metrics.codes_refused)),
        offer_routes(request_offer, take_feedback, resolver.resolve, clock),
        email_routes(fill_blocks, clock),
        link_routes(links, visits, unsubscribe, limits, clock),
        offer_link_routes(links, visits, claim_coupon, limits, clock),
        privacy_routes(PrivacyDesk(settings, engine, clock), settings, overlay.announce, contacts),
        health_routes(current, engine, metrics, stream, lambda: watch.why_not, live_breaker, redis_breaker),
    )
    for routes in routers:
        app.router.routes.extend(routes.routes)  # `include_router` would build each of them once more
    ways = short_ways(routers)
    metrics.begin_at_zero(ways, STAGES, [entry.placement.placement_id for entry in placements.all()])
    app.add_middleware(ShortWay, ways=ways)
    app.add_middleware(Cors, origins=lambda: gate.origins)
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
