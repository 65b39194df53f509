"""Decisions on offers, as the event log has them."""

from typing import Any

import orjson
import polars as pl

from features.events.log import scan_events
from features.events.schema import OFFER_DECIDED
from features.settings import Settings
from recommender.errors import UnknownDecision


def read_decision(settings: Settings, decision_id: str) -> dict[str, Any]:
    """The record of one decision; raises UnknownDecision where the log has none of this id (yet)."""
    wanted = (pl.col("event") == OFFER_DECIDED) & (pl.col("event_id") == decision_id)
    found = scan_events(settings, synthetic=True).filter(wanted).select("properties").collect()
    if not len(found):
        raise UnknownDecision(
            f"The event log has no decision {decision_id[:40]!r}.", field="decision",
            remedy="Check the id; a decision is in the log once it is drained (`recommender drain`).",
        )  # fmt: skip
    return orjson.loads(found.item(0, "properties"))
