"""The file of placements that a shop begins with."""

from importlib.resources import files

from features.settings import Settings

NAME = "placements.toml"


def read_placements_text(settings: Settings) -> str:
    """`placements.toml` of the configuration folder if it has one, else of the package."""
    own = None if settings.config_dir is None else settings.config_dir / NAME
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(NAME)
    return source.read_text(encoding="utf-8")
