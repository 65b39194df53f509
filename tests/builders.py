"""Small values of the domain, for tests; each is what a caller does not care about, unless it says otherwise."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from features.identity import USER_ID
from recommender.arrays import Rows
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.consent import PERSONALISATION, Entry, State
from recommender.ids import GroupId, ItemId, ItemNumber, StoreId, UserId
from recommender.model import FoldIn, Histories, Model, Neighbours, Popularity, Rhythm
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.trees import Trees, trees_from_lightgbm
from recommender.retrieval.index import build_index
from recommender.shopper import HALF_LIFE_LONG, HALF_LIFE_SHORT, EventKind, Purchases, Shopper, Touches

NOW_DAY = 20_000.5
N_CATEGORIES = 5


def said(user_id: str, state: State, occurred_at: datetime, **more: object) -> Entry:
    """What a user said on personalisation; `more` replaces what it has."""
    usual: dict[str, object] = {
        "entry_id": f"{user_id} {state} {occurred_at}", "subject": (USER_ID, user_id), "purpose": PERSONALISATION,
        "state": state, "occurred_at": occurred_at, "received_at": occurred_at, "system": "test", "notice_version": "1",
    }  # fmt: skip
    return Entry(**(usual | more))  # pyright: ignore[reportArgumentType] - by name, checked where they are used


def item(number: int, **facts: object) -> CatalogueItem:
    """Item "i<number>" that can be shown, of one of N_CATEGORIES categories; `facts` replace what it has."""
    usual: dict[str, object] = {
        "item_id": ItemId(f"i{number}"), "item_number": ItemNumber(number), "group_id": GroupId(f"i{number}"),
        "title": f"Item {number}", "price": 100 + 7 * number, "currency": "EUR", "added_day": NOW_DAY - 3 * number,
        "department": f"department {number % 2}", "category": f"category {number % N_CATEGORIES}",
        "type": f"type {number % (2 * N_CATEGORIES)}", "brand": f"brand {number % 3}", "manufacturer": None,
    }  # fmt: skip
    return CatalogueItem(**(usual | facts))  # type: ignore[arg-type]


def small_catalogue(n_items: int = 40, *, facts: Mapping[int, Mapping[str, object]] | None = None) -> Catalogue:
    """Items 0 to `n_items` - 1, in this order of rows; `facts` by row."""
    return Catalogue.of([item(row, **(facts or {}).get(row, {})) for row in range(n_items)], spare=4)


def small_model(rng: np.random.Generator, n_items: int = 40, *, histories: Histories | None = None) -> Model:
    """A model with random content for rows 0 to `n_items` - 1, whose rankers are small random trees."""
    embeddings = rng.normal(size=(n_items, 8)).astype(np.float32) / 3
    gram = embeddings.T.astype(np.float64) @ embeddings + 0.1 * np.eye(8)
    return Model(
        version="model-1",
        cut_day=NOW_DAY - 1.0,
        embeddings=embeddings,
        index=build_index(embeddings, rng.normal(size=(1, 8)).astype(np.float32), k=5)[0],
        fold_in=FoldIn(np.linalg.inv(gram).astype(np.float32), alpha=1.0),
        neighbours=some_neighbours(rng, n_items),
        bought_together=some_neighbours(rng, n_items),
        rhythm=some_rhythm(rng, n_items),
        popularity=some_popularity(rng, n_items),
        histories=histories if histories is not None else no_histories(),
        followers=some_neighbours(rng, n_items),
        rankers={"any": some_trees(rng), "discovery": some_trees(rng)},
    )


def some_neighbours(rng: np.random.Generator, n_items: int, most: int = 6) -> Neighbours:
    """Up to `most` other items for each, best first."""
    lists = [np.setdiff1d(rng.permutation(n_items)[: rng.integers(0, most + 1)], [row]) for row in range(n_items)]
    scores = [np.sort(rng.uniform(0.01, 1.0, len(rows)))[::-1] for rows in lists]
    return Neighbours(
        offsets=np.cumsum([0, *map(len, lists)], dtype=np.int64),
        rows=np.concatenate([np.empty(0), *lists]).astype(np.int32),
        scores=np.concatenate([np.empty(0), *scores]).astype(np.float32),
    )


def some_rhythm(rng: np.random.Generator, n_items: int) -> Rhythm:
    gap_days = rng.uniform(3, 60, n_items).astype(np.float32)
    gap_days[rng.random(n_items) < 0.5] = np.nan
    return Rhythm(gap_days=gap_days, repeat_share=rng.random(n_items).astype(np.float32))


def some_popularity(rng: np.random.Generator, n_items: int) -> Popularity:
    recent = rng.integers(0, 50, n_items).astype(np.float32)
    ranking = np.argsort(-recent, kind="stable").astype(np.int32)
    by_category = {f"category {c}": ranking[ranking % N_CATEGORIES == c] for c in range(N_CATEGORIES)}
    return Popularity(
        overall=recent * 3,
        recent=recent,
        weekly=recent // 3,
        trend=rng.uniform(0.5, 2.0, n_items).astype(np.float32),
        tried=recent,
        ranking=ranking,
        trending=rng.permutation(n_items).astype(np.int32),
        by_category=by_category,
        by_store={StoreId("s1"): ranking[::2].copy()},
    )


def no_histories() -> Histories:
    nothing = np.empty(0, dtype=np.float32)
    return Histories(
        cut_day=NOW_DAY - 1.0,
        position_of=dict[UserId, int](),
        offsets=np.zeros(1, dtype=np.int64),
        rows=np.empty(0, dtype=np.int32),
        baskets=nothing,
        decayed_short=nothing,
        decayed_long=nothing,
        first_day=np.empty(0),
        last_day=np.empty(0),
        n_baskets=np.empty(0, dtype=np.int32),
        first_basket_day=np.empty(0),
        coupons_redeemed=nothing,
        coupons_expected=nothing,
    )


def some_trees(rng: np.random.Generator, n_trees: int = 5) -> Trees:
    """Trees of two random splits each on the features of candidates."""

    def leaf() -> dict[str, object]:
        return {"leaf_value": float(rng.normal())}

    def split(left: dict[str, object], right: dict[str, object]) -> dict[str, object]:
        return {
            "split_feature": int(rng.integers(len(FEATURES))), "threshold": float(rng.normal()),
            "decision_type": "<=", "missing_type": "None", "left_child": left, "right_child": right,
        }  # fmt: skip

    trees = [{"tree_structure": split(split(leaf(), leaf()), leaf())} for _ in range(n_trees)]
    return trees_from_lightgbm({"tree_info": trees})


def shopper_with(
    bought: Mapping[int, Sequence[float]] | None = None, looked_at: Sequence[int] = (), cart: Sequence[int] = (),
    age: int | None = None,
) -> Shopper:  # fmt: skip
    """A shopper.

    Args:
        bought: row -> days ago of each of its orders.
        looked_at, cart: rows viewed in this session and put in the cart, newest first.
    """
    orders = {row: np.sort(NOW_DAY - np.array(ago, dtype=np.float64)) for row, ago in (bought or {}).items()}
    days = sorted({float(day) for of_item in orders.values() for day in of_item})
    session = list(dict.fromkeys([*cart, *looked_at]))
    kinds = [EventKind.ADDED] * len(cart) + [EventKind.VIEWED] * len(looked_at)
    touched = [*cart, *looked_at]
    return Shopper(
        purchases=purchases_of(orders),
        n_baskets=len(days),
        first_day=days[0] if days else float("nan"),
        touches=Touches(rows_of(touched), np.array(kinds, dtype=np.uint8), NOW_DAY - 1e-3 * np.arange(len(touched))),
        session=rows_of(session),
        seen=rows_of(touched),
        cart=rows_of(cart),
        age=age,
    )


def purchases_of(orders: Mapping[int, np.ndarray]) -> Purchases:
    """Purchases as of NOW_DAY from the ascending days of the orders of each row."""
    rows = sorted(orders)

    def decayed(half_life: float) -> np.ndarray:
        return np.array([np.exp2((orders[row] - NOW_DAY) / half_life).sum() for row in rows], dtype=np.float32)

    return Purchases(
        rows=rows_of(rows),
        baskets=np.array([len(orders[row]) for row in rows], dtype=np.float32),
        decayed_short=decayed(HALF_LIFE_SHORT),
        decayed_long=decayed(HALF_LIFE_LONG),
        first_day=np.array([orders[row][0] for row in rows], dtype=np.float64),
        last_day=np.array([orders[row][-1] for row in rows], dtype=np.float64),
    )


def rows_of(rows: Sequence[int]) -> Rows:
    return np.array(rows, dtype=np.int32)
