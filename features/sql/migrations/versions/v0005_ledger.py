"""Coupons and the ledger, what was answered to calls with a key, and the keys that sign coupons."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "allowances",
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_allowances")),
    )
    op.create_table(
        "coupon_keys",
        sa.Column("kid", sa.String(length=20), nullable=False),
        sa.Column("public", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.Column("retired_at", sa.String(length=32), nullable=True),
        sa.Column("ends_at", sa.String(length=32), nullable=True),
        sa.Column("revoked_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_coupon_keys")),
    )
    op.create_table(
        "coupon_terms",
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "version", name=op.f("pk_coupon_terms")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("caller", "path", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_made_at"), "idempotency_keys", ["made_at"], unique=False)
    op.create_table(
        "ledger_accounts",
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("dimension", sa.String(length=10), nullable=False),
        sa.Column("member", sa.String(length=100), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("pending_count", sa.BigInteger(), nullable=False),
        sa.Column("posted_count", sa.BigInteger(), nullable=False),
        sa.Column("pending_money", sa.BigInteger(), nullable=False),
        sa.Column("posted_money", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "pending_count >= 0 AND posted_count >= 0 AND pending_money >= 0 AND posted_money >= 0",
            name=op.f("ck_ledger_accounts_none_below_zero"),
        ),
        sa.PrimaryKeyConstraint("campaign_id", "dimension", "member", "day", name=op.f("pk_ledger_accounts")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column(
            "entry_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("hold_number", sa.BigInteger(), nullable=True),
        sa.Column("resolves", sa.BigInteger(), nullable=True),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("redemption_id", sa.String(length=40), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("shopper", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("deadline", sa.String(length=32), nullable=True),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("entry_number", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("resolves", name=op.f("uq_ledger_entries_resolves")),
    )
    op.create_index(op.f("ix_ledger_entries_campaign_id"), "ledger_entries", ["campaign_id"], unique=False)
    op.create_table(
        "ledger_kin",
        sa.Column("shopper", sa.String(length=32), nullable=False),
        sa.Column("kin", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("shopper", name=op.f("pk_ledger_kin")),
    )
    op.create_index(op.f("ix_ledger_kin_kin"), "ledger_kin", ["kin"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("reservation_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("till_id", sa.String(length=100), nullable=False),
        sa.Column("basket_ref", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("quotes", sa.JSON(), nullable=False),
        sa.Column("deadline", sa.String(length=32), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_reservations")),
    )
    op.create_table(
        "coupons",
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=100), nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("shopper", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("bound", sa.Boolean(), nullable=False),
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("stores", sa.JSON(), nullable=False),
        sa.Column("most_discount", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.String(length=32), nullable=False),
        sa.Column("valid_until", sa.String(length=32), nullable=False),
        sa.Column("hold_number", sa.BigInteger(), nullable=True),
        sa.Column("hold_until", sa.String(length=32), nullable=True),
        sa.Column("reservation_id", sa.String(length=40), nullable=True),
        sa.Column("issued_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["allowances.campaign_id"], name=op.f("fk_coupons_campaign_id_allowances")
        ),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_coupons_code_digest")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_coupons_decision_id")),
    )
    op.create_index(op.f("ix_coupons_hold_until"), "coupons", ["hold_until"], unique=False)
    op.create_index(op.f("ix_coupons_shopper"), "coupons", ["shopper"], unique=False)
    op.create_table(
        "redemptions",
        sa.Column("redemption_id", sa.String(length=40), nullable=False),
        sa.Column("reservation_id", sa.String(length=40), nullable=False),
        sa.Column("coupon_id", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("hold_number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("order_id", sa.String(length=200), nullable=False),
        sa.Column("store_id", sa.String(length=100), nullable=False),
        sa.Column("till_id", sa.String(length=100), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("rolled_back", sa.BigInteger(), nullable=False),
        sa.Column("allocations", sa.JSON(), nullable=False),
        sa.Column("redeemed_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.coupon_id"], name=op.f("fk_redemptions_coupon_id_coupons")),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("pk_redemptions")),
    )
    op.create_index(op.f("ix_redemptions_reservation_id"), "redemptions", ["reservation_id"], unique=False)
    op.create_index(
        "uq_redemptions_coupon_used",
        "redemptions",
        ["coupon_id"],
        unique=True,
        sqlite_where=sa.text("state = 'posted'"),
        postgresql_where=sa.text("state = 'posted'"),
    )
