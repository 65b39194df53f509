"""A shop in two markets, whose laws differ, and all that it keeps of anybody."""

from pathlib import Path
from typing import Any

from redis import Redis

from features.events.drain import read_rows
from tests.integration.serving.shop import Shop

MARKETS = """
[default]
law = "eu"
currency = "EUR"
locale = "en"
[nevada]
law = "us_opt_out"
currency = "USD"
locale = "en-US"
"""


def two_markets(data_dir: Path, valkey_data_dir: Path) -> Shop:
    """A shop of its own that shares the running Valkey."""
    config = data_dir / "config"
    config.mkdir()
    (config / "markets.toml").write_text(MARKETS)
    shop = Shop(data_dir, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}", config_dir=config)
    shop.publish("a1")
    return shop


def kept(shop: Shop) -> tuple[dict[bytes, Any], list[dict[str, Any]]]:
    """All live state, and the rows that wait in the stream."""
    with Redis.from_url(str(shop.settings.redis_url)) as redis:
        live: dict[bytes, Any] = {key: redis.get(key) for key in redis.scan_iter("shopper:*")}
        entries: Any = redis.xrange("{events}")
    lines = [fields[b"events"] for _, fields in entries if b"events" in fields]
    return live, read_rows(b"\n".join(lines)).to_dicts() if lines else []
