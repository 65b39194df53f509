"""The in-aisle call at two workers on PostgreSQL: from the beacon to the till, and many at once on one small budget."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.ledger.values import Balance
from features.online.embedded import socket_path
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import serving

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

SHOPPERS, COUPONS, MOST_DISCOUNT = 24, 7, 40


@pytest.fixture
def aisle(valkey_data_dir: Path, tmp_path: Path, database_url: str) -> Iterator[Aisle]:
    shop = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}", database_url=database_url)
    shop.publish("a1")
    yield shop
    shop.engine.dispose()


def test_a_small_budget_is_drained_by_many_at_once_and_never_overdrawn(aisle: Aisle) -> None:
    # Either limit would do for seven: nobody may pass the one because the other has room.
    aisle.campaign("wine", budget={"count": COUPONS, "money": COUPONS * MOST_DISCOUNT + 5})
    people = [f"shopper {number}" for number in range(SHOPPERS)]

    async def main() -> None:
        async with serving(aisle.app()) as one, serving(aisle.app()) as other:
            for client in (one, other):
                await client.wait_until_ready()

            async def ask(place: int, who: str) -> tuple[str, str]:
                """What came of it; and the code, if there is one."""
                answer = await aisle.ask((one, other)[place % 2], aisle.sighting("wine"), who=who)
                [code] = [offer["coupon"]["code"] for offer in answer["offers"]] or [""]
                return (answer["reason_codes"] or ["offer"])[0], code

            first = await asyncio.gather(*(ask(place, who) for place, who in enumerate(people)))
            assert {outcome for outcome, _ in first} == {"dwell_not_met"}
            aisle.later(seconds=8)
            answers = await asyncio.gather(*(ask(place, who) for place, who in enumerate(people)))
            assert Counter(outcome for outcome, _ in answers) == {
                "offer": COUPONS, "budget_exhausted": SHOPPERS - COUPONS
            }  # fmt: skip
            held = Balance(COUPONS, 0, COUPONS * MOST_DISCOUNT, 0)
            assert aisle.ledger.balances("wine")["campaign", "", ""] == held
            basket = {"currency": "EUR", "lines": [{"item_id": "i2", "quantity": 1, "amount": 300}]}
            code = next(code for _, code in answers if code)
            sale = {"coupons": [code], "store_id": "berlin", "basket": basket, "order_id": "o1"}
            headers = aisle.secret_headers() | {"Idempotency-Key": "sale"}
            used = await asyncio.gather(
                *(client.post("/v1/redemptions", json=sale, headers=headers) for client in (one, other, one))
            )
            assert {reply.status_code for reply in used} <= {201, 409}
            assert 201 in {reply.status_code for reply in used}
            assert len({reply.content for reply in used if reply.status_code == 201}) == 1

    asyncio.run(main())
    used = Balance(COUPONS - 1, 1, (COUPONS - 1) * MOST_DISCOUNT, 30)
    assert aisle.ledger.balances("wine")["campaign", "", ""] == used
    assert aisle.n_coupons() == aisle.n_contacts() == COUPONS
    assert aisle.ledger.verify() == []
