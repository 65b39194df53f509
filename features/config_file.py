"""Reads a TOML file of settings into what it says: that of the configuration folder, else the one that ships."""

import tomllib
from datetime import time
from importlib.resources import files
from typing import TypeVar

from msgspec import ValidationError, convert

from features.settings import Settings
from recommender.errors import InvalidInput

T = TypeVar("T")


def read_config(settings: Settings, file: str, kind: type[T], page: str) -> tuple[T, str]:
    """What a file says, and its text.

    Args:
        kind: a msgspec struct that forbids unknown fields.
        page: of docs/, that explains the file.

    Raises:
        InvalidInput: the file is no TOML, or a setting is missing, unknown or out of range.
    """
    own = None if settings.config_dir is None else settings.config_dir / file
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(file)
    text = source.read_text(encoding="utf-8")
    try:
        return convert(tomllib.loads(text), kind, builtin_types=(time,)), text
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(str(error), field=file, remedy=f"{page} explains the file.") from None
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        field = f"{file}.{where.rstrip('`')}" if where else file
        raise InvalidInput(what, field=field, remedy=f"{page} explains each setting.") from None
