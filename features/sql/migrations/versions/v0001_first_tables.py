"""The first tables: catalogue, stores, stock, placements, consents and the change number."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "change_counter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_counter"),
    )
    op.create_table(
        "consents",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("notice_version", sa.String(length=40), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_change_number", "consents", ["change_number"], unique=False)
    op.create_index("ix_consents_user_id_purpose", "consents", ["user_id", "purpose"], unique=False)
    op.create_table(
        "imports",
        sa.Column(
            "import_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("import_number", name="pk_imports"),
    )
    op.create_table(
        "items",
        sa.Column(
            "item_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("item_id", sa.String(length=200), nullable=False),
        sa.Column("group_id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("min_age", sa.Integer(), nullable=False),
        sa.Column("department", sa.String(length=200), nullable=True),
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("type", sa.String(length=200), nullable=True),
        sa.Column("brand", sa.String(length=200), nullable=True),
        sa.Column("manufacturer", sa.String(length=200), nullable=True),
        sa.Column("size", sa.String(length=100), nullable=True),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("image_url", sa.String(length=2000), nullable=True),
        sa.Column("added_day", sa.Float(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item_number", name="pk_items"),
        sa.UniqueConstraint("item_id", name="uq_items_item_id"),
    )
    op.create_index("ix_items_change_number", "items", ["change_number"], unique=False)
    op.create_table(
        "placements",
        sa.Column("placement_id", sa.String(length=100), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("placement_id", name="pk_placements"),
    )
    op.create_index("ix_placements_change_number", "placements", ["change_number"], unique=False)
    op.create_table(
        "stores",
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("market", sa.String(length=60), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name="pk_stores"),
    )
    op.create_index("ix_stores_change_number", "stores", ["change_number"], unique=False)
    op.create_table(
        "staged_items",
        sa.Column("import_number", sa.BigInteger(), nullable=False),
        sa.Column("item_number", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("min_age", sa.Integer(), nullable=False),
        sa.Column("department", sa.String(length=200), nullable=True),
        sa.Column("category", sa.String(length=200), nullable=True),
        sa.Column("type", sa.String(length=200), nullable=True),
        sa.Column("brand", sa.String(length=200), nullable=True),
        sa.Column("manufacturer", sa.String(length=200), nullable=True),
        sa.Column("size", sa.String(length=100), nullable=True),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("image_url", sa.String(length=2000), nullable=True),
        sa.Column("added_day", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_number"],
            ["imports.import_number"],
            name="fk_staged_items_import_number_imports",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["item_number"], ["items.item_number"], name="fk_staged_items_item_number_items"),
        sa.PrimaryKeyConstraint("import_number", "item_number", name="pk_staged_items"),
    )
    op.create_table(
        "store_stock",
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("item_number", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_number"], ["items.item_number"], name="fk_store_stock_item_number_items"),
        sa.PrimaryKeyConstraint("store_id", "item_number", name="pk_store_stock"),
    )
    op.create_index("ix_store_stock_change_number", "store_stock", ["change_number"], unique=False)
    counter = sa.table("change_counter", sa.column("id"), sa.column("change_number"))
    op.execute(counter.insert().values(id=1, change_number=0))
