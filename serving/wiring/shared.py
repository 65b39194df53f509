"""What the parts of a worker share: its stores, what it follows of SQL, and who may do what."""

from collections.abc import Sequence
from functools import cache, lru_cache, partial

from features.breaker import Breaker
from features.campaigns import SegmentMembers, StoredCampaign
from features.events.stream import EventStream
from features.identity import Contacts, read_secret
from features.identity_rules import read_rules
from features.markets import read_markets
from features.online.connection import connect
from features.online.in_time import line_to
from features.online.limits import SharedLimits
from features.online.live_state import LiveState
from features.privacy.suppression import Suppressions
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import IdentifierState
from features.sql.engine import breaker_of, open_engine
from features.sql.identity_store import IdentityStore
from recommender.ids import UserId
from recommender.rules.compiled import compile_rule
from serving.campaigns.registry import Campaigns, Segments
from serving.catalogue.change_signal import ChangeSignal
from serving.catalogue.numbers import ItemNumbers
from serving.catalogue.overlay import CatalogueOverlay
from serving.clock import Clock
from serving.consents import Consents, Permissions
from serving.coupons.guesses import FREE_CODES
from serving.current import Current
from serving.decisions.store import DecisionTraces
from serving.gate import FREE_GUESSES, Gate
from serving.identities import Identities, Parted
from serving.limits import Limits
from serving.lockout import Lockout
from serving.metrics import Metrics
from serving.permits import Permits
from serving.placements.registry import Placements, read_shipped
from serving.places.registry import PlaceRegistry
from serving.rates import Rates
from serving.recommendations.exposures import Exposures
from serving.recommendations.live_reader import LiveReader
from serving.recommendations.use_cases import Recommend

COMPILED_FILTERS = 512  # rules of request filters that a worker keeps compiled


class Stores:
    """The connections of a worker, and what it counts of them; nothing is connected before it is asked."""

    def __init__(self, settings: Settings) -> None:
        self.engine, self.redis, self.metrics = open_engine(settings), connect(settings), Metrics()
        self.secret = cache(lambda: read_secret(settings))
        self.live, self.stream = LiveState(self.redis), EventStream(self.redis, settings.stream_max_bytes)
        self.traces, self.counts = DecisionTraces(self.redis), SharedLimits(self.redis)
        self.live_breaker = Breaker(told=partial(self.metrics.breaker_turned, "live_state"))
        self.redis_breaker = line_to(self.redis).breaker
        self.redis_breaker.told = partial(self.metrics.breaker_turned, "redis")
        breaker_of(self.engine).told = partial(self.metrics.breaker_turned, "sql")


class Shared:
    """What several parts need of the others.

    Attributes:
        overlay: tells everything here that follows SQL what changed in it.
        guesses, codes: those at credentials, and at codes of coupons.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Build it; raises what the files of the configuration raise when they do not hold."""
        self.settings, self.clock = settings, clock
        self.stores = stores = Stores(settings)
        self.current, self.placements, self.places = Current(), Placements(read_shipped(settings)), PlaceRegistry()
        self.campaigns, self.segments = Campaigns(), Segments()
        self.consents, self.markets = Consents(clock), read_markets(settings)
        self.suppressions, self.parted = Suppressions(stores.secret), Parted()
        self.permissions = Permissions(self.consents, self.suppressions, self.markets)
        self.permits = Permits(self.permissions, self.markets, self.places)
        self.limits = Limits(stores.counts, stores.secret)
        self.guesses = Lockout(stores.counts, stores.secret, "credentials", free=FREE_GUESSES)
        self.codes = Lockout(stores.counts, stores.secret, "codes", free=FREE_CODES)
        self.gate = Gate(
            stores.secret, settings.host, clock, limits=self.limits, guesses=self.guesses, rates=Rates(settings)
        )
        self.overlay = CatalogueOverlay(
            stores.engine,
            ChangeSignal(stores.redis),
            take_placements=self.placements.take_saved,
            take_consents=self.consents.take,
            take_keys=self.gate.take,
            take_identifiers=self._take_identifiers,
            take_suppressions=self.suppressions.take,
            take_places=self.places.take,
            take_campaigns=self._take_campaigns,
        )
        self.identity_rules = read_rules(settings)
        self.people = IdentityStore(stores.engine, self.identity_rules)
        self.contacts = Contacts(stores.secret, self.identity_rules.is_blocked)
        self.identities = Identities(
            self.people, stores.live, self.overlay.announce, self.has_withdrawn, self.ledger_at, clock
        )
        self.numbers = ItemNumbers(CatalogueStore(stores.engine), self.overlay)
        self.exposures = Exposures(stores.stream, stores.traces.keep, stores.live.merge, stores.metrics)
        self.live_reader = LiveReader(
            stores.live, stores.metrics, settings.redis_deadline_ms / 1000, self.consents.hide_place,
            stores.live_breaker,
        )  # fmt: skip
        self.compiled = lru_cache(COMPILED_FILTERS)(compile_rule)
        self.recommend = Recommend(
            current=self.current,
            find_placement=self.placements.find,
            permits=self.permits.personalise,
            ledger_at=self.ledger_at,
            parted_since=self.parted.since,
            live=self.live_reader,
            exposures=self.exposures,
            keep_trace=stores.traces.keep,
            metrics=stores.metrics,
            trace_sample=settings.trace_sample,
            compiled=self.compiled,
        )

    def ledger_at(self) -> int:
        """The change number up to which the ledger of consents is known."""
        return self.overlay.change_number

    def has_withdrawn(self, user_id: UserId) -> bool:
        """Whether nothing personal of a shopper may be used, by their word or their erasure."""
        return self.consents.have_withdrawn(user_id) or self.suppressions.blocks(user_id, None)

    def segments_of(self, user_id: UserId) -> frozenset[str]:
        """The segments that the person is in who has a user id."""
        return self.segments.of(*self.consents.same_person(user_id))

    def _take_identifiers(self, changed: Sequence[IdentifierState]) -> None:
        self.consents.take_identifiers(changed)
        self.identities.take(changed)
        self.parted.take(changed)

    def _take_campaigns(self, changed: Sequence[StoredCampaign], filled: Sequence[SegmentMembers]) -> None:
        self.campaigns.take(changed)
        self.segments.take(filled)
