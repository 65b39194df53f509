"""Reads how offers are made: offers.toml."""

from hashlib import sha256

from msgspec.structs import replace

from features.config_file import read_config
from features.settings import Settings
from recommender.offers.layers import OfferRules


def read_offer_rules(settings: Settings) -> OfferRules:
    """The rules; the policy's version is of the file's text. Raises InvalidInput, as `read_config`."""
    rules, text = read_config(settings, "offers.toml", OfferRules, "docs/offers.md")
    return replace(rules, policy=replace(rules.policy, version=sha256(text.encode()).hexdigest()[:12]))
