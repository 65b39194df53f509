"""Attribution: the last click of a person wins, every conversion counts once, and nothing is known before its time."""

from datetime import timedelta
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.schema import ORDER_CANCELLED, PRODUCT_CLICKED, PRODUCT_VIEWED, RECOMMENDATION_VIEWED
from features.offline.attribution import attribute, outcomes
from features.offline.conversions import ORDERED
from tests.unit.features.offline.log_of_answers import (
    GROUPS,
    PERSONS,
    START,
    Row,
    act,
    at,
    expected,
    log_of,
    logs,
    order,
    served,
)

LATER = START + timedelta(days=60)
PERSON_FRAME = pl.LazyFrame(
    [{"kind": kind, "value": value, "person": person} for (kind, value), person in PERSONS.items()]
)
GROUP_FRAME = pl.LazyFrame({"item_id": list(GROUPS), "group_id": list(GROUPS.values())})
WHO: Row = {"user_id": "u1"}


def attributed(log: pl.DataFrame, as_of=LATER) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Shown items with outcomes, and conversions; each in an order of its own."""
    shown, credited = attribute(log.lazy(), as_of, persons=PERSON_FRAME, groups=GROUP_FRAME)
    joined, conversions = pl.collect_all([outcomes(shown, credited), credited])
    return joined.sort("recommendation_id", "position"), conversions.sort("kind", "conversion_id")


def orders_of(rows: list[Row]) -> dict[str, tuple[object, ...]]:
    _, credited = attributed(log_of(rows))
    return orders_in(credited)


def orders_in(credited: pl.DataFrame) -> dict[str, tuple[object, ...]]:
    found = credited.filter(pl.col("kind") == ORDERED)
    keys = [name.replace("\x1f", " ") for name in found["conversion_id"]]
    return dict(zip(keys, found.select("how", "credited_to", "position", "value").iter_rows(), strict=True))


@given(logs(), st.integers(0, 24 * 25), st.integers(0, 1_000))
@settings(max_examples=30, deadline=None)  # each plans and runs large queries: a few logs, but full ones
def test_credit_goes_by_the_plain_rules_whatever_the_order_and_the_future(rows: list[Row], hours: int, seed: int):
    log, now = log_of(rows), at(hours)
    joined, credited = attributed(log)
    assert orders_in(credited) == expected(rows)
    each_conversion_counts_once_and_credits_sum_to_its_value(joined, credited)
    until_then = log.filter(pl.col("received_at") <= now)
    otherwise = until_then.sample(fraction=1.0, shuffle=True, seed=Random(seed).randrange(2**32))
    for one, other in zip(attributed(log, now), attributed(otherwise, now), strict=True):
        assert one.equals(other)


def each_conversion_counts_once_and_credits_sum_to_its_value(joined: pl.DataFrame, credited: pl.DataFrame) -> None:
    assert credited.select("kind", "conversion_id").is_unique().all()
    assert (credited["value"] >= 0).all()
    assert (joined["revenue"] >= 0).all()
    of_somebody = credited.filter(pl.col("how").is_not_null())["value"].sum()
    assert joined.select(pl.col("revenue").sum() + pl.col("view_revenue").sum()).item() == of_somebody
    kept = credited.filter((pl.col("kind") == ORDERED) & (pl.col("quantity") > 0) & pl.col("how").is_not_null())
    assert joined.select(pl.col("orders").sum() + pl.col("view_orders").sum()).item() == len(kept)
    assert joined.select("recommendation_id", "position").is_unique().all()


def test_what_the_event_states_goes_before_the_last_click():
    rows = [
        served("r1", 0, ["b"], **WHO), served("r2", 1, ["b"], **WHO), act(PRODUCT_CLICKED, 2, "b", **WHO),
        order("o", 3, "b", recommendation_id="r1", **WHO),
    ]  # fmt: skip
    assert orders_of(rows)["o b"][:2] == ("stated", "r1")


def test_a_later_click_takes_the_credit_and_looking_at_a_product_by_itself_does_not():
    rows = [
        served("r1", 0, ["b"], **WHO), act(PRODUCT_CLICKED, 1, "b", **WHO), served("r2", 2, ["b"], **WHO),
        act(PRODUCT_VIEWED, 3, "b", **WHO), order("o", 4, "b", **WHO),
    ]  # fmt: skip
    assert orders_of(rows)["o b"][:2] == ("click", "r1")
    rows.append(act(PRODUCT_CLICKED, 3.5, "b", **WHO))
    assert orders_of(rows)["o b"][:2] == ("click", "r2")


def test_what_was_clicked_before_login_is_credited_after_it_on_another_variant():
    rows = [
        served("r1", 0, ["a"], anonymous_id="x1"), act(PRODUCT_CLICKED, 1, "a", anonymous_id="x1"),
        order("o", 2, "a2", user_id="u1"),
    ]  # fmt: skip
    assert orders_of(rows)["o a2"][:3] == ("click", "r1", 1)


def test_a_view_claims_a_day_and_served_alone_claims_nothing():
    rows = [served("r1", 0, ["b", "c"], **WHO), order("o", 20, "b", **WHO)]
    assert orders_of(rows)["o b"][0] is None
    rows.append(act(RECOMMENDATION_VIEWED, 1, recommendation_id="r1", **WHO))
    assert orders_of(rows)["o b"][:2] == ("view", "r1")
    assert orders_of([*rows, order("p", 26, "c", **WHO)])["p c"][0] is None


def test_a_cancelled_order_gives_its_credit_back():
    rows = [
        served("r1", 0, ["b"], **WHO), act(PRODUCT_CLICKED, 1, "b", **WHO), order("o", 2, "b", **WHO),
        act(ORDER_CANCELLED, 30, order_id="o"),
    ]  # fmt: skip
    before, _ = attributed(log_of(rows), at(29))
    after, _ = attributed(log_of(rows))
    assert before.select("clicks", "orders", "revenue", "currency").row(0) == (1, 1, 200, "EUR")
    assert after.select("clicks", "orders", "revenue").row(0) == (1, 0, 0)


def test_who_agreed_to_nothing_is_joined_by_nothing_but_what_the_event_states():
    refused: Row = {"user_id": "u1", "consent": ["marketing_email"]}
    rows = [
        served("r1", 0, ["b"], user_id="u1"), act(PRODUCT_CLICKED, 1, "b", **refused), order("o", 2, "b", **refused),
        order("p", 3, "b", recommendation_id="r1", **refused),
    ]  # fmt: skip
    found = orders_of(rows)
    assert found["o b"][0] is None
    assert found["p b"][0] == "stated"


def test_an_event_of_our_name_that_a_client_made_up_shows_nothing():
    forged = act("Recommendation Served", 0, "b", recommendation_id="r9", properties='{"item_ids": 7}')
    joined, _ = attributed(log_of([forged, served("r1", 0, ["b"])]))
    assert joined["recommendation_id"].to_list() == ["r1"]
