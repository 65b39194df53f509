"""Ingestion over real stores, without the rest of the service."""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from features.events.dead_letters import DeadLetters
from features.events.stream import EventStream
from features.identity import USER_ID, Contacts, Identifier
from features.identity_rules import read_rules
from features.markets import read_markets
from features.online.live_state import LiveState
from features.privacy.suppression import Suppressions
from features.settings import Settings
from recommender.consent import PERSONALISATION
from recommender.consent_answers import SILENCE, Answer, Answers, pack_answers, strictest
from recommender.ids import ItemNumber
from serving.events.people import each_alone
from serving.events.permitted import AnswersOf, Permitted
from serving.events.suppressed import SuppressedPeople
from serving.events.use_cases import Ingest

if TYPE_CHECKING:
    from redis.asyncio import Redis


MARKETS = read_markets(Settings())


async def nothing_recorded(said: object) -> None:
    """For tests without a database: nobody says anything on consent."""
    raise AssertionError(said)


def answers_from(answer_of: Callable[[str], Answer]) -> AnswersOf:
    """What is on record of personalisation, by user id alone."""

    def answers(named: Iterable[Identifier]) -> Answers:
        said = [pack_answers({PERSONALISATION: answer_of(value)}) for kind, value in named if kind == USER_ID]
        return reduce(strictest, said, SILENCE)

    return answers


all_agreed = answers_from(lambda user_id: Answer.GRANTED)


async def all_are_known(item_ids: object) -> None:
    """For tests whose items are all at hand."""


def ingest_over(redis: "Redis", settings: Settings, **changes: Any) -> Ingest:
    """An `Ingest` of a shop that sells milk, whose shoppers all consent."""
    numbers: Mapping[str, ItemNumber] = {"milk": ItemNumber(1), "bread": ItemNumber(2), "sku-9": ItemNumber(9)}
    parts: dict[str, Any] = {
        "stream": EventStream(redis),
        "live": LiveState(redis),
        "number_of": numbers.get,
        "look_up": all_are_known,
        "permitted": Permitted(all_agreed, MARKETS, lambda store_id: None),
        "ledger_at": lambda: 0,
        "recognise": each_alone,
        "keep_traits": lambda stated, now: None,
        "record_consents": nothing_recorded,
        "dead_letters": DeadLetters(settings.dead_letters_dir),
        "contacts": Contacts(lambda: b"a secret of the tests", read_rules(settings).is_blocked),
        "suppressed": SuppressedPeople(
            Suppressions(lambda: b"a secret of the tests"), lambda: b"a secret of the tests"
        ),
        "count": lambda statuses: None,
        "count_unkept": lambda n: None,
    }
    return Ingest(**(parts | changes))
