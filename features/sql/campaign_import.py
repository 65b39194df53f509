"""Many campaigns at once, with the states that they are in: how a data set comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from features.audit import SYSTEM, Author, Entry
from features.campaigns import StoredCampaign, allowance_of
from features.ledger.allowing import allow
from features.sql.audit_store import append_audit
from features.sql.engine import writing
from features.sql.tables.campaigns import campaign_versions, campaigns
from recommender.offers.campaign import CampaignState

Stated = tuple[str, CampaignState, Mapping[str, Any]]  # id, state, definition, which was parsed


def import_campaigns(engine: Engine, stated: Sequence[Stated], *, by: Author = SYSTEM) -> int:
    """Keep campaigns whose ids are new, in one transaction; those known stay. Returns how many were new."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    with writing(engine) as write:
        known = set(write.connection.execute(select(campaigns.c.campaign_id)).scalars())
        new = [
            StoredCampaign(
                campaign_id=campaign_id, state=state, killed="", version=1, definition=definition,
                made_at=now, changed_at=now, change_number=write.change_number,
            )
            for campaign_id, state, definition in stated
            if campaign_id not in known
        ]  # fmt: skip
        if not new:
            return 0
        rows = [{name: value for name, value in asdict(one).items() if name != "definition"} for one in new]
        versions = [
            {"campaign_id": one.campaign_id, "version": 1, "definition": one.definition, "made_at": now,
             "actor": by.actor} for one in new
        ]  # fmt: skip
        write.connection.execute(insert(campaigns), rows)
        write.connection.execute(insert(campaign_versions), versions)
        for one in new:
            if one.state == "active":
                allow(write.connection, allowance_of(one))
        append_audit(write.connection, Entry(by, "campaigns.import", "campaigns", details={"rows": len(new)}))
        return len(new)
