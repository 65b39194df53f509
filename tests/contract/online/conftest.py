"""The stores of live state on both kinds of Redis: a single server, and a cluster of three nodes."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from features.online.embedded import end_with_parent, find_valkey
from features.settings import Settings

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))
DEADLINE_SECONDS = 30.0


def free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


def start_node(folder: Path, port: int, bus_port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    options = {
        "port": port, "cluster-port": bus_port, "bind": "127.0.0.1", "dir": folder, "logfile": "valkey.log", "save": "",
        "appendonly": "yes", "appendfsync": "always", "cluster-enabled": "yes", "cluster-node-timeout": 5000,
    }  # fmt: skip
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return subprocess.Popen([find_valkey(), *arguments], stdout=subprocess.DEVNULL, preexec_fn=end_with_parent())


def join(ports: list[int], bus_ports: list[int]) -> None:
    """Give each node its slots, let them meet, and wait until all agree."""
    nodes = [Redis(port=port) for port in ports]
    end = time.monotonic() + DEADLINE_SECONDS
    for epoch, (node, slots) in enumerate(zip(nodes, SLOTS, strict=True), start=1):
        wait_until(node, ("ok", "fail"), end)
        node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
    for port, bus_port in list(zip(ports, bus_ports, strict=True))[1:]:
        nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus_port)
    for node in nodes:
        wait_until(node, ("ok",), end)
        node.close()


def wait_until(node: Redis, states: tuple[str, ...], end: float) -> None:
    """Wait until the node answers, and sees the cluster in one of the states."""
    while time.monotonic() < end:
        try:
            if node.cluster("INFO")["cluster_state"] in states:
                return
        except RedisError:
            pass  # it is not up yet
        time.sleep(0.02)
    raise TimeoutError(f"the cluster is not {states}")


@pytest.fixture(scope="session")
def cluster_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a node of a running cluster."""
    folder = tmp_path_factory.mktemp("cluster")
    ports = free_ports(6)
    nodes = [start_node(folder / str(n), ports[n], ports[n + 3]) for n in range(3)]
    try:
        join(ports[:3], ports[3:])
        yield ports[0]
    finally:
        for node in nodes:
            node.terminate()
            node.wait()


@pytest.fixture(params=["one server", "cluster"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a deployment whose Redis runs; what other tests left in it, the test removes."""
    if request.param == "one server":
        return Settings(data_dir=request.getfixturevalue("valkey_data_dir"))
    port = request.getfixturevalue("cluster_port")
    return Settings(data_dir=tmp_path, redis_url=f"redis+cluster://127.0.0.1:{port}")
