"""Names for identifiers, so that a signature says which one it wants."""

from typing import NewType

ItemId = NewType("ItemId", str)  # the shop's own string for what is sold (a variant, SKU)
GroupId = NewType("GroupId", str)  # the product that an item is a variant of; default: the item itself
ItemNumber = NewType("ItemNumber", int)  # permanent integer from SQL; used in Redis and in logs of features
ItemRow = NewType("ItemRow", int)  # position in one artifact's arrays; only the artifact converts
UserId = NewType("UserId", str)
AnonymousId = NewType("AnonymousId", str)
SessionId = NewType("SessionId", str)
StoreId = NewType("StoreId", str)
ZoneId = NewType("ZoneId", str)
BeaconId = NewType("BeaconId", str)  # the shop's own name of a transmitter
BeaconKey = NewType("BeaconKey", str)  # what a transmitter sends, in the spelling of recommender/places/beacons.py
PlacementId = NewType("PlacementId", str)
RecommendationId = NewType("RecommendationId", str)
