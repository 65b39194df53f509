"""The protocol time-split: the last weeks are the test, the weeks before them teach the ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from features.events.log import scan_events
from features.events.schema import ORDER_COMPLETED
from features.offline.purchases import day_of
from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import InvalidInput, NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig
from training.evaluate.cost import costing
from training.evaluate.files import read_events
from training.evaluate.foreign import as_training_data
from training.evaluate.ran_on import read_shift_weeks
from training.evaluate.trial import EVERY_ITEM, NEW_ITEMS, Trial, Wanted, for_bare_items
from training.read import TrainingData, read_training_data
from training.rehearse import rehearse
from training.windows import cut_windows

PROTOCOL = "time-split"


def time_split(
    settings: Settings,
    wanted: Wanted,
    placements: Mapping[PlacementId, Placement],
    config: TrainingConfig,
    progress: ProgressReport,
) -> Trial:
    """Hold out the last window of our own data, or of a file of events with times.

    Raises:
        NotEnoughData: no purchases, or too short a history to hold a window out.
        InvalidInput: the file cannot be read, or has no times.
    """
    if wanted.window_days is not None:
        shortened = replace(config.windows, window_days=wanted.window_days, min_history_days=2.0 * wanted.window_days)
        config = replace(config, windows=shortened)
    own = wanted.train is None
    with progress.step("Read events, catalogue and consents" if own else "Read the events"):
        if wanted.train is None:
            data, channels = read_training_data(settings, wanted.until), pl.DataFrame()
        else:
            config, events = for_bare_items(config), read_events(wanted.train, "train")
            data, channels = _dated(events, wanted), events
    windows = cut_windows(data.interactions.first_day, data.interactions.end_day, config.windows)
    rehearsal, cost = costing(lambda: rehearse(data, windows, placements, config, progress))
    past = rehearsal.past
    if past is None or not len(past.held_out):
        needed = config.windows.min_history_days + config.windows.window_days
        message = f"No window of {config.windows.window_days:g} days with purchases can be held out."
        raise NotEnoughData(message, remedy=f"Bring at least {needed:g} days of purchases.")
    if own:
        channels = _log_of(settings, past.held_out.user_ids)
    return Trial(
        protocol=PROTOCOL,
        past=past,
        scopes=(EVERY_ITEM, NEW_ITEMS),
        placements=placements,
        config=config,
        fitting=cost,
        first_day=data.interactions.first_day,
        end_day=windows.end_day,
        dated=True,
        shifted_weeks=read_shift_weeks(settings) if own else 0,
        rows_without_consent=data.interactions.rows_without_consent,
        files={} if wanted.train is None else {"train": wanted.train},
        channels=usual_channels(channels, past.cut_day),
    )


def usual_channels(events: pl.DataFrame, cut_day: float) -> Mapping[str, str]:
    """Of each shopper, the channel of most orders before the cut; of equals, the first by name.

    In: user_id str, event str, channel str or null, day f64; without a column channel nothing is known.
    """
    if "channel" not in events.columns:
        return {}
    orders = events.filter((pl.col("event") == ORDER_COMPLETED) & (pl.col("day") < cut_day))
    counted = orders.drop_nulls("channel").group_by("user_id", "channel").len()
    best = counted.sort(["len", "channel"], descending=[True, False]).unique("user_id", keep="first")
    return dict(best.select("user_id", "channel").iter_rows())


def _log_of(settings: Settings, user_ids: Sequence[str]) -> pl.DataFrame:
    """Orders of the shoppers who are asked about, by their own user ids."""
    columns = ("user_id", "event", "channel")
    orders = scan_events(settings).filter(
        (pl.col("event") == ORDER_COMPLETED) & pl.col("user_id").is_in(list(user_ids))
    )
    return orders.select(*columns, day=day_of("occurred_at")).collect(engine="streaming")


def _dated(events: pl.DataFrame, wanted: Wanted) -> TrainingData:
    if events["day"].null_count():
        message = f"{wanted.train} has no column occurred_at, which {PROTOCOL} cuts by."
        remedy = "Add the column, or choose --protocol given-split or leave-last."
        raise InvalidInput(message, field="train", remedy=remedy)
    return as_training_data(events, "train")
