"""What of the traits that an event states is kept of a person: plain values, and nothing that names or reaches them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.identity import EMAIL, Identifier, is_phone

Trait = bool | int | float | str | None  # None: it was taken away

MOST_TRAITS = 200  # of one person
NAME_CHARACTERS = 100
VALUE_CHARACTERS = 1_000
LARGEST = 2**53  # beyond it, JSON's numbers are not exact

# Letters of the names of what names or reaches a person; cards and contacts are identifiers instead.
PERSONAL = frozenset(
    {
        "email", "emailaddress", "mail", "phone", "phonenumber", "mobile", "mobilephone", "telephone", "tel", "name",
        "firstname", "lastname", "fullname", "username", "address", "street", "birthday", "birthdate", "dateofbirth",
        "avatar", "loyaltycard",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stated:
    """Traits that an event states of whoever has an identifier."""

    identifier: Identifier
    traits: Mapping[str, Trait]
    occurred_at: datetime


def is_personal(name: str) -> bool:
    """Whether a trait of this name, however it is spelt, says who somebody is or how to reach them."""
    return re.sub(r"[^a-z]", "", name.lower()) in PERSONAL


def kept_traits(traits: Mapping[str, Any]) -> dict[str, Trait]:
    """Those that may be kept: under a short name, short texts without a contact in them, numbers, booleans and None."""
    return {
        name: value
        for name, value in traits.items()
        if 0 < len(name) <= NAME_CHARACTERS and name.isprintable() and not is_personal(name) and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    match value:
        case None | bool():
            return True
        case int() | float():
            return math.isfinite(value) and abs(value) <= LARGEST
        case str():
            short = len(value) <= VALUE_CHARACTERS and "\0" not in value
            return short and EMAIL.search(value) is None and not is_phone(value)
        case _:
            return False
