"""What became of the coupons that were issued, for those who learn from it."""

import polars as pl
from sqlalchemy import Connection, and_, or_, select

from features.offline.purchases import day_of
from features.sql.tables.ledger import coupons, ledger_entries, redemptions

OUTCOMES = {"coupon_id": pl.String(), "campaign_id": pl.String(), "shopper": pl.String(), "store_id": pl.String()}
DAYS = ("issued_day", "ends_day", "redeemed_day", "taken_back_day")


def read_outcomes(connection: Connection) -> pl.DataFrame:
    """Coupons that somebody was offered, each once, by id.

    Those that a till made of a shared code were offered to nobody, and those that were voided unused (the offer was
    never shown) reached nobody: both are left out, and so are those of no known holder.

    Out: OUTCOMES, where `shopper` is the holder's digest; and DAYS f64, since 1970-01-01 UTC: when it was issued, the
         end of its validity, its last redemption and when that was taken back in full; infinite: never.
    """
    rolled_back = and_(
        ledger_entries.c.redemption_id == redemptions.c.redemption_id,
        ledger_entries.c.campaign_id == redemptions.c.campaign_id,
        ledger_entries.c.kind == "rollback",
        ledger_entries.c.count == 1,
    )
    query = (
        select(
            *(coupons.c[name] for name in OUTCOMES),
            coupons.c.issued_at,
            coupons.c.valid_until,
            redemptions.c.redeemed_at,
            ledger_entries.c.made_at,
        )
        .join_from(coupons, redemptions, redemptions.c.coupon_id == coupons.c.coupon_id, isouter=True)
        .join(ledger_entries, rolled_back, isouter=True)
        .where(coupons.c.shopper != "", ~coupons.c.shared)
        .where(or_(coupons.c.state != "voided", redemptions.c.redemption_id.is_not(None)))
        .order_by(coupons.c.coupon_id, redemptions.c.redeemed_at)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    found = pl.DataFrame(rows, schema={**OUTCOMES, **dict.fromkeys(DAYS, pl.String())}, orient="row")
    return (
        found.unique("coupon_id", keep="last", maintain_order=True)
        .with_columns(pl.col(DAYS).str.to_datetime("%+", time_unit="us", time_zone="UTC"))
        .with_columns(day_of(name).fill_null(float("inf")).alias(name) for name in DAYS)
    )
