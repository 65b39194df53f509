"""Coupons, and the ledger that no budget and no cap can be overspent in.

Everything that changes a row of `coupons`, `ledger_accounts`, `reservations` or `redemptions` holds the lock of its
campaign's row in `allowances` first; of several campaigns, in the order of their ids.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)

from features.sql.tables.base import BigKey, metadata

CAMPAIGN_ID, DIGEST, INSTANT = String(100), String(32), String(32)  # an instant: RFC 3339, UTC, microseconds

# What each campaign may spend now, as it was last allowed.
allowances = Table(
    "allowances",
    metadata,
    Column("campaign_id", CAMPAIGN_ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String(10), nullable=False),  # open, closed, killed
    Column("halted", Boolean, nullable=False, server_default=false()),  # with all others: then it counts as killed
    Column("timezone", String(60), nullable=False),  # whose days the periods are; never changed
    Column("currency", String(3), nullable=False),  # never changed
    Column("limits", JSON, nullable=False),  # see features/ledger/values.py
)

# What the coupons of a version promise; opaque here, and never changed.
coupon_terms = Table(
    "coupon_terms",
    metadata,
    Column("campaign_id", CAMPAIGN_ID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("terms", JSON, nullable=False),
)

# Codes that anybody may show, of campaigns that have one for all.
shared_codes = Table(
    "shared_codes",
    metadata,
    Column("code_digest", String(64), primary_key=True),
    Column("code", String(20), nullable=False),  # it hangs on posters: no secret
    Column("campaign_id", CAMPAIGN_ID, ForeignKey("allowances.campaign_id"), nullable=False, unique=True),
    Column("most_discount", BigInteger, nullable=False),  # minor units
    Column("stores", JSON, nullable=False),  # where it may be redeemed; none: everywhere
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_until", INSTANT, nullable=False),
)

# Sums of `ledger_entries`, kept with them in the same transaction. The day is the campaign's, "" for all days.
ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    Column("campaign_id", CAMPAIGN_ID, primary_key=True),
    Column("dimension", String(10), primary_key=True),  # campaign, day, store, shopper, device
    Column("member", String(100), primary_key=True),  # store id, digest of the shopper or device; else ""
    Column("day", String(10), primary_key=True),
    Column("pending_count", BigInteger, nullable=False),
    Column("posted_count", BigInteger, nullable=False),
    Column("pending_money", BigInteger, nullable=False),  # minor units; so is posted_money
    Column("posted_money", BigInteger, nullable=False),
    CheckConstraint(
        "pending_count >= 0 AND posted_count >= 0 AND pending_money >= 0 AND posted_money >= 0", name="none_below_zero"
    ),
    Index(None, "member"),
)

# Append-only. A hold says which accounts it and all that follows from it touch; `resolves` is unique, so that each hold
# is resolved once, by whatever comes first.
ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("entry_number", BigKey, Identity(), primary_key=True),
    Column("kind", String(10), nullable=False),  # hold, post, void, expire, rollback
    Column("hold_number", BigInteger),  # of a post, void, expire or rollback: the hold it follows from
    Column("resolves", BigInteger, unique=True),  # of a post, void or expire: the same
    Column("campaign_id", CAMPAIGN_ID, nullable=False),
    Column("coupon_id", String(40), nullable=False),
    Column("redemption_id", String(40)),  # of a post or rollback
    Column("count", Integer, nullable=False),
    Column("money", BigInteger, nullable=False),  # minor units, at least 0
    Column("day", String(10), nullable=False),  # of the hold, in the campaign's time zone; so are the next three
    Column("store_id", String(100), nullable=False),
    Column("shopper", DIGEST, nullable=False),
    Column("device", DIGEST, nullable=False),
    Column("deadline", INSTANT),  # of a hold
    Column("made_at", INSTANT, nullable=False),
    Column("actor", String(100), nullable=False, server_default=""),  # id of the key that asked for it; system; cli
    Index(None, "campaign_id"),
)

coupons = Table(
    "coupons",
    metadata,
    Column("coupon_id", String(40), primary_key=True),
    Column("code_digest", String(64), nullable=False, unique=True),
    Column("decision_id", String(100), nullable=False, unique=True),
    Column("campaign_id", CAMPAIGN_ID, ForeignKey("allowances.campaign_id"), nullable=False),
    Column("version", Integer, nullable=False),  # of the campaign, when it was issued
    Column("state", String(10), nullable=False),  # issued, reserved, redeemed, expired, voided
    Column("shopper", DIGEST, nullable=False),  # "": nobody that a till knew
    Column("device", DIGEST, nullable=False),  # "": none
    Column("bound", Boolean, nullable=False),  # redeemed only by its shopper
    Column("shared", Boolean, nullable=False, server_default=false()),  # made by a till that was shown a shared code
    Column("store_id", String(100), nullable=False),  # where it was issued; "": nowhere in particular
    Column("stores", JSON, nullable=False),  # where it may be redeemed; none: everywhere
    Column("most_discount", BigInteger, nullable=False),  # minor units
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_until", INSTANT, nullable=False),
    Column("hold_number", BigInteger),  # the open hold
    Column("hold_until", INSTANT),  # its deadline
    Column("reservation_id", String(40)),  # while reserved
    Column("issued_at", INSTANT, nullable=False),
    Index(None, "shopper"),
    Index(None, "hold_until"),
)

# A till's claim on coupons for one basket, until its deadline; the quote is what it will discount.
reservations = Table(
    "reservations",
    metadata,
    Column("reservation_id", String(40), primary_key=True),
    Column("state", String(10), nullable=False),  # open, redeemed, released
    Column("store_id", String(100), nullable=False),
    Column("till_id", String(100), nullable=False),
    Column("basket_ref", String(100), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("quotes", JSON, nullable=False),  # of each coupon: coupon_id, amount, allocations
    Column("deadline", INSTANT, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Column("made_by", String(100), nullable=False, server_default=""),  # as the actor of an entry
    Column("ended_by", String(100), nullable=False, server_default=""),  # who redeemed or released it
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("redemption_id", String(40), primary_key=True),
    Column("reservation_id", String(40), nullable=False),
    Column("coupon_id", String(40), ForeignKey("coupons.coupon_id"), nullable=False),
    Column("campaign_id", CAMPAIGN_ID, nullable=False),
    Column("hold_number", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),  # posted, rolled_back
    Column("order_id", String(200), nullable=False),
    Column("store_id", String(100), nullable=False),
    Column("till_id", String(100), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),  # minor units
    Column("rolled_back", BigInteger, nullable=False),  # of it
    Column("allocations", JSON, nullable=False),
    Column("redeemed_at", INSTANT, nullable=False),
    Index(None, "reservation_id"),
    # A coupon is used once at most, unless that was rolled back.
    Index(
        "uq_redemptions_coupon_used",
        "coupon_id",
        unique=True,
        sqlite_where=text("state = 'posted'"),
        postgresql_where=text("state = 'posted'"),
    ),
)

# Digests that stand for one person for ever: an erasure leaves no graph of identifiers, and frees no cap.
ledger_kin = Table(
    "ledger_kin",
    metadata,
    Column("shopper", DIGEST, primary_key=True),
    Column("kin", DIGEST, nullable=False),
    Index(None, "kin"),
)

# What was answered to a call with a key, in the transaction of its effect.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", String(100), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("reply", Text, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Index(None, "made_at"),
)

# The pairs that sign coupons; the private half is encrypted under the deployment's secret.
coupon_keys = Table(
    "coupon_keys",
    metadata,
    Column("kid", String(20), primary_key=True),
    Column("public", String(64), nullable=False),  # base64url
    Column("sealed", String(200), nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Column("retired_at", INSTANT),  # signs no more
    Column("ends_at", INSTANT),  # verifies no more
    Column("revoked_at", INSTANT),
)
