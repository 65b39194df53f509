"""Who waits for an answer, by path: when there is more to do than can be done, the least pressing are refused first."""

from enum import IntEnum


class Caller(IntEnum):
    """Kinds of callers, the most pressing first."""

    TILL = 0  # a customer stands at the counter; money and consent
    APP = 1  # a phone in the aisle
    STOREFRONT = 2  # a page that can do without
    EVENTS = 3  # a page or an app that says what happened: nobody looks at the answer, and its library sends it again
    BATCH = 4  # a machine that comes again: mails, feeds, the back office


# By the first two parts of the path.
CALLERS = {
    "/v1/coupons": Caller.TILL, "/v1/reservations": Caller.TILL, "/v1/redemptions": Caller.TILL,
    "/v1/consents": Caller.TILL, "/v1/preferences": Caller.TILL, "/preferences": Caller.TILL, "/u": Caller.TILL,
    "/.well-known": Caller.TILL, "/v1/privacy": Caller.TILL,
    "/v1/offers": Caller.APP, "/v1/me": Caller.APP, "/v1/places": Caller.APP,
    "/v1/recommendations": Caller.STOREFRONT, "/v1/items": Caller.STOREFRONT, "/v1/basket": Caller.STOREFRONT,
    "/e": Caller.STOREFRONT,
    "/v1/track": Caller.EVENTS, "/v1/t": Caller.EVENTS, "/v1/identify": Caller.EVENTS, "/v1/i": Caller.EVENTS,
    "/v1/page": Caller.EVENTS, "/v1/p": Caller.EVENTS, "/v1/screen": Caller.EVENTS, "/v1/s": Caller.EVENTS,
    "/v1/group": Caller.EVENTS, "/v1/g": Caller.EVENTS, "/v1/alias": Caller.EVENTS, "/v1/a": Caller.EVENTS,
    "/v1/batch": Caller.BATCH, "/v1/b": Caller.BATCH, "/v1/import": Caller.BATCH, "/v1/email": Caller.BATCH,
    "/email": Caller.BATCH, "/v1/catalogue": Caller.BATCH, "/v1/placements": Caller.BATCH,
    "/v1/campaigns": Caller.BATCH, "/v1/stores": Caller.BATCH, "/v1/zones": Caller.BATCH, "/v1/beacons": Caller.BATCH,
    "/v1/decisions": Caller.BATCH, "/v1/profiles": Caller.BATCH, "/v1/audit": Caller.BATCH,
}  # fmt: skip
# Always answered: whoever operates the service has to see it and to stop it.
NEVER_REFUSED = frozenset(
    {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/redoc", "/v1/kill-switch"}
)  # fmt: skip
# Calls that do the work of hundreds of others: few of them at a time, the others wait.
BULK = frozenset({"/v1/email/blocks", "/v1/batch", "/v1/b", "/v1/import", "/v1/beacons/import", "/v1/catalogue/stock"})


def caller_of(path: str) -> Caller | None:
    """Who calls a path; None: it is always answered. A path that nobody knows is the least pressing."""
    begins = "/".join(path.split("/", 3)[:3])
    caller = CALLERS.get(begins)
    if caller is not None:
        return caller
    if begins in NEVER_REFUSED or path in NEVER_REFUSED:
        return None
    return CALLERS.get("/" + path.split("/", 2)[1] if "/" in path else path, Caller.BATCH)
