"""Where people are: forgotten the moment they withdraw, and not to be multiplied by naming other devices."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from features.consent_import import import_consents
from features.identity import ANONYMOUS_ID, USER_ID
from features.import_file import ImportReport
from features.online.embedded import socket_path
from features.online.keys import live_state_of_user, presence_of
from features.online.live_events import LiveEvents, PlaceKind
from features.online.live_value import unpack as unpack_live
from features.online.presence_states import unpack
from features.progress import Silent
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.ids import UserId
from recommender.places.heard import Whereabouts
from serving.catalogue.overlay import CatalogueOverlay
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client, serving
from tests.integration.serving.test_withdrawal import never_follow

ANN, PHONE = {"user_id": "ann", "device_id": "d1"}, {"anonymous_id": "phone", "device_id": "d1"}
AS_ANN, AS_PHONE = (USER_ID, "ann"), (ANONYMOUS_ID, "phone")


@pytest.fixture
def aisle(valkey_data_dir: Path, tmp_path: Path) -> Aisle:
    shop = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    shop.publish("a1")
    return shop


async def say(aisle: Aisle, client: Client, state: str, *purposes: str) -> None:
    said = [
        {"user_id": "ann", "purpose": purpose, "state": state, "source": {"channel": "app"},
         "occurred_at": aisle.now.isoformat()}
        for purpose in purposes
    ]  # fmt: skip
    reply = await client.post("/v1/consents", json={"consents": said}, headers=aisle.secret_headers())
    assert reply.status_code == 200, reply.text
    aisle.later(seconds=1)


async def track(aisle: Aisle, client: Client, event: str, **properties: str) -> None:
    body = {"userId": "ann", "anonymousId": "phone", "event": event, "messageId": f"{event} {aisle.now}",
            "timestamp": aisle.now.isoformat(), "properties": properties}  # fmt: skip
    reply = await client.post("/v1/track", json=body, headers=aisle.secret_headers())
    assert reply.status_code == 200, reply.text


async def ask(aisle: Aisle, client: Client, subject: dict[str, str], name: str = "bread", major: int = 1) -> list[str]:
    heard = aisle.sighting(name, major=major)
    answer = await aisle.ask(client, heard, key=f"{subject} {aisle.now}", subject=subject, consent={})
    return answer["reason_codes"]


def whereabouts(aisle: Aisle, who: tuple[str, str]) -> Whereabouts:
    with Redis.from_url(str(aisle.settings.redis_url)) as redis:
        value: Any = redis.get(presence_of(who))
    return unpack(value or b"").whereabouts


def live_of_ann(aisle: Aisle) -> LiveEvents:
    with Redis.from_url(str(aisle.settings.redis_url)) as redis:
        value: Any = redis.get(live_state_of_user(UserId("ann")))
    return unpack_live([value])


def forget_all(aisle: Aisle) -> None:
    with Redis.from_url(str(aisle.settings.redis_url)) as redis:
        redis.flushall()


def test_a_withdrawal_forgets_where_a_person_is_at_every_worker(aisle: Aisle, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(aisle.app()) as one:
            await one.wait_until_ready()
            await say(aisle, one, "granted", PERSONALISATION, IN_STORE_LOCATION)
            await track(aisle, one, "Product Viewed", product_id="i3")
            await track(aisle, one, "Zone Entered", store_id="berlin", zone_id="berlin-bread")
            assert await ask(aisle, one, ANN) == ["dwell_not_met"]
            assert set(live_of_ann(aisle).places) == {PlaceKind.STORE, PlaceKind.ZONE}
            assert whereabouts(aisle, AS_ANN).stores
            monkeypatch.setattr(CatalogueOverlay, "follow", never_follow)
            async with serving(aisle.app()) as other:  # which from here on hears of no change
                await other.wait_until_ready()
                await say(aisle, one, "withdrawn", IN_STORE_LOCATION)
                for worker in (one, other):
                    assert await ask(aisle, worker, ANN) == ["no_consent"]
                    aisle.later(seconds=8)
                    assert await ask(aisle, worker, ANN | {"device_id": "d2"}) == ["no_consent"]
                await track(aisle, other, "Zone Entered", store_id="berlin", zone_id="berlin-milk")
                assert whereabouts(aisle, AS_ANN) == Whereabouts()
                live = live_of_ann(aisle)
                assert (live.places, len(live)) == ({}, 1)  # what they looked at is still theirs
                await say(aisle, one, "granted", IN_STORE_LOCATION)
                assert await ask(aisle, one, ANN) == ["dwell_not_met"]  # nothing is left of before
                aisle.later(seconds=1)
                assert await ask(aisle, other, ANN) == ["no_consent"]  # until it has heard of it

    forget_all(aisle)
    asyncio.run(main())


@pytest.mark.parametrize("purpose", [IN_STORE_LOCATION, PERSONALISATION])
def test_all_identifiers_of_who_withdraws_are_forgotten(aisle: Aisle, purpose: str) -> None:
    async def use(client: Client) -> None:
        await say(aisle, client, "granted", PERSONALISATION, IN_STORE_LOCATION)
        await track(aisle, client, "Product Viewed", product_id="i3")  # which makes the phone ann's
        await aisle.ask(client, aisle.sighting("bread"), subject=PHONE)
        assert await ask(aisle, client, ANN) == ["dwell_not_met"]
        assert all(whereabouts(aisle, who).devices for who in (AS_ANN, AS_PHONE))
        await say(aisle, client, "withdrawn", purpose)
        assert [whereabouts(aisle, who) for who in (AS_ANN, AS_PHONE)] == [Whereabouts()] * 2

    forget_all(aisle)
    aisle.run(use)


def test_another_device_at_each_call_gains_nothing(valkey_data_dir: Path, tmp_path: Path) -> None:
    often = {"most = 1\nhours = 72": "most = 9\nhours = 72"}  # so that only the campaign's own cap stops it
    aisle = Aisle(tmp_path, often, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    aisle.publish("a1")
    aisle.campaign("wine", caps=[{"most": 1, "per": "day", "of": "device"}])

    async def use(client: Client) -> None:
        await say(aisle, client, "granted", PERSONALISATION, IN_STORE_LOCATION)
        for number in range(5):  # none of them was here for long
            assert await ask(aisle, client, ANN | {"device_id": f"new {number}"}, "wine") == ["dwell_not_met"]
            aisle.later(seconds=8)
        assert await ask(aisle, client, ANN | {"device_id": "in Paris"}, major=2) == ["implausible_movement"]
        said: list[list[str]] = []
        for number in range(3):  # each stays for as long as it takes
            aisle.later(minutes=25)
            patient = ANN | {"device_id": f"patient {number}"}
            assert await ask(aisle, client, patient, "wine") == ["dwell_not_met"]
            aisle.later(seconds=8)
            said.append(await ask(aisle, client, patient, "wine"))
        assert said == [[], ["frequency_cap"], ["frequency_cap"]]

    forget_all(aisle)
    aisle.run(use)
    assert aisle.n_coupons() == 1
    assert aisle.ledger.verify() == []


def test_a_device_that_another_names_is_not_moved_by_that(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        await say(aisle, client, "granted", PERSONALISATION, IN_STORE_LOCATION)
        assert await ask(aisle, client, ANN) == ["dwell_not_met"]
        aisle.later(seconds=8)
        stranger = {"anonymous_id": "evil", "device_id": "d1"}  # ann's device, they say, is in Paris
        await aisle.ask(client, aisle.sighting("bread", major=2), subject=stranger)
        assert await ask(aisle, client, ANN) == []

    forget_all(aisle)
    aisle.run(use)


def test_a_withdrawal_in_a_file_forgets_as_well_and_says_where_it_could_not(aisle: Aisle, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    file.write_text(
        "user_id,purpose,state,occurred_at\n"
        f"ann,in_store_location,withdrawn,{(aisle.now + timedelta(minutes=1)).isoformat()}\n"
    )

    def import_it(**changed: Any) -> ImportReport:
        settings = aisle.settings.model_copy(update=changed)
        return import_consents(settings, file, Silent(), now=aisle.now + timedelta(hours=1))

    async def use(client: Client) -> None:
        await say(aisle, client, "granted", PERSONALISATION, IN_STORE_LOCATION)
        await track(aisle, client, "Zone Entered", store_id="berlin", zone_id="berlin-bread")
        assert await ask(aisle, client, ANN) == ["dwell_not_met"]
        away = await asyncio.to_thread(import_it, redis_url=f"unix://{tmp_path}/nobody.sock")
        assert (away.accepted, away.unforgotten) == (1, 1)
        assert whereabouts(aisle, AS_ANN).stores
        again = await asyncio.to_thread(import_it)
        assert (again.accepted, again.duplicates, again.unforgotten) == (0, 1, 0)
        assert whereabouts(aisle, AS_ANN) == Whereabouts()
        assert live_of_ann(aisle).places == {}

    forget_all(aisle)
    aisle.run(use)
