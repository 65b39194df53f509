"""`recommender events replay`: ingestion without a web server, wired for one run beside the service."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import cache

from redis.exceptions import RedisError

from features.events.dead_letters import DeadLetter, DeadLetters
from features.events.stream import EventStream
from features.identity import Contacts, read_secret
from features.identity_rules import read_rules
from features.markets import read_markets
from features.online.connection import connect
from features.online.live_state import LiveState
from features.online.presence_states import PresenceStates
from features.online.withdrawn import Forget
from features.privacy.suppression import Suppressions
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import read_standing
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import migrate, open_engine
from features.sql.identity_store import IdentityStore
from features.sql.trait_store import TraitStore
from recommender.errors import StoreUnavailable
from serving.catalogue.change_signal import ChangeSignal
from serving.clock import utc_now
from serving.consents import ConsentRecorder, Consents
from serving.events.permitted import Permitted
from serving.events.replay import ReplayReport, replay
from serving.events.suppressed import SuppressedPeople
from serving.events.use_cases import Ingest
from serving.identities import Identities
from serving.places.registry import PlaceRegistry


def replay_letters(settings: Settings, letters: Sequence[DeadLetter]) -> ReplayReport:
    """Take in the letters that fit now; the service may run meanwhile.

    Raises:
        StoreUnavailable: Redis or the database cannot be reached.
    """
    return asyncio.run(_replay(settings, letters))


async def _all_are_known(_: Iterable[str]) -> None:
    """The whole catalogue was read."""


async def _replay(settings: Settings, letters: Sequence[DeadLetter]) -> ReplayReport:
    engine, consents, rules = open_engine(settings), Consents(utc_now), read_rules(settings)
    migrate(engine)
    numbers = {str(item.item_id): item.item_number for item in CatalogueStore(engine).read_all()}
    standing = read_standing(engine)
    consents.take(standing.consents)
    dead_letters, secret = DeadLetters(settings.dead_letters_dir), cache(lambda: read_secret(settings))
    suppressions = Suppressions(secret)
    suppressions.take(standing.suppressions)
    places = PlaceRegistry()
    places.take(standing.places)
    async with connect(settings) as redis:
        signal, live = ChangeSignal(redis), LiveState(redis)

        async def announce() -> None:
            nonlocal standing
            await signal.announce()
            standing = read_standing(engine)
            consents.take(standing.consents)

        def ledger_at() -> int:
            return standing.change_number

        identities = Identities(
            IdentityStore(engine, rules),
            live,
            announce,
            has_withdrawn=consents.have_withdrawn,
            ledger_at=ledger_at,
            clock=utc_now,
        )
        ingest = Ingest(
            stream=EventStream(redis, settings.stream_max_bytes),
            live=live,
            number_of=numbers.get,
            look_up=_all_are_known,
            permitted=Permitted(consents.answers, read_markets(settings), places.market_of),
            ledger_at=ledger_at,
            recognise=identities.recognise,
            keep_traits=TraitStore(engine, rules).state,
            record_consents=ConsentRecorder(
                store=ConsentStore(engine),
                states=ConsentStates(engine),
                announce=announce,
                forget=Forget(live, PresenceStates(redis)),
            ),
            dead_letters=dead_letters,
            contacts=Contacts(secret, rules.is_blocked),
            suppressed=SuppressedPeople(suppressions, secret),
            count=lambda _: None,
            count_unkept=lambda _: None,
        )
        try:
            await redis.ping()
            return await replay(letters, ingest, dead_letters, utc_now())
        except (RedisError, OSError) as error:
            remedy = "Start `recommender serve` first: it owns the embedded Valkey."
            raise StoreUnavailable(f"Redis cannot be reached: {error}", remedy=remedy) from error
        finally:
            engine.dispose()
