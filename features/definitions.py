"""Names, windows and bounds of what is known of a shopper, read by the online and the offline path alike."""

from datetime import timedelta

from recommender.shopper import EventKind

SESSION_PAUSE = timedelta(minutes=30)  # a longer pause ends a session
CART_WINDOW = timedelta(hours=24)  # what was added earlier is no longer taken to be in the cart

STORE_WINDOW = timedelta(hours=12)  # a shopper seen in a store earlier is no longer taken to shop there
ZONE_WINDOW = timedelta(minutes=30)  # the same of a zone of a store

KEPT_EVENTS = 120  # newest events per identifier
KEPT_PLACE_BYTES = 200  # longest id of a store or zone, in UTF-8, that live state takes in
KEPT_FOR = timedelta(days=60)  # until a silent identifier's live state is forgotten

ACCEPTED_AGE = timedelta(days=7)  # older events are history only: they reach the log, not the live state
ACCEPTED_LEAD = timedelta(minutes=5)  # an event further in the future is taken to have happened when it was received

# Kinds that make an item part of the session at hand, and kinds that decide whether it is in the cart.
SESSION_KINDS = (EventKind.VIEWED, EventKind.ADDED)
CART_KINDS = (EventKind.ADDED, EventKind.REMOVED, EventKind.ORDERED)
TAKES_BACK = (EventKind.REFUNDED, EventKind.CANCELLED)  # nothing that the shopper does: they belong to no session

# An ordered item is taken back once this share of its quantity is: live state rounds quantities to three digits.
WHOLE_SHARE = 0.995

# The same in days. Moments are exact to the millisecond, days as floats to a microsecond: half a millisecond more keeps
# a pause of exactly that length within.
_DAY, _HALF_MILLISECOND = timedelta(days=1), timedelta(microseconds=500)
SESSION_PAUSE_DAYS = (SESSION_PAUSE + _HALF_MILLISECOND) / _DAY
CART_WINDOW_DAYS = (CART_WINDOW + _HALF_MILLISECOND) / _DAY
STORE_WINDOW_DAYS = (STORE_WINDOW + _HALF_MILLISECOND) / _DAY
ZONE_WINDOW_DAYS = (ZONE_WINDOW + _HALF_MILLISECOND) / _DAY

# How long what was shown may claim what follows (docs/attribution.md). The last click wins; a view counts apart.
CLICK_WINDOW = timedelta(days=7)  # from being shown to a click
CONVERSION_WINDOW = timedelta(days=7)  # from that click to an addition or order
VIEW_WINDOW = timedelta(hours=24)  # from being seen, without a click, to an addition or order
