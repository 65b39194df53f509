"""The button of an offer in a mail: who may have the coupon is asked again when it is pressed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.contacts import NewContact, person_in, write_contact
from features.identity_rules import IdentityRules
from features.sql.campaign_store import CampaignStore
from features.sql.halt_store import HaltStore
from features.sql.identity_store import IdentityStore
from recommender.offers.campaign_life import Action
from recommender.offers.fatigue import About
from tests.integration.email.mailing import BROWSER, CODE, MailShop, to
from tests.integration.serving.shop import NOW, REGULAR, Client

NOT_MEANT, OVER = "not for you any more", "the offer has ended"


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> MailShop:
    return MailShop(tmp_path, valkey_data_dir)


def count_contacts(shop: MailShop, user: str, n: int) -> None:
    with shop.ledger.writing() as books:
        person = person_in(books, ("user_id", user))
        for number in range(n):
            about = About(channel="push", campaign_id=f"c{number}")
            write_contact(books, person, NewContact(contact_id=f"{user}-{number}", about=about))


def test_who_may_not_have_it_any_more_gets_no_coupon_and_is_told_why(shop: MailShop) -> None:
    month = f"{NOW + timedelta(days=30):%Y-%m-%dT%H:%M:%S}"
    made: dict[str, dict[str, Any]] = {
        "regulars": {"eligibility": "count(orders within 90 days) >= 2"}, "stores": {}, "held": {}, "capped": {},
        "paused": {}, "ended": {}, "killed": {}, "over": {"valid_until": month}, "left": {},
        "sold": {}, "halted": {},
    }  # fmt: skip
    for name, changed in made.items():
        shop.campaign(name, **({"products": "item.category == 'category 3'"} | changed))
    campaigns, links = CampaignStore(shop.engine), dict[str, str]()
    user_of = {name: REGULAR if name == "regulars" else f"u-{name}" for name in made}

    async def use(client: Client) -> None:
        await shop.agree(client, *user_of.values(), "eve")
        for name, user in user_of.items():
            there = {"user_id": user, "store_id": "berlin"}
            [block] = await shop.send(client, there, send=f"to-{name}", campaign_id=name)
            assert block["no_offer"] is None, name
            links[name] = block["offer"]["url"]

        async def is_refused(name: str, says: str) -> None:
            page = await client.post(links[name], headers=BROWSER)
            assert (page.status_code, says in page.text) == (409, True), (name, page.text)
            problem = await client.post(links[name], headers=BROWSER | {"accept": "*/*"})
            assert (problem.status_code, problem.json()["code"]) == (409, "no_coupon")
            assert says in problem.json()["detail"]

        await shop.agree(client, REGULAR, state="withdrawn", purposes=["personalisation"])
        await is_refused("regulars", NOT_MEANT)  # the rule is asked of a stranger
        await shop.agree(client, user_of["left"], state="withdrawn", purposes=["marketing_email"])
        await is_refused("left", "no mails from the shop")
        for name, change in (("stores", {"stores": ["paris"]}), ("held", {"holdout": 0.999999999})):
            before = campaigns.get(name)
            campaigns.replace(name, dict(before.definition) | change, if_match=before.change_number)
            await is_refused(name, NOT_MEANT)
        count_contacts(shop, user_of["capped"], 6)
        await is_refused("capped", "as many as one may have")
        stops: dict[str, Action] = {"paused": "pause", "ended": "end", "killed": "kill"}
        for name, action in stops.items():
            campaigns.move(name, action)
            await is_refused(name, OVER)
        halts = HaltStore(shop.engine)
        halts.halt("a test")
        await is_refused("halted", OVER)
        halts.lift("over")
        assert CODE.search((await client.post(links["halted"], headers=BROWSER)).text)
        for number in range(40):
            shop.change(f"i{number}", stock=0)
        await is_refused("sold", "sold out")
        assert CODE.search((await client.post(links["halted"], headers=BROWSER)).text)  # what one has one keeps
        shop.later(days=60)
        await is_refused("over", OVER)
        assert shop.n_coupons() == 1

    shop.run(use)
    assert shop.ledger.verify() == []


def test_an_age_that_the_caller_vouched_for_counts_at_the_button_too(shop: MailShop) -> None:
    shop.campaign("grown-up", eligibility="shopper.age >= 18", products="item.category == 'category 3'")

    async def use(client: Client) -> None:
        await shop.agree(client, "ann", "bob")
        ages = [{"user_id": "ann", "age": 30}, {"user_id": "bob", "age": 17}]
        ann, bob = await shop.send(client, *ages, campaign_id="grown-up")
        assert bob["no_offer"] == "not_eligible"
        assert CODE.search((await client.post(ann["offer"]["url"], headers=BROWSER)).text)

    shop.run(use)


def test_whoever_wants_less_of_a_category_is_shown_no_offer_of_it_by_mail(shop: MailShop) -> None:
    """The coupon of a mail is a contact with categories, as one of the aisle is."""
    shop.campaign("more-bread", products="item.category == 'category 0'", topic="")
    people = IdentityStore(shop.engine, IdentityRules())

    async def use(client: Client) -> None:
        await shop.agree(client, "ann", "bob")
        people.merge([("anonymous_id", "phone"), ("user_id", "ann")], "a test", shop.now)
        offer = (await shop.arrive(client))["offers"][0]
        url = f"/v1/offers/{offer['offer_id']}/feedback"
        less = {"kind": "less_like_this", "subject": {"anonymous_id": "phone"}}
        assert (await client.post(url, json=less, headers=shop.secret_headers())).json()["recorded"]
        shop.later(days=1)
        bread, bob = await shop.send(client, *to("ann", "bob"), send="s1", campaign_id="more-bread")
        [milk] = await shop.send(client, *to("ann"), send="s2", campaign_id="milk")
        assert [one["no_offer"] for one in (bread, bob, milk)] == ["cooldown", None, None]
        await client.post(bob["offer"]["url"], headers=BROWSER)
        with shop.ledger.writing() as books:
            [_, of_coupon] = [
                *books.connection.exec_driver_sql("SELECT categories FROM contacts WHERE coupon_id != ''")
            ]
        assert of_coupon == ('["category 0"]',)

    shop.run(use)
