"""Reads the markets of a shop and the laws that count there: laws.toml and markets.toml."""

import tomllib
from importlib.resources import files
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from features.settings import Settings
from recommender.consent_laws import DEFAULT_MARKET, STRICT, Law, Market, Markets
from recommender.errors import InvalidInput

LAWS_FILE, MARKETS_FILE = "laws.toml", "markets.toml"
Purpose = Literal[
    "personalisation", "analytics", "marketing_email", "marketing_push", "marketing_sms", "in_store_location"
]

Shape = TypeVar("Shape")


class _Law(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    without_answer: list[Purpose]
    signal_stops: list[Purpose]
    signal_is_answer: bool
    alone_from: int = Field(ge=0, le=30)
    unknown_age: Literal["adult", "child"]


class _Market(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    law: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    locale: str = Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")


def read_markets(settings: Settings) -> Markets:
    """Markets and laws: of the configuration folder where it has the file, else of the package.

    Raises:
        InvalidInput: a file is no TOML, a setting does not fit, or a law or the default market is missing.
    """
    laws = {
        name: Law(
            law_id=name, title=law.title, without_answer=frozenset(law.without_answer),
            signal_stops=frozenset(law.signal_stops), signal_is_answer=law.signal_is_answer, alone_from=law.alone_from,
            unknown_age=law.unknown_age,
        )
        for name, law in _read(settings, LAWS_FILE, TypeAdapter(dict[str, _Law])).items()
    }  # fmt: skip
    if STRICT not in laws:
        raise _wrong(f"{LAWS_FILE}.{STRICT}", "there must be a law of this name: it counts where nobody knows better")
    markets = dict[str, Market]()
    for name, market in _read(settings, MARKETS_FILE, TypeAdapter(dict[str, _Market])).items():
        if market.law not in laws:
            raise _wrong(f"{MARKETS_FILE}.{name}.law", f"there is no law {market.law!r}, but {', '.join(laws)}")
        markets[name] = Market(
            market_id=name, law=laws[market.law], currency=market.currency, locale=market.locale
        )  # fmt: skip
    if DEFAULT_MARKET not in markets:
        raise _wrong(f"{MARKETS_FILE}.{DEFAULT_MARKET}", "there must be a market of this name")
    return Markets(markets, laws)


def _read(settings: Settings, name: str, shape: TypeAdapter[Shape]) -> Shape:
    own = None if settings.config_dir is None else settings.config_dir / name
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(name)
    try:
        return shape.validate_python(tomllib.loads(source.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _wrong(".".join(map(str, (name, *first["loc"]))), first["msg"]) from None


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, field=field, remedy="docs/consent.md explains each setting.")
