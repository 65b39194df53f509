"""A small seeded shop: households with favourites they buy again and again, over half a year.

It sends its orders every thirty days: a log of few files, which takes a tenth of the time to read.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from features.events.log import write_events
from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, PRODUCT_VIEWED
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_store import ConsentStore
from features.sql.engine import open_engine
from recommender.consent import State
from tests.builders import item, said
from tests.databases import new_sqlite
from training.config import TrainingConfig, parse_training_config

START = datetime(2024, 6, 1, tzinfo=UTC)
START_DAY = START.timestamp() / 86_400
SENT_EVERY = timedelta(days=30)
N_ITEMS = 60

CONFIG = """
seed = 1
[data]
left_out_departments = ["fuel"]
[windows]
window_days = 28
label_windows = 1
min_history_days = 28
most_shoppers = 30000
[weights]
viewed = 0.1
added = 0.3
ordered = 1.0
quantity = 0.2
half_life_days = 120.0
[embedding]
factors = 8
iterations = 3
regularization = 1.0
exponent = 1.0
alpha = 1.0
[neighbours]
kept = 10
min_buyers = 2
head_items = 30
regularization = 5.0
half_life_days = 60.0
[bought_together]
kept = 10
min_baskets = 2
min_together = 2
shrinkage = 2.0
[sessions]
min_sessions = 50
latest_of_item = 100
reach = 5
kept = 20
factors = 4
lesson_share = 0.5
lessons = 1000
min_rows_in_leaf = 5
[ranker]
trees = 10
leaves = 7
learning_rate = 0.1
min_rows_in_leaf = 5
feature_share = 1.0
any_windows = 1
beginner_share = 0.5
visitor_share = 0.2
most_shoppers = 10000
min_shoppers = 10
[response]
ridge = 1.0
min_redemptions = 20
check_share = 0.5
[gate]
over_baselines = -0.2
below_current = 0.5
min_shoppers = 10
"""


def small_config(**changes: str) -> TrainingConfig:
    """CONFIG, with lines replaced: the setting's name and its new value."""
    return parse_training_config(small_config_text(**changes), "test")


def small_config_text(**changes: str) -> str:
    """The text of CONFIG, with every setting of these names replaced."""
    lines = [line.split(" = ") for line in CONFIG.splitlines()]
    return "\n".join(" = ".join([line[0], changes.get(line[0], line[-1])] if len(line) > 1 else line) for line in lines)


def orders(n_users: int = 40, n_days: int = 150, seed: int = 0) -> pl.DataFrame:
    """Events of weekly orders: each user has six favourites of 60 items, and tries others now and then."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for user in range(n_users):
        favourites = rng.choice(N_ITEMS, 6, replace=False)
        for day in range(int(rng.integers(0, 7)), n_days, 7):
            tried = rng.integers(0, N_ITEMS, 2)
            bought = dict.fromkeys([*rng.choice(favourites, 4, replace=False).tolist(), *tried.tolist()])
            at = START + timedelta(days=day, minutes=user)
            rows.extend(
                order_line(f"u{user}", f"o{user}-{day}", line, f"i{row}", at) for line, row in enumerate(bought)
            )
    return events(rows)


def visits(n_users: int = 40) -> pl.DataFrame:
    """Events of visits: each user looks at four items, every one the next in the catalogue, six times."""
    rows: list[dict[str, object]] = []
    for user in range(n_users):
        for visit in range(6):
            at = START + timedelta(days=20 * visit, hours=user % 20, minutes=3 * user)
            rows.extend(
                order_line(
                    f"u{user}", f"v{user}-{visit}-{step}", 0, f"i{(7 * user + 11 * visit + step) % N_ITEMS}",
                    at + step * timedelta(minutes=1), event=PRODUCT_VIEWED, order_id=None,
                )
                for step in range(4)
            )  # fmt: skip
    return events(rows)


def order_line(user: str, order: str, line: int, item_id: str, at: datetime, **more: object) -> dict[str, object]:
    """One line of an order, as an event."""
    received_at = START + (1 + (at - START) // SENT_EVERY) * SENT_EVERY
    usual: dict[str, object] = {
        "event_id": order, "line": line, "event": ORDER_COMPLETED, "order_id": order, "user_id": user,
        "item_id": item_id, "quantity": 1.0, "store_id": "s1", "synthetic": False, "occurred_at": at,
        "received_at": received_at,
    }  # fmt: skip
    return usual | more


def events(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Events with all columns; what a row does not say is null."""
    return pl.DataFrame(rows, schema=EVENT_COLUMNS)


def open_shop(folder: Path, log: pl.DataFrame, *, consenting: int = 40) -> Settings:
    """A data folder with this log, the catalogue, and consents of the first users."""
    settings = Settings(data_dir=folder, _env_file=None)
    new_sqlite(folder)
    engine = open_engine(settings)
    CatalogueStore(engine).upsert_many([item(number, added_day=START_DAY - 1) for number in range(N_ITEMS)])
    ConsentStore(engine).append([said(f"u{user}", State.GRANTED, START) for user in range(consenting)])
    engine.dispose()
    if len(log):
        write_events(settings, log, "test")
    (folder / "training.toml").write_text(CONFIG)
    return settings
