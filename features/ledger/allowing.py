"""Telling the ledger what a campaign may spend."""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update

from features.ledger.books import Allowed, lock_campaigns
from features.ledger.shared_codes import keep_shared_code
from features.ledger.values import Allowance
from features.sql.tables.halts import halts
from features.sql.tables.ledger import allowances, coupon_terms
from recommender.errors import InvalidInput

HALTED = select(halts.c.number).where(halts.c.lifted_at.is_(None)).exists()


def allow(connection: Connection, allowance: Allowance) -> None:
    """State what a campaign may spend from the commit of this transaction on.

    A limit may be lowered under what is used already: then nothing more is issued.

    Raises:
        InvalidInput: time zone or currency differ from the first; the version's terms do; the time zone is unknown; or
            the code is another open campaign's.
    """
    kept = lock_campaigns(connection, [allowance.campaign_id]).get(allowance.campaign_id)
    _check(allowance, kept)
    if kept is not None:
        changed = {"version": allowance.version, "state": allowance.state, "limits": allowance.limits()}
        connection.execute(
            update(allowances).where(allowances.c.campaign_id == allowance.campaign_id).values(**changed)
        )
    else:
        connection.execute(
            insert(allowances).values(
                campaign_id=allowance.campaign_id, version=allowance.version, state=allowance.state,
                timezone=allowance.timezone, currency=allowance.currency, limits=allowance.limits(),
                halted=HALTED,
            )
        )  # fmt: skip
    _keep_terms(connection, allowance)
    keep_shared_code(connection, allowance)


def _check(allowance: Allowance, kept: Allowed | None) -> None:
    if kept is not None:
        for name in ("timezone", "currency"):
            if getattr(kept, name) != getattr(allowance, name):
                raise InvalidInput(
                    f"The {name} of campaign {allowance.campaign_id} is {getattr(kept, name)} and cannot change.",
                    field=name,
                    remedy="Make a new campaign.",
                )
    try:
        ZoneInfo(allowance.timezone)
    except (ValueError, KeyError, OSError):
        raise InvalidInput(
            f"There is no time zone {allowance.timezone!r}.", field="timezone", remedy="Send one as Europe/Vienna."
        ) from None


def _keep_terms(connection: Connection, allowance: Allowance) -> None:
    this = (coupon_terms.c.campaign_id == allowance.campaign_id) & (coupon_terms.c.version == allowance.version)
    kept = connection.execute(select(coupon_terms.c.terms).where(this)).scalar_one_or_none()
    if kept is None:
        values = {"campaign_id": allowance.campaign_id, "version": allowance.version, "terms": dict(allowance.terms)}
        connection.execute(insert(coupon_terms).values(**values))
    elif kept != dict(allowance.terms):
        raise InvalidInput(
            f"Version {allowance.version} of campaign {allowance.campaign_id} has other terms already.",
            field="version",
            remedy="Give changed terms a version of their own.",
        )
