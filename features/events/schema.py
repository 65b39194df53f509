"""Columns of the event log: one row per event, or per item of an order; keyed (event_id, line)."""

import polars as pl

TIME = pl.Datetime("us", "UTC")

EVENT_COLUMNS: dict[str, pl.DataType] = {
    "event_id": pl.String(),  # Segment's messageId; unique with `line`
    "line": pl.Int32(),  # position of the item in its order, from 0
    "event": pl.String(),  # a name of EVENTS
    "order_id": pl.String(),
    "user_id": pl.String(),
    "anonymous_id": pl.String(),
    "identifiers": pl.String(),  # JSON: loyalty card, email hash, device
    "session_id": pl.String(),
    "item_id": pl.String(),
    "quantity": pl.Float64(),
    "unit": pl.String(),  # "each", or of weight or volume: "kg", "l"
    "price": pl.Int64(),  # minor units per unit, before the discount
    "discount": pl.Int64(),  # minor units off the whole line
    "currency": pl.String(),
    "market": pl.String(),
    "store_id": pl.String(),
    "zone_id": pl.String(),
    "channel": pl.String(),  # "store", "web", "app", "email", "call_centre"
    "recommendation_id": pl.String(),
    "position": pl.Int32(),
    "experiment": pl.String(),
    "variant": pl.String(),
    "policy": pl.String(),
    "propensity": pl.Float64(),
    "consent": pl.List(pl.String()),  # purposes in force when it happened
    "synthetic": pl.Boolean(),  # made by the simulator: never in a figure, never in a model
    "occurred_at": TIME,
    "sent_at": TIME,
    "received_at": TIME,
    "properties": pl.String(),  # JSON: what has no column
}

# Required in every row; everything else may be null.
REQUIRED_COLUMNS = ("event_id", "line", "event", "synthetic", "occurred_at", "received_at")

PRODUCT_VIEWED = "Product Viewed"
PRODUCT_ADDED = "Product Added"
PRODUCT_REMOVED = "Product Removed"
ORDER_COMPLETED = "Order Completed"
ORDER_REFUNDED = "Order Refunded"
ORDER_CANCELLED = "Order Cancelled"
PRODUCT_CLICKED = "Product Clicked"
RECOMMENDATION_SERVED = "Recommendation Served"  # ours, one row a list: who got what from where
RECOMMENDATION_VIEWED = "Recommendation Viewed"
RECOMMENDATION_CLICKED = "Recommendation Clicked"
OFFER_DECIDED = "Offer Decided"  # ours, one row a decision: what was offered, or why nothing was
OFFER_SHOWN, OFFER_SAVED, OFFER_DISMISSED = "Offer Shown", "Offer Saved", "Offer Dismissed"
OFFER_NOT_SHOWN = "Offer Not Shown"  # ours: it never reached anybody
COUPON_REDEEMED = "Coupon Redeemed"  # `properties` name its campaign_id and coupon_id
TAKES_BACK = (ORDER_REFUNDED, ORDER_CANCELLED)  # nothing that the shopper does: they undo an order, or a part of one
EMAIL_OPENED, EMAIL_LINK_CLICKED, UNSUBSCRIBED = "Email Opened", "Email Link Clicked", "Unsubscribed"
EMAIL_BOUNCED, MARKED_AS_SPAM = "Email Bounced", "Email Marked as Spam"
ITEM_EVENTS = (PRODUCT_VIEWED, PRODUCT_ADDED, PRODUCT_REMOVED, ORDER_COMPLETED, *TAKES_BACK)


def empty_events() -> pl.DataFrame:
    """No events, with all columns."""
    return pl.DataFrame(schema=EVENT_COLUMNS)
