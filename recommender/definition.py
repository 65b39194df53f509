"""Reading typed settings from a table, with errors that name the setting and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar, cast

from recommender.errors import InvalidPlacement

Name = TypeVar("Name", bound=str)


class Definition:
    """A table of settings; every reader raises InvalidPlacement when the value does not fit.

    Attributes:
        prefix: put before the name of a setting in errors, "" or ending in a dot.
    """

    def __init__(self, table: object, known: Sequence[str], prefix: str = "") -> None:
        if not isinstance(table, Mapping):
            field = prefix.rstrip(".") or None
            raise InvalidPlacement("settings must be a table", field=field, remedy="Give each setting by its name.")
        self._table = cast("Mapping[str, object]", table)  # TOML and JSON have no other keys
        self.prefix = prefix
        for name in self._table:
            if name not in known:
                field = f"{prefix}{name[:60]}"
                raise InvalidPlacement(f"there is no setting {name[:60]!r}", field=field, remedy=_guess(name, known))

    def text(self, setting: str) -> str:
        """A text of 1 to 200 characters that must be given."""
        value = self._table.get(setting)
        if not isinstance(value, str) or not value.strip() or len(value) > 200:
            raise self._refusal(setting, "Give a text of 1 to 200 characters.")
        return value

    def optional_text(self, setting: str) -> str | None:
        """A text of any length, or None where it is not given."""
        value = self._table.get(setting)
        if value is not None and not isinstance(value, str):
            raise self._refusal(setting, "Give a text.")
        return value

    def whole(self, setting: str, *, most: int, default: int | None = None) -> int:
        """A whole number from 1 to `most`; without a default it must be given."""
        value = self._table.get(setting, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self._refusal(setting, f"Give a whole number from 1 to {most}.")
        return value

    def number(self, setting: str, *, most: float, default: float | None = None) -> float:
        """A number above 0 and at most `most`; without a default it must be given."""
        value = self._table.get(setting, default)
        if (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most  # NaN is not either
        ):
            raise self._refusal(setting, f"Give a number above 0 and at most {most:g}.")
        return float(value)

    def share(self, setting: str, *, default: float = 0.0) -> float:
        """A number from 0 to 1."""
        value = self._table.get(setting, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN is not either
            raise self._refusal(setting, "Give a number from 0 to 1.")
        return float(value)

    def name(self, setting: str, known: Sequence[Name], default: Name) -> Name:
        """One of the known words."""
        return self._known(self._table.get(setting, default), known, setting)

    def names(self, setting: str, known: Sequence[Name]) -> tuple[Name, ...]:
        """Known words in their order, none twice; empty where not given."""
        listed = [
            self._known(word, known, f"{setting}[{place}]")
            for place, word in enumerate(self._list(setting, len(known)))
        ]
        for place, word in enumerate(listed):
            if word in listed[:place]:
                field = f"{self.prefix}{setting}[{place}]"
                raise InvalidPlacement(f"{word} is listed twice", field=field, remedy="Leave it once.")
        return tuple(listed)

    def table(self, setting: str, known: Sequence[str]) -> "Definition":
        """A table of further settings; one without any where not given."""
        return Definition(self._table.get(setting, {}), known, f"{self.prefix}{setting}.")

    def tables(self, setting: str, known: Sequence[str], *, most: int) -> "list[Definition]":
        """Tables of further settings; empty where not given."""
        tables = self._list(setting, most)
        return [Definition(table, known, f"{self.prefix}{setting}[{place}].") for place, table in enumerate(tables)]

    def _list(self, setting: str, most: int) -> list[object]:
        value = self._table.get(setting, [])
        if not isinstance(value, list):
            raise self._refusal(setting, "Give a list.")
        if len(cast("list[object]", value)) > most:
            raise InvalidPlacement(
                f"{setting} is too long", field=self.prefix + setting, remedy=f"Keep {most} at most."
            )
        return cast("list[object]", value)  # elements are checked by the caller

    def _known(self, word: object, known: Sequence[Name], setting: str) -> Name:
        if isinstance(word, str) and word in known:
            return cast("Name", word)  # one of them
        field = self.prefix + setting
        raise InvalidPlacement(f"{word!r:.62} is not known here", field=field, remedy=_guess(str(word), known))

    def _refusal(self, setting: str, remedy: str) -> InvalidPlacement:
        problem = f"{setting} is {self._table[setting]!r:.62}" if setting in self._table else f"{setting} is missing"
        return InvalidPlacement(problem, field=self.prefix + setting, remedy=remedy)


def _guess(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word[:60], list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}."
