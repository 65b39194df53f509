"""Real servers for the tests: one per test process, emptied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from features.online.embedded import EmbeddedValkey

# A busy machine stalls single examples: properties carry no time limit.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A running Valkey; tests that write to it ask for `valkey_data_dir`."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_data_dir(valkey: EmbeddedValkey) -> Path:
    """A data folder whose embedded Valkey runs and is empty."""
    with Redis(unix_socket_path=str(valkey.socket)) as redis:
        redis.flushall()
    return valkey.folder.parent
