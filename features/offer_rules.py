"""Reads how offers are made: offers.toml."""

import tomllib
from datetime import time
from hashlib import sha256
from importlib.resources import files

from msgspec import ValidationError, convert
from msgspec.structs import replace

from features.settings import Settings
from recommender.errors import InvalidInput
from recommender.offers.layers import OfferRules

FILE = "offers.toml"


def read_offer_rules(settings: Settings) -> OfferRules:
    """Of the configuration folder where it has the file, else of the package; the policy's version is of its text.

    Raises:
        InvalidInput: the file is no TOML, or a setting is missing, unknown or out of range.
    """
    own = None if settings.config_dir is None else settings.config_dir / FILE
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(FILE)
    text = source.read_text(encoding="utf-8")
    try:
        rules = convert(tomllib.loads(text), OfferRules, builtin_types=(time,))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(str(error), field=FILE, remedy="docs/offers.md explains the file.") from None
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        field = f"{FILE}.{where.rstrip('`')}" if where else FILE
        raise InvalidInput(what, field=field, remedy="docs/offers.md explains each setting.") from None
    return replace(rules, policy=replace(rules.policy, version=sha256(text.encode()).hexdigest()[:12]))
