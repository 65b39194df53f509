"""A shop with keys, for tests that walk all that the service offers."""

from pathlib import Path

import pytest

from tests.integration.serving.test_access import GuardedShop


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> GuardedShop:
    shop = GuardedShop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop
