"""When an answer to a person is due: the clocks of `rights.toml`."""

import calendar
import tomllib
from datetime import datetime, timedelta
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.settings import Settings
from recommender.errors import InvalidInput

FILE = "rights.toml"


class Clock(BaseModel):
    """What one law gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    months: int = Field(default=0, ge=0, le=12)
    days: int = Field(default=0, ge=0, le=366)
    extension_months: int = Field(default=0, ge=0, le=12)
    extension_days: int = Field(default=0, ge=0, le=366)

    def due(self, received_at: datetime) -> datetime:
        """When the answer is due."""
        return _later(received_at, self.months) + timedelta(days=self.days)

    def latest(self, received_at: datetime) -> datetime:
        """When it is due if it was put off."""
        return _later(self.due(received_at), self.extension_months) + timedelta(days=self.extension_days)


class Clocks(BaseModel):
    """The clocks of all laws."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: str
    laws: dict[str, Clock]

    def of(self, law: str) -> Clock:
        """The clock of a law; raises InvalidInput for one that is not listed."""
        if law not in self.laws:
            raise InvalidInput(f"there is no law {law!r}", field="law", remedy=f"Use {', '.join(sorted(self.laws))}.")
        return self.laws[law]


def read_clocks(settings: Settings) -> Clocks:
    """`rights.toml`: of the configuration folder if it has one, else of the package.

    Raises:
        InvalidInput: the file is no TOML, or a setting does not fit.
    """
    own = None if settings.config_dir is None else settings.config_dir / FILE
    source = own if own is not None and own.exists() else files("recommender.config").joinpath(FILE)
    try:
        clocks = Clocks.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
        clocks.of(clocks.default)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(str(error), field=FILE, remedy="Correct the file, or take it away.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, (FILE, *first["loc"])))
        raise InvalidInput(first["msg"], field=where, remedy="docs/privacy.md explains each setting.") from None
    return clocks


def _later(moment: datetime, months: int) -> datetime:
    """The same day so many calendar months later, or the last of that month."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
