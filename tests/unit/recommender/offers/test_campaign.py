"""A campaign is read from its definition or refused with the field; its limits say what it can cost."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalogue import Catalogue
from recommender.errors import Conflict, InvalidCampaign, InvalidRule, RecommenderError
from recommender.offers.campaign import Cap, parse_campaign
from recommender.offers.campaign_cost import Bound, days_of, most_cost, periods_of
from recommender.offers.campaign_life import next_state
from recommender.offers.campaign_lint import find_contradictions, find_flaws, worst_first
from recommender.offers.products import Products
from recommender.offers.terms import parse_terms
from tests.builders import item

NOW = datetime(2026, 12, 5, tzinfo=UTC)
PASTA: dict[str, Any] = {
    "title": "Pasta", "currency": "EUR", "timezone": "Europe/Vienna",
    "discount": {"kind": "percent", "percent": 20, "max_discount": 150},
    "valid_from": "2026-12-01T00:00:00", "valid_until": "2026-12-11T00:00:00",
    "budget": {"money": 1500}, "caps": [{"most": 1}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"discount": {"kind": "percent", "percent": 20}}, "discount.max_discount"),
        ({"discount": {"kind": "half"}}, "discount.kind"),
        ({"discount": {"kind": "amount", "amount": -1}}, "discount.amount"),
        ({"budget": {"moneys": 1}}, "budget.moneys"),
        ({"budget": {"per_day": {"count": 0}}}, "budget.per_day.count"),
        ({"caps": [{"most": 1}, {"most": "one"}]}, "caps[1].most"),
        ({"stacking": {"clas": "a"}}, "stacking.clas"),
        ({"titel": "x"}, "titel"),
        ({"valid_from": "2026-12-01T00:00:00Z"}, "valid_from"),
        ({"valid_until": "2026-12-01T00:00:00"}, "valid_until"),
        ({"timezone": "Europe/Wien"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"currency": "EUR\n"}, "currency"),
        ({"products": 3}, "products"),
        ({"products": "shopper.n_baskets > 1"}, "products"),
        ({"eligibility": "item.price > 100"}, "eligibility"),
        ({"items": []}, "items"),
        ({"stores": []}, "stores"),
        ({"holdout": 1.0}, "holdout"),
        ({"codes": "generic", "offline_allowed": True}, "offline_allowed"),
        ({"code": "SPRING-20"}, "codes"),
        ({"codes": "generic", "code": "spring"}, "code"),
        ({"codes": "generic", "code": "SPRING-20", "eligibility": "shopper.n_baskets > 1"}, "eligibility"),
        ({"codes": "generic", "code": "SPRING-20", "holdout": 0.1}, "holdout"),
        ({"codes": "generic", "code": "SPRING-20", "caps": [{"most": 1, "of": "device", "per": "day"}]}, "caps"),
        ({"campaign_id": "other"}, "campaign_id"),
    ],
)
def test_what_does_not_hold_is_refused_by_its_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidCampaign) as refused:
        parse_campaign("pasta", PASTA | changed)
    assert (refused.value.field, bool(refused.value.remedy)) == (field, True)


def test_a_rule_that_cannot_be_parsed_names_its_place() -> None:
    with pytest.raises(InvalidRule) as refused:
        parse_campaign("pasta", PASTA | {"products": "item.pric > 3"})
    assert (refused.value.field, refused.value.position) == ("products", 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*PASTA, "products", "items", "stores", "eligibility", "stacking", "holdout"]), JSON)
def test_any_json_is_read_or_refused_with_a_field(name: str, value: object) -> None:
    refused = None
    try:
        parse_campaign("pasta", PASTA | {name: value})
    except RecommenderError as error:
        refused = error.field or "nothing"
    assert refused is None or refused.partition(".")[0].partition("[")[0] in {name, "valid_until"}


def test_a_till_reads_the_same_terms() -> None:
    definition = PASTA | {"items": ["a", "b"], "basket": {"minimum_quantity": 2}, "priority": -3}
    campaign, terms = parse_campaign("pasta", definition), parse_terms(definition)
    for name in ("discount", "items", "basket", "stacking", "priority", "title"):
        assert getattr(campaign, name) == getattr(terms, name)


def test_validity_is_by_the_clock_of_the_store() -> None:
    campaign, tokyo = parse_campaign("pasta", PASTA), ZoneInfo("Asia/Tokyo")
    midnight = datetime(2026, 12, 1, tzinfo=tokyo)
    assert campaign.is_valid_at(midnight, tokyo)
    assert not campaign.is_valid_at(midnight - timedelta(seconds=1), tokyo)
    assert not campaign.is_valid_at(midnight)
    assert not campaign.is_valid_at(datetime(2026, 12, 11, tzinfo=tokyo), tokyo)


def test_products_pass_the_rule_and_the_list() -> None:
    catalogue = Catalogue.of([item(number) for number in range(4)])
    rule = parse_campaign("pasta", PASTA | {"products": "item.id != 'i1'"}).products
    both = Products(rule, {"i1", "i2", "gone"})
    assert both.rows(catalogue, 1.0).tolist() == [2]
    assert [both.cover(name, catalogue, 1.0) for name in ("i0", "i1", "i2", "gone")] == [False, False, True, False]
    assert Products(None, {"gone"}).cover("gone", catalogue, 1.0)  # a till sells what we do not know
    assert Products().rows(catalogue, 1.0).tolist() == [0, 1, 2, 3]


def lint(changed: dict[str, Any], segments: dict[str, int] | None = None) -> list[tuple[str, str, str]]:
    campaign, catalogue = parse_campaign("pasta", PASTA | changed), Catalogue.of([item(0), item(1)])
    found = [*find_contradictions(campaign), *find_flaws(campaign, NOW, catalogue, segments or {})]
    return [(finding.severity, finding.code, finding.field) for finding in worst_first(found)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"products": "item.price < 1 and item.price > 2"},
         [("error", "products_contradiction", "products"), ("error", "no_products", "products")]),
        ({"eligibility": "shopper.age < 1 and shopper.age > 2"},
         [("error", "eligibility_contradiction", "eligibility")]),
        ({"products": "item.category == 'NONE'"}, [("error", "no_products", "products")]),
        ({"items": ["i0", "gone"]}, [("warning", "items_unknown", "items")]),
        ({"valid_until": "2026-12-05T00:00:00"}, [("error", "over", "valid_until")]),
        ({"budget": {"money": 149}}, [("error", "budget_below_coupon", "budget.money")]),
        ({"budget": {"money": 1500, "per_day": {"money": 100}}},
         [("error", "budget_below_coupon", "budget.per_day.money")]),
        ({"budget": {"count": 5, "per_day": {"count": 6}}}, [("warning", "part_above_budget", "budget.per_day")]),
        ({"budget": {}}, [("warning", "no_budget", "budget")]),
        ({"caps": []}, [("warning", "no_cap", "caps")]),
        ({"budget": {"count": 5}, "caps": [{"most": 6}]}, [("warning", "cap_above_budget", "caps[0].most")]),
        ({"eligibility": "'vip' in shopper.segments"}, [("warning", "segment_empty", "eligibility")]),
        ({"sensitive": True, "eligibility": "shopper.n_baskets > 1"},
         [("error", "sensitive_targeted", "eligibility")]),
        ({"discount": {"kind": "amount", "amount": 50}},
         [("warning", "worth_more_than_products", "basket.minimum_amount")]),
    ],
)  # fmt: skip
def test_the_linter_finds(changed: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert lint(changed) == expected


def test_a_segment_with_members_is_fine() -> None:
    assert lint({"eligibility": "'vip' in shopper.segments"}, {"vip": 3}) == []


@pytest.mark.parametrize(
    ("changed", "shoppers", "coupons", "money"),
    [
        ({}, None, Bound(None, None), Bound(1500, "budget.money")),
        ({"budget": {"count": 4}}, None, Bound(4, "budget.count"), Bound(600, "budget.count")),
        ({"budget": {"per_day": {"count": 3}}}, None, Bound(30, "budget.per_day.count"),
         Bound(4500, "budget.per_day.count")),
        ({"budget": {"per_store": {"count": 3}}, "stores": ["a", "b"]}, None, Bound(6, "budget.per_store.count"),
         Bound(900, "budget.per_store.count")),
        ({}, 7, Bound(7, "caps[0]"), Bound(1050, "caps[0]")),
        ({"caps": [{"most": 1, "per": "week"}]}, 2, Bound(6, "caps[0]"), Bound(900, "caps[0]")),
        ({"budget": {}}, None, Bound(None, None), Bound(None, None)),
        ({"discount": {"kind": "points", "multiplier": 2}}, None, Bound(None, None), Bound(0, "discount")),
    ],
)  # fmt: skip
def test_the_tightest_limit_says_what_it_costs(
    changed: dict[str, Any], shoppers: int | None, coupons: Bound, money: Bound
) -> None:
    cost = most_cost(parse_campaign("pasta", PASTA | changed), shoppers)
    assert (cost.coupons, cost.money) == (coupons, money)


def test_stores_of_other_time_zones_add_days() -> None:
    campaign = parse_campaign("pasta", PASTA)
    assert days_of(campaign) == 10
    assert days_of(campaign, [ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]) == 12


@given(st.integers(1, 400), st.integers(0, 6), st.sampled_from(["day", "week"]))
def test_no_stretch_of_days_touches_more_periods(days: int, begins: int, per: str) -> None:
    length = {"day": 1, "week": 7}[per]
    touched = {(begins + day) // length for day in range(days)}
    assert len(touched) <= periods_of(Cap(1, per), days)  # pyright: ignore[reportArgumentType] - of the list above


def test_a_life_goes_one_way() -> None:
    assert next_state("draft", "activate") == next_state("active", "activate") == "active"
    assert next_state("paused", "pause") == "paused"
    for state, action in (("ended", "activate"), ("ended", "pause"), ("draft", "pause")):
        with pytest.raises(Conflict):
            next_state(state, action)  # pyright: ignore[reportArgumentType] - words of the list above
