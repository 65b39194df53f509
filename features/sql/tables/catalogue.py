"""What is sold, where, and how many there are; and how lists are set up."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Identity, Index, Integer, String, Table

from features.sql.tables.base import BigKey, metadata


def _item_facts() -> list[Column[object]]:
    """What the back office states about an item; the same columns in `items` and in `staged_items`."""
    return [
        Column("group_id", String(200), nullable=False),
        Column("title", String(500), nullable=False),
        Column("price", BigInteger),  # minor units; null: not known, so not shown
        Column("currency", String(3), nullable=False),
        Column("hidden", Boolean, nullable=False, default=False),
        Column("stock", BigInteger),  # units in the whole chain; null: not tracked
        Column("min_age", Integer, nullable=False, default=0),
        Column("department", String(200)),
        Column("category", String(200)),
        Column("type", String(200)),
        Column("brand", String(200)),
        Column("manufacturer", String(200)),
        Column("size", String(100)),
        Column("url", String(2000)),
        Column("image_url", String(2000)),
        Column("added_day", Float, nullable=False),  # days since 1970-01-01 UTC
        Column("margin", Float),  # share of the price that stays with the shop; null: not stated
    ]


items = Table(
    "items",
    metadata,
    Column("item_number", BigKey, Identity(), primary_key=True),
    Column("item_id", String(200), nullable=False, unique=True),
    *_item_facts(),
    Column("deleted", Boolean, nullable=False, default=False),  # the number stays taken
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)
ITEM_FACTS = tuple(column.name for column in _item_facts())

# A large import waits in staged_items until `change_number` is set: from then on its rows count, wherever they lie.
# The row goes once all of them have been moved to `items`.
imports = Table(
    "imports",
    metadata,
    Column("import_number", BigKey, Identity(), primary_key=True),
    Column("facts", JSON, nullable=False),  # names of the columns that the import states
    Column("change_number", BigInteger),
)

staged_items = Table(
    "staged_items",
    metadata,
    Column("import_number", BigInteger, ForeignKey("imports.import_number", ondelete="CASCADE"), primary_key=True),
    Column("item_number", BigInteger, ForeignKey("items.item_number"), primary_key=True),
    *_item_facts(),
)

store_stock = Table(
    "store_stock",
    metadata,
    Column("store_id", String(100), primary_key=True),
    Column("item_number", BigInteger, ForeignKey("items.item_number"), primary_key=True),
    Column("quantity", BigInteger),  # units; null: the store says nothing, so the chain's stock holds
    Column("synthetic", Boolean, nullable=False, default=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

placements = Table(
    "placements",
    metadata,
    Column("placement_id", String(100), primary_key=True),
    Column("definition", JSON, nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)
