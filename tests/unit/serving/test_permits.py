"""Whose law counts for whom, and what may be done where nobody can say."""

from datetime import UTC, datetime

import pytest

from features.identity import USER_ID
from features.mails import Chosen
from features.markets import read_markets
from features.privacy.suppression import Suppressions
from features.settings import Settings
from features.sql.consent_states import ConsentState
from features.sql.place_rows import PlacesChanged
from recommender.consent import MARKETING_EMAIL, State, fold
from recommender.consent_laws import DEFAULT_MARKET, Market, Markets, Verdict
from recommender.errors import InvalidInput
from recommender.ids import StoreId, UserId
from recommender.places.store import Store
from serving.consents import Consents, Permissions
from serving.email.orders import Recipient
from serving.permits import Permits
from serving.places.registry import PlaceRegistry
from serving.recommendations.questions import Caller
from tests.builders import said

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN, CALIFORNIAN, SAN_JOSE = UserId("ann"), "us-ca", StoreId("san jose")


def permits(state: State | None = None) -> Permits:
    """Of a shop in the European Union with a store in California; `state`: what Ann said on everything."""
    known = read_markets(Settings())
    laws, usual = known.laws, known.markets[DEFAULT_MARKET]
    californian = Market(market_id=CALIFORNIAN, law=laws["california"], currency="USD", locale="en-US")
    markets = Markets({DEFAULT_MARKET: usual, CALIFORNIAN: californian}, laws)
    consents, places = Consents(lambda: NOW), PlaceRegistry()
    if state is not None:
        entries = [said(ANN, state, NOW), said(ANN, state, NOW, entry_id="mail", purpose=MARKETING_EMAIL)]
        consents.take([ConsentState((USER_ID, ANN), fold(entries, lambda one, other: NOW))])
    store = Store(store_id=SAN_JOSE, name="San Jose", timezone="America/Los_Angeles", market=CALIFORNIAN)
    places.take(PlacesChanged({SAN_JOSE: store}, {}, {}))
    suppressions = Suppressions(lambda: b"secret")
    return Permits(Permissions(consents, suppressions, markets), markets, places)


def chosen(market: str | None) -> Chosen:
    return Chosen(items=("i1",), shown=(0,), recommendation_id="r", market=market)


def test_a_market_counts_before_a_store_and_a_store_before_the_default() -> None:
    gate = permits()
    assert gate.law_of(None, None).law_id == gate.law_of(DEFAULT_MARKET, SAN_JOSE).law_id == "eu"
    assert gate.law_of(None, SAN_JOSE).law_id == gate.law_of(CALIFORNIAN, None).law_id == "california"
    with pytest.raises(InvalidInput, match="atlantis"):
        gate.law_of("atlantis", SAN_JOSE)


def test_who_never_answered_is_known_only_where_the_law_asks_for_no_answer() -> None:
    gate = permits()
    assert not gate.personalise(Caller(user_id=ANN))
    assert gate.personalise(Caller(user_id=ANN, said=True))
    assert gate.personalise(Caller(user_id=ANN, store_id=SAN_JOSE, age=40))
    assert not gate.personalise(Caller(user_id=ANN, store_id=SAN_JOSE, age=40, signal=True))
    assert not gate.log([(USER_ID, ANN)])


@pytest.mark.parametrize("market", [None, CALIFORNIAN])
def test_a_no_stops_everything_everywhere(market: str | None) -> None:
    gate, to = permits(State.WITHDRAWN), Recipient(user_id=ANN, market=market)
    assert not gate.personalise(Caller(user_id=ANN, market=market, said=True))
    assert not gate.personalise_mail(to)
    assert gate.mail(to) is Verdict.REFUSED
    assert not gate.log([(USER_ID, ANN)])
    assert not gate.log_of_mail(ANN, chosen(market))


def test_of_a_mail_that_is_forgotten_only_their_own_word_counts() -> None:
    silent, agreed = permits(), permits(State.GRANTED)
    assert not silent.log_of_mail(ANN, None)
    assert agreed.log_of_mail(ANN, None)
    assert silent.log_of_mail(ANN, chosen(CALIFORNIAN))
    assert not silent.log_of_mail(ANN, chosen("a market that is none any more"))
