"""What becomes of rows of the event log that name somebody erased: the same before the log, in it, and at an import.

A row is its user's, else its card's or contact's, else its anonymous id's. An order line of somebody erased stays as a
line of accounts: what was sold, where and in which hour, under names that only the deployment's secret could make
again. All else of theirs goes. In rows of others just the erased identifier is taken out.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
import polars as pl

from features.events.log import KEY
from features.events.schema import EVENT_COLUMNS, ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED
from features.identity import ANONYMOUS_ID, STRONG_KINDS, USER_ID, Identifier

ACCOUNTS = (ORDER_COMPLETED, ORDER_REFUNDED, ORDER_CANCELLED)
KEPT_OF_AN_ORDER = (
    "line", "event", "item_id", "quantity", "unit", "price", "discount", "currency", "market", "store_id", "channel",
    "synthetic",
)  # fmt: skip
NAMING = ("user_id", "anonymous_id", "identifiers")
CLAIMED = "claimed"
TOKEN = re.compile(r"[^\s\"'<>,;:{}\[\]()\\]+")  # what an identifier may look like in broken JSON

Row = dict[str, Any]  # by column of EVENT_COLUMNS; what is null may be left out
IsErased = Callable[[Identifier], bool]


@dataclass(frozen=True, slots=True)
class RowCleaner:
    """Takes people out of rows; cleaning what is clean changes nothing.

    Attributes:
        is_erased: whether an identifier must not be kept.
        secret: of the deployment, which the names of what stays are made with.
    """

    is_erased: IsErased
    secret: bytes

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the log without anybody erased."""
        mask = self.naming_erased(frame)
        if not mask.any():
            return frame
        cleaned = self.clean_rows(frame.filter(mask).to_dicts())
        rest = frame.filter(~mask)
        return pl.concat([rest, frame_of(cleaned)]).unique(KEY, keep="first", maintain_order=True)

    def naming_erased(self, frame: pl.DataFrame) -> pl.Series:
        """(n,) bool: whether a row has an erased identifier anywhere; needs the columns NAMING alone."""
        users = self._erased_of(frame["user_id"], lambda value: self.is_erased((USER_ID, value)))
        visitors = self._erased_of(frame["anonymous_id"], lambda value: self.is_erased((ANONYMOUS_ID, value)))
        said = self._erased_of(frame["identifiers"], lambda text: any(map(self.is_erased, identifiers_in(text))))
        named = (
            pl.col("user_id").is_in(users) | pl.col("anonymous_id").is_in(visitors) | pl.col("identifiers").is_in(said)
        )
        return frame.select(named.fill_null(value=False).alias("named"))["named"]

    def clean_rows(self, rows: Iterable[Row]) -> list[Row]:
        """The same for rows as dictionaries."""
        return [cleaned for row in rows if (cleaned := self.clean_row(row)) is not None]

    def clean_row(self, row: Row) -> Row | None:
        """One row as it may be kept; None: not at all."""
        owner = owner_of(row)
        if owner is None or not self.is_erased(owner):
            return self._scrubbed(row)
        return self._line_of_accounts(row) if row["event"] in ACCOUNTS else None

    def accounts_of(self, rows: Iterable[Row]) -> list[Row]:
        """What stays of rows that are all somebody's who was erased."""
        return [self._line_of_accounts(row) for row in rows if row["event"] in ACCOUNTS]

    def pseudonym(self, kind: str, text: str) -> str:
        """The name that takes the place of an event's or order's: always the same for the same."""
        digest = hmac.digest(self.secret, f"erased:{kind}:{text}".encode("utf-8", "surrogatepass"), "sha256")
        return f"erased-{digest.hex()[:32]}"

    def _line_of_accounts(self, row: Row) -> Row:
        order_id = row.get("order_id")
        return {name: row.get(name) for name in KEPT_OF_AN_ORDER} | {
            "event_id": self.pseudonym("event", row["event_id"]),
            "order_id": None if order_id is None else self.pseudonym("order", order_id),
            "consent": [],
            "occurred_at": _hour_of(row["occurred_at"]),
            "received_at": _hour_of(row["received_at"]),
        }

    def _scrubbed(self, row: Row) -> Row:
        scrubbed = dict(row)
        for kind, column in ((USER_ID, "user_id"), (ANONYMOUS_ID, "anonymous_id")):
            if (value := row.get(column)) is not None and self.is_erased((kind, value)):
                scrubbed[column] = None
        if (text := row.get("identifiers")) is not None and any(map(self.is_erased, identifiers_in(text))):
            said = self._without_erased(_said_in(text))
            scrubbed["identifiers"] = orjson.dumps(said).decode() if said else None
        return scrubbed

    def _without_erased(self, said: dict[str, Any]) -> dict[str, Any]:
        kept = {kind: value for kind, value in said.items() if not self.is_erased((kind, str(value)))}
        if isinstance(claimed := kept.get(CLAIMED), dict):
            kept[CLAIMED] = self._without_erased(claimed)
        return {kind: value for kind, value in kept.items() if value != {}}

    @staticmethod
    def _erased_of(column: pl.Series, is_erased: Callable[[str], bool]) -> list[str]:
        return [value for value in column.drop_nulls().unique().to_list() if is_erased(value)]


def owner_of(row: Row) -> Identifier | None:
    """Whose a row is, by what it names as a fact; None: nobody's."""
    if (user_id := row.get("user_id")) is not None:
        return USER_ID, user_id
    if (text := row.get("identifiers")) is not None:
        said = _said_in(text)
        for kind in STRONG_KINDS:
            if isinstance(value := said.get(kind), str):
                return kind, value
    anonymous_id = row.get("anonymous_id")
    return None if anonymous_id is None else (ANONYMOUS_ID, anonymous_id)


def identifiers_in(text: str) -> list[Identifier]:
    """All that the column `identifiers` names, claims too."""
    said = _said_in(text)
    claimed = said.get(CLAIMED)
    named = [*said.items(), *(claimed.items() if isinstance(claimed, dict) else ())]
    return [(kind, value) for kind, value in named if isinstance(value, str)]


def frame_of(rows: list[Row]) -> pl.DataFrame:
    """Rows as a frame with all columns of the log."""
    return pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row")


def _said_in(text: str) -> dict[str, Any]:
    said: Any = orjson.loads(text)
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
