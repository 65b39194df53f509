"""Where something of a person is kept, what for, and until when; docs/privacy.md says it to people, a test compares."""

from dataclasses import dataclass

from features.definitions import KEPT_FOR


@dataclass(frozen=True, slots=True)
class Place:
    """One place where personal data is.

    Attributes:
        holds: what of a person.
        purpose: what for.
        kept: until when.
        erased: how an erasure takes it out.
    """

    holds: str
    purpose: str
    kept: str
    erased: str


PLACES: dict[str, Place] = {
    "events": Place(
        "what they did, with the identifiers it came with",
        "personalisation and analytics within their consent; order lines also for the accounts",
        "until erased",
        "rows removed; order lines kept under no name, in the hour they were made",
    ),
    "stream": Place(
        "events not yet in the log", "the same", "seconds", "moved into the log, without the person"
    ),
    "live_state": Place(
        "their latest events and places, what placements that rotate showed of late", "the next recommendation",
        f"{KEPT_FOR.days} days after the last event", "deleted",
    ),
    "presence": Place(
        "which beacons their devices heard in the last minutes, and the stores they were in",
        "offers where they stand", "6 hours after the last; at once when consent is withdrawn", "deleted",
    ),
    "traces": Place("how a list for them came about", "explaining a list", "an hour", "deleted"),
    "histories": Place(
        "what they bought, and how many coupons they redeemed, until the last training", "personalisation",
        "until five newer artifacts are published", "taken out of every artifact",
    ),
    "sessions": Place(
        "in an artifact, what they looked at in one visit and in which order; not whose it was, nor when",
        "recommending what others looked at next", "until five newer artifacts are published",
        "stays: nothing tells whose it was; the next training leaves it out",
    ),
    "dead_letters": Place("events that did not fit, as sent", "finding faults", "30 days", "blanked"),
    "exports": Place("answers to access requests", "answering the person", "7 days", "deleted"),
    "table identifiers": Place("their identifiers", "knowing them again", "until erased", "deleted"),
    "table identity_edges": Place("which of them belong together", "the same", "until erased", "deleted"),
    "table identity_merges": Place("when and why they were linked", "taking it back", "until erased", "deleted"),
    "table profile_traits": Place("what the shop noted of them", "personalisation", "until erased", "deleted"),
    "table consent_entries": Place(
        "what they allowed", "proof of consent", "until erased", "moved to erased_consents, which names nobody"
    ),
    "table preference_entries": Place(
        "topics, channels and frequency they chose", "writing to them as they wish", "until erased", "deleted"),
    "table segment_members": Place("which segments they are in", "offers for a segment", "until erased", "deleted"),
    "table email_blocks": Place(
        "which products their mails showed, and how; with an offer their age, if the caller vouched for it",
        "the same mail however often it is asked for; links in it",
        "120 days, or as RECOMMENDER_MAIL_DAYS says", "deleted",
    ),
    "table email_swaps": Place(
        "what took the place of what was sold out when they opened a mail", "a click leads to what was shown",
        "as long as the mail", "deleted",
    ),
    "table privacy_requests": Place(
        "what they asked for by right", "answering and proving it", "always", "the names in it are taken out"
    ),
    "table suppressions": Place(
        "keyed digests of erased or restricted identifiers", "that they do not come back", "until lifted", "stays"
    ),
    "table erased_consents": Place(
        "what somebody under a keyed digest had allowed", "proof of consent", "always", "stays"
    ),
}  # fmt: skip

# Tables that name no shopper: facts of the shop; and records of money and of who changed what, which know shoppers by
# keyed digests alone.
IMPERSONAL = frozenset(
    {
        "change_counter", "items", "imports", "staged_items", "stores", "zones", "beacons", "store_stock",
        "placements", "keys",
        "allowances", "coupon_terms", "shared_codes", "ledger_accounts", "ledger_entries", "coupons", "reservations",
        "redemptions", "ledger_kin", "idempotency_keys", "coupon_keys", "audit_entries", "webhooks", "parked_messages",
        "campaigns", "campaign_versions", "halts", "segments", "contacts", "email_specs",
    }
)  # fmt: skip
