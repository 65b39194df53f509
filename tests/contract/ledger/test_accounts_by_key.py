"""What one coupon costs must not grow with the coupons that its campaign has had."""

from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import Engine, event

from features.ledger.accounts import DIMENSIONS, NAMED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_finds_accounts_by_the_key_and_reads_no_whole_campaign(engine: Engine) -> None:
    asked: dict[str, Collection[str]] = {
        "campaigns": ["a", "b"], "dimensions": DIMENSIONS, "members": ["", "ann", "phone"], "days": ["2026-11-01"],
    }  # fmt: skip
    sent: list[Any] = []
    event.listen(engine, "before_cursor_execute", lambda *said: sent.append(said[2:4]))
    with engine.connect() as connection:
        NAMED.rows(connection, asked)
        [(text, parameters)] = [one for one in sent if "ledger_accounts" in one[0]]
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)]
    assert not any("SCAN ledger" in step for step in plan)
    assert plan[0].endswith("(campaign_id=? AND dimension=? AND member=?)")
