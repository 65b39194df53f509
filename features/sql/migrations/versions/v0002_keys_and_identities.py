"""Keys, and who is who: identifiers, what links them, the record of merges, traits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the schema one step on."""
    op.create_table(
        "identifiers",
        sa.Column(
            "identifier_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("profile_number", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", sa.String(length=32), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_number", name=op.f("pk_identifiers")),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_identifiers_kind_value")),
    )
    op.create_index(op.f("ix_identifiers_change_number"), "identifiers", ["change_number"], unique=False)
    op.create_index(op.f("ix_identifiers_profile_number"), "identifiers", ["profile_number"], unique=False)
    op.create_table(
        "identity_merges",
        sa.Column(
            "merge_number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("edges", sa.JSON(), nullable=False),
        sa.Column("profiles", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("merge_number", name=op.f("pk_identity_merges")),
    )
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=2), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.String(length=32), nullable=True),
        sa.Column("revoked_at", sa.String(length=32), nullable=True),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_keys_digest")),
    )
    op.create_index(op.f("ix_keys_change_number"), "keys", ["change_number"], unique=False)
    op.create_table(
        "identity_edges",
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("strength", sa.String(length=10), nullable=False),
        sa.Column("merge_number", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("removed_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["a"], ["identifiers.identifier_number"], name=op.f("fk_identity_edges_a_identifiers")),
        sa.ForeignKeyConstraint(["b"], ["identifiers.identifier_number"], name=op.f("fk_identity_edges_b_identifiers")),
        sa.ForeignKeyConstraint(
            ["merge_number"],
            ["identity_merges.merge_number"],
            name=op.f("fk_identity_edges_merge_number_identity_merges"),
        ),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_identity_edges")),
    )
    op.create_index(op.f("ix_identity_edges_b"), "identity_edges", ["b"], unique=False)
    op.create_index(op.f("ix_identity_edges_merge_number"), "identity_edges", ["merge_number"], unique=False)
    op.create_table(
        "profile_traits",
        sa.Column("identifier_number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("occurred_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["identifier_number"],
            ["identifiers.identifier_number"],
            name=op.f("fk_profile_traits_identifier_number_identifiers"),
        ),
        sa.PrimaryKeyConstraint("identifier_number", "name", name=op.f("pk_profile_traits")),
    )
