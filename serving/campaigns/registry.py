"""The campaigns that may be offered now, and who is in which segment; this worker's copy of what SQL says."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from features.campaigns import SegmentMembers, StoredCampaign
from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.errors import RecommenderError
from recommender.offers.campaign import Campaign
from serving.clock import day_of

ZONES_APART = timedelta(hours=26)  # a local time is within so much of itself in any two zones

log = logging.getLogger(__name__)


class Campaigns:
    """All active campaigns by id; changed only between two requests.

    Attributes:
        changes: how often they were changed.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._active: dict[str, Campaign] = {}
        self._products: dict[str, tuple[tuple[int, ...], Rows]] = {}
        self._catalogue: Catalogue | None = None  # what `_products` holds rows of

    def take(self, changed: Sequence[StoredCampaign]) -> None:
        """Take over how campaigns stand now. One that does not hold (any more) is logged, and not offered."""
        self.changes += 1
        for stored in changed:
            self._active.pop(stored.campaign_id, None)
            self._products.pop(stored.campaign_id, None)
            if stored.state != "active":
                continue
            try:
                self._active[stored.campaign_id] = stored.parse()
            except RecommenderError as error:
                log.warning("the campaign %s is not offered: %s", stored.campaign_id, error)

    def find(self, campaign_id: str) -> Campaign | None:
        """An active campaign; None: there is none of this id, or it is not active."""
        return self._active.get(campaign_id)

    def running(self, now: datetime) -> list[Campaign]:
        """Active campaigns that may be valid now in some store; ask `Campaign.is_valid_at` with the store's zone."""
        return [
            campaign
            for campaign in self._active.values()
            if campaign.starts_at() - ZONES_APART <= now < campaign.ends_at() + ZONES_APART
        ]

    def products_of(self, campaign: Campaign, catalogue: Catalogue, now: datetime) -> Rows:
        """Rows of its products, ascending; kept until the catalogue, the day (UTC) or the campaign changes."""
        if catalogue is not self._catalogue:
            self._catalogue, self._products = catalogue, {}
        today = int(day_of(now))
        # A list changes only with the items that there are; a rule may look at anything.
        stamp = (catalogue.n,) if campaign.products is None else (catalogue.version, today)
        kept = self._products.get(campaign.campaign_id)
        if kept is None or kept[0] != stamp:
            kept = (stamp, campaign.covered.rows(catalogue, float(today)))
            self._products[campaign.campaign_id] = kept
        return kept[1]


class Segments:
    """Who is in which segment: 18 bytes a member; changed only between two requests."""

    def __init__(self) -> None:
        self._members: dict[str, NDArray[np.uint64]] = {}
        self._join()

    def take(self, changed: Sequence[SegmentMembers]) -> None:
        """Take over all members of segments that changed."""
        for segment in changed:
            digests = (_digest(user_id) for user_id in segment.user_ids)
            self._members[segment.segment_id] = np.fromiter(digests, dtype=np.uint64, count=len(segment.user_ids))
        if changed:
            self._join()

    def of(self, *user_ids: str) -> frozenset[str]:
        """Names of the segments that a person is in, by any of their user ids: `shopper.segments`."""
        found = set[str]()
        for digest in (np.uint64(_digest(user_id)) for user_id in user_ids):
            first, last = (int(np.searchsorted(self._digests, digest, side=side)) for side in ("left", "right"))
            found.update(self._names[place] for place in self._places[first:last].tolist())
        return frozenset(found)

    def sizes(self) -> dict[str, int]:
        """How many members each segment has."""
        return {name: len(members) for name, members in self._members.items()}

    def _join(self) -> None:
        """Put all memberships in the order of their digests, so that one look finds those of a person."""
        self._names = list(self._members)
        digests = np.concatenate([*self._members.values(), np.empty(0, dtype=np.uint64)])
        sizes = [len(members) for members in self._members.values()]
        places = np.repeat(np.arange(len(sizes), dtype=np.uint16), sizes)
        order = np.argsort(digests, kind="stable")
        self._digests, self._places = digests[order], places[order]


def _digest(user_id: str) -> int:
    return int.from_bytes(blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
