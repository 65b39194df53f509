"""What people ask for by right, and who must not come back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "privacy_requests",
        sa.Column("number", BIG_KEY, sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("idempotency", sa.String(length=64)),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.JSON()),
        sa.Column("digests", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("law", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.String(length=32), nullable=False),
        sa.Column("completed_at", sa.String(length=32)),
        sa.Column("receipt", sa.JSON()),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_privacy_requests")),
        sa.UniqueConstraint("request_id", name=op.f("uq_privacy_requests_request_id")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_privacy_requests_idempotency")),
    )
    op.create_index(op.f("ix_privacy_requests_state"), "privacy_requests", ["state"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("since", sa.String(length=32), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_suppressions")),
    )
    op.create_index(op.f("ix_suppressions_change_number"), "suppressions", ["change_number"], unique=False)
    op.create_table(
        "erased_consents",
        sa.Column("id", BIG_KEY, sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("notice_version", sa.String(length=200), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_consents")),
    )
    op.create_index(op.f("ix_erased_consents_digest"), "erased_consents", ["digest"], unique=False)
