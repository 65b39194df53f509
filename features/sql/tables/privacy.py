"""What people asked for by right, and who must not come back."""

from sqlalchemy import JSON, BigInteger, Column, Identity, Index, String, Table

from features.sql.tables.base import BigKey, metadata

# One row a request. `subject` (identifiers in the clear) goes when an erasure is done; the rest names nobody.
privacy_requests = Table(
    "privacy_requests",
    metadata,
    Column("number", BigKey, Identity(), primary_key=True),
    Column("request_id", String(40), nullable=False, unique=True),
    Column("idempotency", String(64), unique=True),  # digest of the caller's key for it
    Column("body", String(64), nullable=False),  # digest of what was asked for under that key
    Column("kind", String(20), nullable=False),
    Column("state", String(12), nullable=False),  # waiting, finishing, done
    Column("subject", JSON(none_as_null=True)),  # [[kind, value], ...]
    Column("digests", JSON, nullable=False),  # of the same identifiers
    Column("source", String(20), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("law", String(40), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("received_at", String(32), nullable=False),  # RFC 3339, UTC; so are the others
    Column("due_at", String(32), nullable=False),
    Column("completed_at", String(32)),
    Column("receipt", JSON(none_as_null=True)),
    Index(None, "state"),
)

# Identifiers that were erased ("erased"), or whose use is restricted; "lifted" stays, so that every worker hears of it.
suppressions = Table(
    "suppressions",
    metadata,
    Column("digest", String(64), primary_key=True),  # HMAC-SHA256 by the deployment's secret, hex
    Column("standing", String(10), nullable=False),
    Column("request_id", String(40), nullable=False),
    Column("since", String(32), nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Index(None, "change_number"),
)

# What had been consented to by people who were erased: proof of what was allowed while it was done, of nobody by name.
erased_consents = Table(
    "erased_consents",
    metadata,
    Column("id", BigKey, Identity(), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("notice_version", String(200), nullable=False),
    Column("occurred_at", String(32), nullable=False),
    Index(None, "digest"),
)
