"""A worker of `serve`: answers on a socket that its parent listens on."""

import gc
import socket
import sys

import uvicorn

from features.settings import read_settings
from serving.accepting import Connections, FairServer
from serving.logs import configure_logs

GRACE_SECONDS = 10
# That a connection may be idle: longer than load balancers and pools of clients keep one, mostly 60 s, so that they are
# those who close it. Who sends on one that the other side is just closing never learns what became of the request.
KEEP_ALIVE_SECONDS = 75
# How long a thread that computes keeps one waiting that has had its answer from SQLite: 5 ms by default, and there are
# fifteen answers in an offer.
SWITCH_SECONDS = 0.0001


def main(application: str, listener: int, connections: int, worker: int) -> None:
    """Answer until asked to end; requests under way are finished.

    Args:
        application: "module:factory".
        listener: descriptor of the socket that all workers listen on.
        connections: descriptor of the file in which they count theirs.
        worker: number of this one, from 0.
    """
    configure_logs(read_settings())
    config = uvicorn.Config(
        application,
        factory=True,
        loop="uvloop",
        ws="none",
        access_log=False,
        log_config=None,  # what it logs goes where our own does
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # the application itself believes the proxies that the settings name
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()  # modules are here to stay: to look for garbage among them is a third of the time it takes to start
    config.load()
    gc.freeze()
    gc.enable()
    FairServer(config, socket.socket(fileno=listener), Connections(connections, worker)).run()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
