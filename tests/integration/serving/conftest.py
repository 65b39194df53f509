"""The shop with a till, on either database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from features.online.embedded import socket_path
from tests.integration.serving.desk import Desk


@pytest.fixture
def desk(valkey_data_dir: Path, tmp_path: Path, database_url: str) -> Iterator[Desk]:
    desk = Desk(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}", database_url=database_url)
    yield desk
    desk.engine.dispose()
