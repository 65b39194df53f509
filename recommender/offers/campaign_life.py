"""The life of a campaign: draft, active, paused, ended; and what each step means."""

from typing import Literal

from recommender.errors import Conflict
from recommender.offers.campaign import CampaignState

Action = Literal["activate", "pause", "end", "kill"]

# From which states an action leads where. Nothing leads out of ended.
STEPS: dict[Action, tuple[frozenset[CampaignState], CampaignState]] = {
    "activate": (frozenset({"draft", "paused"}), "active"),
    "pause": (frozenset({"active"}), "paused"),
    "end": (frozenset({"draft", "active", "paused"}), "ended"),
    "kill": (frozenset({"draft", "active", "paused"}), "ended"),
}


def next_state(state: CampaignState, action: Action) -> CampaignState:
    """Where an action leads; to where the campaign is already, too. Raises Conflict where it cannot be done."""
    before, after = STEPS[action]
    if state != after and state not in before:
        raise Conflict(
            f"The campaign is {state}, so `{action}` cannot be done.",
            remedy="Make a new campaign." if state == "ended" else "Activate it first.",
        )
    return after
