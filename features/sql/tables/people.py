"""Who is one person, and what is known of them."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Identity, Index, String, Table, UniqueConstraint

from features.sql.tables.base import BigKey, metadata

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
    # Of a user: the change that last took an identifier from their person. What was learnt before may be the other's.
    Column("parted_number", BigInteger, nullable=False, server_default="0"),
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
