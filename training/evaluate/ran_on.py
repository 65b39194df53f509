"""What the figures of an evaluation were measured on."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from importlib import metadata
from pathlib import Path

import numpy as np

from features.settings import Settings
from training.evaluate.trial import Trial
from training.inputs import code_revision

COUNTED_ON = ("numpy", "scipy", "polars", "implicit", "lightgbm", "faiss-cpu", "numba")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that was read: its name, bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOn:
    """What the figures were measured on, and with.

    Attributes:
        first_at, cut_at, end_at: dates as the data had them before `prepare` moved them by `shifted_weeks`; None where
            the days of the data were made from order.
        files: by option, of files of others; empty: our own data folder.
        shoppers: asked about; those of them without a history; and with something new among what they bought.
        bought, bought_new: right items per shopper.
        unreachable: share of the right items that were not for sale at the cut.
        items: for sale at the cut.
        purchases: shopper, order and item, before the cut.
        settings: of the training, as in training.toml.
        versions: of Python and the packages that the figures depend on.
        machine: processor, cores and system.
    """

    protocol: str
    first_at: str | None
    cut_at: str | None
    end_at: str | None
    shifted_weeks: int
    files: Mapping[str, FileFacts]
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
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]


def describe(trial: Trial) -> RanOn:
    """What the figures of a trial are measured on."""
    past, held_out = trial.past, trial.past.held_out
    for_sale = past.purchases.for_sale
    reachable = held_out.bought.rows < len(for_sale)
    reachable[reachable] = for_sale[held_out.bought.rows[reachable]]
    histories = past.model.histories.position_of
    first_at, cut_at, end_at = (
        original_date(day, trial.shifted_weeks) if trial.dated else None
        for day in (trial.first_day, past.cut_day, trial.end_day)
    )
    return RanOn(
        protocol=trial.protocol,
        first_at=first_at,
        cut_at=cut_at,
        end_at=end_at,
        shifted_weeks=trial.shifted_weeks,
        files={option: facts_of(file) for option, file in trial.files.items()},
        shoppers=len(held_out),
        strangers=sum(user not in histories for user in held_out.user_ids),
        shoppers_with_new=int(np.count_nonzero(held_out.new.sizes)),
        bought=float(held_out.bought.sizes.mean()),
        bought_new=float(held_out.new.sizes[held_out.new.sizes > 0].mean()) if len(held_out.new.rows) else 0.0,
        unreachable=float(1.0 - reachable.mean()),
        items=int(np.count_nonzero(for_sale)),
        purchases=len(past.purchases.day),
        rows_without_consent=trial.rows_without_consent,
        departments_left_out=trial.config.data.left_out_departments,
        code=code_revision(),
        seed=trial.config.seed,
        settings=trial.config.as_dict(),
        versions=versions(),
        machine=machine(),
    )


def facts_of(file: Path) -> FileFacts:
    """Name, size and hash of a file."""
    with file.open("rb") as opened:
        return FileFacts(file.name, file.stat().st_size, file_digest(opened, "sha256").hexdigest())


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the figures depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in COUNTED_ON}}


def machine() -> dict[str, str | int]:
    """The machine in a few words."""
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count() or 1}


def read_shift_weeks(settings: Settings) -> int:
    """By how many weeks `prepare` moved the dates; 0 for data that came with its own."""
    file = settings.facts_dir / "shift.json"
    return int(json.loads(file.read_text(encoding="utf-8"))["weeks"]) if file.exists() else 0


def original_date(day: float, shifted_weeks: int) -> str:
    """Days since 1970-01-01 UTC as the instant that the data had before its dates were moved."""
    moment = datetime.fromtimestamp(round(day * 86_400), UTC) - timedelta(weeks=shifted_weeks)
    return moment.isoformat()
