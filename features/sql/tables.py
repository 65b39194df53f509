"""The tables of the transactional database, as SQLAlchemy Core; Alembic makes and changes them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

REVISION = "0002"  # the last of `features/sql/migrations`; a test holds them together

# SQLite numbers rows by itself only where the key's type is INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# One row. A writer raises it inside its own transaction, and so holds the row lock until it commits: numbers become
# visible in order, and a reader that has seen n has seen all below n.
change_counter = Table(
    "change_counter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("change_number", BigInteger, nullable=False),
)


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

stores = Table(
    "stores",
    metadata,
    Column("store_id", String(100), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("market", String(60), nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
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

# Append-only; the current state of (user_id, purpose) is its newest row by (occurred_at, id).
consents = Table(
    "consents",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("user_id", String(200), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", String(100), nullable=False),
    Column("notice_version", String(40), nullable=False),
    Column("occurred_at", String(32), nullable=False),  # RFC 3339, UTC
    Column("received_at", String(32), nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "user_id", "purpose"),
    Index(None, "change_number"),
)

# One row a key that was ever made; the key itself is nowhere.
keys = Table(
    "keys",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("kind", String(2), nullable=False),  # pk, rk, sk
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256, hex
    Column("hint", String(20), nullable=False),
    Column("label", String(200), nullable=False),
    Column("scopes", JSON, nullable=False),  # of a restricted key
    Column("created_at", String(32), nullable=False),  # RFC 3339, UTC; so are the others
    Column("expires_at", String(32)),
    Column("revoked_at", String(32)),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

# Whatever names a person. The profile of a person is the smallest number among theirs: it follows from the edges alone,
# so taking a merge back restores exactly what was; and it is never given to somebody else.
identifiers = Table(
    "identifiers",
    metadata,
    Column("identifier_number", BigKey, Identity(), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("value", String(200), nullable=False),
    Column("profile_number", BigInteger, nullable=False),
    Column("linked_at", String(32), nullable=False),  # RFC 3339, UTC: first linked to another
    Column("change_number", BigInteger, nullable=False),
    UniqueConstraint("kind", "value"),
    Index(None, "profile_number"),
    Index(None, "change_number"),
)

# Append-only: who was made one person, and who no longer, why and from when on.
identity_merges = Table(
    "identity_merges",
    metadata,
    Column("merge_number", BigKey, Identity(), primary_key=True),
    Column("source", String(100), nullable=False),  # "event", "api"
    Column("event_id", String(100)),
    Column("reason", String(500), nullable=False),
    Column("undoes", BigInteger),  # the merge that this one takes back
    Column("edges", JSON, nullable=False),  # numbers of two identifiers each
    Column("profiles", JSON, nullable=False),  # numbers of the profiles before
    Column("made_at", String(32), nullable=False),
)

# Facts: these two are the same person, or (seen) were presented together by different people. A removed one stays, so
# that an event cannot bring it back.
identity_edges = Table(
    "identity_edges",
    metadata,
    Column("a", BigInteger, ForeignKey("identifiers.identifier_number"), primary_key=True),
    Column("b", BigInteger, ForeignKey("identifiers.identifier_number"), primary_key=True),  # a < b
    Column("strength", String(10), nullable=False),  # "same", "seen"
    Column("merge_number", BigInteger, ForeignKey("identity_merges.merge_number"), nullable=False),
    Column("occurred_at", String(32), nullable=False),
    Column("received_at", String(32), nullable=False),
    Column("removed_at", String(32)),
    Index(None, "b"),
    Index(None, "merge_number"),
)

# What is known of a person, kept with the identifier that it was said of; of two, the newer counts.
profile_traits = Table(
    "profile_traits",
    metadata,
    Column("identifier_number", BigInteger, ForeignKey("identifiers.identifier_number"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("occurred_at", String(32), nullable=False),
)
