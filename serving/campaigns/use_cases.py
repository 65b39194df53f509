"""What can be done with campaigns: written to SQL in a thread, in force here before the reply, announced to all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from features.audit import Author
from features.campaigns import CampaignVersion, StoredCampaign
from features.ledger.accounts import read_balances
from features.ledger.values import Balance
from features.sql.campaign_store import CampaignStore
from features.sql.engine import reading
from features.sql.place_rows import STORES
from features.sql.place_store import PlaceStore
from recommender.errors import InvalidCampaign, RecommenderError
from recommender.offers.campaign import Campaign, CampaignState, parse_campaign
from recommender.offers.campaign_cost import most_cost
from recommender.offers.campaign_life import Action
from recommender.offers.campaign_lint import Finding, find_contradictions, find_flaws, worst_first
from serving.campaigns.preview import Preview, caveats_of, measure_reach
from serving.campaigns.registry import Segments
from serving.clock import Clock, day_of
from serving.current import Current, Serving


class CampaignDesk:
    """Reads and changes campaigns. A change is committed, and holds on this worker, when its call returns."""

    def __init__(
        self,
        engine: Engine,
        segments: Segments,
        current: Current,
        announce: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._engine, self._store = engine, CampaignStore(engine)
        self._segments, self._current, self._announce, self._clock = segments, current, announce, clock

    async def read(self, campaign_id: str) -> StoredCampaign:
        """Read one campaign; raises UnknownCampaign."""
        return await asyncio.to_thread(self._store.get, campaign_id)

    async def read_page(self, state: CampaignState | None, after: str, limit: int) -> tuple[StoredCampaign, ...]:
        """Read campaigns by id."""
        return await asyncio.to_thread(self._store.read_all, state, after, limit)

    async def versions(self, campaign_id: str) -> list[CampaignVersion]:
        """All versions, the newest first; raises UnknownCampaign."""
        return await asyncio.to_thread(self._store.versions, campaign_id)

    async def create(self, campaign_id: str, definition: Mapping[str, Any], by: Author) -> StoredCampaign:
        """Keep a draft; see `CampaignStore.create`."""
        return await asyncio.to_thread(self._store.create, campaign_id, definition, by=by)

    async def replace(
        self, campaign_id: str, definition: Mapping[str, Any], if_match: int, by: Author
    ) -> StoredCampaign:
        """Put a new version in force; see `CampaignStore.replace`. An active one must have no errors."""
        stored = await self.read(campaign_id)
        if stored.state == "active":
            await self._refuse_errors(parse_campaign(campaign_id, definition))
        changed = await asyncio.to_thread(self._store.replace, campaign_id, definition, if_match=if_match, by=by)
        await self._announce()
        return changed

    async def move(
        self, campaign_id: str, action: Action, if_match: int | None, by: Author, *, coupons: bool = False
    ) -> StoredCampaign:
        """Take it one step on; see `CampaignStore.move`. What has errors does not become active."""
        if action == "activate":
            stored = await self.read(campaign_id)
            if stored.state != "active":
                await self._refuse_errors(stored.parse())
            # What was looked at is what is activated, or nothing is.
            if_match = stored.change_number if if_match is None else if_match
        moved = await asyncio.to_thread(
            self._store.move, campaign_id, action, coupons=coupons, if_match=if_match, by=by
        )
        await self._announce()
        return moved

    async def delete(self, campaign_id: str, if_match: int | None, by: Author) -> None:
        """Delete a draft; see `CampaignStore.delete`."""
        await asyncio.to_thread(self._store.delete, campaign_id, if_match=if_match, by=by)

    async def findings(self, stored: StoredCampaign) -> list[Finding]:
        """What is wrong with a campaign, errors first."""
        try:
            campaign = stored.parse()
        except RecommenderError as error:  # kept by an older release
            return [Finding(error.code, "error", error.field or "", str(error), error.remedy)]
        return await self.lint(campaign)

    async def preview(self, campaign_id: str) -> Preview:
        """Who would get it, and what it would cost at most; raises UnknownCampaign."""
        campaign = (await self.read(campaign_id)).parse()
        used, zones = await asyncio.to_thread(self._read_used, campaign)
        known, now = self._serving(), self._clock()
        reach = None if known is None else await measure_reach(campaign, known, self._segments, day_of(now))
        return Preview(
            campaign=campaign,
            products=None if known is None else len(campaign.covered.rows(known.catalogue, day_of(now))),
            reach=reach,
            cost=most_cost(campaign, zones=zones),
            cost_of_known=most_cost(campaign, None if reach is None else reach.estimate, zones),
            used=used,
            findings=await self.lint(campaign),
            caveats=caveats_of(campaign, reach),
        )

    def _serving(self) -> Serving | None:
        """What answers; None: no artifact yet."""
        return None if self._current.artifact_id is None else self._current.get()

    def _read_used(self, campaign: Campaign) -> tuple[Balance, set[ZoneInfo]]:
        with reading(self._engine) as connection:
            used = read_balances(connection, campaign.campaign_id).get(("campaign", "", ""), Balance())
        stores = [
            store
            for store in PlaceStore(self._engine).read_all(STORES)
            if campaign.stores is None or store.store_id in campaign.stores
        ]
        return used, {ZoneInfo(store.timezone) for store in stores}

    async def _refuse_errors(self, campaign: Campaign) -> None:
        errors = [finding for finding in await self.lint(campaign) if finding.severity == "error"]
        if errors:
            first, more = errors[0], f" (and {len(errors) - 1} more, see `findings`)" if len(errors) > 1 else ""
            raise InvalidCampaign(first.message + more, field=first.field, remedy=first.remedy)

    async def lint(self, campaign: Campaign) -> list[Finding]:
        """What is wrong with a campaign that can be parsed, errors first."""
        # Contradictions may take a second to find; what looks at the catalogue stays on the loop that changes it.
        impossible = await asyncio.to_thread(find_contradictions, campaign)
        known, now = self._serving(), self._clock()
        flaws = find_flaws(campaign, now, None if known is None else known.catalogue, self._segments.sizes())
        return worst_first([*impossible, *flaws])
