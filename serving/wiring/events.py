"""Events, what shoppers say of their consent in them and elsewhere, and live state made anew."""

from features.events.dead_letters import DeadLetters
from features.identity import USER_ID
from features.online.presence_states import PresenceStates
from features.online.withdrawn import Forget
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.trait_store import TraitStore
from serving.consents import ConsentRecorder
from serving.events.permitted import Permitted
from serving.events.suppressed import SuppressedPeople
from serving.events.use_cases import Ingest
from serving.rebuild import Rebuild
from serving.wiring.shared import Shared


def consent_recorder(shared: Shared) -> ConsentRecorder:
    """What writes down what shoppers say on purposes."""
    stores = shared.stores
    return ConsentRecorder(
        store=ConsentStore(stores.engine),
        states=ConsentStates(stores.engine),
        announce=shared.overlay.announce,
        forget=Forget(stores.live, PresenceStates(stores.redis)),
    )


def ingest(shared: Shared, record_consents: ConsentRecorder) -> Ingest:
    """What takes events in."""
    stores = shared.stores
    return Ingest(
        stream=stores.stream,
        live=stores.live,
        number_of=shared.numbers.of,
        look_up=shared.numbers.look_up,
        permitted=Permitted(shared.consents.answers, shared.markets, shared.places.market_of),
        suppressed=SuppressedPeople(shared.suppressions, stores.secret),
        ledger_at=shared.ledger_at,
        recognise=shared.identities.recognise,
        keep_traits=TraitStore(stores.engine, shared.identity_rules).state,
        record_consents=record_consents,
        dead_letters=DeadLetters(shared.settings.dead_letters_dir),
        contacts=shared.contacts,
        count=stores.metrics.events_judged,
        count_unkept=stores.metrics.dead_letters_dropped,
    )


def rebuild(shared: Shared) -> Rebuild:
    """What makes the live state of people from the log of events."""
    return Rebuild(
        settings=shared.settings,
        redis=shared.stores.redis,
        store=shared.people,
        live=shared.stores.live,
        number_of=shared.numbers.of,
        look_up=shared.numbers.look_up,
        has_withdrawn=shared.has_withdrawn,
        hides_place=lambda user_id: shared.consents.hide_place([(USER_ID, str(user_id))]),
        ledger_at=shared.ledger_at,
    )
