"""Reads when a phone counts as being in a zone: places.toml."""

from features.config_file import read_config
from features.settings import Settings
from recommender.places.presence import PresenceRules


def read_presence_rules(settings: Settings) -> PresenceRules:
    """The rules. Raises InvalidInput, as `read_config`."""
    rules, _ = read_config(settings, "places.toml", PresenceRules, "docs/places.md")
    return rules
