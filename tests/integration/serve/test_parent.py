import fcntl
import socket
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
from redis import Redis

from features.online.embedded import find_valkey
from features.settings import Settings
from recommender.errors import InvalidInput, StoreUnavailable
from serving.parent import serve
from tests.integration.serve.service import eventually


@pytest.fixture(params=[("no", "always", "no append-only file"), ("yes", "everysec", "syncs")])
def lossy_redis(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """URL of a Valkey whose append-only file is missing or late, and what is said of it."""
    keeps, syncs, says = request.param
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        command = [str(find_valkey()), "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        command += ["--appendonly", keeps, "--appendfsync", syncs]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with Redis(unix_socket_path=path) as redis:
            eventually(redis.ping)
        yield f"unix://{path}", says
        process.kill()
        process.wait()


def test_a_second_service_on_the_same_data_is_refused(tmp_path):
    with (tmp_path / "serve.lock").open("a") as held_by_the_first:
        fcntl.flock(held_by_the_first, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another `recommender serve` runs on the data folder"):
            serve(Settings(data_dir=tmp_path, port=0))


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port}: Address already in use"):
            serve(Settings(data_dir=tmp_path, port=port))


def test_a_redis_that_could_lose_events_is_refused(tmp_path, lossy_redis):
    url, says = lossy_redis
    with pytest.raises(StoreUnavailable, match=says):
        serve(Settings(data_dir=tmp_path, port=0, redis_url=url))
