"""Campaigns as JSON."""

from collections.abc import Iterable
from dataclasses import asdict

from features.campaigns import StoredCampaign
from recommender.offers.campaign_cost import Bound
from recommender.offers.campaign_lint import Finding
from serving.campaigns.preview import Preview, Reach

STANDING = ("campaign_id", "state", "killed", "version")


def etag_of(stored: StoredCampaign) -> str:
    """It differs after every change."""
    return f'"{stored.change_number}"'


def summary_reply(stored: StoredCampaign) -> dict[str, object]:
    """A campaign in a list."""
    said = {name: stored.definition.get(name, "") for name in ("title", "group", "valid_from", "valid_until")}
    standing = {name: getattr(stored, name) for name in (*STANDING, "changed_at")}
    return {**standing, "etag": etag_of(stored), **said}


def campaign_reply(stored: StoredCampaign, findings: Iterable[Finding]) -> dict[str, object]:
    """One campaign, whole."""
    names = (*STANDING, "made_at", "changed_at", "definition")
    return {
        **{name: getattr(stored, name) for name in names},
        "etag": etag_of(stored),
        "findings": [asdict(finding) for finding in findings],
    }


def preview_reply(preview: Preview) -> dict[str, object]:
    """Who would get it, and what it would cost."""
    return {
        "campaign_id": preview.campaign.campaign_id,
        "version": preview.campaign.version,
        "products": preview.products,
        "reach": None if preview.reach is None else _reach(preview.reach),
        "coupons": _bound(preview.cost.coupons),
        "money": _bound(preview.cost.money),
        "money_of_known": _bound(preview.cost_of_known.money),
        "currency": preview.campaign.currency,
        "used": asdict(preview.used),
        "caveats": preview.caveats,
        "findings": [asdict(finding) for finding in preview.findings],
    }


def _reach(reach: Reach) -> dict[str, int]:
    return {
        "known_shoppers": reach.known,
        "looked_at": reach.looked_at,
        "eligible": reach.eligible,
        "unknown": reach.unknown,
        "eligible_of_all": reach.estimate,
    }


def _bound(bound: Bound) -> dict[str, object]:
    return {"most": bound.most, "field": bound.field}
