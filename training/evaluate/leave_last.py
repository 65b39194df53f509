"""The protocol leave-last: the last item of each list is the test, the one before it teaches the ranker."""

from collections.abc import Mapping
from dataclasses import replace

from features.progress import ProgressReport
from recommender.errors import InvalidInput, NotEnoughData
from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import TrainingConfig
from training.evaluate.cost import costing
from training.evaluate.files import read_lists
from training.evaluate.foreign import LAST_DAY, STEP_DAYS, as_training_data, events_of_lists
from training.evaluate.trial import EVERY_ITEM, NEW_ITEMS, Trial, Wanted, for_bare_items
from training.rehearse import rehearse
from training.windows import Windows

PROTOCOL = "leave-last"


def leave_last(
    wanted: Wanted, placements: Mapping[PlacementId, Placement], config: TrainingConfig, progress: ProgressReport
) -> Trial:
    """Hold out the last item of each list.

    Order is made into days, counted from the end of each list, so the last items of all lists are a window of one day,
    and those before them another.

    Raises:
        InvalidInput: no file, or one that cannot be read. NotEnoughData: no list has two items.
    """
    if wanted.train is None:
        raise InvalidInput(f"{PROTOCOL} needs lists.", field="train", remedy="Name a file with --train.")
    config = for_bare_items(replace(config, windows=replace(config.windows, window_days=STEP_DAYS)))
    with progress.step("Read the lists"):
        lists = read_lists(wanted.train, "train")
        data = as_training_data(events_of_lists(lists), "train")
    if lists["items"].list.len().max() == 1:
        raise NotEnoughData(
            f"No list of {wanted.train} has two items.", remedy="Give lists with a past and a last item."
        )
    test_cut, before = LAST_DAY - STEP_DAYS / 2, config.windows.label_windows
    label_cuts = tuple(test_cut - STEP_DAYS * (before - number) for number in range(before))
    windows = Windows(
        label_cuts=tuple(cut for cut in label_cuts if cut > data.interactions.first_day),
        test_cut=test_cut,
        end_day=test_cut + STEP_DAYS,
    )
    rehearsal, cost = costing(lambda: rehearse(data, windows, placements, config, progress))
    if rehearsal.past is None:
        raise ValueError("a test cut makes a past")
    return Trial(
        protocol=PROTOCOL,
        past=rehearsal.past,
        scopes=(EVERY_ITEM, replace(NEW_ITEMS, headline="ndcg@10")),
        placements=placements,
        config=config,
        fitting=cost,
        first_day=data.interactions.first_day,
        end_day=windows.end_day,
        dated=False,
        files={"train": wanted.train},
    )
