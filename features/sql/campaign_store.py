"""Campaigns in SQL. Each call is one transaction: the campaign, the ledger's allowance and the audit trail."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from features.audit import SYSTEM, Author, Entry
from features.campaigns import CampaignVersion, StoredCampaign, allowance_of
from features.ledger.allowing import allow
from features.ledger.books import lock_campaigns
from features.sql.audit_store import append_audit
from features.sql.campaign_rows import read_campaigns, stored_campaigns
from features.sql.engine import Write, reading, writing
from features.sql.tables.campaigns import campaign_versions, campaigns
from features.sql.tables.ledger import allowances
from recommender.errors import ChangedMeanwhile, Conflict, UnknownCampaign
from recommender.offers.campaign import CampaignState, parse_campaign
from recommender.offers.campaign_life import Action, next_state

C, V = campaigns.c, campaign_versions.c


class CampaignStore:
    """Campaigns by their id. What is written was parsed; who activates one has looked at its findings before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, campaign_id: str) -> StoredCampaign:
        """Read one campaign; raises UnknownCampaign."""
        with reading(self._engine) as connection:
            return _get(connection, campaign_id)

    def read_all(
        self, state: CampaignState | None = None, after: str = "", limit: int | None = None
    ) -> tuple[StoredCampaign, ...]:
        """Read campaigns of a state (None: of any) with ids after `after`, by id, up to a limit."""
        query = stored_campaigns().where(C.campaign_id > after).order_by(C.campaign_id).limit(limit)
        with reading(self._engine) as connection:
            return read_campaigns(connection, query if state is None else query.where(C.state == state))

    def versions(self, campaign_id: str) -> list[CampaignVersion]:
        """All versions of a campaign, the newest first; raises UnknownCampaign."""
        query = select(V.version, V.definition, V.made_at, V.actor).where(V.campaign_id == campaign_id)
        with reading(self._engine) as connection:
            found = [CampaignVersion(*row) for row in connection.execute(query.order_by(V.version.desc()))]
        if not found:
            raise _unknown(campaign_id)
        return found

    def create(self, campaign_id: str, definition: Mapping[str, Any], *, by: Author = SYSTEM) -> StoredCampaign:
        """Keep a new draft; created again as it is, it stays. Raises Conflict where the id is taken by another."""
        parse_campaign(campaign_id, definition)
        with writing(self._engine) as write:
            known = read_campaigns(write.connection, stored_campaigns().where(C.campaign_id == campaign_id))
            if known and known[0].definition == definition:
                return known[0]
            if known:
                raise Conflict(
                    f"There is a campaign {campaign_id!r} already.", field="campaign_id",
                    remedy="Choose another id, or replace it with PUT and its ETag in If-Match.",
                )  # fmt: skip
            now = _now()
            row = {"campaign_id": campaign_id, "state": "draft", "killed": "", "version": 1}
            changed = {"made_at": now, "changed_at": now, "change_number": write.change_number}
            write.connection.execute(insert(campaigns).values(**row, **changed))
            _append_version(write.connection, campaign_id, 1, definition, by)
            append_audit(write.connection, Entry(by, "campaigns.create", "campaign", campaign_id))
            return _get(write.connection, campaign_id)

    def replace(
        self, campaign_id: str, definition: Mapping[str, Any], *, if_match: int, by: Author = SYSTEM
    ) -> StoredCampaign:
        """Put a new version in force; coupons that were issued keep the terms of theirs.

        Raises:
            UnknownCampaign, InvalidCampaign, InvalidRule.
            ChangedMeanwhile: the campaign's change number is not `if_match`.
            Conflict: it has ended.
            InvalidInput: currency or time zone of a campaign that was active already.
        """
        parse_campaign(campaign_id, definition)
        with writing(self._engine) as write:
            stored = _get(write.connection, campaign_id, if_match)
            if stored.state == "ended":
                raise Conflict("The campaign has ended.", remedy="Make a new campaign.")
            version = stored.version + 1
            _append_version(write.connection, campaign_id, version, definition, by)
            changed = _change(write, replace(stored, version=version, definition=definition))
            if stored.state != "draft":
                allow(write.connection, allowance_of(changed))
            append_audit(
                write.connection, Entry(by, "campaigns.replace", "campaign", campaign_id, {"version": version})
            )
            return changed

    def move(
        self,
        campaign_id: str,
        action: Action,
        *,
        coupons: bool = False,
        if_match: int | None = None,
        by: Author = SYSTEM,
    ) -> StoredCampaign:
        """Take a campaign one step on; what is so already stays.

        Args:
            coupons: of `kill`: coupons that were issued are not redeemed any more either.
            if_match: the change number that the caller has seen; None: any.

        Raises:
            UnknownCampaign, ChangedMeanwhile.
            Conflict: the step leads out of no state that the campaign is in.
        """
        with writing(self._engine) as write:
            stored = _get(write.connection, campaign_id, if_match)
            state, killed = next_state(stored.state, action), stored.killed
            if action == "kill":
                killed = "coupons" if coupons or killed == "coupons" else "offers"
            if (state, killed) == (stored.state, stored.killed):
                return stored
            changed = _change(write, replace(stored, state=state, killed=killed))
            if state == "active":
                allow(write.connection, allowance_of(changed))
            else:
                _stop(write.connection, changed)
            details = {"version": stored.version} | ({"killed": killed} if killed else {})
            append_audit(write.connection, Entry(by, f"campaigns.{action}", "campaign", campaign_id, details))
            return changed

    def delete(self, campaign_id: str, *, if_match: int | None = None, by: Author = SYSTEM) -> None:
        """Delete a draft; raises UnknownCampaign, ChangedMeanwhile, or Conflict for what was active ever."""
        with writing(self._engine) as write:
            stored = _get(write.connection, campaign_id, if_match)
            if stored.state != "draft":
                raise Conflict(f"The campaign is {stored.state}: only a draft can be deleted.", remedy="End it.")
            write.connection.execute(delete(campaigns).where(C.campaign_id == campaign_id))
            append_audit(write.connection, Entry(by, "campaigns.delete", "campaign", campaign_id))


def _change(write: Write, changed: StoredCampaign) -> StoredCampaign:
    now = _now()
    write.connection.execute(
        update(campaigns)
        .where(C.campaign_id == changed.campaign_id)
        .values(
            state=changed.state, killed=changed.killed, version=changed.version, changed_at=now,
            change_number=write.change_number,
        )
    )  # fmt: skip
    return replace(changed, changed_at=now, change_number=write.change_number)


def _stop(connection: Connection, stopped: StoredCampaign) -> None:
    """Let the ledger issue nothing more; it asks nothing of the definition, so that nothing can be in its way."""
    lock_campaigns(connection, [stopped.campaign_id])
    state = "killed" if stopped.killed == "coupons" else "closed"
    connection.execute(update(allowances).where(allowances.c.campaign_id == stopped.campaign_id).values(state=state))


def _get(connection: Connection, campaign_id: str, if_match: int | None = None) -> StoredCampaign:
    found = read_campaigns(connection, stored_campaigns().where(C.campaign_id == campaign_id))
    if not found:
        raise _unknown(campaign_id)
    if if_match is not None and found[0].change_number != if_match:
        raise ChangedMeanwhile(
            f"Campaign {campaign_id!r} was changed after you read it.",
            field="if-match",
            remedy="Read it again and repeat the change with its new ETag.",
        )
    return found[0]


def _append_version(
    connection: Connection, campaign_id: str, version: int, definition: Mapping[str, Any], by: Author
) -> None:
    row = {"campaign_id": campaign_id, "version": version, "definition": dict(definition)}
    connection.execute(insert(campaign_versions).values(**row, made_at=_now(), actor=by.actor))


def _unknown(campaign_id: str) -> UnknownCampaign:
    return UnknownCampaign(
        f"There is no campaign {campaign_id!r}.", field="campaign_id", remedy="GET /v1/campaigns lists those there are."
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
