"""What every protocol hands over to be measured: a model of the past, who is asked, and what is right."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from recommender.ids import PlacementId
from recommender.placements import Placement
from training.config import DataConfig, TrainingConfig
from training.evaluate.cost import Cost
from training.past import Past

ALL, NEW = "all", "new"


@dataclass(frozen=True, slots=True)
class Scope:
    """A question, and which items are right.

    Attributes:
        name: ALL, or NEW: only items that the shopper had never bought are right and in the lists.
        placement: asked for its lists.
        headline: the figure that baselines are compared by.
    """

    name: str
    title: str
    placement: PlacementId
    headline: str


EVERY_ITEM = Scope(ALL, "All items", PlacementId("home"), "ndcg@10")
NEW_ITEMS = Scope(NEW, "Items new to the shopper", PlacementId("discover"), "ndcg@20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to evaluate on.

    Attributes:
        train, test: files of others; None: our own data.
        until: the end of our own data; None: all of it.
        window_days: length of the windows of a time split; None: as configured.
    """

    train: Path | None = None
    test: Path | None = None
    until: datetime | None = None
    window_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A model with its rankers and what is held out.

    Attributes:
        past: has seen nothing of what is held out.
        placements: by id, those that are asked.
        fitting: what it cost to learn all of it.
        first_day, end_day: of the data, in days since 1970-01-01 UTC.
        dated: whether days are dates; if not, they were made from order (docs/protocol.md).
        shifted_weeks: by how much `prepare` moved the dates.
        files: what was read, by the option that named it.
        channels: of shoppers by user id, the channel of most of their purchases before the cut; empty: not known.
    """

    protocol: str
    past: Past
    scopes: tuple[Scope, ...]
    placements: Mapping[PlacementId, Placement]
    config: TrainingConfig
    fitting: Cost
    first_day: float
    end_day: float
    dated: bool
    shifted_weeks: int = 0
    rows_without_consent: int = 0
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    channels: Mapping[str, str] = field(default_factory=dict[str, str])


def for_bare_items(config: TrainingConfig) -> TrainingConfig:
    """The same settings for items without a department, which our own data leaves out."""
    return replace(config, data=DataConfig(left_out_departments=()))
