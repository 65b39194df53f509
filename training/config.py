"""Settings of a training run, parsed from TOML into frozen values."""

import tomllib
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from features.settings import Settings
from recommender.errors import InvalidInput

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataConfig:
    """Departments (any case) that nothing is learnt from."""

    left_out_departments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class WindowsConfig:
    """Lengths of the test and label windows, of the history that must lie before a window, and whom they ask."""

    window_days: float = Field(gt=0)
    label_windows: int = Field(ge=1, le=12)
    min_history_days: float = Field(ge=0)
    most_shoppers: int = Field(ge=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class WeightsConfig:
    """What one interaction counts: by kind, by quantity (1 + quantity * ln(units)), and by age."""

    viewed: float = Field(ge=0)
    added: float = Field(ge=0)
    ordered: float = Field(gt=0)
    quantity: float = Field(ge=0)
    half_life_days: float = Field(gt=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class EmbeddingConfig:
    """Of implicit ALS; `exponent` 0 leaves the regularisation the same for all, 1 lets it grow with what is known."""

    factors: int = Field(ge=2, le=512)
    iterations: int = Field(ge=1, le=200)
    regularization: float = Field(gt=0)
    exponent: float = Field(ge=0, le=2)
    alpha: float = Field(gt=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class NeighboursConfig:
    """Of the items bought by the same shoppers; the `head_items` most bought ones by a linear model."""

    kept: int = Field(ge=1, le=1000)
    min_buyers: int = Field(ge=1)
    head_items: int = Field(ge=0, le=20_000)
    regularization: float = Field(gt=0)
    half_life_days: float = Field(gt=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class BoughtTogetherConfig:
    """Of the items in the same baskets."""

    kept: int = Field(ge=1, le=1000)
    min_baskets: int = Field(ge=1)
    min_together: int = Field(ge=1)
    shrinkage: float = Field(ge=0)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SessionsConfig:
    """Of what sessions teach; the ranker learns from the `lesson_share` latest of them."""

    min_sessions: int = Field(ge=10)
    latest_of_item: int = Field(ge=1)
    reach: int = Field(ge=1, le=100)
    kept: int = Field(ge=1, le=1000)
    factors: int = Field(ge=1, le=512)
    lesson_share: float = Field(gt=0, le=0.5)
    lessons: int = Field(ge=1)
    min_rows_in_leaf: int = Field(ge=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RankerConfig:
    """Of the ranking trees. A leaf has a bit in 32 when trees are scored, hence at most 32 of them.

    The ranker `any` learns from the latest `any_windows` label windows, the others from all. Of the shoppers of a
    window at most `most_shoppers` teach, drawn; `beginner_share` of them once more as if they had just come, and
    `visitor_share` as strangers with a session.
    """

    trees: int = Field(ge=1, le=2000)
    leaves: int = Field(ge=2, le=32)
    learning_rate: float = Field(gt=0, le=1)
    min_rows_in_leaf: int = Field(ge=1)
    feature_share: float = Field(gt=0, le=1)
    any_windows: int = Field(ge=1, le=12)
    beginner_share: float = Field(ge=0, le=1)
    visitor_share: float = Field(ge=0, le=1)
    most_shoppers: int = Field(ge=1)
    min_shoppers: int = Field(ge=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ResponseConfig:
    """Of the response to coupons."""

    ridge: float = Field(gt=0)
    min_redemptions: int = Field(ge=1)
    check_share: float = Field(gt=0, lt=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class GateConfig:
    """Margins, as shares of the figure compared with."""

    over_baselines: float = Field(ge=-1)
    below_current: float = Field(ge=0)
    min_shoppers: int = Field(ge=1)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainingConfig:
    """All settings of a training run; recommender/config/training.toml says what each means."""

    seed: int = Field(ge=0, lt=2**31)
    data: DataConfig
    windows: WindowsConfig
    weights: WeightsConfig
    embedding: EmbeddingConfig
    neighbours: NeighboursConfig
    bought_together: BoughtTogetherConfig
    sessions: SessionsConfig
    ranker: RankerConfig
    response: ResponseConfig
    gate: GateConfig

    def as_dict(self) -> dict[str, object]:
        """As nested plain values, for the manifest."""
        return asdict(self)


def parse_training_config(text: str, source: str) -> TrainingConfig:
    """Parse TOML; raises InvalidInput that names the setting and `source`."""
    try:
        return TypeAdapter(TrainingConfig).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{source} is not TOML: {error}", field=source, remedy="Correct the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"])
        message = f"{source}: setting {setting}: {first['msg']}"
        remedy = "Compare it with the training.toml that ships with the product."
        raise InvalidInput(message, field=setting, remedy=remedy) from error


def read_training_config(settings: Settings, config_file: Path | None) -> TrainingConfig:
    """Read `config_file`, else training.toml of the settings' folder, else the one that ships."""
    file = config_file or (settings.config_dir / "training.toml" if settings.config_dir else None)
    if file is None or (config_file is None and not file.exists()):
        shipped = resources.files("recommender").joinpath("config/training.toml")
        return parse_training_config(shipped.read_text(encoding="utf-8"), "training.toml")
    try:
        return parse_training_config(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        message = f"The configuration {file} cannot be read: {error.strerror}."
        raise InvalidInput(message, field="config", remedy="Give a readable file, or leave it out.") from error
