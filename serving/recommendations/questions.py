"""What callers ask for: as the use case takes it, in the shop's strings, and as the decision takes it, in item rows."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from recommender.arrays import EMPTY_ROWS, Rows
from recommender.catalogue import Catalogue
from recommender.errors import InvalidInput, UnknownItem
from recommender.ids import AnonymousId, PlacementId, SessionId, StoreId, UserId
from recommender.placements import Placement
from recommender.query import Query
from recommender.rules.compiled import Rule
from recommender.value import value


@value(slots=True, kw_only=True)
class Caller:
    """Who asks, and from where.

    Attributes:
        may_personalise: False once the law, the ledger or the visitor forbid it; then the identifiers are to be dropped
            before anything is read.
        said: the visitor's word on personalisation, of now; None: none.
        signal: the browser sent `Sec-GPC: 1`.
        market: whose law counts; None: that of the store, else the default's.
        cart: item ids that the caller says are in the cart; unknown ones count for nothing.
        age: in years, if the caller vouches for it.
    """

    user_id: UserId | None = None
    anonymous_id: AnonymousId | None = None
    session_id: SessionId | None = None
    may_personalise: bool = True
    said: bool | None = None
    signal: bool = False
    market: str | None = None
    store_id: StoreId | None = None
    cart: Sequence[str] = ()
    age: int | None = None


@value(slots=True, kw_only=True)
class Question:
    """One list that is asked for.

    Attributes:
        limit: None: what the placement says.
        exclude: item ids that must not appear; unknown ones count for nothing.
        pictured: whether only items with a picture may appear.
        explain: whether its trace must be kept.
        within: where it stands in the body, to be put before the name of a wrong field ("blocks[2].").
    """

    placement: PlacementId
    limit: int | None = None
    item_id: str | None = None
    category: str | None = None
    filter: str | None = None
    exclude: Sequence[str] = ()
    pictured: bool = False
    explain: bool = False
    within: str = ""


def translate(
    question: Question,
    caller: Caller,
    placement: Placement,
    catalogue: Catalogue,
    *,
    compiled: Callable[[str], Rule],
    day: int,
    trace: bool,
) -> Query:
    """Put a question in item rows; `compiled` gives the rule of a filter, `day` turns what is seeded.

    Raises:
        InvalidInput: `limit` is out of the placement's range.
        UnknownItem: the item in view does not exist.
        InvalidRule: the filter is malformed.
    """
    limit = placement.limit if question.limit is None else question.limit
    if not 1 <= limit <= placement.max_limit:
        raise InvalidInput(
            f"limit must be from 1 to {placement.max_limit} for the placement {question.placement}, got {limit}",
            field="limit",
            remedy=f"Ask for 1 to {placement.max_limit} items, or leave `limit` out to get {placement.limit}.",
        )
    who = caller.user_id or caller.anonymous_id or ""
    return Query(
        placement=question.placement,
        limit=limit,
        context_item=None if question.item_id is None else _row_of(question.item_id, catalogue),
        category=question.category,
        cart=_known_rows(caller.cart, catalogue),
        exclude=_known_rows(question.exclude, catalogue),
        filter=None if question.filter is None else compiled(question.filter),
        store_id=caller.store_id,
        age=caller.age,
        seed=crc32(f"{who}\0{question.placement}\0{day}".encode()),
        pictured=question.pictured,
        trace=trace,
    )


def rows_of_groups(rows: Rows, catalogue: Catalogue) -> Rows:
    """Rows of all items that are of one group with one of `rows`."""
    codes = catalogue.text["group"].codes[: catalogue.n]
    return np.flatnonzero(np.isin(codes, codes[rows])).astype(np.int32)


def _row_of(item_id: str, catalogue: Catalogue) -> int:
    row = catalogue.row_of(item_id)
    if row < 0:
        raise UnknownItem(
            f"There is no item {item_id!r} in the catalogue.",
            field="item_id",
            remedy="Check the id, or add the item with PUT /v1/catalogue/items/{id}.",
        )
    return row


def _known_rows(item_ids: Sequence[str], catalogue: Catalogue) -> Rows:
    if not item_ids:
        return EMPTY_ROWS
    rows = map(catalogue.row_of, item_ids)
    return np.array([row for row in dict.fromkeys(rows) if row >= 0], dtype=np.int32)
