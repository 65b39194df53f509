"""Connections that are kept open, and the workers that have them."""

import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

from serving.worker import KEEP_ALIVE_SECONDS
from tests.integration.serve.service import Service, eventually, serving

N = 40
READYING = "tests.integration.serve.readying_app:create_app"


def connected(service: Service, stack: ExitStack) -> socket.socket:
    """A connection that was answered once, and stays open."""
    host, port = service.base.removeprefix("http://").split(":")
    opened = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
    opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
    assert opened.recv(4096).startswith(b"HTTP/1.1 200")
    return opened


def owners(service: Service, opened: list[socket.socket]) -> dict[int, int]:
    """How many of the connections each worker has, by its process id."""
    ours = {one.getsockname()[1] for one in opened}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if int(row[2].split(":")[1], 16) in ours}
    found: dict[int, int] = {}
    for pid in service.children("serving.worker"):
        links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        found[pid] = sum(link.removeprefix("socket:[").removesuffix("]") in inodes for link in links)
    return found


def test_workers_have_the_same_number_of_connections_and_one_that_is_stopped_keeps_nobody_waiting(tmp_path):
    with serving(tmp_path, RECOMMENDER_WORKERS="2") as service, ExitStack() as stack:
        opened = list[socket.socket]()

        def all_listen() -> bool:
            opened.append(connected(service, stack))
            return min(owners(service, opened).values(), default=0) > 0

        eventually(all_listen, 30)  # and from now on the later one has fewer
        while len(opened) % 2 or len(opened) < N:
            opened.append(connected(service, stack))
        shares = owners(service, opened)
        assert sum(shares.values()) == len(opened)
        assert max(shares.values()) - min(shares.values()) <= N / 4

        stopped = min(shares, key=shares.__getitem__)
        os.kill(stopped, signal.SIGSTOP)
        began = monotonic()
        more = [connected(service, stack) for _ in range(N)]
        assert owners(service, more)[stopped] == 0
        assert monotonic() - began < 10
        os.kill(stopped, signal.SIGCONT)

        newest = [connected(service, stack) for _ in range(N)]
        assert owners(service, newest)[stopped] > N / 2  # which has fewer by as many


def test_a_connection_stays_open_between_requests_for_longer_than_those_before_the_service_keep_it(tmp_path):
    assert KEEP_ALIVE_SECONDS > 60  # as load balancers and pools do
    with serving(tmp_path) as service, ExitStack() as stack:
        opened = connected(service, stack)
        sleep(6.0)  # it was 5
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        assert opened.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_worker_that_is_not_ready_leaves_connections_to_those_that_are(tmp_path):
    with (
        serving(tmp_path, READYING, RECOMMENDER_WORKERS="2", RECOMMENDER_DRAIN="false") as service,
        ExitStack() as stack,
    ):
        workers = eventually(lambda: len(found := service.children("serving.worker")) == 2 and found)
        (tmp_path / f"ready-{workers[1]}").touch()

        def the_ready_one_has_it() -> bool:
            return owners(service, [connected(service, stack)])[workers[1]] == 1

        eventually(the_ready_one_has_it, 30)
        opened = [connected(service, stack) for _ in range(N)]
        assert owners(service, opened)[workers[1]] > 0.7 * N
        (tmp_path / f"ready-{workers[0]}").touch()
        eventually(lambda: owners(service, [connected(service, stack)])[workers[0]] == 1, 30)
        assert owners(service, [connected(service, stack) for _ in range(N)])[workers[0]] > N / 2
