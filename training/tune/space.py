"""Which settings a search tries, within which bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from training.config import TrainingConfig

Number = int | float
Settings = Mapping[str, Number]  # by "section.setting" of training.toml


@dataclass(frozen=True, slots=True)
class Bounds:
    """Values of one setting; `by_factors`: half of a value is as far from it as its double."""

    low: Number
    high: Number
    by_factors: bool = True


# The trees keep their number and their leaves, so ranking stays as fast; more factors take longer to retrieve.
SEARCHED: Mapping[str, Bounds] = {
    "weights.half_life_days": Bounds(30.0, 365.0),
    "weights.quantity": Bounds(0.0, 1.0, by_factors=False),
    "embedding.factors": Bounds(32, 128),
    "embedding.regularization": Bounds(0.1, 100.0),
    "embedding.exponent": Bounds(0.0, 1.0, by_factors=False),
    "embedding.alpha": Bounds(0.1, 20.0),
    "neighbours.regularization": Bounds(10.0, 2000.0),
    "neighbours.half_life_days": Bounds(14.0, 365.0),
    "windows.label_windows": Bounds(1, 3, by_factors=False),
    "ranker.any_windows": Bounds(1, 3, by_factors=False),
    "ranker.learning_rate": Bounds(0.03, 0.2),
    "ranker.min_rows_in_leaf": Bounds(10, 1000),
    "ranker.feature_share": Bounds(0.2, 1.0, by_factors=False),
    "ranker.beginner_share": Bounds(0.1, 1.0, by_factors=False),
}


def settings_of(config: TrainingConfig) -> dict[str, Number]:
    """The values that a configuration has for what is searched."""
    plain = config.as_dict()
    found = dict[str, Number]()
    for name in SEARCHED:
        section, setting = name.split(".")
        values = plain[section]
        value = values[setting] if isinstance(values, dict) else None
        if isinstance(value, int | float):
            found[name] = value
    return found


def with_settings(config: TrainingConfig, settings: Settings) -> TrainingConfig:
    """The configuration with other values for some settings.

    Raises:
        pydantic.ValidationError: a value that the configuration does not take.
    """
    changed = config
    for section, values in _by_section(settings).items():
        changed = replace(changed, **{section: replace(getattr(changed, section), **values)})
    return changed


def as_toml(settings: Settings) -> str:
    """Lines to paste into a training.toml, section by section."""
    parts = list[str]()
    for section, values in _by_section(settings).items():
        parts += [f"[{section}]", *(f"{name} = {value!r}" for name, value in values.items()), ""]
    return "\n".join(parts)


def _by_section(settings: Settings) -> dict[str, dict[str, Number]]:
    sections = dict[str, dict[str, Number]]()
    for name, value in settings.items():
        section, setting = name.split(".")
        sections.setdefault(section, {})[setting] = value
    return sections
