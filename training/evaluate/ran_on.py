"""What the figures of an evaluation were measured on."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from features.settings import Settings
from training.config import TrainingConfig
from training.inputs import code_revision
from training.past import Past
from training.read import TrainingData
from training.windows import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOn:
    """The data behind the figures.

    Attributes:
        first_at, cut_at, end_at: dates as the data had them before `prepare` moved them by `shifted_weeks`.
        shoppers: asked about; those of them without a history; and with something new among what they bought.
        bought, bought_new: right items per shopper.
        unreachable: share of the right items that were not for sale at the cut.
        items: for sale at the cut.
        purchases: shopper, order and item, before the cut.
    """

    first_at: str
    cut_at: str
    end_at: str
    shifted_weeks: int
    shoppers: int
    strangers: int
    shoppers_with_new: int
    bought: float
    bought_new: float
    unreachable: float
    items: int
    purchases: int
    rows_without_consent: int
    departments_left_out: tuple[str, ...]
    code: str
    seed: int


def describe(data: TrainingData, windows: Windows, past: Past, config: TrainingConfig, shifted_weeks: int) -> RanOn:
    """What the figures were measured on."""
    held_out, interactions = past.held_out, data.interactions
    for_sale = past.purchases.for_sale
    reachable = held_out.bought.rows < len(for_sale)
    reachable[reachable] = for_sale[held_out.bought.rows[reachable]]
    histories = past.model.histories.position_of
    return RanOn(
        first_at=original_date(interactions.first_day, shifted_weeks),
        cut_at=original_date(past.cut_day, shifted_weeks),
        end_at=original_date(windows.end_day, shifted_weeks),
        shifted_weeks=shifted_weeks,
        shoppers=len(held_out),
        strangers=sum(user not in histories for user in held_out.user_ids),
        shoppers_with_new=int(np.count_nonzero(held_out.new.sizes)),
        bought=float(held_out.bought.sizes.mean()),
        bought_new=float(held_out.new.sizes[held_out.new.sizes > 0].mean()) if len(held_out.new.rows) else 0.0,
        unreachable=float(1.0 - reachable.mean()),
        items=int(np.count_nonzero(for_sale)),
        purchases=len(past.purchases.day),
        rows_without_consent=interactions.rows_without_consent,
        departments_left_out=config.data.left_out_departments,
        code=code_revision(),
        seed=config.seed,
    )


def read_shift_weeks(settings: Settings) -> int:
    """By how many weeks `prepare` moved the dates; 0 for data that came with its own."""
    file = settings.facts_dir / "shift.json"
    return int(json.loads(file.read_text(encoding="utf-8"))["weeks"]) if file.exists() else 0


def original_date(day: float, shifted_weeks: int) -> str:
    """Days since 1970-01-01 UTC as the instant that the data had before its dates were moved."""
    moment = datetime.fromtimestamp(round(day * 86_400), UTC) - timedelta(weeks=shifted_weeks)
    return moment.isoformat()
