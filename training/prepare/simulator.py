"""Invents browse sessions before real baskets, so that a demo without browsing shows the product moving.

Every row says `synthetic`. The sessions are made from the baskets that follow them, so they must never reach a quality
figure, nor a model that a figure is quoted for.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events.schema import PRODUCT_ADDED, PRODUCT_REMOVED, PRODUCT_VIEWED
from training.prepare.orders import CONSENT, CURRENCY, with_all_columns

SEED = 20171231
SESSIONS = 30_000
MAX_EVENTS = 200_000
_WINDOW = timedelta(weeks=8)
_KINDS = ("buys", "leaves", "anonymous")
_KIND_SHARES = (0.7, 0.15, 0.15)
_ADDED = {"buys": 0.65, "leaves": 0.3, "anonymous": 0.3}  # chance that a thing looked at goes into the cart
_TAKEN_OUT = 0.4  # chance that it comes out again, when nothing is bought


@dataclass(frozen=True, slots=True)
class Shelf:
    """The items that can be looked at, category by category, those bought most first.

    Attributes:
        item_ids: str; a position in it stands for an item.
        prices: (n,) i64, in cents.
        first, size: (n,) i64: where an item's category begins in the list, and how many items it has.
    """

    item_ids: pl.Series
    prices: pl.Series
    first: NDArray[np.int64]
    size: NDArray[np.int64]


def simulate_sessions(
    lines: pl.DataFrame, facts: pl.DataFrame, market: str, n_sessions: int = SESSIONS, max_events: int = MAX_EVENTS
) -> pl.DataFrame:
    """Browse sessions for baskets of the last eight weeks: all EVENT_COLUMNS, by time; the same for the same input.

    Before a basket its shopper looks at one to four things of it, each beside others of its category, and puts some
    into the cart. Some sessions lead nowhere: the shopper leaves, days before the basket. Some are of strangers.

    In: lines of `read_lines`; catalogue_facts' frame. At most `max_events` rows, of whole sessions.
    """
    shelf = stock_shelf(facts, lines)
    bought = _recent_lines(lines, shelf)
    if bought.is_empty():
        return with_all_columns(pl.DataFrame(schema={"event_id": pl.String()}))
    rng = np.random.default_rng(SEED)
    sessions = _draw_sessions(bought, n_sessions, rng)
    actions = _act(_draw_interests(sessions, bought, rng), shelf, rng)
    timed = _time(actions, sessions, rng)
    whole = timed.filter(pl.col("session") < pl.col("session").slice(max_events, 1).first().fill_null(n_sessions))
    return _as_events(whole, shelf, market).sort("occurred_at", "event_id")


def stock_shelf(facts: pl.DataFrame, lines: pl.DataFrame) -> Shelf:
    """Everything visible, by category and then by how many lines bought it."""
    counts = lines.group_by("item_id").agg(bought=pl.len())
    visible = facts.filter(~pl.col("hidden") & pl.col("price").is_not_null() & pl.col("category").is_not_null())
    listed = visible.join(counts, on="item_id", how="left").sort(
        "category", "bought", "item_id", descending=[False, True, False]
    )
    place = listed.with_row_index("position").select(
        first=pl.col("position").min().over("category").cast(pl.Int64), size=pl.len().over("category").cast(pl.Int64)
    )
    return Shelf(listed["item_id"], listed["price"], place["first"].to_numpy(), place["size"].to_numpy())


def _recent_lines(lines: pl.DataFrame, shelf: Shelf) -> pl.DataFrame:
    """basket_id, household_id, occurred_at and item (a position on the shelf) of what was bought; basket by basket."""
    positions = shelf.item_ids.to_frame("item_id").with_row_index("item")
    recent = lines.filter(pl.col("occurred_at") > pl.col("occurred_at").max() - _WINDOW)
    kept = recent.join(positions, on="item_id").select("basket_id", "household_id", "occurred_at", "item")
    return kept.sort("basket_id", "item")


def _draw_sessions(bought: pl.DataFrame, n_sessions: int, rng: np.random.Generator) -> pl.DataFrame:
    """One row a session: the basket it leads to (its first row and length in `bought`), its kind, its start."""
    baskets = (
        bought.with_row_index("row")
        .group_by("basket_id", maintain_order=True)
        .agg(pl.col("row").first(), pl.len().alias("rows"), pl.col("household_id", "occurred_at").first())
    )
    drawn = baskets[rng.integers(baskets.height, size=n_sessions)]
    kind = rng.choice(len(_KINDS), size=n_sessions, p=_KIND_SHARES)
    hours = np.where(
        kind == _KINDS.index("leaves"), rng.uniform(24, 144, n_sessions), 1 + rng.exponential(5, n_sessions)
    )
    return drawn.with_columns(
        session=pl.int_range(pl.len()),
        kind=pl.Series([_KINDS[number] for number in kind]),
        channel=pl.Series(np.where(rng.random(n_sessions) < 0.6, "web", "app")),
        started_at=pl.col("occurred_at") - pl.Series((hours * 3600e6).astype(np.int64)).cast(pl.Duration("us")),
    )


def _draw_interests(sessions: pl.DataFrame, bought: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One row a session and thing of its basket that is looked at: session, kind, item; in order of interest."""
    n_interests = np.minimum(rng.geometric(0.5, sessions.height), 4)
    repeated = sessions.select("session", "kind", "row", "rows")[np.repeat(np.arange(sessions.height), n_interests)]
    row = repeated["row"].to_numpy() + (rng.random(repeated.height) * repeated["rows"].to_numpy()).astype(np.int64)
    interests = repeated.select("session", "kind").with_columns(bought["item"].gather(row))
    return interests.unique(maintain_order=True).with_row_index("interest")


def _act(interests: pl.DataFrame, shelf: Shelf, rng: np.random.Generator) -> pl.DataFrame:
    """What is done about each interest: session, interest, step, event, item; `step` orders them."""
    item = interests["item"].to_numpy()
    n_others = np.minimum(rng.poisson(1.3, len(item)), 3)
    compared = np.repeat(np.arange(len(item)), n_others)
    rank = (rng.geometric(0.12, len(compared)) - 1) % shelf.size[item[compared]]
    others = interests[compared].with_columns(item=pl.Series(shelf.first[item[compared]] + rank).cast(pl.UInt32))
    chance = interests["kind"].replace_strict(_ADDED, return_dtype=pl.Float64).to_numpy()
    is_added = rng.random(len(item)) < chance
    is_taken_out = is_added & (rng.random(len(item)) < _TAKEN_OUT) & (interests["kind"] != "buys").to_numpy()
    seen = interests.filter(pl.Series(is_added | (rng.random(len(item)) < 0.8)))
    steps = [
        _step(others.unique(maintain_order=True), 0, PRODUCT_VIEWED),
        _step(seen, 1, PRODUCT_VIEWED),
        _step(interests.filter(pl.Series(is_added)), 2, PRODUCT_ADDED),
        _step(interests.filter(pl.Series(is_taken_out)), 3, PRODUCT_REMOVED),
    ]
    return pl.concat(steps).sort("session", "interest", "step", maintain_order=True)


def _step(rows: pl.DataFrame, step: int, event: str) -> pl.DataFrame:
    return rows.select("session", "interest", "item", step=pl.lit(step, pl.Int8), event=pl.lit(event))


def _time(actions: pl.DataFrame, sessions: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Add each action's number in its session, its time, and what is known of the session."""
    pause = np.clip(rng.lognormal(3.0, 0.8, actions.height), 2, 120)  # seconds; the median is 20
    paused = actions.with_columns(pause=pl.Series((pause * 1e6).astype(np.int64)))
    numbered = paused.with_columns(
        number=pl.int_range(pl.len()).over("session"),
        after=pl.col("pause").cum_sum().over("session").cast(pl.Duration("us")),
    )
    known = sessions.select("session", "kind", "channel", "household_id", "started_at")
    return numbered.join(known, on="session", maintain_order="left").with_columns(
        occurred_at=pl.col("started_at") + pl.col("after")
    )


def _as_events(timed: pl.DataFrame, shelf: Shelf, market: str) -> pl.DataFrame:
    is_stranger = pl.col("kind") == "anonymous"
    session_id = pl.format("sim-{}", "session")
    return with_all_columns(
        timed.select(
            event_id=pl.format("sim-{}-{}", "session", "number"),
            line=pl.lit(0),
            event="event",
            user_id=pl.when(~is_stranger).then("household_id"),
            anonymous_id=pl.when(is_stranger).then(session_id).otherwise(pl.format("sim-device-{}", "household_id")),
            session_id=session_id,
            item_id=pl.lit(shelf.item_ids).gather("item"),
            quantity=pl.when(pl.col("event") != PRODUCT_VIEWED).then(1.0),
            unit=pl.when(pl.col("event") != PRODUCT_VIEWED).then(pl.lit("each")),
            price=pl.lit(shelf.prices).gather("item"),
            currency=pl.lit(CURRENCY),
            market=pl.lit(market),
            channel="channel",
            consent=pl.lit(list(CONSENT), dtype=pl.List(pl.String)),
            synthetic=pl.lit(value=True),
            occurred_at="occurred_at",
            sent_at="occurred_at",
            received_at="occurred_at",
        )
    )
