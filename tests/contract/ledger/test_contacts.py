"""One contact budget of a person, whichever channel, identifier or device it comes by, however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from features.contacts import (
    KEPT,
    NewContact,
    count_contact,
    find_contact,
    forget_old,
    note_feedback,
    person_of,
    read_contacts,
    return_contact,
)
from features.identity import Identifier
from features.identity_rules import IdentityRules
from features.ledger.accounts import read_own
from features.ledger.ledger import Ledger
from features.ledger.room import look_at_room
from features.ledger.values import Allowance, Cap, Coupon, IssueRequest, Limit
from features.ledger.voiding import void
from features.sql.identity_store import IdentityStore
from recommender.offers.fatigue import About, ContactCap
from recommender.offers.refusal import Refusal

NOW, UTC_ZONE = datetime(2026, 11, 1, 12, tzinfo=UTC), ZoneInfo("UTC")
ANN: Identifier = ("user_id", "ann")
CAPS = [ContactCap(most=3, per="day"), ContactCap(of="channel", name="in_aisle", most=2, hours=24)]


def books_of(engine: Engine, now: datetime = NOW) -> Ledger:
    return Ledger(engine, lambda: b"s" * 32, lambda: now)


def contact(
    ledger: Ledger, contact_id: str, holder: Identifier = ANN, device: str | None = None, channel: str = "in_aisle"
) -> datetime | None:
    with ledger.writing() as books:
        person = person_of(books.connection, books.secret, holder, device)
        new = NewContact(contact_id=contact_id, about=About(channel=channel, campaign_id="c", topic="t"))
        return count_contact(books, person, new, CAPS, UTC_ZONE)


def counted(ledger: Ledger, holder: Identifier, device: str | None = None) -> int:
    with ledger.writing() as books:
        person = person_of(books.connection, books.secret, holder, device)
        return len(read_contacts(books.connection, person, books.now))


def test_many_who_ask_at_once_never_exceed_a_cap(engine: Engine) -> None:
    ledger = books_of(engine)
    with ThreadPoolExecutor(16) as askers:
        channels = ["push" if number % 2 else "in_aisle" for number in range(16)]
        free = list(askers.map(lambda one: contact(ledger, f"c{one[0]}", channel=one[1]), enumerate(channels)))
    assert free.count(None) == counted(ledger, ANN) == 3
    aisle = [time for time, channel in zip(free, channels, strict=True) if channel == "in_aisle"]
    assert aisle.count(None) <= 2
    assert all(time is None or time > NOW for time in free)


def test_identifiers_of_a_person_and_a_device_that_two_share_have_one_budget(engine: Engine) -> None:
    ledger, card = books_of(engine), ("loyalty_card", "4711")
    assert contact(ledger, "c1", ANN, "phone") is None
    assert contact(ledger, "c2", card) is None
    assert contact(ledger, "c3", ("anonymous_id", "v"), "phone") is None  # the device has heard twice now
    assert contact(ledger, "c4", ("anonymous_id", "another"), "phone") is not None
    assert counted(ledger, ANN) == 1
    IdentityStore(engine, IdentityRules()).merge([ANN, card], "a test", NOW)
    assert counted(ledger, ANN) == 2
    assert contact(ledger, "c5") is not None


def test_what_never_reached_anybody_is_given_back_and_what_was_said_is_kept(engine: Engine) -> None:
    ledger = books_of(engine)
    assert contact(ledger, "c1") is None
    assert contact(ledger, "c2") is None
    assert contact(ledger, "c3") == NOW + timedelta(days=1)
    with ledger.writing() as books:
        return_contact(books, "c1")
        note_feedback(books, "c2", "dismissed")
        known = find_contact(books.connection, "c2")
        assert known is not None
        assert known.feedback == "dismissed"
        assert find_contact(books.connection, "c3") is None
    assert contact(ledger, "c4") is None
    with ledger.writing() as books:
        kept = read_contacts(books.connection, person_of(books.connection, books.secret, ANN), NOW)
    assert [(one.feedback, one.refused_at) for one in kept] == [("dismissed", NOW), ("", None)]
    later = NOW + KEPT + timedelta(seconds=1)
    with books_of(engine, later).writing() as books:
        assert forget_old(books.connection, later) == 3
        assert find_contact(books.connection, "c2") is None


def request(campaign: str, decision: str = "d1", **changed: object) -> IssueRequest:
    stated = {
        "campaign_id": campaign, "decision_id": decision, "holder": ANN, "device_id": "phone", "store_id": "s1",
        "most_discount": 10, "valid_from": NOW, "valid_until": NOW + timedelta(hours=4),
    }  # fmt: skip
    return IssueRequest(**(stated | changed))  # pyright: ignore[reportArgumentType] - by name


def test_the_look_at_many_campaigns_says_what_issuing_each_would_and_a_voided_coupon_returns_all(
    engine: Engine,
) -> None:
    ledger = books_of(engine)
    limits: dict[str, dict[str, object]] = {
        "open": {}, "poor": {"budget": Limit(money=9)}, "once": {"caps": (Cap(1, "campaign", "shopper"),)},
        "device": {"caps": (Cap(1, "day", "device"),)}, "store": {"per_store": Limit(1)}, "closed": {"state": "closed"},
    }  # fmt: skip
    for name, limit in limits.items():
        stated = {"campaign_id": name, "version": 1, "state": "open", "timezone": "UTC", "currency": "EUR"}
        ledger.allow(Allowance(**(stated | limit)))  # pyright: ignore[reportArgumentType] - by name
    held = [ledger.issue(request(name, name)) for name in ("once", "device", "store")]
    asked = [request(name, f"{name}-2") for name in (*limits, "unknown")]

    def look() -> list[Refusal | None]:
        with ledger.writing() as books:
            wanted = {one.campaign_id: one.most_discount for one in asked}
            room = look_at_room(books.connection, wanted, "s1", NOW)
            person = person_of(books.connection, books.secret, ANN, "phone")
            used = read_own(books.connection, person.digests, person.device)
            refused = room.refused(wanted, person.shopper, person.device, used)
            return [refused.get(name) for name in wanted]

    full = [None, Refusal.BUDGET_EXHAUSTED, Refusal.FREQUENCY_CAP, Refusal.FREQUENCY_CAP, Refusal.BUDGET_EXHAUSTED]
    assert look() == [*full, Refusal.KILLED, Refusal.KILLED]
    with ledger.writing() as books:
        assert [isinstance(one, Coupon) and void(books, one.coupon_id) for one in held] == [True] * 3
        assert not any(isinstance(one, Coupon) and void(books, one.coupon_id) for one in held)
    said = look()
    assert said == [None, Refusal.BUDGET_EXHAUSTED, None, None, None, Refusal.KILLED, Refusal.KILLED]
    issued = [ledger.issue(one) for one in asked]
    assert [one if isinstance(one, Refusal) else None for one in issued] == said
    assert ledger.verify() == []
