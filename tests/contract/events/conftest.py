"""What the tests of the stream and the log share."""

from pathlib import Path

import pytest

from features.online.embedded import socket_path
from features.settings import Settings


@pytest.fixture
def deployment(valkey_data_dir: Path, tmp_path: Path) -> Settings:
    """Its event log is empty, and so is its Valkey."""
    return Settings(data_dir=tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
