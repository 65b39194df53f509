"""What one coupon costs must not grow with the coupons that its campaign has had."""

import pytest
from sqlalchemy import Engine, text

from features.ledger.accounts import NAMED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_finds_accounts_by_the_key_and_reads_no_whole_campaign(engine: Engine) -> None:
    named = NAMED.params(campaigns=["a", "b"], members=["", "ann", "phone"], days=["2026-11-01"])
    query = named.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert not any("SCAN ledger" in step for step in plan)
    assert plan[0].endswith("(campaign_id=? AND dimension=? AND member=?)")
