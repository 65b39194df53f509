"""The small shop with coupons: every third shopper redeems those for many items, the others almost nothing."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from features.audit import SYSTEM
from features.events.log import write_events
from features.events.schema import COUPON_REDEEMED
from features.settings import Settings
from features.sql.campaign_import import Stated, import_campaigns
from features.sql.engine import open_engine
from features.sql.segment_store import SegmentStore
from tests.unit.training.small_shop import N_ITEMS, START, events, open_shop, orders

N_USERS, N_SENDINGS, N_COUPONS = 24, 8, 4
SEND_EVERY, LASTS = timedelta(days=9), timedelta(days=8)


def started_at(sending: int) -> datetime:
    return START + timedelta(days=20) + sending * SEND_EVERY


def open_coupon_shop(folder: Path) -> Settings:
    """A data folder with orders, campaigns and redemptions."""
    settings = open_shop(folder, orders(n_users=N_USERS, n_days=95), consenting=N_USERS)
    engine = open_engine(settings)
    segments, campaigns = SegmentStore(engine), list[Stated]()
    rng, redeemed = np.random.default_rng(5), list[dict[str, object]]()
    for sending in range(N_SENDINGS):
        group, users = f"g{sending}", [f"u{user}" for user in range(N_USERS) if (user + sending) % 4]
        segments.put(group, users)
        for coupon in range(N_COUPONS):
            items = [f"i{row}" for row in rng.choice(N_ITEMS, 3 + 20 * (coupon % 2), replace=False)]
            campaign_id = f"{group}-{coupon}"
            campaigns.append((campaign_id, "active", definition(group, items, started_at(sending))))
            for user in users:
                likes = coupon % 2 == 1 and int(user[1:]) % 3 == 0
                if rng.random() < (0.6 if likes else 0.02):
                    redeemed.append(redemption(user, campaign_id, started_at(sending) + timedelta(days=3)))
    import_campaigns(engine, campaigns, by=SYSTEM)
    write_events(settings, events(redeemed), "redeemed")
    engine.dispose()
    return settings


def definition(group: str, items: list[str], start: datetime) -> dict[str, object]:
    return {
        "title": group, "group": group, "currency": "EUR", "timezone": "UTC", "items": sorted(items),
        "discount": {"kind": "amount", "amount": 50}, "budget": {"money": 10_000},
        "valid_from": start.replace(tzinfo=None).isoformat(),
        "valid_until": (start + LASTS).replace(tzinfo=None).isoformat(),
    }  # fmt: skip


def redemption(user: str, campaign_id: str, at: datetime) -> dict[str, object]:
    return {
        "event_id": f"{campaign_id}-{user}", "line": 0, "event": COUPON_REDEEMED, "user_id": user, "synthetic": False,
        "occurred_at": at, "received_at": at,
        "properties": f'{{"campaign_id":"{campaign_id}","coupon_id":"{campaign_id}-{user}"}}',
    }  # fmt: skip
