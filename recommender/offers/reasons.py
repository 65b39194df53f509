"""Why no offer is made: a closed list, part of the API."""

from enum import StrEnum


class NoOffer(StrEnum):
    """One reason each; docs/offers.md says them to people."""

    NO_CONSENT = "no_consent"
    UNKNOWN_BEACON = "unknown_beacon"
    STALE_SIGHTING = "stale_sighting"
    DWELL_NOT_MET = "dwell_not_met"
    IMPLAUSIBLE_MOVEMENT = "implausible_movement"
    FREQUENCY_CAP = "frequency_cap"
    COOLDOWN = "cooldown"
    QUIET_HOURS = "quiet_hours"
    FATIGUE = "fatigue"
    BUDGET_EXHAUSTED = "budget_exhausted"
    NOT_ELIGIBLE = "not_eligible"
    NO_RELEVANT_OFFER = "no_relevant_offer"
    HOLDOUT = "holdout"
    RECENTLY_BOUGHT = "recently_bought"
    OUT_OF_STOCK = "out_of_stock"
    STORE_CLOSED = "store_closed"
    POLICY_NO_OFFER = "policy_no_offer"
    KILLED = "killed"
