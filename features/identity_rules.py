"""The rules of recognising people: what names nobody, what counts most, and how much may be linked."""

import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.identity import ANONYMOUS_ID, STRONG_KINDS, USER_ID, Identifier
from features.settings import Settings
from recommender.errors import InvalidInput

FILE = "identity.toml"
KINDS = (USER_ID, *STRONG_KINDS, ANONYMOUS_ID)


class Limit(BaseModel):
    """How many identifiers of a kind one person may have; with `days`, of those linked within so many days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(ge=1, le=1000)
    days: float | None = Field(default=None, gt=0)

    @property
    def window(self) -> timedelta | None:
        """None: ever."""
        return None if self.days is None else timedelta(days=self.days)


class IdentityRules(BaseModel):
    """What identity.toml says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: tuple[str, ...] = KINDS
    most_merges: int = Field(default=100, ge=1, le=10_000)
    most_identifiers: int = Field(default=1000, ge=2, le=10_000)
    limits: dict[str, Limit] = {}
    blocked: dict[str, tuple[str, ...]] = {}

    @field_validator("blocked")
    @classmethod
    def _compiles(cls, blocked: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for pattern in (pattern for patterns in blocked.values() for pattern in patterns):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return blocked

    @model_validator(mode="after")
    def _knows_its_kinds(self) -> "IdentityRules":
        if sorted(self.priority) != sorted(KINDS) or self.priority[-1] != ANONYMOUS_ID:
            raise ValueError(f"priority must name each of {', '.join(KINDS)} once, {ANONYMOUS_ID} last")
        if strangers := (self.limits.keys() | self.blocked.keys()) - {*KINDS, "any"} | (self.limits.keys() & {"any"}):
            raise ValueError(f"there is no kind {', '.join(sorted(strangers))}; use {', '.join(KINDS)}")
        return self

    def is_blocked(self, identifier: Identifier) -> bool:
        """Whether a value names nobody."""
        kind, value = identifier
        return self._patterns[kind].fullmatch(value) is not None

    def in_order(self, identifiers: Iterable[Identifier]) -> list[Identifier]:
        """Those that name somebody, the one that counts most first; no repeats."""
        named = {identifier for identifier in identifiers if not self.is_blocked(identifier)}
        return sorted(named, key=lambda identifier: (self._place[identifier[0]], identifier[1]))

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {kind: self._pattern((*self.blocked.get("any", ()), *self.blocked.get(kind, ()))) for kind in KINDS}

    @staticmethod
    def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
        any_of = "|".join(f"(?:{pattern})" for pattern in patterns)
        return re.compile(any_of or "(?!)", re.IGNORECASE)  # without patterns, one that nothing matches

    @cached_property
    def _place(self) -> dict[str, int]:
        return {kind: place for place, kind in enumerate(self.priority)}


def read_rules(settings: Settings) -> IdentityRules:
    """Rules of `identity.toml`: of the configuration folder if it has one, else of the package.

    Raises:
        InvalidInput: the file is no TOML, or a setting does not fit.
    """
    own = None if settings.config_dir is None else settings.config_dir / FILE
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(FILE)
    try:
        return IdentityRules.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(str(error), field=FILE, remedy="Correct the file, or take it away.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, (FILE, *first["loc"])))
        raise InvalidInput(first["msg"], field=where, remedy="docs/identity.md explains each setting.") from None
