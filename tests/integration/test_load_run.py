"""`make load`, for two seconds: the real service, all callers, the page, the verdict."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.events.log import write_events
from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED
from loadtests.load import main
from tests.integration.serving.shop import Shop


def test_a_steady_load_is_answered_and_a_broken_threshold_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shop = Shop(data)
    shop.publish("a1")
    now = datetime.now(UTC)
    rows = [
        {"event_id": f"o{order}", "line": line, "event": ORDER_COMPLETED, "order_id": f"o{order}", "price": 199,
         "user_id": f"u{order}", "item_id": f"i{order + line}", "synthetic": False, "occurred_at": now,
         "received_at": now}
        for order in range(30) for line in range(3)
    ]  # fmt: skip
    write_events(shop.settings, pl.DataFrame(rows, schema=EVENT_COLUMNS), "import-orders")
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text("[steady]\nfailures = 0.0\np99_ms = { recommendations = 0.001 }\n")
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(data))
    arguments = ["steady", "--rate", "30", "--seconds", "2", "--workers", "1", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--thresholds", str(thresholds)]) == 1
    said = capsys.readouterr().out
    assert "share of the calls that failed │ 0 " in said
    assert "BROKEN" in said
    page = (tmp_path / "out" / "steady" / "index.html").read_text()
    for kind in ("recommendations home", "events", "offers", "worker-1", "valkey", "A threshold was broken."):
        assert kind in page
    assert page.count("<svg") == 7
    assert "First answers that were no 2xx" not in page
