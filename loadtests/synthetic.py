"""A made-up shop of any size, as skewed as a real one, for timing."""

import numpy as np

from recommender.arrays import Rows
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber
from recommender.model import FoldIn, Histories, Model, Neighbours, Popularity, Rhythm
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.trees import Trees, trees_from_lightgbm
from recommender.retrieval.index import build_index
from recommender.shopper import NO_PURCHASES, EventKind, Purchases, Shopper, Touches
from training.models.sessions import Sessions, starts

NOW_DAY = 20_000.5
FACTORS = 64
N_TREES, N_LEAVES = 100, 15


def synthetic_catalogue(rng: np.random.Generator, n_items: int) -> Catalogue:
    """Items of 30 departments, 300 categories and 2,000 types."""
    types = rng.integers(0, 2_000, n_items)
    return Catalogue.of(
        CatalogueItem(
            item_id=ItemId(f"item-{row}"), item_number=ItemNumber(row), group_id=GroupId(f"item-{row}"),
            title=f"Item {row}", price=int(price), currency="USD", added_day=NOW_DAY - float(age),
            department=f"department {kind % 30}", category=f"category {kind % 300}", type=f"type {kind}",
            brand=f"brand {kind % 7}", manufacturer=f"manufacturer {row % 900}",
        )
        for row, (price, age, kind) in enumerate(
            zip(rng.integers(50, 2_000, n_items), rng.uniform(0, 700, n_items), types.tolist(), strict=True)
        )
    )  # fmt: skip


def synthetic_model(rng: np.random.Generator, n_items: int) -> Model:
    """Embeddings with very different norms, the low rows the most popular; a ranker of 100 trees of 15 leaves."""
    norms = (1.0 + np.arange(n_items)) ** -0.6
    embeddings = (rng.normal(size=(n_items, FACTORS)) * norms[:, None]).astype(np.float32)
    gram = embeddings.T.astype(np.float64) @ embeddings + 0.1 * np.eye(FACTORS)
    queries = rng.normal(size=(100, FACTORS)).astype(np.float32)
    trees = synthetic_trees(rng)
    return Model(
        version="synthetic",
        cut_day=NOW_DAY - 1.0,
        embeddings=embeddings,
        index=build_index(embeddings, queries)[0],
        fold_in=FoldIn(np.linalg.inv(gram).astype(np.float32), alpha=1.0),
        neighbours=_neighbours(rng, n_items, 50),
        bought_together=_neighbours(rng, n_items, 30),
        rhythm=Rhythm(rng.uniform(5, 90, n_items).astype(np.float32), rng.random(n_items).astype(np.float32)),
        popularity=_popularity(rng, n_items),
        histories=_no_histories(),
        rankers={"any": trees, "discovery": trees},
        followers=_neighbours(rng, n_items, 30),
    )


def synthetic_shopper(rng: np.random.Generator, n_items: int) -> Shopper:
    """A shopper who has bought about 300 items, the popular ones more likely, and looked at five just now."""
    rows = np.unique(_popular_rows(rng, n_items, 400))
    baskets = rng.integers(1, 12, len(rows)).astype(np.float32)
    last_day = NOW_DAY - rng.uniform(0, 300, len(rows))
    session = np.unique(_popular_rows(rng, n_items, 5))
    purchases = Purchases(
        rows=rows,
        baskets=baskets,
        decayed_short=(baskets * np.exp2((last_day - NOW_DAY) / 28)).astype(np.float32),
        decayed_long=(baskets * np.exp2((last_day - NOW_DAY) / 120)).astype(np.float32),
        first_day=last_day - rng.uniform(0, 60, len(rows)),
        last_day=last_day,
    )
    kinds = np.full(len(session), EventKind.VIEWED, dtype=np.uint8)
    touches = Touches(session, kinds, np.full(len(session), NOW_DAY))
    return Shopper(purchases=purchases, n_baskets=60, first_day=NOW_DAY - 360, touches=touches, session=session)


def synthetic_sessions(rng: np.random.Generator, n_sessions: int, n_items: int) -> Sessions:
    """Sessions of two to twenty views, the popular items more likely; what comes next follows no rule."""
    sizes = 1 + np.minimum(rng.geometric(0.25, n_sessions), 19)
    return Sessions(starts(sizes), _popular_rows(rng, n_items, int(sizes.sum())))


def synthetic_trees(rng: np.random.Generator) -> Trees:
    """Trees of random splits, the worst case for anything that hopes for regular ones."""

    def grow(leaves: int) -> dict[str, object]:
        if leaves == 1:
            return {"leaf_value": float(rng.normal() / N_TREES)}
        left = int(rng.integers(1, leaves))
        return {
            "split_feature": int(rng.integers(len(FEATURES))), "threshold": float(rng.normal()),
            "decision_type": "<=", "missing_type": "None", "left_child": grow(left), "right_child": grow(leaves - left),
        }  # fmt: skip

    return trees_from_lightgbm({"tree_info": [{"tree_structure": grow(N_LEAVES)} for _ in range(N_TREES)]})


def _popular_rows(rng: np.random.Generator, n_items: int, n: int) -> Rows:
    return (n_items * rng.random(n) ** 3).astype(np.int32)


def _neighbours(rng: np.random.Generator, n_items: int, kept: int) -> Neighbours:
    return Neighbours(
        offsets=np.arange(0, (n_items + 1) * kept, kept, dtype=np.int64),
        rows=_popular_rows(rng, n_items, n_items * kept),
        scores=np.tile(np.linspace(1.0, 0.1, kept, dtype=np.float32), n_items),
    )


def _popularity(rng: np.random.Generator, n_items: int) -> Popularity:
    recent = (1e4 / (1.0 + np.arange(n_items))).astype(np.float32)
    ranking = np.arange(n_items, dtype=np.int32)
    return Popularity(
        overall=recent * 10, recent=recent, weekly=recent / 4, trend=rng.uniform(0.5, 2, n_items).astype(np.float32),
        tried=recent, ranking=ranking, trending=rng.permutation(ranking), by_category={}, by_store={},
    )  # fmt: skip


def _no_histories() -> Histories:
    days = np.empty(0)
    none = NO_PURCHASES
    return Histories(
        cut_day=NOW_DAY - 1.0, position_of={}, offsets=np.zeros(1, dtype=np.int64), rows=none.rows,
        baskets=none.baskets, decayed_short=none.baskets, decayed_long=none.baskets, first_day=days, last_day=days,
        n_baskets=np.empty(0, dtype=np.int32), first_basket_day=days,
        coupons_redeemed=none.baskets, coupons_expected=none.baskets,
    )  # fmt: skip
