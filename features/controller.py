"""Who is responsible for shoppers' data, and the words in which they are asked: `controller.toml`."""

import tomllib
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.settings import Settings
from recommender.consent import PURPOSES
from recommender.errors import InvalidInput

FILE = "controller.toml"
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Part(BaseModel):
    """A table of the file; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Party(Part):
    """The controller, as receipts name it."""

    name: Text
    address: Text
    contact: Text
    jurisdiction: Text
    storage_locations: tuple[Text, ...] = Field(min_length=1)


class Notice(Part):
    """What shoppers are told before they answer."""

    version: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(pattern=r"^https?://[^\s\x00]+$", max_length=2000)]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]  # BCP 47


class PurposeWords(Part):
    """What a purpose is called and explained as, and what a receipt says of it."""

    title: Text
    text: Text
    personal_data: tuple[Text, ...] = Field(min_length=1)
    lawful_basis: Text
    retention: Text
    recipients: tuple[Text, ...] = ()


class Controller(Part):
    """What controller.toml says.

    Attributes:
        topics: what messages may be about: names, and the words for them.
    """

    controller: Party
    notice: Notice
    purposes: dict[str, PurposeWords]
    topics: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,60}$")], Text] = {}

    @model_validator(mode="after")
    def _has_words_for_each_purpose(self) -> "Controller":
        if self.purposes.keys() != set(PURPOSES):
            raise ValueError(f"purposes must have each of {', '.join(PURPOSES)}, and nothing else")
        return self


def read_controller(settings: Settings) -> Controller:
    """Read the file: that of the configuration folder if it is there, else the one that ships.

    Raises:
        InvalidInput: it is no TOML, or does not fit; the error names the field.
    """
    own = None if settings.config_dir is None else settings.config_dir / FILE
    try:
        text = own.read_text() if own is not None and own.exists() else (files("recommender.config") / FILE).read_text()
        return Controller.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{FILE}: {field}: {first['msg']}", field=field, remedy=REMEDY) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"{FILE} cannot be read: {error}", field=FILE, remedy=REMEDY) from None


REMEDY = f"Correct {FILE} in RECOMMENDER_CONFIG_DIR; the one that ships shows the form."
