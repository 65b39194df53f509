"""Shoppers as this worker knows them: what the artifact learnt, with what they did since."""

from collections.abc import Callable
from datetime import datetime

from features.online.live_state import LiveEvents
from features.shopper import assemble
from recommender.ids import UserId
from recommender.shopper import STRANGER, Shopper
from serving.clock import day_of
from serving.current import Serving

PartedSince = Callable[[UserId, int], bool]


def shopper_of(
    user_id: UserId | None, live: LiveEvents, serving: Serving, now: datetime, parted_since: PartedSince
) -> Shopper:
    """All that is known of a shopper. `parted_since`: whether a user's person lost an identifier after a change number.

    What was learnt as one person's may be the other's then: it waits for the next training.
    """
    if user_id is not None and parted_since(user_id, serving.change_number):
        user_id = None
    if user_id is None and len(live) == 0 and not live.places and not len(live.shown):
        return STRANGER
    histories = serving.model.histories
    return assemble(
        user_id=user_id, live=live, histories=histories, catalogue=serving.catalogue, now_day=day_of(now)
    )  # fmt: skip
