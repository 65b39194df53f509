"""What settings of a placement cost, on a small shop."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.events.schema import PRODUCT_VIEWED
from features.progress import Silent
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import open_engine
from recommender.errors import InvalidInput, InvalidPlacement
from recommender.ids import PlacementId
from recommender.query import Query
from tests.builders import item
from tests.unit.training.small_shop import N_ITEMS, START, START_DAY, events, open_shop, order_line, orders
from training.evaluate.held_out import HeldOut
from training.evaluate.measure import on_day
from training.evaluate.metrics import Relevant
from training.evaluate.settings_cost import AS_IT_IS, Cost, drawn, evaluate_settings


def open_small(folder: Path, log: pl.DataFrame) -> Settings:
    return open_shop(folder, log).model_copy(update={"config_dir": folder})


def evaluate(
    folder: Path, *changes: str, placement: str = "home", looks: pl.DataFrame | None = None, **more: int
) -> dict[str, Cost]:
    settings = open_small(folder, orders() if looks is None else pl.concat([orders(), looks]))
    costs = evaluate_settings(settings, placement=placement, changes=changes, progress=Silent(), **more)
    return {cost.name: cost for cost in costs}


def test_each_change_stands_beside_the_placement_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    nothing, much = "max_share_popular = 1.0", "novelty = 1, calibration = 0.2"
    found = evaluate(tmp_path, nothing, much, shoppers=30, visits=2)
    assert list(found) == [AS_IT_IS, nothing, much]
    assert found[AS_IT_IS].lost.mean == found[nothing].lost.mean == 0
    assert found[much].lost.mean < 0
    assert found[much].quality.popularity_rank > found[AS_IT_IS].quality.popularity_rank
    shown = capsys.readouterr().out
    assert "home, 30 shoppers" in shown
    assert much in shown


def test_what_is_right_stays_the_same_where_a_change_shows_again_what_was_bought(tmp_path: Path):
    again = "exclude = []"
    found = evaluate(tmp_path, again, placement="discover")
    assert found[again].lost.mean < 0


def test_each_day_of_visits_explores_something_else():
    query = Query(placement=PlacementId("home"), limit=10, seed=7)
    seeds = [on_day(query, day).seed for day in (19_998.0, 19_999.0, 19_999.5)]
    assert len({query.seed, *seeds}) == 3
    assert seeds[1] == seeds[2]


def looks_at_what_was_bought_once() -> pl.DataFrame:
    """All look, twice, at what they have bought once, and go on buying their favourites."""
    early = pl.col("occurred_at") < START + timedelta(days=90)
    once = orders().filter(early & (pl.len().over("user_id", "item_id") == 1)).select("user_id", "item_id")
    return events([
        order_line(
            user, f"v-{user}-{item}-{day}", 0, item, START + timedelta(days=day, minutes=number),
            event=PRODUCT_VIEWED, order_id=None,
        )
        for day in (100, 130)
        for number, (user, item) in enumerate(once.iter_rows())
    ])  # fmt: skip


def test_a_weight_on_clicks_finds_more_of_what_is_looked_at_and_less_of_what_is_bought(tmp_path: Path):
    clicks = "objectives = { purchase = 0.0, click = 1.0 }"
    found = evaluate(tmp_path, clicks, looks=looks_at_what_was_bought_once())
    assert found[clicks].clicks > 2 * found[AS_IT_IS].clicks
    assert found[clicks].lost.mean < -0.1


def test_a_weight_on_the_margin_shows_what_it_brings(tmp_path: Path):
    settings = open_small(tmp_path, orders())
    engine = open_engine(settings)
    CatalogueStore(engine).upsert_many(
        [item(number, added_day=START_DAY - 1, margin=number / N_ITEMS) for number in range(N_ITEMS)]
    )
    engine.dispose()
    margin = "objectives = { margin = 1.0 }"
    first, second = evaluate_settings(settings, placement="home", changes=[margin], progress=Silent())
    assert second.margin > first.margin + 0.02
    assert second.lost.mean < 0


def test_what_cannot_be_tried_is_refused_before_anything_is_learnt(tmp_path: Path):
    with pytest.raises(InvalidInput, match="no placement"):
        evaluate(tmp_path, placement="hall")


@pytest.mark.parametrize(
    ("change", "said"), [("novelty = ", "TOML"), ("novelty = 2", "novelty"), ("novel = 1", "novel")]
)
def test_a_change_that_means_nothing_is_refused(tmp_path: Path, change: str, said: str):
    with pytest.raises((InvalidInput, InvalidPlacement), match=said):
        evaluate(tmp_path, change)


def test_shoppers_that_are_drawn_keep_what_is_right_for_them():
    right = Relevant(np.array([0, 2, 2, 3, 6]), np.array([5, 6, 7, 1, 2, 3], dtype=np.int32))
    everybody = HeldOut(user_ids=("a", "b", "c", "d"), bought=right, new=right)  # type: ignore[arg-type]
    some = drawn(everybody, 2, seed=3)
    for place, user_id in enumerate(some.user_ids):
        assert some.bought.of(place).tolist() == right.of(everybody.user_ids.index(user_id)).tolist()
    assert drawn(everybody, 9, seed=3) is everybody
