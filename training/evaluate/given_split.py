"""The protocol given-split: others have decided what teaches and what is tested, and each has a file."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from features.events.schema import ORDER_COMPLETED
from features.progress import ProgressReport
from recommender.errors import InvalidInput, NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig
from training.evaluate.cost import costing
from training.evaluate.files import read_events
from training.evaluate.foreign import LAST_DAY, as_training_data
from training.evaluate.trial import NEW_ITEMS, Trial, Wanted, for_bare_items
from training.past import Past, look_back
from training.rankers import train_rankers

PROTOCOL = "given-split"
TAUGHT_SHARE = 0.2  # of the rows of a shopper: the latest, which teach the ranker
MOST_TAUGHT = 10_000  # shoppers who teach it; more of them, drawn, would cost time and say little
WINDOW_DAYS = 1.0  # what is held out is put behind the cut, into a window of this length


def given_split(
    wanted: Wanted, placements: Mapping[PlacementId, Placement], config: TrainingConfig, progress: ProgressReport
) -> Trial:
    """Learn from one file, and hold out the other; what a shopper has in the first is in no list of theirs.

    Raises:
        InvalidInput: a file is missing or cannot be read. NotEnoughData: there is no order to learn from.
    """
    if wanted.train is None or wanted.test is None:
        raise InvalidInput(f"{PROTOCOL} needs two files.", field="test", remedy="Name them with --train and --test.")
    config = for_bare_items(config)
    with progress.step("Read the files"):
        train, dated = with_days(read_events(wanted.train, "train"))
        test = read_events(wanted.test, "test").filter(pl.col("event") == ORDER_COMPLETED)
        _check_new(train, test)
        item_ids = pl.concat([train["item_id"], test["item_id"]]).unique().sort().to_list()
    cut_day = float(train["day"].to_numpy().max()) + WINDOW_DAYS / 2
    past, cost = costing(lambda: _learn(train, test, item_ids, cut_day, placements, config, progress))
    return Trial(
        protocol=PROTOCOL,
        past=past,
        scopes=(NEW_ITEMS,),
        placements=placements,
        config=config,
        fitting=cost,
        first_day=float(train["day"].to_numpy().min()),
        end_day=cut_day + WINDOW_DAYS,
        dated=dated,
        files={"train": wanted.train, "test": wanted.test},
    )


def _check_new(train: pl.DataFrame, test: pl.DataFrame) -> None:
    """Raise NotEnoughData where no order of the test is of an item that its shopper has not ordered before."""
    ordered = train.filter(pl.col("event") == ORDER_COMPLETED)
    if test.is_empty():
        message, remedy = (
            "Among the events of --test there is no order.",
            "Leave the column event out: then each row is one.",
        )
        raise NotEnoughData(message, remedy=remedy)
    if test.join(ordered, on=["user_id", "item_id"], how="anti").is_empty():
        message = "All that is ordered in --test the same shoppers have ordered in --train."
        raise NotEnoughData(message, remedy="Hold out what is new to a shopper.")


def with_days(events: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """The same with days throughout, and whether the file had them; without, all happened at one moment."""
    dated = events["day"].null_count() == 0
    return (events if dated else events.with_columns(day=pl.lit(LAST_DAY))), dated


def _learn(
    train: pl.DataFrame,
    test: pl.DataFrame,
    item_ids: list[str],
    cut_day: float,
    placements: Mapping[PlacementId, Placement],
    config: TrainingConfig,
    progress: ProgressReport,
) -> Past:
    taught = teaching(train, np.random.default_rng(config.seed))
    with progress.step("Fit without what teaches the ranker"):
        lesson = _look_back(train.filter(~taught), train.filter(taught), item_ids, cut_day, config)
    rankers = train_rankers([lesson], placements, config, progress)
    del lesson
    with progress.step("Fit on all that teaches"):
        past = _look_back(train, test, item_ids, cut_day, config)
    return past.with_rankers(rankers.trees)


def teaching(train: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Which rows teach the ranker: the latest TAUGHT_SHARE of the orders of each shopper with two items or more.

    Rows of one moment, such as those of a file without times, come in a drawn order. An item that the shopper has in
    another row as well does not teach: it would not be new.
    """
    rows = train.with_columns(drawn=pl.Series(rng.random(len(train))), place=pl.int_range(pl.len()))
    firsts = (
        rows.filter(pl.col("event") == ORDER_COMPLETED)
        .sort("day", "drawn")
        .unique(["user_id", "item_id"], keep="none", maintain_order=True)
    )
    users = firsts["user_id"].unique().sort()
    if len(users) > MOST_TAUGHT:
        users = users.gather(np.sort(rng.permutation(len(users))[:MOST_TAUGHT]))
    behind = (pl.len() - pl.int_range(pl.len())).over("user_id")
    n_taught = (pl.len().over("user_id") * TAUGHT_SHARE).ceil()
    enough = pl.len().over("user_id") >= 2
    chosen = firsts.filter(pl.col("user_id").is_in(users.implode()) & enough & (behind <= n_taught))
    taught = np.zeros(len(train), dtype=np.bool_)
    taught[chosen["place"].to_numpy()] = True
    return pl.Series(taught)


def _look_back(
    before: pl.DataFrame, held_out: pl.DataFrame, item_ids: list[str], cut_day: float, config: TrainingConfig
) -> Past:
    behind = held_out.with_columns(day=pl.lit(cut_day + WINDOW_DAYS / 2))
    data = as_training_data(pl.concat([before, behind]), "train", item_ids)
    return look_back(data, cut_day, WINDOW_DAYS, config)
