"""What a caller asks, and what the decision answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recommender.arrays import EMPTY_ROWS, Floats, Matrix, Rows, Scores
from recommender.ids import PlacementId, StoreId
from recommender.rules.compiled import Rule
from recommender.value import value


@value(slots=True, kw_only=True)
class Query:
    """One question for one placement, already translated to item rows.

    Attributes:
        placement: which placement asks.
        limit: how many items, at least 1.
        context_item: row of the item in view (product page), or None.
        category: the category in view (category page), or None.
        cart: rows that the caller says are in the cart; joined with the cart of the live state.
        exclude: rows that must not appear.
        filter: an extra rule of the caller's; joined with the placement's by `and`.
        store_id: the store whose stock and popularity count, or None.
        age: of the shopper, in years, if the caller vouches for it.
        seed: integer made from (shopper, placement, day); the same seed rotates and explores the same way.
        pictured: whether only items with a picture may appear.
        trace: whether the decision must carry its trace.
    """

    placement: PlacementId
    limit: int
    context_item: int | None = None
    category: str | None = None
    cart: Rows = field(default_factory=lambda: EMPTY_ROWS)
    exclude: Rows = field(default_factory=lambda: EMPTY_ROWS)
    filter: Rule | None = None
    store_id: StoreId | None = None
    age: int | None = None
    seed: int = 0
    pictured: bool = False
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """How a list came about, for people who ask why.

    Attributes:
        candidates: by source, the rows that it proposed, best first.
        removed: by rule ("hidden", "sold_out", "sold_out_in_store", "bought", "cart", "viewed", "context_item",
            "excluded", "age", "filter"), how many candidates it removed.
        feature_names: names of the columns of `features`.
        features: (n_shown, n_features) of the items shown, in the order shown.
        objectives: (n_shown,) what they are worth by each objective that was weighed; empty where purchase alone was.
    """

    candidates: Mapping[str, Rows]
    removed: Mapping[str, int]
    feature_names: tuple[str, ...]
    features: Matrix
    objectives: Mapping[str, Floats]


FALLBACKS = ("none", "contextual", "popular", "catalogue")


@value(slots=True, kw_only=True)
class Decision:
    """The ranked answer: one entry per slot, best first; no two of one group.

    Attributes:
        rows, scores: (n,) what is shown, with the ranker's score (pins: the score they would have had).
        sources: per slot, the name of the source that gave the candidate ("pinned" for a pin, "exploration" for what
            was drawn).
        reasons: per slot, a short sentence for people.
        personalised: whether anything of the shopper went into it.
        fallback: "none", or how far down the ladder the list had to go: "contextual" (no personal source had anything),
            "popular" (filled up from what is popular), "catalogue" (filled up from all that is allowed).
        short: True when fewer items than asked for are allowed at all.
        propensities: per slot, the chance in (0, 1] that it got its item, given the slots before it; None: each is 1,
            as nothing was drawn.
    """

    rows: Rows
    scores: Scores
    sources: tuple[str, ...]
    reasons: tuple[str, ...]
    personalised: bool
    fallback: str
    short: bool
    propensities: tuple[float, ...] | None = None
    trace: Trace | None = None
